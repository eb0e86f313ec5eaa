"""
# curate_video

Fill the lake with free clips of a campaign and with what can be seen in them: search Wikimedia Commons, and Pixabay
when that has too little, land what is good with its licence and provenance, let Rekognition look, and write down
labels, shots, text and what an editor asks for.

| | |
|---|---|
| **Runs** | Mondays at 08:00 UTC with the active campaign, and on demand with a campaign of your choice |
| **Reads** | Wikimedia Commons, Pixabay; from SSM below `/<prefix>/` the active campaign and the batch size |
| **Writes** | media and provenance in `<raw>`; labels, contact sheets, proxies and summaries in `<processed>` |
| **If it fails** | clear the failed task; every task may run twice, no job is paid twice. A bad clip fails nothing |

Before anything is paid, `approve_cost` quotes the whole run by the rate card. Above `max_cost_usd` the run stops there
and says so, or waits a day for a person, under *Required Actions*, when `approve_over_budget` is set.

What Rekognition cannot take (WebM, Ogg, HEVC, 10 bits) gets an H.264 proxy through MediaConvert first. An analysis
that is refused or denied shows as skipped, and stands with its reason under `skipped` in the clip's
`<stem>_labels.json`; everything else goes on. At most 20 Rekognition jobs are under way at once (pool `rekognition`);
waiting for one takes no worker.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import TriggerRule, dag, task_group

from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from aws_media.operators.mediaconvert import MediaConvertCreateJobOperator
from aws_media.operators.rekognition import (
    RekognitionDetectLabelsOperator,
    RekognitionDetectModerationOperator,
    RekognitionDetectSegmentsOperator,
    RekognitionDetectTextOperator,
)
from media_dags import assets, tags
from media_dags.curation import close_run, land_batch
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, cron_utc, late_after
from media_dags.params import analysis_params, curation_params, source_params
from media_dags.siblings import of_sibling, only_if
from media_lake.operators.costs import CurationApproveCostOperator
from media_lake.operators.footage import VideoPrepareOperator
from media_lake.operators.video import VideoWriteLabelsOperator

SOURCES = ("wikimedia", "pixabay")
GROUP = "analyse_video"
ANALYSES = "labels,segments,text{{ ',moderation' if params.moderation }}"
PAID_TASKS = ("make_proxy", "detect_labels", "detect_segments", "detect_text", "detect_moderation")
NEEDS_PROXY = (lambda context: context["task"].settings, "Rekognition takes the file as it is")
IS_PREPARED = (lambda context: context["task"].key, "the clip could not be prepared")
IS_ASKED_FOR = (lambda context: context["params"]["moderation"], "not asked for")


@dag(
    schedule=cron_utc("0 8 * * 1"),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=48),  # a day of it for a person's approval
    deadline=late_after(timedelta(hours=36)),
    on_failure_callback=ON_RUN_FAILED,
    params=curation_params(batch_size=2, further_licences=["pixabay"]) | source_params(SOURCES) | analysis_params(),
    tags=[tags.VIDEO, tags.CURATION],
    doc_md=__doc__,
)
def curate_video():
    batch = land_batch("video", sources=SOURCES)

    approve_cost = CurationApproveCostOperator(
        task_id="approve_cost",
        asset_ids=batch.asset_ids,
        analyses=ANALYSES,
        max_cost_usd="{{ params.max_cost_usd }}",
        approve_over_budget="{{ params.approve_over_budget }}",
    )

    @task_group(group_id=GROUP)
    def analyse_video(asset_id):
        prepare_video = VideoPrepareOperator(
            task_id="prepare_video", asset_id=asset_id, map_index_template="{{ name }}"
        )
        prepared = of_sibling(GROUP, "prepare_video")
        named = {"map_index_template": prepared("name"), "soft_fail": True, "deferrable": True}
        make_proxy = MediaConvertCreateJobOperator(
            task_id="make_proxy",
            settings=prepare_video.output["proxy_settings"],
            **named | {"pre_execute": only_if(NEEDS_PROXY)},
        )
        of_clip = {name: prepared(name) for name in ("bucket", "key", "duration_s")} | named
        of_clip["pre_execute"] = only_if(IS_PREPARED)
        of_clip["trigger_rule"] = TriggerRule.NONE_FAILED  # with MIN_ONE_SUCCESS a clip waits for all proxies
        detect = [
            RekognitionDetectLabelsOperator(task_id="detect_labels", **of_clip),
            RekognitionDetectSegmentsOperator(task_id="detect_segments", **of_clip),
            RekognitionDetectTextOperator(task_id="detect_text", **of_clip),
            RekognitionDetectModerationOperator(
                task_id="detect_moderation", **of_clip | {"pre_execute": only_if(IS_ASKED_FOR, IS_PREPARED)}
            ),
        ]
        write_labels = VideoWriteLabelsOperator(
            task_id="write_labels", asset_id=asset_id, group=GROUP, analyses=ANALYSES,
            map_index_template="{{ names }}", trigger_rule=TriggerRule.ALL_DONE,
        )  # fmt: skip
        prepare_video >> [make_proxy, *detect]
        make_proxy >> detect >> write_labels

    analysed = analyse_video.expand(asset_id=approve_cost.output)
    write_summary = close_run(
        batch,
        analysed=[approve_cost, analysed],
        outlets=[assets.VIDEO_LABELS],
        quoted_usd="{{ ti.xcom_pull(task_ids='approve_cost', key='quoted_usd') or '' }}",
        paid_tasks=[f"{GROUP}.{task}" for task in PAID_TASKS],
    )
    cancel_leftovers = CancelLeftoverJobsOperator(task_id="cancel_leftovers")
    write_summary >> cancel_leftovers.as_teardown(on_failure_fail_dagrun=True)


curate_video()
