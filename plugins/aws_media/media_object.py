"""What a paid job reads: an object in S3, its version, its facts."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_media.errors import PaidJobRefused, PaidJobRefusedForGood, code_and_message
from include.storage.ranged_file import BLOCK_BYTES, BUDGET_BYTES, BudgetSpent, RangedFile
from include.video.probe import MediaError, MediaFacts, measured_duration_s, probe_media

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_MEASURED_BYTES = 512 * 2**20
"""A live recording of some hours; what is larger would take the task minutes to read for its length alone."""
MEASURED_BLOCK_BYTES = 2 * 2**20

_ADVICE = {
    "400": "Check version_id and key: S3 does not take them for those of an object.",
    "405": "This version is a delete marker: name another version_id.",
    "404": "It is not there: check bucket, key and version.",
    "403": "Let the connection's role read it (s3:GetObject, s3:GetObjectVersion, s3:ListBucket).",
}
"""What to do when S3 does not tell of an object; of a HEAD it says no more than the status."""


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
    def look_up(cls, s3: S3Client, media: MediaObject, *, service: str) -> StoredMedia:
        """Ask S3 for it, on behalf of a service.

        :raises PaidJobRefusedForGood: when it is not there, or may not be read.
        :raises PaidJobRefused: when S3 has a fault of its own.
        """
        try:
            answer = s3.head_object(**media.address)
        except ClientError as error:
            code, message = code_and_message(error)
            kind = PaidJobRefusedForGood if code in _ADVICE else PaidJobRefused
            raise kind(
                service=service, asset=str(media), job_id=None, code=code, message=message, advice=_ADVICE.get(code)
            ) from error
        version = answer.get("VersionId")
        return cls(
            object=media,
            version=version if version and version != "null" else answer["ETag"].strip('"'),
            size_bytes=answer["ContentLength"],
            etag=answer["ETag"],
        )

    def opened(
        self, s3: S3Client, *, block_bytes: int = BLOCK_BYTES, budget_bytes: int = BUDGET_BYTES
    ) -> io.BufferedReader:
        """Open it as a file that is read in ranges, as ``RangedFile`` does.

        Reading raises ``botocore.exceptions.ClientError`` when it cannot be read, or has been replaced.
        """

        def read_range(start: int, stop: int) -> bytes:
            answer = s3.get_object(**self.object.address, Range=f"bytes={start}-{stop - 1}", IfMatch=self.etag)
            return answer["Body"].read()

        return io.BufferedReader(
            RangedFile(read_range, self.size_bytes, block_bytes=block_bytes, budget_bytes=budget_bytes)
        )

    def probe(self, s3: S3Client) -> MediaFacts:
        """Tell what it holds by reading its header in ranges; where that does not say how long it lasts, all of it.

        A file above ``MOST_MEASURED_BYTES`` is not read for its length, which is not known then.

        :raises MediaError: when it is no media.
        :raises botocore.exceptions.ClientError: when it cannot be read, or has been replaced.
        """
        name = str(self.object)
        facts = probe_media(self.opened(s3), name=name)
        if facts.duration_s is not None or self.size_bytes > MOST_MEASURED_BYTES:
            return facts
        whole = self.opened(s3, block_bytes=MEASURED_BLOCK_BYTES, budget_bytes=2 * MOST_MEASURED_BYTES)
        try:
            return replace(facts, duration_s=measured_duration_s(whole, name=name))
        except BudgetSpent:  # it leads the reader to and fro
            return facts

    def facts(self, s3: S3Client, *, duration_s: float | None = None) -> tuple[MediaFacts, str | None]:
        """Tell what it holds, as ``probe`` does, and why not, where that cannot be told.

        :param duration_s: its length, if it is known: then nothing is read, and nothing else is known.
        """
        if duration_s is not None:
            return MediaFacts(duration_s=duration_s, size_bytes=self.size_bytes), None
        try:
            return self.probe(s3), None
        except (MediaError, ClientError, OSError) as error:
            return MediaFacts(size_bytes=self.size_bytes), str(error)
