"""Wait for Transcribe jobs that somebody else started."""

from __future__ import annotations

from typing import Any

from aws_media.hooks.transcribe import TranscribeHook
from aws_media.sensors.paid_job import PaidJobSensor
from aws_media.triggers.transcribe import TranscribeJobTrigger


class TranscribeJobSensor(PaidJobSensor):
    """Succeed when a transcription job, whose id is its name, has completed.

    Parameters are those of every paid job's sensor.
    """

    aws_hook_class = TranscribeHook
    trigger_class = TranscribeJobTrigger

    def __init__(self, *, operation: str = "transcription_job", **kwargs: Any) -> None:
        super().__init__(operation=operation, **kwargs)
