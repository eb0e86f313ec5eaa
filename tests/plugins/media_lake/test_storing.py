"""Uploads are stored where they cost least, on the local AWS."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.exceptions import ClientError

from include.catalog.keys import FootageFolder, asset_id_from_source
from include.catalog.records import Failure, record_to_json
from include.catalog.triage import FootageAnalysis, Transcript, Triage
from include.catalog.video import Engine, Label
from include.settings import SETTINGS
from media_lake.hooks.s3 import ObjectMissing
from media_lake.operators import storing
from media_lake.operators.storing import FootageStoreOperator
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")

DRIVE = b"a quiet street" * 100_000  # 1.4 MB: above break-even, and quickly made
DAY = "20260301"


class Died(BaseException):
    """The worker is gone."""


@pytest.fixture
def upload(catalogue, lake):
    """An upload that was decided on: its item, its object and the record of its triage; returns the asset id."""

    def upload(decision="normal", *, body=DRIVE, days_ago=30.0, score=0.0, people=0, words=0, tagging="", **metadata):
        stem = f"drive-{uuid4().hex[:8]}"
        key = f"footage/cam-1/{DAY}/{stem}.mp4"
        put = lake.conn.put_object(
            Bucket=SETTINGS.ingest_bucket, Key=key, Body=body, Metadata=metadata, Tagging=tagging
        )
        asset_id = asset_id_from_source("footage", f"{SETTINGS.ingest_bucket}/{key}#{put['VersionId']}")
        uploaded_at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
        item = {
            "source": "footage", "source_id": key, "campaign": "footage", "run": "20260301_063000",
            "bucket": SETTINGS.ingest_bucket, "key": key, "version_id": put["VersionId"], "device": "cam-1",
            "day": DAY, "stem": stem, "title": f"cam-1 {stem}.mp4", "uploaded_at": uploaded_at,
        }  # fmt: skip
        catalogue.claim(asset_id, claimed_by="a run", attributes=item)
        landed = {"sha256": hashlib.sha256(body).hexdigest(), "captured_at": uploaded_at}
        if decision is None:
            catalogue.mark(asset_id, "landed", **landed)
            return asset_id
        catalogue.mark(asset_id, "analysed", decision=decision, score=score, **landed)
        triage = Triage(
            asset_id=asset_id, original_name=f"{stem}.mp4", decision=decision, score=score, rules_version="r", fired=(),
            moments_s=(), decided_by="rules", screened_out=False, importance=None, alert_id=None,
            playback_url_expires_at=None, storage=None, skipped={},
        )  # fmt: skip
        person = Label(name="Person", parents=(), confidence_max=0.9, segments=(), instances=())
        analysis = FootageAnalysis(
            asset_id=asset_id, original_name=f"{stem}.mp4", duration_s=6.0, labels=(person,) * min(people, 1),
            shots=(), cues=(), text=(), text_left_out=0, engine=Engine(service="rekognition", model_version="1"),
            skipped={}, analyser_version="1",
        )  # fmt: skip
        transcript = Transcript(
            asset_id=asset_id, original_name=f"{stem}.mp4", job_id="j", language="en-US", text="word " * words,
            utterances=(), sentiment_usd=0.0, skipped={},
        )  # fmt: skip
        folder = FootageFolder("cam-1", DAY, stem)
        for kind, record in {"triage": triage, "analysis": analysis, "transcript": transcript}.items():
            lake.write_text(SETTINGS.processed_bucket, folder.record(kind), record_to_json(record))
        return asset_id

    return upload


@pytest.fixture
def store():
    """Executes the operator."""

    def store(asset_id, **arguments):
        operator = FootageStoreOperator(task_id="store_upload", asset_id=asset_id, **arguments)
        return operator.execute({"ti": Notes()})

    return store


@pytest.fixture
def triage_of(catalogue, lake):
    """Reads the record of an upload's triage."""

    def triage_of(asset_id):
        item = catalogue.read(asset_id)
        folder = FootageFolder(item["device"], item["day"], item["stem"])
        return json.loads(lake.read_text(SETTINGS.processed_bucket, folder.record("triage")))

    return triage_of


