"""curate_video on the stack: deferred, through a killed triggerer and a killed worker, however often cleared."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress

import pytest
from boto3.dynamodb.types import TypeDeserializer

RUN_PATIENCE_S = 300
RAW, PROCESSED, LEDGER = "media-raw", "media-processed", "media-jobs"
DETECT = ("detect_labels", "detect_segments", "detect_text")
CONF = {"campaign": "street-sounds", "batch_size": 2, "persist_campaign": False}


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
    paid = (*DETECT, "make_proxy")

    with unfinished_jobs() as stop_new_workers:

        def waiting(after: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
            stop_new_workers()
            found = tasks(run_id, *paid)
            deferred = {
                place: instance["try_number"]
                for place, instance in found.items()
                if instance["state"] == "deferred" and instance["try_number"] > after.get(place, 0)
            }
            return deferred if {index for _, index in deferred} == {0, 1} and after.keys() <= deferred.keys() else {}

        first = wait_until(lambda: waiting({}), 180, "the first deferral")
        airflow.clear("curate_video", run_id, sorted({f"analyse_video.{name}" for name, _ in first}))
        wait_until(lambda: waiting(first), 90, "the deferral after the clear")
        kill("triggerer")
        restart_what_died()

    def at_work() -> list[int]:
        instances = tasks(run_id, "write_labels").values()
        return [pid for one in instances if one["state"] == "running" and (pid := process_of(one)) is not None]

    for pid in wait_until(at_work, 180, "the writing of labels"):
        with suppress(ProcessLookupError):  # of two, one may just have ended
            os.kill(pid, signal.SIGKILL)
    assert airflow.wait_for_run("curate_video", run_id, RUN_PATIENCE_S) == "success"
    assert max(instance["try_number"] for instance in tasks(run_id, "write_labels").values()) > 1

    run = airflow.xcom("curate_video", run_id, "choose_campaign", "run")
    prefix = f"video/wikimedia/{CONF['campaign']}/{run}/"
    summary = json.loads(client("s3").get_object(Bucket=PROCESSED, Key=f"{prefix}summary.json")["Body"].read())
    assert summary["analysed"] == 2
    written = objects(PROCESSED, prefix)
    jobs = {service: bought(service) for service in ("rekognition", "mediaconvert")}
    assert len(jobs["rekognition"]) == 2 * len(DETECT)
    for entry in (*jobs["rekognition"].values(), *jobs["mediaconvert"].values()):
        assert (entry["state"], entry["generation"]) == ("complete", 1)

    airflow.clear("curate_video", run_id)
    assert airflow.wait_for_run("curate_video", run_id, RUN_PATIENCE_S) == "success"
    assert {key: etag for key, (etag, _) in objects(PROCESSED, prefix).items()} == {
        key: etag for key, (etag, _) in written.items()
    }
    assert {service: bought(service).keys() for service in jobs} == {name: found.keys() for name, found in jobs.items()}
    announced = [message["JobId"] for message in told_by_rekognition(f"video/wikimedia/{CONF['campaign']}/")]
    assert sorted(announced) == sorted(jobs["rekognition"]), "the service did other jobs than the ledger knows"


@pytest.fixture
def question(airflow, wait_until):
    """Starts a run that may cost nothing, waits until it asks a person, and returns its id and what it asks."""

    def question(campaign: str) -> tuple[str, dict]:
        airflow.unpause("curate_video")
        conf = {"campaign": campaign, "batch_size": 1, "persist_campaign": False}
        run_id = airflow.trigger("curate_video", conf | {"max_cost_usd": 0, "approve_over_budget": True})
        pending = lambda: airflow.request("GET", f"/dags/curate_video/dagRuns/{run_id}/hitlDetails")["hitl_details"]  # noqa: E731
        return run_id, wait_until(pending, 180, "the question to a person")[0]

    return question


def test_a_run_over_its_budget_waits_for_a_person_and_goes_on_when_approved(airflow, client, question):
    run_id, asked = question("nature-sounds")
    assert "$" in asked["subject"]
    path = f"/dags/curate_video/dagRuns/{run_id}/taskInstances/approve_cost/-1/hitlDetails"

    def approve() -> None:  # again, where an answer within the first second got lost and the question came anew
        if not airflow.request("GET", path)["response_received"]:
            airflow.request("PATCH", path, json={"chosen_options": ["Approve"], "params_input": {}})

    assert airflow.wait_for_run("curate_video", run_id, RUN_PATIENCE_S, on_poll=approve) == "success"
    run = airflow.xcom("curate_video", run_id, "choose_campaign", "run")
    key = f"video/wikimedia/nature-sounds/{run}/summary.json"
    summary = json.loads(client("s3").get_object(Bucket=PROCESSED, Key=key)["Body"].read())
    assert summary["analysed"] == 1
    assert summary["quoted_usd"] > 0


def test_a_run_that_a_person_marks_failed_ends_failed(airflow, question):
    run_id, _ = question("folk")
    airflow.request("PATCH", f"/dags/curate_video/dagRuns/{run_id}", json={"state": "failed"})
    assert airflow.wait_for_run("curate_video", run_id, RUN_PATIENCE_S) == "failed"
    states = {one["task_id"]: one["state"] for one in airflow.task_instances("curate_video", run_id)}
    assert states["cancel_leftovers"] == "success"
