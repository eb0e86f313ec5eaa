"""What an engine sees of S3: over the wire, verified, under names of our own; and the same without a server."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from aws_emulator.clients import client_for
from aws_emulator.jobs.alone import LoneTask
from aws_emulator.jobs.errors import AccessDenied, ObjectBroken, ObjectMissing, TooLarge
from aws_emulator.jobs.task import EngineSettings, WireTask


@pytest.fixture(scope="module")
def s3(server) -> Any:
    return client_for("s3", server.url, "test", "test", "us-east-1")


@pytest.fixture
def bucket(s3) -> str:
    name = f"tasks-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def make_task(tmp_path, s3):
    """A task over the wire; ``task.said`` holds what it reported."""

    def make(client: Any = None) -> WireTask:
        said: list[tuple] = []
        folder = tmp_path / "job"
        folder.mkdir(exist_ok=True)
        task = WireTask(
            job_id="1",
            request={},
            settings=EngineSettings(),
            folder=folder,
            cache=tmp_path / "cache",
            results=tmp_path / "results",
            s3=client or s3,
            say=lambda *report: said.append(report),
        )
        task.said = said
        return task

    return make


@pytest.fixture
def task(make_task) -> WireTask:
    return make_task()


class Lying:
    """An S3 client whose object is not what it says it is."""

    def __init__(self, content: bytes, **answer: Any) -> None:
        self.content, self.answer, self.asked = content, answer, 0

    def get_object(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        answer = {"ContentLength": len(self.content), "ETag": '"' + hashlib.md5(self.content).hexdigest() + '"'}
        body = StreamingBody(io.BytesIO(self.content), None)
        return {**answer, **self.answer, "Body": body}


class Refusing:
    """An S3 client to which one error is answered."""

    def __init__(self, code: str) -> None:
        self.code = code

    def get_object(self, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": self.code, "Message": "because"}}, "GetObject")


def test_an_object_arrives_whole_under_a_name_of_ours(task, s3, bucket):
    content = bytes(range(256)) * 20_000
    s3.put_object(Bucket=bucket, Key="../x/%d.mp4", Body=content)
    path = task.fetch(bucket, "../x/%d.mp4")
    assert path.read_bytes() == content
    assert path.parent == task.folder
    assert path.name.startswith("object-")
    assert path.name.replace("object-", "").isalnum()


def test_an_object_of_several_parts_arrives(task, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = []
    for number, content in ((1, b"a" * 5 * 1024**2), (2, b"b")):
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert task.fetch(bucket, "k").stat().st_size == 5 * 1024**2 + 1


def test_a_version_is_fetched_and_described(task, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first", ContentType="text/x")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second!")["VersionId"]
    assert task.fetch(bucket, "k", first).read_bytes() == b"first"
    assert task.fetch(bucket, "k").read_bytes() == b"second!"
    facts = task.stat(bucket, "k", first)
    assert (facts.size_bytes, facts.version, facts.content_type) == (5, first, "text/x")
    assert facts.etag == hashlib.md5(b"first").hexdigest()
    assert task.stat(bucket, "k").version == second


def test_what_is_not_there_is_missing(task, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for bad in ((bucket, "none"), ("no-such-bucket", "k"), (bucket, "k", "no-such-version")):
        with pytest.raises(ObjectMissing, match=f"s3://{bad[0]}/{bad[1]} is not there"):
            task.fetch(*bad)
        with pytest.raises(ObjectMissing):
            task.stat(*bad)


def test_a_deleted_object_is_missing(task, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for version in (None, marker):
        with pytest.raises(ObjectMissing):
            task.fetch(bucket, "k", version)


def test_an_archived_object_may_not_be_used(task, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", StorageClass="DEEP_ARCHIVE")
    with pytest.raises(AccessDenied, match="InvalidObjectState"):
        task.fetch(bucket, "k")


def test_a_refusal_of_s3_is_access_denied(make_task):
    with pytest.raises(AccessDenied, match="s3://b/k may not be used: AccessDenied because"):
        make_task(Refusing("AccessDenied")).fetch("b", "k")


def test_another_error_of_s3_stays_what_it_is(make_task):
    with pytest.raises(ClientError, match="InternalError"):
        make_task(Refusing("InternalError")).fetch("b", "k")


def test_an_object_that_is_too_large_is_not_read(task, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    with pytest.raises(TooLarge, match="5 bytes, more than the 4") as error:
        task.fetch(bucket, "k", most_bytes=4)
    assert error.value.size_bytes == 5
    assert list(task.folder.iterdir()) == []
    assert task.fetch(bucket, "k", most_bytes=5).read_bytes() == b"12345"


@pytest.mark.parametrize("answer", [{"ETag": '"' + "0" * 32 + '"'}, {"ContentLength": 99}])
def test_an_object_that_does_not_arrive_whole_is_asked_for_again_and_then_given_up(make_task, answer):
    client = Lying(b"content", **answer)
    with pytest.raises(ObjectBroken, match="s3://b/k did not arrive whole in 3 attempts"):
        make_task(client).fetch("b", "k")
    assert client.asked == 3


def test_an_etag_that_is_no_md5_is_not_taken_for_one(make_task):
    client = Lying(b"content", ETag='"' + "0" * 32 + '"', ServerSideEncryption="aws:kms")
    assert make_task(client).fetch("b", "k").read_bytes() == b"content"


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_an_object_is_put_so_that_its_event_fires(kind, task, s3, bucket, server, tmp_path):
    sqs = client_for("sqs", server.url, "test", "test", "us-east-1")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:123456789012:{bucket}"
    rule = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [rule]})
    content: Any = b"some text"
    if kind == "file":
        content = tmp_path / "file"
        content.write_bytes(b"some text")
    task.put(bucket, "out/name", content, content_type="text/x", metadata={"job": "1"})
    stored = s3.get_object(Bucket=bucket, Key="out/name")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"some text", "text/x")
    assert stored["Metadata"] == {"job": "1"}
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    records = [record for message in messages for record in json.loads(message["Body"]).get("Records", [])]
    assert [unquote(record["s3"]["object"]["key"]) for record in records] == ["out/name"]


@pytest.mark.parametrize("content", [b"x", Path(__file__)])
def test_a_put_into_a_bucket_that_is_not_there_is_missing(task, content):
    with pytest.raises(ObjectMissing, match="NoSuchBucket"):
        task.put("no-such-bucket", "k", content, content_type="text/x")


def test_the_first_report_and_every_new_phase_are_told(task):
    for percent in (1, 2, 3):
        task.report(percent, "ONE")
    task.report(400, "TWO", left=1)
    assert task.said == [(1, "ONE", {}), (100, "TWO", {"left": 1})]


def test_a_result_is_kept_outside_the_folder_of_the_job(task):
    path = Path(task.keep("pages.json", b"[]"))
    assert path.read_bytes() == b"[]"
    assert task.folder not in path.parents


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 101])
def test_a_result_is_kept_under_a_plain_name(task, name):
    with pytest.raises(ValueError, match="plain file name"):
        task.keep(name, b"")


def test_a_task_without_a_server_answers_alike(tmp_path):
    task = LoneTask(
        tmp_path, {"n": 1}, objects={("b", "k"): b"12345", ("b", "secret"): b""}, denied=frozenset({("b", "secret")})
    )
    assert task.fetch("b", "k").read_bytes() == b"12345"
    assert task.stat("b", "k").etag == hashlib.md5(b"12345").hexdigest()
    with pytest.raises(ObjectMissing):
        task.fetch("b", "none")
    with pytest.raises(AccessDenied):
        task.fetch("b", "secret")
    with pytest.raises(TooLarge):
        task.fetch("b", "k", most_bytes=4)
    with pytest.raises(ObjectMissing):
        task.put("other", "k", b"", content_type="text/x")
    task.put("b", "out", b"done", content_type="text/x")
    task.report(5, "ONE", n=1)
    assert (task.stored, task.content_types) == ({("b", "out"): b"done"}, {("b", "out"): "text/x"})
    assert task.reports == [(5, "ONE", {"n": 1})]
    assert Path(task.keep("a.json", b"{}")).read_bytes() == b"{}"
