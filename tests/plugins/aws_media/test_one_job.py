"""Whatever goes wrong between asking and noting, one job is paid."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ReadTimeoutError

from aws_media.ledger import LedgerUnavailable
from aws_media.operators.paid_job import PaidJobOperator
from tests.plugins.aws_media.studio import client_error


class WorkerKilled(BaseException):
    """Nothing in the worker survives it, as nothing survives SIGKILL."""


def start(detect, task, **parameters) -> str:
    return detect(wait_for_completion=False, **parameters).execute(task)


@pytest.fixture(params=["the service knows its tokens", "the service can be searched"])
def studio(request, studio):
    """Once like Rekognition and Transcribe, once like MediaConvert a minute later."""
    if request.param == "the service can be searched":
        studio.forgets_tokens = studio.lists_jobs = True
    return studio


def test_a_duplicated_event(detect, a_task, studio):
    assert start(detect, a_task(run_id="first")) == start(detect, a_task(run_id="second"))
    assert (studio.paid, studio.starts) == (1, 1)


def test_a_reply_that_was_lost(detect, a_task, studio):
    studio.after_start = [ReadTimeoutError(endpoint_url="http://studio")]
    with pytest.raises(ReadTimeoutError):
        start(detect, a_task())
    assert start(detect, a_task(try_number=2)) == "job-1"
    assert studio.paid == 1


def test_a_fault_of_the_service_after_it_had_made_the_job(detect, a_task, studio):
    studio.after_start = [client_error("InternalServerError", status=500)]
    with pytest.raises(Exception, match="InternalServerError"):
        start(detect, a_task())
    assert start(detect, a_task(try_number=2)) == "job-1"
    assert studio.paid == 1


def test_a_worker_killed_between_claim_and_start(detect, a_task, studio):
    studio.before_start = [WorkerKilled()]
    with pytest.raises(WorkerKilled):
        start(detect, a_task())
    assert start(detect, a_task(try_number=2)) == "job-1"
    assert studio.paid == 1


def test_a_worker_killed_between_start_and_note(detect, a_task, studio):
    studio.after_start = [WorkerKilled()]
    with pytest.raises(WorkerKilled):
        start(detect, a_task())
    assert start(detect, a_task(try_number=2)) == "job-1"
    assert studio.paid == 1


def test_a_worker_killed_between_start_and_note_whose_work_another_task_takes_up(detect, a_task, studio, entry_of):
    """The other has other tags and another channel; sent under the same token they would be a mismatch."""
    studio.after_start = [WorkerKilled()]
    with pytest.raises(WorkerKilled):
        start(detect, a_task("first"), channel="arn:first")
    operator, task = detect(wait_for_completion=False, channel="arn:second"), a_task("second", run_id="another")
    assert operator.execute(task) == "job-1"
    assert studio.paid == 1
    assert studio.jobs["job-1"].request["Channel"] == "arn:first"
    assert entry_of(operator, task).tags["task_id"] == "first"


def test_a_worker_killed_between_note_and_link(detect, a_task, studio, monkeypatch):
    def killed(*args, **kwargs):
        raise WorkerKilled

    with monkeypatch.context() as patch, pytest.raises(WorkerKilled):
        patch.setattr(PaidJobOperator, "_wait", killed)
        start(detect, a_task())
    assert start(detect, a_task(try_number=2)) == "job-1"
    assert studio.paid == 1


def test_a_worker_killed_between_result_and_note(detect, a_task, studio, monkeypatch):
    studio.instant = "complete"
    operator = detect()
    with monkeypatch.context() as patch, pytest.raises(WorkerKilled):
        patch.setattr(operator, "returned", lambda *_: (_ for _ in ()).throw(WorkerKilled()))
        operator.execute(a_task())
    assert detect().execute(a_task(try_number=2)) == "results/job-1.json"
    assert studio.paid == 1


def test_a_quota_that_is_full_for_two_tasks_at_once(detect, a_task, studio, monkeypatch):
    monkeypatch.setattr("aws_media.operators.paid_job.time.sleep", lambda _: None)
    studio.before_start = [client_error("LimitExceededException") for _ in range(5)]
    with ThreadPoolExecutor(2) as pool:
        jobs = set(pool.map(lambda name: start(detect, a_task(name)), ("first", "second")))
    assert (jobs, studio.paid) == ({"job-1"}, 1)


def test_two_tasks_at_once(detect, a_task, studio, entry_of):
    """Where both get as far as the start and the service makes two jobs of one token, one is cancelled at once."""
    operators = [detect(wait_for_completion=False) for _ in range(4)]
    tasks = [a_task(f"task{number}") for number in range(4)]
    barrier = threading.Barrier(4)

    def execute(operator, task):
        barrier.wait()
        return operator.execute(task)

    with ThreadPoolExecutor(4) as pool:
        jobs = set(pool.map(execute, operators, tasks))
    assert len(jobs) == 1
    assert [job_id for job_id, job in studio.jobs.items() if job.state == "active"] == list(jobs)
    assert len(entry_of(operators[0], tasks[0]).holders) == 4


def test_a_start_that_two_tasks_make_although_the_service_forgot_the_token(detect, a_task, studio, ledger):
    """The slower one finds the other's job in the ledger, keeps to it and cancels its own."""
    studio.forgets_tokens, studio.lists_jobs = True, False

    def the_other_is_quicker() -> None:
        studio.lock.release()
        try:
            assert start(detect, a_task("other")) == "job-2"
        finally:
            studio.lock.acquire()

    studio.after_start = [the_other_is_quicker]
    assert start(detect, a_task("slow")) == "job-2"
    assert studio.cancelled == ["job-1"]


def test_a_start_that_another_made_while_this_one_looked_up_its_price(detect, a_task, studio, monkeypatch):
    slow = detect(wait_for_completion=False)
    quote = slow._quote

    def the_other_is_quicker(*arguments):
        assert start(detect, a_task("other")) == "job-1"
        return quote(*arguments)

    monkeypatch.setattr(slow, "_quote", the_other_is_quicker)
    studio.lists_jobs = False
    assert slow.execute(a_task("slow")) == "job-1"
    assert studio.starts == 1


def test_a_token_that_was_used_for_something_else(detect, a_task, studio, entry_of):
    """The ledger was lost and the service remembers: nobody knows that job's id, so it is followed by one other."""
    studio.forgets_tokens = studio.lists_jobs = False
    studio.before_start = [client_error("IdempotentParameterMismatchException")]
    assert start(detect, a_task("first")) == start(detect, a_task("second")) == "job-1"
    entry = entry_of(detect(), a_task())
    assert (studio.paid, entry.generation) == (1, 2)
    assert "token was used before" in entry.previous[0]["followed_because"]


def test_a_service_that_refuses_every_token_is_not_asked_for_ever(detect, a_task, studio):
    studio.before_start = [client_error("IdempotentParameterMismatchException") for _ in range(20)]
    with pytest.raises(Exception, match="LostJobs"):
        start(detect, a_task())
    assert studio.starts == 3


def test_a_ledger_that_cannot_be_asked_stops_the_start(detect, a_task, studio):
    with pytest.raises(LedgerUnavailable, match="may be paid for twice"):
        start(detect, a_task(), ledger_table="nowhere")
    assert studio.starts == 0
