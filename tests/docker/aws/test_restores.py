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
def quick_aws(another_aws):
    """A local AWS whose restores are ready almost at once."""
    with another_aws("--no-seed", "--restore-seconds", "0.1") as aws:
        yield aws


@pytest.fixture(scope="module")
def slow(another_aws):
    """S3 of a local AWS whose restores last longer than the tests."""
    with another_aws("--no-seed", "--restore-seconds", "9999") as aws:
        yield aws.s3()


@pytest.fixture(scope="module")
def quick(quick_aws):
    return quick_aws.s3()


@pytest.fixture
def archived(slow) -> dict[str, str]:
    """Where an archived object stands whose restore does not end."""
    return archive(slow)


@pytest.fixture
def quickly_archived(quick) -> dict[str, str]:
    """Where an archived object stands whose restore ends."""
    return archive(quick)


def archive(s3) -> dict[str, str]:
    """Archive an object, in a versioned bucket of its own."""
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


def test_an_archived_object_is_listed_but_not_read(slow, archived):
    assert slow.head_object(**archived)["StorageClass"] == "DEEP_ARCHIVE"
    assert refusal(slow.get_object, **archived) == ("InvalidObjectState", 403)
    assert refusal(slow.get_object, **archived, Range="bytes=0-3") == ("InvalidObjectState", 403)


def test_an_archived_object_is_not_copied_whole_or_in_parts(slow, archived):
    copy = {"Bucket": archived["Bucket"], "Key": "copy", "CopySource": archived}
    assert refusal(slow.copy_object, **copy) == ("InvalidObjectState", 403)
    upload = slow.create_multipart_upload(Bucket=archived["Bucket"], Key="copy")["UploadId"]
    assert refusal(slow.upload_part_copy, **copy, UploadId=upload, PartNumber=1) == ("InvalidObjectState", 403)
    itself = {**archived, "CopySource": archived, "StorageClass": "STANDARD"}
    assert refusal(slow.copy_object, **itself) == ("InvalidObjectState", 403)


def test_while_a_restore_lasts_the_object_stays_out_of_reach(slow, archived):
    assert "Restore" not in slow.head_object(**archived)
    assert restore(slow, archived) == 202
    assert slow.head_object(**archived)["Restore"] == 'ongoing-request="true"'
    assert refusal(slow.get_object, **archived) == ("InvalidObjectState", 403)
    assert refusal(slow.copy_object, Bucket=archived["Bucket"], Key="copy", CopySource=archived)[1] == 403


def test_a_second_restore_during_the_first_is_refused(slow, archived):
    restore(slow, archived)
    assert refusal(slow.restore_object, **archived, RestoreRequest=TWO_DAYS) == ("RestoreAlreadyInProgress", 409)


def test_a_restored_object_is_read_and_copied(quick, quickly_archived):
    assert restore(quick, quickly_archived) == 202
    assert "expiry-date=" in wait_until_restored(quick, quickly_archived)
    assert quick.get_object(**quickly_archived)["Body"].read() == BODY
    quick.copy_object(Bucket=quickly_archived["Bucket"], Key="copy", CopySource=quickly_archived)
    copy = quick.head_object(Bucket=quickly_archived["Bucket"], Key="copy")
    assert "Restore" not in copy
    assert "StorageClass" not in copy


def test_a_restored_object_can_be_kept_for_longer(quick, quickly_archived):
    restore(quick, quickly_archived)
    before = wait_until_restored(quick, quickly_archived)
    assert restore(quick, quickly_archived, {"Days": 9}) == 200
    assert quick.head_object(**quickly_archived)["Restore"] not in (before, 'ongoing-request="true"')


def test_a_restore_is_of_the_version_that_it_names(quick, quickly_archived):
    old = {**quickly_archived, "VersionId": quick.head_object(**quickly_archived)["VersionId"]}
    quick.put_object(**quickly_archived, Body=b"newer", StorageClass="DEEP_ARCHIVE")
    assert restore(quick, old) == 202
    wait_until_restored(quick, old)
    assert quick.get_object(**old)["Body"].read() == BODY
    assert refusal(quick.get_object, **quickly_archived) == ("InvalidObjectState", 403)


@pytest.mark.parametrize(
    ("where", "request_", "expected"),
    [
        ({"Key": "missing"}, TWO_DAYS, ("NoSuchKey", 404)),
        ({"VersionId": "nobody"}, TWO_DAYS, ("NoSuchVersion", 404)),
        ({"Key": "plain"}, TWO_DAYS, ("InvalidObjectState", 403)),
        ({}, {"GlacierJobParameters": {"Tier": "Bulk"}}, ("MalformedXML", 400)),
        ({}, {"Days": 0}, ("MalformedXML", 400)),
        ({}, {"Days": 1, "GlacierJobParameters": {"Tier": "Quick"}}, ("MalformedXML", 400)),
        ({}, {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}, ("InvalidArgument", 400)),
    ],
)
def test_what_s3_does_not_restore_is_refused(slow, archived, where, request_, expected):
    slow.put_object(Bucket=archived["Bucket"], Key="plain", Body=BODY)
    assert refusal(slow.restore_object, **archived | where, RestoreRequest=request_) == expected
    assert "Restore" not in slow.head_object(**archived)


def test_the_end_of_a_restore_is_announced_though_nobody_looks(quick_aws, quick, quickly_archived):
    sqs, events = quick_aws.client("sqs"), quick_aws.client("events")
    queue = sqs.create_queue(QueueName="restored")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Restore Completed"]}
    events.put_rule(Name="restored", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="restored", Targets=[{"Id": "queue", "Arn": arn}])
    quick.put_bucket_notification_configuration(
        Bucket=quickly_archived["Bucket"], NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    restore(quick, quickly_archived, {"Days": 1})
    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["detail"]["object"]["key"] == quickly_archived["Key"]
