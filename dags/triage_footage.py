"""
# triage_footage

Look at every dash-cam upload, decide whether something happened, tell people with a link that plays, and keep the rest
where it costs least.

| | |
|---|---|
| **Runs** | as uploads below `footage/` come in, and every ten minutes over whatever was missed |
| **Reads** | `s3://<ingest>/footage/<device>/<YYYYMMDD>/<name>`, in the version that was uploaded |
| **Writes** | analysis, transcript, signals and triage records, renditions, evidence in `<processed>`; `<archive>` |
| **If it fails** | clear the failed task; every task may run twice, no job is paid and no alert sent twice |

Messages are hints: at least every ten minutes a run also lists `footage/`, all versions, for what is not in the
catalogue or is undone for a day. What `max_cost_usd` does not pay for waits for another run. A cheap look (`screen`)
comes first, which cannot see what makes neither a jolt nor a noise: off, all is analysed; runs that start by themselves
take the Params' defaults. The rules stand in `include/triage/incident_rules.yaml`; what lies between their thresholds
waits for a person (`review_footage`). A bad upload fails nothing: it is skipped, its reason is under `failed/`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import AssetOrTimeSchedule, TriggerRule, WeightRule, dag, task, task_group

from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from media_dags import assets, tags
from media_dags.closing import fail_with_its_tasks
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, cron_utc, late_after
from media_dags.params import triage_params
from media_dags.siblings import of_sibling
from media_dags.triage import PAID_TASKS, act_on, look_and_listen
from media_lake.operators.footage_summary import FootageWriteSummaryOperator
from media_lake.operators.inspection import (
    FootageChooseAnalysesOperator,
    FootageInspectOperator,
    FootagePrepareOperator,
)
from media_lake.operators.review import FootageAskReviewerOperator
from media_lake.operators.storing import FootageStoreOperator
from media_lake.operators.triage import FootageDecideOperator
from media_lake.operators.uploads import FootageClaimUploadsOperator

GROUP = "triage_upload"


@dag(
    schedule=AssetOrTimeSchedule(timetable=cron_utc("*/10 * * * *"), assets=[assets.FOOTAGE_UPLOADS]),
    max_active_runs=4,
    default_args=DEFAULT_ARGS | {"weight_rule": WeightRule.UPSTREAM},  # what is begun is ended first, with its alert
    dagrun_timeout=timedelta(hours=24),
    deadline=late_after(timedelta(hours=2)),
    on_failure_callback=ON_RUN_FAILED,
    params=triage_params(),
    tags=[tags.VIDEO, tags.FOOTAGE],
    doc_md=__doc__,
)
def triage_footage():
    claim_uploads = FootageClaimUploadsOperator(
        task_id="claim_uploads", limit="{{ params.most_uploads }}", max_cost_usd="{{ params.max_cost_usd }}"
    )
    inspect_upload = FootageInspectOperator.partial(task_id="inspect_upload", map_index_template="{{ name }}").expand(
        asset_id=claim_uploads.output
    )
    choose_analyses = FootageChooseAnalysesOperator(
        task_id="choose_analyses",
        asset_ids=claim_uploads.output,
        screen="{{ params.screen }}",
        max_cost_usd="{{ params.max_cost_usd }}",
        trigger_rule=TriggerRule.ALL_DONE,
    )
    inspect_upload >> choose_analyses

    @task
    def pass_over(quiet: list[str]) -> list[str]:
        return quiet  # Airflow maps over what a task returns, not over another value that it pushed

    @task_group(group_id=GROUP)
    def triage_upload(asset_id):
        prepare_upload = FootagePrepareOperator(
            task_id="prepare_upload", asset_id=asset_id, map_index_template="{{ name }}"
        )
        decide = FootageDecideOperator(
            task_id="decide", asset_id=asset_id, group=GROUP,
            map_index_template="{{ name }}", trigger_rule=TriggerRule.ALL_DONE,
        )  # fmt: skip
        look_and_listen(GROUP, prepare_upload) >> decide
        name = of_sibling(GROUP, "prepare_upload")("name")
        act_on(decide, asset_id=asset_id, name=name)
        decide >> FootageAskReviewerOperator(
            task_id="ask_reviewer", asset_id=asset_id, review_dag_id="review_footage", map_index_template=name
        )

    @task_group(default_args={"weight_rule": WeightRule.ABSOLUTE, "priority_weight": 0})  # the rest can wait
    def file_quiet(asset_id):
        upload = {"asset_id": asset_id, "map_index_template": "{{ name }}"}
        decide_quiet = FootageDecideOperator(task_id="decide_quiet", group=None, **upload)
        decide_quiet >> FootageStoreOperator(task_id="store_quiet", **upload)

    decided = [
        triage_upload.expand(asset_id=choose_analyses.output),
        file_quiet.expand(asset_id=pass_over(choose_analyses.output["screened_out"])),
    ]
    report_triage = FootageWriteSummaryOperator(
        task_id="report_triage",
        asset_ids=claim_uploads.output,
        quoted_usd="{{ ti.xcom_pull(task_ids='choose_analyses', key='quoted_usd') or '' }}",
        saved_usd="{{ ti.xcom_pull(task_ids='choose_analyses', key='saved_usd') or '' }}",
        paid_tasks=[f"{GROUP}.{task}" for task in PAID_TASKS],
        outlets=[assets.FOOTAGE_TRIAGE],
        trigger_rule=TriggerRule.ALL_DONE,
    )
    failure = fail_with_its_tasks(summary="report_triage", budget="choose_analyses")
    cancel_leftovers = CancelLeftoverJobsOperator(task_id="cancel_leftovers")
    [claim_uploads, inspect_upload, choose_analyses, *decided] >> report_triage >> failure
    report_triage >> cancel_leftovers.as_teardown(on_failure_fail_dagrun=True)


triage_footage()
