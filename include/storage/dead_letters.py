"""Look at the messages that nobody could read, and bring them back once the cause is gone.

    python -m include.storage.dead_letters show <queue url>
    python -m include.storage.dead_letters redrive <queue url>

The credentials, the region and the endpoint are those of the AWS CLI (``AWS_PROFILE``, ``AWS_ENDPOINT_URL``, ...).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REASON = "reason"
"""Message attribute of a dead letter: why it could not be read."""

_AT_A_TIME = 10  # messages that SQS hands out in one call
_HELD_S = 60
"""So long a dead letter is hidden from others while it is looked at or moved."""


class NoDeadLetters(LookupError):
    """A queue has no redrive policy, so that its messages never become dead letters."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be read; ``reason`` is ``None`` where the redrive policy alone put it aside."""

    reason: str | None
    body: str
    receipt: str


def dead_letters_queue(attributes: Mapping[str, str]) -> dict[str, str] | None:
    """Return by which name and account ``GetQueueUrl`` finds the dead letters of a queue with these attributes.

    >>> dead_letters_queue({"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:f-dlq"}'})
    {'QueueName': 'f-dlq', 'QueueOwnerAWSAccountId': '123456789012'}
    >>> dead_letters_queue({}) is None
    True
    """
    arn = json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
    if arn is None:
        return None
    account, name = arn.split(":")[4:6]
    return {"QueueName": name, "QueueOwnerAWSAccountId": account}


class DeadLetters:
    """The dead letters of a queue.

    :param sqs: client
    :param queue_url: the queue that they came to at first

    :raises NoDeadLetters: when it has none.
    """

    def __init__(self, sqs: SQSClient, queue_url: str) -> None:
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
        found = dead_letters_queue(attributes.get("Attributes", {}))  # type: ignore[arg-type]  # keys are literals
        if found is None:
            raise NoDeadLetters("no redrive policy names a queue for the dead letters of this queue")
        self.sqs = sqs
        self.queue_url = queue_url
        self.url = sqs.get_queue_url(**found)["QueueUrl"]

    def show(self) -> list[DeadLetter]:
        """Return them as they lie there, and leave them."""
        letters = list(self._received())
        for letter in letters:
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)
        return letters

    def redrive(self) -> int:
        """Send them to their queue again, where they are judged anew, and return how many.

        What is put aside again meanwhile stays aside.
        """
        moved = 0
        for letter in self._received():
            self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=letter.body)
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=letter.receipt)
            moved += 1
        return moved

    def _received(self) -> Iterator[DeadLetter]:
        """Yield as many as the queue says that it has now, or a call's worth: it counts what just came too late."""
        answered = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        left = max(_AT_A_TIME, int(answered["Attributes"]["ApproximateNumberOfMessages"]))
        while left > 0:
            answer = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(left, _AT_A_TIME),
                VisibilityTimeout=_HELD_S,
                WaitTimeSeconds=1,
                MessageAttributeNames=[REASON],
            )
            messages: list[Any] = answer.get("Messages", [])
            if not messages:
                return
            left -= len(messages)
            for message in messages:
                reason = message.get("MessageAttributes", {}).get(REASON, {}).get("StringValue")
                yield DeadLetter(reason, message["Body"], message["ReceiptHandle"])


def main(arguments: list[str], sqs: SQSClient | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m include.storage.dead_letters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["show", "redrive"])
    parser.add_argument("queue_url", help="the queue itself, not that of its dead letters")
    asked = parser.parse_args(arguments)
    try:
        if sqs is None:
            import boto3

            sqs = boto3.client("sqs")
        letters = DeadLetters(sqs, asked.queue_url)
        if asked.action == "redrive":
            sys.stdout.write(f"{letters.redrive()} messages are back in {asked.queue_url}\n")
            return 0
        shown = letters.show()
    except (NoDeadLetters, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{asked.queue_url}: {error}\n")
        return 1
    for letter in shown:
        sys.stdout.write(f"{letter.reason or 'received too often without success'}\n    {letter.body!r}\n")
    if not shown:
        sys.stdout.write("no dead letters\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
