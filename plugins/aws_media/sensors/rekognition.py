"""Wait for Rekognition Video analyses that somebody else started."""

from __future__ import annotations

from aws_media.hooks.rekognition import RekognitionHook
from aws_media.sensors.paid_job import PaidJobSensor
from aws_media.triggers.rekognition import RekognitionJobTrigger


class RekognitionJobSensor(PaidJobSensor):
    """Succeed when an analysis of a video has completed. Parameters are those of every paid job's sensor.

    ``operation`` is ``label_detection``, ``segment_detection``, ``content_moderation`` or ``text_detection``.
    """

    aws_hook_class = RekognitionHook
    trigger_class = RekognitionJobTrigger
