from __future__ import annotations

import json
import logging
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests
from airflow.sdk.exceptions import AirflowException

from include.triage.alert import DETAIL, Line, Message, harmless
from include.triage.alert import LINK as LINK_LINE
from media_lake import channels as module
from media_lake.channels import SnsChannel, apprise_channels, tell, untold
from media_lake.hooks.dynamodb import OnceHook
from tests.plugins.media_lake.webhooks import Webhook

SECRET = "T0KEN-of-the-webhook"
LINK = "https://media.example/drive_web.mp4?Signature=5ECRET"


@pytest.fixture
def webhooks():
    made = [Webhook() for _ in range(3)]
    yield made
    for webhook in made:
        webhook.hold.set()
        webhook.close()


@pytest.fixture
def connect(monkeypatch):
    """Sets up an Apprise connection with these targets and returns its channels."""

    def make(*paths: str):
        conn_id = f"apprise_{uuid.uuid4().hex[:8]}"
        config = [{"path": path, "tag": "alerts"} for path in paths]
        value = json.dumps({"conn_type": "apprise", "extra": {"config": config}})
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", value)
        return apprise_channels(conn_id)

    return make


@pytest.fixture
def once(local_aws) -> OnceHook:
    return OnceHook()


@pytest.fixture
def message() -> Message:
    lines = (Line("**Incident**"), Line(f"- [Film]({LINK})"))
    message_id = f"inc-{uuid.uuid4().hex[:24]}"
    return Message(message_id=message_id, kind="incident", subject="Incident: cam-1", lines=lines, facts={"n": 1})


def test_every_target_of_a_connection_is_told(webhooks, connect, once, message):
    targets = connect(*(webhook.path() for webhook in webhooks))
    assert tell(message, targets, once) == [target.name for target in targets]
    for webhook in webhooks:
        (sent,) = webhook.received
        assert sent["title"] == "Incident: cam-1"
        assert LINK in sent["message"]


def test_a_name_says_which_target_of_which_connection_and_nothing_secret(webhooks, connect):
    (target,) = connect(webhooks[0].path())
    assert target.name.startswith("apprise_")
    assert target.name.endswith("[0] (JSON)")
    assert SECRET not in repr(target)


def test_a_connection_that_does_not_exist_has_no_targets():
    assert apprise_channels("apprise_of_nobody") == []


def test_nobody_is_told_twice(webhooks, connect, once, message):
    targets = connect(webhooks[0].path())
    for _ in range(3):
        tell(message, targets, once)
    assert len(webhooks[0].received) == 1
    assert untold(message.message_id, targets, once) == []


def test_a_mailbox_is_the_same_however_apprise_spells_it(connect, monkeypatch):
    """Those in copy are a set, whose order is another in each process: a retry would tell them all again."""
    path = f"mailtos://user:{SECRET}@mail.example?to=a@mail.example&cc=b@mail.example,c@mail.example"
    (first,) = connect(path)
    monkeypatch.setattr(type(first.plugin), "url", lambda *_, **__: uuid.uuid4().hex)
    identities = [target.identity for target in connect(path)]
    assert identities == [first.identity]
    assert SECRET not in repr(first)


def test_targets_that_stand_in_one_path_are_told_apart(webhooks, connect):
    first, second = connect(f"{webhooks[0].path()}, {webhooks[1].path()}")
    assert first.identity != second.identity


def test_a_failing_channel_stops_no_other_and_is_told_alone_by_the_retry(webhooks, connect, once, message, caplog):
    webhooks[0].answers = [500]
    targets = connect(*(webhook.path() for webhook in webhooks))
    with pytest.raises(AirflowException) as failure:
        tell(message, targets, once)
    assert "[0] (JSON): it answered 500" in str(failure.value)
    assert [len(webhook.received) for webhook in webhooks] == [0, 1, 1]
    assert untold(message.message_id, targets, once) == targets[:1]
    assert tell(message, targets, once) == [targets[0].name]
    assert [len(webhook.received) for webhook in webhooks] == [1, 1, 1]
    assert SECRET not in str(failure.value) + caplog.text


def test_targets_that_nobody_can_reach_or_understand_are_named_without_their_address(
    webhooks, connect, once, message, caplog
):
    gone = Webhook()
    gone.close()
    targets = connect(gone.path(), f"nosuchservice://{SECRET}", webhooks[0].path())
    with pytest.raises(AirflowException) as failure:
        tell(message, targets, once)
    assert "[0] (JSON): failure" in str(failure.value)
    assert "[1]: Apprise does not understand its path" in str(failure.value)
    assert SECRET not in str(failure.value) + caplog.text
    assert len(webhooks[0].received) == 1


def test_an_error_that_nobody_foresaw_stops_no_other_channel_and_shows_nothing(webhooks, connect, once, message):
    class Odd:
        name, identity = "odd", "odd"

        def send(self, message):
            raise ZeroDivisionError(SECRET)

    with pytest.raises(AirflowException, match=r"was not told to odd: ZeroDivisionError$"):
        tell(message, [Odd(), *connect(webhooks[0].path())], once)
    assert len(webhooks[0].received) == 1


