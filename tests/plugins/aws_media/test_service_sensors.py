"""What the sensors of Rekognition and Transcribe ask their service, and what they make of each answer."""

from __future__ import annotations

import boto3
import pytest
from airflow.exceptions import TaskDeferred
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from aws_media.errors import PaidJobError, PaidJobFailed
from aws_media.hooks.rekognition import ANALYSES
from aws_media.sensors.rekognition import RekognitionJobSensor
from aws_media.sensors.transcribe import TranscribeJobSensor
from aws_media.triggers.rekognition import RekognitionJobTrigger
from aws_media.triggers.transcribe import TranscribeJobTrigger
from tests.plugins.aws_media.scripted import scripted

JOB = "a" * 64


def analysis_answer(status: str, message: str = "") -> dict:
    video = {"S3Object": {"Bucket": "media-raw", "Name": "video/talk.mp4"}}
    return {"JobStatus": status, "Video": video, **({"StatusMessage": message} if message else {})}


def transcription_answer(status: str, message: str = "") -> dict:
    status = {"SUCCEEDED": "COMPLETED"}.get(status, status)
    reason = {"FailureReason": message} if message else {}
    media = {"MediaFileUri": "s3://media-raw/video/talk.mp4"}
    return {"TranscriptionJob": {"TranscriptionJobStatus": status, "Media": media, **reason}}


SENSORS = {
    **{
        operation: ("rekognition", RekognitionJobSensor, RekognitionJobTrigger, analysis.read, analysis_answer)
        for operation, analysis in ANALYSES.items()
    },
    "transcription_job": (
        "transcribe",
        TranscribeJobSensor,
        TranscribeJobTrigger,
        "get_transcription_job",
        transcription_answer,
    ),
}


@pytest.fixture(params=SENSORS)
def operation(request):
    return request.param


@pytest.fixture
def sensor(operation):
    """Makes the sensor of an operation."""

    def sensor(**parameters):
        arguments = {"task_id": "wait", "operation": operation, "job_id": JOB, "region_name": "us-east-1"} | parameters
        return SENSORS[operation][1](**arguments)

    return sensor


@pytest.fixture
def answers(operation):
    """Has the service answer a sensor how the job stands."""
    service, _, _, read, answer = SENSORS[operation]
    with scripted(boto3.client(service, region_name="us-east-1")) as script:

        def answers(sensor, *statuses: str, message: str = "", refusal: str = "") -> None:
            stubber = script(sensor)
            for status in statuses:
                stubber.add_response(read, answer(status, message))
            if refusal:
                stubber.add_client_error(read, refusal, "as the service says it")

        yield answers


@pytest.mark.parametrize(("status", "ended"), [("IN_PROGRESS", False), ("SUCCEEDED", True)])
def test_a_poke_is_true_when_the_job_has_completed(sensor, answers, status, ended):
    task = sensor()
    answers(task, status)
    assert task.poke({}) is ended


def test_a_failed_job_fails_the_sensor_in_the_words_of_the_service(sensor, answers):
    task = sensor()
    answers(task, "FAILED", message="Unsupported format.")
    words = rf"on s3://media-raw/video/talk\.mp4 \(job {JOB}\): UnsupportedFormat: Unsupported format\. \w+"
    with pytest.raises(PaidJobFailed, match=words) as failure:
        task.poke({})
    assert isinstance(failure.value, AirflowFailException)  # a job that failed stays so, however often one looks


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_failed_job_skips_a_sensor_that_fails_softly(sensor, answers, deferrable):
    task = sensor(deferrable=deferrable, soft_fail=True)
    answers(task, "FAILED", message="Unsupported format.")
    with pytest.raises(AirflowSkipException):
        task.execute({})


def test_a_service_that_has_no_time_is_asked_again(sensor, answers):
    task = sensor()
    answers(task, refusal="ThrottlingException")
    assert task.poke({}) is False


def test_a_look_that_is_refused_names_the_job_and_the_cure(sensor, answers):
    task = sensor()
    answers(task, refusal="AccessDeniedException")
    with pytest.raises(
        PaidJobError, match=rf"job {JOB}\): AccessDeniedException: as the service says it\. Let the conn"
    ):
        task.poke({})


def test_a_deferred_sensor_waits_by_the_trigger_of_its_service_and_cancels_nothing(sensor, answers, operation):
    task = sensor(deferrable=True, poke_interval=7, verify=False, botocore_config={"read_timeout": 9})
    answers(task, "IN_PROGRESS", "SUCCEEDED")
    with pytest.raises(TaskDeferred) as wait:
        task.execute({})
    trigger = wait.value.trigger
    assert type(trigger) is SENSORS[operation][2]
    handed_on = {
        "operation": operation,
        "job_id": JOB,
        "waiter_delay": 7,
        "region_name": "us-east-1",
        "verify": False,
        "botocore_config": {"read_timeout": 9},
        "cancel_on_kill": False,
    }
    assert trigger.serialize()[1].items() >= handed_on.items()
    event = {"status": "success", "job_id": JOB, "state": "complete"}
    assert getattr(task, wait.value.method_name)({}, event) is None


def test_a_job_that_has_ended_already_is_not_waited_for(sensor, answers):
    task = sensor(deferrable=True)
    answers(task, "SUCCEEDED")
    task.execute({})


def test_the_job_may_come_out_of_a_template(sensor):
    assert {"job_id", "operation", "aws_conn_id", "region_name"} <= set(sensor().template_fields)


def test_a_transcription_needs_no_operation():
    assert TranscribeJobSensor(task_id="wait", job_id="talk").operation == "transcription_job"
