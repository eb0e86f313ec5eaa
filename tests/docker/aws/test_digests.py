"""The digests a client sends with an object are checked against the bytes that came."""

from __future__ import annotations

import base64
import hashlib
import socket
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from aws_emulator.guard.checksums import ALGORITHMS, encoded

BODY = b"what the client meant"
OTHER = b"what the network made of it"


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def refused_code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_a_right_content_md5_is_stored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ContentMD5=md5(BODY))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


def test_a_wrong_content_md5_is_a_bad_digest_and_nothing_is_stored(s3, bucket):
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=BODY, ContentMD5=md5(OTHER))
    assert (refused_code(error), error.value.response["ResponseMetadata"]["HTTPStatusCode"]) == ("BadDigest", 400)
    assert error.value.response["ResponseMetadata"]["RequestId"]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("digest", ["no base64!", base64.b64encode(b"short").decode()])
def test_a_content_md5_that_is_none_is_an_invalid_digest(s3, bucket, digest):
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=BODY, ContentMD5=digest)
    assert refused_code(error) == "InvalidDigest"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_checksum_header_is_checked_kept_and_given_back(s3, bucket, name):
    algorithm, field = ALGORITHMS[name], f"Checksum{name.upper()}"
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, **{field: encoded(algorithm, [BODY])})
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[field] == encoded(algorithm, [BODY])
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=BODY, **{field: encoded(algorithm, [OTHER])})
    assert refused_code(error) == "BadDigest"


def test_the_algorithms_agree_with_their_published_check_values():
    digests = {name: encoded(algorithm, [b"12345", b"6789"]) for name, algorithm in ALGORITHMS.items()}
    assert digests["crc32"] == base64.b64encode(bytes.fromhex("cbf43926")).decode()
    assert digests["crc32c"] == base64.b64encode(bytes.fromhex("e3069283")).decode()
    assert digests["crc64nvme"] == base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()
    assert digests["sha1"] == base64.b64encode(hashlib.sha1(b"123456789").digest()).decode()


def test_a_checksum_that_is_none_is_an_invalid_request(s3, bucket):
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumCRC32="AAA=")
    assert refused_code(error) == "InvalidRequest"


def test_two_checksums_are_an_invalid_request(aws, bucket):
    headers = {
        "x-amz-checksum-crc32": encoded(ALGORITHMS["crc32"], [BODY]),
        "x-amz-checksum-sha1": encoded(ALGORITHMS["sha1"], [BODY]),
    }
    answer = aws.send("PUT", f"/{bucket}/k", BODY, aws.sign("PUT", f"/{bucket}/k", BODY, headers))
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_a_body_other_than_the_one_that_was_hashed_is_refused(aws, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", BODY)
    assert aws.send("PUT", f"/{bucket}/k", BODY, headers).status == 200
    answer = aws.send("PUT", f"/{bucket}/k", BODY[::-1], headers)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")


def test_a_request_without_a_payload_hash_is_an_invalid_request(aws, bucket):
    headers = aws.sign("GET", f"/{bucket}/k")
    del headers["X-Amz-Content-SHA256"]
    assert aws.send("GET", f"/{bucket}/k", headers=headers).code == "InvalidRequest"
    headers = aws.sign("GET", f"/{bucket}/k", headers={"x-amz-content-sha256": "not a hash"})
    assert aws.send("GET", f"/{bucket}/k", headers=headers).code == "InvalidArgument"


def test_a_part_with_a_wrong_checksum_is_refused(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32")["UploadId"]
    with pytest.raises(ClientError) as error:
        s3.upload_part(
            Bucket=bucket,
            Key="k",
            UploadId=upload,
            PartNumber=1,
            Body=BODY,
            ChecksumCRC32=encoded(ALGORITHMS["crc32"], [OTHER]),
        )
    assert refused_code(error) == "BadDigest"


def test_a_client_that_dies_in_the_middle_of_a_body_leaves_nothing(aws, s3, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    parts = urlsplit(aws.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as client:
        client.sendall(
            f"PUT /{bucket}/k HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}Content-Length: 1000\r\n\r\nhalf".encode()
        )
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400") and b"<Code>IncompleteBody</Code>" in answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_put_without_a_length_is_refused(aws, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    parts = urlsplit(aws.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as client:
        client.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 411") and b"MissingContentLength" in answer


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"])
def test_an_object_of_any_type_keeps_its_bytes_and_its_type(s3, bucket, kind):
    body = bytes(range(256)) + b"a=b&c=d"
    s3.put_object(Bucket=bucket, Key="k", Body=body, ContentType=kind)
    stored = s3.get_object(Bucket=bucket, Key="k")
    assert (stored["Body"].read(), stored["ContentType"]) == (body, kind)
