"""What the operators ask Rekognition for, how they wait, and what they keep in S3."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import boto3
import pytest
from airflow.exceptions import TaskDeferred
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from botocore.stub import ANY

from aws_media.errors import PaidJobFailed, PaidJobRefusedForGood
from aws_media.hooks.rekognition import ANALYSES
from aws_media.links.rekognition import RekognitionResultLink
from aws_media.operators.records import ResultNotKept
from aws_media.operators.rekognition import (
    RekognitionAnalysisOperator,
    RekognitionDetectLabelsOperator,
    RekognitionDetectModerationOperator,
    RekognitionDetectSegmentsOperator,
    RekognitionDetectTextOperator,
)
from aws_media.triggers.rekognition import RekognitionJobTrigger
from include.costs.rate_card import default_rate_card
from include.settings import SETTINGS
from include.video.probe import AudioTrack, MediaFacts, VideoStream
from tests.plugins.aws_media.scripted import scripted

JOB = "a" * 64
ANALYSERS = {
    "label_detection": RekognitionDetectLabelsOperator,
    "segment_detection": RekognitionDetectSegmentsOperator,
    "content_moderation": RekognitionDetectModerationOperator,
    "text_detection": RekognitionDetectTextOperator,
}
BOX = {"BoundingBox": {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4}}
FOUND = {
    "label_detection": {"Timestamp": 0, "Label": {"Name": "Car", "Confidence": 90.0}},
    "segment_detection": {
        "Type": "SHOT", "StartTimestampMillis": 0, "EndTimestampMillis": 960, "StartFrameNumber": 0,
        "EndFrameNumber": 24, "ShotSegment": {"Index": 0, "Confidence": 90.0},
    },
    "content_moderation": {"Timestamp": 0, "ModerationLabel": {"Name": "Violence", "Confidence": 90.0}},
    "text_detection": {
        "Timestamp": 0,
        "TextDetection": {"DetectedText": "EXIT", "Type": "LINE", "Id": 0, "Confidence": 90.0, "Geometry": BOX},
    },
}  # fmt: skip
READING = {
    "label_detection": {"SortBy": "TIMESTAMP", "AggregateBy": "TIMESTAMPS"},
    "segment_detection": {},
    "content_moderation": {"SortBy": "TIMESTAMP", "AggregateBy": "TIMESTAMPS"},
    "text_detection": {},
}
H264 = VideoStream(codec="h264", width=640, height=360, rotation_deg=0, frame_rate=25.0, bit_rate_bps=None)


@pytest.fixture(scope="module")
def s3(local_aws):
    return boto3.client("s3", endpoint_url=local_aws)


@pytest.fixture
def key(s3):
    """A film that no other test uses."""
    key = f"tests/{uuid.uuid4().hex}/a film.mp4"
    s3.put_object(Bucket=SETTINGS.raw_bucket, Key=key, Body=b"frames")
    return key


@pytest.fixture
def context(a_task):
    return a_task("analyse")


@pytest.fixture
def analyse(key):
    """Makes an operator on the film of this test."""

    def analyse(operation: str = "label_detection", **parameters) -> RekognitionAnalysisOperator:
        of_this_test = {"bucket": SETTINGS.raw_bucket, "key": key, "duration_s": 2, "waiter_delay": 0}
        return ANALYSERS[operation](task_id="analyse", **of_this_test | parameters)

    return analyse


@pytest.fixture(scope="module")
def client():
    return boto3.client("rekognition", region_name="us-east-1")


@pytest.fixture
def service(client):
    """What Rekognition answers to an operator, in order, until another one asks."""
    with scripted(client) as service:
        yield service


def add_pages(stubber, operation: str, *pages: dict) -> None:
    """Let the service answer ``pages``, each with the token of the next."""
    request = {"JobId": JOB, "MaxResults": 1000, **READING[operation]}
    for number, page in enumerate(pages, start=1):
        more = {"NextToken": str(number)} if number < len(pages) else {}
        stubber.add_response(ANALYSES[operation].read, {"JobStatus": "SUCCEEDED", **page, **more}, dict(request))
        request |= more


def add_statuses(stubber, operation: str, *statuses: str) -> None:
    for status in statuses:
        stubber.add_response(ANALYSES[operation].read, {"JobStatus": status}, {"JobId": JOB, "MaxResults": 1})


def start(stubber, operation: str) -> None:
    stubber.add_response(ANALYSES[operation].start, {"JobId": JOB})


# --- the request


def test_labels_are_asked_for_with_their_filters_in_one_order(analyse, key):
    labels = analyse(
        min_confidence="70",
        include_labels=["Truck", "Car", "Car"],
        exclude_categories=["Person Description"],
        version_id="v1",
    )
    assert labels.start_request() == {
        "Video": {"S3Object": {"Bucket": "media-raw", "Name": key, "Version": "v1"}},
        "MinConfidence": 70.0,
        "Features": ["GENERAL_LABELS"],
        "Settings": {
            "GeneralLabels": {
                "LabelInclusionFilters": ["Car", "Truck"],
                "LabelCategoryExclusionFilters": ["Person Description"],
            }
        },
    }


def test_segments_are_asked_for_with_what_counts_as_black(analyse):
    segments = analyse("segment_detection", min_cue_confidence=80, black_frame={"MaxPixelThreshold": 0.1})
    request = segments.start_request()
    assert request["SegmentTypes"] == ["SHOT", "TECHNICAL_CUE"]
    assert request["Filters"] == {
        "TechnicalCueFilter": {"MinSegmentConfidence": 80.0, "BlackFrame": {"MaxPixelThreshold": 0.1}}
    }


def test_text_is_asked_for_where_and_how_large(analyse):
    text = analyse("text_detection", min_confidence=0, min_height=0.05, regions_of_interest=[BOX])
    assert text.start_request()["Filters"] == {
        "WordFilter": {"MinConfidence": 0.0, "MinBoundingBoxHeight": 0.05},
        "RegionsOfInterest": [BOX],
    }


@pytest.mark.parametrize("operation", ANALYSERS)
def test_what_nobody_asked_for_is_left_to_the_service(analyse, operation):
    request = analyse(operation).start_request()
    assert request.keys() <= {"Video", "Features", "SegmentTypes"}


@pytest.mark.parametrize("operation", ANALYSERS)
def test_every_request_is_one_that_the_service_takes(analyse, service, operation):
    arn = {"notification_topic_arn": "arn:aws:sns:us-east-1:123456789012:t", "notification_role_arn": "arn:r"}
    operator = analyse(operation, **arn)
    start(service(operator), operation)
    request = {**operator.start_request(), **operator.start_options()}
    assert operator.hook.start(operation, request, token="f" * 64, tags={"dag_id": "d"}) == JOB


def test_whom_to_tell_is_no_part_of_what_is_asked_for(analyse):
    quiet = analyse(notification_topic_arn="")
    loud = analyse(notification_topic_arn="arn:aws:sns:us-east-1:123456789012:t", notification_role_arn="arn:r")
    assert quiet.start_options() == {}
    assert loud.start_options() == {
        "NotificationChannel": {"SNSTopicArn": "arn:aws:sns:us-east-1:123456789012:t", "RoleArn": "arn:r"}
    }
    assert quiet.start_request() == loud.start_request()


def test_analyses_share_the_pool_that_keeps_to_the_quota(analyse):
    assert analyse().pool == "rekognition"
    assert analyse(pool="night").pool == "night"


def test_mapped_analyses_share_it_too():
    with DAG("maps", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args={"pool": "house"}):
        default = RekognitionDetectTextOperator.partial(task_id="houses", bucket="b").expand(key=["a", "b"])
    with DAG("maps", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        mapped = RekognitionDetectTextOperator.partial(task_id="mapped", bucket="b").expand(key=["a", "b"])
        other = RekognitionDetectTextOperator.partial(task_id="other", bucket="b", pool="mine").expand(key=["a", "b"])
    assert [task.pool for task in (default, mapped, other)] == ["house", "rekognition", "mine"]


@pytest.mark.parametrize(("operation", "usd"), [
    ("label_detection", 0.2), ("content_moderation", 0.2), ("text_detection", 0.2), ("segment_detection", 0.2),
])  # fmt: skip
def test_two_minutes_have_a_price(analyse, operation, usd):
    units = analyse(operation).billed_units(MediaFacts(duration_s=120))
    assert default_rate_card().quote(units).usd == pytest.approx(usd)


def test_shots_alone_cost_half_of_shots_and_cues(analyse):
    units = analyse("segment_detection", segment_types=["SHOT"]).billed_units(MediaFacts(duration_s=120))
    assert default_rate_card().quote(units).usd == pytest.approx(0.1)


@pytest.mark.parametrize("operation", ANALYSERS)
def test_template_fields_are_all_fields_of_the_operator(analyse, operation):
    operator = analyse(operation)
    assert {"bucket", "key", "output_key", "ledger_table", "aws_conn_id", "region_name"} <= set(
        operator.template_fields
    )
    assert all(hasattr(operator, field) for field in operator.template_fields)
    assert len(set(operator.template_fields)) == len(operator.template_fields)


# --- objections


@pytest.mark.parametrize(
    ("media", "code"),
    [
        (MediaFacts(probed=True, container="mov", audio=(AudioTrack(codec="aac", channels=2, sample_rate_hz=48000),)),
         "NoVideo"),
        (MediaFacts(probed=True, container="mov", video=VideoStream(
            codec="hevc", width=2, height=2, rotation_deg=0, frame_rate=None, bit_rate_bps=None)), "UnsupportedFormat"),
        (MediaFacts(probed=True, container="matroska", video=H264), "UnsupportedFormat"),
        (MediaFacts(duration_s=6 * 3600 + 1), "VideoTooLargeException"),
        (MediaFacts(size_bytes=10 * 1024**3 + 1), "VideoTooLargeException"),
    ],
)  # fmt: skip
def test_what_cannot_be_analysed_is_refused_before_it_is_paid_for(analyse, media, code):
    operator = analyse()
    found, sentence = operator.objection(media)
    assert found == code
    assert sentence.endswith(".")
    assert code in operator.hook.advice


@pytest.mark.parametrize(
    "media", [MediaFacts(), MediaFacts(probed=True, container="mov", video=H264, duration_s=6 * 3600)]
)
def test_what_can_be_analysed_or_is_not_known_meets_no_objection(analyse, media):
    assert analyse().objection(media) is None


# --- no wait, wait, defer


@pytest.mark.parametrize("operation", ANALYSERS)
def test_without_waiting_the_job_is_started_and_its_id_returned(analyse, service, context, operation):
    operator = analyse(operation, wait_for_completion=False)
    start(service(operator), operation)
    assert operator.execute(context) == JOB


@pytest.mark.parametrize("operation", ANALYSERS)
def test_waiting_keeps_the_pages_and_the_records_and_returns_their_key(analyse, service, context, s3, key, operation):
    operator = analyse(operation)
    stubber = service(operator)
    start(stubber, operation)
    add_statuses(stubber, operation, "IN_PROGRESS", "SUCCEEDED", "SUCCEEDED")
    pages = [{ANALYSES[operation].found: [FOUND[operation]]}, {ANALYSES[operation].found: [FOUND[operation]]}]
    add_pages(stubber, operation, *pages)

    returned = operator.execute(context)

    assert returned == f"{key}.{operation}.json"
    document = json.load(s3.get_object(Bucket=SETTINGS.processed_bucket, Key=returned)["Body"])
    assert (document["service"], document["operation"], document["job_id"]) == ("rekognition", operation, JOB)
    assert [record["confidence"] for record in document["records"]] == [0.9, 0.9]
    raw = s3.get_object(Bucket=SETTINGS.processed_bucket, Key=f"{key}.{operation}.raw.jsonl")["Body"].read()
    assert [json.loads(line)[ANALYSES[operation].found] for line in raw.splitlines()] == [[FOUND[operation]]] * 2


@pytest.mark.parametrize("operation", ANALYSERS)
def test_deferred_the_trigger_gets_the_connection_and_the_job(analyse, service, context, operation):
    handed_on = {
        "aws_conn_id": "aws_default",
        "region_name": "us-east-1",
        "verify": False,
        "botocore_config": {"read_timeout": 9},
        "waiter_delay": 7,
        "waiter_max_attempts": 8,
        "completions_queue_url": "https://sqs.example/q",
    }
    operator = analyse(operation, deferrable=True, **handed_on)
    start(service(operator), operation)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    trigger = deferred.value.trigger
    assert type(trigger) is RekognitionJobTrigger
    path, arguments = trigger.serialize()
    assert path == "aws_media.triggers.rekognition.RekognitionJobTrigger"
    assert arguments.items() >= {**handed_on, "operation": operation, "job_id": JOB}.items()
    assert deferred.value.method_name == "execute_complete"


def deferred(operator, context) -> dict:
    """Defer the task; return the arguments with which it is woken."""
    with pytest.raises(TaskDeferred) as wait:
        operator.execute(context)
    return wait.value.kwargs


def test_a_woken_task_asks_for_the_truth_and_keeps_the_result(analyse, service, context, s3, key):
    operator = analyse(deferrable=True)
    stubber = service(operator)
    start(stubber, "label_detection")
    arguments = deferred(operator, context)
    add_statuses(stubber, "label_detection", "SUCCEEDED")
    add_pages(stubber, "label_detection", {"Labels": []})
    event = {"status": "success", "job_id": JOB, "state": "complete"}
    assert operator.execute_complete(context, event, **arguments) == f"{key}.label_detection.json"


def test_a_failed_job_fails_the_task_and_names_asset_job_cause_and_cure(analyse, service, context, key):
    operator = analyse()
    stubber = service(operator)
    start(stubber, "label_detection")
    failed = {"JobStatus": "FAILED", "StatusMessage": "Unsupported codec/format."}
    stubber.add_response("get_label_detection", failed)
    stubber.add_response("get_label_detection", failed)
    with pytest.raises(PaidJobFailed) as raised:
        operator.execute(context)
    for part in (f"s3://media-raw/{key}", JOB, "UnsupportedFormat", "Unsupported codec/format.", "MediaConvert"):
        assert part in str(raised.value)
    assert isinstance(raised.value, AirflowFailException), "no retry makes another codec of it"


def test_a_refused_start_names_asset_cause_and_cure(analyse, service, context, key):
    operator = analyse()
    message = "Unable to get object metadata from S3. Check object key, region and/or access permissions."
    service(operator).add_client_error("start_label_detection", "InvalidS3ObjectException", message, 400)
    with pytest.raises(PaidJobRefusedForGood) as raised:
        operator.execute(context)
    for part in (f"s3://media-raw/{key}", "no job was started", "InvalidS3ObjectException", message, "region"):
        assert part in str(raised.value)


def test_a_full_quota_is_waited_out_in_the_trigger(analyse, service, context):
    operator = analyse(deferrable=True)
    stubber = service(operator)
    stubber.add_client_error("start_label_detection", "LimitExceededException", "too many jobs", 400)
    with pytest.raises(TaskDeferred) as wait:
        operator.execute(context)
    assert wait.value.method_name == "resume_start"
    start(stubber, "label_detection")
    with pytest.raises(TaskDeferred) as wait:
        operator.resume_start(context, {"status": "retry", "attempt": 1})
    assert wait.value.trigger.job_id == JOB


# --- results


def test_pages_that_lose_their_place_are_read_again_from_the_first_and_overwritten(analyse, service, context, s3, key):
    operator = analyse()
    stubber = service(operator)
    start(stubber, "label_detection")
    add_statuses(stubber, "label_detection", "SUCCEEDED", "SUCCEEDED")
    stubber.add_response("get_label_detection", {"Labels": [], "NextToken": "1"}, ANY_PAGE)
    stubber.add_client_error("get_label_detection", "InvalidPaginationTokenException")
    add_pages(stubber, "label_detection", {"Labels": [FOUND["label_detection"]]}, {"Labels": []})
    document = s3.get_object(Bucket=SETTINGS.processed_bucket, Key=operator.execute(context))["Body"].read()
    assert len(json.loads(document)["records"]) == 1
    raw = s3.get_object(Bucket=SETTINGS.processed_bucket, Key=f"{key}.label_detection.raw.jsonl")["Body"].read()
    assert len(raw.splitlines()) == 2


ANY_PAGE = {"JobId": JOB, "MaxResults": 1000, "SortBy": "TIMESTAMP", "AggregateBy": "TIMESTAMPS"}


def test_pages_that_another_job_wrote_over_are_not_taken_for_this_ones(analyse, service, context, monkeypatch):
    operator = analyse()
    stubber = service(operator)
    start(stubber, "label_detection")
    add_statuses(stubber, "label_detection", "SUCCEEDED", "SUCCEEDED")
    add_pages(stubber, "label_detection", {"Labels": [FOUND["label_detection"]]})
    keep_pages = operator._keep_pages

    def and_another_writes_over_them(job_id: str) -> None:
        keep_pages(job_id)
        operator.keep_object(operator.raw_result_key, [b"{}"], content_type="application/jsonl", job_id="another")

    monkeypatch.setattr(operator, "_keep_pages", and_another_writes_over_them)
    with pytest.raises(ResultNotKept, match=r"Overwritten: .*raw\.jsonl.* raw_output_key"):
        operator.execute(context)


def test_pages_that_lose_their_place_again_and_again_fail_the_task(analyse, service, context):
    operator = analyse()
    stubber = service(operator)
    start(stubber, "label_detection")
    add_statuses(stubber, "label_detection", "SUCCEEDED", "SUCCEEDED")
    for _ in range(3):
        stubber.add_client_error("get_label_detection", "InvalidPaginationTokenException")
    with pytest.raises(ResultNotKept, match=rf"a film.mp4 \(job {JOB}\): InvalidPaginationTokenException: .*clear"):
        operator.execute(context)


def test_a_bucket_that_is_not_there_is_named_and_the_job_is_not_done_again(analyse, service, context):
    operator = analyse(output_bucket="media-nowhere")
    stubber = service(operator)
    start(stubber, "label_detection")
    add_statuses(stubber, "label_detection", "SUCCEEDED", "SUCCEEDED")
    add_pages(stubber, "label_detection", {"Labels": []})
    with pytest.raises(ResultNotKept, match=rf"job {JOB}.*NoSuchBucket: .*s3://media-nowhere/.*the next try keeps it"):
        operator.execute(context)
    again = analyse()
    stubber = service(again)
    add_statuses(stubber, "label_detection", "SUCCEEDED")
    add_pages(stubber, "label_detection", {"Labels": []})
    again.execute(context)


def kept(operator, service, context) -> dict:
    stubber = service(operator)
    start(stubber, "label_detection")
    add_statuses(stubber, "label_detection", "SUCCEEDED", "SUCCEEDED")
    page = {"JobId": JOB, "MaxResults": 1000, "SortBy": "TIMESTAMP", "AggregateBy": ANY}
    stubber.add_response("get_label_detection", {"Labels": []}, page)
    operator.execute(context)


def test_a_second_task_gets_the_result_without_asking_the_service(analyse, service, context, key):
    kept(analyse(), service, context)
    again = analyse(output_key="elsewhere.json")
    service(again)  # answers nothing
    assert again.execute(context) == f"{key}.label_detection.json"


def test_a_result_that_was_deleted_is_read_from_the_service_again(analyse, service, context, s3, key):
    kept(analyse(), service, context)
    s3.delete_object(Bucket=SETTINGS.processed_bucket, Key=f"{key}.label_detection.json")
    again = analyse()
    stubber = service(again)
    add_statuses(stubber, "label_detection", "SUCCEEDED")
    add_pages(stubber, "label_detection", {"Labels": []})
    assert again.execute(context) == f"{key}.label_detection.json"


def test_a_result_that_was_overwritten_by_another_job_is_read_again(analyse, service, context, s3, key):
    kept(analyse(), service, context)
    s3.put_object(Bucket=SETTINGS.processed_bucket, Key=f"{key}.label_detection.json", Metadata={"job-id": "other"})
    again = analyse()
    stubber = service(again)
    add_statuses(stubber, "label_detection", "SUCCEEDED")
    add_pages(stubber, "label_detection", {"Labels": []})
    again.execute(context)


def test_the_same_job_is_read_again_when_it_is_wanted_as_segments(analyse, service, context):
    kept(analyse(), service, context)
    again = analyse(aggregate_by="SEGMENTS")
    stubber = service(again)
    add_statuses(stubber, "label_detection", "SUCCEEDED")
    page = {"JobId": JOB, "MaxResults": 1000, "SortBy": "TIMESTAMP", "AggregateBy": "SEGMENTS"}
    stretch = {"StartTimestampMillis": 225, "EndTimestampMillis": 3578, "Label": {"Name": "Car", "Confidence": 99.0}}
    stubber.add_response("get_label_detection", {"Labels": [stretch]}, page)
    again.execute(context)


def test_results_go_where_they_are_wanted(analyse, service, context, s3):
    folder = f"video/tests/{uuid.uuid4().hex}"
    kept(analyse(output_key=f"{folder}/labels.json", raw_output_key=f"{folder}/raw.jsonl"), service, context)
    listed = s3.list_objects_v2(Bucket=SETTINGS.processed_bucket, Prefix=folder)["Contents"]
    assert [entry["Key"] for entry in listed] == [f"{folder}/labels.json", f"{folder}/raw.jsonl"]


# --- the link


def test_the_link_leads_to_the_result_in_the_console(analyse, service, context, key):
    operator = analyse(wait_for_completion=False)
    start(service(operator), "label_detection")
    operator.execute(context)
    link = RekognitionResultLink().format_link(**context["ti"].xcoms[RekognitionResultLink.key])
    assert link == (
        "https://console.aws.amazon.com/s3/object/media-processed?region=us-east-1"
        f"&prefix={key.replace(' ', '%20')}.label_detection.json"
    )
