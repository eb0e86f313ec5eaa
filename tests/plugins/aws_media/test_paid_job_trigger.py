from __future__ import annotations

import asyncio
import uuid
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.serde import deserialize, serialize

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import JobIdentity
from aws_media.triggers.paid_job import StartBackoffTrigger
from aws_media.triggers.transcribe import TranscribeJobTrigger
from include.settings import SETTINGS
from tests.plugins.aws_media.waiting_ground import Triggerer, until

pytest_plugins = ["tests.plugins.aws_media.waiting_fixtures"]

HOLDER = "triage|run 1|transcribe|-1|1"


@pytest.fixture
def job_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def ledger(service) -> JobLedgerHook:
    return JobLedgerHook(aws_conn_id="aws_jobs")


@pytest.fixture
def entry(ledger, job_id):
    """A running job that the task holds."""
    identity = JobIdentity(
        service="transcribe", operation="transcription_job", bucket="b", key=job_id, version="1", parameters={}
    )
    claim = ledger.claim(identity, holder=HOLDER, tags={}, options={})
    return ledger.change(claim.entry, lambda entry: entry.started(job_id))


@pytest.fixture
def killed(service, hurry, job_id, monkeypatch):
    """Starts a trigger, kills it as Airflow does after the task came into ``state``, and waits until that is done."""

    def killed(state: str | None, *, map_index: int = -1, **arguments) -> None:
        task = SimpleNamespace(
            id=uuid.uuid4(), dag_id="triage", run_id="run 1", task_id="transcribe", map_index=map_index, try_number=1,
            context_carrier=None,
        )  # fmt: skip
        name = "transcribe" if map_index < 0 else f"transcribe_{map_index}"
        states = {} if state == "gone" else {"run 1": {name: state}}
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **_: states)
        trigger = TranscribeJobTrigger(
            operation="transcription_job", job_id=job_id, aws_conn_id="aws_jobs", waiter_delay=60, **arguments
        )

        async def scenario() -> None:
            async with Triggerer() as triggerer:
                service.asked.clear()
                number = triggerer.start(trigger, task)
                await until(lambda: service.asked[job_id])
                triggerer.kill(number)
                await asyncio.wait([triggerer.task(number)])

        asyncio.run(scenario())

    return killed


@pytest.fixture
def held(entry) -> dict[str, str]:
    return {"job_key": entry.job_key, "holder": HOLDER, "ledger_table": SETTINGS.jobs_table}


def test_a_cleared_task_lets_go_of_its_job_which_goes_on(killed, service, ledger, entry, held):
    killed(None, **held)
    after = ledger.read(entry.job_key)
    assert (after.state, after.holders) == ("active", frozenset())
    assert service.deleted == []


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "gone"])
def test_a_task_that_is_ended_by_hand_cancels_its_job(killed, service, ledger, entry, held, job_id, state):
    killed(state, **held)
    assert ledger.read(entry.job_key).state == "cancelled"
    assert service.deleted == [job_id]


def test_a_mapped_task_is_known_by_its_index(killed, service, ledger, entry, held, job_id):
    killed("failed", map_index=3, **held)
    assert service.deleted == [job_id]


def test_a_job_that_another_task_holds_goes_on(killed, service, ledger, entry, held):
    ledger.change(entry, lambda entry: entry.held_by("another|run|task|-1|1"))
    killed("failed", **held)
    after = ledger.read(entry.job_key)
    assert (after.state, after.holders) == ("active", frozenset({"another|run|task|-1|1"}))
    assert service.deleted == []


@pytest.mark.parametrize("state", ["deferred", "running"])
def test_a_trigger_that_moved_to_another_triggerer_leaves_the_job_as_it_is(killed, service, ledger, entry, held, state):
    killed(state, **held)
    assert ledger.read(entry.job_key).holders == {HOLDER}
    assert service.deleted == []


def test_without_a_ledger_the_job_of_an_ended_task_is_cancelled_and_that_of_a_cleared_one_goes_on(
    killed, service, job_id
):
    killed("scheduled")
    assert service.deleted == []
    killed("failed")
    assert service.deleted == [job_id]


def test_a_sensor_cancels_nothing(killed, service):
    killed("failed", cancel_on_kill=False)
    assert service.deleted == []


def test_a_trigger_that_has_fired_cancels_nothing(service, hurry, job_id, monkeypatch):
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **_: {"run 1": {"transcribe": "success"}})
    service.states[job_id] = "COMPLETED"
    trigger = TranscribeJobTrigger(operation="transcription_job", job_id=job_id, aws_conn_id="aws_jobs")

    async def scenario() -> None:
        async with Triggerer() as triggerer:
            number = triggerer.start(trigger)
            await triggerer.until_fired(number)
            triggerer.kill(number)
            await triggerer.task(number)

    asyncio.run(scenario())
    assert service.deleted == []


def test_a_trigger_waits_alone_where_no_triggerer_is(service, hurry, job_id):
    trigger = TranscribeJobTrigger(operation="transcription_job", job_id=job_id, aws_conn_id="aws_jobs", waiter_delay=1)

    async def scenario() -> dict:
        stream = trigger.run()
        first = asyncio.ensure_future(anext(stream))
        await until(lambda: service.asked[job_id])
        service.states[job_id] = "FAILED"
        return (await first).payload

    assert asyncio.run(scenario()) == {"status": "error", "job_id": job_id, "state": "failed"}


def test_jobs_of_all_services_share_one_stream_per_queue_and_connection():
    from aws_media.triggers.mediaconvert import MediaConvertJobTrigger

    def key(trigger_class, **arguments):
        return trigger_class(operation="o", job_id=uuid.uuid4().hex, **arguments).shared_stream_key()

    same = {"completions_queue_url": "https://queue", "botocore_config": {"read_timeout": 9}}
    assert key(TranscribeJobTrigger, **same) == key(MediaConvertJobTrigger, **same)
    for different in ({"completions_queue_url": None}, {"region_name": "eu-west-1"}, {"aws_conn_id": "other"}):
        assert key(TranscribeJobTrigger, **same) != key(TranscribeJobTrigger, **same | different)


def test_a_start_is_tried_again_after_twice_as_long_each_time_up_to_a_cap():
    def delays(seed: str) -> list[float]:
        return [StartBackoffTrigger(attempt=attempt, seed=seed).delay_s for attempt in range(8)]

    for attempt, delay_s in enumerate(delays("a")):
        middle = min(300, 10 * 2**attempt)
        assert 0.5 * middle <= delay_s <= 1.5 * middle
    assert delays("a") == delays("a")
    assert delays("a") != delays("b")


def test_a_start_that_waits_comes_back_from_the_database_and_fires_the_next_attempt():
    path, stored = StartBackoffTrigger(attempt=3, seed="s", base_s=0.001, cap_s=0.01).serialize()
    assert path == "aws_media.triggers.paid_job.StartBackoffTrigger"
    trigger = StartBackoffTrigger(**deserialize(serialize(stored)))
    assert trigger.serialize() == (path, stored)
    event = asyncio.run(anext(trigger.run()))
    assert event.payload == {"status": "retry", "attempt": 4}
