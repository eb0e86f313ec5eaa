"""What one triggerer process waits for: which jobs, what it has heard of their ends, and how fast it may act on it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import uniform
from typing import Any, Literal
from weakref import WeakKeyDictionary

from aws_media.hooks.paid_job import PaidJobHook
from include.settings import SETTINGS

FIRST_CHECK_WITHIN_S = 5.0
"""A job is asked about once when a trigger begins to wait for it, at a random moment of these seconds."""

SWEEP_S, SECONDS_PER_SWEPT_JOB = 300.0, 60.0
"""A job is asked about again after five minutes although messages come, in case that its own got lost; but while none
was ever missed, only one job a minute: the sweep looks whether messages come at all."""

SUSPICIOUS_FOR_S = 3600.0
"""How long the sweep runs at full pace after it found a job that ended without a message."""

REMEMBERED_ENDS, REMEMBERED_FOR_S = 20_000, 900.0
"""How many ends are remembered, and how long, for triggers that begin to wait after the message has come."""

HELD_S = 10.0
"""At most what can be acted on in these seconds is taken out of the queue; the rest waits there."""


def event_of(job_id: str, state: Literal["complete", "failed", "active"], message: str = "") -> dict[str, Any]:
    """Return what a trigger fires; ``active`` means that the waiting was given up.

    >>> event_of("1-a", "complete")
    {'status': 'success', 'job_id': '1-a', 'state': 'complete'}
    >>> event_of("1-a", "active", "not ended after 60 s")
    {'status': 'error', 'job_id': '1-a', 'state': 'active', 'message': 'not ended after 60 s'}
    """
    event = {"status": "success" if state == "complete" else "error", "job_id": job_id, "state": state}
    return event | {"message": message} if message else event


class Pace:
    """At most ``per_second`` on average, and at most a second's worth at once.

    >>> pace = Pace(2.0)
    >>> pace.take(5), pace.take(5)
    (2, 0)
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._tokens = max(1.0, per_second)
        self._filled_at = time.monotonic()

    def take(self, wanted: int) -> int:
        """Return how many of ``wanted`` may go now, and count them as gone."""
        now = time.monotonic()
        if now > self._filled_at:
            self._tokens = min(max(1.0, self.per_second), self._tokens + (now - self._filled_at) * self.per_second)
            self._filled_at = now
        allowed = int(min(wanted, self._tokens + 1e-6))
        self._tokens -= allowed
        return allowed

    @property
    def is_paused(self) -> bool:
        return self._filled_at > time.monotonic()

    def pause(self, seconds: float) -> None:
        """Let nothing go for ``seconds``, and then begin slowly."""
        self._filled_at = time.monotonic() + seconds
        self._tokens = 0.0


RESUMPTIONS = Pace(SETTINGS.resumptions_per_second)
"""How fast this process wakes tasks: Airflow starts about four a second and worker (facts: 0.23 s each)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the queue that is not acknowledged yet."""

    message_id: str
    receipt: str
    receives: int
    sent_at: float
    """Seconds since the epoch."""


@dataclass(slots=True, kw_only=True)
class WaitedJob:
    """A job that triggers of this process wait for. Times are of ``time.monotonic``."""

    job_id: str
    operation: str
    hook_class: type[PaidJobHook]
    checks_per_second: float
    delay_s: float
    give_up_after_s: float
    since: float = field(default_factory=time.monotonic)
    first_check_at: float = field(init=False)
    checked_at: float | None = None
    being_checked: bool = False
    refusals: int = 0
    """How often in a row the service refused to say how the job stands."""
    triggers: int = 0
    was_told: bool = False
    """A task was told already that the job ended. If this one is the same, the service then said that it had not."""
    jitter: float = field(default_factory=lambda: uniform(0.75, 1.25))

    def __post_init__(self) -> None:
        self.first_check_at = self.since + uniform(0, min(FIRST_CHECK_WITHIN_S, self.delay_s))

    def given_up(self, now: float) -> bool:
        return now - self.since >= self.give_up_after_s

    def is_polled(self, now: float, *, deaf: bool) -> bool:
        """Say whether to ask now because no message will tell, or is worth waiting for."""
        if self.checked_at is None:
            return now >= self.first_check_at
        return (deaf or self.was_told or self.given_up(now)) and now - self.checked_at >= self.delay_s * self.jitter

    def may_be_swept(self, now: float) -> bool:
        return self.checked_at is not None and now - self.checked_at >= SWEEP_S * self.jitter


