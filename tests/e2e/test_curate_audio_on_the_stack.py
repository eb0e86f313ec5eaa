from __future__ import annotations

import json
import os
import signal
import uuid

import pytest

from tests.ground import PATIENCE_S

RAW, PROCESSED = "media-raw", "media-processed"


@pytest.fixture(scope="session")
def finished_run(airflow):
    """A run of the electronic campaign that went well."""
    run_id = airflow.trigger("curate_audio", {"campaign": "electronic", "batch_size": 3, "persist_campaign": False})
    assert airflow.wait_for_run("curate_audio", run_id, PATIENCE_S) == "success"
    return run_id


@pytest.fixture
def prefix(airflow, finished_run):
    run = airflow.xcom("curate_audio", finished_run, "choose_campaign", "run")
    return f"audio/internet-archive/electronic/{run}/"


def test_a_run_brings_what_it_was_asked_for(client, finished_run, prefix):
    summary = json.loads(client("s3").get_object(Bucket=PROCESSED, Key=f"{prefix}summary.json")["Body"].read())
    assert summary["analysed"] == 3
    assert summary["run_id"] == finished_run


def test_mapped_tasks_are_named_by_their_asset(airflow, finished_run, client, prefix):
    summary = json.loads(client("s3").get_object(Bucket=PROCESSED, Key=f"{prefix}summary.json")["Body"].read())
    titles = {asset["title"] for asset in summary["assets"]}
    named = {
        instance["rendered_map_index"]
        for instance in airflow.task_instances("curate_audio", finished_run)
        if instance["task_id"] == "land_audio"
    }
    assert len(named) == 3
    assert named <= titles


def test_the_run_announces_its_features(airflow, finished_run):
    events = airflow.request("GET", "/assets/events", params={"source_run_id": finished_run})["asset_events"]
    assert [event["name"] for event in events] == ["audio_features"]
    assert events[0]["extra"]["analysed"] == 3


def test_a_cleared_run_leaves_the_same_objects(airflow, finished_run, objects, prefix):
    before = {bucket: objects(bucket, prefix) for bucket in (RAW, PROCESSED)}
    airflow.clear("curate_audio", finished_run)
    assert airflow.wait_for_run("curate_audio", finished_run, PATIENCE_S) == "success"
    after = {bucket: objects(bucket, prefix) for bucket in (RAW, PROCESSED)}
    assert after[RAW] == before[RAW]
    etags = {key: etag for key, (etag, _) in after[PROCESSED].items()}
    assert etags == {key: etag for key, (etag, _) in before[PROCESSED].items()}


def test_a_worker_killed_in_the_middle_leaves_no_gap_and_no_duplicate(airflow, client, objects, wait_until, process_of):
    conf = {"campaign": "nature-sounds", "batch_size": 6, "persist_campaign": False}
    run_id = airflow.trigger("curate_audio", conf)

    def landing() -> list[int]:
        return [
            pid
            for instance in airflow.task_instances("curate_audio", run_id)
            if instance["task_id"] == "land_audio"
            and instance["state"] == "running"
            and (pid := process_of(instance)) is not None
        ]

    for pid in wait_until(landing, "landing"):
        os.kill(pid, signal.SIGKILL)
    assert airflow.wait_for_run("curate_audio", run_id, PATIENCE_S) == "success"
    run = airflow.xcom("curate_audio", run_id, "choose_campaign", "run")
    prefix = f"audio/internet-archive/nature-sounds/{run}/"
    summary = json.loads(client("s3").get_object(Bucket=PROCESSED, Key=f"{prefix}summary.json")["Body"].read())
    assert summary["analysed"] == 6
    tries = [i["try_number"] for i in airflow.task_instances("curate_audio", run_id) if i["task_id"] == "land_audio"]
    assert max(tries) > 1
    raw = set(objects(RAW, prefix))
    media = {asset["raw_key"] for asset in summary["assets"] if asset["state"] == "analysed"}
    assert raw == media | {f"{key}.provenance.json" for key in media}
    assert not client("s3").list_multipart_uploads(Bucket=RAW).get("Uploads")


def test_a_param_that_breaks_its_limits_is_refused(airflow):
    from local_stack.airflow_api import AirflowApiError

    for conf in ({"batch_size": 501}, {"campaign": "Rm -rf /"}, {"licences": ["all-rights-reserved"]}):
        with pytest.raises(AirflowApiError) as refusal:
            airflow.trigger("curate_audio", conf)
        assert refusal.value.status_code == 400


def test_a_failed_run_is_alerted_once_with_what_failed(airflow, client, wait_until):
    parameter = "/media/active-campaign"
    campaign = client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    client("ssm").put_parameter(Name=parameter, Value=f"No {uuid.uuid4()}", Type="String", Overwrite=True)
    try:
        run_id = airflow.trigger("curate_audio", {"persist_campaign": False})
        wait_until(
            lambda: any(
                instance["task_id"] == "choose_campaign" and instance["state"] == "up_for_retry"
                for instance in airflow.task_instances("curate_audio", run_id)
            ),
            "the first try of choose_campaign",
        )
        path = f"/dags/curate_audio/dagRuns/{run_id}"
        airflow.request("PATCH", f"{path}/taskInstances/choose_campaign", json={"new_state": "failed"})
        assert airflow.wait_for_run("curate_audio", run_id, PATIENCE_S) == "failed"
    finally:
        client("ssm").put_parameter(Name=parameter, Value=campaign, Type="String", Overwrite=True)
    queue = client("sqs").get_queue_url(QueueName="media-alerts-inbox")["QueueUrl"]

    def alerts() -> list[dict]:
        messages = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [alert for m in messages if (alert := json.loads(m["Body"])).get("run_id") == run_id]

    (alert,) = wait_until(alerts, "the alert")
    assert "choose_campaign" in alert["failed_tasks"]
    assert alert["url"].startswith("http://127.0.0.1:")
    assert not alerts()
