"""What lies in a bucket, object by object, in constant memory: from the latest S3 Inventory, else by listing.

An inventory is a report that S3 writes daily or weekly into another bucket: ``manifest.json``, ``manifest.checksum``
(the manifest's MD5, written last) and the gzipped CSV files that the manifest names with their MD5s. Its keys are
URL-encoded. It lags behind: what is moved by it is looked at again first.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html

Either way the current version of every object comes, and no older one, which a lifecycle rule for noncurrent versions
is for; how many there are, :class:`Contents` counts.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, NamedTuple
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

INVENTORY_PREFIX = "inventory/"
"""Where inventories stand in the reports bucket: ``inventory/<bucket>/<configuration>/<time>/manifest.json``."""

NEEDED = ("Key", "Size", "LastModifiedDate", "StorageClass")
"""Fields that an inventory must be configured with; ``VersionId``, ``IsLatest`` and ``ETag`` are used when there."""

_TAKEN_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}Z")
_BLOCK_BYTES = 1 << 20


class InventoryError(RuntimeError):
    """An inventory cannot be used; the message says which one and why."""


class StoredKey(NamedTuple):
    """The current version of an object."""

    bucket: str
    key: str
    version_id: str | None
    """``None`` where the bucket has no versions, or the inventory does not say."""
    size_bytes: int
    last_modified: datetime
    storage_class: str
    etag: str | None
    """Without quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A complete inventory of a bucket."""

    bucket: str
    reports_bucket: str
    manifest_key: str
    taken_at: datetime
    fields: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    """Key and MD5 (hex) of each file."""


@dataclass(slots=True)
class Contents:
    """The objects of a bucket, to be walked through once: ``for stored in Contents(...)``."""

    s3: Any
    bucket: str
    inventory: Inventory | None = None
    """Where to read it from; ``None`` lists the bucket."""
    older_versions: int = field(default=0, init=False)
    """Versions that are not current, deleted ones included, as far as they were met."""

    def __iter__(self) -> Iterator[StoredKey]:
        return self._listed() if self.inventory is None else self._inventoried(self.inventory)

    def _listed(self) -> Iterator[StoredKey]:
        """List the bucket, 1,000 versions a request. A bucket without versions lists its objects as the only ones."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
            for entry in page.get("Versions", ()):
                if not entry["IsLatest"]:
                    self.older_versions += 1
                    continue
                version_id = entry["VersionId"]
                yield StoredKey(
                    self.bucket,
                    entry["Key"],
                    None if version_id == "null" else version_id,
                    entry["Size"],
                    entry["LastModified"],
                    entry.get("StorageClass", "STANDARD"),
                    entry["ETag"].strip('"'),
                )

    def _inventoried(self, inventory: Inventory) -> Iterator[StoredKey]:
        for key, md5 in inventory.files:
            with tempfile.TemporaryFile() as file:
                _fetch_verified(self.s3, inventory.reports_bucket, key, md5, file)
                yield from self._rows(file, inventory.fields, key)

    def _rows(self, file: IO[bytes], fields: tuple[str, ...], name: str) -> Iterator[StoredKey]:
        key_at, size_at, modified_at, class_at = (fields.index(name) for name in NEEDED)
        version_at, latest_at, marker_at, etag_at = (
            fields.index(name) if name in fields else None
            for name in ("VersionId", "IsLatest", "IsDeleteMarker", "ETag")
        )
        columns, moment = len(fields), datetime.fromisoformat
        with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
            for row in csv.reader(text):
                if len(row) != columns:
                    raise InventoryError(f"{name}: a row has {len(row)} columns, its manifest names {columns}")
                if latest_at is not None and row[latest_at].lower() != "true":
                    self.older_versions += 1
                    continue
                if marker_at is not None and row[marker_at].lower() == "true":
                    continue
                yield StoredKey(
                    self.bucket,
                    unquote_plus(row[key_at]),
                    (row[version_at] or None) if version_at is not None else None,
                    int(row[size_at]),
                    moment(row[modified_at]),
                    row[class_at] or "STANDARD",
                    row[etag_at] if etag_at is not None else None,
                )


