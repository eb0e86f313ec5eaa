"""Where one shot ends and the next begins: cuts by PySceneDetect, fades by the time the picture is dark.

A dip to black is one boundary, in the middle of the dark frames, however the picture goes dark and comes back: by a cut
or by a fade. Dark at the very beginning or end belongs to the first or the last shot. Dissolves are not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector
from scenedetect.stats_manager import StatsManager

SHORTEST_SHOT_S = 0.4
ADAPTIVE_THRESHOLD = 3.0  # PySceneDetect's default: a cut changes three times as much as its neighbourhood
FADE_MARGIN_S = 0.25  # a cut this close to dark is the dip's edge
FADE_CONFIDENCE = 99.0  # darkness is measured, not judged; but the boundary could be anywhere in it
STATS_FRAMES = 1000  # figures are forgotten after so many frames


@dataclass(frozen=True, slots=True)
class Boundary:
    """The first frame of a shot that is not the first, and how sure that is, from 50 to 100."""

    frame: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Dark:
    """Frames in which nothing is to be seen; ``last`` is the first one with a picture again."""

    first: int
    last: int


class ShotFinder:
    """Takes every frame of a video in turn, small and BGR."""

    def __init__(self, frame_rate: float) -> None:
        self._frame_rate = frame_rate
        shortest = max(1, round(SHORTEST_SHOT_S * self._frame_rate))
        self._detector = AdaptiveDetector(adaptive_threshold=ADAPTIVE_THRESHOLD, min_scene_len=shortest)
        self._cuts: list[Boundary] = []
        self._darks: list[Dark] = []
        self._dark_since: int | None = None
        self._frames = 0

    def add(self, picture: NDArray[np.uint8], *, dark: bool) -> None:
        """Take the next frame; ``dark`` if nothing is to be seen on it."""
        if self._frames % STATS_FRAMES == 0:
            self._detector.stats_manager = StatsManager()
        for cut in self._detector.process_frame(FrameTimecode(self._frames, self._frame_rate), picture):
            self._cuts.append(Boundary(cut.frame_num, self._confidence(cut)))
        if dark:
            self._dark_since = self._frames if self._dark_since is None else self._dark_since
        elif self._dark_since is not None:
            self._darks.append(Dark(self._dark_since, self._frames))
            self._dark_since = None
        self._frames += 1

    def _confidence(self, cut: FrameTimecode) -> float:
        """50 for a change that just reaches the threshold, 75 for twice that, towards 100."""
        stats = self._detector.stats_manager
        ratio_key = self._detector.get_metrics()[-1]
        (ratio,) = stats.get_metrics(cut, [ratio_key]) if stats else (None,)
        return round(100 - 50 * ADAPTIVE_THRESHOLD / max(ratio or 0.0, ADAPTIVE_THRESHOLD), 2)

    def boundaries(self) -> list[Boundary]:
        """The boundaries among all frames so far."""
        darks = list(self._darks)
        if self._dark_since is not None:
            darks.append(Dark(self._dark_since, self._frames))
        return merge_fades(self._cuts, darks, self._frames, round(FADE_MARGIN_S * self._frame_rate))


def merge_fades(cuts: Iterable[Boundary], darks: list[Dark], frames: int, margin: int) -> list[Boundary]:
    """One boundary for each dip to black within the video, and the cuts that are not the edge of one.

    >>> cuts = [Boundary(30, 90.0), Boundary(180, 90.0), Boundary(300, 80.0)]
    >>> merge_fades(cuts, [Dark(0, 30), Dark(180, 222)], frames=400, margin=7)
    [Boundary(frame=201, confidence=99.0), Boundary(frame=300, confidence=80.0)]
    """
    dips = [
        Boundary((dark.first + dark.last) // 2, FADE_CONFIDENCE)
        for dark in darks
        if dark.first > 0 and dark.last < frames
    ]
    kept = [cut for cut in cuts if not any(dark.first - margin <= cut.frame <= dark.last + margin for dark in darks)]
    return sorted([*dips, *kept], key=lambda boundary: boundary.frame)
