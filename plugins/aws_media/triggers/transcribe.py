"""Wait in the triggerer for Transcribe jobs."""

from __future__ import annotations

from aws_media.hooks.transcribe import TranscribeHook
from aws_media.triggers.paid_job import PaidJobTrigger


class TranscribeJobTrigger(PaidJobTrigger):
    """Fire when a transcription job has ended. Parameters are those of every paid job's trigger."""

    aws_hook_class = TranscribeHook
