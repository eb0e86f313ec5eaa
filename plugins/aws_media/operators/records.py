"""Paid jobs whose result is kept in S3 as flat records, beside what the service itself said."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from aws_media.errors import PaidJobError, code_and_message
from aws_media.hooks.paid_job import JobStatus
from aws_media.media_object import MediaObject
from aws_media.operators.paid_job import PaidJobOperator
from include.catalog.keys import analysis_key
from include.settings import SETTINGS
from include.storage.stream import json_document, overwrite_stream


class ResultNotKept(PaidJobError):
    """The job is done and paid for, but its result could not be read or stored. Another try does no other job."""


class RecordsJobOperator(PaidJobOperator):
    """Have a media object analysed, and keep what was found.

    Returns the key of the records, or the job's id when it does not wait. When the ledger knows this very job already,
    it is the key under which that result is kept.

    :param bucket: bucket of the media object. (templated)
    :param key: key of the media object. (templated)
    :param output_bucket: bucket of the results. (templated)
    :param output_key: key of the flat records, one JSON document; named after ``key`` if unset. (templated)
    """

    result_name: ClassVar[str] = ""
    """What the records are called in a key; empty: as the operation."""

    template_fields: Sequence[str] = PaidJobOperator.with_template_fields(
        "bucket", "key", "output_bucket", "output_key"
    )

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        output_bucket: str = SETTINGS.processed_bucket,
        output_key: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.output_bucket = output_bucket
        self.output_key = output_key

    def source(self) -> MediaObject:
        return MediaObject(bucket=self.bucket, key=self.key)

    @property
    def result_key(self) -> str:
        return self.output_key or analysis_key(self.key, self.result_name or self.operation)

    @abstractmethod
    def read_result(self, status: JobStatus) -> dict[str, Any]:
        """Read what the service found and store it, over an earlier result; return the small map the ledger keeps."""

    def keep_result(self, status: JobStatus) -> dict[str, Any]:
        try:
            return self.read_result(status)
        except ClientError as error:
            code, message = code_and_message(error)
            where = f"s3://{self.output_bucket}/{self.result_key}"
            raise ResultNotKept(
                **self.names_of(status.job_id),
                code=code,
                message=f"{error.operation_name}: {message}",
                advice=self.hook.advice.get(code) or f"Let the connection's role write {where}; the next try keeps it.",
            ) from error

    def names_of(self, job_id: str | None) -> dict[str, Any]:
        """Return what every error says first: which service, on which asset, which job."""
        service = f"{self.aws_hook_class.service} {self.operation}"
        return {"service": service, "asset": str(self.source()), "job_id": job_id}

    def keep_records(
        self, job_id: str, about: Mapping[str, Any], records: Iterable[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Store the records, and ``about`` them before them, over an earlier result; return what the ledger keeps."""
        head = {"service": self.aws_hook_class.service, "operation": self.operation, "job_id": job_id, **about}
        document = json_document(head, "records", records)
        self.keep_object(self.result_key, document, content_type="application/json", job_id=job_id)
        return {"job_id": job_id, "bucket": self.output_bucket, "result_key": self.result_key}

    def keep_object(self, key: str, chunks: Iterable[bytes], *, content_type: str, job_id: str) -> None:
        """Store a file in the output bucket, over an earlier one, and note on it which job it is from."""
        metadata = {"job-id": job_id}
        overwrite_stream(self._s3, self.output_bucket, key, chunks, content_type=content_type, metadata=metadata)

    def result_stands(self, result: dict[str, Any]) -> bool:
        """Say whether the records are there, in the bucket that is wanted, and of that very job."""
        if result["bucket"] != self.output_bucket:
            return False
        try:
            head = self._s3.head_object(Bucket=result["bucket"], Key=result["result_key"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return head["Metadata"].get("job-id") == result["job_id"]

    def returned(self, job_id: str, result: dict[str, Any]) -> str:  # noqa: ARG002
        return result["result_key"]


def stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a request what nobody asked for.

    >>> stated({"a": 0.0, "b": None, "c": {}, "d": "", "e": []})
    {'a': 0.0}
    """
    return {name: value for name, value in values.items() if value not in (None, "", {}, [])}


def sorted_names(values: Sequence[str] | None) -> list[str]:
    """Return names once and in one order, so that the order in which they were written makes no other request.

    >>> sorted_names(["Truck", "Car", "Car"])
    ['Car', 'Truck']
    """
    return sorted(set(values or ()))