def test_of_two_executions_at_the_same_time_one_tells(webhooks, connect, once, message):
    webhooks[0].hold.clear()
    (target,) = connect(webhooks[0].path())
    told: list[list[str]] = []
    both = [threading.Thread(target=lambda: told.append(tell(message, [target], OnceHook()))) for _ in range(2)]
    for thread in both:
        thread.start()
    both[0].join(0.5)
    webhooks[0].hold.set()
    for thread in both:
        thread.join(20)
    assert len(webhooks[0].received) == 1
    assert sorted(told) == [[], [target.name]]


def test_who_was_killed_while_it_told_is_followed_by_another(webhooks, connect, once, message, monkeypatch):
    (target,) = connect(webhooks[0].path())
    long_ago = (datetime.now(UTC) - timedelta(seconds=module.LEASE_S + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    monkeypatch.setattr(module, "now_iso", lambda: long_ago)

    class Killed:
        name, identity = target.name, target.identity

        def send(self, message):
            raise SystemExit

    monkeypatch.setattr(OnceHook, "remember", _forgetting_failures(OnceHook.remember))
    with pytest.raises(SystemExit):
        tell(message, [Killed()], once)
    monkeypatch.undo()
    assert tell(message, [target], once) == [target.name]
    assert len(webhooks[0].received) == 1


def _forgetting_failures(remember):
    """What is left of a process that was killed: no note of its failure."""
    return lambda self, key, value: value if key.endswith("#failed") else remember(self, key, value)


def test_a_log_that_holds_everything_holds_no_link_and_no_address(webhooks, connect, once, message, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "botocore"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        topic = SnsChannel("arn:aws:sns:us-east-1:123456789012:media-alerts")
        tell(message, [topic, *connect(webhooks[0].path())], once)
    finally:
        for name in ("apprise", "urllib3", "botocore"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert "5ECRET" not in caplog.text
    assert SECRET not in caplog.text


def test_the_topic_gets_the_facts_with_attributes_to_filter_by(local_aws, once, message):
    import boto3

    sns = boto3.client("sns", endpoint_url=local_aws)
    sqs = boto3.client("sqs", endpoint_url=local_aws)
    topic = sns.create_topic(Name=f"alerts-{uuid.uuid4().hex[:8]}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"inbox-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"FilterPolicy": json.dumps({"kind": ["incident"]}), "RawMessageDelivery": "true"},
    )
    assert tell(message, [SnsChannel(topic)], once) == [f"SNS topic {topic.rpartition(':')[2]}"]
    (received,) = sqs.receive_message(QueueUrl=queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10)["Messages"]
    told = json.loads(received["Body"])
    assert told["n"] == 1
    assert LINK in told["text"]
    assert received["MessageAttributes"]["incident_id"]["StringValue"] == message.message_id


def test_a_topic_that_does_not_exist_fails_the_task_and_is_named(local_aws, once, message):
    with pytest.raises(AirflowException, match=r"SNS topic nowhere: .*NotFound"):
        tell(message, [SnsChannel("arn:aws:sns:us-east-1:123456789012:nowhere")], once)


def test_a_channel_for_short_messages_still_gets_the_film(connect, monkeypatch):
    (target,) = connect("workflows://prod.example/" + "a" * 32 + "/" + "b" * 40 + "/")
    sent: list[str] = []

    def send(_, body: str, **given) -> bool:
        sent.append(body)
        return True

    monkeypatch.setattr(type(target.plugin), "send", send)
    reasons = (Line(f"- reason {n} {'x' * 100}", DETAIL) for n in range(30))
    lines = (Line("**Incident**"), Line(f"- [Film]({LINK})", LINK_LINE), *reasons)
    target.send(Message(message_id="1", kind="incident", subject="Incident", lines=lines, facts={}))
    (body,) = sent
    assert len(body) <= target.plugin.body_maxlen
    assert LINK in body


SLACK = f"slack://T1JJ3T3L2/A1BRTD4JD/{'a' * 24}/#incidents"
TEAMS = f"workflows://prod.example/{'a' * 32}/{'b' * 40}/"


@pytest.mark.parametrize(
    ("path", "link", "strong"),
    [(SLACK, f"<{LINK}|Film>", "*Incident* in"), (TEAMS, f"[Film]({LINK})", "**Incident** in")],
    ids=["Slack", "Teams"],
)
def test_chats_get_links_that_work_and_strangers_mention_nobody_there(connect, monkeypatch, path, link, strong):
    posted: list[str] = []

    def request(_session, *, data, **_):
        posted.append(data.decode() if isinstance(data, bytes) else data)
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests.Session, "request", request)
    (target,) = connect(path)
    stranger = harmless("<!channel> <@U024BE7LH> [click](http://evil.example/a) *bold* `x` a_b")
    lines = (Line(f"**Incident** in {stranger}"), Line(""), Line(f"- [Film]({LINK})"))
    target.send(Message(message_id="1", kind="incident", subject="Incident: cam-1", lines=lines, facts={}))
    (payload,) = posted
    text = json.dumps(json.loads(payload), ensure_ascii=False)
    assert link in text
    assert strong in text
    assert stranger in text  # nothing in it was taken for markup, or escaped in a way that shows
    assert "<!channel" not in text
    assert "evil.example" not in text
