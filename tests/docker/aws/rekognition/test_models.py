"""The service's memory of its jobs, with a queue that only notes what it is given."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from aws_emulator.jobs.errors import QueueFull
from aws_emulator.services.rekognition import models
from aws_emulator.services.rekognition.analyses import ANALYSES
from aws_emulator.services.rekognition.exceptions import (
    IdempotentParameterMismatchException,
    InvalidPaginationTokenException,
    InvalidParameterException,
    InvalidS3ObjectException,
    LimitExceededException,
    ResourceNotFoundException,
    ThrottlingException,
    VideoTooLargeException,
)
from aws_emulator.services.rekognition.models import KEPT_S, MOST_JOBS, RekognitionBackend

LABELS, TEXT, SEGMENTS = (ANALYSES[name] for name in ("LabelDetection", "TextDetection", "SegmentDetection"))
TOPIC = "arn:aws:sns:us-east-1:123456789012:AmazonRekognitionDone"
CHANNEL = {"SNSTopicArn": TOPIC, "RoleArn": "arn:aws:iam::123456789012:role/Rekognition"}


class Queue:
    """Stands for JOBS: it does nothing."""

    def __init__(self):
        self.jobs = {}

    def submit(self, job, listener):
        self.jobs[job.job_id] = job

    def cancel(self, job_id):
        return self.jobs.pop(job_id, None) is not None


@pytest.fixture
def queue(monkeypatch):
    queue = Queue()
    monkeypatch.setattr(models, "JOBS", queue)
    return queue


@pytest.fixture
def messages(monkeypatch):
    sent = []
    monkeypatch.setattr(models, "notify_topic", lambda topic, message: sent.append((topic, message)))
    return sent


@pytest.fixture
def backend(queue):
    """A backend of an account of the test's own, with one video in a bucket, at noon of some day."""
    account = str(uuid.uuid4().int)[:12].rjust(12, "1")
    storage = s3_backends[account]["aws"]
    storage.create_bucket(f"media-{account}", "us-east-1")
    storage.put_object(f"media-{account}", "clip.mp4", b"video")
    backend = RekognitionBackend("us-east-1", account)
    backend.now = 1_700_000_000.0
    backend.clock = lambda: backend.now
    return backend


@pytest.fixture
def request_(backend):
    """``request_(JobTag="x")``: the parameters of a Start call."""

    def make(name="clip.mp4", **more):
        return {"Video": {"S3Object": {"Bucket": f"media-{backend.account_id}", "Name": name}}, **more}

    return make


@pytest.fixture
def finish(backend, tmp_path):
    """``finish(job_id, items)``: the engine is done and found these."""

    def end(job_id, items=(), samples_ms=(0, 500, 1000)):
        path = tmp_path / f"{job_id}.json"
        path.write_text(json.dumps({"items": list(items), "samples_ms": list(samples_ms)}))
        video = {"DurationMillis": 1500}
        backend.on_complete(job_id, {"found": str(path), "video": video, "audio": [], "version": "local"})
        return path

    return end


def seen(ms, name, confidence=90.0):
    return {"Timestamp": ms, "Label": {"Name": name, "Confidence": confidence, "Instances": []}}


def test_a_job_goes_to_the_queue_with_its_request(backend, queue, request_):
    params = request_(MinConfidence=70)
    job_id = backend.start(LABELS, params)
    job = queue.jobs[job_id]
    assert len(job_id) == 64
    assert (job.account, job.region) == (backend.account_id, "us-east-1")
    assert job.request["analysis"] == "LabelDetection"
    assert job.request["parameters"] == params
    assert backend.job(LABELS, job_id).status == "IN_PROGRESS"


def test_the_same_token_gives_the_same_job_even_when_it_has_failed(backend, queue, request_):
    params = request_(ClientRequestToken="again")
    job_id = backend.start(LABELS, params)
    backend.on_failed(job_id, "UnsupportedMedia", "Unsupported codec/format.")
    assert backend.start(LABELS, dict(params)) == job_id
    assert backend.job(LABELS, job_id).status == "FAILED"
    assert len(queue.jobs) == 1


def test_the_same_token_with_another_request_is_a_mismatch(backend, request_):
    backend.start(LABELS, request_(ClientRequestToken="again"))
    with pytest.raises(IdempotentParameterMismatchException):
        backend.start(LABELS, request_(ClientRequestToken="again", MinConfidence=70))


