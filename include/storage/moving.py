"""Move one version of an object, to a bucket or to another storage class, so that nothing is ever lost.

The order is: copy, prove the copy, only then delete the original, by its version. Whoever is interrupted, wherever it
is, does the same again:

| original | copy | then |
|---|---|---|
| there | none, or one that differs, cannot be proved or is not current | it is copied anew |
| there | proved, and current | the original is deleted |
| gone | proved | nothing is left to do |
| gone | none, or one that cannot be proved | `OriginalLost`; nothing is deleted |

A copy is proved by the checksum that S3 itself computed of all its bytes: no byte of an archived copy is read, which
would take a restore. https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from botocore.exceptions import ClientError, HTTPClientError

from include.catalog.triage import StorageClass
from include.storage.checksums import CRCS
from include.storage.upload import LARGEST_PART_BYTES, MIB, MOST_PARTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

LARGEST_COPY_BYTES = LARGEST_PART_BYTES
"""What one CopyObject takes; more is copied part by part."""
COPIED_SHA256 = "copied-sha256"
"""Metadata of a copy made of parts: S3 tells only a CRC of all of it, and refused to join parts that had another."""
_PART_BYTES = 512 * MIB
_READ_BYTES = 8 * MIB
_WHOLE = ("CRC64NVME", "CRC32", "CRC32C", "SHA256", "SHA1")
_CRCS = _WHOLE[:3]
"""Checksums that S3 can compute of an object that is joined of parts."""
_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
_GONE = frozenset({"404", "405", "NoSuchKey", "NoSuchVersion"})
_TAKEN = frozenset({"PreconditionFailed", "NoSuchUpload", "412"})
"""What a request answers whose twin came first: another try of ours, whose reply was lost, or another worker."""


class MoveError(Exception):
    """An object was not moved; the original, if it was there, still is."""


class OriginalLost(MoveError):
    """The original is gone, and no copy proves to be it."""


class OriginalChanged(MoveError):
    """The original does not hold the bytes that it is known for, or was replaced meanwhile."""


class OriginalLocked(MoveError):
    """S3 would not let the original be deleted: a copy would be paid for beside it, and have no lock."""


class CopyNotProved(MoveError):
    """S3 made a copy but tells no checksum that proves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """A version of an object; ``version_id`` is ``None`` in a bucket without versions."""

    bucket: str
    key: str
    version_id: str | None

    def __str__(self) -> str:
        version = f" (version {self.version_id})" if self.version_id else ""
        return f"s3://{self.bucket}/{self.key}{version}"

    @property
    def request(self) -> dict[str, Any]:
        """What names it in a request."""
        return {"Bucket": self.bucket, "Key": self.key} | ({"VersionId": self.version_id} if self.version_id else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedObject:
    """Where an object is now."""

    place: ObjectVersion
    storage_class: StorageClass
    size_bytes: int
    copied: bool
    """``False``: an earlier run had copied it already."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """An object as a HEAD tells it."""

    place: ObjectVersion
    head: Mapping[str, Any]

    @property
    def storage_class(self) -> StorageClass:
        return cast(StorageClass, self.head.get("StorageClass", "STANDARD"))

    @property
    def checksums(self) -> dict[str, str]:
        """Those of all of its bytes; one that is made of the parts' checksums ends in their number."""
        found = {name: self.head[f"Checksum{name}"] for name in _WHOLE if f"Checksum{name}" in self.head}
        if self.head.get("ChecksumType") == "COMPOSITE":
            return {}
        return {name: value for name, value in found.items() if "-" not in value}


def move_object(
    s3: S3Client,
    source: ObjectVersion,
    *,
    bucket: str,
    key: str,
    storage_class: StorageClass,
    sha256: str | None,
    largest_copy_bytes: int = LARGEST_COPY_BYTES,
) -> MovedObject:
    """Have ``source`` stand as ``key`` in ``bucket``, with its metadata and tags, and delete it where it was.

    ``bucket`` and ``key`` may be the source's own, to change the class of a version; the bucket must keep versions.

    :param sha256: of its bytes, as hex digits; ``None``: what S3 tells of the original is believed, or it is read.
    :param largest_copy_bytes: above this it is copied part by part.
    :raises OriginalLost: when the original is gone and no copy can be proved.
    :raises OriginalChanged: when the original has other bytes than ``sha256`` says, or is replaced meanwhile.
    :raises OriginalLocked: when S3 Object Lock keeps the original; nothing is copied.
    :raises CopyNotProved: when S3 tells no checksum of the copy.
    :raises ValueError: for a change of class in a bucket without versions.
    :raises botocore.exceptions.ClientError: when S3 refuses, for example to copy what is archived and not restored.
    """
    in_place = (bucket, key) == (source.bucket, source.key)
    if in_place and not source.version_id:
        raise ValueError(f"{source}: its class is changed by a new version, which this bucket does not keep")
    move = _Move(s3, source, bucket, key, storage_class, sha256, largest_copy_bytes, in_place)
    original = move.look(source)
    if original is None:
        copy = move.proved_copy(move.known_checksums({}))
        if copy is None:
            raise OriginalLost(f"{source} is gone, and no version of s3://{bucket}/{key} proves to be its copy")
        return move.done(copy, copied=False)
    if why := lock_of(original.head):
        raise OriginalLocked(f"{source} stays where it is: {why}")
    copied = move.copied(original)
    move.delete(original)
    return copied


def lock_of(head: Mapping[str, Any]) -> str:
    """Say why S3 refuses to delete a version, from the answer of HeadObject; empty when nothing is known to keep it.

    >>> lock_of({"ObjectLockLegalHoldStatus": "ON"}), lock_of({})
    ('it is under a legal hold', '')
    """
    if "ON" in (head.get("ObjectLockLegalHoldStatus"), head.get("ObjectLockEventHold")):
        return "it is under a legal hold"
    until = head.get("ObjectLockRetainUntilDate")
    return f"it is locked until {until:%Y-%m-%d %H:%M} UTC" if until and until > datetime.now(UTC) else ""


def copy_object(s3: S3Client, source: ObjectVersion, *, bucket: str, key: str, sha256: str) -> MovedObject:
    """Have a proved copy of ``source`` stand as ``key`` in another ``bucket``; the original stays.

    :raises OriginalLost: when the original is gone.
    :raises OriginalChanged, CopyNotProved, botocore.exceptions.ClientError: as ``move_object``.
    """
    move = _Move(s3, source, bucket, key, "STANDARD", sha256, LARGEST_COPY_BYTES, in_place=False)
    original = move.look(source)
    if original is None:
        raise OriginalLost(f"{source} is gone")
    return move.copied(original)


def delete_copied(s3: S3Client, source: ObjectVersion, *, storage_class: StorageClass) -> bool:
    """Delete a version whose copy in another class is proved under the same key, and say whether it was there.

    A change of class that is interrupted between copy and deletion leaves such a version, which is paid for.
    """
    move = _Move(s3, source, source.bucket, source.key, storage_class, None, LARGEST_COPY_BYTES, in_place=True)
    original = move.look(source)
    if original is None or original.storage_class == storage_class:
        return False
    checksums = original.checksums or move.read(original)
    if move.proved_copy(checksums, size_bytes=original.head["ContentLength"]) is None:
        return False
    move.delete(original)
    return True


@dataclass(frozen=True, slots=True)
class _Move:
    s3: S3Client
    source: ObjectVersion
    bucket: str
    key: str
    storage_class: StorageClass
    sha256: str | None
    largest_copy_bytes: int
    in_place: bool

    def look(self, place: ObjectVersion) -> _Standing | None:
        """Ask for an object and its checksums; ``None`` when it is not there."""
        try:
            return _Standing(place, cast(Any, self.s3.head_object(**place.request, ChecksumMode="ENABLED")))
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise

    def copied(self, original: _Standing) -> MovedObject:
        """Copy the original, unless that is done already."""
        checksums = self.known_checksums(original.checksums)
        standing = self.proved_copy(checksums, size_bytes=original.head["ContentLength"])
        return self.done(standing or self.copy(original, checksums), copied=standing is None)

    def known_checksums(self, of_original: Mapping[str, str]) -> dict[str, str]:
        """Return what any copy must have, by algorithm, as S3 writes it."""
        if self.sha256 is None:
            return dict(of_original)
        known = base64.b64encode(bytes.fromhex(self.sha256)).decode()
        if of_original.get("SHA256", known) != known:
            raise self.changed()
        return {**of_original, "SHA256": known}

    def proved_copy(self, checksums: Mapping[str, str], *, size_bytes: int | None = None) -> _Standing | None:
        """Return the newest version under the target's key that proves to be a copy.

        While the original is there, only one may count that stands for it when it is deleted: the current version or,
        in place, one that is newer than the original. Below an older copy, another version would be current again, or
        the key deleted, and a rule for old versions would clear the last copy away.

        :param size_bytes: of the original; ``None``: it is gone, and any version is better than none.
        """
        for version in self.versions():
            if self.in_place and version["VersionId"] == self.source.version_id:
                return None
            if not (self.in_place or version["IsLatest"] or size_bytes is None):
                return None
            if size_bytes is not None and version["Size"] != size_bytes:
                continue
            if self.in_place and version["StorageClass"] != self.storage_class:
                continue
            place = ObjectVersion(bucket=self.bucket, key=self.key, version_id=_real(version["VersionId"]))
            copy = self.look(place)
            if copy is not None and self.is_proved(copy, checksums):
                return copy
        return None

    def is_proved(self, copy: _Standing, checksums: Mapping[str, str]) -> bool:
        """Say whether a copy has the checksums, or was joined of parts of just that content."""
        shared = copy.checksums.keys() & checksums.keys()
        if shared:
            return all(copy.checksums[name] == checksums[name] for name in shared)
        noted = copy.head["Metadata"].get(COPIED_SHA256)
        return bool(copy.checksums) and noted is not None and noted == self.sha256

    def versions(self) -> Iterator[Any]:
        """Yield the versions of the target's key, the newest first."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=self.key):
            for version in page.get("Versions", ()):
                if version["Key"] != self.key:  # the key itself comes first of all that begin with it
                    return
                yield version

    def copy(self, original: _Standing, checksums: dict[str, str]) -> _Standing:
        """Copy the original and return the copy, which is proved."""
        size_bytes = original.head["ContentLength"]
        whole = size_bytes <= self.largest_copy_bytes
        try:
            return self.copy_as(original, checksums, whole=whole)
        except CopyNotProved:
            if not whole or not size_bytes:
                raise
        # S3 may keep for the copy what it keeps for the original: a checksum of its parts. Parts that it joins by a
        # checksum of the whole have one.
        return self.copy_as(original, checksums, whole=False)

    def copy_as(self, original: _Standing, checksums: dict[str, str], *, whole: bool) -> _Standing:
        """Copy the original in one request or part by part; a copy that is not proved is deleted again."""
        size_bytes = original.head["ContentLength"]
        if not checksums.keys() & set(_WHOLE if whole else _CRCS):
            checksums |= self.read(original)
        try:
            version_id = self.copy_whole(original, checksums) if whole else self.copy_parts(original, checksums)
        except (ClientError, HTTPClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _TAKEN:
                raise
            copy = self.proved_copy(checksums, size_bytes=size_bytes)
            if copy is None and self.in_place:
                raise OriginalChanged(f"{self.source} was replaced while it was moved: the new one stays") from error
            if copy is None:
                raise
            log.info("the copy %s stands already: the reply was lost, or another worker made it", copy.place)
            return copy
        place = ObjectVersion(bucket=self.bucket, key=self.key, version_id=version_id)
        copy = self.look(place)
        if copy is None:
            raise CopyNotProved(f"{place} is gone as soon as it was copied from {self.source}, which stays")
        if self.is_proved(copy, checksums):
            return copy
        if version_id:
            self.s3.delete_object(**place.request)
        if copy.checksums.keys() & checksums.keys():
            raise self.changed()
        raise CopyNotProved(f"S3 tells no checksum of {place} that proves it; {self.source} stays")

    def copy_whole(self, original: _Standing, checksums: Mapping[str, str]) -> str | None:
        algorithm: Any = "SHA256" if "SHA256" in checksums else next(name for name in _WHOLE if name in checksums)
        answer = self.s3.copy_object(
            Bucket=self.bucket,
            Key=self.key,
            CopySource=cast(Any, self.source.request),
            CopySourceIfMatch=original.head["ETag"],
            StorageClass=self.storage_class,
            ChecksumAlgorithm=algorithm,
            **self.encryption(original),
            **self.condition(original),
        )
        version_id = _real(answer.get("VersionId"))
        if self.in_place and answer["ResponseMetadata"]["RetryAttempts"]:
            self.delete_twins(version_id, checksums)
        return version_id

    def delete_twins(self, copy_id: str | None, checksums: Mapping[str, str]) -> None:
        """Delete copies whose answer was lost: in place they have the original's ETag, so that S3 made one more."""
        for version in self.versions():
            if version["VersionId"] == self.source.version_id:
                return
            if version["VersionId"] == copy_id or version["StorageClass"] != self.storage_class:
                continue
            twin = self.look(ObjectVersion(bucket=self.bucket, key=self.key, version_id=version["VersionId"]))
            if twin is not None and self.is_proved(twin, checksums):
                self.s3.delete_object(**twin.place.request)

    def copy_parts(self, original: _Standing, checksums: Mapping[str, str]) -> str | None:
        """Copy part by part; S3 joins them only if the whole has the checksum."""
        algorithm = next(name for name in _CRCS if name in checksums)
        note = {COPIED_SHA256: self.sha256} if self.sha256 else {}
        kept = {name: original.head[name] for name in _KEPT if name in original.head}
        tags = self.s3.get_object_tagging(**self.source.request)["TagSet"]
        target: Any = {"Bucket": self.bucket, "Key": self.key}
        self.abort_leftovers()
        condition = self.condition(original)
        upload: Any = target | {
            "UploadId": self.s3.create_multipart_upload(
                **target,
                **kept,
                **self.encryption(original),
                Metadata=original.head["Metadata"] | note,
                Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),
                StorageClass=self.storage_class,
                ChecksumAlgorithm=cast(Any, algorithm),
                ChecksumType="FULL_OBJECT",
            )["UploadId"]
        }
        try:
            whole = {"ChecksumType": "FULL_OBJECT", f"Checksum{algorithm}": checksums[algorithm]}
            parts = {"Parts": list(self.iter_parts(original, upload))}
            joined = self.s3.complete_multipart_upload(**(upload | condition | whole), MultipartUpload=cast(Any, parts))
        except ClientError:
            with suppress(ClientError):
                self.s3.abort_multipart_upload(**upload)
            raise
        return _real(joined.get("VersionId"))

    def iter_parts(self, original: _Standing, upload: Mapping[str, Any]) -> Iterator[Any]:
        size_bytes = original.head["ContentLength"]
        part_bytes = max(min(_PART_BYTES, self.largest_copy_bytes), math.ceil(size_bytes / MOST_PARTS))
        for number, start in enumerate(range(0, size_bytes, part_bytes), 1):
            request: Any = {
                **upload,
                "PartNumber": number,
                "CopySource": self.source.request,
                "CopySourceRange": f"bytes={start}-{min(start + part_bytes, size_bytes) - 1}",
                "CopySourceIfMatch": original.head["ETag"],
            }
            result = self.s3.upload_part_copy(**request)["CopyPartResult"]
            told = {name: value for name, value in result.items() if name == "ETag" or name.startswith("Checksum")}
            yield {"PartNumber": number, **told}

    def abort_leftovers(self) -> None:
        """Free the parts of an upload that an interrupted run left; in place, others upload to the key as well."""
        for upload in self.s3.list_multipart_uploads(Bucket=self.bucket, Prefix=self.key).get("Uploads", ()):
            ours = not self.in_place or upload["StorageClass"] == self.storage_class
            if upload["Key"] == self.key and ours:
                with suppress(ClientError):
                    self.s3.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload["UploadId"])

    def condition(self, original: _Standing) -> dict[str, Any]:
        """Have S3 refuse the copy when something came under the key since it was looked at: a twin of this request."""
        if self.in_place:
            return {"IfMatch": original.head["ETag"]}
        current = next((version["ETag"] for version in self.versions() if version["IsLatest"]), None)
        return {"IfMatch": current} if current else {"IfNoneMatch": "*"}

    def encryption(self, original: _Standing) -> dict[str, Any]:
        """Keep the KMS key of what stays in its bucket: S3 would take the bucket's default."""
        head = original.head
        if not self.in_place or not head.get("ServerSideEncryption", "").startswith("aws:kms"):
            return {}
        return {
            name: head[name] for name in ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled") if name in head
        }

    def read(self, original: _Standing) -> dict[str, str]:
        """Read the original and return its checksums.

        :raises OriginalChanged: when it has not the bytes that it is known for.
        """
        sha256, crc, value = hashlib.sha256(), CRCS[-1], 0
        body = self.s3.get_object(**self.source.request, IfMatch=original.head["ETag"])["Body"]
        for block in body.iter_chunks(_READ_BYTES):
            sha256.update(block)
            value = crc.combined(value, crc.of(block), len(block))
        if self.sha256 not in (None, sha256.hexdigest()):
            raise self.changed()
        return {"SHA256": base64.b64encode(sha256.digest()).decode(), crc.name: crc.text_from(value)}

    def changed(self) -> OriginalChanged:
        known = f"sha256 {self.sha256}" if self.sha256 else "by the checksum that S3 keeps"
        return OriginalChanged(f"{self.source} does not hold the bytes that it is known for ({known})")

    def delete(self, original: _Standing) -> None:
        """Delete the original: this version, or what is just these bytes."""
        condition = {} if self.source.version_id else {"IfMatch": original.head["ETag"]}
        try:
            self.s3.delete_object(**self.source.request, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise
            raise OriginalChanged(f"{self.source} was replaced while it was moved: the new one stays") from error

    def done(self, copy: _Standing, *, copied: bool) -> MovedObject:
        size_bytes = copy.head["ContentLength"]
        return MovedObject(place=copy.place, storage_class=copy.storage_class, size_bytes=size_bytes, copied=copied)


def _real(version_id: str | None) -> str | None:
    return None if version_id == "null" else version_id
