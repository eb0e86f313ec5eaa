"""What the operator asks Transcribe for, how it waits, and what it keeps in S3."""

from __future__ import annotations

import json
import uuid
from hashlib import sha256

import boto3
import pytest
from airflow.exceptions import TaskDeferred

from aws_media.errors import PaidJobFailed, PaidJobFailedForGood, PaidJobRefusedForGood
from aws_media.links.transcribe import TranscribeJobLink
from aws_media.operators.transcribe import TranscribeStartTranscriptionJobOperator
from aws_media.triggers.transcribe import TranscribeJobTrigger
from include.costs.rate_card import default_rate_card
from include.settings import SETTINGS
from include.video.probe import AudioTrack, MediaFacts
from tests.plugins.aws_media.scripted import scripted

SOUND = (AudioTrack(codec="aac", channels=2, sample_rate_hz=48000),)
WORD = {
    "type": "pronunciation", "start_time": "0.5", "end_time": "0.9",
    "alternatives": [{"confidence": "0.9", "content": "Hello"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def s3(local_aws):
    return boto3.client("s3", endpoint_url=local_aws)


@pytest.fixture(scope="module")
def client():
    return boto3.client("transcribe", region_name="us-east-1")


@pytest.fixture
def service(client):
    """What Transcribe answers to an operator, in order, until another one asks."""
    with scripted(client) as service:
        yield service


@pytest.fixture
def key(s3):
    """A recording that no other test uses."""
    key = f"tests/{uuid.uuid4().hex}/talk.mp3"
    s3.put_object(Bucket=SETTINGS.raw_bucket, Key=key, Body=b"sound")
    return key


@pytest.fixture
def context(a_task):
    return a_task("transcribe")


@pytest.fixture
def transcribe(key):
    """Makes an operator on the recording of this test."""

    def transcribe(**parameters) -> TranscribeStartTranscriptionJobOperator:
        of_this_test = {"bucket": SETTINGS.raw_bucket, "key": key, "duration_s": 2, "waiter_delay": 0}
        return TranscribeStartTranscriptionJobOperator(task_id="transcribe", **of_this_test | parameters)

    return transcribe


@pytest.fixture
def written(s3, key):
    """Writes the transcript file, as the service does, and returns its job."""

    def written(*items: dict, text: str = "", name: str | None = None, **more) -> dict:
        raw_key = f"{key}.transcript.raw.json"
        transcript = {"results": {"transcripts": [{"transcript": text}], "items": list(items)}}
        if name:
            transcript["jobName"] = name
        s3.put_object(Bucket=SETTINGS.processed_bucket, Key=raw_key, Body=json.dumps(transcript))
        uri = f"https://s3.us-east-1.amazonaws.com/{SETTINGS.processed_bucket}/{raw_key}"
        return job("COMPLETED", Transcript={"TranscriptFileUri": uri}, LanguageCode="en-US", **more)

    return written


def job(status: str, **more) -> dict:
    return {"TranscriptionJob": {"TranscriptionJobStatus": status, **more}}


def start(stubber) -> None:
    stubber.add_response("start_transcription_job", job("IN_PROGRESS"))


def document(s3, key: str) -> dict:
    return json.load(s3.get_object(Bucket=SETTINGS.processed_bucket, Key=key)["Body"])


# --- the request


def test_a_language_that_is_not_given_is_found_out(transcribe, key):
    assert transcribe().start_request() == {
        "Media": {"MediaFileUri": f"s3://media-raw/{key}"},
        "IdentifyLanguage": True,
    }


def test_languages_to_choose_from_stand_in_one_order(transcribe):
    several = transcribe(language_options=["en-US", "de-DE"], identify_multiple_languages=True)
    request = several.start_request()
    assert (request["IdentifyMultipleLanguages"], request["LanguageOptions"]) == (True, ["de-DE", "en-US"])
    assert "IdentifyLanguage" not in request


def test_subtitles_count_from_one(transcribe):
    request = transcribe(subtitle_formats=["vtt", "srt"], language_code="en-US").start_request()
    assert request["Subtitles"] == {"Formats": ["srt", "vtt"], "OutputStartIndex": 1}
    assert request["LanguageCode"] == "en-US"


def test_a_vocabulary_stands_among_the_settings(transcribe):
    request = transcribe(
        vocabulary_name="birds",
        settings={"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2},
        start_job_kwargs={"ContentRedaction": {"RedactionType": "PII", "RedactionOutput": "redacted"}},
    ).start_request()
    assert request["Settings"] == {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2, "VocabularyName": "birds"}
    assert request["ContentRedaction"]["RedactionOutput"] == "redacted"


def test_where_the_service_writes_is_no_part_of_what_is_asked_for(transcribe, key):
    one, other = transcribe(), transcribe(raw_output_key="audio/x.json")
    assert one.start_request() == other.start_request()
    assert one.start_options() == {"OutputBucketName": "media-processed", "OutputKey": f"{key}.transcript.raw.json"}
    assert other.start_options()["OutputKey"] == "audio/x.json"


def test_every_request_is_one_that_the_service_takes(transcribe, service):
    operator = transcribe(
        language_options=["en-US", "de-DE"], subtitle_formats=["vtt"], media_format="mp3", vocabulary_name="birds"
    )
    start(service(operator))
    request = {**operator.start_request(), **operator.start_options()}
    assert operator.hook.start(operator.operation, request, token="f" * 64, tags={"dag_id": "d"}) == "f" * 64


def test_a_name_in_another_alphabet_is_written_in_the_one_that_the_service_takes(transcribe):
    key = transcribe(key="audio/Gespräch & mehr.mp3").start_options()["OutputKey"]
    assert key.startswith("audio/Gespr-ch---mehr.mp3-")
    assert key.endswith(".transcript.raw.json")


@pytest.mark.parametrize("raw_output_key", ["audio/a b.json", "audio/transcript", "audio/ä.json"])
def test_an_output_key_that_the_service_does_not_take_is_refused_with_the_cure(transcribe, raw_output_key):
    with pytest.raises(PaidJobRefusedForGood, match=r"raw_output_key.*\.json"):
        transcribe(raw_output_key=raw_output_key).start_options()


def test_a_minute_has_a_price_and_a_second_costs_fifteen(transcribe):
    card = default_rate_card()
    assert card.quote(transcribe().billed_units(MediaFacts(duration_s=60))).usd == pytest.approx(0.024)
    assert card.quote(transcribe().billed_units(MediaFacts(duration_s=1))).usd == pytest.approx(0.006)


def test_template_fields_are_all_fields_of_the_operator(transcribe):
    operator = transcribe()
    assert {"bucket", "key", "language_code", "settings", "output_key", "aws_conn_id"} <= set(operator.template_fields)
    assert all(hasattr(operator, field) for field in operator.template_fields)


# --- objections


@pytest.mark.parametrize(
    ("name", "media", "code"),
    [
        ("a.mp4", MediaFacts(probed=True, container="mov", duration_s=9), "NoAudio"),
        ("a.mp3", MediaFacts(duration_s=4 * 3600 + 1), "TooLong"),
        ("a.mp3", MediaFacts(size_bytes=2 * 1024**3 + 1), "TooLong"),
        ("a.mp3", MediaFacts(duration_s=0.4), "TooShort"),
        ("a.mov", MediaFacts(probed=True, container="mov", audio=SOUND), "UnsupportedFormat"),
        ("a.MKV", MediaFacts(), "UnsupportedFormat"),
        ("a.mp4", MediaFacts(probed=True, container="avi", audio=SOUND), "UnsupportedFormat"),
    ],
)
def test_what_cannot_be_transcribed_is_refused_before_it_is_paid_for(transcribe, name, media, code):
    operator = transcribe(key=name)
    found, sentence = operator.objection(media)
    assert found == code
    assert sentence.endswith(".")
    assert code in operator.hook.advice


@pytest.mark.parametrize(
    "media", [MediaFacts(), MediaFacts(probed=True, container="mov", audio=SOUND, duration_s=4 * 3600)]
)
def test_what_can_be_transcribed_or_is_not_known_meets_no_objection(transcribe, media):
    assert transcribe().objection(media) is None


# --- no wait, wait, defer


def test_without_waiting_the_job_is_started_and_its_name_returned(transcribe, service, context):
    operator = transcribe(wait_for_completion=False)
    start(service(operator))
    name = operator.execute(context)
    assert len(name) == 64


def test_waiting_keeps_the_segments_and_returns_their_key(transcribe, service, context, s3, key, written):
    operator = transcribe()
    stubber = service(operator)
    start(stubber)
    done = written(WORD, text="Hello", IdentifiedLanguageScore=0.9)
    for answer in (job("QUEUED"), job("IN_PROGRESS"), done, done):
        stubber.add_response("get_transcription_job", answer)

    returned = operator.execute(context)

    assert returned == f"{key}.transcript.json"
    kept = document(s3, returned)
    assert (kept["text"], kept["language"], kept["language_confidence"]) == ("Hello", "en-US", 0.9)
    assert [(record["text"], record["start_s"]) for record in kept["records"]] == [("Hello", 0.5)]


def test_deferred_the_trigger_gets_the_connection_and_the_job(transcribe, service, context):
    handed_on = {
        "aws_conn_id": "aws_default",
        "region_name": "us-east-1",
        "verify": False,
        "botocore_config": {"read_timeout": 9},
        "waiter_delay": 7,
        "waiter_max_attempts": 8,
    }
    operator = transcribe(deferrable=True, **handed_on)
    start(service(operator))
    with pytest.raises(TaskDeferred) as wait:
        operator.execute(context)
    trigger = wait.value.trigger
    assert type(trigger) is TranscribeJobTrigger
    path, arguments = trigger.serialize()
    assert path == "aws_media.triggers.transcribe.TranscribeJobTrigger"
    assert arguments.items() >= {**handed_on, "operation": "transcription_job"}.items()
    assert wait.value.method_name == "execute_complete"


def test_a_woken_task_asks_for_the_truth_and_keeps_the_result(transcribe, service, context, key, written):
    operator = transcribe(deferrable=True)
    stubber = service(operator)
    start(stubber)
    with pytest.raises(TaskDeferred) as wait:
        operator.execute(context)
    stubber.add_response("get_transcription_job", written())
    event = {"status": "success", "job_id": wait.value.trigger.job_id, "state": "complete"}
    assert operator.execute_complete(context, event, **wait.value.kwargs) == f"{key}.transcript.json"


def test_a_failed_job_fails_the_task_and_names_asset_job_cause_and_cure(transcribe, service, context, key):
    operator = transcribe()
    stubber = service(operator)
    start(stubber)
    for _ in range(2):
        stubber.add_response("get_transcription_job", job("FAILED", FailureReason="Unsupported media format."))
    with pytest.raises(PaidJobFailedForGood) as raised:
        operator.execute(context)
    for part in (f"s3://media-raw/{key}", "UnsupportedFormat", "Unsupported media format.", "Extract the audio"):
        assert part in str(raised.value)
    assert raised.value.job_id in str(raised.value)


# --- results


def done(transcribe, service, context, answer) -> tuple[TranscribeStartTranscriptionJobOperator, str]:
    operator = transcribe()
    stubber = service(operator)
    start(stubber)
    for _ in range(2):
        stubber.add_response("get_transcription_job", answer)
    return operator, operator.execute(context)


def test_an_empty_transcript_is_a_result(transcribe, service, context, s3, written):
    _, key = done(transcribe, service, context, written())
    assert (document(s3, key)["text"], document(s3, key)["records"]) == ("", [])


def test_what_the_ledger_keeps_names_the_subtitles(transcribe, service, context, written, entry_of, key):
    uris = [f"https://s3.us-east-1.amazonaws.com/media-processed/{key}.transcript.raw.vtt"]
    operator, _ = done(transcribe, service, context, written(Subtitles={"SubtitleFileUris": uris}))
    result = entry_of(operator, context).result
    assert result["subtitle_keys"] == [f"{key}.transcript.raw.vtt"]
    assert result["raw_key"] == f"{key}.transcript.raw.json"


def test_a_second_task_gets_the_result_without_asking_the_service(transcribe, service, context, key, written):
    done(transcribe, service, context, written())
    again = transcribe(output_key="elsewhere.json", raw_output_key="elsewhere.raw.json")
    service(again)  # answers nothing
    assert again.execute(context) == f"{key}.transcript.json"


def test_records_that_were_deleted_are_made_of_the_transcript_again(transcribe, service, context, s3, key, written):
    done(transcribe, service, context, written(WORD, text="Hello"))
    s3.delete_object(Bucket=SETTINGS.processed_bucket, Key=f"{key}.transcript.json")
    again = transcribe()
    service(again).add_response("get_transcription_job", written(WORD, text="Hello"))
    assert document(s3, again.execute(context))["text"] == "Hello"


def test_a_transcript_that_was_deleted_is_made_anew_by_the_next_try(transcribe, service, context, s3, key, written):
    answer = written()
    done(transcribe, service, context, answer)
    for name in (f"{key}.transcript.json", f"{key}.transcript.raw.json"):
        s3.delete_object(Bucket=SETTINGS.processed_bucket, Key=name)
    again = transcribe()
    stubber = service(again)
    stubber.add_response("get_transcription_job", answer)
    stubber.add_response("delete_transcription_job", {})
    with pytest.raises(PaidJobFailed, match="the next try transcribes anew"):
        again.execute(context)
    for _ in range(2):  # how the job stands, and whether another try began the next one
        stubber.add_client_error("get_transcription_job", "NotFoundException")
    start(stubber)
    for _ in range(2):
        stubber.add_response("get_transcription_job", written(WORD, text="Hello"))
    assert document(s3, again.execute(context))["text"] == "Hello"


def test_a_transcript_that_another_job_wrote_over_is_not_taken_for_this_ones(transcribe, service, context, written):
    operator = transcribe()
    stubber = service(operator)
    start(stubber)
    for _ in range(2):
        stubber.add_response("get_transcription_job", written(name="b" * 64))
    stubber.add_response("delete_transcription_job", {})
    with pytest.raises(PaidJobFailed, match=r"written over by job b+\. Give each .* raw_output_key"):
        operator.execute(context)


def test_the_transcript_of_this_very_job_is_taken(transcribe, service, context, s3, key, written):
    operator = transcribe()
    token = sha256(f"{operator._identity(context).job_key}1".encode()).hexdigest()
    stubber = service(operator)
    start(stubber)
    for _ in range(2):
        stubber.add_response("get_transcription_job", written(WORD, text="Hello", name=token))
    assert document(s3, operator.execute(context))["text"] == "Hello"


# --- the link


def test_the_link_leads_to_the_job_in_the_console(transcribe, service, context):
    operator = transcribe(wait_for_completion=False)
    start(service(operator))
    name = operator.execute(context)
    link = TranscribeJobLink().format_link(**context["ti"].xcoms[TranscribeJobLink.key])
    assert link == f"https://console.aws.amazon.com/transcribe/home?region=us-east-1#job-details/{name}"
