"""What every hook of a paid job offers, so that one operator, one sensor and one trigger serve all services."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

WAITERS = Path(__file__).parents[1] / "waiters"

JobState = Literal["active", "complete", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """How a job stands. ``code`` and ``message`` are the service's own; ``answer`` is what it said, without results."""

    job_id: str
    state: JobState
    code: str = ""
    message: str = ""
    percent: int | None = None
    asset: str = ""
    """What the job reads, as ``s3://bucket/key``, where the service says it."""
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A service's message that a job ended, from SNS or EventBridge."""

    job_id: str
    state: JobState


class PaidJobHook(AwsBaseHook):
    """The client of a service that sells jobs, plus what the ledger and the waiting need to know about it.

    ``operation`` is the ledger's name of what is bought: ``label_detection``, ``transcription_job``, ``job``. The
    waiter of an operation is called ``<operation>_complete`` and stands in ``waiters/<service>.json``.
    """

    service: ClassVar[str]
    """As boto3 calls it: ``rekognition``."""
    quota_codes: ClassVar[frozenset[str]]
    """Error codes that mean "not now": they are waited out."""
    advice: ClassVar[Mapping[str, str]]
    """What to do about an error, by the service's code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **(kwargs | {"client_type": self.service}))

    @property
    def waiter_path(self) -> Path:
        return WAITERS / f"{self.service}.json"

    @abstractmethod
    def start(self, operation: str, request: Mapping[str, Any], *, token: str, tags: Mapping[str, str]) -> str:
        """Start the job and return its id. Twice with one ``token`` means one job, also when a reply was lost.

        ``token`` is 64 characters of ``[0-9a-f]``. ``tags`` (``job_key``, ``dag_id``, ``run_id``, ``task_id``) go where
        the service takes tags. A conflict (the job is there already) is adopted, not raised. Raises botocore's
        ``ClientError`` for the rest.
        """

    @abstractmethod
    def find(self, operation: str, *, token: str, tags: Mapping[str, str]) -> str | None:
        """Return the id of the job that an earlier ``start`` with these began, or ``None`` if it cannot be told."""

    @abstractmethod
    def describe(self, operation: str, job_id: str) -> JobStatus:
        """Ask how the job stands. An unknown job raises botocore's ``ClientError``."""

    @abstractmethod
    def waiter_arguments(self, operation: str, job_id: str) -> dict[str, Any]:
        """Return what the waiter ``<operation>_complete`` is called with."""

    @abstractmethod
    def cancel(self, operation: str, job_id: str) -> bool:
        """Stop the job; ``False`` when the service cannot, or when it has ended."""

    @classmethod
    @abstractmethod
    def completion_from_message(cls, message: Mapping[str, Any]) -> Completion | None:
        """Read a completion message of this service (body as JSON, SNS envelope taken off), else ``None``."""
