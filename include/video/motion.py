"""How the camera moves and how much moves before it, from pairs of pictures a tenth of a second apart.

Corners are followed from one picture to the next (Lucas-Kanade, forth and back), and the shift, turn and scale that
most of them share (RANSAC) is the camera's. What differs after it is undone moves by itself. A pair that spans a cut,
or in which too few corners are found again, says nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.catalog.video import Measure, Verdict
from include.video.verdict import settled

if TYPE_CHECKING:
    import numpy as np

    from include.video.frames import View

MOST_CORNERS = 240
LEAST_CORNERS = 8
LEAST_AGREEING = 0.3
"""Share of the corners that have to agree on a movement for it to be the camera's."""
PLACES = 4
"""The picture is parted in so many rows and columns; corners in half of the places speak for all of it."""
STRAY_PIXELS = 0.7
"""How far a corner may end from where it began when it is followed forth and back."""
STILL_CHANGE = 1.5
"""Of 255. Two pictures that differ less on average show no movement, corners or not."""
FLAT = 4.0
"""Standard deviation of a picture, of 255, that shows nothing, so that nobody can tell whether the camera moves."""
MOVED_CHANGE = 20
"""Of 255, over a few pixels; less is noise, compression, or an edge that was not brought to the very same place."""
STATIC_BELOW = 0.015
"""Frame widths a second; a pan at this speed takes more than a minute to show something else."""
STEADY = 0.6
"""How much the movements of a stretch have to agree in direction, 0 to 1; a hand's cancel out."""
STRETCH_PAIRS = 6
STRETCH_GAP_S = 1.6
LEAST_PAIRS = 8
"""Fewer say something, but with less confidence."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What happened between two pictures. Speeds are frame widths a second."""

    time_s: float
    right: float
    """How fast the camera turns to the right: what it shows moves to the left."""
    down: float
    zoom: float
    """How fast the picture grows, as the mean outward movement of its points."""
    roll: float
    """The same of a turn about the line of sight, clockwise."""
    agreeing: float
    """Share of the corners that moved so, times the share of the picture over which they are spread: 0 to 1."""
    scene: float
    """Share of the picture that moved otherwise, 0 to 1."""

    @property
    def speed(self) -> float:
        """Root of the mean square movement of the picture's points."""
        return math.hypot(self.right, self.down, self.zoom, self.roll)