def test_a_token_counts_for_its_own_operation(backend, request_):
    params = request_(ClientRequestToken="again")
    assert backend.start(LABELS, params) != backend.start(TEXT, params)


def test_the_21st_job_in_progress_is_too_many_whatever_it_does(backend, request_, finish):
    ids = [backend.start(LABELS if number % 2 else TEXT, request_()) for number in range(MOST_JOBS)]
    with pytest.raises(LimitExceededException, match="20 Amazon Rekognition Video jobs are in progress"):
        backend.start(SEGMENTS, request_(SegmentTypes=["SHOT"]))
    finish(ids[0])
    backend.start(SEGMENTS, request_(SegmentTypes=["SHOT"]))


def test_a_token_that_was_used_is_answered_even_at_the_limit(backend, request_):
    params = request_(ClientRequestToken="first")
    job_id = backend.start(LABELS, params)
    for _ in range(MOST_JOBS - 1):
        backend.start(LABELS, request_())
    assert backend.start(LABELS, params) == job_id


def test_a_full_queue_throttles_and_leaves_no_job_behind(backend, queue, request_, monkeypatch):
    def submit(_job, _listener):
        raise QueueFull("7 jobs wait already")

    monkeypatch.setattr(queue, "submit", submit)
    for _ in range(MOST_JOBS + 1):
        with pytest.raises(ThrottlingException, match="7 jobs wait already"):
            backend.start(LABELS, request_())


@pytest.mark.parametrize("place", [{"Name": "none.mp4"}, {"Bucket": "none-at-all"}, {"Version": "none"}])
def test_an_object_that_is_not_there_is_refused(backend, request_, place):
    params = request_()
    params["Video"]["S3Object"] |= place
    with pytest.raises(InvalidS3ObjectException, match="Unable to get object metadata from S3"):
        backend.start(LABELS, params)


def test_a_bucket_of_another_region_is_refused(backend, request_):
    s3_backends[backend.account_id]["aws"].create_bucket(f"far-{backend.account_id}", "eu-west-1")
    s3_backends[backend.account_id]["aws"].put_object(f"far-{backend.account_id}", "clip.mp4", b"video")
    params = request_()
    params["Video"]["S3Object"]["Bucket"] = f"far-{backend.account_id}"
    with pytest.raises(InvalidS3ObjectException):
        backend.start(LABELS, params)


def test_an_archived_object_is_refused_until_it_is_restored(backend, request_):
    storage = s3_backends[backend.account_id]["aws"]
    kept = storage.put_object(f"media-{backend.account_id}", "old.mp4", b"video", storage="DEEP_ARCHIVE")
    with pytest.raises(InvalidS3ObjectException):
        backend.start(LABELS, request_("old.mp4"))
    kept.restore(1)
    backend.start(LABELS, request_("old.mp4"))


def test_more_than_ten_gigabytes_are_too_large(backend, request_, monkeypatch):
    monkeypatch.setattr(models, "LARGEST_BYTES", 4)
    with pytest.raises(VideoTooLargeException, match="has 5 bytes"):
        backend.start(LABELS, request_())


def test_a_video_without_its_object_and_a_region_outside_the_picture_are_refused(backend, request_):
    with pytest.raises(InvalidParameterException, match="Bucket and Name"):
        backend.start(LABELS, {"Video": {}})
    beyond = {"BoundingBox": {"Left": 0.5, "Top": 0, "Width": 0.6, "Height": 1}}
    with pytest.raises(InvalidParameterException, match="region of interest"):
        backend.start(TEXT, request_(Filters={"RegionsOfInterest": [beyond]}))


def test_an_unknown_job_and_one_of_another_analysis_are_not_found(backend, request_):
    with pytest.raises(ResourceNotFoundException, match="Could not find JobId"):
        backend.job(LABELS, "0" * 64)
    with pytest.raises(ResourceNotFoundException):
        backend.job(TEXT, backend.start(LABELS, request_()))


def test_results_expire_after_seven_days_with_their_token_and_file(backend, queue, request_, finish):
    params = request_(ClientRequestToken="again")
    job_id = backend.start(LABELS, params)
    path = finish(job_id)
    backend.now += KEPT_S - 1
    assert backend.job(LABELS, job_id).status == "SUCCEEDED"
    backend.now += 2
    with pytest.raises(ResourceNotFoundException):
        backend.job(LABELS, job_id)
    assert not path.exists()
    assert backend.start(LABELS, params) != job_id


