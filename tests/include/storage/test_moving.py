from __future__ import annotations

import base64
import hashlib
import os
from contextlib import contextmanager
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from include.storage.moving import COPIED_SHA256, ObjectVersion, OriginalChanged, OriginalLost, move_object
from include.storage.upload import UPLOAD_CONFIG

MIB = 2**20
KEY = "footage/cam-1/20260301/a drive+é.mp4"
SMALL, LARGE = b"a quiet street" * 500, os.urandom(6 * MIB)
STEPS = {
    "whole": ("CopyObject", "DeleteObject"),
    "in parts": ("CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload", "DeleteObject"),
}
"""Those that change something: whoever is cut at one that only reads leaves what the step before it left."""
CUTS = [(how, step, when) for how, steps in STEPS.items() for step in steps for when in ("before-call", "after-call")]


class Killed(BaseException):
    """The worker is gone: nothing of it runs on."""


@pytest.fixture
def aws(local_aws):
    """A client of this test's own, which may be cut."""
    return boto3.client("s3", endpoint_url=local_aws, region_name="us-east-1", config=UPLOAD_CONFIG)


@contextmanager
def cut(aws, when, step, error=Killed, times=1):
    """Raise an error before the first call of ``step``, or after S3 has answered it."""
    left = [times]

    def raise_error(**_):
        left[0] -= 1
        if left[0] >= 0:
            raise error() if error is Killed else error(endpoint_url="https://s3.amazonaws.com")

    aws.meta.events.register(f"{when}.s3.{step}", raise_error)
    try:
        yield
    finally:
        aws.meta.events.unregister(f"{when}.s3.{step}", raise_error)


@pytest.fixture
def buckets(s3):
    """An ingest and an archive bucket that keep versions."""
    names = [f"{kind}-{uuid4().hex}" for kind in ("ingest", "archive")]
    for name in names:
        s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return names


@pytest.fixture
def ingest(buckets):
    return buckets[0]


@pytest.fixture
def archive(buckets):
    return buckets[1]


@pytest.fixture
def put(s3, ingest):
    """Uploads an object as a dash cam does, and returns its version."""

    def put(body=SMALL, key=KEY, **fields):
        metadata = {"device": "cam-1", "captured-at": "2026-03-01T06:30:00+01:00"}
        given = {"ContentType": "video/mp4", "Tagging": "rating=4", "Metadata": metadata} | fields
        answer = s3.put_object(Bucket=ingest, Key=key, Body=body, **given)
        return ObjectVersion(bucket=ingest, key=key, version_id=answer.get("VersionId"))

    return put


@pytest.fixture
def move(aws, archive):
    """Moves a version into the archive."""

    def move(source, *, body=SMALL, largest_copy_bytes=5 * MIB, storage_class="STANDARD_IA", **changes):
        arguments = {"bucket": archive, "key": source.key, "sha256": hashlib.sha256(body).hexdigest()} | changes
        return move_object(aws, source, storage_class=storage_class, largest_copy_bytes=largest_copy_bytes, **arguments)

    return move


def versions(s3, bucket, key=KEY):
    listed = s3.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])
    return [version["VersionId"] for version in listed if version["Key"] == key]


def content(s3, place):
    return s3.get_object(**place.request)["Body"].read()


@pytest.mark.parametrize("body", [SMALL, LARGE, b""], ids=["whole", "in parts", "empty"])
def test_a_moved_object_keeps_bytes_metadata_and_tags(s3, put, move, ingest, body):
    moved = move(put(body), body=body)
    assert content(s3, moved.place) == body
    head = s3.head_object(**moved.place.request)
    assert (
        (head["StorageClass"], head["ContentType"])
        == (moved.storage_class, "video/mp4")
        == ("STANDARD_IA", "video/mp4")
    )
    kept = {"device": "cam-1", "captured-at": "2026-03-01T06:30:00+01:00"}
    assert kept.items() <= head["Metadata"].items()
    assert s3.get_object_tagging(**moved.place.request)["TagSet"] == [{"Key": "rating", "Value": "4"}]
    assert versions(s3, ingest) == []


