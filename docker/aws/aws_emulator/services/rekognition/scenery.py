"""What can be said of a whole picture by measuring it: its colours, whether it is dark, without colour, or moves.

The confidence of such a label is the share of the pixels that show it, in percent. What would need judgement (indoors,
vegetation, night) is not said.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 160  # pixels; shares need no detail
LEAST_SHARE = 30.0  # percent below which nothing is said
COLOURLESS_SHARE = 99.5  # a street may be grey; a picture without colour is grey everywhere
DARK_VALUE = 60  # of 255; the brightest channel of a dark pixel
BLACK_VALUE = 40
WHITE_VALUE = 200
GREY_SATURATION = 40  # of 255
COLOURLESS_SATURATION = 16
BROWN_VALUE = 150  # darker than this, orange is brown
ORANGE = "Orange Color"  # plain Orange is the fruit
# Upper ends of the hues on OpenCV's scale of 180
HUES: Final = ((8, "Red"), (20, ORANGE), (34, "Yellow"), (80, "Green"), (130, "Blue"), (150, "Purple"), (170, "Pink"))
DARK, COLOURLESS, MOTION = "Dark", "Black And White", "Motion"


def describe(picture: NDArray[np.uint8], moving_percent: float) -> dict[str, float]:
    """The labels of a picture (BGR), each with its confidence.

    ``moving_percent`` of its pixels changed since the frame before.

    >>> describe(np.full((90, 160, 3), (200, 20, 20), np.uint8), 0)
    {'Blue': 100.0}
    >>> describe(np.full((90, 160, 3), 10, np.uint8), 50)
    {'Black': 100.0, 'Dark': 100.0, 'Motion': 50}
    """
    scale = SIDE / max(picture.shape[:2])
    if scale < 1:
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = np.asarray(small, np.uint8)
    hue, saturation, value = np.moveaxis(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV), np.uint8), 2, 0)
    shares = _colour_shares(hue, saturation, value)
    shares[DARK] = _percent(value < DARK_VALUE)
    colourless = _percent(saturation[value >= BLACK_VALUE] < COLOURLESS_SATURATION)
    if colourless >= COLOURLESS_SHARE:
        shares[COLOURLESS] = colourless
    shares[MOTION] = moving_percent
    return {name: share for name, share in shares.items() if share >= LEAST_SHARE}


def _percent(flags: NDArray[np.bool_]) -> float:
    return round(float(flags.mean()) * 100, 2) if flags.size else 0.0


def _colour_shares(hue: NDArray[np.uint8], saturation: NDArray[np.uint8], value: NDArray[np.uint8]) -> dict[str, float]:
    black = value < BLACK_VALUE
    grey = ~black & (saturation < GREY_SATURATION)
    coloured = ~black & ~grey
    shares = {
        "Black": _percent(black),
        "White": _percent(grey & (value >= WHITE_VALUE)),
        "Gray": _percent(grey & (value < WHITE_VALUE)),
    }
    names = np.searchsorted([end for end, _ in HUES], hue, side="right") % len(HUES)  # beyond pink comes red again
    for number, (_, name) in enumerate(HUES):
        of_hue = coloured & (names == number)
        if name == ORANGE:
            shares["Brown"] = _percent(of_hue & (value < BROWN_VALUE))
            of_hue &= value >= BROWN_VALUE
        shares[name] = _percent(of_hue)
    return shares
