"""Ask the services how jobs stand: through one client a service, a bounded number of times a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from heapq import nsmallest
from random import uniform
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.utils.waiter_with_logging import RETRIABLE_ERROR_CODES
from asgiref.sync import sync_to_async
from botocore.exceptions import ClientError, WaiterError

from aws_media.hooks.paid_job import PaidJobHook
from aws_media.triggers.waiting import Pace, WaitedJob, WaitingRoom, event_of

TICK_S = 0.5
"""How often the jobs are looked through for those to ask about."""

CHECKS_UNDER_WAY = 64
"""How many questions may be open at a time."""

REFUSALS_BEFORE_WAKING = 3
"""After so many refusals in a row (access denied, ...) the task is woken, to fail with the service's own words."""

LONGEST_PAUSE_S = 60.0

log = logging.getLogger(__name__)


class _Busy(Exception):
    """The service asks to be asked later."""


@dataclass(slots=True)
class _Service:
    hook: Any
    client: Any
    waiters: dict[str, Any] = field(default_factory=dict)


class ServiceClients:
    """One asynchronous client for each service, made when first needed.

    :param hook_parameters: connection, region, verify and config, as the hooks take them
    """

    def __init__(self, hook_parameters: Mapping[str, Any]) -> None:
        self._hook_parameters = dict(hook_parameters)
        self._services: dict[type[AwsBaseHook], _Service] = {}
        self._lock = asyncio.Lock()

    async def of(self, hook_class: type[AwsBaseHook]) -> _Service:
        """Return the service's hook and open client.

        :raises BotoCoreError: when no client can be made: no region, unknown profile.
        """
        async with self._lock:
            if hook_class not in self._services:
                hook = hook_class(**self._hook_parameters)
                client = await (await hook.get_async_conn()).__aenter__()
                self._services[hook_class] = _Service(hook, client)
            return self._services[hook_class]

    async def forget(self, hook_class: type[AwsBaseHook]) -> None:
        """Close the client, so that the next one begins with the connection and the credentials of then."""
        if service := self._services.pop(hook_class, None):
            await service.client.close()

    async def aclose(self) -> None:
        for hook_class in list(self._services):
            await self.forget(hook_class)


class StatusChecks:
    """Ask about the jobs of a room when it is their turn, with each service's own waiter, one look at a time."""

    def __init__(self, room: WaitingRoom, clients: ServiceClients) -> None:
        self.room = room
        self.clients = clients
        self._paces: dict[type[PaidJobHook], Pace] = {}
        self._failures: dict[type[PaidJobHook], int] = {}
        self._sweeps = Pace(1.0)
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                self._ask_about_due_jobs()
                await asyncio.sleep(TICK_S)
        finally:
            for task in self._under_way:
                task.cancel()

    def _ask_about_due_jobs(self) -> None:
        now = time.monotonic()
        idle = [job for job in self.room.jobs.values() if not job.being_checked and not self.room.ending(job.job_id)]
        for job in idle:
            if job.is_polled(now, deaf=self.room.deaf):
                self._begin_check(job)
        self._sweeps.per_second = self.room.sweeps_per_second()
        swept = [job for job in idle if job.may_be_swept(now) and not job.being_checked]
        for job in nsmallest(self._sweeps.take(len(swept)), swept, key=lambda job: job.checked_at or 0):
            self._begin_check(job)

    def _begin_check(self, job: WaitedJob) -> None:
        """Ask about a job, unless so much is asked already that it must wait for the next time."""
        pace = self._paces.setdefault(job.hook_class, Pace(job.checks_per_second))
        if len(self._under_way) < CHECKS_UNDER_WAY and pace.take(1):
            job.being_checked = True
            task = asyncio.create_task(self._check(job))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _check(self, job: WaitedJob) -> None:
        swept, event = job.checked_at is not None, None
        try:
            event = await self._ask(job)
        except Exception as error:  # noqa: BLE001  no answer for whatever reason: the others must be asked about
            await self._pause(job.hook_class, error)
        else:
            self._failures.pop(job.hook_class, None)
            job.checked_at = time.monotonic()
        finally:
            job.being_checked = False
        if event is None and job.given_up(time.monotonic()):
            waited = f"{job.give_up_after_s:.0f} s"
            self.room.give_up(event_of(job.job_id, "active", f"The job has not ended after {waited} of waiting."))
        elif event is not None and "message" in event:
            self.room.give_up(event)
        elif event is not None and not self.room.ending(job.job_id):
            if swept and not (self.room.deaf or job.was_told):
                log.warning("Job %s has ended, but no message came: asking about all jobs now", job.job_id)
                self.room.suspect()
            self.room.hear(event)

    async def _ask(self, job: WaitedJob) -> dict[str, Any] | None:
        """Return the event of a job that ended, ``None`` for one that goes on."""
        service = await self.clients.of(job.hook_class)
        name = f"{job.operation}_complete"
        if name not in service.waiters:
            make = partial(service.hook.get_waiter, name, deferrable=True, client=service.client)
            service.waiters[name] = await sync_to_async(make)()
        arguments = service.hook.waiter_arguments(job.operation, job.job_id)
        try:
            await service.waiters[name].wait(**arguments, WaiterConfig={"MaxAttempts": 1})
        except WaiterError as error:
            return self._event_of_waiter_error(job, error)
        job.refusals = 0
        return event_of(job.job_id, "complete")

    def _event_of_waiter_error(self, job: WaitedJob, error: WaiterError) -> dict[str, Any] | None:
        """Tell an end, a "not yet" and a refusal apart; botocore says which only in words.

        :raises _Busy: when the service has no time for this question.
        :raises ClientError: for a refusal that may be a passing one.
        """
        reason, answer = str(error), error.last_response
        if "terminal failure" in reason:
            return event_of(job.job_id, "failed")
        refusal = answer.get("Error")
        if not refusal:
            job.refusals = 0
            return None
        if refusal.get("Code") in RETRIABLE_ERROR_CODES | job.hook_class.quota_codes:
            raise _Busy(f"{refusal['Code']}: {refusal.get('Message')}")
        job.refusals += 1
        if job.refusals < REFUSALS_BEFORE_WAKING:
            raise ClientError(answer, job.operation)
        return event_of(job.job_id, "failed", f"{refusal.get('Code')}: {refusal.get('Message')}")

    async def _pause(self, hook_class: type[PaidJobHook], error: Exception) -> None:
        """Leave a service that did not answer alone for a while, longer each time."""
        pace = self._paces[hook_class]
        if pace.is_paused:  # by another question of the same moment
            return
        failures = self._failures[hook_class] = self._failures.get(hook_class, 0) + 1
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(failures, 6)) * uniform(0.5, 1)
        pace.pause(pause_s)
        log.warning("%s does not say how jobs stand, next try in %.0f s: %s", hook_class.service, pause_s, error)
        if not isinstance(error, _Busy):  # the connection or its credentials may be of yesterday
            await self.clients.forget(hook_class)