def test_only_the_version_is_deleted_that_was_moved(s3, put, move, ingest):
    first, second = put(b"first"), put(b"second")
    move(first, body=b"first")
    assert versions(s3, ingest) == [second.version_id]
    assert content(s3, second) == b"second"


def test_an_archived_copy_is_proved_without_a_restore(s3, put, move):
    source = put()
    moved = move(source, storage_class="DEEP_ARCHIVE")
    with pytest.raises(ClientError, match="InvalidObjectState"):
        content(s3, moved.place)
    again = move(source, storage_class="DEEP_ARCHIVE")
    assert (again.place, again.copied) == (moved.place, False)


@pytest.mark.parametrize(("how", "step", "when"), CUTS, ids=[" ".join(cut) for cut in CUTS])
def test_a_move_that_is_cut_anywhere_loses_nothing_and_is_finished_by_the_next(
    s3, aws, put, move, ingest, archive, how, step, when
):
    body = SMALL if how == "whole" else LARGE
    source = put(body)
    with cut(aws, when, step), pytest.raises(Killed):
        move(source, body=body)
    standing = [(ingest, version) for version in versions(s3, ingest)]
    standing += [(archive, version) for version in versions(s3, archive)]
    assert body in [s3.get_object(Bucket=b, Key=KEY, VersionId=version)["Body"].read() for b, version in standing]
    moved = move(source, body=body)
    assert content(s3, moved.place) == body
    assert versions(s3, ingest) == []
    assert versions(s3, archive) == [moved.place.version_id]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=archive)


@pytest.mark.parametrize("step", ["CopyObject", "CompleteMultipartUpload"])
def test_a_copy_whose_reply_is_lost_is_found_and_not_made_twice(s3, aws, put, move, ingest, archive, step):
    body = SMALL if step == "CopyObject" else LARGE
    source = put(body)
    with cut(aws, "after-call", step, ConnectionClosedError):
        moved = move(source, body=body)
    assert versions(s3, archive) == [moved.place.version_id]
    assert versions(s3, ingest) == []


def test_a_twin_that_came_first_is_taken_over(s3, aws, put, move, ingest, archive):
    """Another worker copies between our look and our copy: S3 refuses ours, for something stands there since."""
    source, twins = put(), []

    def other_worker(**_):
        if not twins:
            twins.append(s3.copy_object(Bucket=archive, Key=KEY, CopySource=source.request, ChecksumAlgorithm="SHA256"))

    aws.meta.events.register("before-call.s3.CopyObject", other_worker)
    moved = move(source)
    assert moved.place.version_id == twins[0]["VersionId"]
    assert versions(s3, archive) == [moved.place.version_id]
    assert versions(s3, ingest) == []


def test_what_stands_there_but_differs_stays_and_the_original_is_copied_beside_it(s3, put, move, archive):
    s3.put_object(Bucket=archive, Key=KEY, Body=b"b" + SMALL[1:])
    moved = move(put())
    assert moved.copied
    assert content(s3, moved.place) == SMALL
    assert len(versions(s3, archive)) == 2


def test_an_older_version_under_the_key_is_found_when_a_newer_upload_followed(s3, put, move, archive):
    first = put(b"first")
    was = move(first, body=b"first")
    move(put(b"second"), body=b"second")
    assert move(first, body=b"first").place == was.place
    assert len(versions(s3, archive)) == 2


def test_a_copy_that_somebody_deleted_since_does_not_stand_for_the_original(s3, put, move, archive):
    """It is an old version below a delete marker, which a rule for old versions clears away."""
    source = put()
    s3.copy_object(Bucket=archive, Key=KEY, CopySource=source.request, ChecksumAlgorithm="SHA256")
    s3.delete_object(Bucket=archive, Key=KEY)
    assert move(source).copied
    assert s3.get_object(Bucket=archive, Key=KEY)["Body"].read() == SMALL


def test_a_lost_original_without_a_proved_copy_is_an_error_and_nothing_is_deleted(s3, put, move, ingest, archive):
    source = put()
    s3.delete_object(**source.request)
    s3.put_object(Bucket=archive, Key=KEY, Body=b"another film")
    with pytest.raises(OriginalLost, match=r"is gone, and no version of .* proves to be its copy"):
        move(source)
    assert len(versions(s3, archive)) == 1


