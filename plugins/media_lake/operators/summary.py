"""Close a run: one summary of what it brought, and the news of it for whoever waits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.catalog.keys import MediaType, RunFolder, asset_id_from_source
from include.catalog.records import AssetOutcome, Failure, RunSummary, record_to_json
from include.settings import SETTINGS
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook


class LakeWriteSummaryOperator(BaseOperator):
    """Write ``summary.json`` of a run and source from what the catalogue holds; returns its key.

    Give it ``outlets`` to tell the pipelines that wait for the assets; the event carries run, campaign and counts. A
    run without a single analysed asset has its summary too, but then the task is skipped, which wakes nobody.

    A run may be closed again after a clear. What its summary listed stays listed, for a later run may have met the same
    rejected track and taken it over in the catalogue.

    :param source: name of the source
    :param media_type: ``audio`` or ``video``
    :param campaign: the run's campaign
    :param run: time of the DAG run, ``YYYYMMDD_HHMMSS`` in UTC
    :param asked: how many assets the run was to bring
    :param asset_ids: groups of assets that the run landed, which the catalogue's index may not list yet
    :param exhausted: whether the source had no further candidate
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("campaign", "run", "asked", "asset_ids", "exhausted")

    def __init__(
        self,
        *,
        source: str,
        media_type: MediaType,
        campaign: str,
        run: str,
        asked: int | str,
        asset_ids: Sequence[Sequence[str]] | None,
        exhausted: bool | str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.media_type = media_type
        self.campaign = campaign
        self.run = run
        self.asked = asked
        self.asset_ids = asset_ids
        self.exhausted = exhausted
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        if not self.campaign:
            raise AirflowFailException("no campaign was chosen: see the task that plans the run")
        dag_id, run_id = context["dag_run"].dag_id, context["dag_run"].run_id
        folder = RunFolder(self.media_type, self.source, self.campaign, self.run)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        chosen = self._chosen(lake, folder, f"{dag_id}/{run_id}")
        outcomes = self._listed_before(lake, folder, dag_id, run_id) | self._present(chosen, f"{dag_id}/{run_id}")
        assets = sorted(outcomes.values(), key=lambda outcome: (outcome.state, outcome.source_id))
        count = Counter(outcome.state for outcome in assets)
        summary = RunSummary(
            dag_id=dag_id,
            run_id=run_id,
            run=self.run,
            media_type=self.media_type,
            source=self.source,
            campaign=self.campaign,
            asked=int(self.asked),
            landed=sum(outcome.raw_key is not None for outcome in assets),
            analysed=count["analysed"],
            failed=count["failed"],
            duplicates=count["duplicate"],
            rejected=count["rejected"],
            exhausted=str(self.exhausted) == "True",
            assets=tuple(assets),
        )
        lake.write_text(SETTINGS.processed_bucket, folder.summary, record_to_json(summary))
        self.log.info(
            "asked for %d: %d landed, %d analysed, %d failed, %d duplicates, %d rejected%s",
            summary.asked,
            summary.landed,
            summary.analysed,
            summary.failed,
            summary.duplicates,
            summary.rejected,
            "; the source has no more" if summary.exhausted else "",
        )
        if not summary.analysed:
            raise AirflowSkipException(f"nothing was analysed: {folder.summary} is written, and nobody is woken")
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "summary": f"s3://{SETTINGS.processed_bucket}/{folder.summary}",
                "campaign": self.campaign,
                "run": self.run,
                "analysed": summary.analysed,
            }
        return folder.summary

    def _chosen(self, lake: LakeHook, folder: RunFolder, claimed_by: str) -> list[str]:
        """Return the assets that the run's search chose; none when the search failed.

        :raises AirflowFailException: when another run holds the folder, for its summary stands there.
        """
        text = lake.read_text(SETTINGS.processed_bucket, folder.candidates)
        candidates: dict[str, Any] = json.loads(text) if text else {"claimed_by": claimed_by, "batch": []}
        if candidates["claimed_by"] != claimed_by:
            raise AirflowFailException(
                f"{folder.prefix} belongs to {candidates['claimed_by']}: this run brought nothing"
            )
        return [asset_id_from_source(track["source"], track["source_id"]) for track in candidates["batch"]]

    def _present(self, chosen: Iterable[str], claimed_by: str) -> dict[str, AssetOutcome]:
        """Return the run's assets as the catalogue has them.

        The index may lag behind, so that it only adds ids, such as those of replaced and of rejected tracks; the states
        are read consistently.
        """
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        listed = [item["asset_id"] for item in catalogue.iter_run(self.campaign, self.run)]
        landed = [asset_id for group in self.asset_ids or () for asset_id in group]
        items = catalogue.read_many([*listed, *chosen, *landed])
        return {
            asset_id: outcome_from_item(item)
            for asset_id, item in items.items()
            if item.get("claimed_by", claimed_by) == claimed_by
            and (item["campaign"], item["run"]) == (self.campaign, self.run)
        }

    @staticmethod
    def _listed_before(lake: LakeHook, folder: RunFolder, dag_id: str, run_id: str) -> dict[str, AssetOutcome]:
        """Return what this run's summary listed when the run was closed before."""
        text = lake.read_text(SETTINGS.processed_bucket, folder.summary)
        before = json.loads(text) if text else None
        if before is None or (before["dag_id"], before["run_id"]) != (dag_id, run_id):
            return {}
        return {outcome["asset_id"]: outcome_from_item(outcome) for outcome in before["assets"]}


def outcome_from_item(item: dict[str, Any]) -> AssetOutcome:
    """Write a catalogue item, or a line of an earlier summary, as a line of the summary."""
    failure = item.get("failure")
    return AssetOutcome(
        asset_id=item["asset_id"],
        source_id=item["source_id"],
        title=item["title"],
        state=item["state"],
        original_name=item["original_name"],
        licence=item.get("licence"),
        raw_key=item.get("raw_key"),
        features_key=item.get("features_key"),
        failure=None if failure is None else Failure(**failure),
    )
