from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferralTimeout, TaskDeferred
from botocore.exceptions import WaiterError
from botocore.stub import Stubber

from aws_media.errors import (
    PaidJobFailed,
    PaidJobFailedForGood,
    PaidJobRefused,
    PaidJobRefusedForGood,
    PaidJobUnfinished,
)
from aws_media.media_object import MediaObject, StoredMedia
from aws_media.triggers.paid_job import StartBackoffTrigger
from tests.plugins.aws_media.studio import StudioTrigger, client_error


def test_without_waiting_the_job_id_is_returned_at_once(detect, a_task, studio, entry_of):
    operator, task = detect(wait_for_completion=False), a_task()
    assert operator.execute(task) == "job-1"
    assert entry_of(operator, task).state == "active"
    assert task["ti"].xcoms["studio_job"]["job_id"] == "job-1"


def test_waiting_in_the_worker_returns_where_the_result_is(detect, a_task, studio, entry_of):
    studio.instant = "complete"
    operator, task = detect(), a_task()
    assert operator.execute(task) == "results/job-1.json"
    entry = entry_of(operator, task)
    assert (entry.state, entry.result, entry.holders) == (
        "complete",
        {"result_key": "results/job-1.json", "share": 0.25},
        frozenset(),
    )


def test_deferring_hands_everything_on_to_the_trigger(detect, a_task, studio, entry_of):
    operator, task = detect(deferrable=True, region_name="us-east-1", verify=False), a_task()
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(task)
    trigger = deferral.value.trigger
    assert isinstance(trigger, StudioTrigger)
    entry = entry_of(operator, task)
    expected = {
        "operation": "label_detection",
        "job_id": "job-1",
        "job_key": entry.job_key,
        "holder": "triage|manual__2026-03-01|detect|-1|1",
        "ledger_table": "media-jobs",
        "region_name": "us-east-1",
        "verify": False,
    }
    assert expected.items() <= trigger.serialize()[1].items()
    studio.end()
    event = {"status": "success", "job_id": "job-1", "state": "complete"}
    assert deferral.value.method_name == "execute_complete"
    assert operator.execute_complete(task, event, **deferral.value.kwargs) == "results/job-1.json"


def test_the_entry_carries_the_estimated_price(detect, a_task, studio, entry_of):
    operator, task = detect(wait_for_completion=False), a_task()
    operator.execute(task)
    entry = entry_of(operator, task)
    assert entry.estimated_usd == 0.15  # 90 s at $0.10 a minute
    assert entry.billed_units[0]["quantity"] == 1.5
    assert entry.priced_by.startswith("aws-us-east-1-list of 20")


def test_an_unknown_length_is_an_unknown_price_and_never_none(detect, a_task, lake, entry_of):
    key = "audio/no-media.txt"
    lake.write_text("media-raw", key, "this is no media file")
    operator, task = detect(key=key, confidence=1.5, wait_for_completion=False), a_task()
    operator.execute(task)
    entry = entry_of(operator, task)
    assert entry.estimated_usd is None
    assert entry.estimate_note == (
        "the minutes of rekognition.label_detection are unknown: "
        "s3://media-raw/audio/no-media.txt is no media file: the bytes are text"
    )


def test_a_length_that_is_given_is_not_looked_up(detect, a_task, entry_of):
    operator, task = detect(duration_s="600", wait_for_completion=False), a_task()
    operator.execute(task)
    assert entry_of(operator, task).estimated_usd == 1.0


def test_the_template_fields_are_those_of_the_base_and_of_the_service(detect):
    assert set(detect().template_fields) == {
        "aws_conn_id",
        "bucket",
        "completions_queue_url",
        "duration_s",
        "key",
        "ledger_table",
        "region_name",
        "verify",
    }


# --- the ledger answers


def test_what_was_done_is_not_paid_again(detect, a_task, studio):
    studio.instant = "complete"
    assert detect().execute(a_task("first")) == "results/job-1.json"
    assert detect().execute(a_task("second", run_id="another")) == "results/job-1.json"
    assert (studio.starts, len(studio.kept)) == (1, 1)


def test_what_is_being_done_is_attached_to(detect, a_task, studio, entry_of):
    detect(wait_for_completion=False).execute(a_task("first"))
    operator = detect(deferrable=True)
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(a_task("second"))
    assert deferral.value.trigger.job_id == "job-1"
    assert studio.starts == 1
    assert {holder.split("|")[2] for holder in entry_of(operator, a_task()).holders} == {"first", "second"}


