"""One operator for every paid job: ask the ledger, start once, wait without a worker, keep the result, pay once."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.amazon.aws.utils.waiter_with_logging import wait
from airflow.providers.common.compat.sdk import AirflowException, conf
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR
from botocore.exceptions import ClientError

from aws_media.errors import (
    NotNow,
    PaidJobError,
    PaidJobRefused,
    PaidJobRefusedForGood,
    PaidJobUnfinished,
    code_and_message,
    failure_of,
    failures_skip,
    is_open,
    names,
    unfinished,
)
from aws_media.hooks.ledger import JobLedgerHook
from aws_media.hooks.paid_job import JobStatus, PaidJobHook
from aws_media.ledger import ENDED_TASK_STATES, JobIdentity, JobLedger, LedgerEntry, TaskMemory
from aws_media.media_object import MediaObject, StoredMedia
from aws_media.tasks import holder, job_tags, task_of_run, task_state
from aws_media.triggers.paid_job import StartBackoffTrigger
from include.costs.rate_card import BilledUnits, Quote, default_rate_card
from include.settings import SETTINGS
from include.video.probe import MediaFacts

if TYPE_CHECKING:
    from airflow.sdk import Context
    from mypy_boto3_s3 import S3Client

    from aws_media.triggers.paid_job import PaidJobTrigger

UNKNOWN_JOB_CODES = frozenset({"ResourceNotFoundException", "NotFoundException", "BadRequestException"})
"""What the services say of a job that they do not know, asked by its id alone."""
TOKEN_USED_CODES = frozenset({"IdempotentParameterMismatchException", "IdempotentParameterMismatch"})
"""A job was started under this token with another request."""
MOST_GENERATIONS_A_TRY = 3
MOST_EARLY_EVENTS = 5
"""How often a task that was told of its job's end, and found it running, waits on."""


