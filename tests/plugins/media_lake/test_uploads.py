from __future__ import annotations

import itertools
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from include.catalog.records import Failure
from include.catalog.uploads import Upload, asset_id_of
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from media_lake.hooks.dynamodb import OnceHook
from media_lake.operators.uploads import FootageClaimUploadsOperator

PASSING = Failure(stage="inspect", error="Throttled", message="slow down", retryable=True)
PERMANENT = Failure(stage="inspect", error="NotMedia", message="no film", retryable=False)
RUN_AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
RUNS = itertools.count()

pytestmark = pytest.mark.usefixtures("shared_clients")


@pytest.fixture
def prefix() -> str:
    """A landing prefix of its own, with a device and a day."""
    return f"footage/cam-{uuid.uuid4().hex[:12]}/20260301/"


@pytest.fixture
def put(lake_clients, prefix):
    """Uploads something, and returns what S3 would tell of it."""

    def put(name: str, body: bytes = b"drive", bucket: str = SETTINGS.ingest_bucket) -> Upload:
        stored = lake_clients.s3.put_object(Bucket=bucket, Key=prefix + name, Body=body)
        return Upload(
            bucket=bucket,
            key=prefix + name,
            version_id=stored.get("VersionId"),
            etag=stored["ETag"].strip('"'),
            size_bytes=len(body),
            uploaded_at="2026-03-01T06:30:00Z",
        )

    return put


@pytest.fixture
def delete(lake_clients):
    def delete(upload: Upload) -> None:
        lake_clients.s3.delete_object(Bucket=upload.bucket, Key=upload.key)

    return delete


@pytest.fixture
def a_run():
    """Makes the context of a run that events of these uploads began."""

    def a_run(*uploads: Upload | dict, run_type: str = "scheduled") -> dict:
        told = [asdict(upload) if isinstance(upload, Upload) else upload for upload in uploads]
        event = SimpleNamespace(extra={"from_trigger": True, "payload": {"uploads": told}})
        by_hand = SimpleNamespace(extra={})
        run_id = f"{run_type}__{next(RUNS)}_{uuid.uuid4().hex}"
        dag_run = SimpleNamespace(
            dag_id="triage_footage", run_id=run_id, run_type=run_type, logical_date=None, run_after=RUN_AT
        )
        return {"dag_run": dag_run, "triggering_asset_events": {"footage_uploads": [event, by_hand]} if told else {}}

    return a_run


@pytest.fixture
def claim(prefix):
    def claim(context: dict, limit: int | str = 50, max_cost_usd: str | None = None) -> list[str]:
        operator = FootageClaimUploadsOperator(
            task_id="claim_uploads", limit=limit, max_cost_usd=max_cost_usd, prefix=prefix
        )
        return operator.execute(context)

    return claim


@pytest.fixture
def logged(caplog, capsys):
    """Returns what was logged, in whichever way the logging of Airflow is set up by then."""
    caplog.set_level("INFO")
    return lambda: caplog.text + capsys.readouterr().out


def ids(*uploads: Upload) -> list[str]:
    return [asset_id_of(upload) for upload in uploads]


def test_an_upload_has_the_same_id_whether_an_event_or_the_listing_found_it(put, claim, a_run, catalogue):
    upload = put("Drive (1) + sea.mp4")
    by_listing = claim(a_run())
    assert by_listing == ids(upload)
    assert upload.version_id is not None
    catalogue.table.delete_item(Key={"asset_id": by_listing[0]})
    assert claim(a_run(upload)) == by_listing


def test_an_upload_that_was_told_without_its_version_is_the_same_too(put, claim, a_run):
    """As by a notification of S3, which knows no version in a bucket that had none then."""
    upload = put("drive.mp4")
    assert claim(a_run(asdict(upload) | {"version_id": None})) == ids(upload)
    assert claim(a_run(upload)) == []