def test_the_end_of_a_job_is_told_to_its_topic_as_documented(backend, request_, finish, messages):
    done = backend.start(LABELS, request_(NotificationChannel=CHANNEL, JobTag="run-7"))
    finish(done)
    failed = backend.start(TEXT, request_(NotificationChannel=CHANNEL))
    backend.on_failed(failed, "UnsupportedMedia", "Unsupported codec/format.")
    video = {"S3ObjectName": "clip.mp4", "S3Bucket": f"media-{backend.account_id}"}
    at = 1_700_000_000_000
    assert messages == [
        (TOPIC, {"JobId": done, "Status": "SUCCEEDED", "API": "StartLabelDetection", "JobTag": "run-7", "Timestamp": at,
                 "Video": video}),
        (TOPIC, {"JobId": failed, "Status": "FAILED", "API": "StartTextDetection", "Timestamp": at, "Video": video}),
    ]  # fmt: skip


def test_without_a_channel_nobody_is_told(backend, request_, finish, messages):
    finish(backend.start(LABELS, request_()))
    assert messages == []


def test_pages_follow_each_other_and_end(backend, request_, finish):
    job_id = backend.start(LABELS, request_())
    finish(job_id, [seen(ms, "Car") for ms in range(2500)])
    job, pages, token = backend.job(LABELS, job_id), [], None
    while True:
        items, token = backend.page(job, {"MaxResults": 5000} | ({"NextToken": token} if token else {}))
        pages.append(items)
        if token is None:
            break
    assert [len(items) for items in pages] == [1000, 1000, 500]
    assert [item["Timestamp"] for items in pages for item in items] == list(range(2500))


def test_a_token_of_another_job_order_or_invention_is_refused(backend, request_, finish):
    ids = [backend.start(LABELS, request_()) for _ in range(2)]
    for job_id in ids:
        finish(job_id, [seen(0, "Car"), seen(500, "Bus")])
    first, second = (backend.job(LABELS, job_id) for job_id in ids)
    _, token = backend.page(first, {"MaxResults": 1})
    assert len(token) <= 255
    for job, params in ((second, {}), (first, {"SortBy": "NAME"}), (first, {"AggregateBy": "SEGMENTS"})):
        with pytest.raises(InvalidPaginationTokenException):
            backend.page(job, params | {"NextToken": token})
    for invented in ("x", "AAAA", token[:-4] + "AAAA"):
        with pytest.raises(InvalidPaginationTokenException):
            backend.page(first, {"NextToken": invented})


def test_labels_are_sorted_by_name_and_then_by_confidence(backend, request_, finish):
    job_id = backend.start(LABELS, request_())
    finish(job_id, [seen(0, "Car", 60.0), seen(500, "Bus", 70.0), seen(1000, "Car", 80.0)])
    items, _ = backend.page(backend.job(LABELS, job_id), {"SortBy": "NAME"})
    assert [(item["Label"]["Name"], item["Label"]["Confidence"]) for item in items] == [
        ("Bus", 70.0), ("Car", 80.0), ("Car", 60.0)
    ]  # fmt: skip


def test_segments_join_what_is_seen_without_a_break_and_have_no_instances(backend, request_, finish):
    job_id = backend.start(LABELS, request_())
    samples = (0, 500, 1000, 1500, 2000)
    finish(job_id, [seen(0, "Car", 60.0), seen(500, "Car", 80.0), seen(500, "Bus"), seen(2000, "Car", 70.0)], samples)
    items, _ = backend.page(backend.job(LABELS, job_id), {"AggregateBy": "SEGMENTS"})
    spans = [
        (i["Label"]["Name"], i["StartTimestampMillis"], i["EndTimestampMillis"], i["DurationMillis"]) for i in items
    ]
    assert spans == [("Car", 0, 1000, 1000), ("Bus", 500, 1000, 500), ("Car", 2000, 2000, 0)]
    assert items[0]["Label"] == {"Name": "Car", "Confidence": 80.0}
    assert items[0]["Timestamp"] == 0


def test_a_reset_cancels_what_runs_and_removes_what_was_found(backend, queue, request_, finish):
    job_id = backend.start(TEXT, request_())
    finish(job_id, [])
    found = Path(backend.job(TEXT, job_id).result["found"])
    assert found.exists()
    backend.start(LABELS, request_())
    backend.reset()
    assert queue.jobs == {}
    assert not found.exists()
