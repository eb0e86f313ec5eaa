"""Sounds far above what else is heard in a film: an impact, a horn, a scream.

Momentary loudness (of 400 ms, ten times a second: EBU Tech 3341, ITU-R BS.1770-4, by ffmpeg's ``ebur128`` filter) is
held against its own median over the whole film. That of the short-term loudness (3 s) would be lifted by the very bang
in a clip of seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from include.audio.loudness import ABSOLUTE_GATE_LUFS, R128Filter
from include.triage.peaks import Levels, StrongestPeaks

if TYPE_CHECKING:
    import numpy as np

    from include.catalog.triage import Peak

HOP_S = 0.1
QUIET_LUFS = -50.0
"""A film whose median is below counts as being so loud: a word in a parked car is no bang."""
APART_S = 1.0
"""Of two sounds that are closer the softer one is left out."""
ALIKE_LU = 4.0
"""A sound has its moment where it first comes within so much of its loudest: when half of it is in the 400 ms."""
LEAST_VALUE = 6.0
"""LU; less is heard all the time in any film."""


class LoudnessPeakMeter:
    """Takes the sound of a film block by block; memory does not grow with their number.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> hiss = rng.normal(0, 0.01, (1, 8 * 16000)).astype(np.float32)
    >>> hiss[:, 5 * 16000 : 5 * 16000 + 3200] *= 30
    >>> meter = LoudnessPeakMeter(16000, "mono")
    >>> meter.add(hiss)
    >>> [(round(peak.at_s, 1), peak.value > 20) for peak in meter.finish()]
    [(5.0, True)]
    """

    def __init__(self, sample_rate_hz: int, layout: str) -> None:
        self._filter = R128Filter(sample_rate_hz, layout)
        self._hops = 0
        self._levels = Levels(ABSOLUTE_GATE_LUFS, 10.0, 800)
        self._peaks = StrongestPeaks(APART_S, alike=ALIKE_LU)
        self._integrated_lufs = ABSOLUTE_GATE_LUFS

    def add(self, samples: np.ndarray) -> None:
        """Take a block: float32, full scale 1.0, of shape (channels, n)."""
        self._note(self._filter.add(samples))

    def finish(self) -> tuple[Peak, ...]:
        """Return the loudest sounds, in LU above the film's own level, in the order of time; the meter is spent."""
        self._note(self._filter.finish())
        return self._peaks.above(max(QUIET_LUFS, self._levels.median() or QUIET_LUFS), least=LEAST_VALUE)

    @property
    def seen_s(self) -> float:
        """How much was heard, to the last full 100 ms."""
        return self._hops * HOP_S

    @property
    def loudness_lufs(self) -> float | None:
        """Integrated loudness so far; ``None`` while nothing passes the gate of -70 LUFS."""
        known = math.isfinite(self._integrated_lufs) and self._integrated_lufs > ABSOLUTE_GATE_LUFS
        return round(self._integrated_lufs, 1) if known else None

    def _note(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            measured = frame.metadata
            self._hops += 1
            self._integrated_lufs = float(measured["lavfi.r128.I"])
            momentary_lufs = float(measured["lavfi.r128.M"])
            if momentary_lufs > ABSOLUTE_GATE_LUFS:  # so it is not before 0.4 s have passed
                self._levels.add(momentary_lufs)
                self._peaks.add((self._hops - 0.5) * HOP_S, momentary_lufs)
