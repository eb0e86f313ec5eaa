"""The lake's buckets: small records written as text, media read back into files and verified."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.exceptions import ClientError

from include.settings import SETTINGS
from include.storage.upload import UPLOAD_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # noqa: F401  (named in the base class)

_READ_BLOCK_BYTES = 1 << 20


class ContentChanged(RuntimeError):
    """An object no longer holds the bytes that were landed."""


class LakeHook(AwsGenericHook["S3Client"]):
    """Read and write objects of the lake. The client is ``conn``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        kwargs.setdefault("config", UPLOAD_CONFIG)
        super().__init__(*args, **(kwargs | {"client_type": "s3"}))

    def write_text(self, bucket: str, key: str, text: str, content_type: str = "application/json") -> None:
        """Write a record over whatever stands at ``key``."""
        self.conn.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=content_type)

    def write_text_once(self, bucket: str, key: str, text: str, content_type: str = "application/json") -> str:
        """Write a record unless one stands at ``key``, and return what stands there now."""
        try:
            self.conn.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=content_type, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
            return self.read_text(bucket, key) or text
        return text

    def read_text(self, bucket: str, key: str) -> str | None:
        """Return a record's text, or ``None`` when there is none."""
        try:
            return self.conn.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except self.conn.exceptions.NoSuchKey:
            return None

    def size_bytes(self, bucket: str, key: str) -> int | None:
        """Return an object's size, or ``None`` when there is none."""
        try:
            return self.conn.head_object(Bucket=bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def delete(self, bucket: str, key: str) -> None:
        self.conn.delete_object(Bucket=bucket, Key=key)

    def fetch(self, bucket: str, key: str, path: Path, *, sha256: str) -> None:
        """Copy an object into a file, block by block.

        :raises ContentChanged: when its bytes are not those that were landed.
        """
        digest = hashlib.sha256()
        body = self.conn.get_object(Bucket=bucket, Key=key)["Body"]
        with path.open("wb") as file:
            for block in body.iter_chunks(_READ_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise ContentChanged(f"s3://{bucket}/{key} does not hold the bytes that were landed (sha256 {sha256})")
