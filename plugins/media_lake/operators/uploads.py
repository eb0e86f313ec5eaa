"""Take the uploads that nobody has taken yet: those that messages told of, and those that a listing finds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator, Context
from botocore.exceptions import ClientError

from aws_media.errors import is_open
from include.catalog.keys import FOOTAGE_PREFIX, run_from_time
from include.catalog.records import Failure
from include.catalog.standing_uploads import standing_uploads
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
from media_lake.hooks.dynamodb import OnceHook, UploadCatalogueHook
from media_lake.hooks.s3 import LakeHook

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

Page = tuple[str, list[Upload]]
"""Where uploads were found, and some of them."""

Found = tuple[Upload, Mapping[str, Any] | None]
"""An upload, and its item of the catalogue if there is one."""

LOOKED_AT_A_TIME = 100
"""How many uploads that events tell of are looked up at a time; what is beyond the limit is not looked at."""


class FootageClaimUploadsOperator(BaseOperator):
    """Take up to ``limit`` uploads for this run and return their asset ids; what is left waits for the next run.

    First come the uploads that the run's asset events tell of, then whatever else lies in the landing prefix, in the
    order of the keys. Events are hints: each upload is looked at in S3 before it is taken, so that a deleted one is
    left out and the asset id is the same whoever told of it. Each version of a key is an upload of its own.

    A listing asks the catalogue after everything that stays in the prefix, which costs money and time. So a run that
    events started makes none when another found nothing left to take within the last ten minutes.

    An upload that another run has taken is left to it, unless that run left it undone for 24 hours (not decided on, or
    an incident that nobody was told of), its trouble may pass, or it is the duplicate of one that came to nothing.
    Those get at most half of the places, so that they never keep new ones waiting. One that costs more than
    ``max_cost_usd`` alone waits for a run that may pay it.

    A task that is tried again, cleared or executed twice at a time returns the same list.

    :param limit: the most uploads that one run takes. (templated)
    :param max_cost_usd: what the run may pay; ``None``: anything. (templated)
    :param prefix: where uploads land in the ingest bucket. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("limit", "max_cost_usd", "prefix")

    def __init__(
        self,
        *,
        limit: int | str = 50,
        max_cost_usd: float | str | None = None,
        prefix: str = FOOTAGE_PREFIX,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.max_cost_usd = max_cost_usd
        self.prefix = prefix
        self.aws_conn_id = aws_conn_id

    @cached_property
    def catalogue(self) -> UploadCatalogueHook:
        return UploadCatalogueHook(aws_conn_id=self.aws_conn_id)

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
        most_usd = inf if self.max_cost_usd is None else float(self.max_cost_usd)
        claims = UploadClaims(self.catalogue, claimed_by=claimed_by, run=run, limit=int(self.limit), most_usd=most_usd)
        claims.resume()
        sweeps = dag_run.run_type != "asset_triggered" or not self.catalogue.was_swept_lately(self.prefix)
        for where, page in chain(self._heard_pages(context, claims), self._landed_pages() if sweeps else ()):
            claims.take(page)
            self.log.info("%s, %d uploads: %s", where, len(page), claims)
            if claims.are_full:
                break
        if sweeps or claims.are_full:
            self.catalogue.note_sweep(self.prefix, left_nothing=not claims.are_full)
        noted = once.remember(f"claims#{claimed_by}", claims.asset_ids)
        claims.give_back_all_but(noted)
        return noted

    def _heard_pages(self, context: Context, claims: UploadClaims) -> Iterator[Page]:
        """Yield the uploads that the run's asset events tell of, as S3 has them now."""
        hints = self._hints(context)
        for start in range(0, len(hints), LOOKED_AT_A_TIME):
            free = claims.free_of(hints[start : start + LOOKED_AT_A_TIME])
            yield "Told of by events", [upload for hint in free if (upload := self._standing(hint))]

    def _hints(self, context: Context) -> list[Upload]:
        """Return what the run's asset events tell of, each once."""
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
                    heard[asset_id_of(upload)] = upload
                else:
                    self.log.warning(
                        "An asset event tells of %r in %s, where no footage lands", upload.key, upload.bucket
                    )
        return list(heard.values())

    def _standing(self, hint: Upload) -> Upload | None:
        """Return an upload that was told of as it stands in S3, ``None`` when it was deleted.

        Who told of no version means the current one.
        """
        try:
            head = self.s3.head_object(Bucket=hint.bucket, Key=hint.key)
        except ClientError as error:
            if is_open(error):
                raise
            why = "it was deleted" if error.response["Error"]["Code"] in GONE else str(error)
            self.log.info("%r is left to the listing: %s", hint.key, why)
            return None
        current = replace(
            hint,
            version_id=known_version(head.get("VersionId")),
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
            uploaded_at=iso_utc(head["LastModified"]),
        )
        if hint.version_id in (None, current.version_id):
            return current
        self.log.info("%r was written over since an event told of it: its older version is looked for", hint.key)
        for page in self._list(hint.key):
            for upload in page:
                if (upload.key, upload.version_id) == (hint.key, hint.version_id):
                    return upload
            if any(upload.key != hint.key for upload in page):
                break
        return None

    def _landed_pages(self) -> Iterator[Page]:
        """Yield what stands in the landing prefix, page by page."""
        for number, page in enumerate(self._list(self.prefix), start=1):
            yield f"Page {number} of s3://{SETTINGS.ingest_bucket}/{self.prefix}", page

    def _list(self, prefix: str) -> Iterator[list[Upload]]:
        bucket = SETTINGS.ingest_bucket
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        return standing_uploads(bucket, cast(Any, pages))


class UploadClaims:
    """The uploads that one run takes.

    :param claimed_by: the run
    :param run: its time, ``YYYYMMDD_HHMMSS`` in UTC
    :param limit: the most that it takes
    :param most_usd: the most that it may pay
    """

    def __init__(
        self, catalogue: UploadCatalogueHook, *, claimed_by: str, run: str, limit: int, most_usd: float = inf
    ) -> None:
        self.catalogue = catalogue
        self.claimed_by = claimed_by
        self.run = run
        self.limit = limit
        self.most_usd = most_usd
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
        return [upload for upload, _ in (*new, *again)]

    def take(self, uploads: Iterable[Upload]) -> None:
        """Take those uploads that are free, until the limit is reached; then count the others that are."""
        new, again = self._free_of(uploads)
        for upload, before in new:
            if not self.are_full:
                self._claim(upload, before)
            else:
                self.left += 1
        for upload, before in again:
            if not self.are_full and self._taken_again < max(1, self.limit // 2):
                self._taken_again += self._claim(upload, before)
            else:
                self.left += self.are_full

    def give_back_all_but(self, noted: Iterable[str]) -> None:
        """Leave to other runs what is not in the list that this one goes by: that of a quicker execution."""
        failure = Failure(stage="claim", error="LeftOver", message="the run goes by another list", retryable=True)
        for asset_id in set(self.asset_ids) - set(noted):
            self.catalogue.mark_unlanded(asset_id, "failed", failure, claimed_by=self.claimed_by)
        self.asset_ids = list(noted)

    def _free_of(self, uploads: Iterable[Upload]) -> tuple[list[Found], list[Found]]:
        """Part the free uploads in those that no other run took, and those that one took without success."""
        by_id = {asset_id_of(upload): upload for upload in uploads if not upload.is_folder}
        standing = self.catalogue.read_many(by_id, consistent=False)  # what is read late is refused by the claim
        originals = self.catalogue.read_many(
            item["duplicate_of"] for item in standing.values() if item["state"] == "duplicate"
        )
        new: list[Found] = []
        again: list[Found] = []
        for asset_id, upload in by_id.items():
            item = standing.get(asset_id)
            if asset_id in self.asset_ids or not self._is_free(item, originals):
                continue
            (new if item is None or item.get("claimed_by") == self.claimed_by else again).append((upload, item))
        return new, again

    def _is_free(self, item: Mapping[str, Any] | None, originals: Mapping[str, Mapping[str, Any]]) -> bool:
        if item is None:
            return True
        if item["state"] == "duplicate":
            original = originals.get(item["duplicate_of"])
            return original is None or not self.catalogue.keeps_content(original)
        return self.catalogue.is_free_for(item, self.claimed_by) and item.get("needs_usd", 0) <= self.most_usd

    def _claim(self, upload: Upload, before: Mapping[str, Any] | None) -> bool:
        """Take an upload; ``False`` when another run was quicker, or nothing can be made of its name."""
        asset_id = asset_id_of(upload)
        try:
            name = footage_name(upload.key, upload.uploaded_at)
            stem = self.catalogue.claim_stem(f"{name.device}/{name.day}", stems_for(name.stem, asset_id), asset_id)
            attributes = attributes_of(upload, stem, run=self.run)
        except (RuntimeError, ValueError) as error:  # which keeps nobody from the others
            log.warning("%r is left out: %s", upload.key, error)
            return False
        if before and before.get("decision") == "incident":
            attributes["untold"] = True  # so that a run that buys less does not decide otherwise
        if self.catalogue.claim(asset_id, claimed_by=self.claimed_by, attributes=attributes) is None:
            return False
        self.asset_ids.append(asset_id)
        return True
