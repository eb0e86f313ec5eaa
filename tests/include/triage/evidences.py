"""Evidence for the tests of triage: one thing seen, read, said or measured at a time."""

from __future__ import annotations

from include.catalog.triage import Peak, Sentiment, Signals, Utterance, Word
from include.catalog.video import Box, Label, LabelInstance, Shot, TechnicalCue, TextLine, TimeSpan

BOX = Box(left=0.1, top=0.1, width=0.2, height=0.2)


def label(name: str, *spans: tuple[float, float], confidence: float = 0.9, things: int = 0, parents=()) -> Label:
    instances = tuple(LabelInstance(at_s=spans[0][0], confidence=confidence, box=BOX) for _ in range(things))
    segments = tuple(TimeSpan(start_s=start_s, end_s=end_s) for start_s, end_s in spans)
    return Label(name=name, parents=tuple(parents), confidence_max=confidence, segments=segments, instances=instances)


def line(text: str, start_s: float = 1.0, *, confidence: float = 0.95) -> TextLine:
    return TextLine(text=text, start_s=start_s, end_s=start_s + 1, confidence=confidence, box=BOX)


def said(
    text: str, start_s: float = 1.0, *, confidence: float | None = 0.9, negative: float | None = None
) -> Utterance:
    """A word each half second."""
    words = tuple(
        Word(text=word, start_s=start_s + number / 2, end_s=start_s + number / 2 + 0.4, confidence=confidence)
        for number, word in enumerate(text.split())
    )
    rest = 0.0 if negative is None else 1 - negative
    return Utterance(
        text=text,
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        confidence=confidence,
        speaker=None,
        words=words,
        sentiment=None if negative is None else Sentiment(positive=0, negative=negative, neutral=rest, mixed=0),
    )


def signals(motion=(), loudness=(), duration_s: float | None = 60.0) -> Signals:
    """Peaks as pairs of time and value."""
    return Signals(
        duration_s=duration_s,
        has_video=True,
        has_audio=True,
        motion_peaks=tuple(Peak(at_s=at_s, value=value) for at_s, value in motion),
        loudness_peaks=tuple(Peak(at_s=at_s, value=value) for at_s, value in loudness),
        loudness_lufs=-30.0,
        analyser_version="1",
    )


def shots(*cuts_s: float) -> tuple[Shot, ...]:
    starts_s = (0.0, *cuts_s)
    return tuple(Shot(start_s=start_s, end_s=start_s + 1, confidence=0.9) for start_s in starts_s)


def cue(name: str, start_s: float, end_s: float, confidence: float | None = 0.9) -> TechnicalCue:
    return TechnicalCue(cue=name, start_s=start_s, end_s=end_s, confidence=confidence)
