"""Inventories as S3 writes them, made for tests: manifest, checksum and gzipped CSV."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote_plus

FIELDS = (
    "Bucket",
    "Key",
    "VersionId",
    "IsLatest",
    "IsDeleteMarker",
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
)


def row(key: str, size: int = 1, **other: str) -> list[str]:
    values = {"Bucket": "lake", "Key": quote_plus(key, safe="/"), "Size": str(size), "IsLatest": "true"}
    values |= {"LastModifiedDate": "2026-03-01T06:30:00.000Z", "StorageClass": "STANDARD", "ETag": "e1"} | other
    return [values.get(name, "") for name in FIELDS]


def csv_gz(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode())


def put_inventory(
    s3: Any,
    reports: str,
    files: Sequence[bytes],
    *,
    bucket: str = "lake",
    taken_at: str = "2026-03-02T00-00Z",
    kind: str = "CSV",
    complete: bool = True,
    fields: Sequence[str] = FIELDS,
) -> str:
    """Store an inventory and return the folder of its files."""
    folder = f"inventory/{bucket}/weekly/"
    named = []
    for number, content in enumerate(files):
        key = f"{folder}data/{taken_at}-{number}.csv.gz"
        s3.put_object(Bucket=reports, Key=key, Body=content)
        named.append({"key": key, "size": len(content), "MD5checksum": hashlib.md5(content).hexdigest()})
    manifest = json.dumps(
        {
            "sourceBucket": bucket,
            "destinationBucket": f"arn:aws:s3:::{reports}",
            "version": "2016-11-30",
            "creationTimestamp": "1772409600000",
            "fileFormat": kind,
            "fileSchema": ", ".join(fields),
            "files": named,
        }
    ).encode()
    s3.put_object(Bucket=reports, Key=f"{folder}{taken_at}/manifest.json", Body=manifest)
    if complete:
        md5 = hashlib.md5(manifest).hexdigest()
        s3.put_object(Bucket=reports, Key=f"{folder}{taken_at}/manifest.checksum", Body=md5.encode())
    return f"{folder}data/"