def test_what_failed_is_started_anew_with_another_token(detect, a_task, studio, entry_of):
    studio.instant = "failed"
    with pytest.raises(PaidJobFailed):
        detect().execute(a_task())
    studio.instant = "complete"
    operator, task = detect(), a_task(try_number=2)
    assert operator.execute(task) == "results/job-2.json"
    entry = entry_of(operator, task)
    assert entry.generation == 2
    assert (entry.previous[0]["job_id"], entry.previous[0]["state"]) == ("job-1", "failed")
    assert studio.jobs["job-1"].token != studio.jobs["job-2"].token


def test_a_result_that_was_deleted_is_read_again_from_the_same_job(detect, a_task, studio):
    studio.instant = "complete"
    detect().execute(a_task())
    studio.standing.clear()
    assert detect().execute(a_task()) == "results/job-1.json"
    assert (studio.paid, studio.kept) == (1, ["results/job-1.json"] * 2)


def test_a_result_that_was_deleted_and_that_the_service_forgot_is_bought_again(detect, a_task, studio, entry_of):
    studio.instant = "complete"
    operator, task = detect(), a_task()
    operator.execute(task)
    studio.standing.clear()
    del studio.jobs["job-1"]
    studio.jobs["unrelated"] = SimpleNamespace(token="", state="complete")
    assert detect().execute(task) == "results/job-2.json"
    assert entry_of(operator, task).previous[0]["followed_because"] == "the service does not know job job-1"


def test_another_version_of_the_object_is_another_job(detect, a_task, studio, lake, narration):
    studio.instant = "complete"
    detect().execute(a_task())
    lake.write_text("media-raw", narration, "other content")
    detect().execute(a_task())
    assert studio.paid == 2


def test_without_ledger_each_task_has_its_own_job_and_each_try_the_same(detect, a_task, studio):
    first, second = a_task("first"), a_task("second")
    parameters = {"use_ledger": False, "wait_for_completion": False}
    assert detect(**parameters).execute(first) == "job-1"
    assert detect(**parameters).execute(second) == "job-2"
    first["ti"].try_number = 2
    with pytest.raises(TaskDeferred) as deferral:
        detect(use_ledger=False, deferrable=True).execute(first)
    assert (deferral.value.trigger.job_id, deferral.value.trigger.ledger_table) == ("job-1", None)
    assert studio.starts == 2


@pytest.mark.parametrize("use_ledger", [True, False])
def test_a_job_that_failed_without_a_ledger_is_started_anew_by_the_next_try(detect, a_task, studio, use_ledger):
    studio.instant = "failed"
    task = a_task()
    with pytest.raises(PaidJobFailed):
        detect(use_ledger=use_ledger).execute(task)
    studio.instant = "complete"
    assert detect(use_ledger=use_ledger).execute(task) == "results/job-2.json"


def test_who_finds_the_job_at_work_or_done_is_linked_to_it(detect, a_task, studio):
    detect(wait_for_completion=False).execute(a_task("first"))
    studio.end()
    for name in ("second", "third"):
        task = a_task(name)
        detect().execute(task)
        assert task["ti"].xcoms["studio_job"]["job_id"] == "job-1"


# --- events


def deferred(operator, task) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(task)
    return deferral.value


def test_an_event_that_comes_too_early_is_waited_on_and_not_for_ever(detect, a_task, studio):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    event = {"status": "success", "job_id": "job-1", "state": "complete"}
    for _ in range(5):
        with pytest.raises((TaskDeferred, PaidJobUnfinished)) as outcome:
            operator.execute_complete(task, event, **arguments)
        if outcome.type is PaidJobUnfinished:
            return
        arguments = outcome.value.kwargs
    pytest.fail("it went on waiting")


def test_a_trigger_that_gave_up_fails_the_task_and_leaves_the_job(detect, a_task, studio, entry_of):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    event = {"status": "error", "job_id": "job-1", "state": "active", "message": "not ended after 60 s"}
    with pytest.raises(PaidJobUnfinished, match=r"job job-1.*clear the task"):
        operator.execute_complete(task, event, **arguments)
    assert entry_of(operator, task).state == "active"


def test_an_event_that_comes_twice_changes_nothing(detect, a_task, studio):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    studio.end()
    event = {"status": "success", "job_id": "job-1", "state": "complete"}
    results = {operator.execute_complete(task, event, **arguments) for _ in range(2)}
    assert results == {"results/job-1.json"}
    assert studio.kept == ["results/job-1.json"]


