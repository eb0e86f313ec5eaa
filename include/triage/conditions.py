"""What a rule may ask of the evidence: one dataclass per kind, whose fields are those of the rule.

A kind is a new class here with a ``kind``, checked fields and ``hits``; put it into ``KINDS``, and write a test and a
line in ``docs/incident_rules.md``. Below the minimum confidence nothing is ever met; what has no confidence has none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from typing import Any, ClassVar

from include.catalog.video import NOT_ASKED_FOR
from include.triage.evidence import EXPECTED, Evidence
from include.triage.phrases import runs_of, spelt, tokens

LONGEST_PHRASE = 100
MOST_NAMES = 500
LARGEST_NUMBER = 1e9
"""Of anything: seconds, cuts, loudness."""
_LONGEST_QUOTE = 60
_LONGEST_READ = 1000  # of what is quoted, for a speech may have 5,000 letters and fire a thousand times
_ROUNDED_S = 1e-6  # times are of milliseconds, their differences are not


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Hit:
    """That a condition was met: when, how strongly (more is stronger), and by what, in words for people.

    What concerns the whole upload happens at no time.
    """

    start_s: float | None
    end_s: float | None
    strength: float
    evidence: str


class Condition:
    """Something that the evidence may meet, any number of times."""

    kind: ClassVar[str]

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        """Yield each time it is met."""
        raise NotImplementedError


class Invalid(ValueError):
    """A field does not hold what is allowed; the message says what is."""


def share(value: Any) -> float:
    """Check a number from 0 to 1."""
    return number(value, most=1.0)


def number(value: Any, *, most: float = math.inf) -> float:
    """Check a number from 0 to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= min(most, LARGEST_NUMBER):
        raise Invalid(f"must be a number {'from 0 to ' + format(most, 'g') if most < math.inf else 'of 0 or more'}")
    return float(value)


