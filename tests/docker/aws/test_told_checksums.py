"""HEAD tells of a checksum whether it is of the whole object."""

from __future__ import annotations

import base64
import hashlib

import pytest

BODY = b"what the client meant"


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture
def joined(s3, bucket):
    """An object that was uploaded in one part."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="joined", ChecksumAlgorithm="SHA256")["UploadId"]
    place = {"Bucket": bucket, "Key": "joined", "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=BODY, ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    return "joined"


def test_one_that_was_put_at_once_has_a_checksum_of_all_of_it(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256(BODY), "FULL_OBJECT")
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="k")


def test_one_of_parts_has_a_checksum_of_their_checksums_that_ends_in_their_number(s3, bucket, joined):
    head = s3.head_object(Bucket=bucket, Key=joined, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == sha256(hashlib.sha256(BODY).digest()) + "-1"
    assert head["ChecksumType"] == "COMPOSITE"


def test_a_copy_of_it_has_the_checksum_of_the_whole(s3, bucket, joined):
    source = {"Bucket": bucket, "Key": joined}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (sha256(BODY), "FULL_OBJECT")
