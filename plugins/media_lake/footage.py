"""A landed film as the tasks of its analysis meet it: its item of the catalogue, its object, what the header tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_media.errors import PaidJobRefusedForGood
from aws_media.media_object import MediaObject, StoredMedia
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
