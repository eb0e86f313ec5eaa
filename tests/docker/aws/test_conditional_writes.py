"""Writes that depend on what is there, and the rules of multipart uploads."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from botocore.exceptions import ClientError

from aws_emulator.application import Emulator
from aws_emulator.guard.checksums import ALGORITHMS, encoded
from aws_emulator.server import Server

PART = bytes(5 * 1024 * 1024)
LAST = b"and the rest"


def refusal(call, **request) -> tuple[str, int]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_only_the_first_of_two_creations_succeeds(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*") == (
        "PreconditionFailed",
        412,
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


@pytest.mark.parametrize("attempt", range(3))
def test_of_many_creations_at_once_exactly_one_succeeds(aws, s3, bucket, attempt):
    writers = 12
    start = threading.Barrier(writers)

    def create(writer: int) -> str:
        client = aws.s3()
        start.wait()
        try:
            client.put_object(Bucket=bucket, Key="k", Body=b"%d" % writer * 50_000, IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return f"won {writer}"

    with ThreadPoolExecutor(writers) as pool:
        outcomes = list(pool.map(create, range(writers)))
    winners = [outcome for outcome in outcomes if outcome.startswith("won")]
    assert len(winners) == 1, outcomes
    assert outcomes.count("PreconditionFailed") == writers - 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == winners[0].split()[1].encode() * 50_000


@pytest.fixture
def slow_s3(local_client):
    """Makes clients of an S3 in this process that takes its time between the guard's check and the write."""
    emulator = Emulator()

    def store_slowly(environ, start_response):
        time.sleep(0.1)
        return emulator.dispatcher(environ, start_response)

    emulator.guard.app = store_slowly
    server = Server(emulator, "127.0.0.1", 0)
    server.start()
    yield partial(local_client, server.url)
    server.stop()


def test_nothing_comes_between_the_check_and_the_write(slow_s3):
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    slow_s3().create_bucket(Bucket=bucket)
    start = threading.Barrier(6)

    def create(writer: int) -> bool:
        client = slow_s3()
        start.wait()
        try:
            client.put_object(Bucket=bucket, Key="k", Body=b"%d" % writer, IfNoneMatch="*")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(create, range(6))) == 1


def test_of_many_replacements_of_one_version_exactly_one_succeeds(aws, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0")["ETag"]
    start = threading.Barrier(8)

    def replace(writer: int) -> bool:
        client = aws.s3()
        start.wait()
        try:
            client.put_object(Bucket=bucket, Key="k", Body=b"new %d" % writer, IfMatch=etag)
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(replace, range(8))) == 1


def test_a_replacement_needs_the_etag_that_is_there(s3, bucket):
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfMatch='"0"') == ("NoSuchKey", 404)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfMatch='"0"') == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    assert refusal(s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag) == ("PreconditionFailed", 412)
    s3.delete_object(Bucket=bucket, Key="k", IfMatch="*")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_if_none_match_with_an_etag_is_not_implemented_for_writes(s3, bucket):
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"x", IfNoneMatch='"0"') == ("NotImplemented", 501)


def test_a_deleted_object_may_be_created_again_in_a_versioned_bucket(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfNoneMatch="*")[0] == "PreconditionFailed"


class Upload:
    """A multipart upload of one full part and one short part."""

    def __init__(self, s3, bucket, **create) -> None:
        self.s3, self.at = s3, {"Bucket": bucket, "Key": "k"}
        self.at["UploadId"] = s3.create_multipart_upload(**self.at, **create)["UploadId"]
        self.parts = []

    def add(self, number: int, body: bytes, **more):
        answer = self.s3.upload_part(**self.at, PartNumber=number, Body=body, **more)
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        return self

    def complete(self, **more):
        return self.s3.complete_multipart_upload(**self.at, MultipartUpload={"Parts": self.parts}, **more)


@pytest.fixture
def upload(s3, bucket):
    return Upload(s3, bucket).add(1, PART).add(2, LAST)


