from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from aws_media.hooks.mediaconvert import MediaConvertHook
from aws_media.hooks.rekognition import RekognitionHook
from aws_media.hooks.transcribe import TranscribeHook
from aws_media.triggers import completions, status_checks, waiting
from aws_media.triggers.completions import completion_in
from aws_media.triggers.transcribe import TranscribeJobTrigger
from tests.plugins.aws_media.waiting_ground import Triggerer, until

pytest_plugins = ["tests.plugins.aws_media.waiting_fixtures"]

HOOKS = [MediaConvertHook, RekognitionHook, TranscribeHook]
TRANSCRIBED = {
    "source": "aws.transcribe",
    "detail-type": "Transcribe Job State Change",
    "detail": {"TranscriptionJobName": "talk", "TranscriptionJobStatus": "FAILED"},
}
CONVERTED = {
    "source": "aws.mediaconvert",
    "detail-type": "MediaConvert Job State Change",
    "detail": {"jobId": "1-a", "status": "COMPLETE"},
}
ANALYSED = {"JobId": "9f", "Status": "SUCCEEDED", "API": "StartLabelDetection", "Timestamp": 1, "Video": {}}


@pytest.fixture
def job_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def trigger(service, queue, hurry):
    def trigger(job_id: str, **arguments) -> TranscribeJobTrigger:
        arguments = {"completions_queue_url": queue.url, "waiter_delay": 1, "aws_conn_id": "aws_jobs"} | arguments
        return TranscribeJobTrigger(operation="transcription_job", job_id=job_id, **arguments)

    return trigger


@pytest.fixture
def no_checks(monkeypatch):
    """The services are not asked, so that only messages tell."""
    monkeypatch.setattr(status_checks.StatusChecks, "_ask_about_due_jobs", lambda self: None)


@pytest.mark.parametrize(
    ("message", "job_id", "state"),
    [(TRANSCRIBED, "talk", "failed"), (CONVERTED, "1-a", "complete"), (ANALYSED, "9f", "complete")],
)
def test_a_completion_is_read_with_and_without_the_envelope_of_sns(message, job_id, state):
    body = json.dumps(message)
    envelope = json.dumps({"Type": "Notification", "MessageId": "x", "TopicArn": "arn:aws:sns:::t", "Message": body})
    for text in (body, envelope):
        completion = completion_in(text, HOOKS)
        assert (completion.job_id, completion.state) == (job_id, state)


@pytest.mark.parametrize(
    "body",
    ["", "null", "[1]", '"text"', "{", "{}", '{"Type": "Notification"}', '{"Type": "Notification", "Message": "hello"}',
     '{"Type": "Notification", "Message": 7}', '{"source": "aws.s3", "detail": {}}', '{"source": "aws.transcribe"}',
     '{"source": "aws.mediaconvert", "detail": "text"}', '{"JobId": null}'],
)  # fmt: skip
def test_what_no_service_knows_is_no_completion(body):
    assert completion_in(body, HOOKS) is None


def test_a_message_is_deleted_only_after_airflow_stored_the_event(trigger, queue, job_id, no_checks):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id))
            queue.send(job_id)
            assert await triggerer.until_fired(number) == [{"status": "success", "job_id": job_id, "state": "complete"}]
            await asyncio.sleep(0.3)
            assert queue.counts() == (0, 1), "held, not deleted"
            triggerer.store_events()
            await until(lambda: queue.counts() == (0, 0))
            await triggerer.task(number)  # ends without an error, though it was cancelled like a killed one

    asyncio.run(scenario())


def test_a_triggerer_that_dies_before_the_event_is_stored_gets_the_message_again(
    trigger, queue, job_id, no_checks, monkeypatch
):
    async def scenario(stores: bool) -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id))
            await triggerer.until_fired(number)
            if stores:
                triggerer.store_events()
                await until(lambda: queue.counts() == (0, 0))

    queue.send(job_id)
    monkeypatch.setattr(completions, "INVISIBLE_S", 2)
    asyncio.run(scenario(stores=False))
    monkeypatch.setattr(completions, "INVISIBLE_S", 60)
    asyncio.run(scenario(stores=True))


def test_a_failed_job_is_told_as_an_error(trigger, queue, job_id, no_checks):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id))
            queue.send(job_id, "FAILED")
            assert await triggerer.until_fired(number) == [{"status": "error", "job_id": job_id, "state": "failed"}]

    asyncio.run(scenario())


