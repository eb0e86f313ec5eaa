"""Draws on a stage in shares of its sides, in the light of the shot."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sources_emulator.filming.palette import Colour, Light, mixed

Point: TypeAlias = tuple[float, float]  # shares of the stage's width and height, from the top left corner

SIGN_HEIGHT = 0.12  # of capital letters with the room around them, as a share of the stage's shorter side
SIGN_WIDTH = 0.54  # at most; what every camera move keeps in the picture is 0.6 wide
SKY_BANDS = 48
SMALLEST_LETTERS = 5  # pixels: below, nothing can be read


class Brush:
    """Lengths across are shares of the stage's width, lengths down shares of its height; a radius is one of the height.

    A colour is that of a surface, which the light changes; with `glow` it shines by itself.
    """

    def __init__(self, stage: Image.Image, light: Light) -> None:
        self.light = light
        self.width, self.height = stage.size
        self._draw = ImageDraw.Draw(stage)

    def dice(self, seed: str) -> np.random.Generator:
        """Random numbers that are the same on every machine and in every run."""
        return np.random.default_rng(zlib.crc32(seed.encode()))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, glow: bool = False) -> None:
        self._draw.rectangle(self._pixels(((left, top), (right, bottom))), fill=self._seen(colour, glow))

    def shape(self, points: Iterable[Point], colour: Colour, glow: bool = False) -> None:
        self._draw.polygon(self._pixels(points), fill=self._seen(colour, glow))

    def disc(self, x: float, y: float, radius: float, colour: Colour, glow: bool = False, squeeze: float = 1.0) -> None:
        """A disc, `squeeze` times as high as it is wide."""
        x, y, radius = x * self.width, y * self.height, radius * self.height
        corners = (x - radius, y - radius * squeeze, x + radius, y + radius * squeeze)
        self._draw.ellipse(corners, fill=self._seen(colour, glow))

    def line(self, points: Iterable[Point], thick: float, colour: Colour, glow: bool = False) -> None:
        """A line through the points; `thick` is a share of the height."""
        width = max(1, round(thick * self.height))
        self._draw.line(self._pixels(points), fill=self._seen(colour, glow), width=width, joint="curve")

    def sky(self, bottom: float = 1.0) -> None:
        """The light's sky from the top down to `bottom`."""
        for band in range(SKY_BANDS):
            top, low = bottom * band / SKY_BANDS, bottom * (band + 1) / SKY_BANDS
            self.box(0, top, 1, low, mixed(self.light.zenith, self.light.horizon, band / SKY_BANDS), glow=True)

    def sign(self, text: str, x: float, y: float, panel: Colour, ink: Colour, scale: float = 1.0) -> None:
        """A panel around (x, y) with text as large as fits into `SIGN_WIDTH`; in the dark it is lit."""
        font = self._font_for(text, scale)
        left, top, right, bottom = font.getbbox(text)
        wide, high = right - left, bottom - top
        centre_x, centre_y, edge = x * self.width, y * self.height, high * 0.55
        half_x, half_y = wide / 2 + edge, high / 2 + edge
        self._draw.rectangle((centre_x - half_x, centre_y - half_y, centre_x + half_x, centre_y + half_y), fill=panel)
        self._draw.text((round(centre_x - wide / 2 - left), round(centre_y - high / 2 - top)), text, ink, font=font)

    def text(self, text: str, box: tuple[float, float, float, float], ink: Colour) -> None:
        """Shining letters as large as fit into the box (left, top, right, bottom), in its middle; none if too small."""
        left, top, right, bottom = box[0] * self.width, box[1] * self.height, box[2] * self.width, box[3] * self.height
        at_100 = _font(100).getlength(text)
        size = int(min(0.9 * (right - left) / at_100 * 100, bottom - top))
        if size >= SMALLEST_LETTERS:
            middle = ((left + right) / 2, (top + bottom) / 2)
            self._draw.text(middle, text, ink, font=_font(size), anchor="mm")

    def _font_for(self, text: str, scale: float) -> ImageFont.FreeTypeFont:
        size = SIGN_HEIGHT * scale * min(self.width, self.height)
        wide = _font(round(size)).getlength(text)
        return _font(round(size * min(1.0, SIGN_WIDTH * self.width / wide)))

    def _pixels(self, points: Iterable[Point]) -> list[Point]:
        return [(x * self.width, y * self.height) for x, y in points]

    def _seen(self, colour: Colour, glow: bool) -> Colour:
        return colour if glow else self.light.on(colour)


def ridge(base: float, rise: float, waves: float, shift: float, steps: int = 40) -> list[Point]:
    """The outline of hills or water from the left edge to the right one, closed below the stage.

    >>> ridge(0.5, 0.0, 1.0, 0.0, steps=1)
    [(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)]
    """
    turns = 2 * math.pi * waves
    line = [(x / steps, base - rise * math.sin(turns * x / steps + shift)) for x in range(steps + 1)]
    return [*line, (1.0, 1.0), (0.0, 1.0)]


def put_up(brush: Brush, signs: Sequence[str], places: Sequence[tuple[float, float, Colour, Colour, float]]) -> None:
    """Draw the signs of a shot at the places (x, y, panel, ink, scale) that a scene has for them.

    Raises ValueError when there are more signs than places.
    """
    if len(signs) > len(places):
        raise ValueError(f"there is no place for the sign {signs[len(places)]!r} in this scene")
    for text, (x, y, panel, ink, scale) in zip(signs, places, strict=False):
        brush.sign(text, x, y, panel, ink, scale)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)  # Aileron, which Pillow carries within itself
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType, so that its letters have one size only")
    return font
