"""Queues, tokens and status updates, with a job queue of the emulator that only takes notes."""

from __future__ import annotations

import pytest
from moto.core.exceptions import ServiceException

from aws_emulator.jobs.errors import QueueFull
from aws_emulator.services.mediaconvert import models
from aws_emulator.services.mediaconvert.models import MediaConvertBackend

ROLE = "arn:aws:iam::123456789012:role/MediaConvert"


class Notes:
    """In place of the emulator's job queue."""

    def __init__(self):
        self.submitted, self.cancelled, self.full = [], [], False

    def submit(self, job, listener):
        if self.full:
            raise QueueFull("no more")
        self.submitted.append(job.job_id)

    def cancel(self, job_id):
        self.cancelled.append(job_id)
        return True


@pytest.fixture
def notes(monkeypatch):
    notes = Notes()
    monkeypatch.setattr(models, "JOBS", notes)
    return notes


@pytest.fixture
def told(monkeypatch):
    """What EventBridge was told: (status, what else the detail says)."""
    told = []
    monkeypatch.setattr(models.events, "announce", lambda a, r, job, status, **more: told.append((status, more)))
    return told


@pytest.fixture
def now(monkeypatch):
    """A clock that the test moves."""
    clock = [1000.0]
    monkeypatch.setattr(models.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def backend(notes, told):
    return MediaConvertBackend("us-east-1", "123456789012")


@pytest.fixture
def create(backend, settings, mp4):
    def create(**params):
        return backend.create_job({"Role": ROLE, "Settings": settings(mp4()), **params})["Id"]

    return create


def finish(backend, job_id):
    backend.on_complete(job_id, {"outputGroups": [], "messages": [], "frames": 0})


def test_a_queue_runs_as_many_jobs_at_once_as_it_may_and_the_most_important_first(backend, create, notes):
    backend.create_queue({"Name": "one", "ConcurrentJobs": 1})
    first, low, high = (create(Queue="one", Priority=priority) for priority in (0, -5, 5))
    assert notes.submitted == [first]
    finish(backend, first)
    assert notes.submitted == [first, high]
    backend.cancel_job(high)
    assert notes.submitted == [first, high, low]
    assert notes.cancelled == [high]


def test_a_job_waits_when_the_emulator_can_take_no_more(backend, create, notes):
    notes.full = True
    job_id = create()
    assert backend.job(job_id)["Status"] == "SUBMITTED"
    notes.full = False
    finish(backend, create())  # whatever ends hands over what waits
    assert job_id in notes.submitted


def test_a_token_protects_for_a_minute_only(create, now):
    first = create(ClientRequestToken="t")
    assert create(ClientRequestToken="t") == first
    with pytest.raises(ServiceException, match=first):
        create(ClientRequestToken="t", Priority=1)
    now[0] += 60
    assert create(ClientRequestToken="t", Priority=1) != first


def test_status_updates_come_at_the_interval_that_was_asked_for(backend, create, told, now):
    job_id = create(StatusUpdateInterval="SECONDS_10")
    backend.on_started(job_id)
    for seconds in (4, 4, 4, 4):
        now[0] += seconds
        backend.on_progress(job_id, 30, "TRANSCODING", {"frames": 353, "phase_percent": 2})
    assert [status for status, _ in told] == ["PROGRESSING", "STATUS_UPDATE"]
    assert told[1][1]["framesDecoded"] == 353
    assert told[1][1]["jobProgress"] == {
        "phaseProgress": {
            "PROBING": {"status": "COMPLETE", "percentComplete": 100},
            "TRANSCODING": {"status": "PROGRESSING", "percentComplete": 2},
            "UPLOADING": {"status": "PENDING", "percentComplete": 0},
        },
        "jobPercentComplete": 30,
        "currentPhase": "TRANSCODING",
        "retryCount": 0,
    }
    assert (backend.job(job_id)["CurrentPhase"], backend.job(job_id)["JobPercentComplete"]) == ("TRANSCODING", 30)


def test_a_canceled_job_stays_canceled_whatever_its_worker_still_says(backend, create):
    job_id = create()
    backend.on_started(job_id)
    backend.cancel_job(job_id)
    backend.on_progress(job_id, 50, "TRANSCODING", {})
    finish(backend, job_id)
    assert backend.job(job_id)["Status"] == "CANCELED"


def test_a_job_is_told_at_once_what_changes_nothing(backend, create):
    job = backend.job(create(HopDestinations=[{"Queue": "other", "WaitMinutes": 1}]))
    assert job["Messages"]["Warning"] == ["The local MediaConvert does nothing about /hopDestinations."]


def test_what_no_engine_named_is_an_unknown_error(backend, create, told):
    job_id = create()
    backend.on_failed(job_id, "INTERNAL", "The job needs more memory than it may have.")
    job = backend.job(job_id)
    assert (job["Status"], job["ErrorCode"]) == ("ERROR", 1999)
    assert told[-1] == ("ERROR", {"errorCode": 1999, "errorMessage": "The job needs more memory than it may have."})


def test_a_reset_stops_what_runs_and_forgets_it(backend, create, notes):
    job_id = create()
    backend.reset()
    assert notes.cancelled == [job_id]
    with pytest.raises(ServiceException):
        backend.job(job_id)
    assert [queue["Name"] for queue in backend.queues] == ["Default"]


def test_a_job_is_forgotten_after_three_months(backend, create, monkeypatch):
    first, later = models.time.time(), models.time.time() + 91 * 24 * 3600
    ended, waits = create(), create()
    finish(backend, ended)
    monkeypatch.setattr(models.time, "time", lambda: later)
    new = create()
    assert [job["Id"] for job in backend.jobs({})[0]] == [new, waits]
    with pytest.raises(ServiceException, match="does not exist"):
        backend.job(ended)
    assert backend.job(waits)["CreatedAt"] == pytest.approx(first, abs=5)


def test_a_queue_does_not_inherit_the_tags_of_a_deleted_one(backend):
    for tags in ({"team": "a"}, None):
        arn = backend.create_queue({"Name": "again", "Tags": tags})["Arn"]
        assert backend.tags_of(arn) == (tags or {})
        backend.delete_queue("again")


def test_an_answer_about_a_job_is_a_copy(backend, create, settings, mp4):
    request = {"Role": ROLE, "Settings": settings(mp4()), "ClientRequestToken": "t"}
    job_id = backend.create_job(request)["Id"]
    backend.create_job(request)["Status"] = "spoilt"
    backend.jobs({})[0][0]["Status"] = "spoilt"
    assert backend.job(job_id)["Status"] == "SUBMITTED"
