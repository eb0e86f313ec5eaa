"""Hear of uploads by the messages of a queue, each of which is deleted only when Airflow has stored the event."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent


class UploadsTrigger(BaseEventTrigger):
    """Fire for each batch of uploads that the queue tells of.

    :param queue_url: SQS queue to which S3 tells of uploads, by EventBridge, by notification or through SNS
    :param aws_conn_id: connection of the queue
    :param region_name: region of the queue; ``None``: the connection's
    """

    def __init__(
        self, *, queue_url: str, aws_conn_id: str | None = "aws_default", region_name: str | None = None
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

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise NotImplementedError("uploads are heard of through the shared stream")
        yield
