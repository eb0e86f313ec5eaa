"""
# curate_audio

Fill the lake with Creative-Commons audio of a campaign: search the Internet Archive, land what is good with its licence
and provenance, and note how loud, how fast and in which key each recording is.

| | |
|---|---|
| **Runs** | Mondays at 06:00 UTC with the active campaign, and on demand with a campaign of your choice |
| **Reads** | the Internet Archive; from SSM below `/<prefix>/` the active campaign and the batch size |
| **Writes** | media and provenance in `<raw>`, features and a summary in `<processed>`, the asset catalogue |
| **If it fails** | clear the failed task; every task may run twice. A bad file fails nothing, see the summary |

A run asks for `batch_size` recordings that the lake does not have. What turns out to be bad (wrong checksum, no audio,
bytes that another item brought already) is recorded and replaced by the next candidate, until the batch is full or the
source has no more. What lands as audio but fails in its analysis is recorded and not replaced: the summary then says
`exhausted: false` and fewer `analysed` than `asked`. A run that analysed nothing skips `write_summary` once the summary
is written, so that no pipeline downstream wakes.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowFailException

from media_dags import assets, tags
from media_dags.campaigns import plan_curation, planned
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, cron_utc, late_after
from media_dags.params import curation_params
from media_lake.operators.audio import AudioAnalyseAssetsOperator
from media_lake.operators.summary import LakeWriteSummaryOperator
from open_media.operators.open_media import (
    OpenMediaCompleteBatchOperator,
    OpenMediaLandTrackOperator,
    OpenMediaSearchItemsOperator,
)

FILES_PER_ANALYSIS = 8  # several share the cold start of the analysis libraries


@dag(
    schedule=cron_utc("0 6 * * 1"),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=12),
    deadline=late_after(timedelta(hours=6)),
    on_failure_callback=ON_RUN_FAILED,
    params=curation_params(batch_size=5),
    tags=[tags.AUDIO, tags.CURATION],
    doc_md=__doc__,
)
def curate_audio():
    @task(multiple_outputs=True)
    def choose_campaign(dag_run=None, params=None) -> dict[str, str | int | list[str]]:
        return plan_curation(dag_run, params, "audio")

    plan = choose_campaign()
    of_this_run = {
        "source": "internet-archive",
        "media_type": "audio",
        "campaign": planned("campaign"),
        "run": planned("run"),
    }

    search_items = OpenMediaSearchItemsOperator(
        task_id="search_items", batch_size=plan["batch_size"], licences=plan["licences"], **of_this_run
    )

    land_audio = OpenMediaLandTrackOperator.partial(
        task_id="land_audio", map_index_template="{{ task.candidate['name'] }}", **of_this_run
    ).expand(candidate=search_items.output)

    complete_batch = OpenMediaCompleteBatchOperator(
        task_id="complete_batch",
        group_size=FILES_PER_ANALYSIS,
        trigger_rule=TriggerRule.ALL_DONE,
        **of_this_run,
    )

    analyse_audio = AudioAnalyseAssetsOperator.partial(
        task_id="analyse_audio", map_index_template="{{ names }}"
    ).expand(asset_ids=complete_batch.output)

    write_summary = LakeWriteSummaryOperator(
        task_id="write_summary",
        asked=planned("batch_size"),
        asset_ids=complete_batch.output,
        exhausted="{{ ti.xcom_pull(task_ids='complete_batch', key='exhausted') }}",
        outlets=[assets.AUDIO_FEATURES],
        trigger_rule=TriggerRule.ALL_DONE,
        **of_this_run,
    )

    @task(trigger_rule=TriggerRule.ONE_FAILED)
    def report_failure():
        raise AirflowFailException("a task of this run failed; the others went on, see the grid")

    land_audio >> complete_batch
    analyse_audio >> write_summary
    [search_items, land_audio, complete_batch, analyse_audio, write_summary] >> report_failure()


curate_audio()
