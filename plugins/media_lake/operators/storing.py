"""Keep a decided dash-cam upload where it costs least: a verified move from the ingest bucket to the archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.exceptions import ClientError

from include.catalog.keys import archive_key
from include.catalog.triage import FootageAnalysis, Storage, StorageClass, Transcript, Triage
from include.catalog.uploads import stem_addition
from include.costs.rate_card import default_rate_card
from include.settings import SETTINGS
from include.storage.classes import class_prices
from include.storage.decision import StoredObject, decide_storage
from include.storage.dynamodb import now_iso
from include.storage.importance import (
    ImportanceFacts,
    ImportanceVerdict,
    default_importance_rules,
    importance_of,
    people_in,
    rating_from,
)
from include.storage.moving import MovedObject, ObjectVersion, OriginalChanged, OriginalLost, lock_of, move_object
from include.triage.rules import Rules
from media_lake.footage import GONE
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook, ObjectMissing
from media_lake.triage import UploadRecords, push_name

RATING = "rating"
"""Tag, or else metadata, of an upload that somebody rated from 1 to 5."""


class FootageStoreOperator(BaseOperator):
    """Move one upload into the archive bucket, in the class in which it costs least; returns the class.

    Only what shows no incident moves: an incident, what waits for a person and what is not decided on stay where they
    are. It may run as often as it likes and be interrupted anywhere; see ``include/storage/moving.py``.

    :param asset_id: asset of the catalogue. (templated)
    :param keep_months: for how long uploads are kept; ``None`` or empty: as the importance rules say. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id", "keep_months")

    def __init__(
        self,
        *,
        asset_id: str,
        keep_months: float | str | None = None,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.keep_months = keep_months
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> StorageClass:
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        item = catalogue.read(self.asset_id) or {}
        if item.get("state") not in ("landed", "analysed"):
            state = item.get("state", "not in the catalogue")
            raise AirflowSkipException(f"upload {self.asset_id} is {state}: it is left where it is")
        push_name(context, item["title"])
        upload = _Upload(LakeHook(aws_conn_id=self.aws_conn_id), catalogue, item)
        if "archive_key" in item:
            self.log.info("%s is archived already, in %s", item["title"], item["storage_class"])
            upload.recall_importance()
            return item["storage_class"]
        head = upload.head()
        card = default_rate_card()
        if head is not None and _class_of(head) not in class_prices(card):
            unknown = f"{card.priced_by} has no prices of the storage class {_class_of(head)}"
            raise AirflowSkipException(f"{upload.place} is left where it is: {unknown}")
        if item.get("decision") == "normal":
            stored = upload.finish_move() if head is None else upload.store(head, self.keep_months)
        elif head is None:
            raise ObjectMissing(f"{upload.place} is gone, though it is {item.get('decision', 'undecided')}: restore it")
        else:
            stored = upload.stay(head)
        self.log.info("%s: %s", item["title"], stored.reason)
        return stored.storage_class


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload that is put where it belongs."""

    lake: LakeHook
    catalogue: AssetCatalogueHook
    item: Mapping[str, Any]

    @property
    def place(self) -> ObjectVersion:
        return ObjectVersion(
            bucket=self.item["bucket"], key=self.item["key"], version_id=self.item.get("version_id") or None
        )

    @property
    def records(self) -> UploadRecords:
        return UploadRecords(self.lake, self.item)

    def head(self) -> Mapping[str, Any] | None:
        """Return what S3 tells of the upload, ``None`` when it is gone."""
        try:
            return self.lake.conn.head_object(**self.place.request)
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return None
            raise

    def stay(self, head: Mapping[str, Any]) -> Storage:
        """Leave what may still be asked for where it is."""
        why = {
            "incident": "an incident stays where it is, and can be read at once",
            "review": "it waits for a person to decide, and stays where it is",
        }.get(self.item.get("decision", ""), "it is not decided on, and stays where it is")
        here = _class_of(head)
        return self.note(_storage(here, here, head["ContentLength"], why))

    def store(self, head: Mapping[str, Any], keep_months: float | str | None) -> Storage:
        """Decide how important the upload is and where it costs least, and have it there."""
        if why_locked := lock_of(head):
            here = _class_of(head)
            return self.note(_storage(here, here, head["ContentLength"], why_locked))
        rules = default_importance_rules()
        verdict = self.importance(head)
        stored = StoredObject(
            size_bytes=head["ContentLength"],
            age_days=_days_since(self.item["uploaded_at"]),
            storage_class=_class_of(head),
            importance=verdict.importance,
            expected_reads_per_month=rules.expected_reads_per_month[verdict.importance],
        )
        decision = decide_storage(stored, retention=rules.retention_of(keep_months), card=default_rate_card())
        plan = Storage(
            storage_class=decision.storage_class,
            reason=decision.reason,
            monthly_usd_before=decision.monthly_usd_before,
            monthly_usd_after=decision.monthly_usd_after,
        )
        self.lake.log.info("importance %s: %s", verdict.importance, ", ".join(verdict.because) or "no rule holds")
        found: dict[str, Any] = {"importance": verdict.importance}
        if not decision.moves:
            return self.note(plan, **found)
        self.mark(storage_plan=asdict(plan) | found, **found)
        return self.moved(plan, self.move(plan.storage_class), **found)

    def finish_move(self) -> Storage:
        """Note where the upload is that an interrupted run moved; its copy is proved once more."""
        moved = self.move("STANDARD")  # nothing is copied any more, so the class does not matter
        item = self.catalogue.read(self.item["asset_id"]) or self.item  # another may have planned and moved it just now
        plan = dict(item.get("storage_plan") or {})
        found = {"importance": plan.pop("importance", None)}
        if plan and plan["storage_class"] == moved.storage_class:
            return self.moved(Storage(**plan), moved, **found)
        reason = "it was found in the archive, moved there by an earlier run"
        return self.moved(_storage("STANDARD", moved.storage_class, moved.size_bytes, reason), moved, **found)

    def recall_importance(self) -> None:
        """Note again how important an archived upload is: whoever decides on it once more forgets it."""
        planned = self.item.get("storage_plan") or {}
        if self.item.get("importance") is None and planned:
            self.write_triage(importance=planned["importance"])
            self.mark(importance=planned["importance"])

    def move(self, storage_class: StorageClass) -> MovedObject:
        try:
            return move_object(
                self.lake.conn,
                self.place,
                bucket=SETTINGS.archive_bucket,
                key=archive_key(self.item["key"], stem_addition(self.item)),
                storage_class=storage_class,
                sha256=self.item["sha256"],
            )
        except (OriginalChanged, OriginalLost) as error:
            raise AirflowFailException(str(error)) from error  # another try finds the same

    def moved(self, plan: Storage, moved: MovedObject, **found: Any) -> Storage:
        return self.note(
            replace(plan, storage_class=moved.storage_class),
            archive_bucket=moved.place.bucket,
            archive_key=moved.place.key,
            **found,
        )

    def note(self, stored: Storage, **found: Any) -> Storage:
        """Write down where the upload is: in the record of its triage, if there is one, then in the catalogue."""
        self.write_triage(storage=stored, importance=found.get("importance", self.item.get("importance")))
        self.mark(storage_class=stored.storage_class, storage_reason=stored.reason, stored_at=now_iso(), **found)
        return stored

    def write_triage(self, **found: Any) -> None:
        triage = self.records.read("triage", Triage)
        if triage is not None:
            self.records.write("triage", replace(triage, **found))

    def mark(self, **found: Any) -> None:
        self.catalogue.mark(self.item["asset_id"], self.item["state"], **found)

    def importance(self, head: Mapping[str, Any]) -> ImportanceVerdict:
        analysis = self.records.read("analysis", FootageAnalysis)
        transcript = self.records.read("transcript", Transcript)
        tags = self.lake.conn.get_object_tagging(**self.place.request)["TagSet"]
        rating = next((tag["Value"] for tag in tags if tag["Key"] == RATING), head["Metadata"].get(RATING))
        facts = ImportanceFacts(
            recorded_days_ago=_days_since(self.item.get("captured_at") or self.item["uploaded_at"]),
            device=self.item["device"],
            score=self.item.get("score"),
            review_score=Rules.load().review,
            words=None if transcript is None or "transcript" in transcript.skipped else len(transcript.text.split()),
            people=None if analysis is None or "labels" in analysis.skipped else people_in(analysis.labels),
            rating=rating_from(rating),
        )
        return importance_of(facts)


def _storage(before: StorageClass, after: StorageClass, size_bytes: int, reason: str) -> Storage:
    prices = class_prices(default_rate_card())
    return Storage(
        storage_class=after,
        reason=f"{prices[after].title}: {reason}",
        monthly_usd_before=prices[before].usd_a_month(size_bytes),
        monthly_usd_after=prices[after].usd_a_month(size_bytes),
    )


def _class_of(head: Mapping[str, Any]) -> StorageClass:
    return head.get("StorageClass", "STANDARD")


def _days_since(moment: str) -> float:
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() / 86400)
