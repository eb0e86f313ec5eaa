"""What a request is refused for before any work: AWS's rules between parameters, and what no recogniser here can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_emulator.services.transcribe.exceptions import BadRequestException
from aws_emulator.validation import check_members

Params = Mapping[str, Any]

LANGUAGE_CHOICES = ("LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages")


def refuse_malformed(operation: str, params: Params) -> None:
    """Raise ``BadRequestException`` for what breaks the service model: names, lengths, alphabets, enumerations."""
    check_members("transcribe", operation, params, BadRequestException)


def refuse_start(params: Params) -> None:
    """Refuse a StartTranscriptionJob that contradicts itself or asks for what is not offered here."""
    refuse_malformed("StartTranscriptionJob", params)
    _refuse_contradictions(params)
    _refuse_unoffered(params)


def _refuse_contradictions(params: Params) -> None:
    if not params["Media"].get("MediaFileUri"):
        raise BadRequestException("Media.MediaFileUri is required.")
    chosen = [name for name in LANGUAGE_CHOICES if params.get(name)]
    if len(chosen) != 1:
        found = " and ".join(chosen) if chosen else "none"
        raise BadRequestException(
            f"You must specify exactly one of {', '.join(LANGUAGE_CHOICES)}; your request has {found}."
        )
    if params.get("LanguageOptions") and "LanguageCode" in chosen:
        raise BadRequestException("LanguageOptions can only be used with IdentifyLanguage.")
    if params.get("OutputKey") and not params.get("OutputBucketName"):
        raise BadRequestException("OutputKey can only be used with OutputBucketName.")
    execution = params.get("JobExecutionSettings") or {}
    if execution.get("AllowDeferredExecution") and not execution.get("DataAccessRoleArn"):
        raise BadRequestException("JobExecutionSettings.AllowDeferredExecution needs DataAccessRoleArn.")
    settings = params.get("Settings") or {}
    for switch, number in (("ShowSpeakerLabels", "MaxSpeakerLabels"), ("ShowAlternatives", "MaxAlternatives")):
        if bool(settings.get(switch)) != (settings.get(number) is not None):
            raise BadRequestException(f"Settings.{switch} and Settings.{number} must be used together.")


def _refuse_unoffered(params: Params) -> None:
    settings = params.get("Settings") or {}
    ids = params.get("LanguageIdSettings") or {}
    filters = [settings.get("VocabularyFilterName"), *(own.get("VocabularyFilterName") for own in ids.values())]
    models = [
        (params.get("ModelSettings") or {}).get("LanguageModelName"),
        *(own.get("LanguageModelName") for own in ids.values()),
    ]
    reasons = {
        "Settings.ShowSpeakerLabels": (settings.get("ShowSpeakerLabels"), "no recogniser here tells speakers apart"),
        "Settings.ShowAlternatives": (
            settings.get("ShowAlternatives"),
            "no recogniser here gives times and confidence for its second choices",
        ),
        "ContentRedaction": (params.get("ContentRedaction"), "nothing here finds personal information"),
        "ToxicityDetection": (params.get("ToxicityDetection"), "nothing here judges speech"),
        "IdentifyMultipleLanguages": (
            params.get("IdentifyMultipleLanguages"),
            "no recogniser here changes language within a file; use IdentifyLanguage or LanguageCode",
        ),
        "VocabularyFilterName": (any(filters), "vocabulary filters cannot be made here"),
        "LanguageModelName": (any(models), "custom language models cannot be made here"),
    }
    for name, (asked, why) in reasons.items():
        if asked:
            raise BadRequestException(f"The local AWS does not offer {name}: {why}.")
