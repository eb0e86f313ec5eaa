"""What a Rekognition analysis left in the lake, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from include.catalog.keys import analysis_key, raw_analysis_key
from include.storage.stream import ObjectReplaced, read_json_lines
from include.video.rekognition import RECORDS_FROM_PAGE, facts_from_page


class ResultGone(LookupError):
    """A result was kept in the lake, and is not there any more."""


@dataclass(frozen=True, slots=True)
class KeptAnalysis:
    """The result of an analysis, whose records can be iterated again and again; one page is in memory at a time."""

    s3: Any
    bucket: str
    raw_key: str
    operation: str
    job_id: str
    model_version: str | None

    @classmethod
    def found(cls, s3: Any, bucket: str, result_key: str, operation: str) -> KeptAnalysis:
        """Return the analysis whose records were kept as ``result_key``.

        :raises ResultGone: when they, or the pages beside them, are not there, or are another job's.
        """
        media_key = result_key.removesuffix(analysis_key("", operation))
        raw_key = raw_analysis_key(media_key, operation)
        try:
            job_id = s3.head_object(Bucket=bucket, Key=result_key)["Metadata"]["job-id"]
            first = next(read_json_lines(s3, bucket, raw_key, metadata={"job-id": job_id}))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            raise ResultGone(f"its result, s3://{bucket}/{result_key}, is gone: clear its task to fetch it") from error
        except (KeyError, ObjectReplaced, StopIteration) as error:
            raise ResultGone(f"s3://{bucket}/{raw_key} is not of the job of s3://{bucket}/{result_key}") from error
        return cls(s3, bucket, raw_key, operation, job_id, facts_from_page(first)["model_version"])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for page in read_json_lines(self.s3, self.bucket, self.raw_key, metadata={"job-id": self.job_id}):
            yield from RECORDS_FROM_PAGE[self.operation](page)
