"""The service's memory of its jobs, with a queue that only notes what it is given."""

from __future__ import annotations

import datetime
import uuid

import pytest
from moto.s3.models import s3_backends

from aws_emulator.jobs.errors import QueueFull
from aws_emulator.services.transcribe import job as jobs
from aws_emulator.services.transcribe import models
from aws_emulator.services.transcribe.exceptions import (
    BadRequestException,
    ConflictException,
    LimitExceededException,
    NotFoundException,
)
from aws_emulator.services.transcribe.models import TranscribeBackend

ROLE = "arn:aws:iam::123456789012:role/Transcribe"


class Queue:
    """Stands for JOBS: it does nothing."""

    def __init__(self):
        self.jobs = {}
        self.cancelled = []

    def submit(self, job, listener):
        self.jobs[job.job_id] = job

    def cancel(self, job_id):
        self.cancelled.append(job_id)
        return self.jobs.pop(job_id, None) is not None


@pytest.fixture
def queue(monkeypatch):
    queue = Queue()
    monkeypatch.setattr(models, "JOBS", queue)
    return queue


@pytest.fixture
def events(monkeypatch):
    sent = []
    monkeypatch.setattr(models, "send_event", lambda *event: sent.append(event))
    return sent


@pytest.fixture
def account():
    """An account of the test's own, with a bucket that has one object."""
    number = str(uuid.uuid4().int)[:12].rjust(12, "1")
    storage = s3_backends[number]["aws"]
    storage.create_bucket(f"media-{number}", "us-east-1")
    storage.put_object(f"media-{number}", "talk.mp3", b"sound")
    yield number
    storage.reset()


@pytest.fixture
def backend(account, queue, events):
    return TranscribeBackend("us-east-1", account)


@pytest.fixture
def start(backend, account):
    def call(name="talk", **params):
        given = {"Media": {"MediaFileUri": f"s3://media-{account}/talk.mp3"}, "LanguageCode": "en-US"} | params
        asked = {member: value for member, value in given.items() if value is not None}
        return backend.start_transcription_job({"TranscriptionJobName": name, **asked}, "127.0.0.1:4566")

    return call


def test_a_started_job_is_in_progress_as_aws_tells_it(start, queue, account):
    job = start(Settings={"ChannelIdentification": True})
    told = job.started_json()
    assert told["TranscriptionJobStatus"] == "IN_PROGRESS"
    assert told["Settings"] == {"ChannelIdentification": True}
    assert told["StartTime"] >= told["CreationTime"]
    assert "CompletionTime" not in told
    [work] = queue.jobs.values()
    assert work.request["media"] == {"bucket": f"media-{account}", "key": "talk.mp3"}
    assert work.request["by_channel"] is True
    assert work.request["output"] is None


def test_a_completed_job_tells_what_was_found(start, backend, events):
    job = start()
    backend.on_complete(job.job_id, {"media_format": "mp3", "sample_rate_hz": 44_100, "kept": {}})
    told = backend.transcription_job("talk").full_json({"json": "http://x/talk.json"})
    assert told["TranscriptionJobStatus"] == "COMPLETED"
    assert (told["MediaFormat"], told["MediaSampleRateHertz"]) == ("mp3", 44_100)
    assert told["Transcript"] == {"TranscriptFileUri": "http://x/talk.json"}
    assert told["Settings"] == {"ChannelIdentification": False, "ShowAlternatives": False}
    assert told["CompletionTime"] >= told["StartTime"]
    assert [event[2:] for event in events] == [
        (
            "aws.transcribe",
            "Transcribe Job State Change",
            {"TranscriptionJobName": "talk", "TranscriptionJobStatus": "COMPLETED"},
        )
    ]


def test_a_failed_job_tells_why_and_so_does_its_event(start, backend, events):
    job = start()
    backend.on_failed(job.job_id, "FAILED", "Unsupported media format.")
    told = backend.transcription_job("talk").full_json({})
    assert (told["TranscriptionJobStatus"], told["FailureReason"]) == ("FAILED", "Unsupported media format.")
    assert "Transcript" not in told
    assert events[0][4]["FailureReason"] == "Unsupported media format."


