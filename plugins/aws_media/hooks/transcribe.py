"""Start Transcribe jobs, adopt those that are there already, and stop them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.exceptions import ClientError

from aws_media.hooks.paid_job import Completion, JobState, JobStatus, PaidJobHook

_STATES: Mapping[str, JobState] = {
    "QUEUED": "active",
    "IN_PROGRESS": "active",
    "COMPLETED": "complete",
    "FAILED": "failed",
}
_UNKNOWN_JOB = frozenset({"NotFoundException", "BadRequestException"})
"""What the service says of a job that is not there: the one by its documentation, the other in fact."""

FAILURES: Mapping[str, str] = {
    r"no audio|not contain audio|without audio|audio (track|stream)": "NoAudio",
    r"number of channels": "TooManyChannels",
    r"sample rate": "InvalidSampleRate",
    r"too small|too short|speech segment long enough": "TooShort",
    r"too (large|long)": "TooLong",
    r"does not match|doesn't match": "FormatMismatch",
    r"unsupported|media format": "UnsupportedFormat",
    r"isn't valid|invalid|corrupt|decode": "InvalidMedia",
    r"point to an s3 object": "MissingMedia",
    r"access|permission|denied": "AccessDenied",
    r"internal": "InternalFailureException",
}
"""A failed job has no code but a sentence, its ``FailureReason``: words in it, and our name for it, in this order."""


class TranscribeHook(PaidJobHook):
    """Start Transcribe jobs, whose id is their name. The client is ``conn``. The operation is ``transcription_job``.

    The name is the token, and so derives from the content: a job of that name is the one that is wanted.
    """

    if TYPE_CHECKING:
        conn: Any  # a client; the base class allows a resource as well

    service = "transcribe"
    quota_codes = frozenset({"LimitExceededException", "ThrottlingException"})
    advice: ClassVar[Mapping[str, str]] = {
        "AccessDeniedException": "Let the connection's role start and read transcription jobs.",
        "AccessDenied": "Let the connection's role read the media object and write the output bucket.",
        "BadRequestException": (
            "Correct what the message names. If it is the media: check bucket and key, that the bucket lies in the"
            " job's region, and that the role may read it."
        ),
        "InternalFailureException": "The service had a fault of its own: clear the task.",
        "LimitExceededException": "Too many jobs or requests, or a file above 2 GB or 4 hours: wait, or cut it.",
        "NotFoundException": "The service does not know the job (any more): clear the task to start it again.",
        "FormatMismatch": "The file is not what media_format says: leave media_format out.",
        "InvalidMedia": "The file is damaged or empty: play it, and bring it again.",
        "InvalidSampleRate": "Leave the sample rate to the service, or resample to between 8 and 48 kHz.",
        "MissingMedia": "Check bucket and key, and that nobody deleted the file meanwhile.",
        "NoAudio": "There is nothing to transcribe: skip this file.",
        "TooLong": "A file may have 2 GB and 4 hours: extract the audio, or cut it.",
        "TooManyChannels": "Transcribe takes two channels at most: mix the audio down.",
        "TooShort": "Transcribe takes no audio below half a second: skip this file.",
        "UnsupportedFormat": "Extract the audio: Transcribe reads mp3, mp4, wav, flac, ogg, amr, webm and m4a.",
    }

    def start(self, operation: str, request: Mapping[str, Any], *, token: str, tags: Mapping[str, str]) -> str:  # noqa: ARG002
        """Start the job under the name ``token``. A conflict means that it is there already: it is adopted."""
        try:
            self.conn.start_transcription_job(**request, TranscriptionJobName=token, Tags=tag_list_from(tags))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            self.log.info("Transcription job %s is there already, it is adopted", token)
        return token

    def find(self, operation: str, *, token: str, tags: Mapping[str, str]) -> str | None:  # noqa: ARG002
        try:
            self.conn.get_transcription_job(TranscriptionJobName=token)
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNKNOWN_JOB:
                return None
            raise
        return token

    def describe(self, operation: str, job_id: str) -> JobStatus:
        job = self.conn.get_transcription_job(**self.waiter_arguments(operation, job_id))["TranscriptionJob"]
        state = _STATES[job["TranscriptionJobStatus"]]
        message = job.get("FailureReason", "")
        return JobStatus(
            job_id=job_id,
            state=state,
            code=failure_code(message) if state == "failed" else "",
            message=message,
            asset=job.get("Media", {}).get("MediaFileUri", ""),
            answer=job,
        )

    def waiter_arguments(self, operation: str, job_id: str) -> dict[str, Any]:  # noqa: ARG002
        return {"TranscriptionJobName": job_id}

    def cancel(self, operation: str, job_id: str) -> bool:
        """Delete a job that waits or runs, which is how Transcribe stops one; one that has ended is left as it is."""
        try:
            if self.describe(operation, job_id).state != "active":
                return False
            self.delete(job_id)
        except ClientError as error:
            # it is gone, or the service will not let go of it while it runs
            if error.response["Error"]["Code"] in _UNKNOWN_JOB:
                return False
            raise
        return True

    def delete(self, job_id: str) -> None:
        """Delete a job, and what it wrote where the service keeps it; what lies in our buckets stays."""
        self.conn.delete_transcription_job(TranscriptionJobName=job_id)

    @classmethod
    def completion_from_message(cls, message: Mapping[str, Any]) -> Completion | None:
        """Read an EventBridge event of a transcription job that ended.

        >>> TranscribeHook.completion_from_message({
        ...     "source": "aws.transcribe", "detail-type": "Transcribe Job State Change",
        ...     "detail": {"TranscriptionJobName": "a1", "TranscriptionJobStatus": "COMPLETED"}})
        Completion(job_id='a1', state='complete')
        """
        if message.get("source") != "aws.transcribe" or message.get("detail-type") != "Transcribe Job State Change":
            return None
        detail = message.get("detail") or {}
        state = _STATES.get(detail.get("TranscriptionJobStatus", ""))
        if state in (None, "active") or "TranscriptionJobName" not in detail:
            return None
        return Completion(job_id=str(detail["TranscriptionJobName"]), state=state)


def tag_list_from(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as Transcribe takes them: at most 256 letters, digits, spaces and ``_.:/=+-@`` in a value.

    >>> tag_list_from({"task_id": "find,cars"})
    [{'Key': 'task_id', 'Value': 'find_cars'}]
    """
    return [{"Key": name, "Value": re.sub(r"[^\w .:/=+@-]", "_", value)[:256]} for name, value in tags.items()]


def failure_code(reason: str) -> str:
    """Return our name for the ``FailureReason`` of a failed job, ``FAILED`` when none fits.

    >>> failure_code("The media format provided does not match the detected media format.")
    'FormatMismatch'
    >>> failure_code("The input media file length is too small. Check the length of the file and try again.")
    'TooShort'
    """
    return next((code for words, code in FAILURES.items() if re.search(words, reason, re.IGNORECASE)), "FAILED")
