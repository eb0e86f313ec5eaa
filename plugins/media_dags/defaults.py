"""What is the same for every pipeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from media_dags.deadlines import RunDueDeadline
from media_lake.notifiers.sns import RunAlertNotifier

DEFAULT_ARGS: dict[str, Any] = {
    "retries": 4,  # restarts of a component burn some
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=1),
}

ON_RUN_FAILED = RunAlertNotifier(kind="failed")


def cron_utc(cron: str) -> CronTriggerTimetable:
    """Run at the next moments of a cron expression, in UTC, and not for moments before the DAG was switched on.

    It holds only for a DAG without a start date: with one, switching the DAG on runs its last missed moment at once.
    """
    return CronTriggerTimetable(cron, timezone="UTC", run_immediately=False)


def late_after(interval: timedelta) -> DeadlineAlert:
    """Alert when a run has not ended ``interval`` after it was due."""
    return DeadlineAlert(
        reference=RunDueDeadline(),
        interval=interval,
        callback=AsyncCallback(RunAlertNotifier, kwargs={"kind": "late"}),
    )