def test_a_crash_is_told_as_an_internal_failure(start, backend):
    backend.on_failed(start().job_id, "INTERNAL", "The worker was killed: it used 9 GiB")
    assert backend.transcription_job("talk").failure_reason == (
        "Internal failure: The worker was killed: it used 9 GiB"
    )


def test_a_name_is_used_once(start, backend):
    start()
    with pytest.raises(ConflictException, match="The requested job name already exists"):
        start()
    backend.delete_transcription_job("talk")
    start()


def test_deleting_a_running_job_cancels_it_and_its_end_is_not_told(start, backend, queue, events):
    job = start()
    backend.delete_transcription_job("talk")
    assert queue.cancelled == [job.job_id]
    backend.on_complete(job.job_id, {"kept": {}})
    assert events == []
    with pytest.raises(BadRequestException, match="The requested job couldn't be found"):
        backend.transcription_job("talk")


def test_the_end_of_a_deleted_job_does_not_touch_its_successor(start, backend):
    first = start()
    backend.delete_transcription_job("talk")
    start()
    backend.on_failed(first.job_id, "FAILED", "too late")
    assert backend.transcription_job("talk").status == "IN_PROGRESS"


@pytest.fixture
def full(monkeypatch, start):
    monkeypatch.setattr(models, "MOST_ACTIVE", 2)
    return [start("one"), start("two")]


def test_only_so_many_jobs_run_at_once(full, start, backend):
    with pytest.raises(LimitExceededException, match="too many jobs in progress"):
        start("three")
    backend.on_failed(full[0].job_id, "FAILED", "done")
    assert start("three").status == "IN_PROGRESS"


def test_the_limit_is_that_of_aws():
    assert models.MOST_ACTIVE == 250


def test_a_job_may_wait_for_its_turn_if_it_says_so(full, start, backend):
    job = start("three", JobExecutionSettings={"AllowDeferredExecution": True, "DataAccessRoleArn": ROLE})
    assert (job.status, job.started) == ("QUEUED", None)
    backend.on_started(job.job_id)
    assert job.status == "IN_PROGRESS"
    assert job.started is not None


def test_a_full_queue_is_throttling(start, queue, backend, monkeypatch):
    def refuse(job, listener):
        raise QueueFull("1000 jobs wait already")

    monkeypatch.setattr(queue, "submit", refuse)
    with pytest.raises(LimitExceededException, match="1000 jobs wait already"):
        start()
    with pytest.raises(BadRequestException):
        backend.transcription_job("talk")


def test_a_job_is_forgotten_after_ninety_days(start, backend):
    running, done = start("running"), start("done")
    backend.on_failed(done.job_id, "FAILED", "x")
    for job in (running, done):
        job.created -= jobs.KEPT_FOR + datetime.timedelta(seconds=1)
    with pytest.raises(BadRequestException):
        backend.transcription_job("done")
    assert backend.transcription_job("running") is running


def test_jobs_are_listed_newest_first_page_by_page(start, backend):
    for number in range(7):
        start(f"talk-{number}")
    page, token = backend.list_transcription_jobs(None, None, None, None)
    assert [job.name for job in page] == ["talk-6", "talk-5", "talk-4", "talk-3", "talk-2"]
    start("newest")
    backend.delete_transcription_job("talk-1")
    page, token = backend.list_transcription_jobs(None, None, None, token)
    assert ([job.name for job in page], token) == (["talk-0"], None)


def test_a_list_can_be_narrowed(start, backend):
    done = start("Talk-done")
    start("talk-runs")
    start("other")
    backend.on_failed(done.job_id, "FAILED", "x")
    assert [job.name for job in backend.list_transcription_jobs("FAILED", "talk", 10, None)[0]] == ["Talk-done"]


