"""
# tier_storage

Look at every object of the lake, decide by its size, age, importance and the rate card where it costs least, and say
what that would save; move what is to be moved when you ask for it.

| | |
|---|---|
| **Runs** | Sundays at 04:00 UTC as a dry run, and on demand; only a run with `dry_run` off moves anything |
| **Reads** | S3 Inventory below `s3://<reports>/inventory/`, else listings; the catalogue; `lake_areas.yaml` |
| **Writes** | `s3://<reports>/tiering/<YYYYMMDD>/`: report, plan, chart, what was done; storage classes |
| **If it fails** | clear the failed task; every task may run twice. Nothing is moved whose copy is not verified |

Each group of moves is done by the cheapest means at its scale: a lifecycle rule where everything below a prefix and
above a size goes the same way, verified copies up to `max_moves` objects, beyond that the manifest of an S3 Batch
Operations job and the request to start it. The report prices all of them. A bucket that keeps no versions gets neither
copies nor a job, for its objects would be overwritten before a copy is proved. Dash-cam uploads move as
`triage_footage` moves them. `docs/tiering.md` tells more.

Provenance, records and whatever belongs to an incident stay where they are. A run that comes after one that moved
things finds nothing to do; what a lifecycle rule is going to move counts as on its way.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, TriggerRule, dag

from include.storage.areas import ROLES
from media_dags import tags
from media_dags.closing import fail_with_its_tasks
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, cron_utc, late_after
from media_dags.siblings import only_if
from media_lake.operators.storing import FootageStoreOperator
from media_lake.operators.tiering import (
    LakeApplyTieringOperator,
    LakeChooseFootageOperator,
    LakePlanTieringOperator,
    LakeReportTieringOperator,
)

LONGEST_TASK = timedelta(hours=6)  # 100,000 copies, or ten million keys
IS_MEANT = (lambda context: not context["params"]["dry_run"], "a dry run: nothing is moved")


@dag(
    schedule=cron_utc("0 4 * * 0"),
    max_active_runs=1,
    default_args=DEFAULT_ARGS | {"execution_timeout": LONGEST_TASK},
    dagrun_timeout=timedelta(hours=24),
    deadline=late_after(timedelta(hours=12)),
    on_failure_callback=ON_RUN_FAILED,
    params={
        "dry_run": Param(
            default=True, type="boolean", title="Dry run",
            description="Plan and report only; off: move what is planned.",
        ),
        "buckets": Param(
            ["ingest", "raw", "delivery", "archive"],
            type="array",
            items={"type": "string", "enum": list(ROLES)},
            minItems=1,
            examples=list(ROLES),
            title="Buckets",
            description="Whose objects are looked at.",
        ),
        "keep_months": Param(
            36, type="number", minimum=1, maximum=1200, title="Retention (months)",
            description="How long an object is kept from the day it was stored; a class saves for so long.",
        ),
        "max_moves": Param(
            10_000, type="integer", minimum=0, maximum=100_000, title="Most copies",
            description="How many objects a run copies one by one; a larger group takes a rule or a batch job.",
        ),
        "max_cost_usd": Param(
            10.0, type="number", minimum=0, title="Most it may cost once (USD)",
            description="What the moves themselves may cost by the rate card; a dearer plan moves nothing.",
        ),
    },
    tags=[tags.STORAGE],
    doc_md=__doc__,
)  # fmt: skip
def tier_storage():
    plan_tiering = LakePlanTieringOperator(
        task_id="plan_tiering",
        buckets="{{ params.buckets | join(',') }}",
        keep_months="{{ params.keep_months }}",
        max_moves="{{ params.max_moves }}",
    )
    apply_tiering = LakeApplyTieringOperator(
        task_id="apply_tiering",
        report_key=plan_tiering.output,
        max_moves="{{ params.max_moves }}",
        max_cost_usd="{{ params.max_cost_usd }}",
        pre_execute=only_if(IS_MEANT),
    )
    choose_footage = LakeChooseFootageOperator(
        task_id="choose_footage",
        report_key=plan_tiering.output,
        max_cost_usd="{{ params.max_cost_usd }}",
        pre_execute=only_if(IS_MEANT),
    )
    store_upload = FootageStoreOperator.partial(
        task_id="store_upload", keep_months="{{ params.keep_months }}", map_index_template="{{ name }}"
    ).expand(asset_id=choose_footage.output)
    report_tiering = LakeReportTieringOperator(
        task_id="report_tiering",
        report_key="{{ ti.xcom_pull(task_ids='plan_tiering') or '' }}",
        trigger_rule=TriggerRule.ALL_DONE,
    )
    moved = [apply_tiering, store_upload]
    [plan_tiering, choose_footage, *moved, report_tiering] >> fail_with_its_tasks(summary="report_tiering")
    moved >> report_tiering


tier_storage()