def test_each_trigger_gets_its_own_end_once_and_duplicates_are_deleted(trigger, queue, no_checks, monkeypatch):
    monkeypatch.setattr(waiting.RESUMPTIONS, "per_second", 1000.0)
    jobs = [uuid.uuid4().hex for _ in range(15)]

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            numbers = [triggerer.start(trigger(job)) for job in jobs]
            for job in jobs * 2:
                queue.send(job)
            events = await triggerer.until_fired(*numbers)
            assert [event["job_id"] for event in events] == jobs
            keep_alive = triggerer.start(trigger("another"))
            triggerer.store_events()
            await until(lambda: queue.counts() == (0, 0))
            assert all(len(events) == 1 for events in triggerer.fired.values())
            assert not triggerer.task(keep_alive).done()

    asyncio.run(scenario())


def test_a_completion_that_comes_before_its_trigger_is_remembered(trigger, queue, job_id, no_checks, monkeypatch):
    monkeypatch.setattr(completions, "LONGEST_RETURN_S", 0)

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            triggerer.start(first := trigger("another"))
            queue.send(job_id)
            room = waiting.waiting_room(first.shared_stream_key(), has_queue=True)
            await until(lambda: job_id in room._ends)
            queue.sqs.purge_queue(QueueUrl=queue.url)
            number = triggerer.start(trigger(job_id))
            await triggerer.until_fired(number)

    asyncio.run(scenario())


def test_a_call_that_still_listens_when_the_last_trigger_leaves_takes_no_message_into_nowhere(
    trigger, queue, no_checks, monkeypatch
):
    monkeypatch.setattr(completions, "LONG_POLL_S", 5)
    first, second = uuid.uuid4().hex, uuid.uuid4().hex

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(first))
            queue.send(first)
            await triggerer.until_fired(number)
            await asyncio.sleep(0.5)  # the next call listens
            triggerer.store_events()
            await triggerer.task(number)
            queue.send(second)
            await until(lambda: queue.counts() == (0, 1))  # taken by that call
            await triggerer.until_fired(triggerer.start(trigger(second)))

    asyncio.run(scenario())


def test_a_message_that_nobody_waits_for_goes_back_for_another_triggerer(trigger, queue, job_id, no_checks):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            triggerer.start(trigger("another"))
            queue.send(job_id)
            await until(lambda: queue.counts() == (0, 1))

            def received() -> bool:
                return bool(queue.sqs.receive_message(QueueUrl=queue.url).get("Messages"))

            await until(received)

    asyncio.run(scenario())


def test_an_old_message_that_nobody_waits_for_is_deleted(trigger, queue, job_id, no_checks, monkeypatch):
    monkeypatch.setattr(completions, "WANTED_FOR_S", 0.0)

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            triggerer.start(trigger("another"))
            queue.send(job_id)
            await until(lambda: queue.counts() == (0, 0))

    asyncio.run(scenario())
    assert queue.dead_letters() == []


def test_a_message_that_cannot_be_read_ends_among_the_dead_letters(trigger, queue, no_checks, monkeypatch):
    monkeypatch.setattr(completions, "LONGEST_RETURN_S", 0)
    dead: list[str] = []

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            triggerer.start(trigger("another"))
            queue.send_body("no completion")
            await until(lambda: dead.extend(queue.dead_letters()) or dead)

    asyncio.run(scenario())
    assert dead == ["no completion"]


def test_a_job_that_ended_before_anybody_listened_is_found_by_the_check_at_the_start(trigger, service, queue, job_id):
    service.states[job_id] = "COMPLETED"

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id))
            assert (await triggerer.until_fired(number))[0]["state"] == "complete"

    asyncio.run(scenario())


def test_a_job_is_asked_about_once_at_the_start_and_then_left_to_its_message(trigger, service, queue, job_id):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id, waiter_delay=1))
            await until(lambda: service.asked[job_id])
            await asyncio.sleep(1.5)
            queue.send(job_id)
            await triggerer.until_fired(number)

    asyncio.run(scenario())
    assert service.asked[job_id] == 1


def test_the_sweep_finds_a_job_whose_message_got_lost_and_then_asks_about_all(
    trigger, service, queue, job_id, monkeypatch
):
    monkeypatch.setattr(waiting, "SWEEP_S", 0.3)
    monkeypatch.setattr(waiting, "SECONDS_PER_SWEPT_JOB", 0.1)

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(waiter := trigger(job_id))
            room = waiting.waiting_room(waiter.shared_stream_key(), has_queue=True)
            await until(lambda: service.asked[job_id])
            assert room.sweeps_per_second() == 10
            service.states[job_id] = "FAILED"
            assert (await triggerer.until_fired(number))[0]["state"] == "failed"
            assert room.sweeps_per_second() == float("inf")

    asyncio.run(scenario())