@pytest.mark.parametrize("token", ["%%%", "w7w", "/w=="])
def test_a_token_that_was_never_given_is_refused(token, backend):
    with pytest.raises(BadRequestException, match="NextToken"):
        backend.list_transcription_jobs(None, None, None, token)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"LanguageCode": None}, "exactly one of LanguageCode.*has none"),
        ({"IdentifyLanguage": True}, "LanguageCode and IdentifyLanguage"),
        ({"LanguageOptions": ["en-US", "fr-FR"]}, "LanguageOptions can only be used with IdentifyLanguage"),
        ({"OutputKey": "a.json"}, "OutputKey can only be used with OutputBucketName"),
        ({"OutputBucketName": "media-out", "OutputKey": "a b.json"}, "outputKey.*regular expression"),
        ({"OutputBucketName": "never-made"}, "The specified S3 bucket can't be accessed"),
        ({"MediaFormat": "mov"}, "mediaFormat.*enum value set"),
        ({"MediaSampleRateHertz": 7999}, "greater than or equal to 8000"),
        ({"Subtitles": {"Formats": ["vtt"], "OutputStartIndex": 2}}, "less than or equal to 1"),
        ({"Settings": {"ShowSpeakerLabels": True}}, "MaxSpeakerLabels must be used together"),
        ({"Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}}, "no recogniser here tells speakers apart"),
        ({"Settings": {"ShowAlternatives": True, "MaxAlternatives": 2}}, "does not offer Settings.ShowAlternatives"),
        ({"Settings": {"VocabularyName": "unknown"}}, "The requested vocabulary couldn't be found"),
        (
            {"Settings": {"VocabularyFilterName": "f", "VocabularyFilterMethod": "mask"}},
            "does not offer VocabularyFilterName",
        ),
        ({"ContentRedaction": {"RedactionType": "PII", "RedactionOutput": "redacted"}}, "ContentRedaction"),
        ({"ToxicityDetection": [{"ToxicityCategories": ["ALL"]}]}, "ToxicityDetection"),
        ({"LanguageCode": None, "IdentifyMultipleLanguages": True}, "does not offer IdentifyMultipleLanguages"),
        ({"ModelSettings": {"LanguageModelName": "m"}}, "LanguageModelName"),
        ({"JobExecutionSettings": {"AllowDeferredExecution": True}}, "needs DataAccessRoleArn"),
        ({"Media": {}}, "MediaFileUri is required"),
        ({"Media": {"MediaFileUri": "https://example.org/talk.mp3"}}, "doesn't point to an S3 object"),
        ({"Media": {"MediaFileUri": "http://169.254.169.254/latest"}}, "doesn't point to an S3 object"),
        ({"Media": {"MediaFileUri": "s3://never-made/talk.mp3"}}, "The S3 URI that you provided can't be accessed"),
    ],
)
def test_a_start_that_aws_or_this_one_cannot_do_is_refused_at_once(params, message, start, queue):
    with pytest.raises(BadRequestException, match=message):
        start(**params)
    assert queue.jobs == {}


def test_a_missing_object_is_refused_at_once(start, account):
    with pytest.raises(BadRequestException, match="doesn't point to an S3 object"):
        start(Media={"MediaFileUri": f"s3://media-{account}/gone.mp3"})


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 201, "ä"])
def test_a_name_outside_the_alphabet_is_refused(name, start):
    with pytest.raises(BadRequestException, match="transcriptionJobName"):
        start(name)


def test_every_form_of_an_address_in_s3_is_understood(start, account, queue):
    bucket = f"media-{account}"
    forms = (
        f"s3://{bucket}/talk.mp3",
        f"https://s3.us-east-1.amazonaws.com/{bucket}/talk.mp3",
        f"https://s3-us-east-1.amazonaws.com/{bucket}/talk.mp3",
        f"https://{bucket}.s3.amazonaws.com/talk.mp3",
        f"https://{bucket}.s3.us-east-1.amazonaws.com/talk.mp3",
        f"http://127.0.0.1:4566/{bucket}/talk%2Emp3",
    )
    for number, uri in enumerate(forms):
        start(f"talk-{number}", Media={"MediaFileUri": uri})
    assert [job.request["media"] for job in queue.jobs.values()] == [{"bucket": bucket, "key": "talk.mp3"}] * len(forms)


