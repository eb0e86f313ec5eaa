"""Jobs on the local AWS, over the wire: paid for once, whatever happens on the way."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import boto3
import imageio_ffmpeg
import pytest
from airflow.exceptions import TaskDeferred
from botocore.exceptions import ConnectionClosedError

from aws_media.errors import PaidJobFailedForGood
from aws_media.hooks.mediaconvert import MediaConvertHook
from aws_media.links.mediaconvert import MediaConvertJobLink
from aws_media.operators.mediaconvert import (
    MediaConvertCreateJobOperator,
    MediaConvertCreateJobTemplateOperator,
    MediaConvertCreateQueueOperator,
    MediaConvertDeleteJobTemplateOperator,
    MediaConvertDeleteQueueOperator,
)
from aws_media.triggers.mediaconvert import MediaConvertJobTrigger

ROLE = "arn:aws:iam::123456789012:role/media-mediaconvert"
RAW, PROCESSED = "media-raw", "media-processed"
ONE_SECOND = (
    *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1"),
    *("-f", "lavfi", "-i", "sine=frequency=440:duration=1"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
)
RENDITION = {
    "NameModifier": "_90p",
    "ContainerSettings": {"Container": "MP4"},
    "VideoDescription": {
        "Height": 90,
        "CodecSettings": {
            "Codec": "H_264",
            "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 500000, "QualityTuningLevel": "SINGLE_PASS_HQ"},
        },
    },
}


@pytest.fixture(scope="module")
def film_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *ONE_SECOND, str(path)], check=True)
    return path


@pytest.fixture
def s3(local_aws):
    return boto3.client("s3", endpoint_url=local_aws)


@pytest.fixture
def film(s3, film_file) -> str:
    """The key of a film that no other test uses."""
    key = f"tests/{uuid.uuid4().hex}/film.mp4"
    s3.upload_file(str(film_file), RAW, key)
    return key


@pytest.fixture
def queue(local_aws):
    """A paused queue: its jobs wait until somebody lets them run."""
    name = f"waiting-{uuid.uuid4().hex[:8]}"
    MediaConvertCreateQueueOperator(task_id="make_queue", name=name, status="PAUSED").execute({})
    return name


@pytest.fixture
def go_on(queue):
    """Lets the jobs of the paused queue run."""
    return lambda: MediaConvertCreateQueueOperator(task_id="go_on", name=queue, status="ACTIVE").execute({})


@pytest.fixture
def transcode(local_aws, film):
    """Makes an operator that transcodes ``film``."""

    def transcode(key: str = film, outputs: list[dict] | None = None, **parameters) -> MediaConvertCreateJobOperator:
        destination = f"s3://{PROCESSED}/{key.removesuffix('film.mp4')}"
        group = {
            "OutputGroupSettings": {
                "Type": "FILE_GROUP_SETTINGS",
                "FileGroupSettings": {"Destination": destination},
            },
            "Outputs": outputs or [RENDITION],
        }
        settings = {"Inputs": [{"FileInput": f"s3://{RAW}/{key}"}], "OutputGroups": [group]}
        return MediaConvertCreateJobOperator(
            task_id="transcode", **{"settings": settings, "role_arn": ROLE, "waiter_delay": 1} | parameters
        )

    return transcode


@pytest.fixture
def jobs(film):
    """What MediaConvert itself says it was asked to do with ``film``."""

    def jobs() -> list[dict]:
        found = MediaConvertHook().iter_jobs()
        return [job for job in found if job["Settings"]["Inputs"][0]["FileInput"] == f"s3://{RAW}/{film}"]

    return jobs


def until_ended(job_id: str) -> None:
    MediaConvertHook().get_waiter("job_complete").wait(Id=job_id, WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})


def count_calls(operator: MediaConvertCreateJobOperator, operation: str) -> list[str]:
    """Notes each call of an operation; the list grows."""
    calls: list[str] = []
    operator.hook.conn.meta.events.register(
        f"before-call.mediaconvert.{operation}", lambda **_: calls.append(operation)
    )
    return calls


def test_without_waiting_the_job_is_told_while_it_waits_its_turn(transcode, queue, a_task, jobs):
    job_id = transcode(wait_for_completion=False, queue_arn=queue, tags={"team": "news"}).execute(a_task())
    (job,) = jobs()
    assert (job["Id"], job["Status"]) == (job_id, "SUBMITTED")
    assert job["UserMetadata"]["dag_id"] == "triage"
    assert job["UserMetadata"]["task_id"] == "detect"
    assert len(job["UserMetadata"]["token"]) == 64
    arn = job["Arn"]
    tags = MediaConvertHook().conn.list_tags_for_resource(Arn=arn)["ResourceTags"]["Tags"]
    assert tags["team"] == "news"
    assert tags["run_id"] == job["UserMetadata"]["run_id"]


def test_waiting_returns_the_job_when_its_outputs_are_there(transcode, a_task, entry_of, s3, film):
    operator, task = transcode(), a_task()
    job_id = operator.execute(task)
    entry = entry_of(operator, task)
    path = entry.result["outputs"][0]["path"]
    assert path == f"s3://{PROCESSED}/{film.removesuffix('.mp4')}_90p.mp4"
    assert s3.head_object(Bucket=PROCESSED, Key=path.removeprefix(f"s3://{PROCESSED}/"))["ContentLength"] > 0
    (written,) = MediaConvertHook().files_written(job_id)
    assert (written.path, written.width, written.height) == (path, 160, 90)
    assert written.duration_s == pytest.approx(1, abs=0.1)
    assert (entry.state, entry.generation, entry.job_id) == ("complete", 1, job_id)
    assert entry.estimated_usd == pytest.approx(0.0075 * 10 / 60)  # ten seconds are the least


def test_deferring_hands_over_to_the_trigger_and_ends_with_the_job(transcode, queue, go_on, a_task, jobs):
    operator, task = transcode(deferrable=True, queue_arn=queue, completions_queue_url="http://q"), a_task()
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(task)
    trigger = deferral.value.trigger
    assert isinstance(trigger, MediaConvertJobTrigger)
    (job,) = jobs()
    assert (trigger.operation, trigger.job_id, trigger.completions_queue_url) == ("job", job["Id"], "http://q")
    assert task["ti"].xcoms[MediaConvertJobLink.key]["job_id"] == job["Id"]
    go_on()
    until_ended(job["Id"])
    event = {"status": "success", "job_id": job["Id"], "state": "complete"}
    assert getattr(operator, deferral.value.method_name)(task, event, **deferral.value.kwargs) == job["Id"]


def test_what_was_done_is_not_done_again(transcode, a_task, jobs):
    job_id = transcode().execute(a_task())
    again = transcode(queue_arn="Default", priority=5, user_metadata={"guid": "2"})
    calls = count_calls(again, "CreateJob")
    assert again.execute(a_task("other", run_id="later")) == job_id
    assert (calls, len(jobs())) == ([], 1)


def test_deleted_outputs_are_made_again(transcode, a_task, entry_of, jobs, s3):
    operator, task = transcode(), a_task()
    first = operator.execute(task)
    path = entry_of(operator, task).result["outputs"][0]["path"]
    s3.delete_object(Bucket=PROCESSED, Key=path.removeprefix(f"s3://{PROCESSED}/"))
    second = transcode().execute(a_task(run_id="later"))
    assert [job["Id"] for job in jobs()] == [second, first]
    assert transcode().result_stands(entry_of(operator, task).result)


def test_a_lost_reply_ends_with_one_job(transcode, queue, a_task, jobs):
    unlucky = transcode(wait_for_completion=False, queue_arn=queue)

    def lose(**_) -> None:
        raise ConnectionClosedError(endpoint_url="http://lost")

    unlucky.hook.conn.meta.events.register("after-call.mediaconvert.CreateJob", lose)
    with pytest.raises(ConnectionClosedError):
        unlucky.execute(a_task(try_number=1))
    (job,) = jobs()
    retry = transcode(wait_for_completion=False, queue_arn=queue)
    calls = count_calls(retry, "CreateJob")
    assert retry.execute(a_task(try_number=2)) == job["Id"]
    assert calls == []  # the token would protect for a minute only: the job is found by its metadata
    assert len(jobs()) == 1


def test_a_token_that_made_a_job_already_finds_that_job(transcode, queue, jobs):
    hook, token = MediaConvertHook(), uuid.uuid4().hex * 2
    request = {**transcode(queue_arn=queue).start_request(), "Role": ROLE, "Queue": queue}
    first = hook.start("job", request, token=token, tags={"run_id": "one"})
    assert hook.start("job", request, token=token, tags={"run_id": "one"}) == first
    assert hook.start("job", request, token=token, tags={"run_id": "other"}) == first  # ConflictException
    assert len(jobs()) == 1


def test_two_tasks_that_want_the_same_share_the_job(transcode, queue, a_task, entry_of, jobs):
    one, other = a_task("one"), a_task("other")
    first = transcode(wait_for_completion=False, queue_arn=queue).execute(one)
    operator = transcode(wait_for_completion=False, queue_arn=queue)
    assert operator.execute(other) == first
    assert len(jobs()) == 1
    assert {held.split("|")[2] for held in entry_of(operator, other).holders} == {"one", "other"}


def test_a_damaged_film_fails_for_good_and_says_what_to_do(transcode, a_task, s3):
    key = f"tests/{uuid.uuid4().hex}/film.mp4"
    s3.put_object(Bucket=RAW, Key=key, Body=b"no film at all" * 1000)
    with pytest.raises(PaidJobFailedForGood) as failure:
        transcode(key, duration_s=1).execute(a_task())
    assert failure.value.code == "1010"
    assert f"s3://{RAW}/{key}" in str(failure.value)
    assert str(failure.value.job_id) in str(failure.value)
    assert "play it" in failure.value.advice


def test_a_killed_task_that_has_failed_cancels_its_job(transcode, queue, a_task, entry_of, jobs):
    operator, task = transcode(queue_arn=queue, deferrable=True), a_task()
    with pytest.raises(TaskDeferred):
        operator.execute(task)
    task["ti"].state = "failed"
    operator.on_kill()
    (job,) = jobs()
    assert job["Status"] == "CANCELED"
    assert entry_of(operator, task).state == "cancelled"
    assert MediaConvertHook().describe("job", job["Id"]).code == "CANCELED"


def test_a_template_is_made_once_used_and_deleted(transcode, a_task, s3, film):
    name = f"web-{uuid.uuid4().hex[:8]}"
    settings = {"OutputGroups": transcode().settings["OutputGroups"]}
    make = MediaConvertCreateJobTemplateOperator(task_id="make", name=name, settings=settings, description="web")
    arn = make.execute({})
    changes = count_calls(make, "UpdateJobTemplate")
    assert make.execute({}) == arn
    assert changes == []
    job_id = transcode(settings={"Inputs": transcode().settings["Inputs"]}, job_template=name).execute(a_task())
    (written,) = MediaConvertHook().files_written(job_id)
    assert written.path.endswith("film_90p.mp4")
    settings["OutputGroups"][0]["Outputs"].append(RENDITION | {"NameModifier": "_again"})
    make.execute({})
    assert changes == ["UpdateJobTemplate"]
    delete = MediaConvertDeleteJobTemplateOperator(task_id="delete", name=name)
    delete.execute({})
    delete.execute({})


def test_a_queue_is_paused_resumed_and_deleted(local_aws):
    name = f"night-{uuid.uuid4().hex[:8]}"
    conn = MediaConvertHook().conn
    for status in ("ACTIVE", "PAUSED", "ACTIVE"):
        operator = MediaConvertCreateQueueOperator(task_id="make", name=name, status=status, description="at night")
        assert operator.execute({}).endswith(f"queues/{name}")
        assert conn.get_queue(Name=name)["Queue"]["Status"] == status
    for _ in range(2):
        MediaConvertDeleteQueueOperator(task_id="delete", name=name).execute({})
    assert name not in {queue["Name"] for queue in conn.list_queues()["Queues"]}


def test_the_link_leads_to_the_job_in_the_console(monkeypatch):
    job = {"region_name": "eu-west-1", "aws_domain": "aws.amazon.com", "job_id": "1700000000000-abcdef"}
    link = MediaConvertJobLink().format_link(**job)
    assert link.startswith("https://console.aws.amazon.com/mediaconvert/home?region=eu-west-1#/jobs/summary/17")
