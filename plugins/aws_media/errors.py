"""What can go wrong with a paid job, worded so that the reader knows which asset, which job, why, and what to do."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

TRANSIENT_CODES = frozenset(
    {
        "1999",  # MediaConvert: unknown error
        "CANCELED",
        "ConflictException",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "InternalServerErrorException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
"""What another try may well not meet again, though there is advice on it."""


class PaidJobError(AirflowException):
    """A paid job did not do its work. The message names asset, job, the service's code and message, and what to do."""

    def __init__(
        self, *, service: str, asset: str, job_id: str | None, code: str, message: str, advice: str | None = None
    ) -> None:
        self.service, self.asset, self.job_id = service, asset, job_id
        self.code, self.message, self.advice = code, message, advice
        where = f"job {job_id}" if job_id else "no job was started"
        super().__init__(f"{service} on {asset} ({where}): {code}: {message}" + (f" {advice}" if advice else ""))


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
