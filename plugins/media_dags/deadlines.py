"""From when on the lateness of a run is counted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class RunDueDeadline(BaseDeadlineReference):
    """The moment from which a run may start: of a scheduled run its time, of a manual one its trigger.

    ``DeadlineReference.DAGRUN_QUEUED_AT`` will not do: Airflow 3.3.2 then answers 500 to whoever clears a task of a run
    that has not succeeded (https://github.com/apache/airflow/issues/70368). ``DAGRUN_LOGICAL_DATE`` will not either:
    runs that are triggered through the API may have none. The class is registered in ``media_plugin.py``.
    """

    required_kwargs = frozenset({"dag_id", "run_id"})

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str, **_: Any) -> datetime | None:
        from airflow.models import DagRun
        from sqlalchemy import select

        return session.scalar(select(DagRun.run_after).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
