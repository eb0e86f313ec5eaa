"""What a paid job reads: an object in S3, its version, its facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.storage.ranged_file import RangedFile
from include.video.probe import MediaFacts, probe_media

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaObject:
    """What a job reads.

    >>> str(MediaObject(bucket="media-raw", key="video/a.mp4"))
    's3://media-raw/video/a.mp4'
    """

    bucket: str
    key: str
    version_id: str | None = None

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def address(self) -> Any:
        """Return the object as S3's API takes it."""
        version = {"VersionId": self.version_id} if self.version_id else {}
        return {"Bucket": self.bucket, "Key": self.key, **version}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMedia:
    """A media object as it stands now. ``version`` is its version id, without versioning its ETag."""

    object: MediaObject
    version: str
    size_bytes: int
    etag: str

    @classmethod
    def look_up(cls, s3: S3Client, media: MediaObject) -> StoredMedia:
        """Ask S3 for it. A missing object raises botocore's ``ClientError`` (404)."""
        answer = s3.head_object(**media.address)
        version = answer.get("VersionId")
        return cls(
            object=media,
            version=version if version and version != "null" else answer["ETag"].strip('"'),
            size_bytes=answer["ContentLength"],
            etag=answer["ETag"],
        )

    def probe(self, s3: S3Client) -> MediaFacts:
        """Tell what it holds by reading its header in ranges.

        :raises MediaError: when it is no media file that can be read.
        :raises botocore.exceptions.ClientError: when S3 does not give it, or when it has changed meanwhile.
        """

        def read_range(start: int, stop: int) -> bytes:
            answer = s3.get_object(**self.object.address, Range=f"bytes={start}-{stop - 1}", IfMatch=self.etag)
            return answer["Body"].read()

        return probe_media(RangedFile(read_range, self.size_bytes), name=str(self.object))
