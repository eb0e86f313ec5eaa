"""The light in which a scene is drawn: what it does to the colours of things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]  # red, green and blue, 0 to 255


@dataclass(frozen=True, slots=True)
class Light:
    """`grade` is the share of each primary that a surface gives back, `zenith` and `horizon` the colours of the sky."""

    grade: tuple[float, float, float]
    zenith: Colour
    horizon: Colour
    dark: bool = False

    def on(self, surface: Colour) -> Colour:
        """How a surface looks in this light.

        >>> LIGHTS["night"].on((200, 200, 200))
        (44, 52, 84)
        """
        red, green, blue = (min(255, int(value * share)) for value, share in zip(surface, self.grade, strict=True))
        return red, green, blue


LIGHTS = {
    "day": Light((1.0, 1.0, 1.0), (70, 140, 225), (190, 220, 245)),
    "warm": Light((1.08, 0.86, 0.6), (235, 150, 70), (255, 215, 140)),
    "cold": Light((0.72, 0.9, 1.12), (120, 150, 190), (205, 222, 240)),
    "night": Light((0.22, 0.26, 0.42), (8, 10, 26), (30, 34, 64), dark=True),
}


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from the first to the second.

    >>> mixed((0, 0, 0), (100, 200, 50), 0.5)
    (50, 100, 25)
    """
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
