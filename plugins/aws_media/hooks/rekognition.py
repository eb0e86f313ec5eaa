"""Start Rekognition Video analyses and read what they found, page after page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from aws_media.hooks.paid_job import Completion, JobState, JobStatus, PaidJobHook
from include.video.proxy import UNSUPPORTED

MOST_RESULTS = 1000  # a page holds no more, whatever is asked for
LONGEST_JOB_TAG = 1024
_STATES: Mapping[str, JobState] = {"IN_PROGRESS": "active", "SUCCEEDED": "complete", "FAILED": "failed"}


@dataclass(frozen=True, slots=True)
class Analysis:
    """How the API calls one of its analyses."""

    start: str
    read: str
    found: str
    """Member of a page that holds what was found."""


ANALYSES: Mapping[str, Analysis] = {
    "label_detection": Analysis("start_label_detection", "get_label_detection", "Labels"),
    "segment_detection": Analysis("start_segment_detection", "get_segment_detection", "Segments"),
    "content_moderation": Analysis("start_content_moderation", "get_content_moderation", "ModerationLabels"),
    "text_detection": Analysis("start_text_detection", "get_text_detection", "TextDetections"),
}

CONVERT = "Make an H.264 proxy in MP4 with MediaConvert and analyse that."
FAILURES: Mapping[str, str] = {
    r"no video stream": "NoVideo",
    r"unsupported (codec|format|video|media)": UNSUPPORTED,
    r"too (long|large)|maximum (duration|file size)": "VideoTooLargeException",
    r"access denied|not authorized|permission": "AccessDeniedException",
    r"\bs3\b": "InvalidS3ObjectException",
    r"internal": "InternalServerError",
}
"""A failed job has no code but a sentence (``Unsupported codec/format.``): words in it, and the code that fits.