def test_parts_in_order_make_the_object(s3, upload):
    digests = hashlib.md5(PART).digest() + hashlib.md5(LAST).digest()
    assert upload.complete()["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    assert s3.get_object(Bucket=upload.at["Bucket"], Key="k")["Body"].read() == PART + LAST


def test_parts_out_of_order_are_refused_and_may_be_completed_in_order(upload):
    upload.parts.reverse()
    assert refusal(upload.complete) == ("InvalidPartOrder", 400)
    upload.parts.reverse()
    upload.complete()


def test_a_part_named_twice_is_out_of_order(upload):
    upload.parts.insert(1, upload.parts[0])
    assert refusal(upload.complete) == ("InvalidPartOrder", 400)


def test_a_short_part_that_is_not_the_last_is_too_small(s3, bucket):
    upload = Upload(s3, bucket).add(1, PART[:-1]).add(2, LAST)
    assert refusal(upload.complete) == ("EntityTooSmall", 400)
    upload.parts.pop(0)
    upload.complete()


def test_a_part_that_was_not_uploaded_or_has_another_etag_is_invalid(upload):
    upload.parts[1]["PartNumber"] = 3
    assert refusal(upload.complete) == ("InvalidPart", 400)
    upload.parts[1] = {"PartNumber": 2, "ETag": '"0123456789abcdef0123456789abcdef"'}
    assert refusal(upload.complete) == ("InvalidPart", 400)


def test_an_upload_that_does_not_exist_takes_no_part_and_is_not_completed(upload):
    upload.at["UploadId"] = "none"
    assert refusal(upload.complete) == ("NoSuchUpload", 404)
    assert refusal(upload.add, number=3, body=LAST) == ("NoSuchUpload", 404)


def test_an_upload_belongs_to_its_key(upload):
    upload.at["Key"] = "another"
    assert refusal(upload.complete) == ("NoSuchUpload", 404)


def test_a_completion_may_be_repeated(upload):
    assert upload.complete()["ETag"] == upload.complete()["ETag"]


def test_an_aborted_upload_is_gone(s3, upload):
    s3.abort_multipart_upload(**upload.at)
    assert refusal(upload.complete) == ("NoSuchUpload", 404)


def test_a_completion_that_is_no_list_of_parts_is_malformed(aws, upload):
    path = f"/{upload.at['Bucket']}/k?uploadId={upload.at['UploadId']}"
    for body in (b"", b"<nonsense", b"<CompleteMultipartUpload/>"):
        assert aws.send("POST", path, body, aws.sign("POST", path, body)).code == "MalformedXML", body


@pytest.mark.parametrize("name", ["crc32", "crc32c", "crc64nvme"])
def test_the_checksum_of_the_whole_object_is_checked_at_completion(s3, bucket, name):
    algorithm, field = ALGORITHMS[name], f"Checksum{name.upper()}"
    upload = Upload(s3, bucket, ChecksumAlgorithm=name.upper(), ChecksumType="FULL_OBJECT")
    upload.add(1, PART, **{field: encoded(algorithm, [PART])}).add(2, LAST, **{field: encoded(algorithm, [LAST])})
    wrong = {field: encoded(algorithm, [PART, LAST, b"!"]), "ChecksumType": "FULL_OBJECT"}
    assert refusal(upload.complete, **wrong) == ("BadDigest", 400)
    right = {field: encoded(algorithm, [PART, LAST]), "ChecksumType": "FULL_OBJECT"}
    upload.complete(**right)
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[field] == right[field]


def test_a_composite_checksum_is_checked_at_completion(s3, bucket):
    upload = Upload(s3, bucket, ChecksumAlgorithm="SHA256").add(1, PART, ChecksumAlgorithm="SHA256")
    upload.add(2, LAST, ChecksumAlgorithm="SHA256")
    digests = b"".join(hashlib.sha256(part).digest() for part in (PART, LAST))
    right = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(digests[:32]).digest()).decode()
    assert refusal(upload.complete, ChecksumSHA256=f"{wrong}-2") == ("BadDigest", 400)
    upload.complete(ChecksumSHA256=f"{right}-2")


def test_the_checksum_of_a_listed_part_is_checked_at_completion(upload):
    upload.parts[0]["ChecksumCRC32"] = encoded(ALGORITHMS["crc32"], [LAST])
    assert refusal(upload.complete) == ("InvalidPart", 400)
    upload.parts[0]["ChecksumCRC32"] = encoded(ALGORITHMS["crc32"], [PART])
    upload.complete()


def test_a_completion_may_be_conditional(s3, upload):
    at = {"Bucket": upload.at["Bucket"], "Key": "k"}
    etag = s3.put_object(**at, Body=b"already there")["ETag"]
    assert refusal(upload.complete, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refusal(upload.complete, IfMatch='"0"') == ("PreconditionFailed", 412)
    upload.complete(IfMatch=etag)
    assert s3.head_object(**at)["ContentLength"] == len(PART + LAST)


def test_of_many_conditional_completions_at_once_exactly_one_succeeds(aws, s3, bucket):
    uploads = [Upload(aws.s3(), bucket).add(1, b"%d" % number) for number in range(8)]
    start = threading.Barrier(len(uploads))

    def complete(upload) -> bool:
        start.wait()
        try:
            upload.complete(IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return False
        return True

    with ThreadPoolExecutor(len(uploads)) as pool:
        assert sum(pool.map(complete, uploads)) == 1
