"""Tiering on the local AWS: what the catalogue keeps, where objects are listed, and what a plan's steps do."""

from __future__ import annotations

import json
import tempfile
import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from types import SimpleNamespace

import boto3
import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk.exceptions import AirflowFailException
from botocore.validate import validate_parameters

from include.catalog.keys import asset_id_from_source
from include.settings import SETTINGS
from include.storage.inventory import StoredKey
from include.storage.means import Step
from include.storage.plan_file import write_moves
from media_lake.operators.tiering import LakeApplyTieringOperator, LakePlanTieringOperator
from media_lake.tiering import PlanChanged, contents_of, known_footage, plan_lines, store_file
from tests.include.storage.inventories import csv_gz, put_inventory, row
from tests.include.storage.test_plan_file import move
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")
REPORTS = SETTINGS.reports_bucket
NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def s3(lake):
    return lake.conn


@pytest.fixture
def bucket(s3):
    name = f"tier-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


# --- what is known


def test_only_what_was_decided_to_be_normal_may_move(catalogue):
    def upload(**item):
        key = f"footage/cam-1/20260301/{uuid.uuid4().hex}.mp4"
        if item:
            asset_id = asset_id_from_source("footage", f"media-ingest/{key}#v1")
            catalogue.claim(asset_id, claimed_by="r", attributes=item)
        return StoredKey("media-ingest", key, "v1", 5, NOW, "STANDARD", "e1")

    asked = [
        upload(decision="incident"), upload(decision="review"), upload(device="cam-1"), upload(),
        upload()._replace(version_id=None, etag=None), upload(decision="normal", importance="low"),
    ]  # fmt: skip
    *kept, normal = known_footage(catalogue, asked)
    assert [known.keeps for known in kept] == [
        "it belongs to an incident",
        "a person is to review it",
        "triage has not decided about it",
        "triage has not decided about it",
        "the inventory has neither VersionId nor ETag, so that the catalogue cannot be asked",
    ]
    assert (normal.keeps, normal.importance) == ("", "low")
    assert normal.expected_reads_per_month > 0


@pytest.mark.parametrize(
    ("days", "damaged", "read_from", "note"),
    [(1, False, "inventory", "weekly"), (11, False, "listing", "11 days old"), (1, True, "listing", "is damaged")],
)
def test_a_fresh_inventory_is_read_and_any_other_one_is_replaced_by_a_listing(
    s3, bucket, days, damaged, read_from, note
):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    put_inventory(s3, REPORTS, [csv_gz([row("from-inventory")])], bucket=bucket)
    if damaged:
        manifest = f"inventory/{bucket}/weekly/2026-03-02T00-00Z/manifest.json"
        s3.put_object(Bucket=REPORTS, Key=manifest, Body=b"{}")
    taken_at = datetime(2026, 3, 2, tzinfo=UTC)
    contents, origin = contents_of(s3, bucket, reports_bucket=REPORTS, now=taken_at + timedelta(days=days))
    assert origin["read_from"] == read_from
    assert note in origin["note"]
    assert [stored.key for stored in contents] == ["from-inventory" if read_from == "inventory" else "a"]


def test_an_inventory_without_version_ids_is_not_read_where_a_bucket_has_versions(s3, bucket):
    """By it nothing could be found in the catalogue, and a batch job would look for versions called null."""
    fields = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass")
    rows = [[bucket, "a", "1", "2026-03-01T06:30:00.000Z", "e1", "STANDARD"]]
    put_inventory(s3, REPORTS, [csv_gz(rows)], bucket=bucket, fields=fields)
    now = datetime(2026, 3, 3, tzinfo=UTC)
    _, origin = contents_of(s3, bucket, reports_bucket=REPORTS, now=now)
    assert origin["read_from"] == "listing"
    assert "have it list all versions" in origin["note"]
    s3.create_bucket(Bucket=(without := f"plain-{uuid.uuid4().hex}"))
    put_inventory(s3, REPORTS, [csv_gz(rows)], bucket=without, fields=fields)
    assert contents_of(s3, without, reports_bucket=REPORTS, now=now)[1]["read_from"] == "inventory"


def test_a_bucket_that_the_lake_does_not_have_is_named(local_aws):
    operator = LakePlanTieringOperator(task_id="plan", buckets="raw,cellar", keep_months=36, max_moves=1)
    with pytest.raises(AirflowFailException, match="no bucket 'cellar'"):
        operator.execute(context())


# --- what is done


def context() -> dict:
    dag_run = SimpleNamespace(logical_date=datetime(2026, 3, 1, 4, tzinfo=UTC), run_after=None)
    return {"ti": Notes(), "dag_run": dag_run}


@pytest.fixture
def planned(s3):
    """Writes a plan and its report, and returns the report's key."""

    def planned(moves, steps) -> str:
        name = uuid.uuid4().hex
        with tempfile.TemporaryFile() as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            write_moves(moves, text)
            text.detach()
            sha256 = store_file(s3, file, REPORTS, f"tests/{name}.csv", "text/csv")
        report = {"steps": [asdict(step) for step in steps], "plan": {"key": f"tests/{name}.csv", "sha256": sha256}}
        s3.put_object(Bucket=REPORTS, Key=f"tests/{name}.json", Body=json.dumps(report).encode())
        return f"tests/{name}.json"

    return planned


