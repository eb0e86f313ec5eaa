"""A transcription job as the service remembers it and tells of it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from aws_emulator.services.transcribe.locations import Location, subtitle_key

KEPT_FOR = datetime.timedelta(days=90)
ACTIVE = frozenset({"QUEUED", "IN_PROGRESS"})
ECHOED = ("JobExecutionSettings", "LanguageOptions", "LanguageIdSettings", "ModelSettings")
DEFAULT_SETTINGS = {"ChannelIdentification": False, "ShowAlternatives": False}
Json = dict[str, Any]


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass(slots=True)
class TranscriptionJob:
    """``params`` are StartTranscriptionJob's; ``found`` is what the engine returned, once it is done."""

    name: str
    job_id: str
    params: Json
    media: Location
    output: Location
    status: str
    created: datetime.datetime = field(default_factory=now)
    started: datetime.datetime | None = None
    completed: datetime.datetime | None = None
    failure_reason: str | None = None
    found: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def in_service_bucket(self) -> bool:
        """Whether the transcript lies in a bucket of the service's own."""
        return not self.params.get("OutputBucketName")

    @property
    def subtitle_forms(self) -> list[str]:
        return list(dict.fromkeys((self.params.get("Subtitles") or {}).get("Formats") or ()))

    @property
    def start_index(self) -> int:
        return (self.params.get("Subtitles") or {}).get("OutputStartIndex") or 0

    @property
    def mark(self) -> str:
        return f"{self.created.isoformat()} {self.name}"

    def outputs(self) -> dict[str, Location]:
        """Every object of the job: its transcript under ``json``, its subtitles under their form."""
        beside = {
            form: Location(self.output.bucket, subtitle_key(self.output.key, form)) for form in self.subtitle_forms
        }
        return {"json": self.output} | beside

    def started_json(self) -> Json:
        """The job as StartTranscriptionJob answers."""
        told = {
            "TranscriptionJobName": self.name,
            "TranscriptionJobStatus": self.status,
            "LanguageCode": self.params.get("LanguageCode") or self.found.get("language"),
            "MediaSampleRateHertz": self.params.get("MediaSampleRateHertz") or self.found.get("sample_rate_hz"),
            "MediaFormat": self.params.get("MediaFormat") or self.found.get("media_format"),
            "Media": self.params["Media"],
            "StartTime": self.started,
            "CreationTime": self.created,
            "Settings": self.params.get("Settings"),
            "IdentifyLanguage": self.params.get("IdentifyLanguage"),
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()] or None,
            **{name: self.params.get(name) for name in ECHOED},
        }
        if self.params.get("Subtitles"):
            told["Subtitles"] = {"Formats": self.subtitle_forms, "OutputStartIndex": self.start_index}
        return _without_none(told)

    def full_json(self, urls: dict[str, str]) -> Json:
        """The job as GetTranscriptionJob answers; ``urls`` are the addresses of its outputs, once they are there."""
        told = self.started_json()
        told["Settings"] = DEFAULT_SETTINGS | (self.params.get("Settings") or {})
        told |= _without_none(
            {
                "CompletionTime": self.completed,
                "FailureReason": self.failure_reason,
                "IdentifiedLanguageScore": self.found.get("language_score"),
            }
        )
        if urls:
            told["Transcript"] = {"TranscriptFileUri": urls["json"]}
            if self.subtitle_forms:
                told["Subtitles"] |= {"SubtitleFileUris": [urls[form] for form in self.subtitle_forms]}
        return told

    def summary(self) -> Json:
        """The job as ListTranscriptionJobs tells of it."""
        return _without_none(
            {
                "TranscriptionJobName": self.name,
                "CreationTime": self.created,
                "StartTime": self.started,
                "CompletionTime": self.completed,
                "LanguageCode": self.params.get("LanguageCode") or self.found.get("language"),
                "TranscriptionJobStatus": self.status,
                "FailureReason": self.failure_reason,
                "OutputLocationType": "SERVICE_BUCKET" if self.in_service_bucket else "CUSTOMER_BUCKET",
                "IdentifyLanguage": self.params.get("IdentifyLanguage"),
                "IdentifiedLanguageScore": self.found.get("language_score"),
            }
        )


def _without_none(value: Json) -> Json:
    return {name: part for name, part in value.items() if part is not None}
