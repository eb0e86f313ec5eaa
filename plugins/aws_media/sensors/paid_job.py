"""One sensor for every paid job: wait for a job that another task, or another system, started."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf
from botocore.exceptions import ClientError

from aws_media.errors import PaidJobError, PaidJobFailedForGood, code_and_message
from aws_media.hooks.paid_job import PaidJobHook
from aws_media.triggers.paid_job import PaidJobTrigger
from include.settings import SETTINGS

if TYPE_CHECKING:
    from airflow.sdk import Context


class PaidJobSensor(AwsBaseSensor[PaidJobHook]):
    """Succeed when a job has completed, fail when it has failed. It owns no job: killed, it cancels none.

    A service's sensor declares ``aws_hook_class`` and ``trigger_class``. ``poke_interval``, ``timeout`` and
    ``soft_fail`` are those of every sensor, deferred or not.

    :param operation: what the job does, see :class:`~aws_media.hooks.paid_job.PaidJobHook`. (templated)
    :param job_id: the job. (templated)
    :param deferrable: wait in the triggerer
    :param completions_queue_url: SQS queue to which completions come; ``None`` polls instead. (templated)
    """

    aws_hook_class: type[PaidJobHook]
    trigger_class: ClassVar[type[PaidJobTrigger]]

    template_fields: Sequence[str] = aws_template_fields("completions_queue_url", "job_id", "operation")

    def __init__(
        self,
        *,
        operation: str,
        job_id: str,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        completions_queue_url: str | None = SETTINGS.completions_queue_url or None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.job_id = job_id
        self.deferrable = deferrable
        self.completions_queue_url = completions_queue_url

    def poke(self, context: Context) -> bool:  # noqa: ARG002
        """Ask the service.

        :raises PaidJobFailedForGood: with the service's words, when the job has failed.
        :raises PaidJobError: when the service does not say how it stands.
        """
        try:
            status = self.hook.describe(self.operation, self.job_id)
        except ClientError as error:
            code, message = code_and_message(error)
            if code not in self.hook.quota_codes:
                raise self._error(PaidJobError, code, message) from error
            self.log.info("%s has no time to say how job %s stands: %s", self.hook.service, self.job_id, error)
            return False
        if status.state == "failed":
            raise self._error(PaidJobFailedForGood, status.code or "FAILED", status.message, asset=status.asset)
        self.log.info("Job %s is %s%s", self.job_id, status.state, f", {status.percent} %" if status.percent else "")
        return status.state == "complete"

    def execute(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        return self.resume_execution("execute_complete", None, context)  # which knows what ``soft_fail`` wants

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Look again, whatever ``event`` says: it may come early.

        :raises AirflowSensorTimeout: when the trigger gave up.
        """
        if self.poke(context):
            return
        if event and event.get("state") == "active":
            raise AirflowSensorTimeout(f"job {self.job_id} has not ended after {self.timeout:.0f} s; it goes on")
        self._defer()

    def _error(self, kind: type[PaidJobError], code: str, message: str, *, asset: str = "") -> PaidJobError:
        return kind(
            service=f"{self.hook.service} {self.operation}",
            asset=asset or "its input",
            job_id=self.job_id,
            code=code,
            message=message,
            advice=self.hook.advice.get(code),
        )

    def _defer(self) -> None:
        delay_s = max(1, int(self.poke_interval))
        self.defer(
            trigger=self.trigger_class(
                operation=self.operation,
                job_id=self.job_id,
                completions_queue_url=self.completions_queue_url or None,
                waiter_delay=delay_s,
                waiter_max_attempts=math.ceil(self.timeout / delay_s),
                cancel_on_kill=False,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                botocore_config=self.botocore_config,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )
