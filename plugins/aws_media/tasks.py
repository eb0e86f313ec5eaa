"""How a task that waits for a paid job is called, and how Airflow says it stands."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context

PATIENCE_S = 2.0
"""How long a killed task waits for Airflow's answer; it is given 5 s to end altogether."""


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
    """Ask Airflow how this task instance stands, which a kill does not tell; ``None`` when it does not answer.

    It is asked in a thread, with little patience: a kill may interrupt a question that is under way, and two at a time
    would wait for each other.
    """
    instance = context["ti"]
    answers: list[str] = []

    def ask() -> None:
        with suppress(Exception):  # the kill goes on, whatever keeps the answer away
            states = instance.get_task_states(
                dag_id=instance.dag_id,
                task_ids=[instance.task_id],
                run_ids=[instance.run_id],
                map_index=instance.map_index,
            )
            # a mapped instance is called "<task id>_<map index>" there
            answers.extend(state or "cleared" for state in states[instance.run_id].values())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return answers[0] if answers else None
