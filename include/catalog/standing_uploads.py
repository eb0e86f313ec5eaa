"""Which versions below a prefix are uploads that stand, from what S3 lists of it.

Cameras use names again (``FILE0001.MP4``): each version is an upload of its own, also one that was written over, unless
it was deleted. A delete hides all versions that came before it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from include.catalog.uploads import UnreadableMessage, Upload, iso_utc, known_version

log = logging.getLogger(__name__)

_EVER = datetime.max.replace(tzinfo=UTC)


def standing_uploads(bucket: str, pages: Iterable[Mapping[str, Any]]) -> Iterator[list[Upload]]:
    """Yield, page by page, the uploads that stand among the versions that ListObjectVersions tells of.

    Where a delete and a version that is not current are of one second, the version counts as the later one: better
    looked at in vain than lost. A version without an id (of the time before the bucket kept versions) is left out once
    it was written over: whoever reads an upload without an id gets the current version.

    S3 dates what came in parts by the moment it was begun: such an upload counts as deleted when its key was deleted
    while it was under way and written over after it.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html

    :param pages: answers of ListObjectVersions in their order, as boto3 reads them
    """
    deleted_at: dict[str, datetime] = {}
    for page in pages:
        for marker in page.get("DeleteMarkers", ()):
            at = _EVER if marker["IsLatest"] else marker["LastModified"]
            deleted_at[marker["Key"]] = max(at, deleted_at.get(marker["Key"], at))
        standing = [version for version in page.get("Versions", ()) if _stands(version, deleted_at)]
        yield [upload for version in standing if (upload := _upload(bucket, version)) is not None]
        last = page.get("NextKeyMarker")  # its versions on the next page are older than whatever was seen of it here
        deleted_at = {last: _EVER} if last in deleted_at else {}


def _stands(version: Mapping[str, Any], deleted_at: Mapping[str, datetime]) -> bool:
    if version["IsLatest"]:
        return True
    at = deleted_at.get(version["Key"])
    return known_version(version["VersionId"]) is not None and (at is None or version["LastModified"] >= at)


def _upload(bucket: str, version: Mapping[str, Any]) -> Upload | None:
    try:
        return Upload.from_fields(
            {
                "bucket": bucket,
                "key": version["Key"],
                "version_id": version["VersionId"],
                "etag": version["ETag"],
                "size_bytes": version["Size"],
                "uploaded_at": iso_utc(version["LastModified"]),
            }
        )
    except UnreadableMessage as error:  # which keeps nobody from the others
        log.warning("%r in %s is left out: %s", version["Key"], bucket, error)
        return None
