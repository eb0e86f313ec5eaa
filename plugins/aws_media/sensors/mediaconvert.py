"""Wait for MediaConvert jobs that somebody else started."""

from __future__ import annotations

from typing import Any

from aws_media.hooks.mediaconvert import MediaConvertHook
from aws_media.sensors.paid_job import PaidJobSensor
from aws_media.triggers.mediaconvert import MediaConvertJobTrigger


class MediaConvertJobSensor(PaidJobSensor):
    """Succeed when a job has written its outputs. Parameters are those of every paid job's sensor."""

    aws_hook_class = MediaConvertHook
    trigger_class = MediaConvertJobTrigger

    def __init__(self, *, operation: str = "job", **kwargs: Any) -> None:
        super().__init__(operation=operation, **kwargs)
