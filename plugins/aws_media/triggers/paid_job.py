"""Wait for a paid job without a worker: by the messages that services send, by asking them where none come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Hashable
from typing import Any, ClassVar

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from aws_media.hooks.paid_job import PaidJobHook


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
            json.dumps(self.botocore_config, sort_keys=True),
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise NotImplementedError
        yield


class StartBackoffTrigger(BaseTrigger):
    """Fire ``{"status": "retry", "attempt": attempt + 1}`` when a start that met a quota may be tried again.

    :param attempt: how often the start was tried before, from 0
    :param seed: what this waiting is for (the job key), so that tasks that wait for the same quota come one by one
    :param base_s: the first wait in seconds; each further one is twice as long
    :param cap_s: the longest wait in seconds
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

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise NotImplementedError
        yield
