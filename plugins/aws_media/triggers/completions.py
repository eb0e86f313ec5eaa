"""Hear by messages that paid jobs ended: one reader of the queue for all triggers of a process.

A message is received, held until its task may be woken, told to the triggers, and deleted only when Airflow has stored
the event. What becomes of the others:

- *nobody here waits for the job*: its end is remembered, for a trigger that is about to begin, and the message goes
  back, each time for twice as long, for a trigger of another process. After :data:`WANTED_FOR_S` it is deleted: who
  still waits has asked the service meanwhile, at the start or in the sweep
- *it repeats what was told*: deleted, as soon as that is stored
- *it cannot be read*: it goes back, until the queue's redrive policy moves it to the dead letters. The policy should
  allow for 12 receptions or more
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from random import uniform
from typing import Any

from airflow.providers.amazon.aws.hooks.sqs import SqsHook
from airflow.sdk.module_loading import import_string
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from aws_media.hooks.paid_job import Completion, PaidJobHook
from aws_media.triggers.status_checks import ServiceClients, StatusChecks
from aws_media.triggers.waiting import Message, Release, WaitingRoom, event_of

SERVICES = (
    "aws_media.hooks.mediaconvert.MediaConvertHook",
    "aws_media.hooks.rekognition.RekognitionHook",
    "aws_media.hooks.transcribe.TranscribeHook",
)
"""Whose messages can be read, besides those of the services that are waited for."""

LONG_POLL_S = 20
"""SQS answers at once when a message is there, and after these seconds when none came; 20 is its limit."""

AT_A_TIME = 10
"""Messages that one SQS call receives, deletes or gives back; 10 is its limit."""

GATHER_S = 0.8
"""After a message the next call waits, so that jobs which end about the same time come in one answer."""

TELL_EVERY_S = 0.5
"""The pause between two batches to all triggers; each batch wakes every trigger for a moment."""

INVISIBLE_S = 90
"""So long a message stays with this process, which is done with it before; one that died gives it up by that."""

DELETE_WITHIN_S = 40.0
"""Acknowledged messages are deleted ten at a time, and at the latest after these seconds."""

WANTED_FOR_S = 900.0
LONGEST_RETURN_S = 900
LONGEST_PAUSE_S = 60.0

_closing: set[asyncio.Task[None]] = set()

log = logging.getLogger(__name__)


def completion_in(body: str, services: Iterable[type[PaidJobHook]]) -> Completion | None:
    """Read a message's body: an EventBridge event, an SNS message, or an SNS envelope around either.

    ``None`` when no service knows it.
    """
    try:
        message = json.loads(body)
        if isinstance(message, Mapping) and message.get("Type") == "Notification":
            message = json.loads(message["Message"])
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(message, Mapping):
        return None
    return next((found for hook in services if (found := _read(hook, message))), None)


def _read(hook: type[PaidJobHook], message: Mapping[str, Any]) -> Completion | None:
    try:
        return hook.completion_from_message(message)
    except (LookupError, TypeError, ValueError, AttributeError):  # another service's, or an unknown shape
        return None


class CompletionsProducer(SharedStreamProducer):
    """What all triggers of a room listen to: batches of ends, as ``{job id: event}``.

    :param room: who waits
    :param queue_url: where messages come; ``None``: the services are asked only
    :param hook_parameters: connection, region, verify and config, as hooks take them
    """

    def __init__(self, room: WaitingRoom, *, queue_url: str | None, hook_parameters: Mapping[str, Any]) -> None:
        self.room = room
        self.queue_url = queue_url
        self.clients = ServiceClients(hook_parameters)
        self._listed_services: list[type[PaidJobHook]] = []
        self._being_stored: Counter[str] = Counter()
        self._to_delete: list[Message] = []
        self._closed = False
        self._receiving: asyncio.Task[None] | None = None

    async def open_stream(self) -> AsyncGenerator[tuple[dict[str, Any], list[Release]], None]:
        """Yield ends as fast as tasks may be woken, until cancelled. Errors of queue and services are survived."""
        tasks = [asyncio.create_task(self._keep_running(StatusChecks(self.room, self.clients).run))]
        if self.queue_url:
            self._receiving = asyncio.create_task(self._keep_running(self._receive))
            tasks.append(asyncio.create_task(self._delete_now_and_then()))
        try:
            while True:
                told: list[Release] = []
                unwanted: list[Release] = []
                for release in await self.room.releases():  # the trigger of an unwanted one has left meanwhile
                    (told if release.event["job_id"] in self.room.jobs else unwanted).append(release)
                await self._give_back([message for release in unwanted for message in release.messages])
                if told:
                    self._being_stored.update(release.event["job_id"] for release in told)
                    yield {release.event["job_id"]: release.event for release in told}, told
                await asyncio.sleep(TELL_EVERY_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Acknowledge the messages of what was stored; give back those of which Airflow is not sure."""
        for item in batch:
            self._being_stored.subtract(release.event["job_id"] for release in item.broker_payload)
            messages = [message for release in item.broker_payload for message in release.messages]
            if item.outcome.is_clean:
                self._to_delete += messages
            else:
                await self._give_back(messages)
        self._being_stored += Counter()  # drops the zeros
        await self._delete_full_batches()

    async def aclose(self) -> None:
        """Delete what may be deleted, and close without waiting for a call that is still listening."""
        self._closed = True
        self._being_stored.clear()
        await self._delete_all()
        closing = asyncio.create_task(self._close())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)

    async def _close(self) -> None:
        """Let the call that still listens come back: broken off, it might take a message with it into nowhere."""
        try:
            if self._receiving:
                await self._receiving
                await self._delete_all()
        finally:
            await self.clients.aclose()

    async def _keep_running(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work`` again when it fails, later each time: triggers outlive a queue that is gone for an hour."""
        failures = 0
        while not self._closed:
            began = time.monotonic()
            try:
                await work()
            except Exception as error:  # noqa: BLE001  whatever it is, the triggers must go on waiting
                failures = 1 if time.monotonic() - began > LONGEST_PAUSE_S else failures + 1
                pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(failures, 6)) * uniform(0.5, 1)
                log.warning("Completions at %s, next try in %.0f s: %s", self.queue_url, pause_s, error)
                await asyncio.sleep(pause_s)

    async def _receive(self) -> None:
        """Take messages out of the queue as long as there is room for them.

        :raises BotoCoreError, ClientError: when the queue cannot be read; until it can, services are asked instead.
        """
        if not self._listed_services:
            self._listed_services = await asyncio.to_thread(lambda: [import_string(name) for name in SERVICES])
        try:
            queue = (await self.clients.of(SqsHook)).client
            patience_s = min(LONG_POLL_S, max(1, int(queue.meta.config.read_timeout) - 5))
            while not self._closed:
                if self.room.is_full():
                    await asyncio.sleep(TELL_EVERY_S)
                    continue
                answer = await queue.receive_message(
                    QueueUrl=self.queue_url,
                    MaxNumberOfMessages=AT_A_TIME,
                    WaitTimeSeconds=patience_s,
                    VisibilityTimeout=INVISIBLE_S,
                    MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                )
                self.room.deaf = False
                messages = answer.get("Messages", [])
                await self._take(messages)
                if 0 < len(messages) < AT_A_TIME:
                    await asyncio.sleep(GATHER_S)
        except Exception:
            self.room.deaf = True
            await self.clients.forget(SqsHook)
            raise

    async def _take(self, received: Iterable[Mapping[str, Any]]) -> None:
        services = {*self._listed_services, *(job.hook_class for job in self.room.jobs.values())}
        returned = []
        for raw in received:
            message = _message(raw)
            completion = completion_in(raw["Body"], services)
            if completion is None:
                log.warning("Message %s tells of no job that a service here knows", message.message_id)
                returned.append(message)
            elif completion.state == "active":
                self._to_delete.append(message)
            elif self.room.was_told(completion.job_id):
                being_stored = completion.job_id in self._being_stored
                (returned if being_stored else self._to_delete).append(message)
            elif not self.room.hear(event_of(completion.job_id, completion.state), message):
                wanted = time.time() - message.sent_at < WANTED_FOR_S
                (returned if wanted else self._to_delete).append(message)
        await self._give_back(returned)
        await self._delete_full_batches()

    async def _give_back(self, messages: Sequence[Message]) -> None:
        """Let others see the messages again: in a second the first time, then after twice as long each time.

        When that fails they show up by themselves after :data:`INVISIBLE_S`.
        """
        for start in range(0, len(messages), AT_A_TIME):
            entries = [
                {"Id": str(number), "ReceiptHandle": message.receipt, "VisibilityTimeout": _return_after_s(message)}
                for number, message in enumerate(messages[start : start + AT_A_TIME])
            ]
            await self._call("change_message_visibility_batch", entries)

    async def _delete_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(DELETE_WITHIN_S)
            await self._delete_all()

    async def _delete_full_batches(self) -> None:
        while len(self._to_delete) >= AT_A_TIME and await self._delete_some():
            pass

    async def _delete_all(self) -> None:
        while self._to_delete and await self._delete_some():
            pass

    async def _delete_some(self) -> bool:
        """Delete up to ten messages; ``False`` when it could not be done, so that it is tried again later."""
        some, self._to_delete = self._to_delete[:AT_A_TIME], self._to_delete[AT_A_TIME:]
        entries = [{"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(some)]
        done = False
        try:
            done = await self._call("delete_message_batch", entries)
        finally:
            if not done:  # or cancelled
                self._to_delete += some
        return done

    async def _call(self, operation: str, entries: Sequence[Mapping[str, Any]]) -> bool:
        try:
            queue = (await self.clients.of(SqsHook)).client
            answer = await getattr(queue, operation)(QueueUrl=self.queue_url, Entries=entries)
        except Exception as error:  # noqa: BLE001  an error here would end the stream for every trigger
            log.warning("%s of %d messages failed: %s", operation, len(entries), error)
            return False
        for refused in answer.get("Failed", []):
            log.info("%s was refused for a message: %s", operation, refused.get("Code"))
        return True


def _message(raw: Mapping[str, Any]) -> Message:
    attributes = raw.get("Attributes", {})
    return Message(
        message_id=raw.get("MessageId", ""),
        receipt=raw["ReceiptHandle"],
        receives=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=int(attributes.get("SentTimestamp", time.time() * 1000)) / 1000,
    )


def _return_after_s(message: Message) -> int:
    """Return for how many seconds a message that goes back stays invisible.

    >>> [_return_after_s(Message("a", "receipt", receives, 0.0)) for receives in (1, 2, 5, 50)]
    [1, 2, 16, 900]
    """
    return min(LONGEST_RETURN_S, 2 ** min(message.receives - 1, 20))
