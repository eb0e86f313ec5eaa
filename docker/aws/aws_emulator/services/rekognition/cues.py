"""Technical cues: black frames, colour bars, end credits if they are seen, and content, which is all the rest.

Studio logos, slates and opening credits cannot be told from content without a trained model; none is ever reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

DEFAULT_PIXEL_THRESHOLD = 0.2  # both as documented for StartSegmentDetection's BlackFrame
DEFAULT_COVERAGE_PERCENT = 99.0
LIMITED_RANGE: Final = (16, 235)  # luma of black and white, ITU-R BT.709
FULL_RANGE: Final = (0, 255)
SHORTEST_BLACK_FRAMES = 2
SHORTEST_BARS_S = 0.4
SHORTEST_CREDITS_S = 2.0
CREDITS_LINES = 3  # of text on a dark ground, in sample after sample to the end


@dataclass(frozen=True, slots=True)
class Cue:
    """A stretch of frames; ``last`` belongs to it. ``confidence`` from 50 to 100."""

    kind: str
    first: int
    last: int
    confidence: float


def black_luma(pixel_threshold: float, full_range: bool) -> int:
    """The lightest luma that counts as black: minimum_luminance + threshold x luminance_range, as documented.

    >>> black_luma(0.1, full_range=True), black_luma(0.2, full_range=False)
    (25, 59)
    """
    lowest, highest = FULL_RANGE if full_range else LIMITED_RANGE
    return min(255, int(lowest + pixel_threshold * (highest - lowest)))


def runs(flags: NDArray[np.bool_], shortest: int = 1) -> list[tuple[int, int]]:
    """The first and last index of every run of True that is ``shortest`` long or longer.

    >>> runs(np.array([1, 1, 0, 1, 0, 1, 1], bool), shortest=2)
    [(0, 1), (5, 6)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= shortest]


def black_cues(
    levels: NDArray[np.uint16], *, scale: int, full_range: bool, pixel_threshold: float, coverage_percent: float
) -> list[Cue]:
    """Runs of black frames. ``levels`` are cumulative luma histograms, one row a frame, ``scale`` a share of 1.

    The confidence is how much of the pictures is black, in percent: it is measured.
    """
    shares = np.asarray(levels[:, black_luma(pixel_threshold, full_range)], np.float64) / scale * 100
    cues = []
    for first, last in runs(shares >= coverage_percent - 100 / scale, SHORTEST_BLACK_FRAMES):
        confidence = max(50.0, float(shares[first : last + 1].mean()))
        cues.append(Cue("BlackFrames", first, last, round(min(100.0, confidence), 2)))
    return cues


BARS: Final = ((1, 1, 1), (0, 1, 1), (1, 1, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 0, 0))  # BGR: white to blue
BARS_ROWS = (0.06, 0.18, 0.3, 0.42, 0.54)  # SMPTE bars fill the upper two thirds, EBU bars the whole picture
LARGEST_ROW_DIFFERENCE = 12.0  # on average, of 255
LEAST_ALIKE_ROWS = 3  # text may stand across the others
LEAST_CONTRAST = 60


def is_colour_bars(picture: NDArray[np.uint8]) -> bool:
    """Whether seven upright bars stand side by side: white, yellow, cyan, green, magenta, red, blue.

    SMPTE (75 % and 100 %) and EBU bars begin so from the left; an eighth bar, side pillars and what stands below do
    not matter. ``picture`` is BGR.

    >>> bars = np.uint8([[[191 * c for c in bar] for bar in BARS for _ in range(10)]] * 40)
    >>> is_colour_bars(bars), is_colour_bars(bars[:, ::-1]), is_colour_bars(bars // 20)
    (True, False, False)
    """
    height, width = picture.shape[:2]
    if height < 16 or width < 28:
        return False
    rows = picture[[int(height * share) for share in BARS_ROWS]].astype(np.int16)
    line = np.median(rows, axis=0)
    low, high = float(line.min()), float(line.max())
    if high - low < LEAST_CONTRAST:
        return False
    if int((np.abs(rows - line).mean(axis=(1, 2)) < LARGEST_ROW_DIFFERENCE).sum()) < LEAST_ALIKE_ROWS:
        return False
    bits = (line > (low + high) / 2).astype(np.int8)
    order = _collapse(bits @ np.array([1, 2, 4], np.int8), shortest=width // 28)
    wanted = [b + 2 * g + 4 * r for b, g, r in BARS]
    return any(order[i : i + 7] == wanted for i in range(len(order) - 6))


def _collapse(codes: NDArray[np.int8], shortest: int) -> list[int]:
    """The codes of a line in their order, without repetitions and without slivers between two bars."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), len(codes)]
    order: list[int] = []
    for start, end in zip(starts, ends, strict=True):
        code = int(codes[start])
        if end - start >= shortest and (not order or order[-1] != code):
            order.append(code)
    return order


def bar_cues(bars: NDArray[np.bool_], frame_rate: float) -> list[Cue]:
    """Runs of colour bars, as sure as seven colours in order can be."""
    shortest = max(2, round(SHORTEST_BARS_S * frame_rate))
    return [Cue("ColorBars", first, last, 99.0) for first, last in runs(np.asarray(bars), shortest)]


@dataclass(frozen=True, slots=True)
class Page:
    """How many lines of text a sampled frame shows, and how sure their reading is on average, from 0 to 100."""

    frame: int
    ms: int
    lines: int
    confidence: float


def may_be_credits(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture is mostly dark with something bright and fine on it, so that reading it is worth while."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    dark = float((grey < 50).mean())
    return dark > 0.75 and float((grey > 130).mean()) > 0.002


def credit_cues(pages: Sequence[Page], last_frame: int) -> list[Cue]:
    """End credits: text on dark in every sample of a stretch that reaches the end, the last picture or two apart.

    ``pages`` are the samples of that stretch, in time order.
    """
    pages = list(pages)
    while pages and pages[-1].lines < CREDITS_LINES and len(pages) > 1:
        pages.pop()
    if not pages or any(page.lines < CREDITS_LINES for page in pages):
        return []
    if pages[-1].ms - pages[0].ms < SHORTEST_CREDITS_S * 1000:
        return []
    confidence = sum(page.confidence for page in pages) / len(pages)
    return [Cue("EndCredits", pages[0].frame, last_frame, round(max(50.0, min(100.0, confidence)), 2))]


def content_cues(cues: Iterable[Cue], frames: int) -> list[Cue]:
    """Whatever no other cue claims."""
    free = np.ones(frames, bool)
    for cue in cues:
        free[cue.first : cue.last + 1] = False
    return [Cue("Content", first, last, 100.0) for first, last in runs(free)]


def without_overlaps(cues: Iterable[Cue], behind: Iterable[Cue]) -> list[Cue]:
    """``cues`` and those of ``behind`` that do not touch one of them."""
    kept = list(cues)
    kept += [cue for cue in behind if not any(cue.first <= other.last and other.first <= cue.last for other in kept)]
    return sorted(kept, key=lambda cue: cue.first)
