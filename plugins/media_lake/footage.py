"""A landed film as the tasks of its analysis meet it: its item of the catalogue, its object, what the header tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_media.errors import PaidJobRefusedForGood
from aws_media.media_object import MediaObject, StoredMedia
from include.catalog.keys import FootageFolder
from include.settings import SETTINGS
from include.storage.moving import MoveError, ObjectVersion, OriginalLost, copy_object
from include.video.probe import MediaFacts
from media_lake.hooks.s3 import ContentChanged, ObjectMissing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GONE = frozenset({"404", "405"})
"""What a HEAD answers for an object that was deleted."""


def probe_landed(s3: S3Client, item: Mapping[str, Any]) -> MediaFacts:
    """Tell what the raw object of a landed asset holds, from its header.

    :raises ObjectMissing: when it is not there any more.
    :raises PaidJobRefusedForGood: when it may not be read, which concerns every object alike.
    :raises ContentChanged: when it was replaced while it was read.
    :raises MediaError: when it is no media.
    :raises botocore.exceptions.ClientError: when S3 has a fault of its own: another try may help.
    """
    media = MediaObject(bucket=item["raw_bucket"], key=item["raw_key"], version_id=item.get("version_id"))
    try:
        return StoredMedia.look_up(s3, media, service="s3").probe(s3)
    except PaidJobRefusedForGood as error:
        if error.code not in GONE:
            raise
        raise ObjectMissing(f"{media} is gone since it was landed: restore it, or run again") from error
    except ClientError as error:
        if error.response["Error"]["Code"] == "PreconditionFailed":
            raise ContentChanged(f"{media} was replaced while it was read") from error
        raise


def is_current(s3: S3Client, item: Mapping[str, Any]) -> bool:
    """Say whether who asks for the key of an upload gets this upload: cameras use their names again."""
    try:
        head = s3.head_object(Bucket=item["raw_bucket"], Key=item["raw_key"])
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return False
        raise
    return head["ETag"].strip('"') == item["etag"]


def readable_by_key(s3: S3Client, item: Mapping[str, Any]) -> MediaObject:
    """Return where to read an upload for a service that can be told of no version, as MediaConvert.

    While it is the current version of its key, that is where; of an older one a copy is made, once.

    :raises ObjectMissing: when it is gone.
    :raises ContentChanged: when it was written over where nothing keeps versions, or no copy proves to be it.
    """
    place = MediaObject(bucket=item["raw_bucket"], key=item["raw_key"])
    if is_current(s3, item):
        return place
    if not item.get("version_id"):
        raise ContentChanged(f"{place} was deleted or written over, and the bucket keeps no versions")
    source = ObjectVersion(bucket=place.bucket, key=place.key, version_id=item["version_id"])
    copy = MediaObject(bucket=SETTINGS.processed_bucket, key=FootageFolder.of(item).original(place.key))
    try:
        copy_object(s3, source, bucket=copy.bucket, key=copy.key, sha256=item["sha256"])
    except OriginalLost as error:
        raise ObjectMissing(str(error)) from error
    except MoveError as error:
        raise ContentChanged(str(error)) from error
    return copy
