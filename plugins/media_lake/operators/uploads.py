"""Take the uploads that nobody has taken yet: those that messages told of, and those that a listing finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from botocore.exceptions import ClientError

from include.catalog.keys import FOOTAGE_PREFIX, run_from_time
from include.catalog.uploads import (
    FOOTAGE_SOURCE,
    UnreadableMessage,
    Upload,
    asset_id_of,
    attributes_of,
    footage_name,
    iso_utc,
    known_version,
    stems_for,
)
from include.settings import SETTINGS
from media_lake.footage import GONE
from media_lake.hooks.dynamodb import AssetCatalogueHook, OnceHook
from media_lake.hooks.s3 import LakeHook

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Page = tuple[str, list[Upload]]
"""Where uploads were found, and some of them."""

LOOKED_AT_A_TIME = 100
"""How many uploads that events tell of are looked up at a time; what is beyond the limit is not looked at."""


class FootageClaimUploadsOperator(BaseOperator):
    """Take up to ``limit`` uploads for this run and return their asset ids; what is left waits for the next run.

    First come the uploads that the run's asset events tell of, then whatever else lies in the landing prefix, in the
    order of the keys. Events are hints: each upload is looked at in S3 before it is taken, so that a deleted one is
    left out and the asset id is the same whoever told of it. Of a key the current version counts.

    An upload that another run has taken is left to it, unless that run died (after 24 hours) or its trouble may pass.
    Those get at most half of the places, so that they never keep new ones waiting.

    A task that is tried again or cleared returns the same list.

    :param limit: the most uploads that one run takes
    :param prefix: where uploads land in the ingest bucket
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("limit", "prefix")

    def __init__(
        self,
        *,
        limit: int | str = 50,
        prefix: str = FOOTAGE_PREFIX,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.prefix = prefix
        self.aws_conn_id = aws_conn_id

    @cached_property
    def catalogue(self) -> AssetCatalogueHook:
        return AssetCatalogueHook(aws_conn_id=self.aws_conn_id)

    @cached_property
    def s3(self) -> S3Client:
        return LakeHook(aws_conn_id=self.aws_conn_id).conn

    def execute(self, context: Context) -> list[str]:
        dag_run = context["dag_run"]
        claimed_by = f"{dag_run.dag_id}/{dag_run.run_id}"
        once = OnceHook(aws_conn_id=self.aws_conn_id)
        noted = once.recall(f"claims#{claimed_by}")
        if noted is not None:
            self.log.info("This run took its %d uploads already", len(noted))
            return noted
        run = run_from_time(dag_run.logical_date or dag_run.run_after)
        claims = UploadClaims(self.catalogue, claimed_by=claimed_by, run=run, limit=int(self.limit))
        claims.resume()
        for where, page in chain(self._heard_pages(context, claims), self._landed_pages()):
            claims.take(page)
            self.log.info("%s, %d uploads: %s", where, len(page), claims)
            if claims.are_full:
                break
        return once.remember(f"claims#{claimed_by}", claims.asset_ids)

    def _heard_pages(self, context: Context, claims: UploadClaims) -> Iterator[Page]:
        """Yield the uploads that the run's asset events tell of, as S3 has them now."""
        hints = self._hints(context)
        for start in range(0, len(hints), LOOKED_AT_A_TIME):
            free = claims.free_of(hints[start : start + LOOKED_AT_A_TIME])
            yield "Told of by events", [upload for hint in free if (upload := self._current(hint))]

    def _hints(self, context: Context) -> list[Upload]:
        """Return what the run's asset events tell of, each key once."""
        heard: dict[str, Upload] = {}
        for event in chain.from_iterable(context["triggering_asset_events"].values()):
            payload = event.extra.get("payload")
            told = payload.get("uploads") if isinstance(payload, dict) else None
            for fields in told if isinstance(told, list) else []:
                try:
                    upload = Upload.from_fields(fields)
                except UnreadableMessage as error:
                    self.log.warning("An asset event tells of what cannot be an upload: %s", error)
                    continue
                if upload.bucket == SETTINGS.ingest_bucket and upload.key.startswith(self.prefix):
                    heard[upload.key] = upload
                else:
                    self.log.warning(
                        "An asset event tells of %r in %s, where no footage lands", upload.key, upload.bucket
                    )
        return list(heard.values())

    def _current(self, hint: Upload) -> Upload | None:
        """Return what stands at the key of an upload that was told of, ``None`` when it was deleted."""
        try:
            head = self.s3.head_object(Bucket=hint.bucket, Key=hint.key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            self.log.info("%r was deleted since it was uploaded: left out", hint.key)
            return None
        current = replace(
            hint,
            version_id=known_version(head.get("VersionId")),
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
            uploaded_at=iso_utc(head["LastModified"]),
        )
        if hint.version_id and hint.version_id != current.version_id:
            self.log.warning(
                "%r is taken in version %s, an event told of %s: one of them was overwritten by the other",
                hint.key,
                current.version_id,
                hint.version_id,
            )
        return current

    def _landed_pages(self) -> Iterator[Page]:
        """Yield what stands in the landing prefix, page by page."""
        bucket = SETTINGS.ingest_bucket
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=self.prefix)
        for number, page in enumerate(pages, start=1):
            standing = [version for version in page.get("Versions", []) if version["IsLatest"]]
            yield (
                f"Page {number} of s3://{bucket}/{self.prefix}",
                [
                    Upload(
                        bucket=bucket,
                        key=version["Key"],
                        version_id=known_version(version["VersionId"]),
                        etag=version["ETag"].strip('"'),
                        size_bytes=version["Size"],
                        uploaded_at=iso_utc(version["LastModified"]),
                    )
                    for version in standing
                ],
            )


class UploadClaims:
    """The uploads that one run takes.

    :param claimed_by: the run
    :param run: its time, ``YYYYMMDD_HHMMSS`` in UTC
    :param limit: the most that it takes
    """

    def __init__(self, catalogue: AssetCatalogueHook, *, claimed_by: str, run: str, limit: int) -> None:
        self.catalogue = catalogue
        self.claimed_by = claimed_by
        self.run = run
        self.limit = limit
        self.asset_ids: list[str] = []
        self.left = 0
        self._taken_again = 0

    def __str__(self) -> str:
        left = f", at least {self.left} wait for the next run" if self.left or self.are_full else ""
        return f"{len(self.asset_ids)} of at most {self.limit} taken{left}"

    @property
    def are_full(self) -> bool:
        return len(self.asset_ids) >= self.limit

    def resume(self) -> None:
        """Keep what an earlier try of the same run has taken."""
        items = self.catalogue.iter_run(FOOTAGE_SOURCE, self.run)
        self.asset_ids = [item["asset_id"] for item in items if item.get("claimed_by") == self.claimed_by]

    def free_of(self, uploads: Iterable[Upload]) -> list[Upload]:
        """Return those uploads that this run may take and has not taken, those that no run took before first."""
        new, again = self._free_of(uploads)
        return new + again

    def take(self, uploads: Iterable[Upload]) -> None:
        """Take those uploads that are free, until the limit is reached; then count the others that are."""
        new, again = self._free_of(uploads)
        for upload in new:
            if not self.are_full:
                self._claim(upload)
            else:
                self.left += 1
        for upload in again:
            if not self.are_full and self._taken_again < max(1, self.limit // 2):
                self._taken_again += self._claim(upload)
            else:
                self.left += self.are_full

    def _free_of(self, uploads: Iterable[Upload]) -> tuple[list[Upload], list[Upload]]:
        """Part the free uploads in those that no other run took, and those that one took without success."""
        by_id = {asset_id_of(upload): upload for upload in uploads if not upload.is_folder}
        standing = self.catalogue.read_many(by_id)
        new: list[Upload] = []
        again: list[Upload] = []
        for asset_id, upload in by_id.items():
            item = standing.get(asset_id)
            if asset_id not in self.asset_ids and self.catalogue.is_free_for(item, self.claimed_by):
                (new if item is None or item.get("claimed_by") == self.claimed_by else again).append(upload)
        return new, again

    def _claim(self, upload: Upload) -> bool:
        """Take an upload; ``False`` when another run was quicker."""
        asset_id = asset_id_of(upload)
        name = footage_name(upload.key, upload.uploaded_at)
        stem = self.catalogue.claim_stem(f"{name.device}/{name.day}", stems_for(name.stem, asset_id), asset_id)
        attributes = attributes_of(upload, stem, run=self.run)
        if self.catalogue.claim(asset_id, claimed_by=self.claimed_by, attributes=attributes) is None:
            return False
        self.asset_ids.append(asset_id)
        return True
