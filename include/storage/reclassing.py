"""Change the storage class of an object where it stands, verified, by what a plan says of it.

The plan may be days old, and an inventory older: nothing is done to an object that is not the one that was planned.
The new class is a new version, and the old one goes when the new one is proved (see ``moving``). A bucket that keeps no
versions would have its object overwritten before anybody could look at the copy: there it is refused.
"""

from __future__ import annotations

from typing import Any, Literal

from botocore.exceptions import ClientError

from include.storage.moving import ObjectVersion, OriginalLocked, delete_copied, move_object
from include.storage.plan_file import Move

Outcome = Literal["moved", "there already", "replaced", "gone", "no versions", "locked"]
"""``replaced``: another object stands there since the plan was made. ``no versions``: its bucket keeps none.
``locked``: S3 Object Lock forbids to delete it."""

_NO_VERSION = "null"
"""The version id of what was stored before its bucket kept versions."""


def keeps_versions(s3: Any, bucket: str) -> bool:
    """Say whether what is stored in the bucket now is a version beside the one before it."""
    return bool(s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")


def change_class(s3: Any, move: Move) -> Outcome:
    """Do one move of a plan. Twice is as good as once.

    :raises include.storage.moving.MoveError: when the copy is not proved, or the object is replaced in this very
        moment; the object stays.
    :raises botocore.exceptions.ClientError: when S3 refuses.
    """
    to_class: Any = move.to_class
    try:
        head = s3.head_object(Bucket=move.bucket, Key=move.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "405", "NoSuchKey"):
            return "gone"
        raise
    version_id, planned = head.get("VersionId") or _NO_VERSION, move.version_id or _NO_VERSION
    if head.get("StorageClass", "STANDARD") == to_class:
        if version_id != planned:  # a run that was interrupted between copy and deletion left the old version
            old = ObjectVersion(bucket=move.bucket, key=move.key, version_id=planned)
            delete_copied(s3, old, storage_class=to_class)
        return "there already"
    if (
        head["ContentLength"] != move.size_bytes
        or _differs(head["ETag"].strip('"'), move.etag)
        or _differs(version_id, move.version_id)
    ):
        return "replaced"
    if version_id == _NO_VERSION and not keeps_versions(s3, move.bucket):
        return "no versions"
    original = ObjectVersion(bucket=move.bucket, key=move.key, version_id=version_id)
    try:
        move_object(s3, original, bucket=move.bucket, key=move.key, storage_class=to_class, sha256=None)
    except OriginalLocked:
        return "locked"
    return "moved"


def _differs(found: str, planned: str | None) -> bool:
    return planned is not None and found != planned
