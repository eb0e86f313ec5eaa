"""What the curation pipelines have in common: how a batch comes into the lake, and how a run is closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Asset, TriggerRule, task

from include.catalog.keys import MediaType
from media_dags.campaigns import plan_curation, planned
from media_dags.closing import fail_with_its_tasks
from media_lake.operators.summary import LakeWriteSummaryOperator
from open_media.operators.open_media import (
    OpenMediaCompleteBatchOperator,
    OpenMediaLandTrackOperator,
    OpenMediaSearchItemsOperator,
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The assets that a run landed, and what the tasks around them need to know."""

    asset_ids: Any
    """Output of the task that filled the batch: ids, or groups of them."""
    of_this_run: dict[str, Any]
    tasks: tuple[Any, ...]


def land_batch(media_type: MediaType, *, sources: Sequence[str], group_size: int | None = None) -> Batch:
    """Plan the run, search the sources, land what is good, and replace what was bad until the batch is full.

    :param sources: what is asked, in this order, unless the run's Param ``sources`` says otherwise.
    :param group_size: how many assets one task of the next step takes; ``None`` gives each its own.
    """

    @task(multiple_outputs=True)
    def choose_campaign(dag_run=None, params=None) -> dict[str, str | int | list[str]]:
        return plan_curation(dag_run, params, media_type, sources)

    plan: Any = choose_campaign()
    of_this_run = {
        "sources": planned("sources"),
        "media_type": media_type,
        "campaign": planned("campaign"),
        "run": planned("run"),
    }
    search_items = OpenMediaSearchItemsOperator(
        task_id="search_items", batch_size=plan["batch_size"], licences=plan["licences"], **of_this_run
    )
    land_tracks = OpenMediaLandTrackOperator.partial(
        task_id=f"land_{media_type}", map_index_template="{{ task.candidate['name'] }}", **of_this_run
    ).expand(candidate=search_items.output)
    complete_batch = OpenMediaCompleteBatchOperator(
        task_id="complete_batch", group_size=group_size, trigger_rule=TriggerRule.ALL_DONE, **of_this_run
    )
    land_tracks >> complete_batch
    return Batch(complete_batch.output, of_this_run, (search_items, land_tracks, complete_batch))


def close_run(batch: Batch, *, analysed: Sequence[Any], outlets: Sequence[Asset], **costs: Any) -> Any:
    """Sum the run up and tell who waits for its assets; fail the run when a task failed. Returns the closing task.

    :param analysed: the tasks, or groups of them, that make something of the batch.
    :param costs: what ``LakeWriteSummaryOperator`` takes of paid jobs.
    """
    write_summary = LakeWriteSummaryOperator(
        task_id="write_summary",
        asked=planned("batch_size"),
        asset_ids=batch.asset_ids,
        exhausted="{{ ti.xcom_pull(task_ids='complete_batch', key='exhausted') }}",
        outlets=list(outlets),
        trigger_rule=TriggerRule.ALL_DONE,
        **batch.of_this_run,
        **costs,
    )

    failure = fail_with_its_tasks(summary="write_summary")
    analysed >> write_summary
    [*batch.tasks, *analysed, write_summary] >> failure
    return write_summary
