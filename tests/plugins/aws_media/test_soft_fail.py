"""A job that came to nothing, on an operator that skips instead of failing: whichever way the task came to know."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk.exceptions import TaskDeferralError, TaskDeferralTimeout, TaskDeferred
from botocore.exceptions import EndpointConnectionError

from aws_media.errors import PaidJobFailed, PaidJobRefused, PaidJobRefusedForGood
from aws_media.ledger import LedgerUnavailable
from tests.plugins.aws_media.studio import client_error

LAST = 3  # of FakeTaskInstance, whose max_tries is 2


@pytest.fixture
def softly(detect):
    """Makes an operator that skips."""
    return lambda **parameters: detect(soft_fail=True, **parameters)


def resume(operator, task, deferral: TaskDeferred, event: dict):
    """Come back from the triggerer, as the task runner does it."""
    kwargs = {**(deferral.kwargs or {}), "event": event}
    return operator.resume_execution(deferral.method_name, kwargs, task)


def deferred(operator, task) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as deferral:
        operator.execute(task)
    return deferral.value


def test_what_is_refused_for_good_is_skipped_with_its_reason(softly, a_task, studio, entry_of):
    studio.before_start = [client_error("InvalidParameterException", "not so")]
    operator, task = softly(), a_task()
    with pytest.raises(AirflowSkipException, match=r"InvalidParameterException: not so\. Correct the parameter\."):
        operator.execute(task)
    assert "InvalidParameterException: not so" in task["ti"].xcoms["refusal"]
    assert (entry_of(operator, task).state, studio.paid) == ("failed", 0)


def test_access_that_is_denied_is_skipped_at_once(softly, a_task, studio):
    studio.before_start = [client_error("AccessDeniedException", "not authorized to start")]
    task = a_task()
    with pytest.raises(AirflowSkipException, match="AccessDeniedException"):
        softly().execute(task)
    assert "not authorized to start" in task["ti"].xcoms["refusal"]


def test_what_the_operator_itself_objects_to_is_skipped(softly, a_task, studio):
    task = a_task()
    with pytest.raises(AirflowSkipException, match="TooLong"):
        softly(duration_s=30_000).execute(task)
    assert "6 h is the most" in task["ti"].xcoms["refusal"]
    assert studio.starts == 0


def test_a_source_that_is_gone_is_skipped(softly, a_task, studio):
    with pytest.raises(AirflowSkipException, match=r"nowhere\.mp4"):
        softly(key="nowhere.mp4").execute(a_task())


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (client_error("InternalServerError", status=500), PaidJobRefused),
        (EndpointConnectionError(endpoint_url="http://nowhere"), EndpointConnectionError),
    ],
    ids=["a fault of the service", "no service there"],
)
def test_what_may_pass_is_tried_again_and_skipped_at_the_last_try(softly, a_task, studio, fault, error):
    studio.before_start = [fault, fault]
    first, last = a_task(), a_task(try_number=LAST)
    with pytest.raises(error):
        softly().execute(first)
    assert "refusal" not in first["ti"].xcoms
    with pytest.raises(AirflowSkipException):
        softly().execute(last)
    assert last["ti"].xcoms["refusal"]


def test_a_job_that_failed_for_good_while_deferred_is_skipped(softly, a_task, studio, entry_of):
    operator, task = softly(deferrable=True), a_task()
    deferral = deferred(operator, task)
    studio.end("failed", code="UnsupportedCodec", message="it is VP9")
    with pytest.raises(AirflowSkipException, match=r"job-1\): UnsupportedCodec: it is VP9\. Convert it to H\.264\."):
        resume(softly(deferrable=True), task, deferral, {"status": "success", "state": "failed"})
    assert "UnsupportedCodec" in task["ti"].xcoms["refusal"]
    assert entry_of(operator, task).state == "failed"


def test_a_job_that_may_succeed_another_time_is_tried_again(softly, a_task, studio):
    operator, task = softly(deferrable=True), a_task()
    deferral = deferred(operator, task)
    studio.end("failed", code="Mystery")
    with pytest.raises(PaidJobFailed):
        resume(operator, task, deferral, {"status": "success", "state": "failed"})
    assert "refusal" not in task["ti"].xcoms


def test_a_start_that_is_refused_after_a_full_quota_is_skipped(softly, a_task, studio):
    studio.before_start = [client_error("LimitExceededException"), client_error("InvalidParameterException", "no")]
    operator, task = softly(deferrable=True), a_task()
    deferral = deferred(operator, task)
    assert deferral.method_name == "resume_start"
    with pytest.raises(AirflowSkipException, match="InvalidParameterException"):
        resume(operator, task, deferral, {"status": "retry", "attempt": 1})


@pytest.mark.parametrize(
    ("failure", "error"), [("Trigger timeout", TaskDeferralTimeout), ("Trigger failure", TaskDeferralError)]
)
def test_a_trigger_that_failed_is_skipped_at_the_last_try_alone_and_lets_go_of_the_job(
    softly, a_task, entry_of, failure, error
):
    operator, task = softly(deferrable=True), a_task()
    deferred(operator, task)
    with pytest.raises(error):
        operator.resume_execution("__fail__", {"error": failure}, task)
    assert entry_of(operator, task).holders
    last = a_task(try_number=LAST)
    deferred(operator, last)
    with pytest.raises(AirflowSkipException, match=failure):
        operator.resume_execution("__fail__", {"error": failure}, last)
    assert last["ti"].xcoms["refusal"] == failure
    entry = entry_of(operator, last)
    assert (entry.state, entry.holders) == ("cancelled", frozenset())


def test_a_job_that_succeeds_is_no_refusal(softly, a_task, studio):
    operator, task = softly(deferrable=True), a_task()
    deferral = deferred(operator, task)
    studio.end()
    assert resume(operator, task, deferral, {"status": "success"}) == "results/job-1.json"
    assert "refusal" not in task["ti"].xcoms


def test_a_ledger_that_is_not_there_is_no_refusal(softly, a_task, studio):
    with pytest.raises(LedgerUnavailable):
        softly(ledger_table="nobodys-jobs").execute(a_task(try_number=LAST))


def test_without_it_the_task_fails_as_ever(detect, a_task, studio):
    studio.before_start = [client_error("InvalidParameterException")]
    task = a_task(try_number=LAST)
    with pytest.raises(PaidJobRefusedForGood):
        detect().execute(task)
    assert "refusal" not in task["ti"].xcoms
