"""Segments of transcripts in the shapes that the service was recorded with."""

from __future__ import annotations

from itertools import count

from include.captions.transcribe import segments_from_transcript, transcript_text


def words(text: str, start_s: float = 0.0, **more):
    """Items of a transcript, a word each half second; full stops and commas are items of their own."""
    items, time_s = [], start_s
    for word in text.replace(".", " .").replace(",", " ,").split():
        if word in ".,":
            items.append({"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": word}]})
        else:
            items.append(
                {
                    "type": "pronunciation",
                    "start_time": f"{time_s:.2f}",
                    "end_time": f"{time_s + 0.4:.2f}",
                    "alternatives": [{"confidence": "0.9", "content": word}],
                    **more,
                }
            )
            time_s += 0.5
    return items


def transcript(items, **more):
    return {"jobName": "j", "results": {"transcripts": [{"transcript": "?"}], "items": items, **more}}


def texts(*arguments, **more):
    return [segment["text"] for segment in segments_from_transcript(transcript(*arguments, **more))]


def test_silence_is_a_transcript_without_segments():
    silent = {
        "jobName": "j",
        "accountId": "111111111111",
        "status": "COMPLETED",
        "results": {"transcripts": [{"transcript": ""}], "speaker_labels": None, "items": [], "audio_segments": []},
    }
    assert transcript_text(silent) == ""
    assert list(segments_from_transcript(silent)) == []


def test_a_sentence_is_a_segment_and_a_comma_is_none():
    assert texts(words("Well, this is it. And more")) == ["Well, this is it.", "And more"]


def test_a_long_pause_ends_a_segment_where_there_is_no_punctuation():
    assert texts([*words("one two"), *words("three", start_s=2.5)]) == ["one two", "three"]


def test_a_word_has_its_times_and_a_segment_the_mean_of_its_words():
    (segment,) = segments_from_transcript(transcript(words("good morning.")))
    assert (segment["start_s"], segment["end_s"], segment["confidence"]) == (0.0, 0.9, 0.9)
    assert segment["words"] == [
        {"text": "good", "start_s": 0.0, "end_s": 0.4, "confidence": 0.9},
        {"text": "morning", "start_s": 0.5, "end_s": 0.9, "confidence": 0.9},
    ]


def test_another_speaker_begins_another_segment():
    items = [*words("hello", speaker_label="spk_0"), *words("hi", start_s=0.5, speaker_label="spk_1")]
    assert [(s["speaker"], s["text"]) for s in segments_from_transcript(transcript(items))] == [
        ("spk_0", "hello"),
        ("spk_1", "hi"),
    ]


def test_older_transcripts_name_the_speakers_apart_from_the_words():
    items = [*words("hello"), *words("hi", start_s=0.5)]
    labelled = [
        {"items": [{"start_time": item["start_time"], "speaker_label": f"spk_{number}"}]}
        for number, item in zip(count(), items, strict=False)
    ]
    segments = segments_from_transcript(transcript(items, speaker_labels={"speakers": 2, "segments": labelled}))
    assert [segment["speaker"] for segment in segments] == ["spk_0", "spk_1"]


def test_two_channels_that_speak_at_once_stay_apart_and_in_the_order_of_time():
    channels = [
        {"channel_label": "ch_0", "items": [*words("one two."), *words("three.", start_s=5)]},
        {"channel_label": "ch_1", "items": words("four five.", start_s=0.2)},
    ]
    segments = segments_from_transcript(transcript([], channel_labels={"channels": channels}))
    assert [(s["channel"], s["text"]) for s in segments] == [
        ("ch_0", "one two."),
        ("ch_1", "four five."),
        ("ch_0", "three."),
    ]


def test_a_redacted_word_has_no_confidence_and_spoils_no_mean():
    items = words("call me.")
    items[1]["alternatives"] = [{"content": "[PII]", "redactions": [{"confidence": "0.99", "type": "PHONE"}]}]
    (segment,) = segments_from_transcript(transcript(items))
    assert segment["text"] == "call [PII]."
    assert segment["confidence"] == 0.9
