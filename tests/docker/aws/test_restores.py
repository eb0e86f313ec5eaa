"""Archived objects: nobody reads or copies them before they are restored, and a restore takes its time."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

BODY = b"footage of a quiet drive"
TWO_DAYS = {"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}}


@pytest.fixture(scope="module")
def s3(another_aws):
    """S3 of a local AWS whose restores take a second."""
    with another_aws("--no-seed", "--restore-seconds", "1") as aws:
        yield aws.s3()


@pytest.fixture
def archived(s3) -> dict[str, str]:
    """Where an archived object stands, in a versioned bucket of its own."""
    where = {"Bucket": f"test-{uuid.uuid4().hex[:12]}", "Key": "footage/a b.mp4"}
    s3.create_bucket(Bucket=where["Bucket"])
    s3.put_bucket_versioning(Bucket=where["Bucket"], VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(**where, Body=BODY, StorageClass="DEEP_ARCHIVE")
    return where


def refusal(call, **request) -> tuple[str, int]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def restore(s3, where, request=TWO_DAYS) -> int:
    return s3.restore_object(**where, RestoreRequest=request)["ResponseMetadata"]["HTTPStatusCode"]


def wait_until_restored(s3, where, patience_s=20) -> str:
    deadline = time.monotonic() + patience_s
    while 'ongoing-request="false"' not in (header := s3.head_object(**where)["Restore"]):
        assert time.monotonic() < deadline, header
        time.sleep(0.1)
    return header


def test_an_archived_object_is_listed_but_not_read(s3, archived):
    assert s3.head_object(**archived)["StorageClass"] == "DEEP_ARCHIVE"
    assert refusal(s3.get_object, **archived) == ("InvalidObjectState", 403)
    assert refusal(s3.get_object, **archived, Range="bytes=0-3") == ("InvalidObjectState", 403)


def test_an_archived_object_is_not_copied_whole_or_in_parts(s3, archived):
    copy = {"Bucket": archived["Bucket"], "Key": "copy", "CopySource": archived}
    assert refusal(s3.copy_object, **copy) == ("InvalidObjectState", 403)
    assert refusal(s3.copy_object, **archived, CopySource=archived, StorageClass="STANDARD") == (
        "InvalidObjectState",
        403,
    )
    upload = s3.create_multipart_upload(Bucket=archived["Bucket"], Key="copy")["UploadId"]
    assert refusal(s3.upload_part_copy, **copy, UploadId=upload, PartNumber=1) == ("InvalidObjectState", 403)


def test_a_restore_takes_its_time_and_then_the_object_is_read_and_copied(s3, archived):
    assert "Restore" not in s3.head_object(**archived)
    assert restore(s3, archived) == 202
    assert s3.head_object(**archived)["Restore"] == 'ongoing-request="true"'
    assert refusal(s3.get_object, **archived) == ("InvalidObjectState", 403)
    assert refusal(s3.copy_object, Bucket=archived["Bucket"], Key="copy", CopySource=archived)[1] == 403
    assert "expiry-date=" in wait_until_restored(s3, archived)
    assert s3.get_object(**archived)["Body"].read() == BODY
    s3.copy_object(Bucket=archived["Bucket"], Key="copy", CopySource=archived)
    copy = s3.head_object(Bucket=archived["Bucket"], Key="copy")
    assert "Restore" not in copy and "StorageClass" not in copy


def test_a_second_restore_during_the_first_is_refused(s3, archived):
    restore(s3, archived)
    assert refusal(s3.restore_object, **archived, RestoreRequest=TWO_DAYS) == ("RestoreAlreadyInProgress", 409)


def test_a_restored_object_can_be_kept_for_longer(s3, archived):
    restore(s3, archived)
    before = wait_until_restored(s3, archived)
    assert restore(s3, archived, {"Days": 9}) == 200
    assert s3.head_object(**archived)["Restore"] not in (before, 'ongoing-request="true"')


def test_a_restore_is_of_the_version_that_it_names(s3, archived):
    old = s3.head_object(**archived)["VersionId"]
    s3.put_object(**archived, Body=b"newer", StorageClass="DEEP_ARCHIVE")
    assert restore(s3, archived | {"VersionId": old}) == 202
    wait_until_restored(s3, archived | {"VersionId": old})
    assert s3.get_object(**archived, VersionId=old)["Body"].read() == BODY
    assert refusal(s3.get_object, **archived) == ("InvalidObjectState", 403)


@pytest.mark.parametrize(
    ("where", "request_", "expected"),
    [
        ({"Key": "missing"}, TWO_DAYS, ("NoSuchKey", 404)),
        ({"Key": "plain"}, TWO_DAYS, ("InvalidObjectState", 403)),
        ({}, {"GlacierJobParameters": {"Tier": "Bulk"}}, ("MalformedXML", 400)),
        ({}, {"Days": 0}, ("MalformedXML", 400)),
        ({}, {"Days": 1, "GlacierJobParameters": {"Tier": "Quick"}}, ("MalformedXML", 400)),
        ({}, {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}, ("InvalidArgument", 400)),
    ],
)
def test_what_s3_does_not_restore_is_refused(s3, archived, where, request_, expected):
    s3.put_object(Bucket=archived["Bucket"], Key="plain", Body=BODY)
    assert refusal(s3.restore_object, **archived | where, RestoreRequest=request_) == expected
    assert "Restore" not in s3.head_object(**archived)


def test_the_end_of_a_restore_is_announced_though_nobody_looks(another_aws):
    with another_aws("--restore-seconds", "0.2") as aws:
        s3, sqs, events = aws.s3(), aws.client("sqs"), aws.client("events")
        queue = sqs.create_queue(QueueName="restored")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {"source": ["aws.s3"], "detail-type": ["Object Restore Completed"]}
        events.put_rule(Name="restored", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="restored", Targets=[{"Id": "queue", "Arn": arn}])
        where = {"Bucket": "media-ingest", "Key": "footage/a.mp4"}
        s3.put_object(**where, Body=BODY, StorageClass="GLACIER")
        restore(s3, where, {"Days": 1})
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert json.loads(messages[0]["Body"])["detail"]["object"]["key"] == where["Key"]
