"""What must hold after a burst of uploads: none lost, none decided or bought twice, one alert an incident."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An upload as it was sent; ``at`` in seconds since the epoch."""

    key: str
    version_id: str | None
    etag: str
    size_bytes: int
    sha256: str
    at: float
    is_incident: bool
    """What the rules should say of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the uploads; mappings are by their keys."""

    items: Mapping[str, Sequence[Mapping[str, Any]]]
    """Of the catalogue."""
    kept: Mapping[str, bool]
    """Whether the bytes stand where the catalogue says."""
    jobs: Sequence[Mapping[str, Any]]
    """Entries of the ledger."""
    announced: Sequence[Mapping[str, Any]]
    """What Rekognition told of the jobs that it ended."""
    alerts: Mapping[str, Sequence[float]]
    """When the alerts about each upload were sent, in seconds since the epoch."""
    new_dead_letters: int

    @property
    def rekognition_jobs(self) -> set[str]:
        return {entry["job_id"] for entry in self.jobs if entry["service"] == "rekognition"}

    def count(self, decision: str) -> int:
        """Return how many uploads were decided to be this."""
        return sum(item.get("decision") == decision for items in self.items.values() for item in items)


def violations(sent: Sequence[Sent], outcome: Outcome) -> list[str]:
    """Return in words everything that does not hold."""
    return [
        *(fault for one in sent for fault in _of_upload(one, outcome)),
        *_of_jobs(outcome),
        *([f"{outcome.new_dead_letters} messages became dead letters"] if outcome.new_dead_letters else []),
    ]


def _of_upload(sent: Sent, outcome: Outcome) -> Iterator[str]:
    items = outcome.items.get(sent.key, ())
    if len(items) != 1:
        yield f"{sent.key}: {len(items)} entries in the catalogue instead of one"
        return
    (item,) = items
    decision, wanted = item.get("decision"), "incident" if sent.is_incident else "normal"
    if decision != wanted:
        failure = item.get("failure") or {}
        why = f" ({failure['stage']}: {failure['error']}: {failure['message']})" if failure else ""
        yield f"{sent.key}: {decision or item['state']}{why} instead of {wanted}"
    if item.get("sha256") != sent.sha256:
        yield f"{sent.key}: the catalogue has another checksum than the upload"
    if not outcome.kept.get(sent.key):
        yield f"{sent.key}: its bytes are not where the catalogue says"
    alerts = len(outcome.alerts.get(sent.key, ()))
    if alerts != (decision == "incident"):
        yield f"{sent.key}: {alerts} alerts about {'an incident' if decision == 'incident' else 'no incident'}"


def _of_jobs(outcome: Outcome) -> Iterator[str]:
    for entry in outcome.jobs:
        if entry["generation"] != 1:
            yield f"{entry['service']} {entry['operation']} of {entry['asset']} was bought {entry['generation']} times"
    bought = Counter(
        (entry["service"], entry["operation"], entry["asset"])
        for entry in outcome.jobs
        if entry["service"] != "mediaconvert"  # of one film a rendition and several clips are made
    )
    for (service, operation, asset), count in bought.items():
        if count > 1:
            yield f"{service} {operation} of {asset} stands {count} times in the ledger"
    announced = Counter(told["JobId"] for told in outcome.announced)
    for job_id in announced.keys() - outcome.rekognition_jobs:
        yield f"Rekognition did the job {job_id}, of which the ledger knows nothing"
    for job_id in outcome.rekognition_jobs - announced.keys():
        yield f"the ledger has the job {job_id}, whose end Rekognition has not told"


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that ``share`` percent of the ordered values do not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 95)
    (2, 4)
    """
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]
