"""Close a run: one summary of what it brought, and the news of it for whoever waits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import paid_by_run
from include.catalog.keys import MediaType, RunFolder, asset_id_from_source
from include.catalog.records import AssetOutcome, Failure, RunSummary, record_to_json
from include.settings import SETTINGS
from include.sources.source import source_names
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook


class LakeWriteSummaryOperator(BaseOperator):
    """Write a ``summary.json`` for each source that a run asked, from what the catalogue holds; returns their keys.

    Give it ``outlets`` to tell the pipelines that wait for the assets; the event carries run, campaign and counts. A
    run without a single analysed asset has its summaries too, but then the task is skipped, which wakes nobody. How
    many were analysed goes to the XCom ``analysed`` in any case.

    A run may be closed again after a clear. What its summary listed stays listed, for a later run may have met the same
    rejected track and taken it over in the catalogue.

    :param sources: names of the sources in the order in which they were asked; a string holds them with commas between
    :param media_type: ``audio`` or ``video``
    :param campaign: the run's campaign
    :param run: time of the DAG run, ``YYYYMMDD_HHMMSS`` in UTC
    :param asked: how many assets the run was to bring
    :param asset_ids: assets that the run landed, or groups of them, which the catalogue's index may not list yet
    :param exhausted: whether no source had a further candidate
    :param quoted_usd: what the run's paid jobs were to cost, if there were any
    :param paid_tasks: ids of the tasks that buy jobs; what they bought is added up from the ledger
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("sources", "campaign", "run", "asked", "asset_ids", "exhausted", "quoted_usd")

    def __init__(
        self,
        *,
        sources: Sequence[str] | str,
        media_type: MediaType,
        campaign: str,
        run: str,
        asked: int | str,
        asset_ids: Sequence[Any] | None,
        exhausted: bool | str,
        quoted_usd: float | str | None = None,
        paid_tasks: Sequence[str] = (),
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sources = sources
        self.media_type = media_type
        self.campaign = campaign
        self.run = run
        self.asked = asked
        self.asset_ids = asset_ids
        self.exhausted = exhausted
        self.quoted_usd = quoted_usd
        self.paid_tasks = paid_tasks
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:
        if not self.campaign:
            raise AirflowFailException("no campaign was chosen: see the task that plans the run")
        claimed_by = f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        chosen = {name: self._chosen(lake, self._folder(name), claimed_by) for name in source_names(self.sources)}
        present = self._present([one for found in chosen.values() if found for one in found.asset_ids], claimed_by)
        about = {
            "dag_id": context["dag_run"].dag_id,
            "run_id": context["dag_run"].run_id,
            "quoted_usd": float(self.quoted_usd) if self.quoted_usd not in (None, "") else None,
            "paid_usd": self._paid_usd(context),
        }
        stood_in = Counter(item["source"] for item in present.values())  # also sources that no search came to
        first = next(iter(chosen))
        summaries = [
            self._summarise(lake, name, found.asked if found else stood_in[name] or int(self.asked), present, about)
            for name, found in chosen.items()
            if found or name == first or name in stood_in
        ]
        keys = [self._folder(summary.source).summary for summary in summaries]
        analysed = sum(summary.analysed for summary in summaries)
        context["ti"].xcom_push(key="analysed", value=analysed)  # also where the task is skipped: the run is summed up
        if not analysed:
            raise AirflowSkipException(f"nothing was analysed: {', '.join(keys)} is written, and nobody is woken")
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "summaries": [f"s3://{SETTINGS.processed_bucket}/{key}" for key in keys],
                "campaign": self.campaign,
                "run": self.run,
                "analysed": analysed,
            }
        return keys

    def _folder(self, source: str) -> RunFolder:
        return RunFolder(self.media_type, source, self.campaign, self.run)

    def _summarise(
        self,
        lake: LakeHook,
        source: str,
        asked: int,
        present: Mapping[str, dict[str, Any]],
        about: Mapping[str, Any],
    ) -> RunSummary:
        """Write the summary of one source."""
        key = self._folder(source).summary
        now = {asset_id: outcome_from_item(item) for asset_id, item in present.items() if item["source"] == source}
        outcomes = self._listed_before(lake, key, about) | now
        assets = sorted(outcomes.values(), key=lambda outcome: (outcome.state, outcome.source_id))
        count = Counter(outcome.state for outcome in assets)
        summary = RunSummary(
            **about,
            run=self.run,
            media_type=self.media_type,
            source=source,
            campaign=self.campaign,
            asked=asked,
            landed=sum(outcome.raw_key is not None for outcome in assets),
            analysed=count["analysed"],
            failed=count["failed"],
            duplicates=count["duplicate"],
            rejected=count["rejected"],
            exhausted=str(self.exhausted) == "True",
            assets=tuple(assets),
        )
        lake.write_text(SETTINGS.processed_bucket, key, record_to_json(summary))
        self.log.info(
            "asked %s for %d: %d landed, %d analysed, %d failed, %d duplicates, %d rejected%s",
            source,
            summary.asked,
            summary.landed,
            summary.analysed,
            summary.failed,
            summary.duplicates,
            summary.rejected,
            "; there is no more" if summary.exhausted else "",
        )
        return summary

    @staticmethod
    def _chosen(lake: LakeHook, folder: RunFolder, claimed_by: str) -> Chosen | None:
        """Return what the run's search chose; ``None`` when it did not come to this source.

        :raises AirflowFailException: when another run holds the folder, for its summary stands there.
        """
        text = lake.read_text(SETTINGS.processed_bucket, folder.candidates)
        if text is None:
            return None
        candidates = json.loads(text)
        if candidates["claimed_by"] != claimed_by:
            raise AirflowFailException(
                f"{folder.prefix} belongs to {candidates['claimed_by']}: this run brought nothing"
            )
        ids = (asset_id_from_source(track["source"], track["source_id"]) for track in candidates["batch"])
        return Chosen(candidates["asked"], tuple(ids))

    def _present(self, chosen: Iterable[str], claimed_by: str) -> dict[str, dict[str, Any]]:
        """Return the run's assets as the catalogue has them.

        The index may lag behind, so that it only adds ids, such as those of replaced and of rejected tracks; the states
        are read consistently.
        """
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        listed = [item["asset_id"] for item in catalogue.iter_run(self.campaign, self.run)]
        items = catalogue.read_many([*listed, *chosen, *_flat(self.asset_ids or ())])
        return {
            asset_id: item
            for asset_id, item in items.items()
            if item.get("claimed_by", claimed_by) == claimed_by
            and (item["media_type"], item["campaign"], item["run"]) == (self.media_type, self.campaign, self.run)
        }

    @staticmethod
    def _listed_before(lake: LakeHook, key: str, about: Mapping[str, Any]) -> dict[str, AssetOutcome]:
        """Return what this run's summary listed when the run was closed before."""
        text = lake.read_text(SETTINGS.processed_bucket, key)
        before = json.loads(text) if text else None
        if before is None or (before["dag_id"], before["run_id"]) != (about["dag_id"], about["run_id"]):
            return {}
        return {outcome["asset_id"]: outcome_from_item(outcome) for outcome in before["assets"]}

    def _paid_usd(self, context: Context) -> float | None:
        if not self.paid_tasks:
            return None
        run = context["dag_run"]
        entries = JobLedgerHook(aws_conn_id=self.aws_conn_id).entries_of_run(run.dag_id, run.run_id, self.paid_tasks)
        return paid_by_run(entries, run.dag_id, run.run_id)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was wanted of a source, and what its search chose."""

    asked: int
    asset_ids: tuple[str, ...]


def _flat(asset_ids: Iterable[Any]) -> Iterator[str]:
    """Yield ids that stand alone or in groups.

    >>> list(_flat(["a", ["b", "c"]]))
    ['a', 'b', 'c']
    """
    for one in asset_ids:
        yield from (one,) if isinstance(one, str) else one


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
        labels_key=item.get("labels_key"),
        contact_sheet_key=item.get("contact_sheet_key"),
        failure=None if failure is None else Failure(**failure),
    )
