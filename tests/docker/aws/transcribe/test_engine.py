"""A whole job without a server: what it writes, what it reports, how it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.transcribe import audio
from aws_emulator.services.transcribe.engine import run
from aws_emulator.services.transcribe.locations import Location
from aws_emulator.services.transcribe.words import Word
from tests.docker.aws.transcribe.conftest import hum, silence, wav

YES = [Word(0.5, 1.0, "yes", 0.9)]


def test_a_job_writes_transcript_and_subtitles(scripted, task_for):
    recogniser = scripted(YES)
    task = task_for(wav(hum(2.0)), subtitles=("vtt", "srt"), start_index=1)
    found = run(task)
    assert found == {
        "kept": {},
        "media_format": "wav",
        "sample_rate_hz": 16_000,
        "duration_s": 2.0,
        "language": "en-US",
        "language_score": None,
        "words": 1,
    }
    assert list(task.stored) == [("out", "talk.vtt"), ("out", "talk.srt"), ("out", "talk.json")]  # transcript last
    document = json.loads(task.stored["out", "talk.json"])
    assert (document["jobName"], document["accountId"]) == ("talk", "123456789012")
    assert document["results"]["transcripts"] == [{"transcript": "yes"}]
    assert task.stored["out", "talk.srt"] == b"1\n00:00:00,500 --> 00:00:01,000\nyes\n"
    assert task.content_types["out", "talk.json"] == "application/json"
    assert recogniser.heard == [(64_000, "en-US")]


def test_without_a_bucket_the_service_keeps_what_the_job_writes(scripted, task_for):
    scripted(YES)
    task = task_for(wav(hum(2.0)), output=None, subtitles=("vtt",))
    kept = run(task)["kept"]
    assert task.stored == {}
    assert set(kept) == {"json", "vtt"}
    document = json.loads(Path(kept["json"]).read_text())
    assert document["results"]["transcripts"] == [{"transcript": "yes"}]


def test_progress_grows(scripted, task_for):
    scripted([Word(second, second + 1, "word", 1.0) for second in range(4)])
    task = task_for(wav(hum(4.0)))
    run(task)
    percents = [percent for percent, _, _ in task.reports]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] == 99


def test_channels_are_recognised_one_by_one(scripted, task_for):
    recogniser = scripted(YES, [Word(1.5, 2.0, "no", 0.8)])
    task = task_for(wav(hum(2.0), silence(2.0)), by_channel=True)
    assert run(task)["words"] == 2
    results = json.loads(task.stored["out", "talk.json"])["results"]
    assert results["channel_labels"]["number_of_channels"] == 2
    assert results["transcripts"] == [{"transcript": "yes no"}]
    assert len(recogniser.heard) == 2


def test_an_identified_language_is_used_and_told(scripted, task_for):
    recogniser = scripted(YES, identified=[("fr-FR", 0.8), ("de-DE", 0.1)])
    task = task_for(wav(hum(2.0)), language=None, options=("de-DE", "fr-FR"))
    found = run(task)
    assert (found["language"], found["language_score"]) == ("fr-FR", 0.8)
    assert recogniser.heard[0][1] == "fr-FR"
    assert json.loads(task.stored["out", "talk.json"])["results"]["language_code"] == "fr-FR"


def test_the_real_recogniser_gives_silence_the_empty_transcript(task_for, encode):
    task = task_for(encode("silence.flac", wav(silence(2.0, 44_100), rate_hz=44_100)), subtitles=("vtt",))
    found = run(task)
    assert (found["words"], found["media_format"], found["sample_rate_hz"]) == (0, "flac", 44_100)
    assert json.loads(task.stored["out", "talk.json"])["results"]["transcripts"] == [{"transcript": ""}]
    assert task.stored["out", "talk.vtt"] == b"WEBVTT\n"


def failure_of(task):
    with pytest.raises(JobFailed) as failure:
        run(task)
    assert task.stored == {}
    return failure.value.message


def test_an_unknown_language_fails_before_the_file_is_fetched(scripted, task_for):
    scripted(known="en-US")
    task = task_for(wav(hum(1.0)), language="fr-FR")
    assert failure_of(task) == "knows en-US only, not fr-FR"
    assert task.reports == []


def test_a_file_that_was_deleted_meanwhile_fails(scripted, task_for):
    scripted(YES)
    task = task_for(wav(hum(1.0)))
    task.request["media"]["key"] = "gone"
    assert failure_of(task).startswith("The URI that you provided doesn't point to an S3 object.")


def test_a_file_that_may_not_be_read_fails(scripted, task_for):
    scripted(YES)
    task = task_for(wav(hum(1.0)), denied=frozenset({("in", "talk")}))
    assert failure_of(task).startswith("The S3 URI that you provided can't be accessed.")


def test_an_empty_file_fails(scripted, task_for):
    scripted(YES)
    assert failure_of(task_for(b"")).startswith("The data in your input media file isn't valid.")


def test_a_file_of_too_many_bytes_fails_unread(scripted, task_for, monkeypatch):
    scripted(YES)
    monkeypatch.setattr(audio, "LARGEST_BYTES", 1000)
    assert failure_of(task_for(wav(hum(1.0)))).startswith("Invalid file size: file size too large.")


def test_a_bucket_that_is_gone_fails_the_job(scripted, task_for):
    scripted(YES)
    task = task_for(wav(hum(1.0)), output=Location("gone", "talk.json"))
    assert failure_of(task).startswith("The specified S3 bucket can't be accessed.")
