"""Sum up what a run of triage_footage made of its uploads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import paid_by_run
from include.catalog.keys import footage_run_summary_key, run_from_time
from include.catalog.records import Failure, record_to_json
from include.catalog.triage import FootageRunSummary, UploadOutcome
from include.catalog.uploads import FOOTAGE_SOURCE
from include.settings import SETTINGS
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.triage import claimant


class FootageWriteSummaryOperator(BaseOperator):
    """Write what a run made of its uploads; returns the key of the summary.

    Give it ``outlets`` to tell the pipelines that wait; the event carries the counts. A run that took nothing writes
    nothing, and one that decided nothing wakes nobody: then the task is skipped. How many were decided goes to the XCom
    ``analysed`` in any case.

    :param asset_ids: assets that the run took; the catalogue is asked for others. (templated)
    :param quoted_usd: what the analyses were to cost, if that is known. (templated)
    :param saved_usd: what the cheap look saved, if that is known. (templated)
    :param paid_tasks: ids of the tasks that buy jobs; what they bought is added up from the ledger
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_ids", "quoted_usd", "saved_usd")

    def __init__(
        self,
        *,
        asset_ids: Sequence[str] | None,
        quoted_usd: float | str | None = None,
        saved_usd: float | str | None = None,
        paid_tasks: Sequence[str] = (),
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_ids = asset_ids
        self.quoted_usd = quoted_usd
        self.saved_usd = saved_usd
        self.paid_tasks = paid_tasks
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        dag_run, ti = context["dag_run"], context["ti"]
        run = run_from_time(dag_run.logical_date or dag_run.run_after)
        items = self._items(run, claimant(context))
        outcomes = sorted(map(outcome_from_item, items), key=lambda one: (one.state, one.title, one.asset_id))
        states = Counter(one.state for one in outcomes)
        decisions = Counter(one.decision for one in outcomes if one.state == "analysed")
        ti.xcom_push(key="analysed", value=states["analysed"])  # also where the task is skipped: the run is summed up
        if not outcomes:
            raise AirflowSkipException("the run took no upload: there is nothing to sum up")
        summary = FootageRunSummary(
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
            run=run,
            taken=len(outcomes),
            analysed=states["analysed"],
            failed=states["failed"],
            duplicates=states["duplicate"],
            unfinished=states["claimed"] + states["landed"],
            incidents=decisions["incident"],
            reviews=decisions["review"],
            normal=decisions["normal"],
            screened_out=sum(one.screened_out for one in outcomes),
            quoted_usd=_usd(self.quoted_usd),
            saved_usd=_usd(self.saved_usd),
            paid_usd=self._paid_usd(dag_run, items),
            uploads=tuple(outcomes),
        )
        key = footage_run_summary_key(run)
        LakeHook(aws_conn_id=self.aws_conn_id).write_text(SETTINGS.processed_bucket, key, record_to_json(summary))
        counts = {
            name: getattr(summary, name)
            for name in ("taken", "analysed", "incidents", "reviews", "normal", "failed", "duplicates", "screened_out")
        }
        self.log.info(", ".join(f"{count} {name}" for name, count in counts.items()))
        if not summary.analysed:
            raise AirflowSkipException(f"nothing was decided: {key} is written, and nobody is woken")
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "summary": f"s3://{SETTINGS.processed_bucket}/{key}",
                "run": run,
                **counts,
            }
        return key

    def _items(self, run: str, claimed_by: str) -> list[dict[str, Any]]:
        """Return the run's uploads as the catalogue has them; its index may lag behind, so that it only adds ids."""
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        listed = [item["asset_id"] for item in catalogue.iter_run(FOOTAGE_SOURCE, run)]
        items = catalogue.read_many([*listed, *(self.asset_ids or ())]).values()
        return [item for item in items if item.get("claimed_by") == claimed_by]

    def _paid_usd(self, dag_run: Any, items: Iterable[Mapping[str, Any]]) -> float | None:
        """Add up the jobs by the ledger, and the sentiment of the transcripts; ``None`` when a price is unknown."""
        ledger = JobLedgerHook(aws_conn_id=self.aws_conn_id)
        entries = ledger.entries_of_run(dag_run.dag_id, dag_run.run_id, self.paid_tasks) if self.paid_tasks else ()
        jobs_usd = paid_by_run(entries, dag_run.dag_id, dag_run.run_id)
        if jobs_usd is None:
            return None
        return round(jobs_usd + sum(float(item.get("sentiment_usd") or 0.0) for item in items), 6)


def outcome_from_item(item: Mapping[str, Any]) -> UploadOutcome:
    """Write a catalogue item as a line of the summary."""
    failure = item.get("failure")
    return UploadOutcome(
        asset_id=item["asset_id"],
        title=item["title"],
        original_name=item["original_name"],
        state=item["state"],
        decision=item.get("decision"),
        score=item.get("score"),
        moments_s=tuple(item.get("moments_s") or ()),
        decided_by=item.get("decided_by"),
        screened_out=bool(item.get("screened_out")),
        storage_class=item.get("storage_class"),
        triage_key=item.get("triage_key"),
        duplicate_of=item.get("duplicate_of"),
        failure=None if failure is None else Failure(**failure),
    )


def _usd(rendered: float | str | None) -> float | None:
    return None if rendered in (None, "", "None") else float(rendered)
