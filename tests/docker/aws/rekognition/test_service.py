"""Rekognition over the wire: a real server, real workers, and whatever AWS client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError

from tests.docker.aws.rekognition.scenes import film, page, texture

OPERATIONS = ("label_detection", "segment_detection", "content_moderation", "text_detection", "face_detection")
NOWHERE = {"S3Object": {"Bucket": "none-at-all", "Name": "clip.mp4"}}


@pytest.fixture(scope="module")
def rekognition(aws):
    return aws.client("rekognition")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two shots of a second each; the first shows a word."""
    path = tmp_path_factory.mktemp("wire") / "clip.mp4"
    return film(path, [page("HARBOUR 42", "OLD CASINO")] * 25 + [texture(1)] * 25)


@pytest.fixture
def video(s3, bucket, clip):
    s3.upload_file(str(clip), bucket, "in/a clip.mp4")
    return {"S3Object": {"Bucket": bucket, "Name": "in/a clip.mp4"}}


@pytest.fixture
def finished(rekognition):
    """``finished("text_detection", job_id)``: its first page, once the job has ended."""

    def wait(operation, job_id, patience_s=120, **params):
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            answer = getattr(rekognition, f"get_{operation}")(JobId=job_id, **params)
            if answer["JobStatus"] != "IN_PROGRESS":
                return answer
            time.sleep(0.1)
        raise AssertionError(f"{operation} {job_id} runs still")

    return wait


@pytest.fixture
def inbox(aws, bucket):
    """A topic, and the queue that its messages come to: ``(topic ARN, receive)``."""
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name=f"AmazonRekognition-{bucket}")["TopicArn"]
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def receive():
        (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
        return json.loads(message["Body"])

    return topic, receive


def test_all_analyses_of_a_video_succeed_over_the_wire(rekognition, video, finished):
    jobs = {}
    for operation in OPERATIONS:
        more = {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]} if operation == "segment_detection" else {}
        jobs[operation] = getattr(rekognition, f"start_{operation}")(Video=video, JobTag="run-7", **more)["JobId"]
    answers = {operation: finished(operation, job_id) for operation, job_id in jobs.items()}
    for operation, answer in answers.items():
        assert answer["JobStatus"] == "SUCCEEDED", answer
        assert (answer["JobId"], answer["JobTag"], answer["Video"]) == (jobs[operation], "run-7", video)
    segments = answers["segment_detection"]
    assert [s["StartFrameNumber"] for s in segments["Segments"] if s["Type"] == "SHOT"] == [0, 25]
    assert [kind["Type"] for kind in segments["SelectedSegmentTypes"]] == ["SHOT", "TECHNICAL_CUE"]
    assert segments["VideoMetadata"][0]["Codec"] == "h264"
    assert segments["AudioMetadata"] == []
    words = {d["TextDetection"]["DetectedText"] for d in answers["text_detection"]["TextDetections"]}
    assert {"HARBOUR", "42", "OLD CASINO"} <= words
    moderation = answers["content_moderation"]
    assert {d["ModerationLabel"]["Name"] for d in moderation["ModerationLabels"]} == {"Gambling"}
    assert moderation["GetRequestMetadata"] == {"SortBy": "TIMESTAMP", "AggregateBy": "TIMESTAMPS"}
    for operation, name in (
        ("label_detection", "LabelModelVersion"),
        ("content_moderation", "ModerationModelVersion"),
        ("text_detection", "TextModelVersion"),
    ):
        assert answers[operation][name].startswith("local-")
    assert answers["label_detection"]["VideoMetadata"]["FrameWidth"] == 320
    assert answers["face_detection"]["Faces"] == []


def test_a_completion_comes_to_the_topic(rekognition, video, inbox):
    topic, receive = inbox
    channel = {"SNSTopicArn": topic, "RoleArn": "arn:aws:iam::123456789012:role/Rekognition"}
    job_id = rekognition.start_segment_detection(
        Video=video, SegmentTypes=["SHOT"], NotificationChannel=channel, JobTag="run-7"
    )["JobId"]
    message = receive()
    place = {"S3ObjectName": "in/a clip.mp4", "S3Bucket": video["S3Object"]["Bucket"]}
    assert message.pop("Timestamp") == pytest.approx(time.time() * 1000, abs=60_000)
    assert message == {
        "JobId": job_id, "Status": "SUCCEEDED", "API": "StartSegmentDetection", "JobTag": "run-7", "Video": place
    }  # fmt: skip


def test_boto3s_loop_over_pages_reads_all(rekognition, video, finished):
    job_id = rekognition.start_text_detection(Video=video)["JobId"]
    whole = finished("text_detection", job_id)["TextDetections"]
    page_ = finished("text_detection", job_id, MaxResults=3)
    paged = page_["TextDetections"]
    while "NextToken" in page_:
        page_ = rekognition.get_text_detection(JobId=job_id, MaxResults=3, NextToken=page_["NextToken"])
        assert page_["VideoMetadata"]["Codec"] == "h264"
        paged += page_["TextDetections"]
    assert paged == whole
    assert len(whole) > 3


def test_what_is_no_video_fails_and_says_why(rekognition, s3, bucket, finished):
    s3.put_object(Bucket=bucket, Key="note.mp4", Body=b"not a video")
    video = {"S3Object": {"Bucket": bucket, "Name": "note.mp4"}}
    answer = finished("label_detection", rekognition.start_label_detection(Video=video)["JobId"])
    assert answer["JobStatus"] == "FAILED"
    assert answer["StatusMessage"].startswith("Unsupported codec/format.")
    assert answer["Labels"] == []


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("get_label_detection", {"JobId": "0" * 64}, "ResourceNotFoundException"),
        ("get_label_detection", {"JobId": "no/id"}, "ValidationException"),
        ("start_text_detection", {"Video": NOWHERE}, "InvalidS3ObjectException"),
        ("start_text_detection", {"Video": {}}, "InvalidParameterException"),
        ("start_segment_detection", {"Video": {}, "SegmentTypes": ["SCENE"]}, "ValidationException"),
        ("start_label_detection", {"Video": {}, "ClientRequestToken": "a b"}, "ValidationException"),
        ("start_label_detection", {"Video": {}, "MinConfidence": 101.0}, "ValidationException"),
        ("start_person_tracking", {"Video": {}}, "NotImplemented"),
        ("detect_labels", {"Image": {"Bytes": b"x"}}, "NotImplemented"),
        ("list_collections", {}, "NotImplemented"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_its_name(rekognition, operation, params, code):
    with pytest.raises(ClientError) as refused:
        getattr(rekognition, operation)(**params)
    assert refused.value.response["Error"]["Code"] == code


def test_the_modelled_errors_are_the_clients_own(rekognition):
    with pytest.raises(rekognition.exceptions.ResourceNotFoundException, match="Could not find JobId"):
        rekognition.get_text_detection(JobId="0" * 64)


def test_the_aws_cli_starts_and_gets(aws, video, finished):
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip

    def cli(*arguments):
        command = [sys.executable, "-m", "awscli", "--endpoint-url", aws.url, "rekognition", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    started = cli("start-segment-detection", "--video", json.dumps(video), "--segment-types", "SHOT")
    finished("segment_detection", started["JobId"])
    got = cli("get-segment-detection", "--job-id", started["JobId"])
    assert [segment["StartFrameNumber"] for segment in got["Segments"]] == [0, 25]
