"""Where one shot ends and the next begins: cuts by PySceneDetect, fades by the time the picture is black.

A cut to or from black is one like any other, as on AWS, where a black leader is a shot. A dip to black that no cut
opens, closes or interrupts, a fade out and in, is one boundary: the first frame on which the next picture begins to
show. Black that fades in at the beginning or out at the end belongs to its shot. Dissolves are not seen.
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
LEAST_RATIO = 3.0  # PySceneDetect's default: a cut changes three times as much as its neighbourhood
LEAST_CHANGE = 15.0  # of 255, hue, saturation and value on average; PySceneDetect's default, too
BLACK_FLOOR = 32  # of 255; below, hue and saturation are noise, which changes as much as a cut
DARKEST_TOLERANCE = 0.5  # of 255, on average over a picture
FADE_MARGIN_S = 0.25  # a cut this close to black opens or closes the dip
FADE_CONFIDENCE = 99.0  # darkness is measured; only which frame of it ends the shot is a matter of taste
STATS_FRAMES = 1000  # figures are forgotten after so many frames


@dataclass(frozen=True, slots=True)
class Boundary:
    """The first frame of a shot that is not the first, and how sure that is, from 50 to 100."""

    frame: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Dark:
    """Frames in which nothing is to be seen, ``last`` included; after ``darkest``, the picture comes back."""

    first: int
    last: int
    darkest: int


class ShotFinder:
    """Takes every frame of a video in turn, small and BGR."""

    def __init__(self, frame_rate: float) -> None:
        self._frame_rate = frame_rate
        shortest = max(1, round(SHORTEST_SHOT_S * self._frame_rate))
        self._detector = AdaptiveDetector(LEAST_RATIO, min_scene_len=shortest, min_content_val=LEAST_CHANGE)
        self._cuts: list[Boundary] = []
        self._darks: list[Dark] = []
        self._dark_since: int | None = None
        self._frames = 0

    def add(self, picture: NDArray[np.uint8], *, dark: bool) -> None:
        """Take the next frame; ``dark`` if nothing is to be seen on it."""
        if self._frames % STATS_FRAMES == 0:
            self._detector.stats_manager = StatsManager()
        timecode = FrameTimecode(self._frames, self._frame_rate)
        for cut in self._detector.process_frame(timecode, np.maximum(picture, BLACK_FLOOR)):
            self._cuts.append(Boundary(cut.frame_num, self._confidence(cut)))
        if dark:
            self._add_dark(float(picture.mean()))
        else:
            self._end_dark()
        self._frames += 1

    def _add_dark(self, mean: float) -> None:
        if self._dark_since is None:
            self._dark_since, self._least, self._darkest = self._frames, mean, self._frames
        if mean <= self._least + DARKEST_TOLERANCE:
            self._least, self._darkest = min(mean, self._least), self._frames

    def _end_dark(self) -> None:
        if self._dark_since is not None:
            self._darks.append(Dark(self._dark_since, self._frames - 1, self._darkest))
            self._dark_since = None

    def _confidence(self, cut: FrameTimecode) -> float:
        """50 for a change that just reaches both thresholds; what exceeds either halves the doubt as it doubles."""
        stats, (change_key, *_, ratio_key) = self._detector.stats_manager, self._detector.get_metrics()
        change, ratio = stats.get_metrics(cut, [change_key, ratio_key]) if stats else (None, None)
        doubt = LEAST_CHANGE / max(change or 0.0, LEAST_CHANGE) * LEAST_RATIO / max(ratio or 0.0, LEAST_RATIO)
        return round(100 - 50 * doubt, 2)

    def boundaries(self) -> list[Boundary]:
        """The boundaries among all frames so far."""
        self._end_dark()
        return merge_fades(self._cuts, self._darks, self._frames, round(FADE_MARGIN_S * self._frame_rate))


def merge_fades(cuts: Iterable[Boundary], darks: list[Dark], frames: int, margin: int) -> list[Boundary]:
    """The cuts, and one boundary for each dip to black within the video that has no cut within ``margin``.

    >>> cuts = [Boundary(30, 90.0), Boundary(180, 90.0), Boundary(300, 80.0)]
    >>> darks = [Dark(0, 29, 29), Dark(180, 222, 200), Dark(400, 420, 411), Dark(490, 499, 499)]
    >>> [boundary.frame for boundary in merge_fades(cuts, darks, frames=500, margin=7)]
    [30, 180, 300, 412]
    """
    cuts = list(cuts)
    dips = [
        Boundary(dark.darkest + 1, FADE_CONFIDENCE)
        for dark in darks
        if dark.first > 0
        and dark.last < frames - 1
        and not any(dark.first - margin <= cut.frame <= dark.last + margin for cut in cuts)
    ]
    return sorted([*cuts, *dips], key=lambda boundary: boundary.frame)
