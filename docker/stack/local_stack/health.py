"""Is a component well? Its process runs, and it answers or has sent a heartbeat since it was started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local_stack.components import Component
from local_stack.processes import Record, StackFolder, main_process

ANSWER_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """``state`` is healthy, starting (it runs but is not ready), dead (it was started and has ended) or stopped."""

    state: str
    detail: str = ""

    @property
    def is_healthy(self) -> bool:
        return self.state == "healthy"

    def __str__(self) -> str:
        return f"{self.state}: {self.detail}" if self.detail else self.state


HEALTHY = Health("healthy")


def health_of_program(answer: httpx.Response | None) -> Health:
    """Judge what a program's health address answered; None means that nobody answered.

    >>> str(health_of_program(httpx.Response(503, json={"done": 3, "total": 12})))
    'starting: 3 of 12'
    """
    if answer is None:
        return Health("starting", "does not answer yet")
    if answer.is_success:
        return HEALTHY
    try:
        body = answer.json()
        detail = f"{body['done']} of {body['total']}" if body["total"] else "prepares"
    except (ValueError, KeyError, TypeError):
        detail = f"answers {answer.status_code}"
    return Health("starting", detail)


def health_of_heartbeat(name: str, airflow_health: Mapping[str, Any] | None, started_at: float) -> Health:
    """Judge one component in the answer of Airflow's health address.

    A heartbeat older than ``started_at`` (seconds since the epoch) came from a process before this one.

    >>> answer = {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:10+00:00"}}
    >>> began = datetime.fromisoformat("2026-01-01T00:00:05+00:00").timestamp()
    >>> str(health_of_heartbeat("scheduler", answer, began)), str(health_of_heartbeat("scheduler", answer, began + 60))
    ('healthy', 'starting: no heartbeat yet')
    """
    if airflow_health is None:
        return Health("starting", "the Airflow API does not answer yet")
    found = airflow_health.get(name) or {}
    if name != "metadatabase":
        latest = found.get(f"latest_{name}_heartbeat")
        if not latest or datetime.fromisoformat(latest).timestamp() < started_at:
            return Health("starting", "no heartbeat yet")
    status = found.get("status")
    return HEALTHY if status == "healthy" else Health("starting", f"Airflow calls it {status}")


def answer_of(url: str) -> httpx.Response | None:
    """Ask a program of this stack; None when nobody answers in time."""
    try:
        return httpx.get(url, timeout=ANSWER_TIMEOUT_S, trust_env=False)
    except httpx.TransportError:
        return None


def check(folder: StackFolder, components: list[Component]) -> dict[str, Health]:
    """Judge every component, by name."""
    airflow_health: Mapping[str, Any] | None = None
    for component in components:
        if component.is_airflow and component.health_url and _runs(folder, component):
            answer = answer_of(component.health_url)
            airflow_health = answer.json() if answer is not None and answer.is_success else None
    return {component.name: _health_of(folder, component, airflow_health) for component in components}


def _runs(folder: StackFolder, component: Component) -> Record | None:
    record = folder.record_of(component.name)
    return record if record and main_process(folder, record) else None


def _health_of(folder: StackFolder, component: Component, airflow_health: Mapping[str, Any] | None) -> Health:
    record = _runs(folder, component)
    if record is None:
        return Health("dead") if folder.record_of(component.name) else Health("stopped")
    if component.heartbeat:
        return health_of_heartbeat(component.heartbeat, airflow_health, record.started_at)
    return health_of_program(answer_of(component.health_url))
