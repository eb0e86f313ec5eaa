"""Wait in the triggerer for Rekognition Video analyses."""

from __future__ import annotations

from aws_media.hooks.rekognition import RekognitionHook
from aws_media.triggers.paid_job import PaidJobTrigger


class RekognitionJobTrigger(PaidJobTrigger):
    """Fire when an analysis of a video has ended. Parameters are those of every paid job's trigger."""

    aws_hook_class = RekognitionHook
    checks_per_second = 5.0  # what AWS allows the Get calls by default in its smaller regions
