"""What light and colour a film has: key, day or night, contrast, palette and colour temperature.

Luma is that of the encoded picture, Y' of BT.709, from 0 (black) to 1 (white). Black bars around the picture are no
part of it. Colours are sRGB; L*a*b* is that of CIE 1976 under D65. The limits without a source were set by looking at
films and saying of each what it is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.catalog.video import Measure, Palette, Verdict
from include.video.palette import find_palette, lab_from_srgb
from include.video.verdict import settled

if TYPE_CHECKING:
    import numpy as np

MOST_LOOKS = 400
GRID = (24, 32)
"""Rows and columns of the pixels that are kept of a picture, for its colours."""
BAR_LUMA = 24
"""Of 255. A row that is never brighter at its brightest pixel, from the edge inwards on both sides, is a bar."""
SHADOW, HIGHLIGHT = 0.2, 0.7
HIGH_KEY_MEDIAN, HIGH_KEY_SHADOWS = 0.6, 0.1
LOW_KEY_MEDIAN, LOW_KEY_HIGHLIGHTS = 0.25, 0.15
DARK, LIGHT = 0.3, 0.5
"""By night more than half of the picture is darker in each of its primaries, and lamps are lighter than that luma."""
LAMPS_SHARE = 0.005
FLAT_SHARE, FLAT_LEVELS = 1 / 3, 3
"""A picture so much of which lies within so many levels of luma, of 256, is a card, a slide or a fade."""
SKY_ROWS = 0.4
SKY_SHARE = 0.25
SURE_OF_DAYLIGHT = 0.7
"""How far it may be trusted at best: a painted sky is blue as well, and a dark hall with lamps is as dark."""
COLOURLESS_CHROMA = 3.0
"""Of L*a*b*; a film in which 99 pixels in 100 have less is black and white."""
TEMPERATURES_K = (1667.0, 25000.0)
"""Where the formula of the Planckian locus holds."""
FARTHEST_DUV = 0.05
"""CIE 15: beyond this distance from the Planckian locus a colour has no correlated temperature."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of one picture."""

    luma: np.ndarray
    """Histogram of 256 bins over all its pixels."""
    pixels: np.ndarray
    """sRGB, uint8, of shape ``(*GRID, 3)``."""


class ColourMeter:
    """Takes picture after picture; memory does not grow with their number."""

    def __init__(self) -> None:
        self._looks: list[Look] = []
        self._stride = 1
        self._seen = 0
        self._brightest_row: np.ndarray | None = None
        self._brightest_column: np.ndarray | None = None

    def add(self, picture: np.ndarray) -> None:
        """Take a picture: sRGB, uint8, of shape (height, width, 3), of the same size each time."""
        import cv2
        import numpy as np

        luma = _luma(picture)
        rows, columns = luma.max(axis=1), luma.max(axis=0)
        if self._brightest_row is None or self._brightest_column is None:
            self._brightest_row, self._brightest_column = rows, columns
        else:
            self._brightest_row = np.maximum(self._brightest_row, rows)
            self._brightest_column = np.maximum(self._brightest_column, columns)
        self._seen += 1
        if (self._seen - 1) % self._stride:
            return
        histogram = cv2.calcHist([luma], [0], None, [256], [0, 256])[:, 0].astype(np.int64)
        at_rows, at_columns = (
            ((np.arange(count) + 0.5) * size / count).astype(int) for count, size in zip(GRID, luma.shape, strict=True)
        )
        self._looks.append(Look(histogram, picture[np.ix_(at_rows, at_columns)]))
        if len(self._looks) > MOST_LOOKS:
            self._looks, self._stride = self._looks[::2], self._stride * 2

    def colours(self) -> Colours:
        """Return what all pictures so far say together."""
        import numpy as np

        if self._brightest_row is None or self._brightest_column is None:
            return Colours((), np.zeros((0, *GRID, 3), np.uint8))
        top, left = (_bar(line) for line in (self._brightest_row, self._brightest_column))
        height, width = len(self._brightest_row), len(self._brightest_column)
        bars = height * width - (height - 2 * top) * (width - 2 * left)
        rows, columns = (
            np.abs((np.arange(count) + 0.5) / count - 0.5) < 0.5 - bar / size
            for count, bar, size in ((GRID[0], top, height), (GRID[1], left, width))
        )
        pixels = np.stack([look.pixels for look in self._looks])[:, rows][:, :, columns]
        return Colours([_without(look.luma, bars) for look in self._looks], pixels)


