"""The lake's buckets: small records written as text, media read back into files and verified."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from botocore.config import Config
from botocore.exceptions import ClientError

from include.settings import SETTINGS
from include.storage.upload import UPLOAD_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client  # noqa: F401  (named in the base class)

WAITERS = Path(__file__).parents[1] / "waiters"

_READ_BLOCK_BYTES = 1 << 20
_CONFLICT_TRIES = 5


class ContentChanged(RuntimeError):
    """An object no longer holds the bytes that were landed."""


class ObjectMissing(RuntimeError):
    """An object that was landed is gone."""


class LakeHook(AwsGenericHook["S3Client"]):
    """Read and write objects of the lake. The client is ``conn``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        super().__init__(*args, **(kwargs | {"client_type": "s3"}))

    @property
    def config(self) -> Config:
        """``UPLOAD_CONFIG``, with whatever the connection's ``config_kwargs`` say on top of it."""
        own = super().config
        s3: Any = {**(getattr(UPLOAD_CONFIG, "s3", None) or {}), **(getattr(own, "s3", None) or {})}
        return UPLOAD_CONFIG.merge(own).merge(Config(s3=s3))

    @property
    def waiter_path(self) -> Path:
        return WAITERS / "s3.json"

    def write_text(self, bucket: str, key: str, text: str, content_type: str = "application/json") -> None:
        """Write a record over whatever stands at ``key``."""
        self.conn.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=content_type)

    def write_text_once(self, bucket: str, key: str, text: str, content_type: str = "application/json") -> str:
        """Write a record unless one stands at ``key``, and return what stands there now.

        While another writes or deletes the same key, S3 answers with a conflict that says nothing of what will stand;
        then the write is tried again.
        """
        record: Any = {"Bucket": bucket, "Key": key, "Body": text.encode(), "ContentType": content_type}
        for number in range(_CONFLICT_TRIES):
            try:
                self.conn.put_object(**record, IfNoneMatch="*")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "PreconditionFailed":
                    standing = self.read_text(bucket, key)
                    if standing is not None:
                        return standing
                elif code != "ConditionalRequestConflict":
                    raise
                time.sleep(0.2 * 2**number)
            else:
                return text
        raise RuntimeError(f"s3://{bucket}/{key} is being written by others all the time: clear the task to try again")

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

        :raises ObjectMissing: when it does not exist.
        :raises ContentChanged: when its bytes are not those that were landed.
        """
        found = self.download(bucket, key, path)
        if found != sha256:
            raise ContentChanged(f"s3://{bucket}/{key} does not hold the bytes that were landed (sha256 {sha256})")

    def download(self, bucket: str, key: str, path: Path, *, version_id: str | None = None) -> str:
        """Copy an object, or a version of it, into a file, block by block, and return the sha256 of its bytes.

        :raises ObjectMissing: when it does not exist.
        """
        digest = hashlib.sha256()
        version: Any = {"VersionId": version_id} if version_id else {}
        try:
            body = self.conn.get_object(Bucket=bucket, Key=key, **version)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"NoSuchKey", "NoSuchVersion"}:
                raise
            raise ObjectMissing(f"s3://{bucket}/{key} is gone since it was landed: restore it, or run again") from error
        with path.open("wb") as file:
            for block in body.iter_chunks(_READ_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        return digest.hexdigest()
