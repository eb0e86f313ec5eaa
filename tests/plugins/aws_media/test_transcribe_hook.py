"""The hook against botocore's service model: what it sends, what it makes of each answer."""

from __future__ import annotations

import re

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from botocore.stub import Stubber

from aws_media.hooks.paid_job import Completion
from aws_media.hooks.transcribe import TranscribeHook, failure_code

TOKEN = "f" * 64
TAGS = {"job_key": "b" * 64, "dag_id": "triage", "run_id": "manual__2026-03-01T06:30:00+00:00", "task_id": "hear*"}
REQUEST = {"Media": {"MediaFileUri": "s3://media-raw/audio/a.mp3"}, "LanguageCode": "en-US"}
OPERATION = "transcription_job"


@pytest.fixture(scope="module")
def client():
    return boto3.client("transcribe", region_name="us-east-1")


@pytest.fixture
def hook(client):
    hook = TranscribeHook(aws_conn_id=None, region_name="us-east-1")
    hook.conn = client
    return hook


@pytest.fixture
def service(client):
    """What Transcribe is asked, in order, and what it answers."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def job(status: str, **more):
    return {"TranscriptionJob": {"TranscriptionJobName": TOKEN, "TranscriptionJobStatus": status, **more}}


def started():
    tags = [{"Key": key, "Value": value} for key, value in {**TAGS, "task_id": "hear_"}.items()]
    return {**REQUEST, "TranscriptionJobName": TOKEN, "Tags": tags}


def test_a_job_is_named_by_its_token_and_tagged_with_who_asked_for_it(hook, service):
    service.add_response("start_transcription_job", job("IN_PROGRESS"), started())
    assert hook.start(OPERATION, REQUEST, token=TOKEN, tags=TAGS) == TOKEN


def test_a_token_is_a_name_that_the_service_takes(hook):
    shape = hook.conn.meta.service_model.shape_for("TranscriptionJobName")
    assert re.fullmatch(shape.metadata["pattern"], TOKEN)
    assert len(TOKEN) <= shape.metadata["max"]


def test_a_conflict_is_the_job_that_is_there(hook, service):
    service.add_client_error("start_transcription_job", "ConflictException", http_status_code=409)
    assert hook.start(OPERATION, REQUEST, token=TOKEN, tags=TAGS) == TOKEN


def test_another_refusal_is_not_taken_for_the_job(hook, service):
    service.add_client_error("start_transcription_job", "BadRequestException", http_status_code=400)
    with pytest.raises(ClientError, match="BadRequestException"):
        hook.start(OPERATION, REQUEST, token=TOKEN, tags=TAGS)


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException"])
def test_too_many_jobs_or_requests_are_a_quota(hook, service, code):
    service.add_client_error("start_transcription_job", code, http_status_code=429)
    with pytest.raises(ClientError) as refused:
        hook.start(OPERATION, REQUEST, token=TOKEN, tags=TAGS)
    assert refused.value.response["Error"]["Code"] in hook.quota_codes


def test_a_job_whose_reply_was_lost_is_found_by_its_name(hook, service):
    service.add_response("get_transcription_job", job("IN_PROGRESS"), {"TranscriptionJobName": TOKEN})
    assert hook.find(OPERATION, token=TOKEN, tags=TAGS) == TOKEN


@pytest.mark.parametrize("code", ["NotFoundException", "BadRequestException"])
def test_a_job_that_was_never_started_is_not_found(hook, service, code):
    service.add_client_error("get_transcription_job", code)
    assert hook.find(OPERATION, token=TOKEN, tags=TAGS) is None


def test_a_search_that_is_refused_is_no_answer(hook, service):
    service.add_client_error("get_transcription_job", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        hook.find(OPERATION, token=TOKEN, tags=TAGS)


STATES = {"QUEUED": "active", "IN_PROGRESS": "active", "COMPLETED": "complete", "FAILED": "failed"}


@pytest.mark.parametrize(("status", "state"), STATES.items())
def test_every_status_of_the_service_is_understood(hook, service, status, state):
    service.add_response("get_transcription_job", job(status), {"TranscriptionJobName": TOKEN})
    assert hook.describe(OPERATION, TOKEN).state == state


def test_no_status_of_the_service_model_is_left_out(hook):
    assert set(hook.conn.meta.service_model.shape_for("TranscriptionJobStatus").enum) == STATES.keys()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        # the first six are documented, the seventh was reported by a user; what else the service says is not published
        ("Unsupported media format.", "UnsupportedFormat"),
        ("The media format provided does not match the detected media format.", "FormatMismatch"),
        ("Invalid sample rate for audio file.", "InvalidSampleRate"),
        ("The sample rate provided does not match the detected sample rate.", "InvalidSampleRate"),
        ("Invalid file size: file size too large.", "TooLong"),
        ("Invalid number of channels: number of channels too large.", "TooManyChannels"),
        ("The input media file length is too small.", "TooShort"),
        ("The data in your input media file isn't valid.", "InvalidMedia"),
        ("The media file does not contain an audio track.", "NoAudio"),
        ("Something else.", "FAILED"),
    ],
)
def test_the_reason_of_a_failed_job_is_given_a_name_with_advice(hook, service, reason, code):
    service.add_response("get_transcription_job", job("FAILED", FailureReason=reason))
    status = hook.describe(OPERATION, TOKEN)
    assert (status.code, status.message) == (code, reason)
    assert code in hook.advice or code == "FAILED"
    assert failure_code(reason) == code


def test_every_documented_error_of_the_operations_has_advice(hook):
    documented = {
        error.name
        for call in ("StartTranscriptionJob", "GetTranscriptionJob")
        for error in hook.conn.meta.service_model.operation_model(call).error_shapes
    }
    assert documented - {"ConflictException"} <= hook.advice.keys()


def test_a_running_job_is_stopped_by_deleting_it(hook, service):
    service.add_response("get_transcription_job", job("IN_PROGRESS"))
    service.add_response("delete_transcription_job", {}, {"TranscriptionJobName": TOKEN})
    assert hook.cancel(OPERATION, TOKEN) is True


def test_a_job_that_has_ended_is_not_deleted(hook, service):
    service.add_response("get_transcription_job", job("COMPLETED"))
    assert hook.cancel(OPERATION, TOKEN) is False


def test_a_job_that_is_gone_needs_no_stopping(hook, service):
    service.add_client_error("get_transcription_job", "NotFoundException")
    assert hook.cancel(OPERATION, TOKEN) is False


def test_a_service_that_will_not_let_go_of_a_running_job_is_no_error(hook, service):
    service.add_response("get_transcription_job", job("IN_PROGRESS"))
    service.add_client_error("delete_transcription_job", "BadRequestException")
    assert hook.cancel(OPERATION, TOKEN) is False


# --- waiting


def waits(hook) -> None:
    waiter = hook.get_waiter("transcription_job_complete")
    waiter.wait(**hook.waiter_arguments(OPERATION, TOKEN), WaiterConfig={"Delay": 0, "MaxAttempts": 3})


def test_a_waiter_goes_on_while_the_job_waits_and_runs_and_ends_with_it(hook, service):
    for status in ("QUEUED", "IN_PROGRESS", "COMPLETED"):
        service.add_response("get_transcription_job", job(status), {"TranscriptionJobName": TOKEN})
    waits(hook)


def test_a_waiter_fails_with_the_job(hook, service):
    service.add_response("get_transcription_job", job("FAILED", FailureReason="Unsupported media format."))
    with pytest.raises(WaiterError) as failed:
        waits(hook)
    assert failed.value.last_response["TranscriptionJob"]["FailureReason"] == "Unsupported media format."


@pytest.mark.parametrize("code", ["NotFoundException", "BadRequestException"])
def test_a_waiter_fails_for_a_job_that_is_not_there(hook, service, code):
    service.add_client_error("get_transcription_job", code)
    with pytest.raises(WaiterError, match=code):
        waits(hook)


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException"])
def test_a_waiter_sits_out_throttling(hook, service, code):
    service.add_client_error("get_transcription_job", code)
    service.add_response("get_transcription_job", job("COMPLETED"))
    waits(hook)


def test_a_waiter_knows_every_status_of_the_service(hook):
    waiter = hook.get_waiter("transcription_job_complete")
    expected = {acceptor.expected for acceptor in waiter.config.acceptors if acceptor.matcher == "path"}
    assert expected == STATES.keys()


# --- messages

EVENT = {
    "version": "0",
    "id": "1",
    "detail-type": "Transcribe Job State Change",
    "source": "aws.transcribe",
    "detail": {"TranscriptionJobName": TOKEN, "TranscriptionJobStatus": "COMPLETED"},
}


@pytest.mark.parametrize(("status", "state"), [("COMPLETED", "complete"), ("FAILED", "failed")])
def test_an_event_tells_how_a_job_ended(status, state):
    event = {**EVENT, "detail": {**EVENT["detail"], "TranscriptionJobStatus": status}}
    assert TranscribeHook.completion_from_message(event) == Completion(job_id=TOKEN, state=state)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {**EVENT, "source": "aws.mediaconvert"},
        {**EVENT, "detail-type": "Call Analytics Job State Change"},
        {**EVENT, "detail": {"VocabularyName": "v", "VocabularyState": "FAILED"}},
        {**EVENT, "detail": {**EVENT["detail"], "TranscriptionJobStatus": "IN_PROGRESS"}},
    ],
)
def test_other_messages_are_left_to_others(event):
    assert TranscribeHook.completion_from_message(event) is None
