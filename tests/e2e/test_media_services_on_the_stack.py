"""The example DAGs, one a media service, on the stack: deferred, through a killed triggerer, however often cleared."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable

import imageio_ffmpeg
import pytest
from boto3.dynamodb.types import TypeDeserializer

from tests.ground import PATIENCE_S

RAW, PROCESSED, LEDGER = "media-raw", "media-processed", "media-jobs"
PAID_TASKS = {
    "example_mediaconvert": "transcode",
    "example_rekognition": "detect_segments",
    "example_transcribe": "transcribe",
}
TEST_FILM = (
    *("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=10"),
    *("-f", "lavfi", "-i", "color=c=navy:size=640x360:rate=25:duration=10"),
    *("-f", "lavfi", "-i", "sine=frequency=440:duration=20"),
    *("-filter_complex", "[0:v][1:v]concat=n=2:v=1[film]", "-map", "[film]", "-map", "2:a"),
    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart"),
)


@pytest.fixture(scope="module")
def film_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *TEST_FILM, str(path)], check=True)
    return path


@pytest.fixture
def film(film_file, client) -> str:
    """The key of a film in the raw bucket that no other test uses."""
    key = f"video/tests/{uuid.uuid4().hex}/film.mp4"
    client("s3").upload_file(str(film_file), RAW, key)
    return key


@pytest.fixture
def examples(airflow, wait_until) -> None:
    """The example DAGs, read and switched on."""
    listed = lambda: PAID_TASKS.keys() <= {dag["dag_id"] for dag in airflow.dags()}  # noqa: E731
    wait_until(listed, "reading the example DAGs")
    for dag_id in PAID_TASKS:
        airflow.unpause(dag_id)


@pytest.fixture
def paid_task(airflow) -> Callable[[str, str], dict]:
    def paid_task(dag_id: str, run_id: str) -> dict:
        """The task instance that paid, or is about to."""
        instances = airflow.task_instances(dag_id, run_id)
        return next(instance for instance in instances if instance["task_id"] == PAID_TASKS[dag_id])

    return paid_task


@pytest.fixture
def entries(client) -> Callable[[str], dict[str, dict]]:
    """The ledger's entries about a film, by service."""

    def entries(key: str) -> dict[str, dict]:
        items = client("dynamodb").scan(TableName=LEDGER, ConsistentRead=True)["Items"]
        value_of = TypeDeserializer().deserialize
        found = [{name: value_of(value) for name, value in item.items()} for item in items]
        about = [entry for entry in found if entry.get("asset") == f"s3://{RAW}/{key}"]
        assert len({entry["service"] for entry in about}) == len(about), "a service has two entries about one film"
        return {entry["service"]: entry for entry in about}

    return entries


def transcoded(client, key: str) -> list[dict]:
    """MediaConvert's own list of what it did with a film."""
    jobs = client("mediaconvert").list_jobs()["Jobs"]
    return [job for job in jobs if job["Settings"]["Inputs"][0]["FileInput"] == f"s3://{RAW}/{key}"]


def transcribed(client, key: str) -> list[dict]:
    """Transcribe's own list of what it did with a film."""
    summaries = client("transcribe").list_transcription_jobs()["TranscriptionJobSummaries"]
    names = [summary["TranscriptionJobName"] for summary in summaries]
    jobs = [client("transcribe").get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"] for name in names]
    return [job for job in jobs if job["Media"]["MediaFileUri"] == f"s3://{RAW}/{key}"]


def test_each_service_is_paid_once_through_a_killed_triggerer_and_clears(
    airflow, client, examples, film, paid_task, kill, unfinished_jobs, wait_until, restart_what_died, entries,
    told_by_rekognition, objects,
):  # fmt: skip
    runs = {dag_id: airflow.trigger(dag_id, {"key": film}) for dag_id in PAID_TASKS}

    with unfinished_jobs() as stop_new_workers:

        def all_deferred(after: dict[str, int]) -> bool:
            stop_new_workers()
            tasks = {dag_id: paid_task(dag_id, run_id) for dag_id, run_id in runs.items()}
            return all(
                task["state"] == "deferred" and task["try_number"] > after[dag_id] for dag_id, task in tasks.items()
            )

        wait_until(lambda: all_deferred(dict.fromkeys(runs, 0)), "the first deferral")
        tries = {dag_id: paid_task(dag_id, run_id)["try_number"] for dag_id, run_id in runs.items()}
        for dag_id, run_id in runs.items():
            airflow.clear(dag_id, run_id, [PAID_TASKS[dag_id]])
        wait_until(lambda: all_deferred(tries), "the deferral after the clear")
        assert {entry["state"] for entry in entries(film).values()} == {"active"}
        kill("triggerer")
        restart_what_died()

    for dag_id, run_id in runs.items():
        assert airflow.wait_for_run(dag_id, run_id, PATIENCE_S) == "success"
    written = objects(PROCESSED)
    for dag_id, run_id in runs.items():
        airflow.clear(dag_id, run_id, [PAID_TASKS[dag_id]])
    for dag_id, run_id in runs.items():
        assert airflow.wait_for_run(dag_id, run_id, PATIENCE_S) == "success"

    assert objects(PROCESSED) == written
    kept = entries(film)
    assert kept.keys() == {"mediaconvert", "rekognition", "transcribe"}
    for entry in kept.values():
        assert (entry["state"], entry["generation"]) == ("complete", 1)
        assert "previous" not in entry
        assert "holders" not in entry
    assert [job["Id"] for job in transcoded(client, film)] == [kept["mediaconvert"]["job_id"]]
    assert [job["TranscriptionJobName"] for job in transcribed(client, film)] == [kept["transcribe"]["job_id"]]
    assert [message["JobId"] for message in told_by_rekognition(film)] == [kept["rekognition"]["job_id"]]


def test_a_task_that_is_marked_failed_cancels_its_job(
    airflow, client, examples, film, paid_task, wait_until, entries
):  # fmt: skip
    queue = f"waiting-{uuid.uuid4().hex[:8]}"
    client("mediaconvert").create_queue(Name=queue, Status="PAUSED")
    run_id = airflow.trigger("example_mediaconvert", {"key": film, "queue": queue})
    wait_until(lambda: paid_task("example_mediaconvert", run_id)["state"] == "deferred", "the deferral")
    (job,) = transcoded(client, film)
    assert job["Status"] == "SUBMITTED"
    path = f"/dags/example_mediaconvert/dagRuns/{run_id}/taskInstances/transcode"
    airflow.request("PATCH", path, json={"new_state": "failed"})
    wait_until(lambda: transcoded(client, film)[0]["Status"] == "CANCELED", "the cancellation")
    assert airflow.wait_for_run("example_mediaconvert", run_id, PATIENCE_S) == "failed"
    assert entries(film)["mediaconvert"]["state"] == "cancelled"