def test_a_result_is_kept_although_its_source_is_gone(detect, a_task, studio, lake, narration):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    studio.end()
    lake.delete("media-raw", narration)
    assert operator.execute_complete(task, {"status": "success"}, **arguments) == "results/job-1.json"


def test_a_job_that_failed_while_deferred_fails_the_task_and_says_what_to_do(detect, a_task, studio, narration):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    studio.end("failed", code="UnsupportedCodec", message="the codec is not supported")
    with pytest.raises(
        PaidJobFailedForGood,
        match=rf"rekognition label_detection on s3://media-raw/{narration} \(job job-1\): UnsupportedCodec: the codec"
        r" is not supported\. Convert it to H\.264\.",
    ):
        operator.execute_complete(task, {"status": "error", "state": "failed"}, **arguments)


def test_a_task_whose_job_was_cancelled_by_another_gets_a_job_of_its_own(detect, a_task, studio, ledger, entry_of):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    entry = entry_of(operator, task)
    ledger.let_go(entry.job_key, "triage|manual__2026-03-01|detect|", operator.hook, cancel=True)
    with pytest.raises(TaskDeferred) as again:
        operator.execute_complete(task, {"status": "error", "state": "failed"}, **arguments)
    assert again.value.trigger.job_id == "job-2"


def test_who_waits_for_the_job_that_followed_holds_it_too(detect, a_task, studio, ledger, entry_of):
    slow, task = detect(deferrable=True), a_task("slow")
    arguments = deferred(slow, task).kwargs
    studio.end("failed", code="CANCELED")
    quick = detect(wait_for_completion=False)
    with pytest.raises(PaidJobFailed):
        quick.execute(a_task("quick"))
    quick.execute(a_task("quick", try_number=2))  # job-2
    with pytest.raises(TaskDeferred) as wait:
        slow.execute_complete(task, {"status": "error", "state": "failed"}, **arguments)
    assert wait.value.trigger.job_id == "job-2"
    assert {holder.split("|")[2] for holder in entry_of(slow, task).holders} == {"slow", "quick"}


# --- refusals


def test_what_the_service_refuses_is_not_retried_and_costs_nothing(detect, a_task, studio, entry_of):
    studio.before_start = [client_error("InvalidParameterException", "MinConfidence is 500")]
    operator, task = detect(), a_task()
    with pytest.raises(AirflowFailException, match=r"no job was started.*MinConfidence is 500\. Correct the parameter"):
        operator.execute(task)
    assert (studio.paid, entry_of(operator, task).state) == (0, "failed")


def test_a_fault_of_the_service_leaves_the_start_open_for_the_next_try(detect, a_task, studio, entry_of):
    studio.before_start = [client_error("InternalServerError", status=500)]
    operator, task = detect(wait_for_completion=False), a_task()
    with pytest.raises(PaidJobRefused) as refusal:
        operator.execute(task)
    assert not isinstance(refusal.value, AirflowFailException)
    assert entry_of(operator, task).state == "starting"
    assert operator.execute(a_task(try_number=2)) == "job-1"
    assert entry_of(operator, task).generation == 1


def test_what_the_service_cannot_do_is_refused_before_it_is_paid(detect, a_task, studio):
    with pytest.raises(PaidJobRefusedForGood, match=r"TooLong: it lasts 8\.3 h"):
        detect(duration_s=30_000).execute(a_task())
    assert studio.starts == 0


def test_a_missing_object_is_refused_with_its_name(detect, a_task, studio):
    with pytest.raises(PaidJobRefusedForGood, match=r"s3://media-raw/nowhere\.mp4.*not there"):
        detect(key="nowhere.mp4").execute(a_task())


@pytest.mark.parametrize(("version_id", "advice"), [("no-version", "version"), ("delete marker", "delete marker")])
def test_a_version_that_is_none_is_refused_with_its_name(clients, studio, narration, version_id, advice):
    media = MediaObject(bucket="media-raw", key=narration, version_id=version_id)
    status = {"no-version": 400, "delete marker": 405}[version_id]
    with Stubber(clients.s3) as s3:
        s3.add_client_error("head_object", str(status), "Bad Request", http_status_code=status)
        with pytest.raises(
            PaidJobRefusedForGood, match=rf"s3://media-raw/{narration}.*{status}: Bad Request\. .*{advice}"
        ):
            StoredMedia.look_up(clients.s3, media, service="rekognition")


