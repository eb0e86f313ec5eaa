"""The queue of jobs: what a service hears of a job, whatever becomes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aws_emulator.jobs.errors import QueueFull
from aws_emulator.jobs.queue import Job, JobQueue
from aws_emulator.jobs.task import EngineSettings


def test_a_job_starts_reports_and_completes(queue, submit, server, local_client):
    s3 = local_client(server.url)
    s3.create_bucket(Bucket="toys")
    s3.put_object(Bucket="toys", Key="in", Body=b"some text")
    job_id, listener = submit(queue, "copy")
    (result,) = listener.wait_for("complete", "failed")
    assert listener.said[:2] == [("started", job_id), ("progress", job_id, 50, "COPYING", {"bytes": 9})]
    assert listener.kinds == ["started", "progress", "complete"]
    assert Path(result["kept"]).read_bytes() == b"some text"
    stored = s3.get_object(Bucket="toys", Key="out")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"some text", "text/plain")


def test_a_modelled_failure_keeps_its_code(queue, submit):
    _, listener = submit(queue, "refuse")
    assert listener.wait_for("complete", "failed") == ("1404", "no such input")
    assert listener.kinds == ["started", "failed"]


@pytest.mark.parametrize(
    ("do", "message"), [("stumble", "ZeroDivisionError: a bug"), ("return_nonsense", "TypeError: .*not JSON")]
)
def test_a_bug_fails_its_job_and_not_the_worker(queue, submit, do, message):
    _, before = submit(queue, "tell")
    _, listener = submit(queue, do)
    _, after = submit(queue, "tell")
    code, said = listener.wait_for("complete", "failed")
    assert code == "INTERNAL"
    assert re.match(message, said)
    assert before.wait_for("complete")[0]["pid"] == after.wait_for("complete")[0]["pid"]


def test_an_engine_that_is_not_there_fails_its_job(queue, listener):
    queue.submit(Job("absent", "toys", "1", "us-east-1", "no_such_module:run", {}), listener)
    assert "ModuleNotFoundError" in listener.wait_for("failed")[1]


def test_the_folder_of_a_job_is_removed(queue, submit):
    _, listener = submit(queue, "tell")
    assert not Path(listener.wait_for("complete")[0]["folder"]).exists()


def test_a_killed_job_leaves_nothing_on_disk(queue, submit):
    _, listener = submit(queue, "hang", limit_s=1)
    left = listener.wait_for("progress")[2]["left"]
    assert all(Path(path).exists() for path in left)
    assert "1 s it may take" in listener.wait_for("failed")[1]
    assert not any(Path(path).exists() for path in left)


def test_settings_reach_the_engine(make_queue, submit):
    _, listener = submit(make_queue(settings=EngineSettings(speech_model="vosk:/models/small")), "tell")
    assert listener.wait_for("complete")[0]["settings"] == "vosk:/models/small"


def test_reports_are_throttled_but_a_new_phase_is_told_at_once(queue, submit):
    _, listener = submit(queue, "report_often")
    listener.wait_for("complete")
    told = [said[2:4] for said in listener.said if said[0] == "progress"]
    assert {(0, ""), (50, "HALF")} <= set(told)
    assert len(told) < 100


def test_a_worker_that_crashes_fails_its_job_and_the_next_one_runs(queue, submit):
    _, listener = submit(queue, "crash")
    _, after = submit(queue, "tell")
    assert listener.wait_for("failed") == ("INTERNAL", "The worker was killed by SIGSEGV in the middle of the job.")
    assert after.wait_for("complete")


def test_a_job_that_takes_too_long_is_killed_with_its_children(queue, submit, gone):
    _, listener = submit(queue, "hang", limit_s=2)
    _, _, details = listener.wait_for("progress")
    assert listener.wait_for("failed") == ("INTERNAL", "The job takes longer than the 2 s it may take.")
    gone(details["pids"])


def test_a_job_whose_child_needs_too_much_memory_is_killed(queue, submit, gone):
    _, listener = submit(queue, "feed_a_child", limit_mib=200, mib=200)
    _, _, details = listener.wait_for("progress")
    code, message = listener.wait_for("failed")
    assert code == "INTERNAL"
    assert "MiB of memory, more than the 200 MiB it may have" in message
    gone(details["pids"])


def test_a_burst_of_memory_fails_the_job_before_the_machine_feels_it(queue, submit):
    _, listener = submit(queue, "burst", limit_mib=200, mib=100_000)
    assert listener.wait_for("failed") == ("INTERNAL", "The job needs more memory than the 200 MiB it may have.")
    _, after = submit(queue, "burst", limit_mib=200, mib=1)
    assert after.wait_for("complete") == ({"bytes": 1024**2},)


@pytest.mark.parametrize("do", ["hang", "encode"])
def test_a_cancelled_job_is_killed_and_never_heard_of_again(do, queue, submit, gone):
    job_id, listener = submit(queue, do)
    _, _, details = listener.wait_for("progress")
    assert queue.cancel(job_id) is True
    assert len(details["pids"]) == 2
    gone(details["pids"])
    _, after = submit(queue, "tell")
    assert after.wait_for("complete")
    assert set(listener.kinds) == {"started", "progress"}
    assert queue.cancel(job_id) is False


def test_a_job_that_waits_can_be_cancelled(queue, submit):
    running_id, running = submit(queue, "hang")
    waiting_id, waiting = submit(queue, "tell")
    running.wait_for("progress")
    assert queue.cancel(waiting_id) is True
    queue.cancel(running_id)
    _, after = submit(queue, "tell")
    assert after.wait_for("complete")
    assert waiting.said == []


def test_a_job_that_is_done_cannot_be_cancelled(queue, submit):
    job_id, listener = submit(queue, "tell")
    listener.wait_for("complete")
    assert queue.cancel(job_id) is False
    assert queue.cancel("unknown") is False


def test_a_full_queue_takes_no_more(make_queue, submit):
    queue = make_queue(workers=1, most_queued=1)
    running_id, running = submit(queue, "hang")
    running.wait_for("started")
    _, waiting = submit(queue, "tell")
    with pytest.raises(QueueFull, match="1 jobs wait already"):
        submit(queue, "tell")
    queue.cancel(running_id)
    assert waiting.wait_for("complete")


def test_two_workers_work_at_the_same_time(make_queue, submit):
    queue = make_queue(workers=2)
    listeners = [submit(queue, "hang")[1] for _ in range(3)]
    pids = {listener.wait_for("progress")[2]["pids"][0] for listener in listeners[:2]}
    assert len(pids) == 2
    assert listeners[2].said == []


def test_a_request_that_is_no_json_fails_its_job(queue, listener):
    queue.submit(Job("opaque", "toys", "1", "us-east-1", "toy_engine:run", {"do": {1, 2}}), listener)
    code, message = listener.wait_for("failed")
    assert code == "INTERNAL"
    assert "set is not JSON serializable" in message


def test_a_job_id_is_in_use_once(queue, submit, listener):
    job_id, running = submit(queue, "hang")
    with pytest.raises(ValueError, match="waits or runs already"):
        queue.submit(Job(job_id, "toys", "1", "us-east-1", "toy_engine:run", {"do": "tell"}), listener)
    running.wait_for("started")
    queue.cancel(job_id)


def test_a_listener_that_fails_stops_nobody(queue, submit, capsys):
    class Clumsy:
        def __getattr__(self, name):
            raise RuntimeError("clumsy")

    queue.submit(Job("clumsy", "toys", "1", "us-east-1", "toy_engine:run", {"do": "tell"}), Clumsy())
    _, after = submit(queue, "tell")
    assert after.wait_for("complete")
    assert "clumsy" in capsys.readouterr().err


def test_stopping_kills_workers_and_children_and_leaves_nothing_on_disk(make_queue, submit, gone, tmp_path):
    queue = make_queue(workers=1)
    _, listener = submit(queue, "hang")
    _, waiting = submit(queue, "tell")
    _, _, details = listener.wait_for("progress")
    state = queue._setup.state
    assert state.is_dir()
    queue.stop()
    gone(details["pids"])
    assert not state.exists()
    assert listener.kinds == ["started", "progress"]
    assert waiting.said == []


def test_a_queue_that_knows_no_s3_takes_no_job():
    with pytest.raises(RuntimeError, match="configure"):
        JobQueue().submit(Job("1", "toys", "1", "us-east-1", "toy_engine:run", {}), None)


def test_a_cache_that_cannot_be_written_to_fails_the_job_and_says_so(make_queue, submit, tmp_path):
    (tmp_path / "file").touch()
    queue = make_queue(workers=1, cache=tmp_path / "file" / "cache")
    for _ in range(2):  # the first failure does not take the worker's thread with it
        code, message = submit(queue, "tell")[1].wait_for("failed")
        assert code == "INTERNAL"
        assert "Not a directory" in message
