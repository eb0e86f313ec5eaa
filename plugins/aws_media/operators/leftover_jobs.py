"""The last to leave turns off the light: cancel what a run's tasks left running."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator
from botocore.exceptions import BotoCoreError, ClientError

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import LedgerUnavailable
from aws_media.operators.paid_job import PaidJobOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from aws_media.hooks.paid_job import PaidJobHook


class CancelLeftoverJobsOperator(BaseOperator):
    """Let go of every paid job that a task of this run still holds, and cancel those that nobody else waits for.

    A task normally lets go of its job itself. This one catches the rest: tasks killed between two steps, within the
    second after they deferred, or with their triggerer. Use it as the teardown of the tasks that buy jobs::

        [transcribe, detect_labels] >> CancelLeftoverJobsOperator(task_id="cancel_leftover_jobs").as_teardown()

    The run's jobs are found by the ledger, one whose start was never recorded by the service's own tags, and those of
    tasks without ledger by their link. A job that was started with ``wait_for_completion=False`` and has not ended is a
    leftover as well. Returns the keys (without ledger: the ids) of the jobs that were cancelled; fails, after all tasks
    were looked through, when the leftovers of one could not be told, for they may go on costing.
    """

    def execute(self, context: Context) -> list[str]:
        cancelled: list[str] = []
        unknown: list[str] = []
        for task in context["dag"].tasks:
            operator_class = getattr(task, "operator_class", type(task))  # of a mapped task, what it is mapped from
            if not (inspect.isclass(operator_class) and issubclass(operator_class, PaidJobOperator)):
                continue
            try:
                cancelled += self._cancelled(context, task, operator_class)
            except (BotoCoreError, ClientError, LedgerUnavailable) as error:
                unknown.append(f"the leftovers of {task.task_id} cannot be told: {error}")
        if unknown:
            raise LedgerUnavailable("; ".join(unknown))
        return cancelled

    def _cancelled(self, context: Context, task: Any, operator_class: type[PaidJobOperator]) -> Iterator[str]:
        def of_task(name: str) -> Any:
            return self.render_template(_parameter(task, operator_class, name), context)

        parameters = {
            "aws_conn_id": of_task("aws_conn_id"),
            "region_name": of_task("region_name"),
            "verify": of_task("verify"),
            "config": of_task("botocore_config"),
        }
        hook = operator_class.aws_hook_class(**parameters)
        if not of_task("use_ledger"):
            yield from self._cancelled_by_link(context, task.task_id, operator_class, hook)
            return
        instance = context["ti"]
        task_of_run = f"{instance.dag_id}|{instance.run_id}|{task.task_id}"
        ledger = JobLedgerHook(table=of_task("ledger_table"), **parameters)
        for job_key in sorted(ledger.held_by_task(task_of_run)):
            if ledger.let_go(job_key, f"{task_of_run}|", hook, cancel=True) == "cancelled":
                self.log.warning("Cancelled what %s left running: %s", task.task_id, job_key)
                yield job_key

    def _cancelled_by_link(
        self, context: Context, task_id: str, operator_class: type[PaidJobOperator], hook: PaidJobHook
    ) -> Iterator[str]:
        links = context["ti"].xcom_pull(task_ids=task_id, key=operator_class.link_class.key, map_indexes=None)
        for link in links if isinstance(links, list | tuple) else [links]:
            if link and hook.cancel(operator_class.operation, link["job_id"]):
                self.log.warning("Cancelled what %s left running: job %s", task_id, link["job_id"])
                yield link["job_id"]


def _parameter(task: Any, operator_class: type[PaidJobOperator], name: str) -> Any:
    """Return what a task was made with: of a mapped task, its partial arguments, else the default."""
    if not hasattr(task, "partial_kwargs"):
        return getattr(task, name)
    if name in task.partial_kwargs:
        return task.partial_kwargs[name]
    constructors = (vars(base).get("__init__") for base in operator_class.__mro__)
    signatures = (inspect.signature(constructor).parameters for constructor in constructors if constructor)
    return next(parameters[name].default for parameters in signatures if name in parameters)
