from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import asdict

import pytest
from airflow.triggers.base import BaseEventTrigger

from include.catalog.uploads import Upload
from include.settings import SETTINGS
from include.storage.dead_letters import REASON, DeadLetters, NoDeadLetters, main
from media_lake.triggers import uploads
from media_lake.triggers.uploads import UploadsTrigger
from tests.plugins.aws_media.waiting_ground import Queue, Triggerer, until

pytest_plugins = ["tests.plugins.aws_media.waiting_fixtures"]


class Watcher(Triggerer):
    """The triggerer as it runs the trigger of an asset's watcher, which goes on after it has fired."""

    @property
    def told(self) -> list[list[dict]]:
        """The uploads of each event."""
        self.collect()
        return [payload["uploads"] for number in sorted(self.fired) for payload in self.fired[number]]

    def kill(self, number: int) -> None:
        """Storing an event ends no watcher."""


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(uploads, "LONG_POLL_S", 1)
    monkeypatch.setattr(uploads, "GATHER_S", 0.2)
    monkeypatch.setattr(uploads, "LONGEST_PAUSE_S", 0.2)


@pytest.fixture
def trigger(queue) -> UploadsTrigger:
    return UploadsTrigger(queue_url=queue.url)


@pytest.fixture
def key() -> str:
    return f"footage/cam-1/20260301/{uuid.uuid4().hex}.mp4"


def created(key: str, version_id: str = "v1") -> str:
    detail = {"bucket": {"name": "b"}, "object": {"key": key, "size": 5, "etag": "e1", "version-id": version_id}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "time": "2026-03-01T06:30:00Z", "detail": detail}
    return json.dumps(event)


def upload(key: str, version_id: str = "v1") -> dict:
    fields = {"bucket": "b", "key": key, "version_id": version_id, "etag": "e1", "size_bytes": 5}
    return asdict(Upload(**fields, uploaded_at="2026-03-01T06:30:00Z"))


def test_airflow_can_store_the_watcher_and_knows_it_again(trigger):
    path, arguments = trigger.serialize()
    again = UploadsTrigger(**json.loads(json.dumps(arguments)))
    assert path == "media_lake.triggers.uploads.UploadsTrigger"
    assert BaseEventTrigger.hash(path, arguments) == BaseEventTrigger.hash(*again.serialize())
    assert trigger.shared_stream_key() == again.shared_stream_key() != UploadsTrigger(queue_url="x").shared_stream_key()


def test_messages_are_deleted_only_after_airflow_stored_the_event(trigger, queue, key):
    async def scenario() -> None:
        async with Watcher() as triggerer:
            queue.send_body(created(key))
            number = triggerer.start(trigger)
            await until(lambda: triggerer.told)
            await asyncio.sleep(0.5)
            assert queue.counts() == (0, 1), "held, not deleted"
            triggerer.store_events()
            await until(lambda: queue.counts() == (0, 0))
            queue.send_body(created(key, "v2"))
            await until(lambda: len(triggerer.told) == 2)
            assert triggerer.told == [[upload(key)], [upload(key, "v2")]]
            assert not triggerer.task(number).done()

    asyncio.run(scenario())


def test_a_triggerer_that_dies_before_the_event_is_stored_gets_the_message_again(trigger, queue, key, monkeypatch):
    async def scenario(stores: bool) -> None:
        async with Watcher() as triggerer:
            triggerer.start(trigger)
            await until(lambda: triggerer.told == [[upload(key)]])
            if stores:
                triggerer.store_events()
                await until(lambda: queue.counts() == (0, 0))

    queue.send_body(created(key))
    monkeypatch.setattr(uploads, "INVISIBLE_S", 2)
    asyncio.run(scenario(stores=False))
    monkeypatch.setattr(uploads, "INVISIBLE_S", 60)
    asyncio.run(scenario(stores=True))


def test_a_burst_is_one_event_in_which_each_upload_stands_once(trigger, queue, key, monkeypatch):
    monkeypatch.setattr(uploads, "GATHER_S", 60)
    monkeypatch.setattr(uploads, "MOST_MESSAGES", 40)  # ten more may come when 36 are there: enough
    keys = [f"{key}{number}" for number in range(30)]
    for name in [*keys, *reversed(keys[:6])]:
        queue.send_body(created(name))

    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.start(trigger)
            await until(lambda: sum(map(len, triggerer.told)) >= 30)
            triggerer.store_events()
            await until(lambda: queue.counts() == (0, 0))
            assert len(triggerer.told) == 1
            assert sorted(upload["key"] for upload in triggerer.told[0]) == sorted(keys)

    asyncio.run(scenario())


def test_messages_that_tell_of_no_upload_are_deleted_and_fire_nothing(trigger, queue, key):
    queue.send_body(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))
    queue.send_body(created(key).replace("Object Created", "Object Deleted"))

    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.start(trigger)
            await until(lambda: queue.counts() == (0, 0))
            assert triggerer.told == []

    asyncio.run(scenario())
    assert queue.dead_letters() == []


def test_an_event_that_airflow_could_not_store_is_told_again(trigger, queue, key):
    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.runner._shared_streams._ack_timeout = 0.5
            queue.send_body(created(key))
            number = triggerer.start(trigger)
            await until(lambda: triggerer.task(number).done())
            again = triggerer.start(trigger)
            await triggerer.until_fired(again)
            assert triggerer.fired[again] == [{"uploads": [upload(key)]}]

    asyncio.run(scenario())


