"""Wait in the triggerer for MediaConvert jobs."""

from __future__ import annotations

from aws_media.hooks.mediaconvert import MediaConvertHook
from aws_media.triggers.paid_job import PaidJobTrigger


class MediaConvertJobTrigger(PaidJobTrigger):
    """Fire when a MediaConvert job has ended. Parameters are those of every paid job's trigger."""

    aws_hook_class = MediaConvertHook
