"""Analyses on the local AWS: a real film, the real wire, the real ledger."""

from __future__ import annotations

import asyncio
import io
import json
import uuid

import boto3
import pytest
from airflow.exceptions import TaskDeferred

from aws_media.errors import PaidJobFailedForGood, PaidJobRefusedForGood
from aws_media.hooks.paid_job import Completion
from aws_media.hooks.rekognition import RekognitionHook
from aws_media.operators.rekognition import (
    RekognitionDetectLabelsOperator,
    RekognitionDetectModerationOperator,
    RekognitionDetectSegmentsOperator,
    RekognitionDetectTextOperator,
)
from aws_media.triggers import waiting
from include.settings import SETTINGS
from tests.plugins.aws_media.letterbox import Letterbox

FRAME_RATE = 25
CUT = 50
"""First frame of the second shot."""


@pytest.fixture(scope="module")
def s3(local_aws):
    return boto3.client("s3", endpoint_url=local_aws)


@pytest.fixture(scope="module")
def hook(local_aws):
    return RekognitionHook()


@pytest.fixture
def queue(local_aws):
    return Letterbox(local_aws)


@pytest.fixture(scope="module")
def film(s3) -> str:
    """Key of two seconds of writing on the wall, two seconds of another wall, and a second of black."""
    key = f"tests/{uuid.uuid4().hex}/a film.mp4"
    s3.put_object(Bucket=SETTINGS.raw_bucket, Key=key, Body=film_of("libx264"))
    return key


def film_of(codec: str) -> bytes:
    import av
    import cv2
    import numpy as np

    grain = np.random.default_rng(1).integers(0, 40, (360, 640, 3), dtype=np.uint8)
    wall = grain + np.array([200, 200, 190], np.uint8)
    cv2.putText(wall, "MAIN STREET", (60, 200), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (10, 10, 10), 6, cv2.LINE_AA)
    other = np.flip(grain, axis=1) + np.array([20, 60, 140], np.uint8)
    other[100:260, 200:440] = (240, 220, 20)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(5 * FRAME_RATE):
            picture = wall if number < CUT else other if number < 2 * CUT else np.zeros_like(wall)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def of(key: str, **parameters) -> dict:
    where = {"task_id": "analyse", "bucket": SETTINGS.raw_bucket, "key": key}
    return where | {"waiter_delay": 1, "waiter_max_attempts": 120} | parameters


def document(s3, key: str) -> dict:
    return json.load(s3.get_object(Bucket=SETTINGS.processed_bucket, Key=key)["Body"])


def test_shots_and_black_frames_are_found_by_a_deferred_task(film, s3, a_task, monkeypatch):
    monkeypatch.setattr(waiting, "FIRST_CHECK_WITHIN_S", 0.1)
    operator, task = RekognitionDetectSegmentsOperator(**of(film, deferrable=True)), a_task()
    with pytest.raises(TaskDeferred) as wait:
        operator.execute(task)
    event = asyncio.run(anext(wait.value.trigger.run())).payload
    found = document(s3, operator.execute_complete(task, event, **wait.value.kwargs))
    assert found["media"] == {"duration_s": 5.0, "width": 640, "height": 360, "frame_rate": 25.0, "codec": "h264"}
    starts = [record["start_frame"] for record in found["records"] if record["kind"] == "shot"]
    assert starts[0] == 0
    assert any(abs(frame - CUT) <= 2 for frame in starts)
    black = [record for record in found["records"] if record.get("cue") == "BlackFrames"]
    assert [abs(record["start_s"] - 4.0) <= 0.1 for record in black] == [True]


def test_writing_is_read_where_and_when_it_stands(film, s3, a_task):
    found = document(s3, RekognitionDetectTextOperator(**of(film)).execute(a_task()))
    lines = [record for record in found["records"] if record["kind"] == "line"]
    assert {"MAIN STREET"} == {line["text"].upper() for line in lines}
    assert all(line["start_s"] < 2.0 for line in lines)
    assert all(0 < line["box"]["left"] < 0.5 and line["confidence"] > 0.5 for line in lines)


def test_labels_are_kept_as_segments(film, s3, a_task):
    labels = RekognitionDetectLabelsOperator(**of(film, aggregate_by="SEGMENTS", min_confidence="10"))
    found = document(s3, labels.execute(a_task()))
    assert found["model_version"]
    assert found["records"], "the walls have colours and the wall is bright"
    assert all(0 <= record["start_s"] < record["end_s"] <= 5.0 for record in found["records"])


def test_nothing_to_moderate_is_a_result_that_names_its_model(film, s3, a_task):
    found = document(s3, RekognitionDetectModerationOperator(**of(film)).execute(a_task()))
    assert found["records"] == []
    assert found["model_version"]


def test_what_the_service_says_is_kept_as_it_says_it(film, s3, a_task, entry_of, hook):
    operator, task = RekognitionDetectTextOperator(**of(film)), a_task()
    operator.execute(task)
    result = entry_of(operator, task).result
    raw = s3.get_object(Bucket=result["bucket"], Key=result["raw_key"])["Body"].read().splitlines()
    kept = [found for page in raw for found in json.loads(page)["TextDetections"]]
    assert kept == list(hook.iter_text(result["job_id"]))


def test_a_start_that_is_repeated_is_one_job(film, hook):
    request = {"Video": {"S3Object": {"Bucket": SETTINGS.raw_bucket, "Name": film}}}
    token = uuid.uuid4().hex * 2
    jobs = {hook.start("content_moderation", request, token=token, tags={"dag_id": "d"}) for _ in range(3)}
    assert len(jobs) == 1


def test_another_codec_is_refused_before_it_is_paid_for(s3, a_task):
    key = store_mpeg4(s3)
    with pytest.raises(
        PaidJobRefusedForGood, match=r"no job was started.*UnsupportedFormat: the film is mpeg4.*H\.264"
    ):
        RekognitionDetectTextOperator(**of(key)).execute(a_task())


def test_the_service_itself_refuses_another_codec(s3, a_task):
    key = store_mpeg4(s3)
    with pytest.raises(PaidJobFailedForGood, match=r"mpeg4.mp4 \(job \w+\): UnsupportedFormat: .*MediaConvert"):
        RekognitionDetectTextOperator(**of(key, duration_s=5)).execute(a_task())


def test_the_topic_is_told_of_the_end_in_words_that_the_hook_understands(film, hook, queue):
    topic = boto3.client("sns", endpoint_url=hook.conn.meta.endpoint_url).create_topic(
        Name=f"AmazonRekognition-{uuid.uuid4().hex}"
    )["TopicArn"]
    queue.subscribe_to(topic)
    channel = {"SNSTopicArn": topic, "RoleArn": "arn:aws:iam::123456789012:role/media-rekognition"}
    request = {
        "Video": {"S3Object": {"Bucket": SETTINGS.raw_bucket, "Name": film}},
        "NotificationChannel": channel,
    }
    job_id = hook.start("content_moderation", request, token=uuid.uuid4().hex * 2, tags={"dag_id": "d"})
    message = json.loads(queue.next_body()["Message"])
    assert RekognitionHook.completion_from_message(message) == Completion(job_id=job_id, state="complete")


def store_mpeg4(s3) -> str:
    key = f"tests/{uuid.uuid4().hex}/mpeg4.mp4"
    s3.put_object(Bucket=SETTINGS.raw_bucket, Key=key, Body=film_of("mpeg4"))
    return key
