"""Close a run: one summary of what it brought, and the news of it for whoever waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from include.catalog.keys import MediaType, RunFolder
from include.catalog.records import AssetOutcome, Failure, RunSummary, record_to_json
from include.settings import SETTINGS
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook


class LakeWriteSummaryOperator(BaseOperator):
    """Write ``summary.json`` of a run and source from what the catalogue holds; returns its key.

    Give it ``outlets`` to tell the pipelines that wait for the assets; the event carries run, campaign and counts.

    :param source: name of the source
    :param media_type: ``audio`` or ``video``
    :param campaign: the run's campaign
    :param run: time of the DAG run, ``YYYYMMDD_HHMMSS`` in UTC
    :param asked: how many assets the run was to bring
    :param exhausted: whether the source had no further candidate
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("campaign", "run", "asked", "exhausted")

    def __init__(
        self,
        *,
        source: str,
        media_type: MediaType,
        campaign: str,
        run: str,
        asked: int | str,
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
        self.exhausted = exhausted
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        if not self.campaign:
            raise AirflowFailException("no campaign was chosen: see the task that plans the run")
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        # the index only lists the ids, which settled long ago; the states are read consistently
        listed = [item["asset_id"] for item in catalogue.iter_run(self.campaign, self.run)]
        items = catalogue.read_many(listed).values()
        outcomes = sorted(map(outcome_from_item, items), key=lambda outcome: (outcome.state, outcome.source_id))
        count = Counter(outcome.state for outcome in outcomes)
        summary = RunSummary(
            dag_id=context["dag_run"].dag_id,
            run_id=context["dag_run"].run_id,
            run=self.run,
            media_type=self.media_type,
            source=self.source,
            campaign=self.campaign,
            asked=int(self.asked),
            landed=sum(outcome.raw_key is not None for outcome in outcomes),
            analysed=count["analysed"],
            failed=count["failed"],
            duplicates=count["duplicate"],
            rejected=count["rejected"],
            exhausted=str(self.exhausted) == "True",
            assets=tuple(outcomes),
        )
        key = RunFolder(self.media_type, self.source, self.campaign, self.run).summary
        LakeHook(aws_conn_id=self.aws_conn_id).write_text(SETTINGS.processed_bucket, key, record_to_json(summary))
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
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "summary": f"s3://{SETTINGS.processed_bucket}/{key}",
                "campaign": self.campaign,
                "run": self.run,
                "analysed": summary.analysed,
            }
        return key


def outcome_from_item(item: dict[str, Any]) -> AssetOutcome:
    """Write a catalogue item as a line of the summary."""
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
