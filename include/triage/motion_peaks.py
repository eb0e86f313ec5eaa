"""Jolts: moments at which the camera's own motion changes at once, as in hard braking or an impact.

Small grey pictures, about twelve a second, are compared with the one before by dense optical flow (DIS: Kroeger et
al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016). The picture is parted into cells of equal say, and the
shift, growth and turn that most of them share is the camera's: what passes before a standing camera is outvoted. A
jolt is how much the camera's velocity differs between just before and just after, or from both for a moment. Steady
driving, a curve and the road's tremble change slowly, or in the same small way all the time, which is taken off.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from include.triage.peaks import Levels, StrongestPeaks

if TYPE_CHECKING:
    import numpy as np

    from include.catalog.triage import Peak

PICTURE_SIDE = 160
"""Pixels of the longer side: a jolt of a hundredth of the frame's width is more than one of them."""
LONGEST_GAP_S = 0.5
"""Two pictures that are further apart say nothing about the motion between them."""
WINDOW_S = 0.35
"""How long before and after a moment the motion is compared: a curve needs longer to begin, braking does not."""
LEAST_STEPS = 2
CELLS = (8, 5)
"""Columns and rows of the picture, each with one say."""
FAINT_TEXTURE = 4.0
"""Mean gradient, of 255 a pixel, at which a cell has half a say: what is flat seems to stand still."""
STRAY = 0.004
"""Frame widths by which a cell may move otherwise and still have most of its say."""
AGREEING = 0.4
"""Share of the camera's motion by which a cell may move otherwise and still speak for it."""
ROUNDS = 6
WELL_FOLLOWED = 0.9
"""Correlation below which the flow may have missed a large step."""
SHIFTED = 0.1
"""Agreement on a shift of the whole picture; two different scenes have about a hundredth."""
SAME_SCENE = 0.5
"""Least correlation of a picture with the next one once the flow is undone; below, they show different scenes."""
AS_BRIGHT = 12
"""Of 255."""
SAME_SHARE = 0.7
TURMOIL_S = 0.5
"""Films are not cut that often; a camera that is thrown about shows something else in picture after picture."""
UNFOLLOWED = 1.0
"""Frame widths a second that such a camera moves at least: slower motion is followed."""
SMALLEST_SIDE = 16
FLAT = 3.0
"""Standard deviation, of 255, of a picture that shows nothing."""
ALIKE_SHARE = 0.5
"""A jolt has its moment where it first reaches about so much of its strongest: a blow swings on."""
APART_S = 1.0
"""Of two jolts that are closer the weaker one is left out."""
TREMBLE = 3.0
"""So many times the film's median change of motion is its tremble."""
LEAST_VALUE = 0.05
"""Frame widths a second; smaller changes are no peaks."""


@dataclass(frozen=True, slots=True)
class Motion:
    """How the camera moves at a moment, in frame widths a second: right, down, growing, turning clockwise."""

    at_s: float
    parts: np.ndarray


