"""Clients as people use them: boto3's transfers, aiobotocore and s3fs, each with its defaults."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from aiobotocore.session import AioSession
from boto3.s3.transfer import TransferConfig
from s3fs import S3FileSystem

BODY = os.urandom(20 * 1024 * 1024)


@pytest.fixture
def plain_s3(aws):
    """A client with nothing set but where to find it: checksums by default."""
    return boto3.client(
        "s3", endpoint_url=aws.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def test_boto3_uploads_and_downloads_in_parts(plain_s3, bucket):
    plain_s3.upload_fileobj(
        io.BytesIO(BODY), bucket, "k", ExtraArgs={"Metadata": {"a_b": "c"}, "ContentType": "video/mp4"}
    )
    head = plain_s3.head_object(Bucket=bucket, Key="k")
    assert head["ETag"].endswith('-3"')
    assert (head["Metadata"], head["ContentType"]) == ({"a_b": "c"}, "video/mp4")
    target = io.BytesIO()
    plain_s3.download_fileobj(bucket, "k", target)
    assert hashlib.sha256(target.getvalue()).digest() == hashlib.sha256(BODY).digest()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_boto3_uploads_parts_with_every_checksum(plain_s3, bucket, algorithm):
    plain_s3.upload_fileobj(
        io.BytesIO(BODY[: 9 * 1024 * 1024]),
        bucket,
        "k",
        ExtraArgs={"ChecksumAlgorithm": algorithm},
        Config=TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024 * 1024),
    )
    assert plain_s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == BODY[: 9 * 1024 * 1024]


def test_boto3_copies_in_parts(plain_s3, bucket):
    plain_s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    plain_s3.copy(
        {"Bucket": bucket, "Key": "a"},
        bucket,
        "b",
        Config=TransferConfig(multipart_threshold=1, multipart_chunksize=8 * 1024 * 1024),
    )
    assert plain_s3.get_object(Bucket=bucket, Key="b")["Body"].read() == BODY


def test_aiobotocore_writes_reads_and_presigns(aws, bucket):
    async def visit() -> tuple[bytes, str]:
        async with AioSession().create_client(
            "s3", endpoint_url=aws.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        ) as client:
            await client.put_object(Bucket=bucket, Key="a b/ü", Body=b"async")
            answer = await client.get_object(Bucket=bucket, Key="a b/ü")
            return await answer["Body"].read(), await client.generate_presigned_url("list_buckets")

    body, url = asyncio.run(visit())
    assert body == b"async"
    assert url.startswith(aws.url)


def test_s3fs_writes_lists_and_reads(aws, bucket):
    fs = S3FileSystem(
        endpoint_url=aws.url,
        key="test",
        secret="test",
        use_listings_cache=False,
        skip_instance_cache=True,
        client_kwargs={"region_name": "us-east-1"},
    )
    with fs.open(f"{bucket}/dir/big file.bin", "wb", block_size=5 * 1024 * 1024) as target:
        target.write(BODY[: 12 * 1024 * 1024])
    fs.pipe(f"{bucket}/dir/small+.txt", b"small")
    assert sorted(fs.ls(f"{bucket}/dir")) == [f"{bucket}/dir/big file.bin", f"{bucket}/dir/small+.txt"]
    assert fs.cat(f"{bucket}/dir/small+.txt") == b"small"
    with fs.open(f"{bucket}/dir/big file.bin", "rb") as source:
        source.seek(5 * 1024 * 1024 - 2)
        assert source.read(4) == BODY[5 * 1024 * 1024 - 2 : 5 * 1024 * 1024 + 2]
    fs.rm(f"{bucket}/dir", recursive=True)
    assert not fs.exists(f"{bucket}/dir/small+.txt")


def test_many_clients_at_once_get_right_answers(aws, bucket):
    def round_trip(number: int) -> bool:
        client, body = aws.s3(), f"{number} {uuid.uuid4()}".encode() * 100
        client.put_object(Bucket=bucket, Key=f"k{number}", Body=body)
        return client.get_object(Bucket=bucket, Key=f"k{number}")["Body"].read() == body

    with ThreadPoolExecutor(24) as pool:
        assert all(pool.map(round_trip, range(120)))
