"""The whole of tier_storage in this process, on the local AWS: what is planned, moved, and left alone."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from include.catalog.keys import asset_id_from_source, tiering_key
from include.settings import SETTINGS
from include.storage.plan_file import read_moves
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.operators.tiering import LakePlanTieringOperator

BUCKET = SETTINGS.delivery_bucket
DAY = datetime(2026, 6, 7, 4, tzinfo=UTC)
BIG = bytes(400_000)


def report_of(read_json, at: datetime) -> dict:
    return read_json(SETTINGS.reports_bucket, tiering_key(f"{at:%Y%m%d}", "report.json"))


@pytest.fixture(scope="module")
def delivered(s3):
    """Originals of a publication that nobody reads, and small and public things beside them."""
    folder = f"original/{uuid.uuid4().hex[:8]}/"
    film, small, poster = f"{folder}=film.mp4", f"{folder}note.mp4", folder.replace("original", "thumbnail") + "a.jpg"
    s3.put_object(Bucket=BUCKET, Key=film, Body=BIG, Metadata={"title": "Film"}, Tagging="rating=5")
    s3.put_object(Bucket=BUCKET, Key=small, Body=b"x" * 1000)
    s3.put_object(Bucket=BUCKET, Key=poster, Body=BIG)
    yield SimpleNamespace(film=film, small=small, poster=poster)
    for key in (film, small, poster):
        s3.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture(scope="module")
def drives(s3):
    """Two uploads of a dash cam that triage has decided about: their asset ids by the decision."""
    catalogue = AssetCatalogueHook()
    ids = {}
    for decision in ("normal", "incident"):
        stem = uuid.uuid4().hex[:8]
        key = f"footage/cam-9/20260301/{stem}.mp4"
        version = s3.put_object(Bucket=SETTINGS.ingest_bucket, Key=key, Body=BIG)["VersionId"]
        ids[decision] = asset_id_from_source("footage", f"{SETTINGS.ingest_bucket}/{key}#{version}")
        uploaded_at = (datetime.now(UTC) - timedelta(days=30)).isoformat()
        item = {"bucket": SETTINGS.ingest_bucket, "key": key, "version_id": version, "device": "cam-9", "stem": stem,
                "day": "20260301", "title": stem, "uploaded_at": uploaded_at, "decision": decision, "score": 0.0,
                "importance": "low", "sha256": hashlib.sha256(BIG).hexdigest()}  # fmt: skip
        catalogue.claim(ids[decision], claimed_by="a run", attributes=item)
        catalogue.mark(ids[decision], "analysed")
    return ids


@pytest.fixture(scope="module")
def planned(execute, delivered):
    return execute("tier_storage", at=DAY, buckets=["delivery"])


@pytest.fixture(scope="module")
def applied(execute, planned, drives):
    return execute("tier_storage", at=DAY.replace(day=14), buckets=["delivery", "ingest"], dry_run=False)


def storage_class(s3, key: str) -> str:
    return s3.head_object(Bucket=BUCKET, Key=key).get("StorageClass", "STANDARD")


def test_a_dry_run_plans_and_moves_nothing(planned, delivered, s3, read_json):
    assert planned.state == "success"
    assert planned.task_states["apply_tiering", -1] == "skipped"
    report = report_of(read_json, DAY)
    plan = s3.get_object(Bucket=SETTINGS.reports_bucket, Key=report["plan"]["key"])["Body"].read().decode()
    moves = {move.key: move for move in read_moves(plan.splitlines(keepends=True))}
    assert delivered.film in moves
    assert moves.keys().isdisjoint({delivered.small, delivered.poster})
    assert moves[delivered.film].to_class == "STANDARD_IA"
    assert "Standard-IA" in moves[delivered.film].reason
    assert report["applied"] is None
    chart = s3.get_object(Bucket=SETTINGS.reports_bucket, Key=tiering_key(f"{DAY:%Y%m%d}", "chart.svg"))
    assert chart["Body"].read().startswith(b"<svg")


def test_a_plan_that_is_too_dear_moves_nothing_and_is_reported(planned, delivered, s3, execute):
    dear = execute("tier_storage", at=DAY.replace(day=28), buckets=["delivery"], dry_run=False, max_cost_usd=0.000001)
    assert dear.state == "failed"
    assert [dear.task_states[task_id, -1] for task_id in ("apply_tiering", "choose_footage")] == ["failed"] * 2
    assert dear.task_states["report_tiering", -1] == "success"
    assert storage_class(s3, delivered.film) == "STANDARD"


def test_a_run_that_is_meant_moves_what_was_planned_and_keeps_metadata_and_tags(applied, delivered, s3, read_json):
    states = [applied.task_states[task_id, -1] for task_id in ("apply_tiering", "choose_footage", "report_tiering")]
    assert states == ["success"] * 3  # uploads that other tests have spoilt may fail beside it
    head = s3.head_object(Bucket=BUCKET, Key=delivered.film)
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"title": "Film"})
    assert s3.get_object_tagging(Bucket=BUCKET, Key=delivered.film)["TagSet"] == [{"Key": "rating", "Value": "5"}]
    assert s3.get_object(Bucket=BUCKET, Key=delivered.film)["Body"].read() == BIG
    assert {storage_class(s3, key) for key in (delivered.small, delivered.poster)} == {"STANDARD"}
    report = report_of(read_json, applied.at)
    copies = sum(step["objects"] for step in report["steps"] if step["way"] == "copy")
    assert report["applied"]["outcomes"] == {"moved": copies}
    assert report["storage_usd_a_month"]["before"] > report["storage_usd_a_month"]["after"]


def test_a_copy_that_fails_keeps_no_upload_back(bag):
    """One object that S3 refuses every week would else keep all uploads where they are."""
    assert bag.dags["tier_storage"].task_dict["choose_footage"].upstream_task_ids == {"plan_tiering"}


def test_what_was_moved_is_not_planned_again(applied):
    operator = LakePlanTieringOperator(task_id="plan", buckets="delivery", keep_months=36, max_moves=10)
    notes = SimpleNamespace(pushed={})
    notes.xcom_push = lambda key, value: notes.pushed.update({key: value})
    dag_run = SimpleNamespace(logical_date=DAY.replace(day=21), run_after=None)
    operator.execute({"ti": notes, "dag_run": dag_run})
    assert notes.pushed["moves"] == 0


def test_a_normal_drive_moves_as_triage_would_move_it_and_an_incident_stays(applied, drives, s3, read_json):
    catalogue = AssetCatalogueHook()
    normal, incident = (catalogue.read(drives[decision]) for decision in ("normal", "incident"))
    assert (normal["archive_key"], normal["storage_class"]) == (normal["key"], "DEEP_ARCHIVE")
    assert s3.head_object(Bucket=SETTINGS.archive_bucket, Key=normal["key"])["StorageClass"] == "DEEP_ARCHIVE"
    assert "archive_key" not in incident
    assert s3.head_object(Bucket=SETTINGS.ingest_bucket, Key=incident["key"])["ContentLength"] == len(BIG)
    assert "it belongs to an incident" in report_of(read_json, applied.at)["kept"]
