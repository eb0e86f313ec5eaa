"""Have Transcribe write down what is said in a recording or a film."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar, cast
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from aws_media.errors import PaidJobFailed, PaidJobRefusedForGood
from aws_media.hooks.paid_job import JobStatus
from aws_media.hooks.transcribe import TranscribeHook
from aws_media.links.transcribe import TranscribeJobLink
from aws_media.operators.records import RecordsJobOperator, sorted_names, stated
from aws_media.triggers.transcribe import TranscribeJobTrigger
from include.captions.transcribe import segments_from_transcript, transcript_text
from include.catalog.keys import raw_transcript_key
from include.costs.rate_card import BilledUnits
from include.video.probe import MediaFacts

LONGEST_S = 4 * 3600
SHORTEST_S = 0.5
LARGEST_BYTES = 2 * 1024**3
CONTAINERS = frozenset({"mp3", "mov", "mp4", "wav", "flac", "ogg", "amr", "matroska", "webm"})
"""As ffmpeg calls them: MP4 and M4A are ``mov`` to it, WebM is ``matroska``; names tell these from what is not read."""
UNREAD_EXTENSIONS = frozenset({".mov", ".mkv", ".avi"})
_OUTPUT_KEY = re.compile(r"[a-zA-Z0-9._!*'()/-]{1,1019}\.json")


class TranscribeStartTranscriptionJobOperator(RecordsJobOperator):
    """Transcribe a recording, or the sound of a film, and keep the transcript in S3.

    The service itself writes its transcript file into the output bucket; beside it come flat records: segments with
    their words (``include.captions.transcribe`` says what is in them). An empty transcript is a result like another:
    nobody spoke.

    :param language_code: language that is spoken, such as ``en-US``; unset, the service finds out. (templated)
    :param language_options: the languages it may be, when the service is to find out. (templated)
    :param identify_multiple_languages: more than one language is spoken.
    :param vocabulary_name: name of a custom vocabulary. (templated)
    :param media_format: ``mp3``, ``mp4``, ``wav``, ...; unset, the service finds out. (templated)
    :param subtitle_formats: ``vtt``, ``srt`` or both, for subtitles beside the transcript file. (templated)
    :param settings: the API's ``Settings``, such as ``{"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}``. (templated)
    :param raw_output_key: key of the service's own file, ending in ``.json``; named after ``key`` if unset. (templated)
    :param start_job_kwargs: other members of StartTranscriptionJob, such as ``ContentRedaction``. (templated)
    """

    aws_hook_class = TranscribeHook
    operation = "transcription_job"
    result_name = "transcript"
    trigger_class = TranscribeJobTrigger
    link_class = TranscribeJobLink
    operator_extra_links = (TranscribeJobLink(),)
    status_queries = ("TranscriptionJob.TranscriptionJobStatus", "TranscriptionJob.FailureReason")
    template_fields: Sequence[str] = (
        *RecordsJobOperator.template_fields,
        "language_code",
        "language_options",
        "vocabulary_name",
        "media_format",
        "subtitle_formats",
        "settings",
        "raw_output_key",
        "start_job_kwargs",
    )
    template_fields_renderers: ClassVar[dict] = {"settings": "json", "start_job_kwargs": "json"}

    def __init__(
        self,
        *,
        language_code: str | None = None,
        language_options: Sequence[str] | None = None,
        identify_multiple_languages: bool = False,
        vocabulary_name: str | None = None,
        media_format: str | None = None,
        subtitle_formats: Sequence[str] = (),
        settings: dict[str, Any] | None = None,
        raw_output_key: str | None = None,
        start_job_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.language_code = language_code
        self.language_options = language_options
        self.identify_multiple_languages = identify_multiple_languages
        self.vocabulary_name = vocabulary_name
        self.media_format = media_format
        self.subtitle_formats = subtitle_formats
        self.settings = settings
        self.raw_output_key = raw_output_key
        self.start_job_kwargs = start_job_kwargs

    # ------------------------------------------------------------------------------------- what a paid job must define
    def start_request(self) -> dict[str, Any]:
        settings = dict(self.settings or {})
        if self.vocabulary_name:
            settings["VocabularyName"] = self.vocabulary_name
        request = {
            "Media": {"MediaFileUri": f"s3://{self.bucket}/{self.key}"},
            "MediaFormat": self.media_format,
            "Settings": settings,
            **self._language(),
            **(self.start_job_kwargs or {}),
        }
        if self.subtitle_formats:
            # cues are counted from 1 as SRT and every player do; the service would count from 0
            request["Subtitles"] = {"Formats": sorted_names(self.subtitle_formats), "OutputStartIndex": 1}
        return stated(request)

    def start_options(self) -> dict[str, Any]:
        """Return where the service writes.

        :raises PaidJobRefusedForGood: when the key is none that Transcribe takes.
        """
        if not _OUTPUT_KEY.fullmatch(self.raw_result_key):
            raise PaidJobRefusedForGood(
                **self.names_of(job_id=None),
                code="InvalidOutputKey",
                message=f"Transcribe cannot write to {self.raw_result_key!r}.",
                advice="Set raw_output_key to a key that ends in .json, of letters, digits and ._!*'()/- only.",
            )
        return {"OutputBucketName": self.output_bucket, "OutputKey": self.raw_result_key}

    def objection(self, media: MediaFacts) -> tuple[str, str] | None:
        if media.duration_s is not None and media.duration_s > LONGEST_S:
            return "TooLong", f"the recording lasts {media.duration_s / 3600:.1f} hours, 4 are allowed."
        if media.size_bytes is not None and media.size_bytes > LARGEST_BYTES:
            return "TooLong", f"the recording has {media.size_bytes / 1024**3:.1f} GB, 2 are allowed."
        if media.probed and not media.audio:
            return "NoAudio", "the file has no sound."
        if media.duration_s is not None and media.duration_s < SHORTEST_S:
            return "TooShort", f"the recording lasts {media.duration_s:.2f} s, half a second is the least."
        extension = PurePosixPath(self.key).suffix.lower()
        if extension in UNREAD_EXTENSIONS or (media.container is not None and media.container not in CONTAINERS):
            return "UnsupportedFormat", f"the recording lies in {extension.lstrip('.') or media.container}."
        return None

    def billed_units(self, media: MediaFacts) -> list[BilledUnits]:
        return [BilledUnits(item=f"transcribe.{self.operation}", quantity=media.duration_min)]

    def read_result(self, status: JobStatus) -> dict[str, Any]:
        job = status.answer
        files = job["Transcript"]
        bucket, raw_key = bucket_and_key(files.get("TranscriptFileUri") or files["RedactedTranscriptFileUri"])
        transcript = self._read_transcript(bucket, raw_key, status.job_id)
        about = {
            "language": job.get("LanguageCode"),
            "language_confidence": job.get("IdentifiedLanguageScore"),
            "text": transcript_text(transcript),
        }
        kept = self.keep_records(status.job_id, about, segments_from_transcript(transcript))
        subtitles = [bucket_and_key(uri)[1] for uri in job.get("Subtitles", {}).get("SubtitleFileUris", [])]
        return {**kept, "raw_bucket": bucket, "raw_key": raw_key, "subtitle_keys": subtitles}

    def _read_transcript(self, bucket: str, key: str, job_id: str) -> dict[str, Any]:
        """Read the file that the service wrote: 5 MB for four hours of talk, which takes 35 MB of memory.

        :raises PaidJobFailed: when it was deleted or written over; the job is deleted then, and the next try pays anew.
        """
        try:
            transcript = json.load(self._s3.get_object(Bucket=bucket, Key=key)["Body"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code != "NoSuchKey":
                raise
            lost, advice = "was deleted", "The job is deleted as well: the next try transcribes anew."
        else:
            if transcript.get("jobName", job_id) == job_id:
                return transcript
            code, lost = "Overwritten", f"was written over by job {transcript['jobName']}"
            advice = "Give each of the two a raw_output_key of its own; the next try transcribes anew."
        cast("TranscribeHook", self.hook).delete(job_id)
        raise PaidJobFailed(
            **self.names_of(job_id),
            code=code,
            message=f"the job is done, but its transcript s3://{bucket}/{key} {lost}.",
            advice=advice,
        )

    @property
    def raw_result_key(self) -> str:
        return self.raw_output_key or raw_transcript_key(self.key)

    def _language(self) -> dict[str, Any]:
        if self.language_code:
            return {"LanguageCode": self.language_code}
        how = "IdentifyMultipleLanguages" if self.identify_multiple_languages else "IdentifyLanguage"
        return {how: True, "LanguageOptions": sorted_names(self.language_options)}


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Read the address of a file that Transcribe wrote.

    >>> bucket_and_key("https://s3.us-east-1.amazonaws.com/media-processed/audio/a.transcript.raw.json")
    ('media-processed', 'audio/a.transcript.raw.json')
    """
    bucket, _, key = unquote(urlsplit(uri).path).lstrip("/").partition("/")
    return bucket, key