@pytest.fixture
def apply(s3):
    def apply(report_key, **limits) -> dict:
        operator = LakeApplyTieringOperator(
            task_id="apply", report_key=report_key, **{"max_moves": 100, "max_cost_usd": 1} | limits
        )
        key = operator.execute(context())
        return json.loads(s3.get_object(Bucket=REPORTS, Key=key)["Body"].read())

    return apply


def step(bucket, way="copy", **other) -> Step:
    fields = {"way": way, "bucket": bucket, "area": "raw", "prefix": "video/", "to_class": "STANDARD_IA"}
    return Step(**fields | {"objects": 3, "usd": 0.01} | other)


def put_films(s3, bucket, count=3):
    keys = [f"video/film {number}.mp4" for number in range(count)]
    stored = [s3.put_object(Bucket=bucket, Key=key, Body=key.encode()) for key in keys]
    return [
        move(bucket=bucket, key=key, version_id=one["VersionId"], etag=one["ETag"].strip('"'), size_bytes=len(key),
             to_class="STANDARD_IA")
        for key, one in zip(keys, stored, strict=True)
    ]  # fmt: skip


def test_one_object_that_cannot_move_does_not_stop_the_others_and_a_retry_tries_it_alone(
    s3, bucket, planned, apply, monkeypatch
):
    key = planned(put_films(s3, bucket), [step(bucket)])
    copy = s3.copy_object

    def refuse_one(**request):
        if "film 1" in request["Key"]:
            raise s3.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "CopyObject")
        return copy(**request)

    monkeypatch.setattr(s3, "copy_object", refuse_one)
    with pytest.raises(AirflowException, match=r"1 objects stay.*film 1\.mp4.*AccessDenied"):
        apply(key)
    monkeypatch.undo()
    assert apply(key)["outcomes"] == {"there already": 2, "moved": 1}


def test_a_run_copies_no_more_than_it_may(s3, bucket, planned, apply):
    key = planned(put_films(s3, bucket), [step(bucket)])
    assert apply(key, max_moves=2)["outcomes"] == {"moved": 2}


def test_a_plan_above_the_limit_moves_nothing(s3, bucket, planned, apply):
    key = planned(put_films(s3, bucket), [step(bucket, usd=2.0)])
    with pytest.raises(AirflowFailException, match=r"costs \$2\.0000 once, max_cost_usd is 1"):
        apply(key)
    assert {entry["StorageClass"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"STANDARD"}


def test_a_rule_is_put_once_and_those_of_others_stay(s3, bucket, planned, apply):
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    key = planned([], [step(bucket, "lifecycle", above_bytes=2**20 - 1)])
    assert [apply(key)["rules"][0]["put"] for _ in range(2)] == [True, False]
    standing, ours = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert standing["ID"] == "theirs"
    assert ours["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]
    assert ours["Filter"]["And"]["Prefix"] == "video/"


def test_the_least_size_that_a_buckets_rules_move_by_default_stays_as_it_is(s3, bucket, planned, apply, monkeypatch):
    """S3 sets it to 128 KB for all classes where it is not told, which would change what the other rules move."""
    asked, put = [], s3.put_bucket_lifecycle_configuration
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}
    standing = {"Rules": [theirs], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    monkeypatch.setattr(s3, "get_bucket_lifecycle_configuration", lambda **_: standing)
    monkeypatch.setattr(s3, "put_bucket_lifecycle_configuration", lambda **request: asked.append(request))
    apply(planned([], [step(bucket, "lifecycle", above_bytes=2**20 - 1)]))
    assert asked[0]["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    put(**asked[0])


def test_a_rule_that_may_not_be_put_stops_no_copies(s3, bucket, planned, apply, monkeypatch):
    def refuse(**_):
        raise s3.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutBucketLifecycle")

    monkeypatch.setattr(s3, "put_bucket_lifecycle_configuration", refuse)
    films = put_films(s3, bucket)
    key = planned(films, [step(bucket, "lifecycle", above_bytes=2**20 - 1, objects=1500), step(bucket)])
    with pytest.raises(AirflowException, match=r"1500 objects stay.*the rule on video/ of .*AccessDenied"):
        apply(key)
    assert {entry["StorageClass"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"STANDARD_IA"}


def test_a_batch_job_gets_its_manifest_and_a_request_that_s3_control_takes(s3, bucket, planned, apply):
    films = put_films(s3, bucket)
    (job,) = apply(planned(films, [step(bucket, "batch")]))["batch_jobs"]
    manifest = s3.get_object(Bucket=REPORTS, Key=job["manifest"])
    assert manifest["Body"].read().decode().splitlines()[0] == f"{bucket},video/film%200.mp4,{films[0].version_id}"
    request = json.loads(s3.get_object(Bucket=REPORTS, Key=job["request"])["Body"].read())
    assert request["Manifest"]["Location"]["ETag"] == manifest["ETag"].strip('"')
    control = boto3.client("s3control", region_name="us-east-1")
    shape = control.meta.service_model.operation_model("CreateJob").input_shape
    validate_parameters(request, shape)
    assert {entry["StorageClass"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]} == {"STANDARD"}


def test_a_plan_that_was_written_over_is_not_followed(s3, planned):
    report = json.loads(s3.get_object(Bucket=REPORTS, Key=planned([], []))["Body"].read())
    with pytest.raises(PlanChanged, match="plan again"), plan_lines(s3, REPORTS, report["plan"]["key"], "0" * 64):
        pass
