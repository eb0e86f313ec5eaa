"""What a burst sends, and what it takes for a violation."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import av
import pytest

from include.catalog.uploads import uploads_from_message
from include.settings import Settings
from local_stack.burst import (
    drives_for,
    late_messages,
    read_outcome,
    rekognition_announcements,
    send_messages,
    upload_all,
    with_tag,
)
from local_stack.burst_checks import Outcome, Sent, violations
from local_stack.footage import Footage
from local_stack.local_aws import LocalAws
from sources_emulator.driving.drives import TINY_DRIVES
from sources_emulator.driving.render import render_trip

DULL = Footage(
    device="cam", file_name="dull.mp4", captured_at=datetime(2026, 3, 2, tzinfo=UTC), sha256="", data=b"dull"
)
ACCIDENT = dataclasses.replace(DULL, data=b"accident", is_incident=True)
BASE = "video/footage/burst-0/20260302/a"


@pytest.fixture
def aws(local_aws) -> LocalAws:
    return LocalAws(Settings(local_aws_port=urlsplit(local_aws).port or 0))


def sent(key: str = "a.mp4", **changes: Any) -> Sent:
    about = {"version_id": "v1", "etag": "e1", "size_bytes": 9, "sha256": "5" * 64, "at": 1e9, "is_incident": True}
    return Sent(key=key, **(about | changes))


def item(**changes: Any) -> dict[str, Any]:
    return {"state": "analysed", "decision": "incident", "sha256": "5" * 64, **changes}


def job(**changes: Any) -> dict[str, Any]:
    about = {"service": "rekognition", "operation": "label_detection", "asset": "s3://b/a.mp4", "job_id": "j1"}
    return {**about, "generation": 1, **changes}


RIGHT = Outcome(
    items={"a.mp4": [item()]},
    kept={"a.mp4": True},
    jobs=[job()],
    announced=[{"JobId": "j1"}],
    alerts={"a.mp4": [12.0]},
    new_dead_letters=0,
)


def test_when_all_is_well_nothing_is_violated():
    assert violations([sent()], RIGHT) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"items": {"a.mp4": []}}, "0 entries in the catalogue"),
        ({"items": {"a.mp4": [item(), item()]}}, "2 entries in the catalogue"),
        ({"items": {"a.mp4": [item(decision="normal")]}, "alerts": {"a.mp4": []}}, "normal instead of incident"),
        (
            {
                "items": {
                    "a.mp4": [
                        {
                            "state": "failed",
                            "sha256": "5" * 64,
                            "failure": {"stage": "inspect", "error": "E", "message": "m"},
                        }
                    ]
                },
                "alerts": {},
            },
            r"failed \(inspect: E: m\) instead of incident",
        ),
        ({"items": {"a.mp4": [item(sha256="6" * 64)]}}, "another checksum"),
        ({"kept": {"a.mp4": False}}, "bytes are not where"),
        ({"alerts": {"a.mp4": [12.0, 14.0]}}, "2 alerts about an incident"),
        ({"alerts": {}}, "0 alerts about an incident"),
        ({"jobs": [job(generation=2)]}, "bought 2 times"),
        ({"jobs": [job(), job(job_id="j2")], "announced": [{"JobId": "j1"}, {"JobId": "j2"}]}, "stands 2 times"),
        ({"announced": [{"JobId": "j1"}, {"JobId": "j9"}]}, "job j9, of which the ledger knows nothing"),
        ({"announced": []}, "whose end Rekognition has not told"),
        ({"new_dead_letters": 3}, "3 messages became dead letters"),
    ],
)
def test_each_violation_is_named(changes, said):
    (fault,) = violations([sent()], dataclasses.replace(RIGHT, **changes))
    assert re.search(said, fault), fault


def test_a_rendition_and_a_clip_of_one_film_are_no_second_job():
    made = [job(service="mediaconvert", operation="job", job_id=name) for name in ("m1", "m2")]
    assert violations([sent()], dataclasses.replace(RIGHT, jobs=[job(), *made])) == []


def test_every_drive_of_a_burst_has_bytes_of_its_own_and_a_tenth_are_accidents():
    drives = drives_for("20260302_000000", 30, ACCIDENT, DULL)
    assert len({drive.data for drive in drives}) == len({drive.key for drive in drives}) == 30
    assert [number for number, drive in enumerate(drives) if drive.is_incident] == [0, 10, 20]
    assert all(drive.sha256 == hashlib.sha256(drive.data).hexdigest() for drive in drives)


def test_a_film_with_a_tag_plays_as_before(tmp_path):
    render_trip(TINY_DRIVES[1].trip, tmp_path / "film.mp4")
    (tmp_path / "tagged.mp4").write_bytes(with_tag((tmp_path / "film.mp4").read_bytes(), "burst 7"))

    def pictures(name: str) -> list[bytes]:
        with av.open(str(tmp_path / name)) as media:
            return [bytes(frame.planes[0]) for frame in media.decode(video=0)]

    assert pictures("tagged.mp4") == pictures("film.mp4")


def test_a_fifth_of_the_messages_come_late_in_another_order():
    uploads = [sent(f"{number}.mp4") for number in range(50)]
    late = late_messages(uploads, seed="x")
    assert sorted(late, key=uploads.index) == uploads[::5] != late
    assert late_messages(uploads, seed="x") == late


def test_a_message_that_comes_twice_tells_of_the_same_upload_as_the_first(aws):
    (uploaded,) = upload_all(aws, drives_for("20260302_000001", 1, ACCIDENT, DULL))
    send_messages(aws, [uploaded])
    about = [upload for told in aws.messages("footage") for upload in uploads_from_message(told.body)]
    told = [(one.bucket, one.key, one.version_id, one.etag) for one in about if one.key == uploaded.key]
    assert len(told) == 2
    assert len(set(told)) == 1


def test_what_became_of_an_upload_is_read_from_catalogue_and_bucket(aws):
    (uploaded,) = upload_all(aws, drives_for("20260302_000002", 1, ACCIDENT, DULL))
    facts = {"asset_id": "burst-a", "campaign": "footage", "run": "20260302_000002", "state": "analysed"}
    place = {"bucket": "media-ingest", "key": uploaded.key, "size_bytes": uploaded.size_bytes}
    name = {"device": "burst-0", "day": "20260302", "stem": "a", "decision": "incident", "sha256": uploaded.sha256}
    aws.table("media-assets").put_item(Item=facts | place | name)
    aws.table("media-jobs").put_item(Item={"job_key": "k1", **job(asset=f"s3://media-processed/{BASE}_proxy.mp4")})
    aws.table("media-jobs").put_item(Item={"job_key": "k2", **job(asset="s3://media-raw/other.mp4")})
    video = {"S3ObjectName": f"{BASE}_proxy.mp4"}
    outcome = read_outcome(aws, [uploaded], [{"JobId": "j1", "Video": video}], len(aws.messages("footage-dlq")))
    assert [entry["job_key"] for entry in outcome.jobs] == ["k1"]
    assert violations([uploaded], outcome) == [f"{uploaded.key}: 0 alerts about an incident"]


def test_listening_to_rekognition_leaves_nothing_behind(aws):
    def traces() -> tuple[int, int]:
        return len(aws.sqs.list_queues().get("QueueUrls", [])), len(aws.sns.list_subscriptions()["Subscriptions"])

    before = traces()
    with rekognition_announcements(aws) as announced:
        assert traces() != before
        assert announced() == []
    assert traces() == before
