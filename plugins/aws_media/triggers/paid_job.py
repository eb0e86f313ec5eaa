"""Wait for a paid job without a worker: by the messages that services send, by asking them where none come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Hashable
from contextlib import aclosing
from hashlib import sha256
from random import Random
from typing import Any, ClassVar

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.hooks.paid_job import PaidJobHook
from aws_media.triggers.completions import CompletionsProducer
from aws_media.triggers.waiting import WaitedJob, WaitingRoom, waiting_room

STILL_WAITED_FOR = frozenset({"deferred", "running"})
"""States of a task whose trigger went to another triggerer, or which was cleared and holds the job again already."""

WILL_RUN = frozenset({None, "scheduled", "queued", "restarting", "up_for_retry", "up_for_reschedule"})
"""States of a task that was cleared. In every other state it has no more use for the job."""

_LETTING_GO: set[asyncio.Future[None]] = set()


class PaidJobTrigger(BaseEventTrigger):
    """Fire when a job has ended: ``{"status": "success"|"error", "job_id", "state": "complete"|"failed"}``.

    The event is a hint; the task that it wakes asks the service for the truth. A service's trigger declares
    ``aws_hook_class``, and ``checks_per_second`` where its Get calls are limited tighter than the default.

    :param operation: the ledger's name of what was bought, see :class:`~aws_media.hooks.paid_job.PaidJobHook`
    :param job_id: the job to wait for
    :param job_key: the ledger's key of the job; ``None`` when the ledger is off
    :param holder: by which name this task holds the job in the ledger
    :param ledger_table: the table of the ledger
    :param completions_queue_url: SQS queue to which completions come; ``None`` asks the service every ``waiter_delay``
    :param waiter_delay: seconds between two looks at the job, when no messages come
    :param waiter_max_attempts: after ``waiter_delay * waiter_max_attempts`` seconds the trigger gives up
    :param cancel_on_kill: cancel the job when the task is marked failed or succeeded; a sensor does not
    """

    supports_triggerer_queue = True
    aws_hook_class: ClassVar[type[PaidJobHook]]
    checks_per_second: ClassVar[float] = 10.0
    """How often a second this process may ask the service how jobs stand, all jobs together."""

    def __init__(
        self,
        *,
        operation: str,
        job_id: str,
        job_key: str | None = None,
        holder: str | None = None,
        ledger_table: str | None = None,
        completions_queue_url: str | None = None,
        waiter_delay: int = 30,
        waiter_max_attempts: int = 720,
        cancel_on_kill: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.operation = operation
        self.job_id = job_id
        self.job_key = job_key
        self.holder = holder
        self.ledger_table = ledger_table
        self.completions_queue_url = completions_queue_url
        self.waiter_delay = waiter_delay
        self.waiter_max_attempts = waiter_max_attempts
        self.cancel_on_kill = cancel_on_kill
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self._fired = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "operation": self.operation,
            "job_id": self.job_id,
            "job_key": self.job_key,
            "holder": self.holder,
            "ledger_table": self.ledger_table,
            "completions_queue_url": self.completions_queue_url,
            "waiter_delay": self.waiter_delay,
            "waiter_max_attempts": self.waiter_max_attempts,
            "cancel_on_kill": self.cancel_on_kill,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": self.botocore_config,
        }

    def shared_stream_key(self) -> Hashable:
        """Jobs of all services that end in one queue, read with one connection, are waited for together."""
        return (
            "aws_media.paid_job",
            self.completions_queue_url or "",
            self.aws_conn_id,
            self.region_name,
            str(self.verify),
            sha256(json.dumps(self.botocore_config, sort_keys=True).encode()).hexdigest(),  # Airflow logs the key
        )

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> CompletionsProducer:
        trigger = cls(**kwargs)
        return CompletionsProducer(
            trigger._room(), queue_url=trigger.completions_queue_url, hook_parameters=trigger._hook_parameters
        )

    async def filter_shared_stream(self, shared_stream: AsyncIterator[dict[str, Any]]) -> AsyncIterator[TriggerEvent]:
        """Fire the job's end, and stay until Airflow has stored it: only then is its message deleted.

        Airflow ends a trigger that fired by cancelling it as if the task had been killed; it is done by then.
        """
        room = self._room()
        event = await self._end_in(room, shared_stream)
        self._fired = True
        yield TriggerEvent(event)
        room.tell(self.job_id)
        try:
            async for _ in shared_stream:
                pass
        except asyncio.CancelledError:
            self.log.debug("The end of job %s is stored", self.job_id)
        except Exception as error:  # noqa: BLE001  the event is out: whatever ends the stream is of no concern
            self.log.warning("Job %s: waiting for the event to be stored ended: %s", self.job_id, error)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait alone, by asking the service: where no triggerer shares a stream, as in ``dag.test()``."""
        room = WaitingRoom(has_queue=False)
        producer = CompletionsProducer(room, queue_url=None, hook_parameters=self._hook_parameters)
        try:
            async with (
                aclosing(producer.open_stream()) as stream,
                aclosing(batch async for batch, _ in stream) as batches,
            ):
                event = await self._end_in(room, batches)
        finally:
            await producer.aclose()
        self._fired = True
        yield TriggerEvent(event)

    async def on_kill(self) -> None:
        """Let go of the job, in a thread that goes on when Airflow does not want to wait for it any longer."""
        if self._fired or not self.cancel_on_kill:
            return
        letting_go = asyncio.ensure_future(asyncio.to_thread(self._let_go))
        _LETTING_GO.add(letting_go)
        letting_go.add_done_callback(_LETTING_GO.discard)
        await asyncio.shield(letting_go)

    def _room(self) -> WaitingRoom:
        return waiting_room(self.shared_stream_key(), has_queue=bool(self.completions_queue_url))

    async def _end_in(self, room: WaitingRoom, batches: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
        job = WaitedJob(
            job_id=self.job_id,
            operation=self.operation,
            hook_class=self.aws_hook_class,
            checks_per_second=self.checks_per_second,
            delay_s=self.waiter_delay,
            give_up_after_s=self.waiter_delay * self.waiter_max_attempts,
        )
        with room.waiting_for(job):
            async for batch in batches:
                if event := batch.get(self.job_id):
                    return event
        raise RuntimeError(f"the stream of completions ended before job {self.job_id} did")

    @property
    def _hook_parameters(self) -> dict[str, Any]:
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "config": self.botocore_config,
        }

    def _let_go(self) -> None:
        """Release the job when the task was cleared; cancel it when the task was ended and nobody else holds it."""
        state = self._task_state()
        if state in STILL_WAITED_FOR:
            return
        ended = state not in WILL_RUN
        hook = self.aws_hook_class(**self._hook_parameters)
        if self.ledger_table and self.job_key and self.holder:
            ledger = JobLedgerHook(table=self.ledger_table, **self._hook_parameters)
            became = ledger.let_go(self.job_key, self.holder, hook, cancel=ended)
        else:
            became = "cancelled" if ended and hook.cancel(self.operation, self.job_id) else "released"
        self.log.info("The task is %s now, job %s is %s", state or "cleared", self.job_id, became)

    def _task_state(self) -> str | None:
        """Ask Airflow for the task's state; ``removed`` when its run is gone."""
        task: Any = self.task_instance
        states = RuntimeTaskInstance.get_task_states(
            dag_id=task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id], map_index=task.map_index
        )
        of_run = states.get(task.run_id, {})  # a mapped task is called "<task id>_<map index>" there
        return next(iter(of_run.values()), "removed")


