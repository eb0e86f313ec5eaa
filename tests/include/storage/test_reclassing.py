"""Changing the class of an object where it stands, on the local AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from include.storage.moving import ObjectVersion, OriginalChanged, move_object
from include.storage.reclassing import change_class
from tests.include.storage.test_plan_file import move

BODY = b"a drive" * 1000


@pytest.fixture
def place(s3, bucket):
    """A bucket that keeps versions."""
    keep_versions(s3, bucket)
    return bucket


def keep_versions(s3, bucket, status="Enabled"):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def put(s3, bucket, body=BODY):
    answer = s3.put_object(
        Bucket=bucket, Key="a.mp4", Body=body, Metadata={"device": "cam-1"}, ContentType="video/mp4", Tagging="rating=5"
    )
    return move(
        bucket=bucket,
        version_id=answer.get("VersionId"),
        etag=answer["ETag"].strip('"'),
        size_bytes=len(body),
        to_class="STANDARD_IA",
    )


def versions(s3, bucket):
    return s3.list_object_versions(Bucket=bucket).get("Versions", [])


def test_an_object_changes_its_class_and_keeps_bytes_metadata_and_tags(s3, place):
    planned = put(s3, place)
    assert change_class(s3, planned) == "moved"
    found = s3.get_object(Bucket=place, Key="a.mp4")
    assert found["Body"].read() == BODY
    assert (found["StorageClass"], found["Metadata"], found["ContentType"]) == (
        "STANDARD_IA",
        {"device": "cam-1"},
        "video/mp4",
    )
    assert s3.get_object_tagging(Bucket=place, Key="a.mp4")["TagSet"] == [{"Key": "rating", "Value": "5"}]
    assert len(versions(s3, place)) == 1, "the old version would be paid for still"
    assert change_class(s3, planned) == "there already"


def test_an_object_that_was_replaced_since_the_plan_stays(s3, place):
    planned = put(s3, place)
    put(s3, place, b"another" * 1000)
    assert change_class(s3, planned) == "replaced"
    assert {version["StorageClass"] for version in versions(s3, place)} == {"STANDARD"}


def test_an_object_that_is_gone_is_no_failure(s3, place):
    planned = put(s3, place)
    s3.delete_object(Bucket=place, Key="a.mp4")
    assert change_class(s3, planned) == "gone"


def test_an_object_that_is_replaced_in_that_very_moment_keeps_what_came(s3, place, monkeypatch):
    planned = put(s3, place)
    copy = s3.copy_object

    def copy_too_late(**request):
        s3.put_object(Bucket=place, Key="a.mp4", Body=b"newer")
        return copy(**request)

    monkeypatch.setattr(s3, "copy_object", copy_too_late)
    with pytest.raises(OriginalChanged, match="was replaced"):
        change_class(s3, planned)
    found = s3.get_object(Bucket=place, Key="a.mp4")
    assert found["Body"].read() == b"newer"
    assert found.get("StorageClass", "STANDARD") == "STANDARD"


def test_the_old_version_that_an_interrupted_run_left_is_deleted_by_the_next(s3, place, monkeypatch):
    planned = put(s3, place)

    def killed(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(s3, "delete_object", killed)
    with pytest.raises(KeyboardInterrupt):
        change_class(s3, planned)
    monkeypatch.undo()
    assert len(versions(s3, place)) == 2
    assert change_class(s3, planned) == "there already"
    (left,) = versions(s3, place)
    assert (left["StorageClass"], left["Size"]) == ("STANDARD_IA", len(BODY))


def test_an_older_version_that_is_no_original_of_the_newer_one_stays(s3, place):
    planned = put(s3, place)
    s3.put_object(Bucket=place, Key="a.mp4", Body=b"another film", StorageClass="STANDARD_IA")
    assert change_class(s3, planned) == "there already"
    assert len(versions(s3, place)) == 2


@pytest.mark.parametrize("status", [None, "Suspended"])
def test_a_bucket_that_keeps_no_versions_is_left_alone(s3, bucket, status):
    if status:
        keep_versions(s3, bucket, status)
    planned = put(s3, bucket)
    assert change_class(s3, planned) == "no versions"
    assert s3.head_object(Bucket=bucket, Key="a.mp4").get("StorageClass", "STANDARD") == "STANDARD"


def test_what_came_before_its_bucket_kept_versions_moves_once_it_does(s3, bucket):
    planned = put(s3, bucket)
    keep_versions(s3, bucket)
    assert change_class(s3, planned) == "moved"
    assert change_class(s3, planned) == "there already"
    (left,) = versions(s3, bucket)
    assert (left["StorageClass"], left["Size"]) == ("STANDARD_IA", len(BODY))


@pytest.mark.parametrize("between", ["another film", "deleted"])
def test_an_older_version_of_the_same_bytes_is_no_copy_to_rely_on(s3, place, between):
    """It stands below what came between, which would be current again; a rule for old versions clears it away."""
    s3.put_object(Bucket=place, Key="a.mp4", Body=BODY, StorageClass="STANDARD_IA")
    if between == "deleted":
        s3.delete_object(Bucket=place, Key="a.mp4")
    else:
        s3.put_object(Bucket=place, Key="a.mp4", Body=b"another film")
    assert change_class(s3, put(s3, place)) == "moved"
    found = s3.get_object(Bucket=place, Key="a.mp4")
    assert (found["Body"].read(), found["StorageClass"]) == (BODY, "STANDARD_IA")


@pytest.mark.parametrize("kept", ["retention", "legal hold"])
def test_an_object_that_is_locked_is_not_copied_for_it_could_not_be_deleted(s3, kept):
    place = f"locked-{uuid4().hex}"
    s3.create_bucket(Bucket=place, ObjectLockEnabledForBucket=True)
    planned = put(s3, place)
    if kept == "retention":
        until = datetime.now(UTC) + timedelta(days=1)
        s3.put_object_retention(
            Bucket=place, Key="a.mp4", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until.replace(microsecond=0)}
        )
    else:
        s3.put_object_legal_hold(Bucket=place, Key="a.mp4", LegalHold={"Status": "ON"})
    assert change_class(s3, planned) == "locked"
    assert [version["StorageClass"] for version in versions(s3, place)] == ["STANDARD"]


def test_an_upload_to_the_same_key_that_is_under_way_goes_on(s3, place):
    answer = s3.put_object(Bucket=place, Key="a.mp4", Body=bytes(6 * 2**20))
    theirs = s3.create_multipart_upload(Bucket=place, Key="a.mp4")["UploadId"]
    original = ObjectVersion(bucket=place, key="a.mp4", version_id=answer["VersionId"])
    change = {"bucket": place, "key": "a.mp4", "storage_class": "STANDARD_IA", "sha256": None}
    move_object(s3, original, **change, largest_copy_bytes=5 * 2**20)
    assert [upload["UploadId"] for upload in s3.list_multipart_uploads(Bucket=place)["Uploads"]] == [theirs]


def test_a_copy_that_is_made_twice_because_its_answer_was_lost_stands_once(s3, place):
    """In place, the twin has the ETag of the original: S3 cannot tell that it was replaced already."""
    planned, tries = put(s3, place), []

    def lose_the_first_answer(attempts, **_):
        tries.append(attempts)
        return 0 if len(tries) == 1 else None

    s3.meta.events.register_first("needs-retry.s3.CopyObject", lose_the_first_answer)
    try:
        assert change_class(s3, planned) == "moved"
    finally:
        s3.meta.events.unregister("needs-retry.s3.CopyObject", lose_the_first_answer)
    assert len(tries) == 2
    assert [version["StorageClass"] for version in versions(s3, place)] == ["STANDARD_IA"]


@pytest.mark.parametrize("largest_copy_bytes", [2**30, 5 * 2**20], ids=["whole", "in parts"])
def test_what_is_encrypted_with_a_key_of_its_own_keeps_it(s3, place, largest_copy_bytes):
    """S3 encrypts a copy by the bucket's default, unless it is told."""
    key_id = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    answer = s3.put_object(
        Bucket=place, Key="a.mp4", Body=bytes(6 * 2**20), ServerSideEncryption="aws:kms", SSEKMSKeyId=key_id
    )
    original = ObjectVersion(bucket=place, key="a.mp4", version_id=answer["VersionId"])
    moved = move_object(
        s3,
        original,
        bucket=place,
        key="a.mp4",
        storage_class="STANDARD_IA",
        sha256=None,
        largest_copy_bytes=largest_copy_bytes,
    )
    head = s3.head_object(**moved.place.request)
    assert (head["StorageClass"], head["ServerSideEncryption"], head["SSEKMSKeyId"]) == (
        "STANDARD_IA",
        "aws:kms",
        key_id,
    )