@pytest.fixture
def standing(catalogue, lake):
    """Names the buckets in which an upload stands, in any version."""

    def standing(asset_id):
        key = catalogue.read(asset_id)["key"]
        return [
            bucket
            for bucket in (SETTINGS.ingest_bucket, SETTINGS.archive_bucket)
            for _ in lake.conn.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
        ]

    return standing


def test_a_quiet_drive_goes_to_the_archive_and_the_record_says_why(catalogue, lake, upload, store, triage_of, standing):
    asset_id = upload()
    assert store(asset_id) == "DEEP_ARCHIVE"
    item = catalogue.read(asset_id)
    head = lake.conn.head_object(Bucket=item["archive_bucket"], Key=item["archive_key"])
    assert (head["StorageClass"], head["ContentLength"]) == ("DEEP_ARCHIVE", len(DRIVE))
    assert standing(asset_id) == [SETTINGS.archive_bucket]
    record = triage_of(asset_id)
    assert record["importance"] == item["importance"] == "low"
    assert record["storage"]["storage_class"] == item["storage_class"] == "DEEP_ARCHIVE"
    assert record["storage"]["reason"] == item["storage_reason"]
    assert item["storage_reason"].endswith("; restore in 12 h is allowed for importance low")
    assert record["storage"]["monthly_usd_after"] < record["storage"]["monthly_usd_before"]


@pytest.mark.parametrize(
    ("facts", "importance", "storage_class"),
    [
        ({"people": 1, "words": 30}, "medium", "STANDARD_IA"),
        ({"score": 0.39, "people": 1}, "high", "STANDARD_IA"),
        ({"tagging": "rating=5"}, "high", "STANDARD_IA"),
        ({"rating": "5"}, "high", "STANDARD_IA"),
        ({"rating": "1", "score": 0.39, "people": 1}, "low", "DEEP_ARCHIVE"),
    ],
)
def test_what_is_seen_heard_and_rated_decides(catalogue, upload, store, facts, importance, storage_class):
    asset_id = upload(**facts)
    assert store(asset_id) == storage_class
    assert catalogue.read(asset_id)["importance"] == importance


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        ("incident", "Standard: an incident stays where it is, and can be read at once"),
        ("review", "Standard: it waits for a person to decide, and stays where it is"),
        (None, "Standard: it is not decided on, and stays where it is"),
    ],
)
def test_what_may_still_be_asked_for_stays(catalogue, upload, store, standing, decision, reason):
    asset_id = upload(decision)
    assert store(asset_id) == "STANDARD"
    item = catalogue.read(asset_id)
    assert (item["storage_reason"], standing(asset_id)) == (reason, [SETTINGS.ingest_bucket])
    assert "archive_key" not in item


def test_what_waited_for_a_person_moves_once_it_is_normal(catalogue, upload, store, standing):
    asset_id = upload("review")
    store(asset_id)
    catalogue.mark(asset_id, "analysed", decision="normal", decided_by="Ada")
    assert store(asset_id) == "DEEP_ARCHIVE"
    assert standing(asset_id) == [SETTINGS.archive_bucket]


def test_what_is_below_break_even_stays_and_says_so(catalogue, upload, store, standing):
    asset_id = upload(body=b"short")
    assert store(asset_id) == "STANDARD"
    assert "no class that restores in 12 h (importance low) costs less" in catalogue.read(asset_id)["storage_reason"]
    assert standing(asset_id) == [SETTINGS.ingest_bucket]


def test_what_is_locked_stays_and_says_so(catalogue, upload, store, standing, monkeypatch):
    asset_id = upload()
    monkeypatch.setattr(storing, "lock_of", lambda head: "it is under a legal hold")
    assert store(asset_id) == "STANDARD"
    assert catalogue.read(asset_id)["storage_reason"] == "Standard: it is under a legal hold"
    assert standing(asset_id) == [SETTINGS.ingest_bucket]


@pytest.mark.parametrize("decision", ["normal", "incident"])
def test_what_is_in_a_class_without_prices_is_left_there_and_fails_nothing(upload, store, decision, monkeypatch):
    monkeypatch.setattr(storing, "_class_of", lambda head: "INTELLIGENT_TIERING")
    with pytest.raises(AirflowSkipException, match="no prices of the storage class INTELLIGENT_TIERING"):
        store(upload(decision))


