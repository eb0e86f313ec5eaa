from __future__ import annotations

import boto3
import pytest
from airflow.exceptions import TaskDeferred
from botocore.stub import Stubber

from aws_media.errors import PaidJobFailed
from aws_media.sensors.mediaconvert import MediaConvertJobSensor
from aws_media.triggers.mediaconvert import MediaConvertJobTrigger

JOB = "1700000000000-abcdef"


@pytest.fixture
def sensor():
    """Makes a sensor to which MediaConvert gives these statuses, one a question."""
    stubbers = []

    def sensor(*statuses: str, **parameters) -> MediaConvertJobSensor:
        task = MediaConvertJobSensor(task_id="wait", job_id=JOB, **parameters)
        task.hook.conn = boto3.client("mediaconvert", region_name="us-east-1")
        stubbers.append(Stubber(task.hook.conn))
        for status in statuses:
            failure = {"ErrorCode": 1404, "ErrorMessage": "Unable to open input."} if status == "ERROR" else {}
            job = {"Id": JOB, "Role": "r", "Settings": {}, "Status": status, **failure}
            stubbers[-1].add_response("get_job", {"Job": job}, {"Id": JOB})
        stubbers[-1].activate()
        return task

    yield sensor
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(("status", "ended"), [("SUBMITTED", False), ("PROGRESSING", False), ("COMPLETE", True)])
def test_a_poke_is_true_when_the_outputs_are_written(sensor, status, ended):
    assert sensor(status).poke({}) is ended


@pytest.mark.parametrize(("status", "words"), [("ERROR", "1404: Unable to open input"), ("CANCELED", "CANCELED")])
def test_a_job_that_ended_without_outputs_fails_the_sensor(sensor, status, words):
    with pytest.raises(PaidJobFailed, match=rf"{JOB}.*{words}"):
        sensor(status).poke({})


def test_a_deferred_sensor_waits_by_the_trigger_of_mediaconvert_and_looks_again(sensor):
    task = sensor("PROGRESSING", "COMPLETE", deferrable=True, poke_interval=7, region_name="us-east-1", verify=False)
    with pytest.raises(TaskDeferred) as wait:
        task.execute({})
    assert type(wait.value.trigger) is MediaConvertJobTrigger
    handed_on = {"operation": "job", "job_id": JOB, "waiter_delay": 7, "region_name": "us-east-1", "verify": False}
    assert wait.value.trigger.serialize()[1].items() >= handed_on.items()
    event = {"status": "success", "job_id": JOB, "state": "complete"}
    assert getattr(task, wait.value.method_name)({}, event) is None


def test_a_job_that_has_ended_already_is_not_waited_for(sensor):
    sensor("COMPLETE", deferrable=True).execute({})
