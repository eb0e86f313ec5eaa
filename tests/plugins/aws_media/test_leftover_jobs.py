from __future__ import annotations

import os
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import LedgerEntry, LedgerUnavailable
from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from tests.plugins.aws_media.studio import StudioOperator

START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = iter(datetime(2026, 4, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(1000))


def states_after_running(dag: DAG) -> dict[str, set[str]]:
    """Run a DAG that stands in no file, in this process; return the states of each task's instances."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=os.devnull, collect_dags=False)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    moment = next(MOMENTS)
    states = defaultdict(set)
    for instance in dag.test(logical_date=moment, run_after=moment).get_task_instances():
        states[instance.task_id].add(str(instance.state))
    return states


@pytest.fixture
def run(airflow_database, shared_clients, studio, narration):
    """Runs a DAG of one task that buys and a teardown, as often as wanted."""
    dag_id = f"buys_{uuid.uuid4().hex[:8]}"

    def run(**parameters) -> dict[str, set[str]]:
        with DAG(dag_id, schedule=None, start_date=START, params={"key": narration}) as dag:
            detect = StudioOperator(
                task_id="detect",
                bucket="media-raw",
                key="{{ params.key }}",
                retries=1,
                retry_delay=timedelta(0),
                waiter_delay=0,
                **parameters,
            )
            detect >> CancelLeftoverJobsOperator(task_id="cancel_leftover_jobs").as_teardown()
        return states_after_running(dag)

    return run


def test_a_run_waits_for_its_job_leaves_nothing_and_the_next_run_has_the_result(run, studio, ledger):
    assert run(deferrable=True) == {"detect": {"success"}, "cancel_leftover_jobs": {"success"}}
    tags = studio.jobs["job-1"].tags
    assert (tags["dag_id"][:5], tags["run_id"][:15], tags["task_id"]) == ("buys_", "manual__2026-04", "detect")
    assert ledger.read(tags["job_key"]).state == "complete"
    assert run(deferrable=True)["detect"] == {"success"}
    assert (studio.paid, studio.cancelled) == (1, [])


def test_a_job_that_failed_for_good_is_not_bought_again_by_a_retry(run, studio):
    studio.instant = "failed"

    def unsupported() -> None:
        studio.jobs["job-1"].code = "UnsupportedCodec"

    studio.after_start = [unsupported]
    assert run()["detect"] == {"failed"}
    assert studio.paid == 1


def test_a_job_that_failed_is_bought_again_by_the_retry(run, studio):
    studio.instant = "failed"
    studio.after_start = [lambda: setattr(studio, "instant", "complete")]
    assert run()["detect"] == {"success"}
    assert studio.paid == 2


def test_what_a_task_left_running_is_cancelled_at_the_end_of_the_run(run, studio, ledger):
    assert run(wait_for_completion=False)["cancel_leftover_jobs"] == {"success"}
    assert studio.cancelled == ["job-1"]
    assert ledger.read(studio.jobs["job-1"].tags["job_key"]).state == "cancelled"


def test_what_another_run_waits_for_is_left_alone(run, studio, ledger, monkeypatch):
    def another_run_holds_it_too() -> None:
        job_key = studio.jobs["job-1"].tags["job_key"]
        ledger.change(ledger.read(job_key), lambda e: LedgerEntry.held_by(e, "other|run|detect|-1|1"))

    studio.after_start = [another_run_holds_it_too]
    run(wait_for_completion=False)
    assert studio.cancelled == []


def test_without_ledger_a_leftover_is_found_by_its_link(run, studio):
    run(wait_for_completion=False, use_ledger=False)
    assert studio.cancelled == ["job-1"]


def test_what_mapped_tasks_left_running_is_cancelled(airflow_database, shared_clients, studio, narration):
    with DAG(f"buys_{uuid.uuid4().hex[:8]}", schedule=None, start_date=START) as dag:
        detect = StudioOperator.partial(
            task_id="detect", bucket="media-raw", key=narration, wait_for_completion=False
        ).expand(confidence=[10.5, 20.5, 30.5])
        detect >> CancelLeftoverJobsOperator(task_id="cancel_leftover_jobs").as_teardown()
    states_after_running(dag)
    assert sorted(studio.cancelled) == ["job-1", "job-2", "job-3"]


def test_a_mapped_task_is_looked_after_with_its_own_connection_and_table(studio, a_task, monkeypatch):
    asked = []

    class NoteWhoAsks(JobLedgerHook):
        def held_by_task(self, task: str) -> set[str]:
            asked.append((self.aws_conn_id, self._region_name, self.table_name))
            return set()

    monkeypatch.setattr("aws_media.operators.leftover_jobs.JobLedgerHook", NoteWhoAsks)
    with DAG("maps", schedule=None, start_date=START) as dag:
        StudioOperator.partial(task_id="default", bucket="b").expand(key=["x"])
        StudioOperator.partial(
            task_id="own", bucket="b", aws_conn_id="studio", region_name="{{ params.region }}", ledger_table="own-jobs"
        ).expand(key=["x"])
        cancel = CancelLeftoverJobsOperator(task_id="cancel_leftover_jobs").as_teardown()
    cancel.execute(a_task() | {"dag": dag, "params": {"region": "eu-west-1"}})
    assert asked == [("aws_default", None, "media-jobs"), ("studio", "eu-west-1", "own-jobs")]


def test_leftovers_that_cannot_be_told_fail_the_teardown_after_all_were_tried(studio, ledger, a_task, narration):
    with DAG("buys", schedule=None, start_date=START) as dag:
        StudioOperator(task_id="a_lost", bucket="media-raw", key=narration, ledger_table="nowhere")
        found = StudioOperator(task_id="found", bucket="media-raw", key=narration, wait_for_completion=False)
        cancel = CancelLeftoverJobsOperator(task_id="cancel_leftover_jobs").as_teardown()
    found.execute(a_task("found"))
    with pytest.raises(LedgerUnavailable, match=r"a_lost.*table nowhere, does not exist"):
        cancel.execute(a_task("cancel_leftover_jobs") | {"dag": dag})
    assert studio.cancelled == ["job-1"]
