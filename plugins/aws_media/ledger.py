"""The ledger of paid jobs: what was asked for, which job does it, who waits for it, what it should cost.

An entry changes only by the methods of ``LedgerEntry``, which are pure, and only if nobody else changed it meanwhile: a
ledger reads, changes and swaps until it was the one. Where the entries are kept is a ledger's own affair:
``hooks/ledger.py`` keeps them in DynamoDB for everybody, ``TaskMemory`` in Airflow for one task instance.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowException

from include.storage.dynamodb import now_iso

if TYPE_CHECKING:
    from aws_media.hooks.paid_job import PaidJobHook
    from include.costs.rate_card import Quote

EntryState = Literal["starting", "active", "complete", "failed", "cancelled"]

ENDED_TASK_STATES = frozenset({"success", "failed", "skipped", "removed", "upstream_failed"})
"""States in which a task has no more use for its job. A cleared task has: it runs again and attaches."""

_MOST_SWAPS = 60


class LedgerUnavailable(AirflowException):
    """The ledger cannot be asked, so that nobody knows whether the job was paid for already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIdentity:
    """What is bought. Whoever asks for the same gets the same job."""

    service: str
    operation: str
    bucket: str
    key: str
    version: str
    parameters: Mapping[str, Any]
    only_for: str = ""
    """A task instance that wants a job of its own; empty for everybody."""

    @property
    def asset(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def job_key(self) -> str:
        """Return the ledger's key: SHA-256, hex, of the canonical JSON of all this.

        >>> one = JobIdentity(service="s", operation="o", bucket="b", key="k", version="1", parameters={"x": 1, "y": 2})
        >>> other = replace(one, parameters={"y": 2, "x": 1})
        >>> one.job_key == other.job_key, len(one.job_key), one.job_key == replace(one, version="2").job_key
        (True, 64, False)
        """
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One thing bought, through all its generations: a job that failed or was cancelled is followed by the next.

    ``tags`` and ``options`` are those of the generation's first start. A start that is repeated sends the same, else
    the service would take it for another request under one token.
    """

    job_key: str
    service: str
    operation: str
    asset: str
    version: str
    state: EntryState = "starting"
    generation: int = 1
    job_id: str | None = None
    tags: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    holders: frozenset[str] = frozenset()
    """Who waits for the job: ``dag|run|task|map index|try``."""
    estimated_usd: float | None = None
    estimate_note: str | None = None
    """Why there is no estimate, or ``None``."""
    billed_units: tuple[dict[str, Any], ...] = ()
    priced_by: str | None = None
    """Name and date of the rate card."""
    requested_at: str
    started_at: str | None = None
    completed_at: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    previous: tuple[dict[str, Any], ...] = ()
    revision: int = 0

    @classmethod
    def first(
        cls, identity: JobIdentity, *, holder: str, tags: Mapping[str, str], options: Mapping[str, Any]
    ) -> LedgerEntry:
        """Return the entry of something that nobody asked for before."""
        return cls(
            job_key=identity.job_key,
            service=identity.service,
            operation=identity.operation,
            asset=identity.asset,
            version=identity.version,
            tags=tags,
            options=options,
            holders=frozenset({holder}),
            requested_at=now_iso(),
        )

    @property
    def token(self) -> str:
        """Return the idempotency token of this generation: 64 characters of ``[0-9a-f]``."""
        return hashlib.sha256(f"{self.job_key}{self.generation}".encode()).hexdigest()

    @property
    def is_live(self) -> bool:
        return self.state in ("starting", "active")

    @property
    def what(self) -> str:
        """Return what is bought, in words."""
        return f"{self.service} {self.operation} of {self.asset}"

    @property
    def price(self) -> str:
        """Return the estimate, in words."""
        if self.estimated_usd is None:
            return f"at a price that is not known ({self.estimate_note or 'nobody asked'})"
        return f"for about ${self.estimated_usd:.4f}"

    def held_by(self, holder: str) -> LedgerEntry:
        """Add a holder; earlier tries of the same task instance no longer count."""
        return replace(self, holders=self._others(holder) | {holder})

    def let_go_by(self, holder: str) -> LedgerEntry:
        return replace(self, holders=self.holders - {holder})

    def let_go_by_task(self, task: str) -> LedgerEntry:
        """Remove every try and every mapped instance of a task, given as ``dag|run|task|``."""
        return replace(self, holders=frozenset(held for held in self.holders if not held.startswith(task)))

    def priced(self, quote: Quote) -> LedgerEntry:
        return replace(
            self,
            estimated_usd=quote.usd,
            estimate_note=quote.note,
            billed_units=tuple(asdict(units) for units in quote.units),
            priced_by=quote.priced_by,
        )

    def started(self, job_id: str) -> LedgerEntry:
        return replace(self, state="active", job_id=job_id, started_at=now_iso())

    def completed(self, result: dict[str, Any]) -> LedgerEntry:
        """Note what the job found and where it is kept; nobody waits any more."""
        return replace(self, state="complete", result=result, completed_at=now_iso(), error=None, holders=frozenset())

    def failed(self, code: str, message: str) -> LedgerEntry:
        return replace(self, state="failed", error={"code": code, "message": message}, completed_at=now_iso())

    def cancelled(self) -> LedgerEntry:
        return replace(self, state="cancelled", completed_at=now_iso())

    def next_generation(
        self, *, holder: str, tags: Mapping[str, str], options: Mapping[str, Any], why: str | None = None
    ) -> LedgerEntry:
        """Begin anew with another token; what was stays in ``previous``."""
        past = {
            "generation": self.generation,
            "state": self.state,
            "job_id": self.job_id,
            "tags": dict(self.tags),
            "estimated_usd": self.estimated_usd,
            "requested_at": self.requested_at,
            "completed_at": self.completed_at,
            "error": self.error,
            "followed_because": why,
        }
        return replace(
            self,
            state="starting",
            generation=self.generation + 1,
            job_id=None,
            tags=tags,
            options=options,
            holders=frozenset({holder}),
            estimated_usd=None,
            estimate_note=None,
            billed_units=(),
            priced_by=None,
            requested_at=now_iso(),
            started_at=None,
            completed_at=None,
            result=None,
            error=None,
            previous=(*self.previous, {name: value for name, value in past.items() if value is not None}),
        )

    def _others(self, holder: str) -> frozenset[str]:
        instance = holder.rsplit("|", 1)[0] + "|"
        return frozenset(other for other in self.holders if not other.startswith(instance))


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry to work with, and whether this claim began its generation: then nobody can have started its job."""

    entry: LedgerEntry
    is_new: bool


class JobLedger(ABC):
    """Keeps entries, and lets each be changed by one at a time."""

    @abstractmethod
    def read(self, job_key: str) -> LedgerEntry | None:
        """Return the entry as it stands now.

        :raises LedgerUnavailable: when it cannot be read.
        """

    @abstractmethod
    def swap(self, old: LedgerEntry | None, new: LedgerEntry) -> bool:
        """Put ``new`` in the place of ``old`` (``None``: of nothing); ``False`` when something else stands there.

        :raises LedgerUnavailable: when it cannot be written.
        """

    def claim(
        self, identity: JobIdentity, *, holder: str, tags: Mapping[str, str], options: Mapping[str, Any]
    ) -> Claim:
        """Return the entry to work with, held by ``holder``: its ``state`` says what is to do.

        ``complete``: its result is there. ``active``: its job is running; attach. ``starting``: the job may have been
        started or not; start it with the entry's token, tags and options, which makes it one job in either case.
        """
        is_new = False

        def claimed(entry: LedgerEntry | None) -> LedgerEntry:
            nonlocal is_new
            is_new = entry is None or not (entry.is_live or entry.state == "complete")
            if entry is None:
                return LedgerEntry.first(identity, holder=holder, tags=tags, options=options)
            if is_new:
                return entry.next_generation(holder=holder, tags=tags, options=options)
            return entry.held_by(holder) if entry.is_live else entry

        return Claim(self._swapped(identity.job_key, claimed), is_new)

    def change(
        self, entry: LedgerEntry, transition: Callable[[LedgerEntry], LedgerEntry], *, only_if: Any = None
    ) -> LedgerEntry:
        """Change this generation of an entry and return what stands then, which may be another's change.

        It changes nothing when another generation has begun, or when ``only_if`` (of the standing entry) says no.
        """

        def changed(standing: LedgerEntry | None) -> LedgerEntry:
            if standing is None:
                raise LedgerUnavailable(f"the ledger lost {entry.operation} on {entry.asset} ({entry.job_key})")
            if standing.generation != entry.generation or (only_if is not None and not only_if(standing)):
                return standing
            return transition(standing)

        return self._swapped(entry.job_key, changed)

    def let_go(self, job_key: str, holder: str, hook: PaidJobHook, *, cancel: bool) -> Literal["released", "cancelled"]:
        """Take ``holder`` off a job. With ``cancel``, a job that nobody else waits for is stopped as well.

        A service that cannot stop a job leaves it running: the entry stays ``active`` without a holder, and whoever
        asks next gets its result. An entry whose job is not to be found stays ``starting``, for it may have been
        started all the same: whoever asks next starts it with the same token. ``holder`` may end in ``|`` to stand for
        every instance and try of a task.
        """
        entry = self.read(job_key)
        if entry is None:
            return "released"
        entry = self.change(entry, lambda e: e.let_go_by_task(holder) if holder.endswith("|") else e.let_go_by(holder))
        if not cancel or not entry.is_live or entry.holders:
            return "released"
        job_id = entry.job_id or hook.find(entry.operation, token=entry.token, tags=entry.tags)
        if job_id is None or not hook.cancel(entry.operation, job_id):
            return "released"
        self.change(entry, LedgerEntry.cancelled, only_if=lambda e: e.is_live)
        return "cancelled"

    def _swapped(self, job_key: str, transition: Callable[[LedgerEntry | None], LedgerEntry]) -> LedgerEntry:
        for number in range(_MOST_SWAPS):
            old = self.read(job_key)
            new = transition(old)
            if new == old:
                return new
            new = replace(new, revision=0 if old is None else old.revision + 1)
            if self.swap(old, new):
                return new
            time.sleep(random.uniform(0, 0.02 * min(number + 1, 10)))
        raise LedgerUnavailable(f"the ledger's entry {job_key} kept changing; the task may be tried again")


class TaskMemory(JobLedger):
    """The ledger of one task instance, in Airflow's ``task_state_store``: it survives tries, and knows nobody else."""

    def __init__(self, task_state_store: Any) -> None:
        self._store = task_state_store

    def read(self, job_key: str) -> LedgerEntry | None:
        kept = self._store.get(f"paid_job_{job_key}")
        return None if kept is None else entry_from_json(kept)

    def swap(self, old: LedgerEntry | None, new: LedgerEntry) -> bool:  # noqa: ARG002  (nobody else writes here)
        self._store.set(f"paid_job_{new.job_key}", entry_to_json(new))
        return True


def entry_to_json(entry: LedgerEntry) -> dict[str, Any]:
    """Return the entry as JSON-like values; what is ``None`` or empty is left out."""
    values = asdict(entry) | {
        "token": entry.token,
        "holders": sorted(entry.holders),
        "billed_units": list(entry.billed_units),
        "previous": list(entry.previous),
    }
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def entry_from_json(values: Mapping[str, Any]) -> LedgerEntry:
    """Undo ``entry_to_json``."""
    known = {name: values[name] for name in LedgerEntry.__dataclass_fields__ if name in values}
    for name in ("billed_units", "previous"):
        known[name] = tuple(known.get(name, ()))
    return LedgerEntry(**known | {"holders": frozenset(known.get("holders", ())), "tags": known.get("tags", {})})


def paid_by_run(entries: Iterable[LedgerEntry], dag_id: str, run_id: str) -> float | None:
    """Add up the estimates of the jobs that a run started, in US dollars; ``None`` when one of them has none.

    A job that another run had started cost this one nothing, and so did one that the service refused to start. A job
    that was started and then failed or was cancelled counts in full: no promise of AWS was found that it is free.

    >>> entry = LedgerEntry(job_key="k", service="s", operation="o", asset="a", version="1", requested_at="",
    ...     state="complete", job_id="7", estimated_usd=0.25, tags={"dag_id": "d", "run_id": "r"})
    >>> paid_by_run([entry, replace(entry, job_id=None)], "d", "r"), paid_by_run([entry], "d", "later")
    (0.25, 0.0)
    """
    whose = {"dag_id": dag_id, "run_id": run_id}
    generations = [
        generation
        for entry in entries
        for generation in (
            *entry.previous,
            {"tags": entry.tags, "job_id": entry.job_id, "estimated_usd": entry.estimated_usd},
        )
        if generation.get("job_id") and whose.items() <= generation.get("tags", {}).items()
    ]
    estimates = [generation.get("estimated_usd") for generation in generations]
    known = [float(estimate) for estimate in estimates if estimate is not None]
    return round(sum(known, 0.0), 6) if len(known) == len(estimates) else None
