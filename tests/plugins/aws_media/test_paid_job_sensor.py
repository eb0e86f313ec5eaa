from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from airflow.sdk.exceptions import TaskDeferred

from aws_media.errors import PaidJobFailed
from aws_media.hooks.transcribe import TranscribeHook
from aws_media.sensors.paid_job import PaidJobSensor
from aws_media.triggers.transcribe import TranscribeJobTrigger

pytest_plugins = ["tests.plugins.aws_media.waiting_fixtures"]


class TranscriptSensor(PaidJobSensor):
    aws_hook_class = TranscribeHook
    trigger_class = TranscribeJobTrigger


@pytest.fixture
def job_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def sensor(service, job_id):
    def sensor(**arguments) -> TranscriptSensor:
        return TranscriptSensor(
            task_id="wait", operation="transcription_job", job_id=job_id, aws_conn_id="aws_jobs", **arguments
        )

    return sensor


@pytest.mark.parametrize(("status", "ended"), [("QUEUED", False), ("IN_PROGRESS", False), ("COMPLETED", True)])
def test_a_poke_says_whether_the_job_has_completed(sensor, service, job_id, status, ended):
    service.states[job_id] = status
    assert sensor().poke({}) is ended


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_fails_the_sensor_and_names_the_job(sensor, service, job_id, deferrable):
    service.states[job_id] = "FAILED"
    with pytest.raises(PaidJobFailed, match=rf"transcribe transcription_job .*{job_id}"):
        sensor(deferrable=deferrable).execute({})


def test_a_job_that_has_completed_already_needs_no_deferral(sensor, service, job_id):
    service.states[job_id] = "COMPLETED"
    assert sensor(deferrable=True).execute({}) is None


def test_a_deferrable_sensor_hands_its_wait_to_the_trigger_which_cancels_nothing(sensor, job_id):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(
            deferrable=True, poke_interval=40, timeout=100, completions_queue_url="https://queue",
            region_name="eu-west-1", verify=False, botocore_config={"read_timeout": 9},
        ).execute({})  # fmt: skip
    assert type(deferred.value.trigger) is TranscribeJobTrigger
    _, arguments = deferred.value.trigger.serialize()
    assert arguments.items() >= {
        "operation": "transcription_job", "job_id": job_id, "completions_queue_url": "https://queue",
        "waiter_delay": 40, "waiter_max_attempts": 3, "cancel_on_kill": False, "aws_conn_id": "aws_jobs",
        "region_name": "eu-west-1", "verify": False, "botocore_config": {"read_timeout": 9},
    }.items()  # fmt: skip
    assert deferred.value.timeout == timedelta(seconds=100)
    assert deferred.value.method_name == "execute_complete"


def test_an_event_is_only_a_hint(sensor, service, job_id):
    event = {"status": "success", "job_id": job_id, "state": "complete"}
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute_complete({}, event)
    service.states[job_id] = "COMPLETED"
    sensor(deferrable=True).execute_complete({}, event)


def test_a_wait_that_was_given_up_times_the_sensor_out(sensor, job_id):
    with pytest.raises(AirflowSensorTimeout, match=job_id):
        sensor(deferrable=True).execute_complete({}, {"status": "error", "job_id": job_id, "state": "active"})


def test_what_is_templated_is_rendered(sensor):
    rendered = sensor(completions_queue_url="https://{{ 'queue' }}")
    rendered.job_id = "{{ ti }}"
    rendered.render_template_fields({"ti": "a1"})
    assert (rendered.job_id, rendered.completions_queue_url) == ("a1", "https://queue")
