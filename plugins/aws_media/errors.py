"""What can go wrong with a paid job, worded so that the reader knows which asset, which job, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from aws_media.ledger import LedgerEntry

TRANSIENT_CODES = frozenset(
    {
        "1999",  # MediaConvert: unknown error
        "CANCELED",
        "ConflictException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "InternalServerErrorException",
        "RequestExpired",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
"""What another try may well not meet again, though there is advice on it."""


class PaidJobError(AirflowException):
    """A paid job did not do its work. The message names asset, job, the service's code and message, and what to do.

    >>> print(PaidJobError(service="transcribe transcription_job", asset="s3://raw/a.mp4", job_id=None,
    ...     code="NoAudio", message="the file has no sound", advice="Skip this file."))
    transcribe transcription_job on s3://raw/a.mp4 (no job was started): NoAudio: the file has no sound. Skip this file.
    """

    def __init__(
        self, *, service: str, asset: str, job_id: str | None, code: str, message: str, advice: str | None = None
    ) -> None:
        self.service, self.asset, self.job_id = service, asset, job_id
        self.code, self.message, self.advice = code, message, advice
        where = f"job {job_id}" if job_id else "no job was started"
        sentence = f"{code}: {message.rstrip()}" if message.strip() else code
        if advice:
            sentence += f"{'' if sentence.endswith(('.', '!', '?')) else '.'} {advice}"
        super().__init__(f"{service} on {asset} ({where}): {sentence}")


class PaidJobRefused(PaidJobError):
    """The service would not start the job: nothing was paid."""


class PaidJobFailed(PaidJobError):
    """The service started the job and gave it up."""


class PaidJobUnfinished(PaidJobError):
    """The job takes longer than the task may wait. It goes on, and the next try attaches to it."""


class PaidJobRefusedForGood(PaidJobRefused, AirflowFailException):
    """Refused for a reason that no retry removes, so there is none."""


class PaidJobFailedForGood(PaidJobFailed, AirflowFailException):
    """Failed for a reason that no retry removes, so there is none."""


class NotNow(Exception):
    """A quota is full: the same start may succeed later."""

    def __init__(self, error: ClientError) -> None:
        self.code, self.message = code_and_message(error)
        super().__init__(f"{self.code}: {self.message}")


def code_and_message(error: ClientError) -> tuple[str, str]:
    """Return what the service itself called the error."""
    words = error.response["Error"]
    return words.get("Code", "Unknown"), words.get("Message", "")


def is_open(error: ClientError) -> bool:
    """Say whether a refused start may yet have started something, or may succeed unchanged."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return code_and_message(error)[0] in TRANSIENT_CODES or status >= 500


def names(entry: LedgerEntry) -> dict[str, Any]:
    """Return what every error says first: which service, on which asset, which job."""
    return {"service": f"{entry.service} {entry.operation}", "asset": entry.asset, "job_id": entry.job_id}


def failure_of(entry: LedgerEntry, advice: Mapping[str, str]) -> PaidJobFailed:
    """Return the error of an entry whose job failed: for good, when there is advice that a person must follow."""
    error = entry.error or {}
    code, message = error.get("code") or "FAILED", error.get("message", "")
    kind = PaidJobFailedForGood if code in advice and code not in TRANSIENT_CODES else PaidJobFailed
    return kind(**names(entry), code=code, message=message, advice=advice.get(code))


def unfinished(entry: LedgerEntry, why: str) -> PaidJobUnfinished:
    """Return the error of a task that waits no longer for a job that goes on."""
    advice = "The job goes on; clear the task to attach to it."
    return PaidJobUnfinished(**names(entry), code="Unfinished", message=why, advice=advice)


@contextmanager
def failures_skip(context: Context) -> Iterator[None]:
    """Skip the task where its job came to nothing for good, or at the last try; push why to the XCom ``refusal``.

    What the ledger says is not touched. An error that another try may not meet is raised on, and so is one that is not
    the job's: a ledger that is not there, a defect.

    :raises AirflowSkipException: instead of the failure.
    """
    try:
        yield
    except (BotoCoreError, ClientError, PaidJobError, TaskDeferralError, TaskDeferralTimeout) as error:
        instance = context["ti"]
        if not isinstance(error, AirflowFailException) and instance.try_number <= instance.max_tries:
            raise
        refusal = str(error) or type(error).__name__
        instance.xcom_push(key="refusal", value=refusal)
        raise AirflowSkipException(refusal) from error