class StartBackoffTrigger(BaseTrigger):
    """Fire ``{"status": "retry", "attempt": attempt + 1}`` when a start that met a quota may be tried again.

    The wait is spread by half around ``base_s * 2**attempt``, and ``cap_s`` is the middle of the longest.

    :param attempt: how often the start was tried before, from 0
    :param seed: what waits (the job key), so that tasks which wait for the same quota come at different moments
    :param base_s: the first wait in seconds; each further one is twice as long
    :param cap_s: the longest wait in seconds, before it is spread
    """

    def __init__(self, *, attempt: int, seed: str, base_s: float = 10.0, cap_s: float = 300.0) -> None:
        super().__init__()
        self.attempt = attempt
        self.seed = seed
        self.base_s = base_s
        self.cap_s = cap_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "attempt": self.attempt,
            "seed": self.seed,
            "base_s": self.base_s,
            "cap_s": self.cap_s,
        }

    @property
    def delay_s(self) -> float:
        """Return how long to wait, the same for the same attempt and seed.

        >>> 5 <= StartBackoffTrigger(attempt=0, seed="a").delay_s <= 15
        True
        >>> 150 <= StartBackoffTrigger(attempt=50, seed="a").delay_s <= 450
        True
        """
        middle = min(self.cap_s, self.base_s * 2 ** min(self.attempt, 60))
        return middle * Random(f"{self.seed} {self.attempt}").uniform(0.5, 1.5)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(self.delay_s)
        yield TriggerEvent({"status": "retry", "attempt": self.attempt + 1})
