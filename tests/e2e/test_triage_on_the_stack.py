"""triage_footage on the stack: a burst of uploads through kills, and one that a person decides on."""

from __future__ import annotations

import pytest
from rich.console import Console

from local_stack.burst import burst
from local_stack.footage import INBOX, REVIEW, TRIAGE, drives_of, incident_alerts, standing, upload
from local_stack.local_aws import LocalAws
from local_stack.signed_link import try_link
from tests.ground import PATIENCE_S

UPLOADS = 6  # one of them an accident, and two told of twice


@pytest.fixture(scope="module")
def aws(stack, stack_settings) -> LocalAws:
    return LocalAws(stack_settings)


@pytest.fixture(scope="module")
def alerts(aws):
    """What people were told of an asset."""
    return lambda asset_id: incident_alerts(aws.messages(INBOX)).get(asset_id, [])


@pytest.fixture(scope="module")
def near_miss(aws, airflow, stack_settings, wait_until):
    """Uploads a drive of which the rules are not sure before all others; returns what the catalogue holds of it."""
    for dag_id in (REVIEW, TRIAGE):
        airflow.unpause(dag_id)
    (drive,) = (drive for drive in drives_of(stack_settings) if drive.file_name.startswith("near-miss"))
    upload(aws, drive)
    item = lambda: standing(aws, [drive]).get(drive.key, {})  # noqa: E731
    wait_until(item, "a run that takes it")
    return item


@pytest.fixture(scope="module")
def burst_status(stack_settings, near_miss, restart_what_died) -> int:
    """The end of a burst in which the triggerer and a worker were killed."""
    return burst(stack_settings, Console(width=120), uploads=UPLOADS, restart=restart_what_died, patience_s=PATIENCE_S)


def test_a_burst_with_kills_and_late_messages_loses_no_upload_and_does_nothing_twice(burst_status):
    assert burst_status == 0  # what was violated stands in the output


def test_an_upload_that_a_person_calls_an_incident_becomes_one(airflow, near_miss, burst_status, alerts, wait_until):
    assert wait_until(lambda: near_miss().get("decision"), "the decision") == "review"
    asset_id = near_miss()["asset_id"]
    run = f"/dags/{REVIEW}/dagRuns/review__{asset_id}"
    (asked,) = wait_until(lambda: airflow.request("GET", f"{run}/hitlDetails")["hitl_details"], "the question")
    assert near_miss()["device"] in asked["subject"]
    assert not alerts(asset_id)
    airflow.request(
        "PATCH",
        f"{run}/taskInstances/ask_person/-1/hitlDetails",
        json={"chosen_options": ["Incident"], "params_input": {}},
    )
    assert airflow.wait_for_run(REVIEW, f"review__{asset_id}", PATIENCE_S) == "success"
    assert (near_miss()["decision"], near_miss()["decided_by"]) == ("incident", "admin")
    assert near_miss()["storage_class"] == "STANDARD"
    (alert,) = alerts(asset_id)
    assert try_link(alert["film"]["url"]).is_right


def test_no_link_that_opens_a_film_and_no_key_is_written_down_by_airflow(stack_settings, near_miss, alerts):
    (alert,) = alerts(near_miss()["asset_id"])
    assert "Key-Pair-Id=" in alert["film"]["url"]
    for folder in ("airflow", "logs"):  # the database with its XComs, and every log
        for path in (stack_settings.state_dir / folder).rglob("*"):
            if path.is_file():
                written = path.read_bytes()
                assert b"Key-Pair-Id=" not in written, path
                assert b"PRIVATE KEY" not in written, path