def make_vocabulary(backend, name="words", *, new=True, **params):
    given = {"Phrases": ["Los-Angeles"]} if "VocabularyFileUri" not in params else {}
    params = {"VocabularyName": name, "LanguageCode": "en-US"} | given | params
    return backend.put_vocabulary(params, "127.0.0.1:4566", new=new)


def test_a_vocabulary_has_to_be_there_ready_and_of_the_language(backend, start, account):
    make_vocabulary(backend)
    start("good", Settings={"VocabularyName": "words"})
    with pytest.raises(BadRequestException, match="is in en-US, the job in fr-FR"):
        start("other", LanguageCode="fr-FR", Settings={"VocabularyName": "words"})
    s3_backends[account]["aws"].put_object(f"media-{account}", "bad.txt", b"\xff\xfe")
    make_vocabulary(backend, "bad", VocabularyFileUri=f"s3://media-{account}/bad.txt")
    with pytest.raises(BadRequestException, match="bad isn't ready: it is FAILED"):
        start("third", Settings={"VocabularyName": "bad"})


def test_a_vocabulary_file_that_is_too_large_fails_the_vocabulary_unread(backend, account, events, monkeypatch):
    file = s3_backends[account]["aws"].put_object(f"media-{account}", "bad.txt", b"x" * 60_000)
    setter = type(file).value.fset
    monkeypatch.setattr(type(file), "value", property(lambda _: pytest.fail("it was read"), setter))
    vocabulary = make_vocabulary(backend, VocabularyFileUri=f"s3://media-{account}/bad.txt")
    assert vocabulary.state == "FAILED"
    assert "60000 bytes" in vocabulary.failure_reason
    assert events[0][3:] == ("Vocabulary State Change", {"VocabularyName": "words", "VocabularyState": "FAILED"})


def test_vocabularies_are_made_once_and_changed_if_there(backend):
    with pytest.raises(NotFoundException):
        make_vocabulary(backend, new=False)
    make_vocabulary(backend)
    with pytest.raises(ConflictException, match="already exists"):
        make_vocabulary(backend)
    assert make_vocabulary(backend, new=False, Phrases=["F.B.I."]).phrases == ["F.B.I."]
    backend.delete_vocabulary("words")
    with pytest.raises(BadRequestException, match="couldn't be found"):
        backend.vocabulary("words")


def test_phrases_and_a_file_exclude_each_other(backend, account):
    for sources in ({"Phrases": None}, {"Phrases": ["a"], "VocabularyFileUri": f"s3://media-{account}/talk.mp3"}):
        with pytest.raises(BadRequestException, match="Either Phrases or VocabularyFileUri"):
            make_vocabulary(backend, **sources)


def test_there_is_a_limit_of_vocabularies(backend, monkeypatch):
    monkeypatch.setattr(models, "MOST_VOCABULARIES", 1)
    make_vocabulary(backend)
    with pytest.raises(LimitExceededException, match="too many vocabularies"):
        make_vocabulary(backend, "more")
    make_vocabulary(backend, new=False)


def test_jobs_and_vocabularies_carry_tags(backend, start, account):
    start(Tags=[{"Key": "run", "Value": "1"}])
    make_vocabulary(backend)
    prefix = f"arn:aws:transcribe:us-east-1:{account}"
    assert backend.tags_of(f"{prefix}:transcription-job/talk") == {"run": "1"}
    backend.tags_of(f"{prefix}:vocabulary/words")["team"] = "news"
    assert backend.tags_of(f"{prefix}:vocabulary/words") == {"team": "news"}
    for arn in (f"{prefix}:transcription-job/gone", f"{prefix}:medical/talk", prefix[:-12] + "9" * 12 + ":x/talk"):
        with pytest.raises(NotFoundException):
            backend.tags_of(arn)


def test_a_reset_of_the_whole_state_stops_what_runs(backend, start, queue):
    job = start()
    backend.reset()
    assert queue.cancelled == [job.job_id]
    assert backend.list_transcription_jobs(None, None, None, None) == ([], None)
    assert start().status == "IN_PROGRESS"
