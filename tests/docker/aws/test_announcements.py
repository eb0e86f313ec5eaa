"""What the engines announce: events over EventBridge, messages over SNS, as they arrive in queues."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from aws_emulator.announcements import notify_topic, send_event
from aws_emulator.application import Emulator
from aws_emulator.clients import client_for
from aws_emulator.server import Server

ACCOUNT, REGION = "123456789012", "us-east-1"
DETAIL = {"TranscriptionJobName": 'a "quoted" <id>', "TranscriptionJobStatus": "COMPLETED"}


@pytest.fixture(scope="module")
def clients() -> Any:
    server = Server(Emulator(), "127.0.0.1", 0)
    server.start()
    yield {name: client_for(name, server.url, "test", "test", REGION) for name in ("events", "sqs", "sns")}
    server.stop()


class Inbox:
    """A queue of a test's own."""

    def __init__(self, sqs: Any) -> None:
        self.name = f"inbox-{uuid.uuid4().hex[:8]}"
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        self._sqs = sqs
        self._url = sqs.create_queue(QueueName=self.name)["QueueUrl"]

    def read(self) -> list[Any]:
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture
def inbox(clients) -> Inbox:
    return Inbox(clients["sqs"])


@pytest.fixture
def make_rule(clients):
    """A rule on the default bus for events of Transcribe, gone after the test."""
    made = []

    def make(*targets: dict[str, Any], pattern: dict[str, Any] | None = None, state: str = "ENABLED") -> None:
        name = uuid.uuid4().hex
        pattern = pattern or {"source": ["aws.transcribe"]}
        clients["events"].put_rule(Name=name, EventPattern=json.dumps(pattern), State=state)
        clients["events"].put_targets(Rule=name, Targets=[{"Id": str(n), **target} for n, target in enumerate(targets)])
        made.append((name, len(targets)))

    yield make
    for name, count in made:
        clients["events"].remove_targets(Rule=name, Ids=[str(n) for n in range(count)])
        clients["events"].delete_rule(Name=name)


def announce(detail: dict[str, Any] = DETAIL, resources: tuple[str, ...] = ()) -> None:
    send_event(ACCOUNT, REGION, "aws.transcribe", "Transcribe Job State Change", detail, resources).result(10)


def test_an_event_arrives_as_eventbridge_words_it(make_rule, inbox):
    make_rule({"Arn": inbox.arn})
    announce(resources=("arn:aws:x:1",))
    (event,) = inbox.read()
    assert re.fullmatch(r"[0-9a-f-]{36}", event.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("time"))
    assert event == {
        "version": "0",
        "detail-type": "Transcribe Job State Change",
        "source": "aws.transcribe",
        "account": ACCOUNT,
        "region": REGION,
        "resources": ["arn:aws:x:1"],
        "detail": DETAIL,
    }


def test_only_the_rules_that_match_and_are_enabled_get_it(make_rule, clients):
    failed, done, off = (Inbox(clients["sqs"]) for _ in range(3))
    make_rule({"Arn": failed.arn}, pattern={"detail": {"TranscriptionJobStatus": ["FAILED"]}})
    make_rule({"Arn": done.arn}, pattern={"detail": {"TranscriptionJobStatus": ["FAILED", "COMPLETED"]}})
    make_rule({"Arn": off.arn}, state="DISABLED")
    announce()
    assert [len(inbox.read()) for inbox in (failed, done, off)] == [0, 1, 0]


def test_a_transformer_of_a_target_is_used(make_rule, inbox):
    transformer = {
        "InputPathsMap": {"status": "$.detail.TranscriptionJobStatus"},
        "InputTemplate": '{"was": "<status>"}',
    }
    make_rule({"Arn": inbox.arn, "InputTransformer": transformer})
    announce()
    assert inbox.read() == [{"was": "COMPLETED"}]


def test_a_target_that_cannot_be_reached_costs_the_others_nothing(make_rule, inbox, capfd):
    make_rule({"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"}, {"Arn": inbox.arn}, {"Arn": inbox.arn + "-gone"})
    announce()
    assert len(inbox.read()) == 1
    assert f"could not deliver an event to arn:aws:sns:{REGION}:{ACCOUNT}:topic" in capfd.readouterr().err


def test_a_message_reaches_raw_and_enveloped_subscribers(clients):
    sns = clients["sns"]
    topic = sns.create_topic(Name=f"AmazonRekognition-{uuid.uuid4().hex[:8]}")["TopicArn"]
    raw, enveloped = Inbox(clients["sqs"]), Inbox(clients["sqs"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw.arn, Attributes={"RawMessageDelivery": "true"})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=enveloped.arn)
    notify_topic(topic, {"JobId": "1", "Status": "SUCCEEDED"}).result(10)
    assert raw.read() == [{"JobId": "1", "Status": "SUCCEEDED"}]
    (envelope,) = enveloped.read()
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", topic)
    assert json.loads(envelope["Message"]) == {"JobId": "1", "Status": "SUCCEEDED"}


def test_a_topic_that_is_not_there_is_named_on_stderr_and_nothing_else_happens(capfd):
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:none"
    notify_topic(arn, "text").result(10)
    assert f"could not deliver message to {arn}" in capfd.readouterr().err


def test_a_user_sends_events_of_his_own_but_none_of_aws(make_rule, inbox, clients):
    make_rule({"Arn": inbox.arn}, pattern={"detail-type": ["Told"]})
    answer = clients["events"].put_events(
        Entries=[
            {"Source": "my.app", "DetailType": "Told", "Detail": '{"n": 1}'},
            {"Source": "aws.transcribe", "DetailType": "Told", "Detail": '{"n": 2}'},
            {"Source": "awsome.app", "DetailType": "Told", "Detail": '{"n": 3}'},
        ]
    )
    assert answer["FailedEntryCount"] == 1
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "NotAuthorizedForSourceException", None]
    assert [event["detail"]["n"] for event in inbox.read()] == [1, 3]
    alone = clients["events"].put_events(Entries=[{"Source": "aws.s3", "DetailType": "Told", "Detail": "{}"}])
    assert alone["FailedEntryCount"] == 1
