from __future__ import annotations

import pytest
from airflow.sdk.exceptions import TaskDeferred

from tests.plugins.aws_media.studio import StudioTrigger


def test_without_waiting_the_job_id_is_returned_at_once(detect, a_task, studio, entry_of):
    operator, task = detect(wait_for_completion=False), a_task()
    assert operator.execute(task) == "job-1"
    assert entry_of(operator, task).state == "active"
    assert task["ti"].xcoms["studio_job"]["job_id"] == "job-1"


def test_waiting_in_the_worker_returns_where_the_result_is(detect, a_task, studio, entry_of):
    studio.instant = "complete"
    operator, task = detect(), a_task()
    assert operator.execute(task) == "results/job-1.json"
    entry = entry_of(operator, task)
    assert (entry.state, entry.result, entry.holders) == (
        "complete",
        {"result_key": "results/job-1.json", "share": 0.25},
        frozenset(),
    )


def test_deferring_hands_everything_on_to_the_trigger(detect, a_task, studio, entry_of):
    operator, task = detect(deferrable=True, region_name="us-east-1", verify=False), a_task()
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(task)
    trigger = deferral.value.trigger
    assert isinstance(trigger, StudioTrigger)
    entry = entry_of(operator, task)
    expected = {
        "operation": "label_detection",
        "job_id": "job-1",
        "job_key": entry.job_key,
        "holder": "triage|manual__2026-03-01|detect|-1|1",
        "ledger_table": "media-jobs",
        "region_name": "us-east-1",
        "verify": False,
    }
    assert expected.items() <= trigger.serialize()[1].items()
    studio.end()
    event = {"status": "success", "job_id": "job-1", "state": "complete"}
    assert deferral.value.method_name == "execute_complete"
    assert operator.execute_complete(task, event, **deferral.value.kwargs) == "results/job-1.json"


def test_the_entry_carries_the_estimated_price(detect, a_task, studio, entry_of):
    operator, task = detect(wait_for_completion=False), a_task()
    operator.execute(task)
    entry = entry_of(operator, task)
    assert entry.estimated_usd == 0.15  # 90 s at $0.10 a minute
    assert entry.billed_units[0]["quantity"] == 1.5
    assert entry.priced_by.startswith("aws-us-east-1-list of 20")
