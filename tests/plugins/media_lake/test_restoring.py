"""Restoring archived objects on the local AWS: the operator alone, its trigger, and what is found and told."""

from __future__ import annotations

import asyncio
import importlib
import uuid
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from include.settings import SETTINGS
from media_lake.operators.restoring import (
    S3FindArchivedOperator,
    S3RestoreObjectOperator,
    S3TellRestoredOperator,
    restored_message,
)
from media_lake.triggers.restore import S3ObjectReadableTrigger
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")
ARCHIVE = SETTINGS.archive_bucket


@pytest.fixture
def drive(lake):
    """An archived drive: its bucket, key and version."""
    key = f"footage/cam-{uuid.uuid4().hex[:6]}/20260301/drive.mp4"
    answer = lake.conn.put_object(Bucket=ARCHIVE, Key=key, Body=b"archived", StorageClass="DEEP_ARCHIVE")
    return {"bucket": ARCHIVE, "key": key, "version_id": answer["VersionId"]}


def restore(drive, **other) -> S3RestoreObjectOperator:
    return S3RestoreObjectOperator(task_id="restore", **{"days": 2, "waiter_delay": 1} | drive | other)


def find(**other) -> list[dict]:
    limits = {"bucket": ARCHIVE, "days": 7, "tier": "Standard", "max_cost_usd": 5}
    return S3FindArchivedOperator(task_id="find", **limits | other).execute({"ti": Notes()})


def fire(trigger) -> dict:
    async def first() -> dict:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(first())


def test_a_restore_is_deferred_until_the_object_can_be_read(drive, lake):
    operator = restore(drive)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({"ti": Notes()})
    path, stored = deferred.value.trigger.serialize()
    module, _, name = path.rpartition(".")
    event = fire(getattr(importlib.import_module(module), name)(**stored))
    assert event == {"status": "success", "key": drive["key"]}
    notes = Notes()
    assert operator.execute_complete({"ti": notes}, event) == drive["key"]
    assert notes.pushed["readable_until"] is not None
    assert lake.conn.get_object(Bucket=ARCHIVE, Key=drive["key"])["Body"].read() == b"archived"


def test_a_second_task_waits_for_the_same_restore(drive):
    for _ in range(2):
        with pytest.raises(TaskDeferred):
            restore(drive).execute({"ti": Notes()})


@pytest.mark.parametrize("every_s", [5, 300, 3600])
def test_the_wait_is_long_enough_for_bulk_however_seldom_it_looks(drive, every_s):
    with pytest.raises(TaskDeferred) as deferred:
        restore(drive, tier="Bulk", waiter_delay=str(every_s)).execute({"ti": Notes()})
    trigger = deferred.value.trigger
    assert trigger.waiter_delay == every_s
    assert trigger.waiter_delay * trigger.attempts >= 48 * 3600


def test_without_a_triggerer_the_task_waits_itself(drive):
    assert restore(drive, deferrable=False).execute({"ti": Notes()}) == drive["key"]


def test_what_is_not_archived_is_done_at_once(lake):
    key = f"{uuid.uuid4().hex}.mp4"
    lake.conn.put_object(Bucket=ARCHIVE, Key=key, Body=b"at hand")
    notes = Notes()
    assert restore({"bucket": ARCHIVE, "key": key}).execute({"ti": notes}) == key
    assert notes.pushed["readable_until"] is None


def test_an_object_that_went_meanwhile_fires_an_error_that_says_which(drive, lake):
    lake.conn.delete_object(Bucket=ARCHIVE, Key=drive["key"], VersionId=drive["version_id"])
    event = fire(S3ObjectReadableTrigger(**drive, waiter_delay=1))
    assert event["status"] == "error"
    with pytest.raises(AirflowException, match=r"drive.mp4 did not become readable.*clear the task"):
        restore(drive).execute_complete({"ti": Notes()}, event)


def test_an_object_that_does_not_exist_fails_without_a_retry():
    with pytest.raises(AirflowFailException, match="is not there"):
        restore({"bucket": ARCHIVE, "key": "nothing.mp4"}).execute({"ti": Notes()})


def test_objects_are_found_by_key_asset_and_prefix_and_each_comes_once(drive, catalogue, asset_id):
    catalogue.claim(asset_id, claimed_by="r", attributes={"archive_bucket": ARCHIVE, "archive_key": drive["key"]})
    folder = drive["key"].rpartition("/")[0]
    assert find(keys=[drive["key"]], asset_ids=asset_id, prefix=folder) == [drive]


def test_what_nobody_knows_is_named(asset_id):
    with pytest.raises(AirflowFailException, match=f"no asset {asset_id}"):
        find(asset_ids=[asset_id])
    with pytest.raises(AirflowFailException, match="give keys, asset_ids or a prefix"):
        find()


def test_a_quote_above_the_limit_stops_the_run(drive):
    with pytest.raises(AirflowFailException, match=r"Nothing is restored: \$0\.000.*max_cost_usd is 0"):
        find(keys=[drive["key"]], max_cost_usd=0)


def test_the_message_shows_names_of_strangers_without_their_markup():
    state = SimpleNamespace(bucket="b", key="<!channel> [a](http://evil.example)", readable=False, until=None)
    message = restored_message([vars(state) | {"why_not": "it is gone"}], "restore_assets", "manual__1")
    assert "<!channel>" not in message.markdown()
    assert "](http" not in message.markdown().replace("[The run](http", "")


def test_people_are_told_once_a_run_however_often_the_task_is_tried(drive, monkeypatch):
    told = []
    channel = SimpleNamespace(name="chat", identity=f"chat {uuid.uuid4().hex}", send=told.append)
    monkeypatch.setattr("media_lake.operators.restoring.channels", lambda **_: [channel])
    context = {"ti": Notes(), "dag_run": SimpleNamespace(dag_id="restore_assets", run_id=f"manual__{uuid.uuid4().hex}")}
    for notify in (False, True, True):
        S3TellRestoredOperator(task_id="tell", objects=[drive], notify=notify).execute(context)
    (message,) = told
    assert "it is archived" in message.markdown()


def test_the_message_of_a_large_run_names_what_is_not_readable_and_counts_the_rest():
    states = [{"bucket": "b", "key": "k" * 1000, "readable": n > 0, "until": None, "why_not": "it is gone"}
              for n in range(1000)]  # fmt: skip
    message = restored_message(states, "restore_assets", "manual__1")
    assert len(message.json().encode()) < 256_000
    assert message.facts["objects"][0]["readable"] is False
    assert "and 950 more" in message.markdown()