class MotionMeter:
    """Takes view after view; only a few numbers of each are kept."""

    def __init__(self, cuts_s: Sequence[float]) -> None:
        """Start with no movement; ``cuts_s`` is when each shot but the first begins."""
        self._cuts_s = sorted(cuts_s)
        self._movements: list[Movement] = []
        self._pairs = 0

    def add(self, view: View) -> None:
        """Take a view; one without a later picture says nothing."""
        if view.later is None or self._shot_of(view.time_s) != self._shot_of(view.time_s + view.gap_s):
            return
        self._pairs += 1
        movement = movement_between(view.picture, view.later, gap_s=view.gap_s, time_s=view.time_s)
        if movement:
            self._movements.append(movement)

    def _shot_of(self, time_s: float) -> int:
        return bisect_right(self._cuts_s, time_s + 0.002)  # shots' times are rounded to milliseconds

    def camera(self) -> Verdict:
        """Name what the camera does most of the time.

        Stretches of up to ``STRETCH_PAIRS`` movements within a shot are judged one by one: static below
        ``STATIC_BELOW``; handheld where the movements cancel each other out; else by the largest part of their sum.
        A movement counts by how many corners agree on it. The confidence is the share of the time that the verdict
        holds, less where few corners agree.
        """
        unit = "static | pan | tilt | zoom | handheld"
        if not self._movements:
            return Verdict(value=None, unit=unit, method=self._nothing(), confidence=None)
        votes: dict[str, float] = defaultdict(float)
        for stretch in self._stretches():
            votes[kind_of(stretch)] += sum(movement.agreeing for movement in stretch)
        kind = max(votes, key=lambda kind: votes[kind])
        confidence = votes[kind] / sum(votes.values()) * self._trust()
        method = "corners followed between pictures 0.1 s apart, common movement by RANSAC, most frequent kind"
        return settled(Verdict(value=kind, unit=unit, method=method, confidence=round(confidence, 3)))

    def speed(self) -> Measure:
        """Median speed of the camera."""
        unit = "frame widths a second"
        if not self._movements:
            return Measure(value=None, unit=unit, method=self._nothing(), confidence=None)
        speeds = sorted(movement.speed for movement in self._movements)
        method = "root mean square of the common movement over the picture, median"
        return Measure(
            value=round(speeds[len(speeds) // 2], 4), unit=unit, method=method, confidence=round(self._trust(), 3)
        )

    def scene(self) -> Measure:
        """Mean share of the picture that moves otherwise than by the camera."""
        unit = "share of the picture"
        if not self._movements:
            return Measure(value=None, unit=unit, method=self._nothing(), confidence=None)
        mean = sum(movement.scene for movement in self._movements) / len(self._movements)
        method = "pixels that differ after 0.1 s when the camera's movement is undone, mean"
        return Measure(value=round(mean, 4), unit=unit, method=method, confidence=round(self._trust(), 3))

    def _nothing(self) -> str:
        return "no pair of pictures shows anything to follow" if self._pairs else "no two pictures close enough"

    def _trust(self) -> float:
        agreeing = sum(movement.agreeing for movement in self._movements) / len(self._movements)
        told = len(self._movements) / self._pairs
        return agreeing * told * min(1.0, len(self._movements) / LEAST_PAIRS)

    def _stretches(self) -> Iterator[list[Movement]]:
        stretch: list[Movement] = []
        for movement in self._movements:
            if stretch and (
                len(stretch) == STRETCH_PAIRS
                or movement.time_s - stretch[-1].time_s > STRETCH_GAP_S
                or self._shot_of(movement.time_s) != self._shot_of(stretch[-1].time_s)
            ):
                yield stretch
                stretch = []
            stretch.append(movement)
        if stretch:
            yield stretch


def kind_of(stretch: Sequence[Movement]) -> str:
    """Name the movement of a stretch of at least one pair.

    >>> def moved(right: float, down: float = 0.0, zoom: float = 0.0) -> Movement:
    ...     return Movement(0.0, right, down, zoom, 0.0, 1.0, 0.0)
    >>> kind_of([moved(0.2), moved(0.3)]), kind_of([moved(0.2), moved(-0.2)]), kind_of([moved(0.1, zoom=0.3)])
    ('pan', 'handheld', 'zoom')
    >>> kind_of([moved(0.001)]), kind_of([moved(0.1, -0.3)])
    ('static', 'tilt')
    """
    weight = sum(movement.agreeing for movement in stretch)
    travelled = sum(movement.agreeing * movement.speed for movement in stretch)
    if travelled < STATIC_BELOW * weight:
        return "static"
    right, down, zoom, roll = (
        sum(movement.agreeing * getattr(movement, part) for movement in stretch)
        for part in ("right", "down", "zoom", "roll")
    )
    if math.hypot(right, down, zoom) < STEADY * travelled or abs(roll) > math.hypot(right, down, zoom):
        return "handheld"
    return max(((abs(right), "pan"), (abs(down), "tilt"), (abs(zoom), "zoom")), key=lambda part: part[0])[1]


def movement_between(before: np.ndarray, after: np.ndarray, *, gap_s: float, time_s: float = 0.0) -> Movement | None:
    """Tell the movement from one picture to another, sRGB, uint8, of shape (height, width, 3); ``None`` when it cannot
    be told.
    """
    import cv2
    import numpy as np

    grey, later = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after))
    height, width = grey.shape
    change = cv2.absdiff(grey, later)
    if float(change.mean()) < STILL_CHANGE and not (cv2.blur(change, (5, 5)) > MOVED_CHANGE).any():
        return Movement(time_s, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0) if float(grey.std()) > FLAT else None
    if min(height, width) < 16:
        return None
    start = cv2.goodFeaturesToTrack(grey, MOST_CORNERS, 0.01, 6)
    if start is None or len(start) < LEAST_CORNERS:
        return None
    flow = {"winSize": (15, 15), "maxLevel": 4}
    end, found, _ = cv2.calcOpticalFlowPyrLK(grey, later, start, None, **flow)  # type: ignore[call-overload]
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(later, grey, end, None, **flow)  # type: ignore[call-overload]
    stray = np.linalg.norm((back - start)[:, 0], axis=1)
    kept = (found[:, 0] == 1) & (found_back[:, 0] == 1) & (stray < STRAY_PIXELS)
    if kept.sum() < max(LEAST_CORNERS, LEAST_AGREEING * len(start)):
        return None
    matrix, agreeing = cv2.estimateAffinePartial2D(
        start[kept], end[kept], method=cv2.RANSAC, ransacReprojThreshold=1.0, maxIters=2000
    )
    if matrix is None or (share := float(agreeing.mean() * kept.mean())) < LEAST_AGREEING:
        return None
    places = np.floor(start[kept][agreeing[:, 0] == 1][:, 0] / (width, height) * PLACES).astype(int)
    share *= min(1.0, len(np.unique(places, axis=0)) / (PLACES**2 / 2))
    right, down, zoom, roll = (part / width / gap_s for part in _parts(matrix, width, height))
    return Movement(time_s, right, down, zoom, roll, share, _scene_motion(grey, later, matrix))


def _parts(matrix: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    """Split a movement into the camera's turn right and down, its zoom and its roll, in pixels.

    Zoom and roll count as the root mean square movement that they give the points of the picture.

    >>> import numpy as np
    >>> _parts(np.array([[1.0, 0.0, -3.0], [0.0, 1.0, 0.0]]), 320, 180)
    (3.0, -0.0, 0.0, 0.0)
    """
    import numpy as np

    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = matrix[:, :2] @ centre + matrix[:, 2] - centre
    spread = math.sqrt((width**2 + height**2) / 12)
    return (
        float(-shift[0]),
        float(-shift[1]),
        float(matrix[0, 0] - 1) * spread,
        float(matrix[1, 0]) * spread,
    )


def _scene_motion(grey: np.ndarray, later: np.ndarray, matrix: np.ndarray) -> float:
    """Return the share of the picture that differs once the camera's movement is undone, where both show something."""
    import cv2
    import numpy as np

    size = grey.shape[1], grey.shape[0]
    moved = cv2.warpAffine(grey, matrix, size, flags=cv2.INTER_LINEAR)
    shown = cv2.erode(cv2.warpAffine(np.full_like(grey, 255), matrix, size), np.ones((5, 5), np.uint8)) == 255
    if not shown.any():
        return 0.0
    difference = cv2.blur(later, (3, 3)).astype(np.float32) - cv2.blur(moved, (3, 3))
    change = np.abs(difference - np.median(difference[shown]))  # a fade moves nothing
    return float((change[shown] > MOVED_CHANGE).mean())