class Colours:
    """The verdicts over the pictures of a film."""

    def __init__(self, luma: Sequence[np.ndarray], pixels: np.ndarray) -> None:
        """
        :param luma: a histogram of 256 bins a picture
        :param pixels: sRGB, uint8, of shape (pictures, rows, columns, 3)
        """
        import numpy as np

        self._shares = [histogram / histogram.sum() for histogram in luma]
        self._levels = [np.cumsum(shares) for shares in self._shares]
        self._pixels = pixels

    def lighting_key(self) -> Verdict:
        """High key: bright, hardly a shadow. Low key: dark, hardly a highlight. The confidence is the share of the
        pictures that agree.
        """
        unit, method = "high | low | normal", "median luma, shadows and highlights of each picture; the most frequent"
        if not self._levels:
            return Verdict(value=None, unit=unit, method="no picture", confidence=None)
        keys = Counter(_key_of(levels) for levels in self._levels)
        key, count = keys.most_common(1)[0]
        confidence = round(count / len(self._levels), 3)
        return settled(Verdict(value=key, unit=unit, method=method, confidence=confidence))

    def daylight(self) -> Verdict:
        """Day where sky is seen, night where it is dark but for lights; nothing is said of the rest, as of an interior.

        Sky is blue and bright and lies in the upper part. Dark is what has no colour either: a blue wall is not.
        Darkness that is flat, as on a title or a slide, is no night. The confidence is the share of the pictures that
        agree, times ``SURE_OF_DAYLIGHT``.
        """
        unit, method = "day | night", "blue sky in the upper part, or uneven darkness with lights in it"
        if not self._levels:
            return Verdict(value=None, unit=unit, method="no picture", confidence=None)
        day = float((_sky_shares(self._pixels) >= SKY_SHARE).mean())
        is_dark = _dark_shares(self._pixels) > 0.5
        night = float((is_dark & [_is_lit(levels) for levels in self._levels]).mean())
        share, value = max((day, "day"), (night, "night"))
        if share < 0.5:
            return Verdict(value=None, unit=unit, method=f"{method}: neither is seen", confidence=None)
        confidence = round(share * SURE_OF_DAYLIGHT, 3)
        return settled(Verdict(value=value, unit=unit, method=method, confidence=confidence))

    def contrast(self) -> Measure:
        """Median over the pictures of the span that the middle nine tenths of their luma fill.

        The confidence is lower the more the pictures differ (1 minus the span between their quartiles).
        """
        import numpy as np

        unit = "share of the luma range"
        if not self._levels:
            return Measure(value=None, unit=unit, method="no picture", confidence=None)
        spans = [_level(levels, 0.95) - _level(levels, 0.05) for levels in self._levels]
        low, middle, high = np.percentile(spans, (25, 50, 75)).tolist()
        method = "95th minus 5th percentile of luma, median over the pictures"
        return Measure(value=round(middle, 4), unit=unit, method=method, confidence=round(1 - (high - low), 3))

    def palette(self) -> Palette:
        """The main colours of all pictures together."""
        return find_palette(self._pixels.reshape(-1, 3))

    def temperature(self) -> Measure:
        """Estimate the colour temperature of the light as the picture shows it, white balance and grading included.

        Grey world: the mean of the linear colours is taken for that of the light, its CIE 1931 chromaticity gives the
        temperature by McCamy's formula (Color Res. Appl. 17, 1992). The confidence falls with the distance from the
        Planckian locus and with the share of colours that are far from the mean: a meadow is no light.
        """
        unit, method = "K", "grey world in linear sRGB, McCamy's formula"

        def unknown(reason: str) -> Measure:
            return Measure(value=None, unit=unit, method=f"{method}: {reason}", confidence=None)

        pixels = self._pixels.reshape(-1, 3)
        usable = pixels[(pixels.max(axis=1) < 250) & (pixels.max(axis=1) > 20)] if pixels.size else pixels
        if len(usable) < max(1, 0.02 * len(pixels)):
            return unknown("nothing but black and white" if len(pixels) else "no picture")
        if _is_colourless(usable):
            return unknown("the picture is black and white")
        linear = linear_from_srgb(usable)
        x, y = xy_from_linear(linear.mean(axis=0))
        kelvin = mccamy_k(x, y)
        if not TEMPERATURES_K[0] <= kelvin <= TEMPERATURES_K[1]:
            return unknown("outside 1,667 to 25,000 K")
        duv = _distance_uv((x, y), planckian_xy(kelvin))
        if duv > FARTHEST_DUV:
            return unknown("too far from the colours of glowing bodies")
        near = _share_near(linear, (x, y))
        confidence = math.exp(-((duv / 0.02) ** 2)) * (0.2 + 0.8 * near)
        return Measure(value=round(kelvin), unit=unit, method=method, confidence=round(confidence, 3))


def linear_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """Undo the transfer curve of sRGB (IEC 61966-2-1): uint8 to 0..1.

    >>> import numpy as np
    >>> linear_from_srgb(np.uint8([0, 128, 255])).round(3).tolist()
    [0.0, 0.216, 1.0]
    """
    import numpy as np

    values = np.arange(256) / 255
    table = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.asarray(table[srgb])