def test_what_is_claimed_stands_in_the_catalogue_with_its_names(put, claim, a_run, catalogue, prefix):
    upload = put("Küste 1.mp4")
    context = a_run(upload)
    (asset_id,) = claim(context)
    item = catalogue.read(asset_id)
    device = prefix.split("/")[1]
    assert {name: item[name] for name in ("source", "campaign", "run", "device", "day", "stem", "title", "state")} == {
        "source": "footage",
        "campaign": "footage",
        "run": "20260301_063000",
        "device": device,
        "day": "20260301",
        "stem": "Kuste-1",
        "title": f"{device} Küste 1.mp4",
        "state": "claimed",
    }
    assert (item["bucket"], item["key"], item["version_id"]) == (upload.bucket, upload.key, upload.version_id)
    assert item["claimed_by"] == f"triage_footage/{context['dag_run'].run_id}"


def test_events_first_then_what_the_listing_finds_each_once(put, claim, a_run):
    first, second, third = put("a.mp4"), put("b.mp4"), put("c.mp4")
    assert claim(a_run(third, third, second)) == ids(third, second, first)


def test_a_run_that_events_started_lists_nothing_when_nothing_was_left_lately(put, claim, a_run, catalogue, prefix):
    """A listing asks after every upload that stays: a fleet starts thousands of runs a day."""
    put("a.mp4")
    claim(a_run())
    told, untold, later = put("b.mp4"), put("c.mp4"), put("d.mp4")
    assert claim(a_run(told, run_type="asset_triggered")) == ids(told)
    assert claim(a_run(), limit=1) == ids(untold)
    assert claim(a_run(run_type="asset_triggered")) == ids(later), "the run before was full: it left something"
    missed = put("e.mp4")
    assert claim(a_run(run_type="asset_triggered")) == []
    catalogue.table.put_item(Item={"asset_id": f"sweep#{prefix}", "at": LONG_AGO})
    assert claim(a_run(run_type="asset_triggered")) == ids(missed)


def test_a_deleted_upload_is_left_out(put, claim, a_run, delete):
    gone, upload = put("a.mp4"), put("b.mp4")
    delete(gone)
    assert claim(a_run(gone, upload)) == ids(upload)


def test_each_version_of_a_key_is_an_upload_whatever_the_order_of_the_events(put, claim, a_run, catalogue):
    old, new = put("FILE0001.MP4", b"1"), put("FILE0001.MP4", b"2")
    assert claim(a_run(new, old)) == ids(new, old)
    assert claim(a_run(old)) == []
    items = catalogue.read_many(ids(old, new))
    assert [items[asset_id]["version_id"] for asset_id in ids(old, new)] == [old.version_id, new.version_id]
    assert items[ids(new)[0]]["stem"] == "FILE0001"
    assert items[ids(old)[0]]["stem"] == f"FILE0001-{ids(old)[0][:8]}"


def test_the_listing_finds_what_was_written_over_before_anybody_took_it(put, claim, a_run):
    old, new = put("FILE0001.MP4", b"1"), put("FILE0001.MP4", b"2")
    assert sorted(claim(a_run())) == sorted(ids(old, new))
    assert claim(a_run()) == []


def test_a_version_that_was_stored_elsewhere_or_hidden_by_a_delete_does_not_come(
    put, claim, a_run, delete, lake_clients
):
    moved = put("a.mp4", b"1")
    hidden = put("a.mp4", b"2")
    time.sleep(1.1)  # S3 lists whole seconds
    delete(hidden)
    new = put("a.mp4", b"3")
    lake_clients.s3.delete_object(Bucket=moved.bucket, Key=moved.key, VersionId=moved.version_id)
    assert claim(a_run(moved, hidden, new)) == ids(new)
    assert claim(a_run()) == []


def test_a_folder_mark_is_ignored_and_an_empty_file_is_not(put, claim, a_run):
    mark, empty = put("sub/", b""), put("empty.mp4", b"")
    assert claim(a_run(mark, empty)) == ids(empty)


def test_what_is_no_upload_of_this_pipeline_is_not_taken(put, claim, a_run):
    elsewhere = put("a.mp4", bucket=SETTINGS.raw_bucket)
    beside = asdict(elsewhere) | {"bucket": SETTINGS.ingest_bucket, "key": "inputs/a.mp4"}
    assert claim(a_run(elsewhere, beside, {"key": "footage/a.mp4"}, {"key": 7})) == []


