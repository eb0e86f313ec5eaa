"""Hear of uploads by the messages of a queue, each of which is deleted only when Airflow has stored the event.

Messages of about the same time make one event. What becomes of a message:

- *it tells of uploads*: held until Airflow stored the event, then deleted. A triggerer that dies before gives it up
  after :data:`INVISIBLE_S`; a repeated event does no harm, for an upload is claimed once
- *it tells of none* (a test event, something deleted): deleted
- *nobody can read it*: copied to the dead letters, with the reason as message attribute ``reason``, then deleted.
  A queue without dead letters gets it back, later each time, until it expires

The queue's redrive policy stays in force: what is received too often without success ends in the dead letters as well.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import uniform
from typing import Any

from airflow.providers.amazon.aws.hooks.sqs import SqsHook
from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from aws_media.triggers.status_checks import ServiceClients
from include.catalog.uploads import UnreadableMessage, Upload, asset_id_of, uploads_from_message
from include.settings import SETTINGS
from include.storage.dead_letters import REASON, dead_letters_queue

LONG_POLL_S = 20
"""SQS answers at once when a message is there, and after these seconds when none came; 20 is its limit."""

AT_A_TIME = 10
"""Messages that one SQS call receives, deletes or gives back; 10 is its limit."""

GATHER_S = 2.0
"""So long more messages are waited for once one has come, so that a burst of uploads starts few runs."""

MOST_MESSAGES = 50
"""No more messages make one event: its run takes as many uploads by default (``most_uploads``)."""

INVISIBLE_S = 120
"""So long a message stays with this process, which mostly needs a few seconds; one that died gives it up by that."""

LONGEST_RETURN_S = 900
LONGEST_PAUSE_S = 60.0
LONGEST_REASON = 300

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Batch:
    """What some messages of one time tell of: uploads by asset id, and the messages that do."""

    uploads: dict[str, Upload] = field(default_factory=dict)
    telling: list[Mapping[str, Any]] = field(default_factory=list)
    idle: list[Mapping[str, Any]] = field(default_factory=list)
    unreadable: list[tuple[Mapping[str, Any], str]] = field(default_factory=list)

    @classmethod
    def of(cls, messages: Sequence[Mapping[str, Any]]) -> _Batch:
        batch = cls()
        for message in messages:
            try:
                uploads = uploads_from_message(message["Body"])
            except UnreadableMessage as error:
                batch.unreadable.append((message, str(error)))
                continue
            (batch.telling if uploads else batch.idle).append(message)
            batch.uploads |= {asset_id_of(upload): upload for upload in uploads}
        return batch


class UploadsProducer(SharedStreamProducer):
    """Reads the queue for all triggers that want it. Errors of the queue are survived: the listing does meanwhile.

    :param queue_url: where messages come
    :param hook_parameters: connection and region, as hooks take them
    """

    def __init__(self, queue_url: str, hook_parameters: Mapping[str, Any]) -> None:
        self.queue_url = queue_url
        self.clients = ServiceClients(hook_parameters)
        self._dead_letters_url: str | None = None

    async def open_stream(self) -> AsyncGenerator[tuple[list[dict[str, Any]], list[Mapping[str, Any]]], None]:
        """Yield lists of uploads as JSON, each with the messages that told of them, until cancelled."""
        failures = 0
        while True:
            try:
                batch = _Batch.of(await self._receive())
                failures = 0
            except Exception as error:  # noqa: BLE001  a trigger outlives a queue that is gone for an hour
                failures += 1
                pause_s = min(LONGEST_PAUSE_S, 2.0 ** min(failures, 6)) * uniform(0.5, 1)
                log.warning("Uploads at %s, next try in %.0f s: %s", self.queue_url, pause_s, error)
                await self.clients.forget(SqsHook)
                await asyncio.sleep(pause_s)
                continue
            await self._bury(batch.unreadable)
            await self._delete(batch.idle)
            if batch.uploads:
                log.info("%d messages tell of %d uploads", len(batch.telling), len(batch.uploads))
                yield [asdict(upload) for upload in batch.uploads.values()], batch.telling

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Delete the messages of what Airflow stored; give back those of which it is not sure."""
        for item in batch:
            await (self._delete if item.outcome.is_clean else self._give_back)(item.broker_payload)

    async def aclose(self) -> None:
        await self.clients.aclose()

    async def _receive(self) -> list[Mapping[str, Any]]:
        """Wait for a message, and a moment for those that come with it.

        :raises BotoCoreError, ClientError: when the queue cannot be read.
        """
        queue = (await self.clients.of(SqsHook)).client
        patience_s = min(LONG_POLL_S, max(1, int(queue.meta.config.read_timeout) - 5))
        messages: list[Mapping[str, Any]] = []
        until = None
        while until is None or (time.monotonic() < until and len(messages) <= MOST_MESSAGES - AT_A_TIME):
            answer = await queue.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=AT_A_TIME,
                WaitTimeSeconds=1 if messages else patience_s,
                VisibilityTimeout=INVISIBLE_S,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
            messages += answer.get("Messages", [])
            until = until or (time.monotonic() + GATHER_S if messages else None)
        return messages

    async def _bury(self, unreadable: Sequence[tuple[Mapping[str, Any], str]]) -> None:
        """Move messages to the dead letters, each with its reason; what cannot be moved goes back."""
        for message, reason in unreadable:
            log.warning("Message %s cannot be read: %s", message.get("MessageId"), reason)
            try:
                queue = (await self.clients.of(SqsHook)).client
                buried_in = await self._find_dead_letters(queue)
                if buried_in:
                    text = {"DataType": "String", "StringValue": _attribute(reason)}
                    await queue.send_message(
                        QueueUrl=buried_in, MessageBody=message["Body"], MessageAttributes={REASON: text}
                    )
                    await self._delete([message])
                    continue
                log.warning("%s has no dead letters (redrive policy): the message goes back", self.queue_url)
            except Exception as error:  # noqa: BLE001  an error here would end the stream for every trigger
                self._dead_letters_url = None
                log.warning("Message %s cannot be moved to the dead letters: %s", message.get("MessageId"), error)
            await self._give_back([message])

    async def _find_dead_letters(self, queue: Any) -> str | None:
        if self._dead_letters_url is None:
            answer = await queue.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["RedrivePolicy"])
            if named := dead_letters_queue(answer.get("Attributes", {})):
                self._dead_letters_url = (await queue.get_queue_url(**named))["QueueUrl"]
        return self._dead_letters_url

    async def _delete(self, messages: Sequence[Mapping[str, Any]]) -> None:
        await self._call("delete_message_batch", messages, lambda _: {})

    async def _give_back(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Let the messages be seen again, later each time; when that fails they are after :data:`INVISIBLE_S`."""
        await self._call(
            "change_message_visibility_batch", messages, lambda message: {"VisibilityTimeout": _return_after_s(message)}
        )

    async def _call(self, operation: str, messages: Sequence[Mapping[str, Any]], more: Any) -> None:
        for start in range(0, len(messages), AT_A_TIME):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], **more(message)}
                for number, message in enumerate(messages[start : start + AT_A_TIME])
            ]
            try:
                queue = (await self.clients.of(SqsHook)).client
                answer = await getattr(queue, operation)(QueueUrl=self.queue_url, Entries=entries)
            except Exception as error:  # noqa: BLE001  an error here would end the stream; the messages come again
                log.warning("%s of %d messages failed: %s", operation, len(entries), error)
                continue
            for refused in answer.get("Failed", []):
                log.info("%s was refused for a message: %s", operation, refused.get("Code"))


class UploadsTrigger(BaseEventTrigger):
    """Fire for each batch of uploads that the queue tells of: ``{"uploads": [{"bucket": ..., "key": ..., ...}]}``.

    For an ``AssetWatcher``. Triggers of one queue and connection share one reader.

    :param queue_url: SQS queue to which S3 tells of uploads, by EventBridge, by notification or through SNS
    :param aws_conn_id: connection of the queue
    :param region_name: region of the queue; ``None``: the connection's
    """

    def __init__(
        self, *, queue_url: str, aws_conn_id: str | None = SETTINGS.aws_conn_id, region_name: str | None = None
    ) -> None:
        super().__init__()
        self.queue_url = queue_url
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "queue_url": self.queue_url,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
        }

    def shared_stream_key(self) -> Hashable:
        return "media_lake.uploads", self.queue_url, self.aws_conn_id, self.region_name

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> UploadsProducer:
        connection = {name: kwargs.get(name) for name in ("aws_conn_id", "region_name")}
        return UploadsProducer(kwargs["queue_url"], connection)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[list[dict[str, Any]]]
    ) -> AsyncIterator[TriggerEvent]:
        async for uploads in shared_stream:
            yield TriggerEvent({"uploads": uploads})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Refuse to run alone: nobody would say when the event is stored, and so when a message may be deleted.

        :raises RuntimeError: always; the triggerer of Airflow 3.3 shares the stream.
        """
        raise RuntimeError("UploadsTrigger watches an asset, in a triggerer that shares streams")
        yield  # makes this an iterator


def _attribute(reason: str) -> str:
    """Return the reason in the characters that SQS takes."""
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD]", "?", reason)[:LONGEST_REASON]


def _return_after_s(message: Mapping[str, Any]) -> int:
    """Return for how many seconds a message that goes back stays invisible.

    >>> [_return_after_s({"Attributes": {"ApproximateReceiveCount": str(receives)}}) for receives in (1, 3, 50)]
    [1, 4, 900]
    """
    receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1))
    return min(LONGEST_RETURN_S, 2 ** min(receives - 1, 20))
