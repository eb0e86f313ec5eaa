"""The strongest moments of a stream of measurements, and its typical level, in memory that does not grow."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

from include.catalog.triage import Peak

MOST_PEAKS = 50
"""Kept of a film: more moments nobody looks at, and a drive over cobbles has hundreds."""


@dataclass(slots=True)
class _Rise:
    at_s: float
    value: float  # at that moment
    highest: float


class StrongestPeaks:
    """Keep the strongest of the values that come in the order of time, no two of them closer than ``apart_s``.

    :param alike: a peak's moment is the first whose value comes within so much of the highest,
    :param alike_share: or reaches so much of it, as a share.

    >>> peaks = StrongestPeaks(apart_s=1.0)
    >>> for at_s, value in [(0.0, 1.0), (0.5, 3.0), (1.2, 2.0), (4.0, 5.0)]:
    ...     peaks.add(at_s, value)
    >>> peaks.above(1.0, least=1.0)
    (Peak(at_s=0.5, value=2.0), Peak(at_s=4.0, value=4.0))
    """

    def __init__(self, apart_s: float, *, alike: float = 0.0, alike_share: float = 1.0) -> None:
        self._apart_s = apart_s
        self._alike = alike
        self._alike_share = alike_share
        self._rise: _Rise | None = None
        self._kept: list[tuple[float, float]] = []  # a heap of (value, at_s), the weakest first

    def add(self, at_s: float, value: float) -> None:
        """Take a value; times do not go back."""
        if self._rise and at_s - self._rise.at_s < self._apart_s:
            self._rise.highest = max(value, self._rise.highest)
            if value * self._alike_share > self._rise.value + self._alike:
                self._rise = _Rise(at_s, value, self._rise.highest)
            return
        self._settle()
        self._rise = _Rise(at_s, value, value)

    def above(self, level: float, *, least: float) -> tuple[Peak, ...]:
        """Return what stands out from ``level`` by at least ``least``, and by how much, in the order of time."""
        self._settle()
        found = sorted((at_s, value - level) for value, at_s in self._kept)
        return tuple(Peak(at_s=round(at_s, 3), value=round(value, 4)) for at_s, value in found if value >= least)

    def _settle(self) -> None:
        if self._rise:
            heapq.heappush(self._kept, (self._rise.highest, self._rise.at_s))
            if len(self._kept) > MOST_PEAKS:
                heapq.heappop(self._kept)
        self._rise = None


class Levels:
    """How often each level came, in ``count`` steps from ``lowest`` to ``highest``: a median in constant memory.

    >>> levels = Levels(0.0, 10.0, 100)
    >>> for value in (1.0, 2.0, 9.0, 50.0, 1.5):
    ...     levels.add(value)
    >>> round(levels.median(), 2)
    2.05
    """

    def __init__(self, lowest: float, highest: float, count: int) -> None:
        self._lowest = lowest
        self._step = (highest - lowest) / count
        self._counts = [0] * count
        self._total = 0

    def add(self, value: float) -> None:
        """Count a value; one beyond the ends counts as the end, one that is no number not at all."""
        if math.isnan(value):
            return
        index = math.floor(min(max((value - self._lowest) / self._step, 0.0), len(self._counts) - 1.0))
        self._counts[index] += 1
        self._total += 1

    def median(self) -> float | None:
        """Return the median to within half a step; ``None`` of nothing."""
        passed = 0
        for index, count in enumerate(self._counts):
            passed += count
            if passed * 2 > self._total:
                return self._lowest + (index + 0.5) * self._step
        return None
