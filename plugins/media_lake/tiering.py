"""What the tiering of the lake asks AWS: where its objects are listed, which rules stand, what the catalogue knows."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any

from botocore.exceptions import ClientError

from include.catalog.keys import asset_id_from_source
from include.catalog.uploads import FOOTAGE_SOURCE
from include.storage.importance import default_importance_rules
from include.storage.inventory import Contents, InventoryError, StoredKey, latest_inventory
from include.storage.plan_file import Move
from include.storage.tiering import Known
from media_lake.hooks.dynamodb import AssetCatalogueHook

log = logging.getLogger(__name__)

OLDEST_INVENTORY_DAYS = 10.0
"""An older inventory says too little: the bucket is listed."""

_BLOCK_BYTES = 1 << 20


class PlanChanged(RuntimeError):
    """The plan in the bucket is not the one that the report was written with."""


def contents_of(s3: Any, bucket: str, *, reports_bucket: str, now: datetime) -> tuple[Contents, dict[str, Any]]:
    """Return the objects of a bucket from its inventory when there is a fresh one, else by listing; and which it is."""
    note = "there is no inventory"
    try:
        inventory = latest_inventory(s3, bucket, reports_bucket=reports_bucket)
    except InventoryError as error:
        log.warning("%s is listed: %s", bucket, error)
        inventory, note = None, str(error)
    if inventory and (age_days := (now - inventory.taken_at).total_seconds() / 86400) > OLDEST_INVENTORY_DAYS:
        inventory, note = None, f"the newest inventory is {age_days:.0f} days old"
    if inventory and "VersionId" not in inventory.fields and "Status" in s3.get_bucket_versioning(Bucket=bucket):
        note = f"{inventory.manifest_key} is of current versions only, without their ids: have it list all versions"
        inventory = None
    if inventory is None:
        return Contents(s3, bucket), {"bucket": bucket, "read_from": "listing", "note": note}
    taken_at = inventory.taken_at.isoformat(timespec="minutes")
    origin = {"bucket": bucket, "read_from": "inventory", "note": f"{inventory.manifest_key}, taken at {taken_at}"}
    return Contents(s3, bucket, inventory), origin


def lifecycle_of(s3: Any, bucket: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the lifecycle rules of a bucket, none when it has no such configuration, and what holds for all of them.

    The latter are arguments of ``put_bucket_lifecycle_configuration``, which sets to the default what it is not told.
    """
    try:
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return [], {}
        raise
    least = "TransitionDefaultMinimumObjectSize"
    return list(found["Rules"]), {least: found[least]} if least in found else {}


def footage_asset_id(stored: StoredKey | Move) -> str | None:
    """Return the id of a dash-cam upload, ``None`` when neither version nor etag is known."""
    mark = stored.version_id or stored.etag
    return asset_id_from_source(FOOTAGE_SOURCE, f"{stored.bucket}/{stored.key}#{mark}") if mark else None


def known_footage(catalogue: AssetCatalogueHook, stored: Sequence[StoredKey]) -> list[Known]:
    """Say of dash-cam uploads what the catalogue knows: only what was decided to be normal may be moved."""
    ids = [footage_asset_id(one) for one in stored]
    items = catalogue.read_many(asset_id for asset_id in ids if asset_id)
    return [_known_from(asset_id, items.get(asset_id or "")) for asset_id in ids]


def _known_from(asset_id: str | None, item: dict[str, Any] | None) -> Known:
    if asset_id is None:
        return Known(keeps="the inventory has neither VersionId nor ETag, so that the catalogue cannot be asked")
    decision = (item or {}).get("decision")
    if item is None or decision is None:
        return Known(keeps="triage has not decided about it")
    if decision != "normal":
        return Known(keeps="it belongs to an incident" if decision == "incident" else "a person is to review it")
    importance = item.get("importance")
    reads = default_importance_rules().expected_reads_per_month
    return Known(importance=importance, expected_reads_per_month=reads[importance] if importance else None)


def store_file(s3: Any, file: IO[bytes], bucket: str, key: str, content_type: str) -> str:
    """Store a file over whatever stands at ``key``, and return its sha256."""
    sha256 = hashlib.sha256()
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        sha256.update(block)
    file.seek(0)
    s3.upload_fileobj(file, bucket, key, ExtraArgs={"ContentType": content_type})
    return sha256.hexdigest()


@contextmanager
def plan_lines(s3: Any, bucket: str, key: str, sha256: str) -> Iterator[Iterable[str]]:
    """Open the rows of a plan, which are those that were written and no others.

    :raises PlanChanged: when they are not, or gone.
    """
    found = hashlib.sha256()
    with tempfile.TemporaryFile() as file:
        try:
            body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        except s3.exceptions.NoSuchKey as error:
            raise PlanChanged(f"s3://{bucket}/{key} is gone: plan again") from error
        for block in body.iter_chunks(_BLOCK_BYTES):
            found.update(block)
            file.write(block)
        if found.hexdigest() != sha256:
            raise PlanChanged(f"s3://{bucket}/{key} is not the plan of this run (another ran since): plan again")
        file.seek(0)
        with open(file.fileno(), encoding="utf-8", newline="", closefd=False) as text:
            yield text
