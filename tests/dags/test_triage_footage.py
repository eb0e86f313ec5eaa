"""The whole of triage_footage and review_footage in this process, on rendered drives and the local AWS."""

from __future__ import annotations

import hashlib
import json

import boto3
import httpx
import pytest

from include.catalog.keys import FootageFolder
from include.catalog.schemas import check
from include.catalog.triage import Triage
from include.catalog.uploads import METADATA_CAPTURED_AT, METADATA_DEVICE, METADATA_SHA256
from include.settings import SETTINGS

INGEST, PROCESSED, ARCHIVE = SETTINGS.ingest_bucket, SETTINGS.processed_bucket, SETTINGS.archive_bucket
DAY = "20260504"


@pytest.fixture(scope="module")
def drives(sources) -> dict[str, dict]:
    """The rendered drives: what is known of each, and its bytes."""
    told = httpx.get(f"{sources}/_drives", trust_env=False).raise_for_status().json()["drives"]
    for drive in told:
        drive["body"] = httpx.get(f"{sources}/_drives/{drive['file_name']}", trust_env=False).raise_for_status().content
    return {drive["truth"]["name"]: drive for drive in told}


@pytest.fixture(scope="module")
def inbox(local_aws):
    """Reads the alerts that came since it was last asked."""
    sqs = boto3.client("sqs", endpoint_url=local_aws)
    queue = sqs.get_queue_url(QueueName=f"{SETTINGS.prefix}-alerts-inbox")["QueueUrl"]
    sqs.purge_queue(QueueUrl=queue)

    def inbox() -> list[dict]:
        told = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            told += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return told

    return inbox


@pytest.fixture(scope="module")
def triaged(execute, drives, s3, inbox):
    """A run over an accident, a dull drive, its twin, one without sound and one that is cut off."""
    for name, stem in {"accident": "a", "dull": "b", "no-audio": "c", "truncated": "d"}.items():
        body = drives[name]["body"]
        s3.put_object(
            Bucket=INGEST, Key=f"footage/cam-1/{DAY}/{stem}.mp4", Body=body,
            Metadata={
                METADATA_DEVICE: "cam-1",
                METADATA_CAPTURED_AT: "2026-05-04T07:30:00Z",
                METADATA_SHA256: hashlib.sha256(body).hexdigest(),
            },
        )  # fmt: skip
    s3.put_object(Bucket=INGEST, Key=f"footage/cam-2/{DAY}/again.mp4", Body=drives["dull"]["body"])
    return execute("triage_footage")


@pytest.fixture
def triage_of(read_json):
    def triage_of(stem: str, device: str = "cam-1") -> dict:
        record = read_json(PROCESSED, FootageFolder(device, DAY, stem).record("triage"))
        check(record, Triage)
        return record

    return triage_of


@pytest.fixture
def item_of():
    from media_lake.hooks.dynamodb import AssetCatalogueHook

    def item_of(stem: str, device: str = "cam-1") -> dict:
        (item,) = (
            item
            for item in AssetCatalogueHook().table.scan()["Items"]
            if (item.get("device"), item.get("stem")) == (device, stem)
        )
        return item

    return item_of


def test_a_run_with_good_and_bad_uploads_ends_well(triaged):
    assert triaged.state == "success"


def test_the_accident_is_an_incident_and_its_moment_is_told(triaged, drives, triage_of):
    record = triage_of("a")
    assert record["decision"] == "incident"
    assert record["moments_s"][0] == pytest.approx(drives["accident"]["truth"]["stop_s"], abs=0.5)
    assert {fired["rule"] for fired in record["fired"]}
    assert record["alert_id"]


def test_one_alert_goes_out_with_a_link_that_plays_and_refuses_a_changed_character(triaged, inbox, item_of):
    (alert,) = [alert for alert in inbox() if alert.get("kind") == "incident"]
    link = alert["film"]["url"]
    played = httpx.get(link, trust_env=False, headers={"Range": "bytes=0-99"})
    assert (played.status_code, len(played.content)) == (206, 100)
    place = link.index("Signature=") + 20
    changed = link[:place] + ("B" if link[place] == "A" else "A") + link[place + 1 :]
    assert httpx.get(changed, trust_env=False).status_code == 403
    assert link not in json.dumps(item_of("a"), default=str)


@pytest.fixture
def dull(triaged, item_of) -> tuple[str, str]:
    """Stem and device of whichever of the dull drive and its twin was looked at first."""
    return ("b", "cam-1") if item_of("b")["state"] == "analysed" else ("again", "cam-2")


def test_a_dull_drive_is_normal_screened_out_and_archived(triaged, triage_of, item_of, s3, dull):
    record = triage_of(*dull)
    assert (record["decision"], record["screened_out"]) == ("normal", True)
    item = item_of(*dull)
    storage_class = record["storage"]["storage_class"]
    if storage_class == "STANDARD":
        assert s3.head_object(Bucket=INGEST, Key=item["key"])
    else:
        assert s3.head_object(Bucket=ARCHIVE, Key=item["archive_key"])["StorageClass"] == storage_class
        assert not s3.list_objects_v2(Bucket=INGEST, Prefix=item["key"]).get("Contents")


def test_a_drive_without_sound_is_decided_on_all_the_same(triaged, triage_of):
    assert triage_of("c")["decision"] == "normal"


def test_a_truncated_drive_is_recorded_with_its_reason(triaged, item_of, read_json):
    item = item_of("d")
    assert item["state"] == "failed"
    assert item["failure"]["message"]
    assert read_json(PROCESSED, f"failed/{item['key']}.json")["error"] == item["failure"]["error"]


def test_the_same_bytes_again_are_no_second_upload(triaged, item_of, dull):
    (twin,) = {("b", "cam-1"), ("again", "cam-2")} - {dull}
    assert item_of(*twin)["state"] == "duplicate"
    assert item_of(*twin)["duplicate_of"] == item_of(*dull)["asset_id"]


def test_a_second_run_and_a_second_execution_pay_and_tell_nothing_anew(triaged, execute, jobs_bought, etags, inbox):
    bought, records = jobs_bought(), etags(PROCESSED, f"video/footage/cam-1/{DAY}/")
    assert execute("triage_footage", at=triaged.at).state == "success"
    assert execute("triage_footage").state == "success"
    assert jobs_bought() == bought
    assert etags(PROCESSED, f"video/footage/cam-1/{DAY}/") == records
    assert not inbox()


def test_an_upload_above_the_budget_is_not_bought_and_the_run_says_what_to_do(
    execute, drives, s3, jobs_bought, item_of
):
    body = drives["accident"]["body"] + b"\0" * 8
    s3.put_object(Bucket=INGEST, Key=f"footage/cam-3/{DAY}/dear.mp4", Body=body)
    bought = jobs_bought()
    outcome = execute("triage_footage", max_cost_usd=0.0001)
    assert outcome.state == "failed"
    assert [task for task, state in outcome.task_states.items() if state == "failed"] == [("report_failure", -1)]
    assert item_of("dear", "cam-3")["failure"]["error"] == "OverBudget"
    assert jobs_bought() == bought