def test_what_another_run_took_is_left_to_it_unless_its_trouble_may_pass(put, claim, a_run, catalogue):
    taken, failed, hopeless = ids(put("a.mp4"), put("b.mp4"), put("c.mp4"))
    assert claim(a_run()) == [taken, failed, hopeless]
    assert claim(a_run()) == []
    catalogue.mark_failed(failed, PASSING)
    catalogue.mark_failed(hopeless, PERMANENT)
    catalogue.mark(taken, "claimed", claimed_at="2020-01-01T00:00:00Z")
    assert sorted(claim(a_run())) == sorted([taken, failed])


LONG_AGO = "2020-01-01T00:00:00Z"


def test_what_landed_and_was_never_decided_on_is_taken_again_after_a_day(put, claim, a_run, catalogue):
    (asset_id,) = ids(put("a.mp4"))
    claim(a_run())
    catalogue.mark(asset_id, "landed", raw_key="a.mp4")
    assert claim(a_run()) == []
    catalogue.mark(asset_id, "landed", claimed_at=LONG_AGO)
    assert claim(a_run()) == [asset_id]
    assert "raw_key" not in catalogue.read(asset_id)


def test_an_incident_that_nobody_was_told_of_is_taken_again_after_a_day(put, claim, a_run, catalogue):
    untold, told, normal, doubtful = ids(*[put(f"{number}.mp4") for number in range(4)])
    claim(a_run())
    for decided_at, expected in ((now_iso(), []), (LONG_AGO, [untold])):
        found = {"decided_at": decided_at, "claimed_at": LONG_AGO}
        catalogue.mark(untold, "analysed", decision="incident", **found)
        catalogue.mark(told, "analysed", decision="incident", alerted_at=LONG_AGO, **found)
        catalogue.mark(normal, "analysed", decision="normal", **found)
        catalogue.mark(doubtful, "analysed", decision="review", **found)
        assert claim(a_run()) == expected
    assert catalogue.read(untold)["untold"] is True


def test_a_curation_leaves_what_landed_to_its_run(catalogue):
    asset_id = uuid.uuid4().hex[:24]
    catalogue.claim(asset_id, claimed_by="curate_audio/1", attributes={})
    catalogue.mark(asset_id, "landed", claimed_at=LONG_AGO)
    assert catalogue.claim(asset_id, claimed_by="curate_audio/2", attributes={}) is None
    assert not catalogue.is_free_for(catalogue.read(asset_id), "curate_audio/2")


def test_the_duplicate_of_an_upload_that_came_to_nothing_is_taken_again(put, claim, a_run, catalogue):
    originals = ids(*[put(f"a{number}.mp4") for number in range(4)])
    twins = ids(*[put(f"b{number}.mp4") for number in range(4)])
    claim(a_run())
    for original, twin in zip(originals, twins, strict=True):
        catalogue.mark(twin, "duplicate", duplicate_of=original)
    assert claim(a_run()) == []
    failed, deleted, undone, decided = originals
    catalogue.mark_failed(failed, PERMANENT)
    catalogue.table.delete_item(Key={"asset_id": deleted})
    catalogue.mark(undone, "landed", claimed_at=LONG_AGO)
    catalogue.mark(decided, "analysed", decision="normal", claimed_at=LONG_AGO)
    assert set(twins) & set(claim(a_run())) == set(twins[:3])


def test_what_costs_more_than_a_run_may_pay_waits_for_one_that_may(put, claim, a_run, catalogue):
    (asset_id,) = ids(put("a.mp4"))
    claim(a_run())
    catalogue.mark(asset_id, "failed", failure=PASSING, needs_usd=12.5)
    assert claim(a_run(), max_cost_usd="12") == []
    assert claim(a_run(), max_cost_usd="12.5") == [asset_id]


def test_of_two_executions_the_slower_one_gives_back_what_the_quicker_one_has_not(put, claim, a_run, monkeypatch):
    first, second = put("a.mp4"), put("b.mp4")
    remember = OnceHook.remember

    def too_late(once, key, _):
        remember(once, key, ids(first))  # by the other execution, before the second upload came
        return remember(once, key, [])

    context = a_run()
    with monkeypatch.context() as patch:
        patch.setattr(OnceHook, "remember", too_late)
        assert claim(context) == ids(first)
    assert claim(context) == ids(first)
    assert claim(a_run()) == ids(second)