def latest_inventory(s3: Any, bucket: str, *, reports_bucket: str, prefix: str = INVENTORY_PREFIX) -> Inventory | None:
    """Return the newest complete inventory of ``bucket``, of whichever configuration; ``None`` when there is none.

    One whose ``manifest.checksum`` is not there yet is still being written, and passed over. So is one whose
    configuration has a filter: it tells of a part of the bucket, and a rule would be put by what it leaves out.

    :raises InventoryError: when the newest one is damaged, no CSV, or lacks a field of ``NEEDED``.
    """
    folders = [
        (name.group(), folder)
        for configuration in _folders_in(s3, reports_bucket, f"{prefix}{bucket}/")
        if _is_of_all(s3, bucket, configuration.rstrip("/").rpartition("/")[2])
        for folder in _folders_in(s3, reports_bucket, configuration)
        if (name := _TAKEN_AT.fullmatch(folder.rstrip("/").rpartition("/")[2]))
    ]
    for taken_at, folder in sorted(folders, reverse=True):
        checksum = _read(s3, reports_bucket, f"{folder}manifest.checksum")
        manifest = _read(s3, reports_bucket, f"{folder}manifest.json")
        if checksum is None or manifest is None:
            continue
        where = f"s3://{reports_bucket}/{folder}manifest.json"
        if hashlib.md5(manifest, usedforsecurity=False).hexdigest() != checksum.decode().strip().lower():
            raise InventoryError(f"{where} is damaged: its MD5 is not that of manifest.checksum")
        return _inventory_from(manifest, where, bucket, reports_bucket, f"{folder}manifest.json", taken_at)
    return None


def _inventory_from(
    text: bytes, where: str, bucket: str, reports_bucket: str, manifest_key: str, taken_at: str
) -> Inventory:
    try:
        manifest = json.loads(text)
        source, kind = manifest["sourceBucket"], manifest["fileFormat"]
        fields = tuple(name.strip() for name in manifest["fileSchema"].split(",")) if kind == "CSV" else ()
        files = tuple((file["key"], file["MD5checksum"].lower()) for file in manifest["files"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InventoryError(f"{where} is no manifest of an inventory: {error!r}") from error
    if source != bucket:
        raise InventoryError(f"{where} is of the bucket {source}, not of {bucket}")
    if kind != "CSV":
        raise InventoryError(
            f"{where} is in the format {kind}, which needs a library that is not installed here (pyarrow): "
            "set the inventory's output format to CSV"
        )
    if missing := [name for name in NEEDED if name not in fields]:
        raise InventoryError(f"{where} lacks {', '.join(missing)}: add these fields to the inventory's configuration")
    return Inventory(
        bucket=bucket,
        reports_bucket=reports_bucket,
        manifest_key=manifest_key,
        taken_at=datetime.strptime(taken_at, "%Y-%m-%dT%H-%MZ").replace(tzinfo=UTC),
        fields=fields,
        files=files,
    )


def _fetch_verified(s3: Any, bucket: str, key: str, md5: str, file: IO[bytes]) -> None:
    """Copy an object into ``file``, and go back to its start when it is whole: no row of a damaged file is read."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except s3.exceptions.NoSuchKey as error:
        raise InventoryError(f"s3://{bucket}/{key} is gone, though its manifest names it") from error
    for block in body.iter_chunks(_BLOCK_BYTES):
        digest.update(block)
        file.write(block)
    if digest.hexdigest() != md5:
        raise InventoryError(
            f"s3://{bucket}/{key} is damaged: its MD5 is {digest.hexdigest()}, the manifest says {md5}"
        )
    file.seek(0)


def _is_of_all(s3: Any, bucket: str, configuration_id: str) -> bool:
    """Say whether a configuration has no filter; one that is gone, or may not be read, is taken to have none."""
    try:
        found = s3.get_bucket_inventory_configuration(Bucket=bucket, Id=configuration_id)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return True
        raise
    return not found["InventoryConfiguration"].get("Filter")


def _folders_in(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        for entry in page.get("CommonPrefixes", ()):
            yield entry["Prefix"]


def _read(s3: Any, bucket: str, key: str) -> bytes | None:
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
