"""Follow a DAG run in a terminal: a line for every task that ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from rich.console import Console
from rich.markup import escape

from local_stack.airflow_api import AirflowApi

LONGEST_RUN_S = 3600
POLL_S = 1.0
FINAL = {"success", "failed", "skipped", "upstream_failed", "removed"}
UNDER_WAY = {"running": "", "deferred": "waiting for ", "awaiting_input": "waiting for a person: "}
DAG_PATIENCE_S = 90
SKIPPED_AS_A_RULE = {
    *("report_failure", "make_proxy", "detect_moderation"),
    *("make_rendition", "cut_evidence_1", "cut_evidence_2", "cut_evidence_3", "send_alert", "ask_reviewer"),
}
"""Tasks that only some runs and files need; that they were skipped is no news."""


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what to do."""


def wait_for_dag(airflow: AirflowApi, dag_id: str) -> None:
    """Wait until Airflow has read a DAG.

    :raises DemoError: when its file cannot be imported, or is not found.
    """
    deadline = time.monotonic() + DAG_PATIENCE_S
    while dag_id not in {dag["dag_id"] for dag in airflow.dags()}:
        for error in airflow.import_errors():
            raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        if time.monotonic() > deadline:
            raise DemoError(f"Airflow did not find {dag_id} within {DAG_PATIENCE_S} s: look at `make logs`")
        time.sleep(POLL_S)


def follow(airflow: AirflowApi, dag_id: str, run_id: str, console: Console) -> str:
    """Print every task as it ends, a mapped one with its asset's name, until the run has ended; return its state."""
    status = console.status("starting") if console.is_terminal else nullcontext()
    with status as line:
        return _follow_with(airflow, dag_id, run_id, console, line.update if line else lambda _text: None)


def _follow_with(airflow: AirflowApi, dag_id: str, run_id: str, console: Console, show: Callable[[str], None]) -> str:
    told: set[tuple[str, int]] = set()
    waits = False
    began = time.monotonic()
    while True:
        state = airflow.run_state(dag_id, run_id)
        if state == "queued" and not waits and (others := airflow.running(dag_id)):
            waits = True
            names = shown(", ".join(others))
            console.print(f"  waits: one run goes on at a time, and now it is {names}", soft_wrap=True, highlight=False)
        instances = airflow.task_instances(dag_id, run_id)
        totals = Counter(instance["task_id"] for instance in instances)
        for instance in sorted(instances, key=lambda one: one["end_date"] or "9"):
            place = (instance["task_id"], instance["map_index"])
            if instance["state"] not in FINAL or place in told:
                continue
            told.add(place)
            if instance["state"] == "skipped" and instance["task_id"].rpartition(".")[2] in SKIPPED_AS_A_RULE:
                continue
            done = sum(task == place[0] for task, _ in told)
            progress = f"{done}/{totals[place[0]]}" if totals[place[0]] > 1 else ""
            console.print(_line(instance, progress, began), soft_wrap=True, highlight=False)
        if state in {"success", "failed"}:
            return state
        show(f"{time.monotonic() - began:.0f} s  {_doing(instances) or state}")
        if time.monotonic() - began > LONGEST_RUN_S:
            raise TimeoutError(f"the run still goes on after {LONGEST_RUN_S} s; see it in the Airflow UI")
        time.sleep(POLL_S)


def _doing(instances: list[dict[str, Any]]) -> str:
    """Say which tasks run or wait for a job, and of a mapped one how many.

    >>> _doing([{"task_id": "land_audio", "state": "running"}] * 2 + [{"task_id": "plan_batches", "state": None}])
    'land_audio (2)'
    >>> _doing([{"task_id": "analyse_video.detect_text", "state": "deferred"}])
    'waiting for detect_text'
    """
    found = Counter((one["state"], one["task_id"].rpartition(".")[2]) for one in instances if one["state"] in UNDER_WAY)
    return ", ".join(
        UNDER_WAY[state] + task + (f" ({count})" if count > 1 else "") for (state, task), count in found.items()
    )


def _line(instance: Mapping[str, Any], progress: str, began: float) -> str:
    colour = {"success": "green", "skipped": "yellow"}.get(instance["state"], "red")
    name = instance.get("rendered_map_index") or ""
    lasted = f"{instance['duration']:.1f} s" if instance["duration"] is not None else ""
    return (
        f"  {time.monotonic() - began:6.1f} s  [{colour}]{instance['state']:<8}[/{colour}] "
        f"{instance['task_id'].rpartition('.')[2]:<17} {progress:<7} {lasted:>8}  {shown(name)}"
    )


def shown(text: str) -> str:
    r"""Make a text of strangers fit for the terminal: no markup of rich's, no control character.

    >>> print(shown("[red]A\x1b[2Jtitle\u202e"))
    \[red]A [2Jtitle
    """
    return escape("".join(sign if sign.isprintable() else " " for sign in text).rstrip())
