"""The catalogue of assets and the marks of what was done once, both in DynamoDB."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count
from random import uniform
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from include.catalog.records import Failure, State
from include.settings import SETTINGS
from include.storage.dynamodb import from_dynamodb, now_iso, to_dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource  # noqa: F401  (named in the base class)
    from mypy_boto3_dynamodb.service_resource import Table

ABANDONED_AFTER = timedelta(hours=24)
"""A claim that led to nothing for this long belongs to a run that died; another run may take the asset."""

SWEEP_EVERY = timedelta(minutes=10)
"""A listing that found nothing left to take is not repeated within this time by runs that messages start."""

LONGEST_PAUSE_S = 5.0
"""A table that is too busy answers a part of a batch, without an error; so long it is left alone before the rest."""

_BATCH_GET_LIMIT = 100  # keys a BatchGetItem takes


class AssetCatalogueHook(AwsGenericHook["DynamoDBServiceResource"]):
    """Read and write the catalogue of assets (table ``<prefix>-assets``).

    One item per asset, keyed by ``asset_id``. Every write is conditional, so that of two tasks that want the same asset
    one gets it, and a task that runs twice changes nothing the second time. Beside the assets stand marks, which
    have no campaign and no state and so are in no index: ``sha256#…`` (whose bytes), ``stem#…`` (whose name in a
    folder), ``item#…`` (nothing left to take), ``cooldown#…`` (a source is left alone) and ``sweep#…`` (a listing found
    nothing left).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        super().__init__(*args, **(kwargs | {"resource_type": "dynamodb"}))

    @property
    def table(self) -> Table:
        return self.conn.Table(SETTINGS.assets_table)

    def claim(self, asset_id: str, *, claimed_by: str, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take the asset for ``claimed_by`` (a DAG run) and return its item, or ``None`` when it belongs to another.

        Whoever holds the claim gets the item as it stands, also when the asset is landed already: the caller sees in
        ``state`` how far it came. ``claimed_at`` stays that of the first claim by this run. A claim that was taken over
        has in ``previous`` the item that stood there.
        """
        item = {
            **attributes,
            "asset_id": asset_id,
            "claimed_by": claimed_by,
            "claimed_at": now_iso(),
            "state": "claimed",
            "attempts": {},
        }
        try:
            answer = self.table.put_item(
                Item=to_dynamodb(item), ConditionExpression=self._may_be_claimed(), ReturnValues="ALL_OLD"
            )
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            standing = self.read(asset_id)
            return standing if standing is not None and standing.get("claimed_by") == claimed_by else None
        previous = answer.get("Attributes")
        return {**item, "previous": from_dynamodb(previous)} if previous else item

    def is_free_for(self, item: Mapping[str, Any] | None, claimed_by: str) -> bool:
        """Say whether ``claim`` would hand the asset to ``claimed_by``, from its item as it was read."""
        if item is None or item["state"] == "rejected" or item.get("claimed_by") == claimed_by:
            return True
        if item["state"] == "claimed":
            return item["claimed_at"] < _abandoned_before()
        return item["state"] == "failed" and bool(item["failure"]["retryable"])

    def _may_be_claimed(self) -> ConditionBase:
        return (
            Attr("asset_id").not_exists()
            | Attr("state").eq("rejected")
            | (Attr("state").eq("failed") & Attr("failure.retryable").eq(value=True))
            | (Attr("state").eq("claimed") & Attr("claimed_at").lt(_abandoned_before()))
        )

    def claim_content(self, sha256: str, asset_id: str) -> str:
        """Register ``asset_id`` as the one asset with these bytes and return the owner, which may be another asset.

        An owner whose object stands keeps the bytes whatever became of it, and so does one that is just landing them;
        any other loses them to the next asset that brings them.
        """
        key = f"sha256#{sha256}"
        for _ in range(3):
            try:
                self.table.put_item(
                    Item={"asset_id": key, "owner": asset_id},
                    ConditionExpression=Attr("asset_id").not_exists() | Attr("owner").eq(asset_id),
                )
            except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
                pointer = self.read(key)
                if pointer is None:
                    continue
                owner = self.read(pointer["owner"])
                if owner is not None and self.keeps_content(owner):
                    return pointer["owner"]
                self._forget_owner(key, pointer["owner"])
            else:
                return asset_id
        raise RuntimeError(f"the owner of content {sha256} kept changing; clear the task to try again")

    def keeps_content(self, owner: Mapping[str, Any]) -> bool:
        """Say whether the asset that registered some bytes has landed them or may be about to."""
        return "raw_key" in owner or _is_claimed_lately(owner)

    def claim_stem(self, folder: str, stems: Iterable[str], asset_id: str) -> str:
        """Return the first of ``stems`` that no other asset has in ``folder``, from now on this asset's for good.

        Asked again for the same asset it returns the same.

        :raises RuntimeError: when other assets have all of them.
        """
        for stem in stems:
            try:
                self.table.put_item(
                    Item={"asset_id": f"stem#{folder}/{stem}", "owner": asset_id},
                    ConditionExpression=Attr("asset_id").not_exists() | Attr("owner").eq(asset_id),
                )
            except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
                continue
            return stem
        raise RuntimeError(f"every name for asset {asset_id} in {folder} belongs to another one")

    def _forget_owner(self, key: str, owner: str) -> None:
        try:
            self.table.delete_item(Key={"asset_id": key}, ConditionExpression=Attr("owner").eq(owner))
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            return  # somebody was quicker; the next look shows who

    def mark(self, asset_id: str, state: State, *, failure: Failure | None = None, **attributes: Any) -> None:
        """Note a new state, with what was found; without ``failure`` an earlier one is forgotten.

        :raises LookupError: when the catalogue does not hold the asset.
        """
        if not self._mark_if(Attr("asset_id").exists(), asset_id, state, failure, attributes):
            raise LookupError(f"asset {asset_id} is not in the catalogue {SETTINGS.assets_table}")

    def mark_failed(self, asset_id: str, failure: Failure) -> None:
        """Note that the asset did not make it, and why."""
        self.mark(asset_id, "failed", failure=failure, failed_at=now_iso())

    def mark_unlanded(
        self, asset_id: str, state: State, failure: Failure, *, claimed_by: str, **attributes: Any
    ) -> bool:
        """Note that ``claimed_by`` could not land the asset; ``False`` when it landed meanwhile or has another owner.

        So the slower of two executions of one task takes nothing back.
        """
        unlanded = Attr("state").is_in(["claimed", "failed", "duplicate"]) & Attr("claimed_by").eq(claimed_by)
        unlanded &= Attr("raw_key").not_exists()
        return self._mark_if(unlanded, asset_id, state, failure, {**attributes, "failed_at": now_iso()})

    def _mark_if(
        self,
        condition: ConditionBase,
        asset_id: str,
        state: State,
        failure: Failure | None,
        attributes: Mapping[str, Any],
    ) -> bool:
        values = {**attributes, "state": state}
        if failure is not None:
            values["failure"] = asdict(failure)
        names = {f"#set{index}": name for index, name in enumerate(values)}
        expression = "SET " + ", ".join(f"#set{index} = :set{index}" for index in range(len(values)))
        if failure is None:
            names["#failure"] = "failure"
            expression += " REMOVE #failure"
        try:
            self.table.update_item(
                Key={"asset_id": asset_id},
                UpdateExpression=expression,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    f":set{index}": to_dynamodb(value) for index, value in enumerate(values.values())
                },
                ConditionExpression=condition,
            )
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def count_attempt(self, asset_id: str, work: str) -> int:
        """Count that ``work`` on the asset begins (a stage, an analyser's version); return how often it has begun."""
        answer: Any = self.table.update_item(
            Key={"asset_id": asset_id},
            UpdateExpression="SET attempts.#work = if_not_exists(attempts.#work, :none) + :one",
            ExpressionAttributeNames={"#work": work},
            ExpressionAttributeValues={":none": 0, ":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["attempts"][work])

    def forget_attempts(self, asset_id: str, work: str) -> None:
        """Begin to count anew: what began last also ended."""
        self.table.update_item(
            Key={"asset_id": asset_id},
            UpdateExpression="REMOVE attempts.#work",
            ExpressionAttributeNames={"#work": work},
        )

    def leave_alone(self, source: str, until: datetime) -> None:
        """Note for the whole deployment that nobody asks a source before ``until``; a later time that stands stays."""
        moment = until.astimezone(UTC).isoformat(timespec="milliseconds")
        try:
            self.table.put_item(
                Item={"asset_id": f"cooldown#{source}", "until": moment},
                ConditionExpression=Attr("asset_id").not_exists() | Attr("until").lt(moment),
            )
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            return

    def left_alone_until(self, source: str) -> datetime | None:
        """Return until when nobody asks a source, or ``None`` when it may be asked now."""
        mark = self.read(f"cooldown#{source}")
        until = datetime.fromisoformat(mark["until"]) if mark else None
        return until if until and until > datetime.now(UTC) else None

    def record_rejected(self, asset_id: str, failure: Failure, **attributes: Any) -> None:
        """Note an asset that this run does not want, unless some run took it."""
        item = {**attributes, "asset_id": asset_id, "state": "rejected", "failure": asdict(failure)}
        unwanted = Attr("asset_id").not_exists() | Attr("state").eq("rejected")
        try:
            self.table.put_item(Item=to_dynamodb(item), ConditionExpression=unwanted)
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            return

    def taken_items(self, source: str, item_ids: Iterable[str]) -> set[str]:
        """Return those items of a source of which no track is left to take, so that nobody need ask for them again."""
        keys = {f"item#{source}/{item_id}": item_id for item_id in item_ids}
        return {keys[key] for key in self.read_many(keys)}

    def mark_item_taken(self, source: str, item_id: str) -> None:
        """Note that an item of a source has no track left to take."""
        self.table.put_item(Item={"asset_id": f"item#{source}/{item_id}"})

    def read(self, asset_id: str) -> dict[str, Any] | None:
        """Return the asset's item, strongly consistent, or ``None``."""
        item = self.table.get_item(Key={"asset_id": asset_id}, ConsistentRead=True).get("Item")
        return None if item is None else from_dynamodb(item)

    def read_many(self, asset_ids: Iterable[str], *, consistent: bool = True) -> dict[str, dict[str, Any]]:
        """Return the items of those assets that the catalogue holds, by asset id, strongly consistent.

        :param consistent: ``False`` for items as they were up to seconds ago, at half the price
        """
        ids = list(dict.fromkeys(asset_ids))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), _BATCH_GET_LIMIT):
            keys = [{"asset_id": asset_id} for asset_id in ids[start : start + _BATCH_GET_LIMIT]]
            request: Any = {SETTINGS.assets_table: {"Keys": keys, "ConsistentRead": consistent}}
            for attempt in count(1):
                answer: Any = self.conn.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(SETTINGS.assets_table, []):
                    found[item["asset_id"]] = from_dynamodb(item)
                request = answer.get("UnprocessedKeys")
                if not request:
                    break
                time.sleep(min(LONGEST_PAUSE_S, 0.05 * 2**attempt) * uniform(0.5, 1))
        return found

    def iter_run(self, campaign: str, run: str) -> Iterator[dict[str, Any]]:
        """Yield every asset of a campaign's run; the index lags behind the writes by up to seconds."""
        request: dict[str, Any] = {
            "IndexName": "by-campaign",
            "KeyConditionExpression": Key("campaign").eq(campaign) & Key("run").eq(run),
        }
        while True:
            page = self.table.query(**request)
            yield from map(from_dynamodb, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class UploadCatalogueHook(AssetCatalogueHook):
    """The catalogue for who takes uploads of dash cams, of which none may be lost: to have landed is no end there.

    Beside what any run may take, it hands on what a run left undone for 24 hours: an upload that landed and was not
    decided on, and an incident that nobody was told of. A duplicate is free too; who takes it asks ``keeps_content``.
    """

    def is_free_for(self, item: Mapping[str, Any] | None, claimed_by: str) -> bool:
        """Say whether ``claim`` would hand the upload to ``claimed_by``, and should: a duplicate is not free here."""
        if super().is_free_for(item, claimed_by) or item is None:
            return True
        if item["state"] == "landed":
            return item["claimed_at"] < _abandoned_before()
        untold = item["state"] == "analysed" and item["decision"] == "incident" and "alerted_at" not in item
        return untold and item.get("decided_at", _abandoned_before()) < _abandoned_before()

    def _may_be_claimed(self) -> ConditionBase:
        is_old = Attr("claimed_at").lt(_abandoned_before())
        is_untold = Attr("decision").eq("incident") & Attr("alerted_at").not_exists()
        return (
            super()._may_be_claimed()
            | Attr("state").eq("duplicate")
            | (Attr("state").eq("landed") & is_old)
            | (Attr("state").eq("analysed") & is_untold & Attr("decided_at").lt(_abandoned_before()))
        )

    def note_sweep(self, prefix: str, *, left_nothing: bool) -> None:
        """Note that nothing is left to take below ``prefix``, or that something is."""
        mark = {"asset_id": f"sweep#{prefix}"}
        if left_nothing:
            self.table.put_item(Item={**mark, "at": now_iso()})
        else:
            self.table.delete_item(Key=mark)

    def was_swept_lately(self, prefix: str) -> bool:
        """Say whether nothing was left to take below ``prefix`` within :data:`SWEEP_EVERY`."""
        mark = self.read(f"sweep#{prefix}")
        return mark is not None and datetime.now(UTC) - datetime.fromisoformat(mark["at"]) < SWEEP_EVERY

    def keeps_content(self, owner: Mapping[str, Any]) -> bool:
        """Say whether an upload that has the bytes of ``owner`` is its duplicate: that one is decided on, or will be.

        One that failed for good, was deleted or left undone gives them up, for at a duplicate nobody looks.
        """
        if owner["state"] == "analysed":
            return True
        if owner["state"] == "failed" and not owner["failure"]["retryable"]:
            return False
        return owner["state"] in ("claimed", "landed", "failed") and owner["claimed_at"] >= _abandoned_before()


class OnceHook(AwsGenericHook["DynamoDBServiceResource"]):
    """Remember in the job ledger (table ``<prefix>-jobs``) what must be done only once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        super().__init__(*args, **(kwargs | {"resource_type": "dynamodb"}))

    def recall(self, job_key: str) -> Any:
        """Return the value that ``remember`` kept, or ``None``."""
        answer = self.conn.Table(SETTINGS.jobs_table).get_item(Key={"job_key": job_key}, ConsistentRead=True)
        return from_dynamodb(answer["Item"]["value"]) if "Item" in answer else None

    def remember(self, job_key: str, value: Any) -> Any:
        """Keep a JSON-like value unless one is kept under this key already, and return what stands."""
        item = {"job_key": job_key, "state": "complete", "completed_at": now_iso(), "value": value}
        try:
            self.conn.Table(SETTINGS.jobs_table).put_item(
                Item=to_dynamodb(item), ConditionExpression=Attr("job_key").not_exists()
            )
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            return self.recall(job_key)
        return value


def _is_claimed_lately(item: Mapping[str, Any]) -> bool:
    return item["state"] == "claimed" and item["claimed_at"] >= _abandoned_before()


def _abandoned_before() -> str:
    return (datetime.now(UTC) - ABANDONED_AFTER).strftime("%Y-%m-%dT%H:%M:%SZ")