class JoltMeter:
    """Takes the pictures of a film in the order of time; memory does not grow with their number.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> world = np.kron(rng.integers(0, 255, (40, 200)), np.ones((6, 6))).astype(np.uint8)
    >>> meter = JoltMeter()
    >>> for number in range(48):  # the camera goes to the right, and stops after 2 s
    ...     x = 6 * min(number, 24)
    ...     meter.add(number / 12, world[:90, x : x + 160])
    >>> [round(peak.at_s) for peak in meter.peaks()]
    [2]
    """

    def __init__(self) -> None:
        self._flow: Any = None
        self._previous: tuple[float, np.ndarray] | None = None
        self._recent: deque[Motion] = deque()
        self._last_unlike_s: float | None = None
        self._known_until_s: float | None = None
        self.unlike_s: float | None = None
        """When a picture first showed something else than the one before: a cut, or a blow too large to follow."""
        self.blind_s = 0.0
        """The longest stretch of which nothing is known, infinite where that is all of it; as of ``peaks``."""
        self._peaks = StrongestPeaks(APART_S, alike_share=ALIKE_SHARE)
        self._changes = Levels(0.0, 4.0, 4000)

    def add(self, at_s: float, grey: np.ndarray) -> None:
        """Take a picture, uint8, of shape (height, width), of one size throughout the film."""
        import numpy as np

        grey = np.ascontiguousarray(grey)  # the flow's demand
        before, self._previous = self._previous, (at_s, grey)
        if self._known_until_s is None:
            self._known_until_s = at_s
        if before is None or min(grey.shape) < SMALLEST_SIDE or not 0 < at_s - before[0] <= LONGEST_GAP_S:
            self._begin_anew()
            return
        gap_s = at_s - before[0]
        seen = self._motion(before[1], grey, gap_s)
        if seen is None:
            self._note_unlike(at_s, gap_s)
            return
        self._recent.append(Motion(at_s - gap_s / 2, seen))
        self._judge(self._recent[-1].at_s - WINDOW_S)
        while self._recent[-1].at_s - self._recent[0].at_s > 3 * WINDOW_S:
            self._recent.popleft()

    def _note_unlike(self, at_s: float, gap_s: float) -> None:
        """Take a picture that does not resemble the one before: a cut alone, a blow with another one close by."""
        if self._last_unlike_s is not None and at_s - self._last_unlike_s <= TURMOIL_S:
            self._peaks.add(self._last_unlike_s - gap_s / 2, UNFOLLOWED)
        self._last_unlike_s = at_s
        if self.unlike_s is None:
            self.unlike_s = at_s
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Measure what is left of a scene: what was before a cut says nothing about what comes after."""
        self._judge(math.inf)
        self._recent.clear()

    def peaks(self) -> tuple[Peak, ...]:
        """Return the strongest jolts, in frame widths a second above the film's own tremble, in the order of time."""
        self._begin_anew()
        median = self._changes.median()
        if self._previous is None or median is None:
            self.blind_s = math.inf
        else:
            self._note_known(self._previous[0])
        return self._peaks.above(TREMBLE * (median or 0.0), least=LEAST_VALUE)

    def _judge(self, until_s: float) -> None:
        """Measure the jolts at those moments until then that are not known yet."""
        motions = list(self._recent)
        for motion in motions:
            if not (self._known_until_s or 0.0) < motion.at_s <= until_s:
                continue
            change = jolt_at(motion.at_s, motions)
            if change is not None:
                self._note_known(motion.at_s)
                self._changes.add(change)
                self._peaks.add(motion.at_s, change)

    def _note_known(self, at_s: float) -> None:
        self.blind_s = max(self.blind_s, at_s - (self._known_until_s or 0.0))
        self._known_until_s = at_s

    def _motion(self, before: np.ndarray, after: np.ndarray, gap_s: float) -> np.ndarray | None:
        """Return the camera's motion between two pictures in frame widths a second; ``None`` when they show different
        scenes.
        """
        import cv2
        import numpy as np

        if self._flow is None:
            self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        if min(float(before.std()), float(after.std())) < FLAT:  # dark or blank: nothing is known, and nothing moves
            return np.zeros(4)
        flow = self._flow.calc(before, after, None)
        undone = undo(after, flow)
        likeness = correlation(before, undone)
        if likeness < WELL_FOLLOWED:  # a blow may be too large a step for the flow to find by itself
            right, down, agreement = shift_between(before, after)
            if agreement >= SHIFTED:
                start = np.full((*before.shape, 2), (right, down), np.float32)
                farther = self._flow.calc(before, after, start)
                undone_farther = undo(after, farther)
                if correlation(before, undone_farther) > likeness:
                    flow, undone = farther, undone_farther
        return camera_motion(before, flow) / gap_s if is_same_scene(before, undone) else None


def jolt_at(at_s: float, motions: list[Motion]) -> float | None:
    """Return by how much the motion changes at a moment, in frame widths a second; ``None`` when too little is known.

    It is the larger of the step, from the median motion just before to that just after, and of the swing away from
    both at the moment itself. Where a scene begins or ends, only one of the two is known: a film may break off in a
    blow, and the next picture of it be too far off to follow.

    >>> import numpy as np
    >>> braking = [Motion(number / 10, np.array([0.0, 0.0, 0.3 if number < 9 else 0.0, 0.0])) for number in range(20)]
    >>> round(jolt_at(0.85, braking), 3), round(jolt_at(0.4, braking), 3), jolt_at(0.0, braking)
    (0.3, 0.0, 0.0)
    >>> jolt_at(0.9, braking[:10]), jolt_at(0.1, braking[:2])
    (0.3, None)
    """
    import numpy as np

    before = [motion.parts for motion in motions if at_s - WINDOW_S <= motion.at_s < at_s - 1e-6]
    after = [motion.parts for motion in motions if at_s + 1e-6 < motion.at_s <= at_s + WINDOW_S]
    now = [motion.parts for motion in motions if abs(motion.at_s - at_s) <= 1e-6]
    known = [np.median(side, axis=0) for side in (before, after) if len(side) >= LEAST_STEPS]
    if not known:
        return None
    step = float(np.linalg.norm(known[-1] - known[0]))
    swing = float(np.linalg.norm(now[0] - (known[0] + known[-1]) / 2)) if now else 0.0
    return max(step, swing)