def test_what_nobody_can_read_goes_to_the_dead_letters_with_its_reason_and_stops_nobody(trigger, queue, key):
    queue.send_body("poison \u0085 & more")
    queue.send_body(json.dumps({"source": "aws.\u0007", "detail-type": "x"}))
    queue.send_body(created(key))

    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.start(trigger)
            await until(lambda: triggerer.told == [[upload(key)]])
            triggerer.store_events()
            await until(lambda: queue.counts() == (0, 0))

    asyncio.run(scenario())
    letters = DeadLetters(queue.sqs, queue.url).show()
    assert {letter.body[:6]: letter.reason.split(":")[0] for letter in letters} == {
        "poison": "no JSON",
        '{"sour': "an event 'x' of 'aws.\\x07', not one of S3 about an object",
    }


def test_a_redrive_brings_dead_letters_back_and_they_are_judged_anew(trigger, queue, key, capsys):
    queue.send_body("poison")
    queue.sqs.send_message(
        QueueUrl=queue.dead_letters_url,
        MessageBody=created(key),
        MessageAttributes={REASON: {"DataType": "String", "StringValue": "a reader of yesterday"}},
    )

    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.start(trigger)
            await until(lambda: len(DeadLetters(queue.sqs, queue.url).show()) == 2)
            assert main(["show", queue.url], queue.sqs) == 0
            assert main(["redrive", queue.url], queue.sqs) == 0
            await until(lambda: triggerer.told == [[upload(key)]])
            triggerer.store_events()
            await until(lambda: queue.counts() == (0, 0))
            await until(lambda: [letter.body for letter in DeadLetters(queue.sqs, queue.url).show()] == ["poison"])

    asyncio.run(scenario())
    shown = capsys.readouterr().out
    assert "a reader of yesterday\n" in shown
    assert "no JSON" in shown
    assert f"2 messages are back in {queue.url}" in shown


def test_dead_letters_that_the_queue_has_not_counted_yet_are_shown():
    """SQS counts approximately, and up to a minute late."""

    class Late:
        def __init__(self):
            self.letters = [{"Body": "poison", "ReceiptHandle": "1"}]

        def get_queue_attributes(self, **_):
            arn = "arn:aws:sqs:eu-west-1:123456789012:f-dlq"
            return {
                "Attributes": {
                    "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn}),
                    "ApproximateNumberOfMessages": "0",
                }
            }

        def get_queue_url(self, **_):
            return {"QueueUrl": "f-dlq"}

        def receive_message(self, **_):
            return {"Messages": [self.letters.pop()] if self.letters else []}

        def change_message_visibility(self, **_):
            pass

    assert [letter.body for letter in DeadLetters(Late(), "f").show()] == ["poison"]


def test_without_dead_letters_what_nobody_can_read_goes_back(queue, key):
    name = f"footage-{uuid.uuid4().hex[:8]}"
    lonely = Queue(queue.sqs, queue.sqs.create_queue(QueueName=name)["QueueUrl"], "")
    lonely.send_body("poison")

    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.start(UploadsTrigger(queue_url=lonely.url))
            lonely.send_body(created(key))
            await until(lambda: triggerer.told)

    asyncio.run(scenario())
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = queue.sqs.get_queue_attributes(QueueUrl=lonely.url, AttributeNames=names)["Attributes"]
    assert sum(map(int, left.values())) == 2, "the poison, and the event that was not stored"
    with pytest.raises(NoDeadLetters):
        DeadLetters(queue.sqs, lonely.url)
    queue.sqs.delete_queue(QueueUrl=lonely.url)


def test_a_queue_whose_dead_letters_cannot_be_shown_is_named(queue, capsys):
    name = f"footage-{uuid.uuid4().hex[:8]}"
    url = queue.sqs.create_queue(QueueName=name)["QueueUrl"]
    assert main(["show", url], queue.sqs) == 1
    queue.sqs.delete_queue(QueueUrl=url)
    assert main(["redrive", url], queue.sqs) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"{url}: ") for line in told] == [True, True]
    assert "no redrive policy" in told[0]
    assert "does not exist" in told[1]


def test_a_queue_that_is_gone_is_read_again_when_it_is_back(queue, key):
    name = f"footage-{uuid.uuid4().hex[:8]}"
    url = queue.sqs.create_queue(QueueName=name)["QueueUrl"]
    queue.sqs.delete_queue(QueueUrl=url)

    async def scenario() -> None:
        async with Watcher() as triggerer:
            number = triggerer.start(UploadsTrigger(queue_url=url))
            await asyncio.sleep(1)
            assert not triggerer.task(number).done()
            queue.sqs.create_queue(QueueName=name)
            queue.sqs.send_message(QueueUrl=url, MessageBody=created(key))
            await until(lambda: triggerer.told == [[upload(key)]])

    asyncio.run(scenario())
    queue.sqs.delete_queue(QueueUrl=url)


def test_a_real_upload_is_heard_of_through_eventbridge(queue, lake_clients, key):
    """With the version that S3 gave it, and its key as it is."""
    name = key.replace(".mp4", " (1) + sea.mp4")
    address = queue.sqs.get_queue_url(QueueName=f"{SETTINGS.prefix}-footage")["QueueUrl"]
    put = lake_clients.s3.put_object(Bucket=SETTINGS.ingest_bucket, Key=name, Body=b"drive")

    async def scenario() -> None:
        async with Watcher() as triggerer:
            triggerer.start(UploadsTrigger(queue_url=address))

            def heard() -> list[dict]:
                return [upload for event in triggerer.told for upload in event if upload["key"] == name]

            await until(heard)
            (upload,) = heard()
            assert upload["version_id"] == put["VersionId"]
            assert upload["bucket"] == SETTINGS.ingest_bucket
            assert upload["size_bytes"] == 5
            triggerer.store_events()
            await until(lambda: sum(Queue(queue.sqs, address, "").counts()) == 0)

    asyncio.run(scenario())
    lake_clients.s3.delete_object(Bucket=SETTINGS.ingest_bucket, Key=name, VersionId=put["VersionId"])
