"""Clients of the stack's local AWS, for the commands that look into the lake or put something there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config

from include.settings import Settings
from include.storage.dynamodb import from_dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

LONGEST_READ_S = 60
"""For which the messages of a queue stay hidden while all of them are read."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a queue; ``sent_at`` in seconds since the epoch."""

    body: str
    sent_at: float


class LocalAws:
    """The local AWS of the stack with these settings; whoever is on this machine may do everything there."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
        self._place: Any = {
            "endpoint_url": f"http://127.0.0.1:{settings.local_aws_port}",
            "config": Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 8}),
        }
        self.s3: S3Client = self._session.client("s3", **self._place)
        self.sqs: SQSClient = self._session.client("sqs", **self._place)
        self.sns: SNSClient = self._session.client("sns", **self._place)

    def table(self, name: str) -> Table:
        return self._session.resource("dynamodb", **self._place).Table(name)

    def assets(self, campaign: str) -> list[dict[str, Any]]:
        """Return every asset of a campaign that the catalogue holds, whatever its state."""
        request: dict[str, Any] = {"IndexName": "by-campaign", "KeyConditionExpression": Key("campaign").eq(campaign)}
        return self._pages(self.table(self.settings.assets_table).query, request)

    def jobs(self) -> list[dict[str, Any]]:
        """Return every entry of the job ledger."""
        return self._pages(self.table(self.settings.jobs_table).scan, {"ConsistentRead": True})

    def queue_url(self, name: str) -> str:
        """Return the address of the queue ``<prefix>-<name>``."""
        return self.sqs.get_queue_url(QueueName=f"{self.settings.prefix}-{name}")["QueueUrl"]

    def messages(self, name: str) -> list[Message]:
        """Return all messages that wait in the queue ``<prefix>-<name>``, and leave them there."""
        url = self.queue_url(name)
        found: dict[str, Any] = {}
        while page := self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=LONGEST_READ_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages"):
            found |= {message["MessageId"]: message for message in page}
        for message in found.values():
            self.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [
            Message(message["Body"], int(message["Attributes"]["SentTimestamp"]) / 1000) for message in found.values()
        ]

    @staticmethod
    def _pages(ask: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = ask(**request)
            found += map(from_dynamodb, page["Items"])
            if "LastEvaluatedKey" not in page:
                return found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