def test_what_failed_before_never_keeps_new_uploads_waiting(put, claim, a_run, catalogue):
    failed = ids(*[put(f"a{number}.mp4") for number in range(6)])
    assert claim(a_run()) == failed
    for asset_id in failed:
        catalogue.mark_failed(asset_id, PASSING)
    new = ids(*[put(f"b{number}.mp4") for number in range(3)])
    again = claim(a_run(), limit=4)
    assert again[:3] == new
    assert set(again[3:]) <= set(failed)


def test_beyond_the_limit_uploads_wait_for_the_next_run(put, claim, a_run, logged):
    uploads = [put(f"{number}.mp4") for number in range(5)]
    assert claim(a_run(uploads[4]), limit="3") == ids(uploads[4], *uploads[:2])
    assert "3 of at most 3 taken, at least 2 wait for the next run" in logged()
    assert claim(a_run(), limit=3) == ids(*uploads[2:4])


def test_a_task_that_is_cleared_returns_the_same_list(put, claim, a_run):
    upload = put("a.mp4")
    context = a_run(upload)
    assert claim(context) == ids(upload)
    put("b.mp4")
    assert claim(context) == ids(upload)


def test_a_task_that_died_half_way_keeps_what_it_had_taken(put, claim, a_run, monkeypatch):
    uploads = [put(f"b{number}.mp4") for number in range(4)]
    context = a_run()
    with monkeypatch.context() as patch:
        patch.setattr("media_lake.operators.uploads.OnceHook.remember", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            claim(context, limit=4)
    put("a.mp4")  # comes before the others in the listing
    assert sorted(claim(context, limit=4)) == sorted(ids(*uploads))


def test_parallel_runs_share_the_uploads_without_overlap(put, claim, a_run):
    uploads = [put(f"{number:02}.mp4") for number in range(24)]
    with ThreadPoolExecutor(3) as pool:
        lists = list(pool.map(lambda _: claim(a_run(*uploads), limit=12), range(3)))
    taken = [asset_id for claimed in lists for asset_id in claimed]
    assert sorted(taken) == sorted(ids(*uploads))


def test_uploads_that_would_share_a_name_get_names_of_their_own(put, claim, a_run, catalogue):
    first, second = claim(a_run(put("drive.mp4"), put("drive.mov")))
    assert catalogue.read(first)["stem"] == "drive"
    assert catalogue.read(second)["stem"] == f"drive-{second[:8]}"


def test_a_stem_belongs_to_one_asset_for_good(catalogue):
    folder = f"cam-{uuid.uuid4().hex}/20260301"
    assert catalogue.claim_stem(folder, ["a", "b"], "one") == "a"
    assert catalogue.claim_stem(folder, ["a", "b"], "two") == "b"
    assert catalogue.claim_stem(folder, ["a", "b"], "one") == "a"
    with pytest.raises(RuntimeError, match="three"):
        catalogue.claim_stem(folder, ["a", "b"], "three")


def test_hostile_names_are_claimed_under_slugs(put, claim, a_run, catalogue):
    names = ["..x/.mp4", "a\x01b.mp4", "a\tb.mp4", "夜.mp4", "%2F+&<>.mp4", "n" * 900 + ".mp4", " ", "a//b.mp4"]
    uploads = [put(name) for name in names]
    assert sorted(claim(a_run())) == sorted(ids(*uploads))
    items = list(catalogue.read_many(ids(*uploads)).values())
    assert {item["key"] for item in items} == {upload.key for upload in uploads}
    assert len({(item["device"], item["day"], item["stem"]) for item in items}) == len(names)


def test_a_landing_prefix_of_several_pages_is_read_page_by_page(put, claim, a_run, monkeypatch, lake_clients, logged):
    uploads = [put(f"{number}.mp4") for number in range(7)]
    paginator = lake_clients.s3.get_paginator("list_object_versions")
    short = SimpleNamespace(paginate=lambda **where: paginator.paginate(**where, PaginationConfig={"PageSize": 3}))
    monkeypatch.setattr(lake_clients.s3, "get_paginator", lambda _: short)
    assert claim(a_run()) == ids(*uploads)
    assert logged().count("Page ") == 3
