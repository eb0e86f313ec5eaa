"""Changing the class of an object where it stands, on the local AWS."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from include.storage.moving import CopyNotProved, OriginalChanged
from include.storage.reclassing import change_class
from tests.include.storage.test_plan_file import move

BODY = b"a drive" * 1000


@pytest.fixture(params=[False, True], ids=["without versions", "versioned"])
def place(request, s3, bucket):
    if request.param:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


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


def test_an_object_that_is_replaced_in_that_very_moment_keeps_what_came(s3, bucket, monkeypatch):
    planned = put(s3, bucket)
    copy = s3.copy_object

    def copy_too_late(**request):
        s3.put_object(Bucket=bucket, Key="a.mp4", Body=b"newer")
        return copy(**request)

    monkeypatch.setattr(s3, "copy_object", copy_too_late)
    with pytest.raises(OriginalChanged, match="replaced while"):
        change_class(s3, planned)
    found = s3.get_object(Bucket=bucket, Key="a.mp4")
    assert found["Body"].read() == b"newer"
    assert "StorageClass" not in found or found["StorageClass"] == "STANDARD"


def test_a_copy_with_another_checksum_is_told_of():
    import boto3

    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    head = {"ContentLength": 5, "ETag": '"e"', "ChecksumCRC64NVME": "right", "ChecksumType": "FULL_OBJECT"}
    with Stubber(client) as stub:
        stub.add_response("head_object", head)
        stub.add_response("copy_object", {})
        stub.add_response("head_object", head | {"ChecksumCRC64NVME": "wrong", "StorageClass": "DEEP_ARCHIVE"})
        with pytest.raises(CopyNotProved, match="wrong and not right"):
            change_class(client, move())


def test_what_one_request_does_not_copy_stays_where_there_are_no_versions():
    import boto3

    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    size_bytes = 6 * 2**30
    with Stubber(client) as stub:
        stub.add_response("head_object", {"ContentLength": size_bytes, "ETag": '"e"'})
        assert change_class(client, move(size_bytes=size_bytes)) == "too large"