class PaidJobOperator(AwsBaseOperator[PaidJobHook]):
    """Have a service do a paid job on a media object: once, however often the task runs.

    A service's operator sets ``aws_hook_class``, ``operation``, ``trigger_class``, ``link_class``
    (``operator_extra_links = (TheLink(),)`` too) and defines the abstract methods. It adds its own fields with
    ``template_fields = PaidJobOperator.with_template_fields("bucket", "key", ...)``.

    :param wait_for_completion: wait for the job's end in the worker; ``False`` returns the job id at once
    :param deferrable: wait for the job's end in the triggerer; implies waiting
    :param waiter_delay: seconds between two looks at the job
    :param waiter_max_attempts: looks before the task gives up; the job goes on, and a retry attaches to it
    :param start_max_attempts: how often the service is asked while it says "not now" (a quota)
    :param soft_fail: skip the task, and push the reason to the XCom ``refusal``, where its job is refused or failed for
        good, or at the last try; ``False`` fails it
    :param use_ledger: ask the job ledger before paying; ``False`` remembers the job for this task instance alone
    :param ledger_table: table of the ledger. (templated)
    :param duration_s: length of the media in seconds, for the estimate; unset, it is read from the header. (templated)
    :param completions_queue_url: SQS queue to which completions come; ``None`` polls instead. (templated)
    """

    aws_hook_class: type[PaidJobHook]
    operation: ClassVar[str]
    trigger_class: ClassVar[type[PaidJobTrigger]]
    link_class: ClassVar[type[BaseAwsLink]]
    rereads_results: ClassVar[bool] = True
    """Whether a result that was kept, and is gone, can be had from its job again; if not, another job must do it."""
    status_queries: ClassVar[tuple[str, ...]] = ()
    """JMESPath of what a look at the job (the waiter's answer) tells of its progress, for the log."""

    template_fields: Sequence[str] = aws_template_fields("completions_queue_url", "duration_s", "ledger_table")

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        waiter_delay: int = 30,
        waiter_max_attempts: int = 720,
        start_max_attempts: int = 100,
        soft_fail: bool = False,
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
        self.soft_fail = soft_fail
        self.use_ledger = use_ledger
        self.ledger_table = ledger_table
        self.duration_s = duration_s
        self.completions_queue_url = completions_queue_url
        self._stored: StoredMedia | None = None
        self._working_on: tuple[Context, JobLedger, LedgerEntry] | None = None
        self._killed = False

    @classmethod
    def with_template_fields(cls, *names: str) -> tuple[str, ...]:
        """Return the template fields of every paid job together with those of one service."""
        return aws_template_fields(*PaidJobOperator.template_fields, *names)

    # --- what a service's operator defines

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

    def objection(self, media: MediaFacts) -> tuple[str, str] | None:  # noqa: ARG002
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

    # --- Airflow's entry points

    def execute(self, context: Context) -> str:
        with failures_skip(context) if self.soft_fail else nullcontext():
            return self._pursue(context)

    def resume_start(self, context: Context, event: dict[str, Any], job_key: str = "") -> str:
        """Ask again, after the service said "not now" to a start, or to a look at the job.

        :param job_key: the ledger's key of the job; without it the job is looked up as by ``execute``.
        """
        attempt = int(event["attempt"])
        ledger = self._ledger(context)
        entry = ledger.read(job_key) if job_key else None
        if entry is None or entry.state not in ("active", "complete"):
            return self._pursue(context, attempt)
        return self._follow(context, ledger, entry, attempt=attempt)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, job_key: str = "", early: int = 0
    ) -> str:
        """Look at the job, whatever ``event`` says of it: events come early, twice, or not at all.

        :param job_key: the ledger's key of the job; without it the job is looked up as by ``execute``.
        :param early: how many events came before the job had ended.
        """
        if not job_key:
            return self._pursue(context)
        event = event or {}
        gave_up = event.get("status") != "success" and event.get("state") not in ("complete", "failed")
        if gave_up:
            self.log.warning("The wait for %s ended with %s", event.get("job_id"), event)
        ledger = self._ledger(context)
        entry = ledger.read(job_key)
        if entry is None:
            return self._pursue(context)
        return self._follow(context, ledger, entry, early=MOST_EARLY_EVENTS if gave_up else early + 1)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume by ``next_method``. When the wait failed or took too long, and no try follows, let go of the job."""
        if next_method == TRIGGER_FAIL_REPR:
            try:
                ledger = self._ledger(context)
                entry = ledger.read(self._identity(context).job_key)
                if entry is not None:
                    self._let_go(context, ledger, entry, task_state=None)
            except (AirflowException, ClientError) as error:
                self.log.warning("What became of the job cannot be told: %s", error)
        with failures_skip(context) if self.soft_fail else nullcontext():
            return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Cancel the job when this task has ended and no other wants it; leave it to the next try, if there is one."""
        self._killed = True
        if self._working_on is not None:
            context, ledger, entry = self._working_on
            self._let_go(context, ledger, entry, task_state=task_state(context))

    # --- the job's way

    def _pursue(self, context: Context, attempt: int = 0) -> str:
        """Ask the ledger how the job stands, and follow it from there."""
        ledger = self._ledger(context)
        identity = self._identity(context)
        if isinstance(ledger, JobLedgerHook):
            ledger.note_held(task_of_run(context), identity.job_key)
        claim = ledger.claim(
            identity,
            holder=holder(context),
            tags=job_tags(context, identity.job_key),
            options=self.start_options(),
        )
        return self._follow(context, ledger, claim.entry, is_new=claim.is_new, attempt=attempt)

    def _follow(
        self,
        context: Context,
        ledger: JobLedger,
        entry: LedgerEntry,
        *,
        is_new: bool = False,
        attempt: int = 0,
        early: int = 0,
    ) -> str:
        """Do what brings a result from where the entry stands: take it, start, wait, read; or say why there is none.

        :param is_new: nobody can have started the job yet.
        :param attempt: how often the service said "not now".
        :param early: how often the job was said to have ended, and had not.
        """
        last = entry.generation + MOST_GENERATIONS_A_TRY
        while entry.generation < last:
            self._work_on(context, ledger, entry)
            if self._killed:
                self.on_kill()  # again: the job may have been started meanwhile
                raise unfinished(entry, "the task was killed")
            if entry.state == "cancelled":
                return self._pursue(context)  # others let it be cancelled; this task still wants it
            if entry.state == "failed":
                raise failure_of(entry, self.hook.advice)
            if entry.state == "complete" and self.result_stands(entry.result or {}):
                self.log.info("Job %s has done this already: %s", entry.job_id, entry.what)
                return self.returned(str(entry.job_id), entry.result or {})
            try:
                if entry.state == "starting":
                    entry, is_new = self._start(context, ledger, entry, is_new=is_new), False
                    if entry.state == "active" and not self._killed:
                        self._work_on(context, ledger, entry)
                        return self._wait(context, ledger, entry)
                    continue
                status = self._look(entry)
            except NotNow as refusal:
                self._back_off(entry, refusal, attempt)
                attempt, is_new = attempt + 1, False
                entry = ledger.read(entry.job_key) or entry
                continue
            if status is None:
                lost = "does not know" if entry.state == "active" or self.rereads_results else "keeps no result of"
                entry = self._next_generation(context, ledger, entry, f"the service {lost} job {entry.job_id}")
            elif status.state == "complete":
                return self._keep(ledger, entry, status)
            elif status.state == "failed":
                failed = partial(LedgerEntry.failed, code=status.code, message=status.message)
                entry = ledger.change(entry, failed, only_if=lambda e: e.state != "cancelled")
            elif early >= MOST_EARLY_EVENTS:
                raise unfinished(entry, "it has not ended yet")
            else:
                self.log.info("Job %s is at it: %s", entry.job_id, entry.what)
                return self._wait(context, ledger, entry, early)
        raise PaidJobRefused(**names(entry), code="LostJobs", message="every job that was started was lost at once")

    def _start(self, context: Context, ledger: JobLedger, entry: LedgerEntry, *, is_new: bool) -> LedgerEntry:
        """Start the job, or find the one that an earlier try started without telling.

        The entry comes back ``active``, or in its next generation when its token was used up, or as others left it.

        :raises NotNow: when a quota is full.
        """
        if not entry.priced_by:
            quote, generation = self._quote(ledger, entry), entry.generation
            entry = ledger.change(entry, lambda e: e.priced(quote), only_if=lambda e: e.state == "starting")
            if (entry.state, entry.generation) != ("starting", generation):
                return entry  # another was quicker
        job_id = None if is_new else self._find(entry)
        if job_id is not None:
            self.log.info("An earlier try started job %s: %s", job_id, entry.what)
        else:
            request = {**self.start_request(), **entry.options}
            try:
                job_id = self.hook.start(self.operation, request, token=entry.token, tags=entry.tags)
            except ClientError as error:
                code, message = code_and_message(error)
                if code in self.hook.quota_codes:
                    raise NotNow(error) from error
                if code in TOKEN_USED_CODES:
                    return self._next_generation(context, ledger, entry, f"{code}: its token was used before")
                if is_open(error):
                    raise self._error(PaidJobRefused, entry, code, message) from error
                raise self._refused(ledger, entry, code, message) from error
            self.log.info("Started job %s: %s, %s", job_id, entry.what, entry.price)
        standing = ledger.change(entry, lambda e: e.started(job_id), only_if=lambda e: e.state == "starting")
        if standing.job_id == job_id:
            return standing
        self.log.warning("Job %s is one too many, it is cancelled", job_id)
        self.hook.cancel(self.operation, job_id)
        return standing

    def _wait(self, context: Context, ledger: JobLedger, entry: LedgerEntry, early: int = 0) -> str:
        job_id, waiting = str(entry.job_id), holder(context)
        if waiting not in entry.holders:  # another began the generation that this task waits for now
            ledger.change(entry, lambda e: e.held_by(waiting), only_if=lambda e: e.is_live)
        if self.deferrable:
            self.defer(
                trigger=self.trigger_class(
                    operation=self.operation,
                    job_id=job_id,
                    job_key=entry.job_key,
                    holder=waiting,
                    ledger_table=self.ledger_table if self.use_ledger else None,
                    completions_queue_url=self.completions_queue_url or None,
                    waiter_delay=self.waiter_delay,
                    waiter_max_attempts=self.waiter_max_attempts,
                    aws_conn_id=self.aws_conn_id,
                    region_name=self.region_name,
                    verify=self.verify,
                    botocore_config=self.botocore_config,
                ),
                method_name="execute_complete",
                kwargs={"job_key": entry.job_key, "early": early},
                timeout=self.execution_timeout,
            )
        if not self.wait_for_completion:
            return job_id
        try:
            wait(
                waiter=self.hook.get_waiter(f"{self.operation}_complete"),
                waiter_delay=self.waiter_delay,
                waiter_max_attempts=self.waiter_max_attempts,
                args=self.hook.waiter_arguments(self.operation, job_id),
                failure_message=f"Job {job_id} failed",
                status_message=f"Job {job_id}",
                status_args=list(self.status_queries),
            )
        except AirflowException as error:  # whatever ended it: the job itself is asked next
            self.log.warning("The wait for job %s ended: %s", job_id, error)
        return self._follow(context, ledger, ledger.read(entry.job_key) or entry, early=MOST_EARLY_EVENTS)

    def _work_on(self, context: Context, ledger: JobLedger, entry: LedgerEntry) -> None:
        """Remember what a kill must let go of, and link the task to its job."""
        self._working_on = (context, ledger, entry)
        if entry.job_id:
            self.link_class.persist(
                context=context,
                operator=self,
                region_name=self.hook.conn_region_name,
                aws_partition=self.hook.conn_partition,
                job_id=entry.job_id,
            )

    def _find(self, entry: LedgerEntry) -> str | None:
        """Look for a job that an earlier try started without telling.

        :raises NotNow: when a quota is full.
        :raises PaidJobRefused: when the service does not say, so that a start might be the second.
        """
        try:
            return self.hook.find(self.operation, token=entry.token, tags=entry.tags)
        except ClientError as error:
            code, message = code_and_message(error)
            if code in self.hook.quota_codes:
                raise NotNow(error) from error
            message = f"whether an earlier try started a job cannot be told: {message}"
            raise self._error(PaidJobRefused, entry, code, message) from error

    def _look(self, entry: LedgerEntry) -> JobStatus | None:
        """Ask the service how the job stands; ``None`` when there is nothing to be read from it (any more).

        :raises NotNow: when a quota is full.
        """
        if entry.state == "complete" and not self.rereads_results:
            return None
        try:
            return self.hook.describe(self.operation, str(entry.job_id))
        except ClientError as error:
            code, message = code_and_message(error)
            if code in UNKNOWN_JOB_CODES:
                return None
            if code in self.hook.quota_codes:
                raise NotNow(error) from error
            raise self._error(PaidJobUnfinished, entry, code, message) from error

    def _keep(self, ledger: JobLedger, entry: LedgerEntry, status: JobStatus) -> str:
        result = self.keep_result(status)
        ledger.change(entry, lambda e: e.completed(result), only_if=lambda e: e.job_id == status.job_id)
        self.log.info("Job %s is done: %s, %s", status.job_id, entry.what, entry.price)
        return self.returned(status.job_id, result)

    def _next_generation(self, context: Context, ledger: JobLedger, entry: LedgerEntry, why: str) -> LedgerEntry:
        """Begin anew, unless others have; return the entry as it stands."""
        self.log.warning("Generation %d is given up (%s): %s", entry.generation, why, entry.what)
        tags, options = job_tags(context, entry.job_key), self.start_options()
        return ledger.change(
            entry,
            lambda e: e.next_generation(holder=holder(context), tags=tags, options=options, why=why),
            only_if=lambda e: (e.state, e.job_id) == (entry.state, entry.job_id),
        )

    def _back_off(self, entry: LedgerEntry, refusal: NotNow, attempt: int) -> None:
        """Wait before asking again: in the triggerer when deferrable, which does not return, else here.

        :raises PaidJobRefused: when the quota has been full for too long.
        """
        if attempt + 1 >= self.start_max_attempts:
            message = f"still refused after {self.start_max_attempts} attempts: {refusal.message}"
            raise self._error(PaidJobRefused, entry, refusal.code, message)
        trigger = StartBackoffTrigger(attempt=attempt, seed=f"{entry.token}{self.task_id}")
        self.log.info("%s says not now (%s); attempt %d waits", self.hook.service, refusal.code, attempt + 2)
        if self.deferrable:
            self.defer(
                trigger=trigger,
                method_name="resume_start",
                kwargs={"job_key": entry.job_key},
                timeout=self.execution_timeout,
            )
        time.sleep(trigger.delay_s)

    def _let_go(self, context: Context, ledger: JobLedger, entry: LedgerEntry, *, task_state: str | None) -> None:
        """Release the job, cancel it, or leave it as it is for the next try.

        :param task_state: what Airflow says of this task now; ``None`` and ``running`` say nothing of what follows.
        """
        instance = context["ti"]
        undecided = task_state in (None, "running")
        if undecided and instance.try_number <= instance.max_tries:
            self.log.info("Job %s goes on for the next try", entry.job_id)
            return
        cancel = undecided or task_state in ENDED_TASK_STATES
        became = ledger.let_go(entry.job_key, holder(context), self.hook, cancel=cancel)
        self.log.info("Job %s is %s", entry.job_id, became)

    # --- what is asked, of whom, at which price

    def _ledger(self, context: Context) -> JobLedger:
        if self.use_ledger:
            return JobLedgerHook(table=self.ledger_table, **self._hook_parameters)
        return TaskMemory(context["task_state_store"])

    def _identity(self, context: Context) -> JobIdentity:
        self._stored = StoredMedia.look_up(self._s3, self.source(), service=self.hook.service)
        return JobIdentity(
            service=self.hook.service,
            operation=self.operation,
            bucket=self._stored.object.bucket,
            key=self._stored.object.key,
            version=self._stored.version,
            parameters=self.start_request(),
            only_for="" if self.use_ledger else holder(context).rsplit("|", 1)[0],
        )

    @cached_property
    def _s3(self) -> S3Client:
        return S3Hook(**self._hook_parameters).conn

    def _quote(self, ledger: JobLedger, entry: LedgerEntry) -> Quote:
        """Estimate the price of the job, and object before it is paid when the service cannot do it."""
        stored = self._stored or StoredMedia.look_up(self._s3, self.source(), service=self.hook.service)
        media, unknown = stored.facts(self._s3, duration_s=float(self.duration_s) if self.duration_s else None)
        if unknown:
            self.log.warning("Before the job nothing is known of it: %s", unknown)
        if objection := self.objection(media):
            raise self._refused(ledger, entry, *objection)
        quote = default_rate_card().quote(self.billed_units(media))
        return replace(quote, note=f"{quote.note}: {unknown}") if quote.note and unknown else quote

    def _refused(self, ledger: JobLedger, entry: LedgerEntry, code: str, message: str) -> PaidJobError:
        """Note that nothing was started, and return the error."""
        ledger.change(entry, lambda e: e.failed(code, message), only_if=lambda e: e.state == "starting")
        return self._error(PaidJobRefusedForGood, entry, code, message)

    def _error(self, kind: type[PaidJobError], entry: LedgerEntry, code: str, message: str) -> PaidJobError:
        return kind(**names(entry), code=code, message=message, advice=self.hook.advice.get(code))