def test_an_object_that_cannot_be_told_of_now_is_named_and_may_be_retried(clients, narration):
    media = MediaObject(bucket="media-raw", key=narration)
    with Stubber(clients.s3) as s3:
        s3.add_client_error("head_object", "503", "Slow Down", http_status_code=503)
        with pytest.raises(PaidJobRefused, match=rf"s3://media-raw/{narration}.*503: Slow Down") as refusal:
            StoredMedia.look_up(clients.s3, media, service="rekognition")
    assert not isinstance(refusal.value, AirflowFailException)


def test_a_full_quota_is_waited_out_in_the_triggerer(detect, a_task, studio, entry_of):
    studio.before_start = [client_error("LimitExceededException") for _ in range(2)]
    operator, task = detect(deferrable=True), a_task()
    deferral = deferred(operator, task)
    assert isinstance(deferral.trigger, StartBackoffTrigger)
    assert (deferral.method_name, entry_of(operator, task).state) == ("resume_start", "starting")
    with pytest.raises(TaskDeferred) as second:
        operator.resume_start(task, {"status": "retry", "attempt": 1})
    assert second.value.trigger.attempt == 1
    with pytest.raises(TaskDeferred) as third:
        operator.resume_start(task, {"status": "retry", "attempt": 2})
    assert third.value.trigger.job_id == "job-1"


def test_a_full_quota_is_waited_out_in_the_worker_when_not_deferrable(detect, a_task, studio, monkeypatch):
    waited = []
    monkeypatch.setattr("aws_media.operators.paid_job.time.sleep", waited.append)
    studio.before_start = [client_error("LimitExceededException") for _ in range(3)]
    assert detect(wait_for_completion=False).execute(a_task()) == "job-1"
    assert [5 <= seconds <= 60 for seconds in waited] == [True] * 3
    assert waited[0] < waited[2]


def test_a_quota_that_stays_full_is_given_up_and_may_be_retried(detect, a_task, studio, monkeypatch):
    monkeypatch.setattr("aws_media.operators.paid_job.time.sleep", lambda _: None)
    studio.before_start = [client_error("LimitExceededException") for _ in range(3)]
    with pytest.raises(PaidJobRefused, match="still refused after 3 attempts") as refusal:
        detect(start_max_attempts=3).execute(a_task())
    assert not isinstance(refusal.value, AirflowFailException)


def test_a_search_that_is_throttled_is_waited_out_like_a_start(detect, a_task, studio):
    studio.lists_jobs = True
    studio.before_start = [client_error("LimitExceededException")]
    operator, task = detect(deferrable=True), a_task()
    again = deferred(operator, task)
    studio.before_answer = [client_error("LimitExceededException")]
    with pytest.raises(TaskDeferred) as second:
        operator.resume_start(task, {"status": "retry", "attempt": 1}, **again.kwargs)
    assert (second.value.method_name, second.value.trigger.attempt) == ("resume_start", 1)
    with pytest.raises(TaskDeferred) as third:
        operator.resume_start(task, {"status": "retry", "attempt": 2}, **second.value.kwargs)
    assert third.value.trigger.job_id == "job-1"


def test_a_search_that_is_refused_leaves_open_whether_a_job_was_started(detect, a_task, studio, entry_of):
    studio.lists_jobs = True
    studio.after_start = [client_error("InternalServerError", status=500)]
    operator, task = detect(wait_for_completion=False), a_task()
    with pytest.raises(PaidJobRefused):
        operator.execute(task)
    studio.before_answer = [client_error("AccessDeniedException", "not authorized to list")]
    with pytest.raises(PaidJobRefused, match=r"AccessDeniedException: whether .* not authorized to list") as refusal:
        operator.execute(a_task(try_number=2))
    assert not isinstance(refusal.value, AirflowFailException)
    assert entry_of(operator, task).state == "starting"
    assert operator.execute(a_task(try_number=3)) == "job-1"
    assert studio.paid == 1


def test_a_look_at_the_job_that_is_throttled_is_waited_out(detect, a_task, studio, lake, narration):
    operator, task = detect(deferrable=True), a_task()
    arguments = deferred(operator, task).kwargs
    studio.end()
    lake.delete("media-raw", narration)
    studio.before_answer = [client_error("LimitExceededException") for _ in range(2)]
    with pytest.raises(TaskDeferred) as first:
        operator.execute_complete(task, {"status": "success", "state": "complete"}, **arguments)
    assert isinstance(first.value.trigger, StartBackoffTrigger)
    with pytest.raises(TaskDeferred) as second:
        operator.resume_start(task, {"status": "retry", "attempt": 1}, **first.value.kwargs)
    event = {"status": "retry", "attempt": second.value.trigger.attempt + 1}
    assert operator.resume_start(task, event, **second.value.kwargs) == "results/job-1.json"