def xy_from_linear(rgb: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return the CIE 1931 chromaticity of a linear sRGB colour (matrix of IEC 61966-2-1).

    >>> tuple(round(value, 4) for value in xy_from_linear((1, 1, 1)))
    (0.3127, 0.329)
    """
    red, green, blue = (float(value) for value in rgb)
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    return x / (x + y + z), y / (x + y + z)


def mccamy_k(x: float, y: float) -> float:
    """Return the correlated colour temperature in kelvin of a CIE 1931 chromaticity, by McCamy 1992.

    >>> round(mccamy_k(0.3127, 0.3290)), round(mccamy_k(0.4476, 0.4074))  # D65 and illuminant A
    (6505, 2856)
    """
    n = (x - 0.3320) / (0.1858 - y)
    return 449 * n**3 + 3525 * n**2 + 6823.3 * n + 5520.33


def planckian_xy(kelvin: float) -> tuple[float, float]:
    """Return the CIE 1931 chromaticity of a glowing body between 1,667 and 25,000 K (Kim et al., US patent 7024034).

    >>> tuple(round(value, 3) for value in planckian_xy(2856))
    (0.447, 0.408)
    """
    inverse = 1000 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * inverse**3 - 0.2343589 * inverse**2 + 0.8776956 * inverse + 0.179910
    else:
        x = -3.0258469 * inverse**3 + 2.1070379 * inverse**2 + 0.2226347 * inverse + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return x, y


def _luma(picture: np.ndarray) -> np.ndarray:
    import cv2
    import numpy as np

    return np.asarray(cv2.transform(picture, np.array([[0.2126, 0.7152, 0.0722]], np.float32)), np.uint8)


def _bar(brightest: np.ndarray) -> int:
    """Count the lines of a bar, which is as wide on both sides; a picture that is black all over has none.

    >>> import numpy as np
    >>> _bar(np.array([0, 1, 200, 90, 3, 2, 0])), _bar(np.array([0, 0, 0])), _bar(np.array([90, 0]))
    (2, 0, 0)
    """
    import numpy as np

    bright = np.flatnonzero(brightest >= BAR_LUMA)
    return int(min(bright[0], len(brightest) - 1 - bright[-1])) if len(bright) else 0


def _without(histogram: np.ndarray, bars: int) -> np.ndarray:
    """Take as many pixels as the bars have away from a histogram's dark end.

    >>> import numpy as np
    >>> _without(np.array([5, 4, 3]), 7)
    array([0, 2, 3])
    """
    import numpy as np

    return np.diff(np.maximum(np.cumsum(histogram) - bars, 0), prepend=0)


def _level(levels: np.ndarray, share: float) -> float:
    """Return the luma, 0 to 1, that a share of the pixels does not exceed; ``levels`` is the cumulated histogram."""
    return float(levels.searchsorted(share - 1e-9)) / 255


def _key_of(levels: np.ndarray) -> str:
    median, shadows, highlights = _level(levels, 0.5), levels[int(SHADOW * 255)], 1 - levels[int(HIGHLIGHT * 255)]
    if median >= HIGH_KEY_MEDIAN and shadows <= HIGH_KEY_SHADOWS:
        return "high"
    return "low" if median <= LOW_KEY_MEDIAN and highlights <= LOW_KEY_HIGHLIGHTS else "normal"


def _dark_shares(pixels: np.ndarray) -> np.ndarray:
    """Return for each picture which share of it is dark in each of the primaries."""
    return (pixels.max(axis=3) < DARK * 255).reshape(len(pixels), -1).mean(axis=1)


def _is_lit(levels: np.ndarray) -> bool:
    """Say whether a picture has lamps in it, and is uneven otherwise."""
    import numpy as np

    padded = np.concatenate([np.zeros(FLAT_LEVELS), levels])
    flattest = float((padded[FLAT_LEVELS:] - padded[:-FLAT_LEVELS]).max())
    return _level(levels, 1 - LAMPS_SHARE) > LIGHT and flattest < FLAT_SHARE


def _sky_shares(pixels: np.ndarray) -> np.ndarray:
    """Return for each picture which share of its upper part is as bright and blue as sky."""
    upper = pixels[:, : max(1, round(pixels.shape[1] * SKY_ROWS))]
    lab = lab_from_srgb(upper.reshape(-1, 3))
    lightness, green_red, blue_yellow = lab[:, 0], lab[:, 1], lab[:, 2]
    blue = (lightness > 50) & (blue_yellow < -6) & (green_red > -20) & (green_red < -0.3 * blue_yellow)
    return blue.reshape(len(pixels), -1).mean(axis=1)


def _is_colourless(srgb: np.ndarray) -> bool:
    lab = lab_from_srgb(srgb)
    chroma_squared = lab[:, 1] ** 2 + lab[:, 2] ** 2
    return float((chroma_squared < COLOURLESS_CHROMA**2).mean()) >= 0.99


def _uv(x: float, y: float) -> tuple[float, float]:
    """Return the CIE 1960 coordinates, in which distances from the Planckian locus are told."""
    scale = -2 * x + 12 * y + 3
    return 4 * x / scale, 6 * y / scale


def _distance_uv(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.dist(_uv(*a), _uv(*b))


def _share_near(linear: np.ndarray, xy: tuple[float, float]) -> float:
    """Return the share of the colours whose chromaticity lies within 0.02 of one, in CIE 1960 coordinates."""
    import numpy as np

    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = matrix @ linear.T
    scale = x + 15 * y + 3 * z + 1e-9
    u, v = _uv(*xy)
    return float((np.hypot(4 * x / scale - u, 6 * y / scale - v) < 0.02).mean())
