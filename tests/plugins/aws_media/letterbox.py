"""A queue of the local AWS to which a service's messages come."""

from __future__ import annotations

import json
import uuid
from typing import Any

import boto3


class Letterbox:
    """An SQS queue of its own."""

    def __init__(self, local_aws: str) -> None:
        self._aws = local_aws
        self._sqs = boto3.client("sqs", endpoint_url=local_aws)
        self._url = self._sqs.create_queue(QueueName=f"letterbox-{uuid.uuid4().hex}")["QueueUrl"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self._arn = answer["Attributes"]["QueueArn"]

    def subscribe_to(self, topic_arn: str) -> None:
        """Have what the SNS topic is told come here."""
        sns = boto3.client("sns", endpoint_url=self._aws)
        sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=self._arn)

    def take_events(self, pattern: dict[str, Any]) -> None:
        """Have the events of EventBridge that match come here."""
        events = boto3.client("events", endpoint_url=self._aws)
        name = f"letterbox-{uuid.uuid4().hex}"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "letterbox", "Arn": self._arn}])

    def next_body(self, patience_s: int = 180) -> dict[str, Any]:
        """Wait for a message and return its body."""
        for _ in range(patience_s):
            messages = self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=1).get("Messages", [])
            if messages:
                return json.loads(messages[0]["Body"])
        raise TimeoutError(f"no message came within {patience_s} s")