@dataclass(slots=True)
class Release:
    """The end of a job on its way to the triggers that wait for it, and the messages that told of it."""

    event: dict[str, Any]
    messages: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class _End:
    event: dict[str, Any]
    heard_at: float
    told: bool = False


class WaitingRoom:
    """The triggers of this process that share one queue (or have none) and one connection.

    :param has_queue: completions come by messages, so that asking is the exception
    :param pace: how fast tasks are woken
    """

    def __init__(self, *, has_queue: bool, pace: Pace = RESUMPTIONS) -> None:
        self.jobs: dict[str, WaitedJob] = {}
        self.deaf = not has_queue
        """There is no queue, or it cannot be read at the moment, so that every job is asked about."""
        self._pace = pace
        self._ends: OrderedDict[str, _End] = OrderedDict()
        self._releases: dict[str, Release] = {}
        self._something_to_release = asyncio.Event()
        self._suspicious_until = 0.0

    @contextmanager
    def waiting_for(self, job: WaitedJob) -> Iterator[None]:
        """Count one trigger as waiting for ``job``. An end that came before its trigger is released to it."""
        begun = time.monotonic()
        job = self.jobs.setdefault(job.job_id, job)
        job.triggers += 1
        job.since = begun
        self._forget_old_ends(begun)
        if known := self._ends.get(job.job_id):
            job.was_told = known.told
            if not known.told:
                self._release(known.event)
        try:
            yield
        finally:
            job.triggers -= 1
            if not job.triggers:
                self.jobs.pop(job.job_id, None)

    def hear(self, event: dict[str, Any], message: Message | None = None) -> bool:
        """Take note that a job ended; ``False`` when no trigger here waits for it, which may change."""
        now = time.monotonic()
        self._forget_old_ends(now)
        end = self._ends.setdefault(event["job_id"], _End(event, now))
        if event["job_id"] not in self.jobs:
            return False
        self._release(end.event, message)
        return True

    def give_up(self, event: dict[str, Any]) -> None:
        """Wake the triggers of a job whose end is not known; nothing is remembered of it."""
        self._release(event)

    def tell(self, job_id: str) -> None:
        """Note that a trigger has fired the end of the job: further messages about it say nothing new."""
        if end := self._ends.get(job_id):
            end.told = True

    def was_told(self, job_id: str) -> bool:
        return (end := self._ends.get(job_id)) is not None and end.told

    def ending(self, job_id: str) -> bool:
        """Say whether the end of a job is on its way to its triggers."""
        return job_id in self._releases

    def suspect(self) -> None:
        """Note that a job ended without a message: others may have, so all are asked about soon."""
        self._suspicious_until = time.monotonic() + SUSPICIOUS_FOR_S

    def sweeps_per_second(self) -> float:
        """Return how often a job may be asked about that is waited for by its message."""
        return float("inf") if time.monotonic() < self._suspicious_until else 1 / SECONDS_PER_SWEPT_JOB

    def is_full(self) -> bool:
        """Say whether more messages should wait in the queue, for there is enough to act on."""
        return len(self._releases) >= max(10.0, self._pace.per_second * HELD_S)

    async def releases(self) -> list[Release]:
        """Wait for ends that may be acted on now, and return them; an empty list when it is too early for more."""
        await self._something_to_release.wait()
        allowed = self._pace.take(len(self._releases))
        taken = [self._releases.pop(job_id) for job_id in list(self._releases)[:allowed]]
        if not self._releases:
            self._something_to_release.clear()
        return taken

    def _forget_old_ends(self, now: float) -> None:
        while self._ends and (
            len(self._ends) >= REMEMBERED_ENDS or next(iter(self._ends.values())).heard_at < now - REMEMBERED_FOR_S
        ):
            self._ends.popitem(last=False)

    def _release(self, event: dict[str, Any], message: Message | None = None) -> None:
        release = self._releases.setdefault(event["job_id"], Release(event))
        if message is not None:
            release.messages.append(message)
        self._something_to_release.set()


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, WaitingRoom]] = WeakKeyDictionary()


def waiting_room(key: Hashable, *, has_queue: bool) -> WaitingRoom:
    """Return this event loop's room of that key, the same each time."""
    rooms = _rooms.setdefault(asyncio.get_running_loop(), {})
    if key not in rooms:
        rooms[key] = WaitingRoom(has_queue=has_queue)
    return rooms[key]
