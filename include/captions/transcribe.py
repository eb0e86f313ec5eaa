"""What Transcribe heard, as segments with their words: seconds from the start, confidences from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any

LONGEST_PAUSE_S = 1.0
"""A longer silence ends a segment. Punctuation alone will not do: music, and some engines, have none."""
_SENTENCE_ENDS = frozenset(".?!。？！")

Record = dict[str, Any]


def transcript_text(transcript: Mapping[str, Any]) -> str:
    """Return the whole text of a transcript file, empty when nobody spoke.

    >>> transcript_text({"results": {"transcripts": [{"transcript": ""}], "items": []}})
    ''
    """
    return " ".join(part["transcript"] for part in transcript["results"]["transcripts"])


def segments_from_transcript(transcript: Mapping[str, Any]) -> Iterator[Record]:
    """Cut a transcript file into segments, by their start: at the end of a sentence, a change of speaker, a long pause.

    ``confidence`` of a segment is the mean over its words; ``speaker`` and ``channel`` are ``None`` unless asked for.
    Channels are cut each by itself, for on two of them people speak at once.

    >>> items = [
    ...     {"type": "pronunciation", "start_time": "0.64", "end_time": "1.09",
    ...      "alternatives": [{"confidence": "1.0", "content": "Good"}]},
    ...     {"type": "pronunciation", "start_time": "1.09", "end_time": "1.5",
    ...      "alternatives": [{"confidence": "0.5", "content": "morning"}]},
    ...     {"type": "punctuation", "alternatives": [{"confidence": "0.0", "content": "."}]}]
    >>> for segment in segments_from_transcript({"results": {"transcripts": [], "items": items}}):
    ...     segment["text"], segment["start_s"], segment["end_s"], segment["confidence"], len(segment["words"])
    ('Good morning.', 0.64, 1.5, 0.75, 2)
    """
    results = transcript["results"]
    speakers = _speakers(results.get("speaker_labels"))
    channels = (results.get("channel_labels") or {}).get("channels")
    if not channels:
        yield from _segments(results["items"], speakers, channel=None)
        return
    segments = [_segments(channel["items"], speakers, channel["channel_label"]) for channel in channels]
    yield from sorted(chain.from_iterable(segments), key=itemgetter("start_s"))


def _segments(items: Iterable[Mapping[str, Any]], speakers: Mapping[str, str], channel: str | None) -> Iterator[Record]:
    words: list[Record] = []
    text = ""
    for item in items:
        best = item["alternatives"][0] if item["alternatives"] else {"content": ""}
        if item["type"] == "punctuation":
            text += best["content"]
            if words and best["content"] in _SENTENCE_ENDS:
                yield _segment(text, words, channel)
                words, text = [], ""
            continue
        word: Record = {
            "text": best["content"],
            "start_s": float(item["start_time"]),
            "end_s": float(item["end_time"]),
            "confidence": float(best["confidence"]) if best.get("confidence") is not None else None,
            "speaker": item.get("speaker_label") or speakers.get(item["start_time"]),
        }
        if words and _is_new_segment(words[-1], word):
            yield _segment(text, words, channel)
            words, text = [], ""
        text += f" {word['text']}" if text else word["text"]
        words.append(word)
    if words:
        yield _segment(text, words, channel)


def _is_new_segment(before: Record, word: Record) -> bool:
    return before["speaker"] != word["speaker"] or word["start_s"] - before["end_s"] > LONGEST_PAUSE_S


def _segment(text: str, words: list[Record], channel: str | None) -> Record:
    return {
        "text": text,
        "start_s": words[0]["start_s"],
        "end_s": words[-1]["end_s"],
        "confidence": _mean(word["confidence"] for word in words),
        "speaker": words[0]["speaker"],
        "channel": channel,
        "words": [{name: word[name] for name in ("text", "start_s", "end_s", "confidence")} for word in words],
    }


def _mean(confidences: Iterable[float | None]) -> float | None:
    """Return the mean of those that are known, which redacted words are not."""
    known = [confidence for confidence in confidences if confidence is not None]
    return round(sum(known) / len(known), 4) if known else None


def _speakers(labels: Mapping[str, Any] | None) -> dict[str, str]:
    """Map the start time of a word to its speaker: older transcripts name the speaker there alone."""
    segments = (labels or {}).get("segments", ())
    return {item["start_time"]: item["speaker_label"] for segment in segments for item in segment["items"]}