def camera_motion(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return the camera's motion behind a flow, in frame widths: right, down, growing, turning clockwise.

    A similarity (shift, scale, turn) is fitted to the mean flow of the cells by least squares, again and again with
    less weight for those that stray (Cauchy weights). Growth and turn count as the root mean square movement that they
    give the points of the picture.

    :param picture: uint8, of shape (height, width).
    :param flow: in pixels, of shape (height, width, 2).
    """
    import cv2
    import numpy as np

    height, width = picture.shape
    slopes = (cv2.Sobel(picture, cv2.CV_32F, *axes, scale=0.25) for axes in ((1, 0), (0, 1)))
    texture = cv2.magnitude(*slopes) + 1e-3
    small = (CELLS[0], CELLS[1])
    detail = cv2.resize(texture, small, interpolation=cv2.INTER_AREA)
    moved = cv2.resize(flow * texture[..., None], small, interpolation=cv2.INTER_AREA) / detail[..., None] / width
    say = (detail / (detail + FAINT_TEXTURE)).ravel()
    rows = _similarity_rows(height / width)
    found = np.concatenate([moved[..., 0].ravel(), moved[..., 1].ravel()])
    u, v = np.median(moved[..., 0]), np.median(moved[..., 1])
    stray = np.hypot(moved[..., 0].ravel() - u, moved[..., 1].ravel() - v)
    fit, ridge = np.zeros(4), 1e-9 * np.eye(4)
    for _ in range(ROUNDS):
        scale = max(STRAY, float(np.median(stray)))
        weight = np.tile(say / (1 + (stray / scale) ** 2), 2)
        weighted = rows * weight[:, None]
        fit = np.linalg.solve(weighted.T @ rows + ridge, weighted.T @ found)
        left = found - rows @ fit
        stray = np.hypot(left[: len(say)], left[len(say) :])
    spread = math.sqrt((1 + (height / width) ** 2) / 12)
    motion = np.array([-fit[0], -fit[1], fit[2] * spread, fit[3] * spread])
    alike = STRAY + AGREEING * float(np.linalg.norm(motion))
    return motion * float((say / (1 + (stray / alike) ** 2)).sum() / say.sum())


@lru_cache(maxsize=8)
def _similarity_rows(aspect: float) -> np.ndarray:
    """Return what shift right, shift down, growth and turn do to the cells: to the right of each, then down."""
    import numpy as np

    x = np.tile((np.arange(CELLS[0]) + 0.5) / CELLS[0] - 0.5, CELLS[1])
    y = np.repeat(((np.arange(CELLS[1]) + 0.5) / CELLS[1] - 0.5) * aspect, CELLS[0])
    zero, one = np.zeros_like(x), np.ones_like(x)
    return np.concatenate([np.stack([one, zero, x, -y], axis=1), np.stack([zero, one, y, x], axis=1)])


def undo(after: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return the picture after as it looked before it flowed."""
    import cv2

    x, y = cv2.split(_places(*after.shape) + flow)
    return cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> np.ndarray:
    """Return column and row of each pixel, of shape (height, width, 2)."""
    import numpy as np

    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return how much two pictures resemble each other, -1 to 1; 0 when one of them is blank."""
    import numpy as np

    first, second = (picture.ravel() - picture.mean(dtype=np.float32) for picture in (one, other))
    size = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / size if size else 0.0


def is_same_scene(before: np.ndarray, undone: np.ndarray) -> bool:
    """Say whether two pictures show the same scene: they correlate, or most of one is as bright as in the other.

    By night the few lamps that rush by decide about the correlation.
    """
    import cv2

    if correlation(before, undone) >= SAME_SCENE:
        return True
    alike = cv2.absdiff(cv2.blur(before, (3, 3)), cv2.blur(undone, (3, 3))) < AS_BRIGHT
    return float(alike.mean()) >= SAME_SHARE


def shift_between(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """Return by how many pixels all of the picture moved right and down, and how much of it agrees, 0 to 1.

    By phase correlation: Kuglin, Hines, "The Phase Correlation Image Alignment Method", 1975.

    >>> import numpy as np
    >>> world = np.random.default_rng(0).integers(0, 255, (90, 200)).astype(np.uint8)
    >>> right, down, agreement = shift_between(world[:, 40:180], world[:, 10:150])
    >>> round(right), round(down), agreement > 0.3
    (30, 0, True)
    """
    import cv2
    import numpy as np

    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    (right, down), agreement = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), window)
    return right, down, agreement
