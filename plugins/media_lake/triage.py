"""What is written down about an upload as it is decided on: its records, its catalogue item, what other tasks read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow.sdk.exceptions import AirflowSkipException

from include.catalog.keys import FootageFolder, FootageKind
from include.catalog.records import record_to_json
from include.catalog.schemas import record_from
from include.catalog.triage import FootageAnalysis, Signals, Transcript, Triage
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from include.video.evidence import MOST_CLIPS, clips_around, evidence_settings, web_rendition_settings
from include.video.mp4_settings import SMALLEST_SIDE
from include.video.probe import MediaError
from media_lake.footage import probe_landed, readable_by_key
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing

BY_RULES = "rules"
BY_DEFAULT = "default after the deadline"
NOTHING_TO_MAKE: Mapping[str, Any] = {
    "rendition_settings": {},
    **{f"evidence_{number}_settings": {} for number in range(1, MOST_CLIPS + 1)},
}
"""The XComs that tell MediaConvert tasks that there is nothing for them to do."""

RecordKind = TypeVar("RecordKind", Triage, FootageAnalysis, Transcript, Signals)


@dataclass(frozen=True, slots=True)
class UploadRecords:
    """The records about one upload in the processed bucket."""

    lake: LakeHook
    item: Mapping[str, Any]

    @property
    def folder(self) -> FootageFolder:
        return FootageFolder.of(self.item)

    def read(self, kind: FootageKind, cls: type[RecordKind]) -> RecordKind | None:
        """Return a record, or ``None`` when it is not written yet.

        :raises include.catalog.schemas.RecordError: when it is not in the shape of this version.
        """
        text = self.lake.read_text(SETTINGS.processed_bucket, self.folder.record(kind))
        return None if text is None else record_from(cls, json.loads(text))

    def read_result(self, key: str) -> dict[str, Any] | None:
        """Return what an operator kept of its job, or ``None`` when it is gone."""
        text = self.lake.read_text(SETTINGS.processed_bucket, key)
        return None if text is None else json.loads(text)

    def write(self, kind: FootageKind, record: Any) -> str:
        """Write a record over an earlier one; returns its key."""
        key = self.folder.record(kind)
        self.lake.write_text(SETTINGS.processed_bucket, key, record_to_json(record))
        return key


def claimant(context: Any) -> str:
    """Return how the catalogue calls the run, in ``claimed_by``."""
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"


def decidable_item(catalogue: AssetCatalogueHook, asset_id: str) -> dict[str, Any]:
    """Return the catalogue's item of an upload that can be decided on.

    :raises AirflowSkipException: when it is not there, or bad, or a duplicate of another.
    """
    item = catalogue.read(asset_id) or {}
    if item.get("state") not in ("landed", "analysed"):
        raise AirflowSkipException(
            f"upload {asset_id} is {item.get('state', 'not in the catalogue')}: nothing to decide"
        )
    return item


def push_name(context: Any, name: str) -> None:
    """Give a mapped task its name in the grid, and tell the tasks after it."""
    context["name"] = name
    context["ti"].xcom_push(key="name", value=name)


def push_settings(ti: Any, decision: str, settings: Mapping[str, Any]) -> None:
    """Tell the tasks that act what is decided, and what MediaConvert is to make."""
    for key, value in {"decision": decision, **settings}.items():
        ti.xcom_push(key=key, value=value)


def settings_to_show(records: UploadRecords, triage: Triage) -> dict[str, Any]:
    """Return the settings of the jobs that make what people are shown of an incident; of anything else ``{}`` each.

    An upload that cannot be read any more has nothing to show; that keeps no alert back.
    """
    settings = dict(NOTHING_TO_MAKE)
    if triage.decision != "incident":
        return settings
    try:
        facts = probe_landed(records.lake.conn, records.item)
        source_uri = str(readable_by_key(records.lake.conn, records.item))
    except (ContentChanged, MediaError, ObjectMissing) as error:
        records.lake.log.warning("%s: nothing can be shown of it: %s", triage.original_name, error)
        return settings
    if facts.video is None or min(facts.video.width, facts.video.height) < SMALLEST_SIDE:
        records.lake.log.warning("%s has no picture that can be shown", triage.original_name)
        return settings

    def destination(name: str) -> str:
        return f"s3://{SETTINGS.processed_bucket}/{records.folder.media(name)}"

    settings["rendition_settings"] = web_rendition_settings(
        facts, source_uri=source_uri, destination_uri=destination("web")
    )
    for number, (start_s, end_s) in enumerate(clips_around(triage.moments_s, facts.duration_s), start=1):
        settings[f"evidence_{number}_settings"] = evidence_settings(
            facts,
            source_uri=source_uri,
            destination_uri=destination(f"evidence_{number}"),
            start_s=start_s,
            end_s=end_s,
        )
    return settings


def catalogued(triage: Triage) -> dict[str, Any]:
    """Return what the catalogue keeps of a decision."""
    return {
        "decided_at": now_iso(),
        "decision": triage.decision,
        "score": triage.score,
        "rules_version": triage.rules_version,
        "moments_s": list(triage.moments_s),
        "decided_by": triage.decided_by,
        "screened_out": triage.screened_out,
        "alert_id": triage.alert_id,
    }
