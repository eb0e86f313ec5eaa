"""Rotation and scaling: from a decoded frame to the size that an output asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

TURNS = {0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}
DEGREES = {"DEGREE_0": 0, "DEGREES_90": 90, "DEGREES_180": 180, "DEGREES_270": 270}


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame in pixels, and how wide a pixel is for its height."""

    width: int
    height: int
    pixel_aspect: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Scaled:
    """The frame after scaling, and the ffmpeg filters that make it."""

    picture: Picture
    filters: list[str] = field(default_factory=list)


def clockwise(selector: Mapping[str, Any], upright_deg: int) -> int:
    """How far an input is turned, in degrees: as its selector says, for AUTO as its own metadata asks, else not at all.

    >>> clockwise({"Rotate": "AUTO"}, 90), clockwise({}, 90), clockwise({"Rotate": "DEGREES_270"}, 90)
    (90, 0, 270)
    """
    rotate = selector.get("Rotate", "DEGREE_0")
    return upright_deg % 360 if rotate == "AUTO" else DEGREES[rotate]


def turned(picture: Picture, degrees: int) -> Scaled:
    """The frame turned clockwise by a quarter, a half or three quarters.

    >>> turned(Picture(640, 480), 90)
    Scaled(picture=Picture(width=480, height=640, pixel_aspect=Fraction(1, 1)), filters=['transpose=clock'])
    """
    if degrees % 180:
        picture = Picture(picture.height, picture.width, 1 / picture.pixel_aspect)
    return Scaled(picture, TURNS[degrees])


def cropped(picture: Picture, rectangle: Mapping[str, int] | None) -> Scaled:
    """The part of the frame inside a rectangle. Raises ``ValueError`` when the frame does not hold it."""
    if not rectangle:
        return Scaled(picture)
    x, y = rectangle.get("X", 0), rectangle.get("Y", 0)
    width, height = rectangle.get("Width", picture.width - x), rectangle.get("Height", picture.height - y)
    if width < 2 or height < 2 or x + width > picture.width or y + height > picture.height:
        frame = f"[{picture.width} x {picture.height}]"
        raise ValueError(f"Crop rectangle [{width} x {height} at {x}, {y}] is not inside the {frame} frame")
    return Scaled(Picture(width, height, picture.pixel_aspect), [f"crop={width}:{height}:{x}:{y}"])


def even(value: Fraction | float) -> int:
    """The nearest even number of pixels, at least two.

    >>> even(513), even(0.3), even(Fraction(853, 2))
    (512, 2, 426)
    """
    return max(2, 2 * round(Fraction(value) / 2))


def scaled(source: Picture, video: Mapping[str, Any], pixel_aspect: Fraction | None = None) -> Scaled:
    """Scale ``source`` as ``VideoDescription`` asks.

    One dimension missing: the other follows from the aspect of the input. Both missing: the size of the input. Both
    given: DEFAULT scales until it fits and pads with black, FIT leaves the padding out, FIT_NO_UPSCALE also never
    enlarges, FILL scales until it covers and crops, STRETCH_TO_OUTPUT distorts. ``pixel_aspect`` is what the output
    asks for, else it is the input's. Sizes come out even: 4:2:0 has no half pixels.

    >>> scaled(Picture(1280, 720), {"Width": 640}).picture
    Picture(width=640, height=360, pixel_aspect=Fraction(1, 1))
    >>> scaled(Picture(1280, 720), {"Width": 640, "Height": 480}).filters[:2]
    ['scale=640:360', 'pad=640:480:0:60']
    """
    aspect = pixel_aspect or source.pixel_aspect
    shown = Fraction(source.width) * source.pixel_aspect / aspect  # width in output pixels at the source's height
    width, height = video.get("Width"), video.get("Height")
    behaviour = video.get("ScalingBehavior", "DEFAULT")
    setsar = f"setsar={aspect.numerator}/{aspect.denominator}"
    if not width or not height:
        ratio = Fraction(width) / shown if width else Fraction(height or source.height, source.height)
        ratio = min(ratio, Fraction(1)) if behaviour == "FIT_NO_UPSCALE" else ratio
        size = even(shown * ratio), even(source.height * ratio)
        return Scaled(Picture(*size, aspect), [*_resized(source, size), setsar])
    if behaviour == "STRETCH_TO_OUTPUT":
        return Scaled(Picture(width, height, aspect), [*_resized(source, (width, height)), setsar])
    inside, cover = sorted((Fraction(width) / shown, Fraction(height, source.height)))
    if behaviour == "FILL":
        size = max(width, even(shown * cover)), max(height, even(source.height * cover))
        crop = [] if size == (width, height) else [f"crop={width}:{height}"]
        return Scaled(Picture(width, height, aspect), [*_resized(source, size), *crop, setsar])
    ratio = min(inside, Fraction(1)) if behaviour == "FIT_NO_UPSCALE" else inside
    size = min(width, even(shown * ratio)), min(height, even(source.height * ratio))
    if behaviour in {"FIT", "FIT_NO_UPSCALE"} or size == (width, height):
        return Scaled(Picture(*size, aspect), [*_resized(source, size), setsar])
    left, top = (width - size[0]) // 4 * 2, (height - size[1]) // 4 * 2
    pad = f"pad={width}:{height}:{left}:{top}"
    return Scaled(Picture(width, height, aspect), [*_resized(source, size), pad, setsar])


def _resized(source: Picture, size: tuple[int, int]) -> list[str]:
    return [] if size == (source.width, source.height) else [f"scale={size[0]}:{size[1]}"]
