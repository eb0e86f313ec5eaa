"""How a task that waits for a paid job is called, and how Airflow says it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context


def task_of_run(context: Context) -> str:
    """Return what the ledger calls this task in this run, for all its mapped instances: ``dag|run|task``."""
    instance = context["ti"]
    return f"{instance.dag_id}|{instance.run_id}|{instance.task_id}"


def holder(context: Context) -> str:
    """Return what the ledger calls this try of this task instance: ``dag|run|task|map index|try``."""
    instance = context["ti"]
    return f"{task_of_run(context)}|{instance.map_index}|{instance.try_number}"


def job_tags(context: Context, job_key: str) -> dict[str, str]:
    """Return what a job is tagged with, so that people and clean-ups see whose it is."""
    instance = context["ti"]
    return {
        "job_key": job_key,
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
    }


def task_state(context: Context) -> str | None:
    """Ask Airflow how this task instance stands, which a kill does not tell; ``None`` when it does not answer."""
    instance = context["ti"]
    try:
        states = instance.get_task_states(
            dag_id=instance.dag_id,
            task_ids=[instance.task_id],
            run_ids=[instance.run_id],
            map_index=instance.map_index,
        )
        # a mapped instance is called "<task id>_<map index>" there
        return next(iter(states[instance.run_id].values()))
    except Exception:  # noqa: BLE001  (a kill goes on, whatever keeps the answer away)
        return None
