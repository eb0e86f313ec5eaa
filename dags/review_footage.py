"""
# review_footage

Ask a person about an upload of which the rules are not sure, and do what follows from the answer.

| | |
|---|---|
| **Runs** | when `triage_footage` comes to no clear decision, one run an upload; or by hand with an asset id |
| **Reads** | the upload's triage record and its item of the catalogue |
| **Writes** | the triage record; of an incident rendition, evidence and alert; of the rest its place in `<archive>` |
| **If it fails** | clear the failed task; every task may run twice, no job is paid and no alert sent twice |

The question stands under *Required Actions*. Without an answer within `review_hours` the upload counts as an incident:
an alert too many costs a minute, one too few may cost a life.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from media_dags import tags
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, late_after
from media_dags.params import review_params
from media_dags.triage import act_on
from media_lake.operators.review import FootageApplyReviewOperator, FootageReviewOperator


@dag(
    schedule=None,
    max_active_runs=1000,  # each waits for a person
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(days=31),
    deadline=late_after(timedelta(days=31)),
    on_failure_callback=ON_RUN_FAILED,
    params=review_params(),
    tags=[tags.VIDEO, tags.FOOTAGE],
    doc_md=__doc__,
)
def review_footage():
    asset_id = "{{ params.asset_id }}"
    ask_person = FootageReviewOperator(
        task_id="ask_person", asset_id=asset_id, review_hours="{{ params.review_hours }}"
    )
    apply_answer = FootageApplyReviewOperator(task_id="apply_answer", asset_id=asset_id, answer=ask_person.output)
    acted = act_on(apply_answer, asset_id=asset_id, name="")
    acted[-1] >> CancelLeftoverJobsOperator(task_id="cancel_leftovers").as_teardown(on_failure_fail_dagrun=True)


review_footage()
