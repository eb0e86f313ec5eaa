"""Change the storage class of an object where it stands, verified, by what a plan says of it.

The plan may be days old, and an inventory older: nothing is done to an object that is not the one that was planned.

Where the bucket keeps versions, the new class is a new version; the old one goes when the new one is proved (see
``moving``). Without versions the object is copied onto itself, which S3 does wholly or not at all, and only if it is
still the one that was looked at: its checksum is known before and compared afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from botocore.exceptions import ClientError

from include.storage.moving import LARGEST_COPY_BYTES, CopyNotProved, ObjectVersion, OriginalChanged, move_object
from include.storage.plan_file import Move

Outcome = Literal["moved", "there already", "replaced", "gone", "too large"]
"""``replaced``: another object stands there since the plan was made. ``too large``: more than one request copies, in a
bucket without versions."""

_CHECKSUMS = ("CRC64NVME", "CRC32", "CRC32C", "SHA256", "SHA1")


def change_class(s3: Any, move: Move) -> Outcome:
    """Do one move of a plan. Twice is as good as once.

    :raises CopyNotProved: when S3's checksum of the copy is not that of the original.
    :raises OriginalChanged: when the object is replaced in this very moment.
    :raises botocore.exceptions.ClientError: when S3 refuses.
    """
    place = ObjectVersion(bucket=move.bucket, key=move.key, version_id=None)
    try:
        head = s3.head_object(**place.request, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "405", "NoSuchKey"):
            return "gone"
        raise
    if head.get("StorageClass", "STANDARD") == move.to_class:
        return "there already"
    if head["ContentLength"] != move.size_bytes or _differs(head["ETag"].strip('"'), move.etag):
        return "replaced"
    version_id = None if head.get("VersionId") in (None, "null") else head["VersionId"]
    if version_id is not None:
        if _differs(version_id, move.version_id):
            return "replaced"
        original = ObjectVersion(bucket=move.bucket, key=move.key, version_id=version_id)
        to_class: Any = move.to_class
        move_object(s3, original, bucket=move.bucket, key=move.key, storage_class=to_class, sha256=None)
        return "moved"
    if move.size_bytes > LARGEST_COPY_BYTES:
        return "too large"
    _copy_onto_itself(s3, place, head, move.to_class)
    return "moved"


def _copy_onto_itself(s3: Any, place: ObjectVersion, head: Mapping[str, Any], to_class: str) -> None:
    known = _whole_checksums(head)
    if not known:  # of parts, or of a time when S3 kept none: S3 computes one of what it stores next
        known = _read_checksums(s3, place, head["ETag"])
    algorithm = next(name for name in _CHECKSUMS if name in known)
    try:
        s3.copy_object(
            Bucket=place.bucket,
            Key=place.key,
            CopySource=place.request,
            CopySourceIfMatch=head["ETag"],
            IfMatch=head["ETag"],
            StorageClass=to_class,
            ChecksumAlgorithm=algorithm,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
            raise OriginalChanged(f"{place} was replaced while it was looked at: the new one stays as it is") from error
        raise
    copy = s3.head_object(**place.request, ChecksumMode="ENABLED")
    found = _whole_checksums(copy).get(algorithm)
    if found is None and copy["ContentLength"] == head["ContentLength"] and "-" not in head["ETag"] + copy["ETag"]:
        found, known = copy["ETag"], {algorithm: head["ETag"]}
    if found != known[algorithm]:
        raise CopyNotProved(
            f"{place} was copied onto itself as {to_class}, and its {algorithm} is {found} and not {known[algorithm]}: "
            "look at it before anything else is moved"
        )


def _whole_checksums(head: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums of all bytes of an object; one made of those of its parts says nothing about a copy."""
    if head.get("ChecksumType") == "COMPOSITE":
        return {}
    found = {name: head.get(f"Checksum{name}") for name in _CHECKSUMS}
    return {name: value for name, value in found.items() if value and "-" not in value}


def _read_checksums(s3: Any, place: ObjectVersion, etag: str) -> dict[str, str]:
    import base64
    import hashlib

    sha256 = hashlib.sha256()
    for block in s3.get_object(**place.request, IfMatch=etag)["Body"].iter_chunks(1 << 20):
        sha256.update(block)
    return {"SHA256": base64.b64encode(sha256.digest()).decode()}


def _differs(found: str, planned: str | None) -> bool:
    return planned is not None and found != planned
