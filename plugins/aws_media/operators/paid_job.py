"""One operator for every paid job: ask the ledger, start once, wait without a worker, keep the result, pay once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import conf

from aws_media.hooks.paid_job import JobStatus, PaidJobHook
from include.costs.rate_card import BilledUnits
from include.settings import SETTINGS
from include.video.probe import MediaFacts

if TYPE_CHECKING:
    from airflow.sdk import Context

    from aws_media.triggers.paid_job import PaidJobTrigger


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaObject:
    """What a job reads.

    >>> str(MediaObject(bucket="media-raw", key="video/a.mp4"))
    's3://media-raw/video/a.mp4'
    """

    bucket: str
    key: str
    version_id: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class PaidJobOperator(AwsBaseOperator[PaidJobHook]):
    """Have a service do a paid job on a media object: once, however often the task runs.

    A service's operator sets ``aws_hook_class``, ``operation``, ``trigger_class``, ``link_class``
    (``operator_extra_links = (TheLink(),)`` too) and defines the abstract methods. It adds its own fields with
    ``template_fields = PaidJobOperator.with_template_fields("bucket", "key", ...)``.

    :param wait_for_completion: wait for the job's end in the worker; ``False`` returns the job id at once
    :param deferrable: wait for the job's end in the triggerer; implies waiting
    :param waiter_delay: seconds between two looks at the job
    :param waiter_max_attempts: looks before the task gives up; the job goes on, and a retry attaches to it
    :param start_max_attempts: how often a start is tried while the service says "not now" (a quota)
    :param use_ledger: ask the job ledger before paying; ``False`` remembers the job for this task instance alone
    :param ledger_table: table of the ledger. (templated)
    :param duration_s: length of the media in seconds, for the estimate; unset, it is read from the header. (templated)
    :param completions_queue_url: SQS queue to which completions come; ``None`` polls instead. (templated)
    """

    aws_hook_class: type[PaidJobHook] = PaidJobHook
    operation: ClassVar[str]
    trigger_class: ClassVar[type[PaidJobTrigger]]
    link_class: ClassVar[type[BaseAwsLink]]

    template_fields: Sequence[str] = aws_template_fields("completions_queue_url", "duration_s", "ledger_table")

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        waiter_delay: int = 30,
        waiter_max_attempts: int = 720,
        start_max_attempts: int = 100,
        use_ledger: bool = True,
        ledger_table: str = SETTINGS.jobs_table,
        duration_s: float | str | None = None,
        completions_queue_url: str | None = SETTINGS.completions_queue_url or None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.waiter_delay = waiter_delay
        self.waiter_max_attempts = waiter_max_attempts
        self.start_max_attempts = start_max_attempts
        self.use_ledger = use_ledger
        self.ledger_table = ledger_table
        self.duration_s = duration_s
        self.completions_queue_url = completions_queue_url

    @classmethod
    def with_template_fields(cls, *names: str) -> tuple[str, ...]:
        """Return the template fields of every paid job together with those of one service."""
        return aws_template_fields(*PaidJobOperator.template_fields, *names)

    # ------------------------------------------------------------------------------------- what a service's operator defines
    @abstractmethod
    def source(self) -> MediaObject:
        """Return what the job reads. Without ``version_id`` the version is looked up."""

    @abstractmethod
    def start_request(self) -> dict[str, Any]:
        """Return the API's request, all that decides the result: without token, job name, tags and ``start_options``.

        It is the content of the ledger key: two tasks with the same source and the same request share one job.
        """

    def start_options(self) -> dict[str, Any]:
        """Return what else the request takes and what does not change the result: a topic to notify, a role, a queue.

        It is added to ``start_request`` and is no part of the ledger key. A start that is repeated sends what the first
        one sent.
        """
        return {}

    def objection(self, media: MediaFacts) -> tuple[str, str] | None:
        """Return a code and a sentence when the service cannot do this job, known before anything is paid.

        ``media`` may be unprobed (``duration_s`` was given, or the header could not be read): judge only what is known.
        """
        return None

    @abstractmethod
    def billed_units(self, media: MediaFacts) -> list[BilledUnits]:
        """Return what the service will bill, in units of the rate card; a quantity that cannot be known is ``None``."""

    @abstractmethod
    def keep_result(self, status: JobStatus) -> dict[str, Any]:
        """Store the result of a job that succeeded, over an earlier one; return the small map the ledger keeps."""

    @abstractmethod
    def result_stands(self, result: dict[str, Any]) -> bool:
        """Say whether what ``keep_result`` stored is still there."""

    @abstractmethod
    def returned(self, job_id: str, result: dict[str, Any]) -> str:
        """Return what XCom gets of a finished job: a small id or an S3 key."""

    # ------------------------------------------------------------------------------------- Airflow's entry points
    def execute(self, context: Context) -> str:
        raise NotImplementedError