def test_credentials_that_ran_out_are_no_reason_to_give_up_for_good(detect, a_task, studio, entry_of):
    studio.before_start = [client_error("ExpiredTokenException")]
    operator, task = detect(), a_task()
    with pytest.raises(PaidJobRefused) as refusal:
        operator.execute(task)
    assert not isinstance(refusal.value, AirflowFailException)
    assert entry_of(operator, task).state == "starting"


def test_a_wait_in_the_worker_that_is_refused_says_so_of_job_and_asset(detect, a_task, studio, narration, monkeypatch):
    def refuse(**_):
        raise WaiterError(
            name="job_complete",
            reason="An error occurred (AccessDeniedException): no",
            last_response=client_error("AccessDeniedException").response,
        )

    operator = detect()
    monkeypatch.setattr(operator.hook, "_wait", refuse)
    studio.before_answer = [client_error("AccessDeniedException", "not authorized to look")]
    with pytest.raises(PaidJobUnfinished, match=rf"{narration} \(job job-1\): AccessDeniedException: not authorized"):
        operator.execute(a_task())


# --- killed, cleared, timed out


@pytest.mark.parametrize(
    ("state", "try_number", "job", "holders"),
    [
        ("running", 1, "active", 1),  # a worker that goes down, or an execution timeout: the next try attaches
        ("running", 3, "failed", 0),  # the same at the last try
        ("restarting", 3, "active", 0),  # cleared
        ("failed", 1, "failed", 0),
        ("success", 1, "failed", 0),
    ],
)
def test_a_killed_task_lets_go_of_its_job(detect, a_task, studio, entry_of, state, try_number, job, holders):
    operator, task = detect(wait_for_completion=False), a_task(try_number=try_number)
    operator.execute(task)
    task["ti"].state = state
    operator.on_kill()
    entry = entry_of(operator, task)
    assert (studio.jobs["job-1"].state, len(entry.holders)) == (job, holders)
    assert entry.state == ("cancelled" if job == "failed" else "active")


def test_a_job_that_another_task_waits_for_is_not_cancelled(detect, a_task, studio):
    operator, task = detect(wait_for_completion=False), a_task()
    operator.execute(task)
    detect(wait_for_completion=False).execute(a_task("another"))
    task["ti"].state = "failed"
    operator.on_kill()
    assert studio.jobs["job-1"].state == "active"


def test_a_job_that_cannot_be_cancelled_is_left_to_whoever_asks_next(detect, a_task, studio, entry_of):
    studio.cancellable = False
    operator, task = detect(wait_for_completion=False), a_task()
    operator.execute(task)
    task["ti"].state = "failed"
    operator.on_kill()
    entry = entry_of(operator, task)
    assert (entry.state, entry.holders) == ("active", frozenset())
    studio.end()
    assert detect().execute(a_task("another")) == "results/job-1.json"
    assert studio.paid == 1


def test_a_cleared_task_attaches_to_its_job(detect, a_task, studio):
    operator, task = detect(deferrable=True), a_task()
    deferred(operator, task)
    for try_number in (2, 3, 4):
        assert deferred(detect(deferrable=True), a_task(try_number=try_number)).trigger.job_id == "job-1"
    assert studio.starts == 1


@pytest.mark.parametrize("lists_jobs", [True, False])
def test_a_task_killed_while_it_starts_its_job_lets_go_of_it(detect, a_task, studio, entry_of, lists_jobs):
    studio.lists_jobs = lists_jobs
    operator, task = detect(waiter_max_attempts=1), a_task(try_number=3)
    studio.before_start = [operator.on_kill]
    with pytest.raises(PaidJobUnfinished, match="killed"):
        operator.execute(task)
    assert (studio.paid, studio.cancelled, entry_of(operator, task).state) == (1, ["job-1"], "cancelled")


@pytest.mark.parametrize(("try_number", "state"), [(1, "active"), (3, "cancelled")])
def test_a_wait_that_times_out_in_the_triggerer_leaves_the_job_to_the_next_try(
    detect, a_task, entry_of, try_number, state
):
    operator, task = detect(deferrable=True), a_task(try_number=try_number)
    deferred(operator, task)
    with pytest.raises(TaskDeferralTimeout):
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, task)
    assert entry_of(operator, task).state == state