The first that fits counts. A sentence may hold the name of the object, whatever that is."""


class RekognitionHook(PaidJobHook):
    """Start Rekognition Video analyses and read what they found. The client is ``conn``.

    The operations are those of ``ANALYSES``. Results are kept for 7 days by the service.
    """

    if TYPE_CHECKING:
        conn: Any  # a client; the base class allows a resource as well

    service = "rekognition"
    quota_codes = frozenset({"LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException"})
    advice: ClassVar[Mapping[str, str]] = {
        "AccessDeniedException": "Let the connection's role start and read the analysis, and read the S3 object.",
        "IdempotentParameterMismatchException": (
            "This start was made before with other parameters: clear the task, the next generation has a new token."
        ),
        "InvalidParameterException": "Correct the parameter that the message names.",
        "InvalidS3ObjectException": (
            "Check bucket, key and version, that the bucket lies in the job's region, and that the role may read it."
        ),
        "VideoTooLargeException": "A video may have 10 GB and 6 hours: make a smaller proxy, or cut it.",
        "LimitExceededException": "Too many analyses run at once: make the pool smaller, or ask AWS for more.",
        "ProvisionedThroughputExceededException": "Too many requests a second: poll less often, or use the queue.",
        "ThrottlingException": "Too many requests a second: poll less often, or use the queue.",
        "InternalServerError": "The service had a fault of its own: clear the task.",
        "InvalidPaginationTokenException": "The pages changed while they were read: clear the task.",
        "ResourceNotFoundException": "The service forgets an analysis after 7 days: clear the task to analyse again.",
        UNSUPPORTED: CONVERT,
        "NoVideo": "There is no picture to analyse: skip this file.",
    }

    def start(self, operation: str, request: Mapping[str, Any], *, token: str, tags: Mapping[str, str]) -> str:
        """Start the analysis; the same token, request and tags again give the same job, even one that failed."""
        answer = getattr(self.conn, ANALYSES[operation].start)(
            **request, ClientRequestToken=token, JobTag=job_tag_from(tags)
        )
        return str(answer["JobId"])

    def find(self, operation: str, *, token: str, tags: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """Rekognition lists no analyses; a repeated ``start`` finds the job."""
        return None

    def describe(self, operation: str, job_id: str) -> JobStatus:
        answer = getattr(self.conn, ANALYSES[operation].read)(**self.waiter_arguments(operation, job_id))
        state = _STATES[answer["JobStatus"]]
        message = answer.get("StatusMessage", "")
        film = answer.get("Video", {}).get("S3Object")
        kept = {"JobStatus", "StatusMessage", "Video", "VideoMetadata", "JobTag"}
        return JobStatus(
            job_id=job_id,
            state=state,
            code=failure_code(message) if state == "failed" else "",
            message=message,
            asset=f"s3://{film['Bucket']}/{film['Name']}" if film else "",
            answer={name: value for name, value in answer.items() if name in kept},
        )

    def waiter_arguments(self, operation: str, job_id: str) -> dict[str, Any]:  # noqa: ARG002
        return {"JobId": job_id, "MaxResults": 1}

    def cancel(self, operation: str, job_id: str) -> bool:  # noqa: ARG002
        """Rekognition cannot stop an analysis."""
        return False

    @classmethod
    def completion_from_message(cls, message: Mapping[str, Any]) -> Completion | None:
        """Read a message of the notification channel.

        >>> RekognitionHook.completion_from_message({
        ...     "JobId": "6de014b0", "Status": "SUCCEEDED", "API": "StartLabelDetection", "Timestamp": 1502230160926,
        ...     "Video": {"S3ObjectName": "video.mp4", "S3Bucket": "videos"}})
        Completion(job_id='6de014b0', state='complete')
        """
        states: Mapping[Any, JobState] = {"SUCCEEDED": "complete", "FAILED": "failed", "ERROR": "failed"}
        # Textract's messages look the same, but name a document and no video
        if {"JobId", "API", "Video"} <= message.keys() and message.get("Status") in states:
            return Completion(job_id=str(message["JobId"]), state=states[message["Status"]])
        return None

    def iter_pages(self, operation: str, job_id: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield the answers of a finished job; ``arguments`` are further ones of the API, such as ``AggregateBy``.

        A token that the service no longer knows raises ``InvalidPaginationTokenException``: then start again at page 1.
        """
        read = getattr(self.conn, ANALYSES[operation].read)
        request = {"JobId": job_id, "MaxResults": MOST_RESULTS, **arguments}
        while True:
            page = read(**request)
            page.pop("ResponseMetadata", None)
            yield page
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    def iter_labels(self, job_id: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield every label of a finished job; ``AggregateBy="SEGMENTS"`` gives stretches instead of moments."""
        return self._iter_found("label_detection", job_id, **arguments)

    def iter_segments(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield every shot and technical cue of a finished job."""
        return self._iter_found("segment_detection", job_id)

    def iter_moderation_labels(self, job_id: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield every moderation label of a finished job."""
        return self._iter_found("content_moderation", job_id, **arguments)

    def iter_text(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield every line and word of a finished job."""
        return self._iter_found("text_detection", job_id)

    def _iter_found(self, operation: str, job_id: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        for page in self.iter_pages(operation, job_id, **arguments):
            yield from page.get(ANALYSES[operation].found, ())


def job_tag_from(tags: Mapping[str, str]) -> str:
    """Write tags into the one ``JobTag`` of an analysis, in its alphabet and at most 1024 characters long.

    >>> job_tag_from({"job_key": "a1", "run_id": "manual__2026-03-01T06:30:00+00:00", "task_id": "find cars"})
    'job_key=a1:run_id=manual__2026-03-01T06:30:00+00:00:task_id=find_cars'
    """
    text = ":".join(f"{name}={value}" for name, value in tags.items())
    return re.sub(r"[^a-zA-Z0-9_.\-:+=/]", "_", text)[:LONGEST_JOB_TAG] or "_"


def failure_code(message: str) -> str:
    """Return the code that fits the sentence of a failed job, ``FAILED`` when none does.

    >>> failure_code("Unsupported codec/format."), failure_code("")
    ('UnsupportedFormat', 'FAILED')
    """
    return next((code for words, code in FAILURES.items() if re.search(words, message, re.IGNORECASE)), "FAILED")