def test_a_lost_original_whose_digest_nobody_knows_is_not_taken_for_moved(s3, put, move):
    source = put()
    move(source)
    with pytest.raises(OriginalLost):
        move(source, sha256=None)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["whole", "in parts"])
def test_an_original_with_other_bytes_than_the_catalogue_knows_stays(s3, put, move, ingest, archive, body):
    crc = {"ChecksumAlgorithm": "SHA256"} if body is LARGE else {}
    source = put(body, **crc)
    with pytest.raises(OriginalChanged, match="does not hold the bytes"):
        move(source, body=b"what was landed")
    assert versions(s3, ingest) == [source.version_id]
    assert versions(s3, archive) == []


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["whole", "in parts"])
def test_without_a_digest_the_checksum_of_s3_proves_the_copy(s3, put, move, body):
    moved = move(put(body, ChecksumAlgorithm="CRC64NVME"), body=body, sha256=None)
    assert content(s3, moved.place) == body
    assert COPIED_SHA256 not in s3.head_object(**moved.place.request)["Metadata"]


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["whole", "in parts"])
def test_an_original_that_s3_keeps_only_checksums_of_parts_of_is_read(s3, aws, ingest, move, body):
    """As an upload in parts leaves it: its one checksum is made of those of the parts."""
    upload = s3.create_multipart_upload(Bucket=ingest, Key=KEY, ChecksumAlgorithm="SHA256")["UploadId"]
    place = {"Bucket": ingest, "Key": KEY, "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=body, ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    made = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    source = ObjectVersion(bucket=ingest, key=KEY, version_id=made["VersionId"])
    head = s3.head_object(**source.request, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] != base64.b64encode(hashlib.sha256(body).digest()).decode()
    reads = []

    def count(**_):
        reads.append(1)

    aws.meta.events.register("before-call.s3.GetObject", count)
    assert content(s3, move(source, body=body, sha256=None).place) == body
    assert reads == [1]


def test_a_copy_that_keeps_only_a_checksum_of_the_parts_is_made_anew_of_parts_that_are_joined_by_the_whole(
    s3, aws, put, move, archive
):
    """As S3 may answer for a copy of what was uploaded in parts; the local AWS computes the copy's own checksum."""
    of_parts = []
    aws.meta.events.register("after-call.s3.CopyObject", lambda parsed, **_: of_parts.append(parsed["VersionId"]))

    def hide_checksum(parsed, **_):
        if parsed.get("VersionId") in of_parts:
            parsed["ChecksumType"] = "COMPOSITE"

    aws.meta.events.register("after-call.s3.HeadObject", hide_checksum)
    moved = move(put())
    assert content(s3, moved.place) == SMALL
    assert len(of_parts) == 1
    assert versions(s3, archive) == [moved.place.version_id]


def test_a_class_is_changed_in_place_by_a_new_version(s3, put, move):
    moved = move(put())
    colder = move(moved.place, bucket=moved.place.bucket, storage_class="DEEP_ARCHIVE")
    assert s3.head_object(**colder.place.request)["StorageClass"] == "DEEP_ARCHIVE"
    assert versions(s3, moved.place.bucket) == [colder.place.version_id]
    again = move(moved.place, bucket=moved.place.bucket, storage_class="DEEP_ARCHIVE")
    assert again.place == colder.place


def test_a_bucket_without_versions_refuses_a_change_in_place(s3, bucket, move):
    s3.put_object(Bucket=bucket, Key=KEY, Body=SMALL)
    with pytest.raises(ValueError, match="which this bucket does not keep"):
        move(ObjectVersion(bucket=bucket, key=KEY, version_id=None), bucket=bucket)


def test_what_replaces_an_original_without_versions_stays(s3, aws, bucket, move):
    s3.put_object(Bucket=bucket, Key=KEY, Body=SMALL)

    def replace(**_):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"a newer film")

    aws.meta.events.register("before-call.s3.DeleteObject", replace)
    source = ObjectVersion(bucket=bucket, key=KEY, version_id=None)
    with pytest.raises(OriginalChanged, match="was replaced while it was moved: the new one stays"):
        move(source)
    assert content(s3, source) == b"a newer film"
