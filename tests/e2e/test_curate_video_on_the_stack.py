"""curate_video on the stack: deferred, through a killed triggerer and a killed worker, however often cleared."""

from __future__ import annotations

import json
import os
import signal

import pytest
from boto3.dynamodb.types import TypeDeserializer

from tests.ground import PATIENCE_S

RAW, PROCESSED, LEDGER = "media-raw", "media-processed", "media-jobs"
DETECT = ("detect_labels", "detect_segments", "detect_text")
CONF = {"campaign": "street-sounds", "sources": ["pixabay"], "batch_size": 1, "persist_campaign": False}


@pytest.fixture
def tasks(airflow):
    """The task instances of a run in the group of each clip, by name and map index."""

    def tasks(run_id: str, *names: str) -> dict[tuple[str, int], dict]:
        return {
            (name, instance["map_index"]): instance
            for instance in airflow.task_instances("curate_video", run_id)
            if (name := instance["task_id"].rpartition(".")[2]) in names and instance["map_index"] >= 0
        }

    return tasks


@pytest.fixture
def bought(client):
    """The ledger's entries about the clips of a campaign, by job id."""

    def bought(service: str) -> dict[str, dict]:
        value_of = TypeDeserializer().deserialize
        items = client("dynamodb").scan(TableName=LEDGER, ConsistentRead=True)["Items"]
        entries = [{name: value_of(value) for name, value in item.items()} for item in items]
        return {
            entry["job_id"]: entry
            for entry in entries
            if entry.get("service") == service and f"/{CONF['campaign']}/" in entry["asset"]
        }

    return bought


def test_no_analysis_is_paid_twice_through_kills_and_clears(
    airflow, client, objects, tasks, bought, kill, process_of, unfinished_jobs, wait_until, restart_what_died,
    told_by_rekognition,
):  # fmt: skip
    airflow.unpause("curate_video")
    run_id = airflow.trigger("curate_video", CONF)

    with unfinished_jobs() as stop_new_workers:

        def waiting(after: dict[str, int]) -> dict[str, int]:
            stop_new_workers()
            deferred = {
                name: instance["try_number"]
                for (name, _), instance in tasks(run_id, *DETECT).items()
                if instance["state"] == "deferred" and instance["try_number"] > after.get(name, 0)
            }
            return deferred if deferred.keys() == set(DETECT) else {}

        first = wait_until(lambda: waiting({}), "the first deferral")
        airflow.clear("curate_video", run_id, [f"analyse_video.{name}" for name in DETECT])
        wait_until(lambda: waiting(first), "the deferral after the clear")
        kill("triggerer")
        restart_what_died()

    def at_work() -> list[int]:
        instances = tasks(run_id, "write_labels").values()
        return [pid for one in instances if one["state"] == "running" and (pid := process_of(one)) is not None]

    for pid in wait_until(at_work, "the writing of labels"):
        os.kill(pid, signal.SIGKILL)
    assert airflow.wait_for_run("curate_video", run_id, PATIENCE_S) == "success"
    assert [instance["try_number"] for instance in tasks(run_id, "write_labels").values()] == [2]

    run = airflow.xcom("curate_video", run_id, "choose_campaign", "run")
    prefix = f"video/pixabay/{CONF['campaign']}/{run}/"
    summary = json.loads(client("s3").get_object(Bucket=PROCESSED, Key=f"{prefix}summary.json")["Body"].read())
    assert summary["analysed"] == 1
    written = {key: etag for key, (etag, _) in objects(PROCESSED, prefix).items()}
    jobs = bought("rekognition")
    assert len(jobs) == len(DETECT)
    for entry in jobs.values():
        assert (entry["state"], entry["generation"]) == ("complete", 1)

    airflow.clear("curate_video", run_id)
    assert airflow.wait_for_run("curate_video", run_id, PATIENCE_S) == "success"
    assert {key: etag for key, (etag, _) in objects(PROCESSED, prefix).items()} == written
    assert bought("rekognition").keys() == jobs.keys()
    announced = [message["JobId"] for message in told_by_rekognition(f"video/pixabay/{CONF['campaign']}/")]
    assert sorted(announced) == sorted(jobs), "the service did other jobs than the ledger knows"


def test_a_run_over_its_budget_goes_on_when_approved_and_ends_failed_when_a_person_says_so(
    airflow, tasks, wait_until, unfinished_jobs
):
    airflow.unpause("curate_video")
    conf = CONF | {"campaign": "nature-sounds", "max_cost_usd": 0, "approve_over_budget": True}
    run_id = airflow.trigger("curate_video", conf)
    run = f"/dags/curate_video/dagRuns/{run_id}"
    asked = wait_until(lambda: airflow.request("GET", f"{run}/hitlDetails")["hitl_details"], "the question")[0]
    assert "$" in asked["subject"]
    answer = f"{run}/taskInstances/approve_cost/-1/hitlDetails"

    with unfinished_jobs() as stop_new_workers:

        def analysis_is_under_way() -> bool:
            stop_new_workers()
            # answered again where an answer within the first second got lost, and the question came anew
            if not airflow.request("GET", answer)["response_received"]:
                airflow.request("PATCH", answer, json={"chosen_options": ["Approve"], "params_input": {}})
            return any(one["state"] in ("running", "deferred") for one in tasks(run_id, *DETECT).values())

        wait_until(analysis_is_under_way, "the analysis after the approval")
        airflow.request("PATCH", run, json={"state": "failed"})
    assert airflow.wait_for_run("curate_video", run_id, PATIENCE_S) == "failed"
    states = {one["task_id"]: one["state"] for one in airflow.task_instances("curate_video", run_id)}
    assert states["approve_cost"] == states["cancel_leftovers"] == "success"
