"""One sensor for every paid job: wait for a job that another task, or another system, started."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, conf

from aws_media.errors import PaidJobFailed
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

        :raises PaidJobFailed: with the service's words, when the job has failed.
        """
        status = self.hook.describe(self.operation, self.job_id)
        if status.state == "failed":
            raise PaidJobFailed(
                service=f"{self.hook.service} {self.operation}",
                asset="its input",
                job_id=self.job_id,
                code=status.code or "FAILED",
                message=status.message,
                advice=self.hook.advice.get(status.code),
            )
        self.log.info("Job %s is %s%s", self.job_id, status.state, f", {status.percent} %" if status.percent else "")
        return status.state == "complete"

    def execute(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        return None if self.poke(context) else self._defer()

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Look again, whatever ``event`` says: it may come early.

        :raises AirflowSensorTimeout: when the trigger gave up.
        """
        if self.poke(context):
            return
        if event and event.get("state") == "active":
            raise AirflowSensorTimeout(f"job {self.job_id} has not ended after {self.timeout:.0f} s; it goes on")
        self._defer()

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
