"""How often a film was looked at, and how sightings in single pictures become stretches of time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from include.catalog.video import TimeSpan

UNKNOWN_INTERVAL_S = 0.5
"""Taken where too few sightings tell it: films of minutes are looked at about twice a second."""
SHORTEST_ABSENCE_S = 1.0
"""What is away for less has not gone."""
_AGREEING_GAPS = 3  # fewer of the same length may be chance


@dataclass(frozen=True, slots=True)
class Sampling:
    """Times between the pictures in which a film was looked at, in milliseconds."""

    interval_ms: int = round(1000 * UNKNOWN_INTERVAL_S)
    duration_ms: int | None = None
    """Length of the film, beyond which nothing is seen."""

    @property
    def patience_ms(self) -> int:
        """Return how long after its last sighting something is still there: two pictures, and a second at least."""
        return max(2 * self.interval_ms, round(1000 * SHORTEST_ABSENCE_S))

    def end_ms(self, start_ms: int, end_ms: int) -> int:
        """Return until when a sighting, or a stretch, lasts: a sighting stands for the time to the next picture.

        >>> Sampling(500).end_ms(1000, 1000), Sampling(500).end_ms(1000, 4000), Sampling(500, 1200).end_ms(1000, 1000)
        (1500, 4000, 1200)
        """
        if end_ms > start_ms:
            return end_ms
        longest_ms = start_ms + self.interval_ms
        return longest_ms if self.duration_ms is None else max(start_ms, min(longest_ms, self.duration_ms))


def sampling_from_records(
    analyses: Iterable[Iterable[Mapping[str, Any]]], *, duration_s: float | None = None
) -> Sampling:
    """Tell from the sightings of one film how often it was looked at.

    It is the commonest time, to a tenth of a second, between two pictures in which one analysis saw something.

    >>> moments = [0.0, 0.48, 1.0, 1.52, 9.0]
    >>> sampling_from_records([[{"start_s": moment, "end_s": moment} for moment in moments]]).interval_ms
    500
    """
    gaps: Counter[int] = Counter()
    for records in analyses:
        moments = {_ms(record["start_s"]) for record in records if record["start_s"] == record["end_s"]}
        gaps.update(round((later - earlier) / 100) for earlier, later in pairwise(sorted(moments)))
    tenths, count = max(gaps.items(), key=lambda found: (found[1], -found[0]), default=(0, 0))
    duration_ms = None if duration_s is None else _ms(duration_s)
    if tenths == 0 or count < _AGREEING_GAPS:
        return Sampling(duration_ms=duration_ms)
    return Sampling(100 * tenths, duration_ms)


class Presence:
    """When one finding was there: takes sightings and stretches in any order, keeps stretches."""

    __slots__ = ("_ends_ms", "_sampling", "_starts_ms")

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._starts_ms = array("q")
        self._ends_ms = array("q")

    def add(self, record: Mapping[str, Any]) -> None:
        """Add what was seen in one picture, or in a stretch."""
        start_ms, end_ms = _ms(record["start_s"]), _ms(record["end_s"])
        end_ms = self._sampling.end_ms(start_ms, end_ms)
        if (
            len(self)
            and start_ms <= self._ends_ms[-1] + self._bridged_ms
            and end_ms >= self._starts_ms[-1] - self._bridged_ms
        ):
            self._starts_ms[-1] = min(start_ms, self._starts_ms[-1])
            self._ends_ms[-1] = max(end_ms, self._ends_ms[-1])
        else:
            self._starts_ms.append(start_ms)
            self._ends_ms.append(end_ms)

    def __len__(self) -> int:
        """Return how many stretches are kept so far."""
        return len(self._starts_ms)

    @property
    def _bridged_ms(self) -> int:
        """Return the longest time between two stretches that are one; a sighting's own time is part of its stretch."""
        return self._sampling.patience_ms - self._sampling.interval_ms

    def spans(self) -> tuple[TimeSpan, ...]:
        """Return the stretches in the order of time, apart from each other."""
        merged: list[list[int]] = []
        for start_ms, end_ms in sorted(zip(self._starts_ms, self._ends_ms, strict=True)):
            if merged and start_ms <= merged[-1][1] + self._bridged_ms:
                merged[-1][1] = max(end_ms, merged[-1][1])
            else:
                merged.append([start_ms, end_ms])
        return tuple(TimeSpan(start_s=start_ms / 1000, end_s=end_ms / 1000) for start_ms, end_ms in merged)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