def test_triggers_outlive_a_queue_that_is_gone_and_ask_the_service_meanwhile(trigger, service, queue, job_id):
    queue.sqs.delete_queue(QueueUrl=queue.url)
    later = uuid.uuid4().hex

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            waiter = trigger(job_id)
            numbers = triggerer.start(waiter), triggerer.start(trigger(later, waiter_delay=3600))
            room = waiting.waiting_room(waiter.shared_stream_key(), has_queue=True)
            await until(lambda: room.deaf and service.asked[job_id] >= 2)
            service.states[job_id] = "COMPLETED"
            await triggerer.until_fired(numbers[0])

            queue.sqs.create_queue(QueueName=queue.url.rsplit("/", 1)[1])
            await until(lambda: not room.deaf)
            queue.send(later)
            await triggerer.until_fired(numbers[1])

    asyncio.run(scenario())


def test_without_a_queue_the_service_is_asked_every_delay(trigger, service, job_id):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id, completions_queue_url=None))
            await until(lambda: service.asked[job_id] >= 3)
            service.states[job_id] = "COMPLETED"
            await triggerer.until_fired(number)

    asyncio.run(scenario())


def test_a_throttled_service_is_asked_again_later(trigger, service, job_id):
    service.refuses_with = 400, "LimitExceededException"

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id, completions_queue_url=None))
            await until(lambda: service.asked[job_id] >= 4)
            service.refuses_with, service.states[job_id] = None, "COMPLETED"
            assert (await triggerer.until_fired(number))[0]["status"] == "success"

    asyncio.run(scenario())


def test_a_service_that_keeps_refusing_wakes_the_task_with_its_words(trigger, service, job_id):
    service.refuses_with = 403, "AccessDeniedException"

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id))
            event = (await triggerer.until_fired(number))[0]
            assert event["status"] == "error"
            assert event["message"] == "AccessDeniedException: no"

    asyncio.run(scenario())


def test_a_service_that_cannot_be_reached_is_waited_for(trigger, service, job_id, monkeypatch):
    class Unreachable(Exception):
        pass

    reached = status_checks.ServiceClients.of
    tried = []

    async def of(self, hook_class):
        if hook_class is TranscribeHook and len(tried) < 3:
            tried.append(hook_class)
            raise Unreachable("no route to host")
        return await reached(self, hook_class)

    monkeypatch.setattr(status_checks.ServiceClients, "of", of)
    service.states[job_id] = "COMPLETED"

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            await triggerer.until_fired(triggerer.start(trigger(job_id)))

    asyncio.run(scenario())
    assert len(tried) == 3


def test_a_wait_is_given_up_after_its_last_attempt(trigger, service, job_id):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger(job_id, waiter_max_attempts=1))
            event = (await triggerer.until_fired(number))[0]
            assert (event["status"], event["state"]) == ("error", "active")

    asyncio.run(scenario())


def test_two_tasks_that_wait_for_one_job_are_both_told_and_ask_once(trigger, service, queue, job_id):
    async def scenario() -> None:
        async with Triggerer() as triggerer:
            numbers = triggerer.start(trigger(job_id)), triggerer.start(trigger(job_id))
            await until(lambda: service.asked[job_id])
            queue.send(job_id)
            await triggerer.until_fired(*numbers)

    asyncio.run(scenario())
    assert service.asked[job_id] == 1


def test_a_thousand_ends_at_once_wake_tasks_at_the_set_pace_and_the_rest_waits_in_the_queue(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: clock[0])
    pace = waiting.Pace(20.0)
    woken = 0
    for _ in range(100):
        woken += pace.take(1000)
        clock[0] += 0.1
    assert woken == 20 + 99 * 2  # a second's worth at once, then as set

    room = waiting.WaitingRoom(has_queue=True, pace=pace)
    for number in range(199):
        room._release(waiting.event_of(str(number), "complete"))
    assert not room.is_full()
    room._release(waiting.event_of("199", "complete"))
    assert room.is_full()


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(waiting, "REMEMBERED_ENDS", 10)
    room = waiting.WaitingRoom(has_queue=True)
    for number in range(100):
        room.hear(waiting.event_of(str(number), "complete"))
    assert len(room._ends) == 10
    monkeypatch.setattr(waiting, "REMEMBERED_FOR_S", -1.0)
    room.hear(waiting.event_of("last", "complete"))
    assert list(room._ends) == ["last"]
