"""The hook against botocore's service model: what it sends, what it makes of each answer."""

from __future__ import annotations

import re

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from botocore.stub import Stubber

from aws_media.hooks.paid_job import Completion
from aws_media.hooks.rekognition import ANALYSES, RekognitionHook, job_tag_from

TOKEN = "f" * 64
JOB = "a" * 64
TAGS = {"job_key": "b" * 64, "dag_id": "triage", "run_id": "manual__2026-03-01T06:30:00+00:00", "task_id": "see*"}
REQUEST = {"Video": {"S3Object": {"Bucket": "media-raw", "Name": "video/a b.mp4"}}}
OPERATIONS = sorted(ANALYSES)


@pytest.fixture(scope="module")
def client():
    return boto3.client("rekognition", region_name="us-east-1")


@pytest.fixture
def hook(client):
    hook = RekognitionHook(aws_conn_id=None, region_name="us-east-1")
    hook.conn = client
    return hook


@pytest.fixture
def service(client):
    """What Rekognition is asked, in order, and what it answers."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_start_carries_its_token_and_who_asked_for_it(hook, service, operation):
    request = {**REQUEST, **({"SegmentTypes": ["SHOT"]} if operation == "segment_detection" else {})}
    sent = {**request, "ClientRequestToken": TOKEN, "JobTag": job_tag_from(TAGS)}
    service.add_response(ANALYSES[operation].start, {"JobId": JOB}, sent)
    assert hook.start(operation, request, token=TOKEN, tags=TAGS) == JOB


def test_a_job_tag_keeps_to_the_alphabet_and_the_length_that_the_service_takes(hook):
    shape = hook.conn.meta.service_model.shape_for("JobTag")
    for tags in (TAGS, {"task_id": "å→" * 2000}, {}):
        tag = job_tag_from(tags)
        assert re.fullmatch(shape.metadata["pattern"], tag)
        assert len(tag) <= shape.metadata["max"]


def test_the_token_of_the_ledger_is_one_that_the_service_takes(hook):
    shape = hook.conn.meta.service_model.shape_for("ClientRequestToken")
    assert re.fullmatch(shape.metadata["pattern"], TOKEN)
    assert len(TOKEN) <= shape.metadata["max"]


def test_too_many_analyses_at_once_are_a_quota(hook, service):
    service.add_client_error("start_label_detection", "LimitExceededException", http_status_code=400)
    with pytest.raises(ClientError) as refused:
        hook.start("label_detection", REQUEST, token=TOKEN, tags=TAGS)
    assert refused.value.response["Error"]["Code"] in hook.quota_codes


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "state"), [("IN_PROGRESS", "active"), ("SUCCEEDED", "complete"), ("FAILED", "failed")]
)
def test_every_status_of_the_service_is_understood(hook, service, operation, status, state):
    service.add_response(ANALYSES[operation].read, {"JobStatus": status}, {"JobId": JOB, "MaxResults": 1})
    assert hook.describe(operation, JOB).state == state


def test_no_status_of_the_service_model_is_left_out(hook):
    for status in hook.conn.meta.service_model.shape_for("VideoJobStatus").enum:
        with Stubber(hook.conn) as stubber:
            stubber.add_response("get_text_detection", {"JobStatus": status})
            assert hook.describe("text_detection", JOB).state


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Unsupported codec/format.", "UnsupportedFormat"),
        ("Unsupported codec/format. There is no video stream.", "NoVideo"),
        ("The video is 7.0 hours long. The maximum duration is 6 hours.", "VideoTooLargeException"),
        ("s3://media-raw/a-format-nobody-knows.mp4 is not there.", "InvalidS3ObjectException"),
        ("Access denied.", "AccessDeniedException"),
        ("Unable to get object metadata from S3.", "InvalidS3ObjectException"),
        ("Internal server error.", "InternalServerError"),
        ("Something else.", "FAILED"),
    ],
)
def test_the_sentence_of_a_failed_job_is_given_a_code_with_advice(hook, service, message, code):
    service.add_response("get_label_detection", {"JobStatus": "FAILED", "StatusMessage": message})
    status = hook.describe("label_detection", JOB)
    assert (status.code, status.message) == (code, message)
    assert code in hook.advice or code == "FAILED"


def test_results_are_no_part_of_a_status(hook, service):
    label = {"Timestamp": 0, "Label": {"Name": "Car", "Confidence": 99.0}}
    answer = {"JobStatus": "SUCCEEDED", "Labels": [label], "VideoMetadata": {"Codec": "h264"}, "NextToken": "1"}
    service.add_response("get_label_detection", answer)
    assert hook.describe("label_detection", JOB).answer == {
        "JobStatus": "SUCCEEDED",
        "VideoMetadata": {"Codec": "h264"},
    }


def test_every_documented_error_of_the_operations_has_advice(hook):
    documented = {
        error.name
        for analysis in ANALYSES.values()
        for call in (analysis.start, analysis.read)
        for error in hook.conn.meta.service_model.operation_model(
            hook.conn.meta.method_to_api_mapping[call]
        ).error_shapes
    }
    assert documented <= hook.advice.keys()


@pytest.mark.parametrize(
    ("iterate", "operation", "found"),
    [
        ("iter_labels", "label_detection", [{"Timestamp": 0}, {"Timestamp": 40}]),
        ("iter_segments", "segment_detection", [{"Type": "SHOT"}, {"Type": "TECHNICAL_CUE"}]),
        ("iter_moderation_labels", "content_moderation", [{"Timestamp": 0}, {"Timestamp": 40}]),
        ("iter_text", "text_detection", [{"Timestamp": 0}, {"Timestamp": 40}]),
    ],
)
def test_everything_found_comes_page_after_page(hook, service, iterate, operation, found):
    analysis = ANALYSES[operation]
    first = {"JobStatus": "SUCCEEDED", analysis.found: found[:1], "NextToken": "2"}
    service.add_response(analysis.read, first, {"JobId": JOB, "MaxResults": 1000})
    second = {"JobStatus": "SUCCEEDED", analysis.found: found[1:]}
    service.add_response(analysis.read, second, {"JobId": JOB, "MaxResults": 1000, "NextToken": "2"})
    assert list(getattr(hook, iterate)(JOB)) == found


def test_labels_can_be_had_as_segments(hook, service):
    request = {"JobId": JOB, "MaxResults": 1000, "AggregateBy": "SEGMENTS"}
    service.add_response("get_label_detection", {"Labels": [{"StartTimestampMillis": 5}]}, request)
    assert list(hook.iter_labels(JOB, AggregateBy="SEGMENTS")) == [{"StartTimestampMillis": 5}]


def test_an_analysis_can_neither_be_stopped_nor_looked_for(hook):
    assert hook.cancel("label_detection", JOB) is False
    assert hook.find("label_detection", token=TOKEN, tags=TAGS) is None


# --- waiting


def waits(hook, operation: str, attempts: int = 2) -> None:
    waiter = hook.get_waiter(f"{operation}_complete")
    waiter.wait(**hook.waiter_arguments(operation, JOB), WaiterConfig={"Delay": 0, "MaxAttempts": attempts})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_waiter_goes_on_while_the_job_runs_and_ends_with_it(hook, service, operation):
    service.add_response(ANALYSES[operation].read, {"JobStatus": "IN_PROGRESS"}, {"JobId": JOB, "MaxResults": 1})
    service.add_response(ANALYSES[operation].read, {"JobStatus": "SUCCEEDED"}, {"JobId": JOB, "MaxResults": 1})
    waits(hook, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_waiter_fails_with_the_job(hook, service, operation):
    service.add_response(
        ANALYSES[operation].read, {"JobStatus": "FAILED", "StatusMessage": "Unsupported codec/format."}
    )
    with pytest.raises(WaiterError) as failed:
        waits(hook, operation)
    assert failed.value.last_response["StatusMessage"] == "Unsupported codec/format."


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_waiter_fails_for_a_job_that_is_not_there(hook, service, operation):
    service.add_client_error(ANALYSES[operation].read, "ResourceNotFoundException")
    with pytest.raises(WaiterError, match="ResourceNotFoundException"):
        waits(hook, operation)


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_waiter_sits_out_throttling(hook, service, code):
    service.add_client_error("get_text_detection", code)
    service.add_response("get_text_detection", {"JobStatus": "SUCCEEDED"})
    waits(hook, "text_detection")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_waiter_knows_every_status_of_the_service(hook, operation):
    waiter = hook.get_waiter(f"{operation}_complete")
    statuses = hook.conn.meta.service_model.shape_for("VideoJobStatus").enum
    expected = {acceptor.expected for acceptor in waiter.config.acceptors if acceptor.matcher == "path"}
    assert expected == set(statuses)


# --- messages

VIDEO = {"S3ObjectName": "video/a.mp4", "S3Bucket": "media-raw"}
MESSAGE = {
    "JobId": JOB, "Status": "SUCCEEDED", "API": "StartLabelDetection", "JobTag": "t", "Timestamp": 1, "Video": VIDEO
}  # fmt: skip


@pytest.mark.parametrize(("status", "state"), [("SUCCEEDED", "complete"), ("FAILED", "failed"), ("ERROR", "failed")])
def test_a_notification_tells_how_a_job_ended(status, state):
    message = {**MESSAGE, "Status": status}
    assert RekognitionHook.completion_from_message(message) == Completion(job_id=JOB, state=state)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {**MESSAGE, "Status": "IN_PROGRESS"},
        {name: value for name, value in MESSAGE.items() if name != "Video"} | {"DocumentLocation": VIDEO},
        {"source": "aws.transcribe", "detail": {"JobId": JOB, "Status": "SUCCEEDED"}},
        {"Event": "s3:TestEvent"},
    ],
)
def test_other_messages_are_left_to_others(message):
    assert RekognitionHook.completion_from_message(message) is None
