"""What a decision is made on, whatever of it there is: seen, read, heard, measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.catalog.triage import FootageAnalysis, Sentiment, Signals, Transcript, Utterance, Word
from include.catalog.video import NOT_ASKED_FOR, Label, Shot, TechnicalCue, TextLine

SCREENED_OUT = "the cheap look saw nothing"
"""The reason, in ``skipped``, of the analyses of an upload that was screened out."""
NO_SOUND = "the upload has no sound"
"""The reason, in ``skipped``, why there is no transcript of a silent film."""
LARGEST_TEXT_BYTES = 5000
"""Of an utterance, which Comprehend takes whole (https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html);
who talks on is cut after a word."""
EXPECTED = frozenset({NOT_ASKED_FOR, NO_SOUND, SCREENED_OUT})
"""Reasons why nothing is missing that was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of one upload, in seconds from its first frame; what is missing is empty."""

    duration_s: float | None = None
    """Beyond it nothing happens."""
    labels: tuple[Label, ...] = ()
    text: tuple[TextLine, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    shots: tuple[Shot, ...] = ()
    cues: tuple[TechnicalCue, ...] = ()
    signals: Signals | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    """``labels``, ``segments``, ``text``, ``transcript``, ``sentiment``, ``motion`` or ``loudness`` to the reason why
    nothing is known of it."""


def evidence_from_records(
    *,
    analysis: FootageAnalysis | None = None,
    transcript: Transcript | None = None,
    signals: Signals | None = None,
    duration_s: float | None = None,
    skipped: Mapping[str, str] | None = None,
) -> Evidence:
    """Put together what the records of one upload say.

    :param duration_s: its length as the catalogue knows it.
    :param skipped: further reasons why something is missing.

    >>> evidence_from_records(duration_s=6.0, skipped={"labels": SCREENED_OUT}).skipped["labels"]
    'the cheap look saw nothing'
    """
    missing = dict(skipped or {})
    for record in (analysis, transcript):
        missing |= record.skipped if record else {}
    missing |= _unmeasured(signals)
    if duration_s is None:
        duration_s = (analysis and analysis.duration_s) or (signals and signals.duration_s) or None
    return Evidence(
        duration_s=duration_s,
        labels=analysis.labels if analysis else (),
        text=analysis.text if analysis else (),
        utterances=transcript.utterances if transcript else (),
        shots=analysis.shots if analysis else (),
        cues=analysis.cues if analysis else (),
        signals=signals,
        skipped=missing,
    )


def evidence_of_the_screen(signals: Signals | None, duration_s: float | None = None) -> Evidence:
    """Return what is known of an upload that nobody analyses."""
    analyses = ("labels", "segments", "text", "transcript", "sentiment")
    return evidence_from_records(signals=signals, duration_s=duration_s, skipped=dict.fromkeys(analyses, SCREENED_OUT))


def _unmeasured(signals: Signals | None) -> dict[str, str]:
    if signals is None:
        return {"motion": "nobody measured it", "loudness": "nobody measured it"}
    missing = {} if signals.has_video else {"motion": "the upload has no picture"}
    return missing | ({} if signals.has_audio else {"loudness": NO_SOUND})


def utterances_from_records(
    records: Iterable[Mapping[str, Any]], sentiments: Mapping[str, Sentiment] | None = None
) -> tuple[Utterance, ...]:
    """Read utterances from the segments of a transcript, as ``include.captions.transcribe`` cuts them.

    :param sentiments: of what is said, by its text.
    """
    known = sentiments or {}
    return tuple(
        Utterance(
            text=text,
            start_s=words[0].start_s,
            end_s=words[-1].end_s,
            confidence=record["confidence"],
            speaker=record["speaker"],
            words=words,
            sentiment=known.get(text),
        )
        for record in records
        for text, words in _cut(record["text"], tuple(Word(**word) for word in record["words"]))
    )


def _cut(text: str, words: tuple[Word, ...]) -> Iterator[tuple[str, tuple[Word, ...]]]:
    """Yield parts that are no larger than ``LARGEST_TEXT_BYTES``; of one that was cut the punctuation is gone."""
    if len(text.encode()) <= LARGEST_TEXT_BYTES:
        yield text, words
        return
    part: list[Word] = []
    size_bytes = -1
    for word in words:
        word_bytes = len(word.text.encode()) + 1
        if part and size_bytes + word_bytes > LARGEST_TEXT_BYTES:
            yield " ".join(one.text for one in part), tuple(part)
            part, size_bytes = [], -1
        part.append(word)
        size_bytes += word_bytes
    yield " ".join(one.text for one in part), tuple(part)
