"""The transcript document and the subtitles."""

from __future__ import annotations

from aws_emulator.services.transcribe.subtitles import CUE_CHARACTERS, CUE_S, LINE_CHARACTERS, cues, subtitles
from aws_emulator.services.transcribe.transcript import transcript_document
from aws_emulator.services.transcribe.words import Word, text_of

WELCOME = [
    Word(0.64, 1.09, "Welcome", 1.0),
    Word(1.09, 1.21, "to", 1.0),
    Word(1.21, 1.74, "Amazon", 0.90249),
    Word(1.74, 2.56, "Transcribe", 1.0, mark="."),
]


def test_words_become_items_and_a_transcript():
    document = transcript_document("first", "111122223333", [WELCOME])
    assert (document["jobName"], document["accountId"], document["status"]) == ("first", "111122223333", "COMPLETED")
    results = document["results"]
    assert results["transcripts"] == [{"transcript": "Welcome to Amazon Transcribe."}]
    assert results["items"][2] == {
        "id": 2,
        "start_time": "1.21",
        "end_time": "1.74",
        "alternatives": [{"confidence": "0.902", "content": "Amazon"}],
        "type": "pronunciation",
    }
    assert results["items"][4] == {
        "id": 4,
        "alternatives": [{"confidence": "0.0", "content": "."}],
        "type": "punctuation",
    }
    assert results["audio_segments"] == [
        {
            "id": 0,
            "transcript": "Welcome to Amazon Transcribe.",
            "start_time": "0.64",
            "end_time": "2.56",
            "items": [0, 1, 2, 3, 4],
        }
    ]


def test_silence_gives_the_recorded_empty_document():
    assert transcript_document("empty", "111111111111", [[]]) == {
        "jobName": "empty",
        "accountId": "111111111111",
        "status": "COMPLETED",
        "results": {
            "transcripts": [{"transcript": ""}],
            "speaker_labels": None,
            "items": [],
            "audio_segments": [],
        },
    }


def test_a_pause_begins_a_segment():
    words = [Word(0, 1, "one", 1.0), Word(1.2, 2, "two", 1.0), Word(2.7, 3, "three", 1.0)]
    segments = transcript_document("j", "1", [words])["results"]["audio_segments"]
    assert [(segment["transcript"], segment["items"]) for segment in segments] == [("one two", [0, 1]), ("three", [2])]


def test_channels_are_told_apart_and_put_in_the_order_of_time():
    left = [Word(4.86, 5.01, "hello", 1.0), Word(9.0, 9.5, "bye", 1.0)]
    right = [Word(8.5, 8.89, "sorry", 1.0, mark=".")]
    results = transcript_document("call", "1", [left, right], by_channel=True)["results"]
    assert results["transcripts"][0]["transcript"] == "hello sorry. bye"
    assert [item["channel_label"] for item in results["items"]] == ["ch_0", "ch_1", "ch_1", "ch_0"]
    labels = results["channel_labels"]
    assert labels["number_of_channels"] == 2
    assert [channel["channel_label"] for channel in labels["channels"]] == ["ch_0", "ch_1"]
    assert labels["channels"][1]["items"][0] == {
        "channel_label": "ch_1",
        "start_time": "8.5",
        "end_time": "8.89",
        "alternatives": [{"confidence": "1.0", "content": "sorry"}],
        "type": "pronunciation",
    }
    assert [segment["channel_label"] for segment in results["audio_segments"]] == ["ch_0", "ch_1", "ch_0"]


def test_an_identified_language_stands_in_the_document():
    results = transcript_document("j", "1", [WELCOME], languages=[("en-US", 0.9491), ("fr-FR", 0.02)])["results"]
    assert results["language_code"] == "en-US"
    assert results["language_identification"][0] == {"score": "0.949", "code": "en-US"}
    assert "language_code" not in transcript_document("j", "1", [WELCOME])["results"]


def test_webvtt_numbers_its_cues_as_asked():
    assert subtitles(WELCOME, "vtt", 0) == (
        "WEBVTT\n\n0\n00:00:00.640 --> 00:00:02.560\nWelcome to Amazon Transcribe.\n"
    )
    assert subtitles(WELCOME, "srt", 1) == "1\n00:00:00,640 --> 00:00:02,560\nWelcome to Amazon Transcribe.\n"


def test_subtitles_of_silence_are_empty():
    assert subtitles([], "vtt", 0) == "WEBVTT\n"
    assert subtitles([], "srt", 0) == ""


def test_markup_in_words_stays_text_in_webvtt():
    assert "&lt;b&gt; &amp; --&gt;" in subtitles([Word(0, 1, "<b> & -->", 1.0)], "vtt", 0)


def test_a_long_speech_becomes_cues_that_can_be_read():
    words = [Word(n * 0.4, n * 0.4 + 0.4, "considerable", 1.0) for n in range(200)]
    parts = list(cues(words))
    assert [word for part in parts for word in part] == words
    assert all(len(text_of(part)) <= CUE_CHARACTERS and part[-1].end_s - part[0].start_s <= CUE_S for part in parts)
    assert min(len(part) for part in parts) >= 3  # no cue of a single left-over word
    text = subtitles(words, "srt", 1).splitlines()
    assert max(len(line) for line in text) <= LINE_CHARACTERS