def whole(value: Any) -> int:
    """Check a whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_NUMBER:
        raise Invalid("must be a whole number of 0 or more")
    return value


def names(value: Any) -> tuple[str, ...]:
    """Check a list of names or phrases."""
    listed = isinstance(value, list) and 1 <= len(value) <= MOST_NAMES
    if not listed or not all(isinstance(name, str) and tokens(name) and len(name) <= LONGEST_PHRASE for name in value):
        raise Invalid(
            f"must be a list of 1 to {MOST_NAMES} names or phrases, each with a letter or digit and of at most "
            f"{LONGEST_PHRASE} characters"
        )
    return tuple(value)


def analyses(value: Any) -> tuple[str, ...]:
    """Check a list of what may be missing from the evidence."""
    allowed = ("labels", "segments", "text", "transcript", "sentiment", "motion", "loudness")
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(allowed):
        raise Invalid(f"must be a list of {', '.join(allowed)}")
    return tuple(value)


def checked(check: Any, **default: Any) -> Any:
    """Declare a field of a rule: how it is checked, and its default if it may be left out."""
    return field(metadata={"check": check}, **default)


@dataclass(frozen=True, kw_only=True)
class Labels(Condition):
    """Something was seen: a label of this name, or a child of it."""

    kind = "labels"
    names: tuple[str, ...] = checked(names)
    min_confidence: float = checked(share)
    min_instances: int = checked(whole, default=0)
    """Things of it seen at once, each with a box around it: it is met when most of them were, and at no other time."""

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.names))

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        for label in evidence.labels:
            if not label.confidence_max >= self.min_confidence or len(label.instances) < self.min_instances:
                continue
            if self._folded.isdisjoint(name.casefold() for name in (label.name, *label.parents)):
                continue
            if self.min_instances:
                at_s = label.instances[0].at_s
                told = f"{len(label.instances)} x {quote(label.name)} {label.confidence_max:.2f}"
                yield Hit(start_s=at_s, end_s=at_s, strength=label.confidence_max, evidence=told)
                continue
            for span in label.segments:
                told = f"{quote(label.name)} {label.confidence_max:.2f}"
                yield Hit(start_s=span.start_s, end_s=span.end_s, strength=label.confidence_max, evidence=told)


@dataclass(frozen=True, kw_only=True)
class _Phrases(Condition):
    phrases: tuple[str, ...] = checked(names)
    min_confidence: float = checked(share)

    @cached_property
    def _folded(self) -> dict[str, str]:
        """Return the phrases as given, by what is looked for."""
        return {spelt(phrase): phrase for phrase in sorted(self.phrases, reverse=True)}

    def _possible(self, text: str) -> list[str]:
        """Return what may stand in a text; nearly always nothing, which is told quickly."""
        letters = spelt(text)
        return [phrase for phrase in self._folded if phrase in letters]


@dataclass(frozen=True, kw_only=True)
class Text(_Phrases):
    """A word or phrase was read on the screen."""

    kind = "text"

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        for line in evidence.text:
            if not line.confidence >= self.min_confidence:
                continue
            if any(next(runs_of(phrase, tokens(line.text)), None) for phrase in self._possible(line.text)):
                told = f"the picture reads {quote(line.text)} ({line.confidence:.2f})"
                yield Hit(start_s=line.start_s, end_s=line.end_s, strength=line.confidence, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Speech(_Phrases):
    """A word or phrase was said, without a pause inside; each of its words was heard surely enough."""

    kind = "speech"

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        for utterance in evidence.utterances:
            possible = self._possible(utterance.text)
            if not possible:
                continue
            heard = [(token, word) for word in utterance.words for token in tokens(word.text)]
            words = [token for token, _ in heard]
            for phrase in possible:
                for first, last in runs_of(phrase, words):
                    said = [word for _, word in heard[first : last + 1]]
                    sure = min(word.confidence if word.confidence is not None else -1.0 for word in said)
                    if sure >= self.min_confidence:
                        told = f"somebody says {quote(self._folded[phrase])} ({sure:.2f}): {quote(utterance.text)}"
                        yield Hit(start_s=said[0].start_s, end_s=said[-1].end_s, strength=sure, evidence=told)


@dataclass(frozen=True, kw_only=True)
class NegativeSpeech(Condition):
    """Something was said that sounds negative."""

    kind = "sentiment"
    min_negative: float = checked(share)
    min_confidence: float = checked(share, default=0.0)
    """How surely it was heard: the mean over its words."""

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        for utterance in evidence.utterances:
            negative = utterance.sentiment.negative if utterance.sentiment else -1.0
            heard = utterance.confidence if utterance.confidence is not None else -1.0
            if negative >= self.min_negative and heard >= self.min_confidence:
                told = f"said in a negative way ({negative:.2f}): {quote(utterance.text)}"
                yield Hit(start_s=utterance.start_s, end_s=utterance.end_s, strength=negative, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Cues(Condition):
    """A technical cue, such as ``BlackFrames``: the camera saw nothing."""

    kind = "cues"
    names: tuple[str, ...] = checked(names)
    min_confidence: float = checked(share)
    min_duration_s: float = checked(number, default=0.0)

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        wanted = {name.casefold() for name in self.names}
        for cue in evidence.cues:
            sure = cue.confidence if cue.confidence is not None else -1.0
            lasting_s = round(cue.end_s - cue.start_s, 3)
            if cue.cue.casefold() in wanted and sure >= self.min_confidence and lasting_s >= self.min_duration_s:
                told = f"{quote(cue.cue)} for {lasting_s:.1f} s ({sure:.2f})"
                yield Hit(start_s=cue.start_s, end_s=cue.end_s, strength=sure, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Cuts(Condition):
    """Cuts follow each other suddenly: pictures of a camera that is thrown about, where nobody edits."""

    kind = "cuts"
    min_cuts: int = checked(whole)
    within_s: float = checked(number)
    min_confidence: float = checked(share, default=0.0)

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        shots = sorted(evidence.shots, key=lambda shot: shot.start_s)[1:]  # the first begins without a cut
        cuts_s = [shot.start_s for shot in shots if (shot.confidence or 0.0) >= self.min_confidence]
        count = max(self.min_cuts, 1)
        last_s = -math.inf
        for first_s, at_s in zip(cuts_s, cuts_s[count - 1 :], strict=False):
            if at_s - first_s <= self.within_s and first_s > last_s:
                last_s = at_s
                told = f"{count} cuts within {at_s - first_s:.1f} s"
                yield Hit(start_s=first_s, end_s=at_s, strength=1.0, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Motion(Condition):
    """The camera's motion changed suddenly."""

    kind = "motion"
    min_peak: float = checked(number)
    """In frame widths a second."""

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        for peak in evidence.signals.motion_peaks if evidence.signals else ():
            if peak.value >= self.min_peak:
                told = f"a jolt of {peak.value:.2f} frame widths a second"
                yield Hit(start_s=peak.at_s, end_s=peak.at_s, strength=peak.value, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Loudness(Condition):
    """A sound stood out."""

    kind = "loudness"
    min_peak_lu: float = checked(number)
    """Above the film's own level."""

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        for peak in evidence.signals.loudness_peaks if evidence.signals else ():
            if peak.value >= self.min_peak_lu:
                told = f"a sound {peak.value:.1f} LU above the rest"
                yield Hit(start_s=peak.at_s, end_s=peak.at_s, strength=peak.value, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Missing(Condition):
    """An analysis that was wanted is missing: refused, denied, broken. What cannot be had at all is not missing."""

    kind = "missing"
    analyses: tuple[str, ...] = checked(analyses)

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        gone = [name for name in sorted(self.analyses) if evidence.skipped.get(name, NOT_ASKED_FOR) not in EXPECTED]
        if gone:
            told = "not looked at: " + "; ".join(f"{name} ({quote(evidence.skipped[name])})" for name in gone)
            yield Hit(start_s=None, end_s=None, strength=1.0, evidence=told)


@dataclass(frozen=True, kw_only=True)
class Together(Condition):
    """Several conditions are met at one time: each at most ``within_s`` before or after the start of one of them."""

    kind = "together"
    within_s: float = checked(number)
    all: tuple[Condition, ...] = ()

    def hits(self, evidence: Evidence) -> Iterator[Hit]:
        found = [_Timeline(condition.hits(evidence), self.within_s) for condition in self.all]
        if not all(timeline.hits for timeline in found):
            return
        last_s = -math.inf
        for at_s in sorted({hit.start_s or 0.0 for timeline in found for hit in timeline.hits}):
            if at_s - last_s <= self.within_s + _ROUNDED_S:
                continue
            best = [hit for timeline in found if (hit := timeline.strongest_near(at_s))]
            if len(best) == len(found):
                last_s = at_s
                told = ", ".join(dict.fromkeys(hit.evidence for hit in best))
                end_s = max(at_s, max(hit.start_s or 0.0 for hit in best))
                yield Hit(start_s=at_s, end_s=end_s, strength=min(hit.strength for hit in best), evidence=told)


KINDS: dict[str, type[Condition]] = {
    cls.kind: cls for cls in (Labels, Text, Speech, NegativeSpeech, Cues, Cuts, Motion, Loudness, Missing, Together)
}


class _Timeline:
    """Hits by their start, asked at one moment after the other; those that happen at no time are left out."""

    def __init__(self, hits: Iterable[Hit], within_s: float) -> None:
        self.hits = sorted(hit for hit in hits if hit.start_s is not None)
        self._within_s = within_s + _ROUNDED_S
        self._begun = 0
        self._strongest: list[tuple[float, Hit]] = []  # a heap; those that are over lie in it until they come up

    def strongest_near(self, at_s: float) -> Hit | None:
        """Return the strongest hit that lasts until shortly before a moment, or begins shortly after it."""
        while self._begun < len(self.hits) and (self.hits[self._begun].start_s or 0.0) <= at_s + self._within_s:
            hit = self.hits[self._begun]
            heappush(self._strongest, (-hit.strength, hit))
            self._begun += 1
        while self._strongest and at_s - (self._strongest[0][1].end_s or 0.0) > self._within_s:
            heappop(self._strongest)
        return self._strongest[0][1] if self._strongest else None


def quote(text: str) -> str:
    """Write a stranger's words in one line of bounded length.

    >>> quote("STOP" + chr(10) + "here")
    '"STOP here"'
    """
    plain = " ".join(
        "".join(character if character.isprintable() else " " for character in text[:_LONGEST_READ]).split()
    )
    return f'"{plain if len(plain) <= _LONGEST_QUOTE else plain[: _LONGEST_QUOTE - 1] + "…"}"'