def test_a_shorter_retention_decides_otherwise(upload, store):
    assert store(upload(days_ago=0.0, body=DRIVE[: 600 * 1024]), keep_months="1") == "STANDARD"
    assert store(upload(days_ago=0.0, body=DRIVE[: 600 * 1024]), keep_months="36") == "DEEP_ARCHIVE"


def test_what_is_stored_stays_stored(catalogue, upload, store, standing):
    asset_id = upload()
    store(asset_id)
    before = catalogue.read(asset_id)
    assert store(asset_id) == "DEEP_ARCHIVE"
    assert catalogue.read(asset_id) == before
    assert standing(asset_id) == [SETTINGS.archive_bucket]


def test_the_importance_of_what_is_archived_survives_another_decision(catalogue, upload, store, triage_of):
    asset_id = upload()
    store(asset_id)
    catalogue.mark(asset_id, "analysed", importance=None)
    store(asset_id)
    assert catalogue.read(asset_id)["importance"] == triage_of(asset_id)["importance"] == "low"


@pytest.mark.parametrize("dies_at", ["copy", "note"])
def test_a_worker_that_dies_loses_nothing_and_the_next_try_finishes(
    catalogue, lake_clients, monkeypatch, upload, store, standing, triage_of, dies_at
):
    """After the copy, and after the original was deleted but before that is written down."""
    asset_id = upload()

    def die(*_, **__):
        raise Died

    with monkeypatch.context() as patched:
        if dies_at == "copy":
            lake_clients.s3.meta.events.register("before-call.s3.DeleteObject", die, unique_id="die")
        else:
            patched.setattr(storing._Upload, "moved", die)
        with pytest.raises(Died):
            store(asset_id)
        lake_clients.s3.meta.events.unregister("before-call.s3.DeleteObject", unique_id="die")
    assert set(standing(asset_id)) >= {SETTINGS.archive_bucket}
    assert store(asset_id) == "DEEP_ARCHIVE"
    assert standing(asset_id) == [SETTINGS.archive_bucket]
    item = catalogue.read(asset_id)
    assert item["storage_reason"].endswith("importance low")
    assert (item["importance"], triage_of(asset_id)["importance"]) == ("low", "low")


def test_other_bytes_than_those_that_landed_are_not_moved(catalogue, upload, store, standing):
    asset_id = upload()
    catalogue.mark(asset_id, "analysed", sha256=hashlib.sha256(b"another film").hexdigest())
    with pytest.raises(AirflowFailException, match="does not hold the bytes that it is known for"):
        store(asset_id)
    assert standing(asset_id) == [SETTINGS.ingest_bucket]


def test_an_upload_that_is_lost_is_an_error_that_says_so(catalogue, lake, upload, store):
    quiet, incident = upload(), upload("incident")
    for asset_id in (quiet, incident):
        item = catalogue.read(asset_id)
        lake.conn.delete_object(Bucket=item["bucket"], Key=item["key"], VersionId=item["version_id"])
    with pytest.raises(AirflowFailException, match=r"is gone, and no version of .* proves to be its copy"):
        store(quiet)
    with pytest.raises(ObjectMissing, match="is gone, though it is incident"):
        store(incident)


def test_a_bad_upload_a_duplicate_and_a_stranger_are_skipped(catalogue, upload, store, standing):
    bad, duplicate = upload(), upload()
    catalogue.mark_failed(bad, Failure(stage="inspect", error="NotMedia", message="no film", retryable=False))
    catalogue.mark(duplicate, "duplicate", duplicate_of=bad)
    for asset_id, state in {bad: "failed", duplicate: "duplicate", "nobody": "not in the catalogue"}.items():
        with pytest.raises(AirflowSkipException, match=f"is {state}: it is left where it is"):
            store(asset_id)
    assert standing(bad) == standing(duplicate) == [SETTINGS.ingest_bucket]


def test_s3_in_trouble_is_no_lost_upload(lake_clients, upload, store):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate"}}, "HeadObject")

    asset_id = upload()
    lake_clients.s3.meta.events.register("before-call.s3.HeadObject", refuse, unique_id="refuse")
    try:
        with pytest.raises(ClientError, match="SlowDown"):
            store(asset_id)
    finally:
        lake_clients.s3.meta.events.unregister("before-call.s3.HeadObject", unique_id="refuse")
