"""What a decision is made on, whatever of it there is: seen, read, heard, measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.catalog.triage import FootageAnalysis, Sentiment, Signals, Transcript, Utterance, Word
from include.catalog.video import NOT_ASKED_FOR, Label, Shot, TechnicalCue, TextLine

SCREENED_OUT = "the cheap look saw nothing"
"""The reason, in ``skipped``, of the analyses of an upload that was screened out."""
NO_SOUND = "the upload has no sound"
"""The reason, in ``skipped``, why there is no transcript of a silent film."""
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

    >>> evidence_from_records(duration_s=6.0, skipped={"labels": SCREENED_OUT}).skipped
    {'labels': 'the cheap look saw nothing'}
    """
    missing = dict(skipped or {})
    for record in (analysis, transcript):
        missing |= record.skipped if record else {}
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


def utterances_from_records(
    records: Iterable[Mapping[str, Any]], sentiments: Mapping[str, Sentiment] | None = None
) -> tuple[Utterance, ...]:
    """Read utterances from the segments of a transcript, as ``include.captions.transcribe`` cuts them.

    :param sentiments: of what is said, by its text.
    """
    return tuple(
        Utterance(
            text=record["text"],
            start_s=record["start_s"],
            end_s=record["end_s"],
            confidence=record["confidence"],
            speaker=record["speaker"],
            words=tuple(Word(**word) for word in record["words"]),
            sentiment=(sentiments or {}).get(record["text"]),
        )
        for record in records
    )
