"""How the camera looks at a stage that is a quarter larger, each way, than what it shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from PIL import Image

STAGE = 1.25  # the stage's sides, in sides of the picture
WINDOW = 1 / STAGE  # what the camera shows unless it zooms, as a share of the stage's sides
_SPARE = 1 - WINDOW
_NEAR = 0.68  # the same when it is closest

View: TypeAlias = tuple[float, float, float]  # left, top and side of what is seen, as shares of the stage


def _centred(side: float) -> View:
    return (1 - side) / 2, (1 - side) / 2, side


def _shaken(_progress: float, frame: int) -> View:
    """The hand of somebody who walks: some two steps a second, and a tremble over them."""
    across = 0.012 * math.sin(frame * 0.5) + 0.004 * math.sin(frame * 1.3 + 1)
    down = 0.014 * math.sin(frame * 0.6 + 2) + 0.005 * math.sin(frame * 1.5)
    return _SPARE / 2 + across, _SPARE / 2 + down, WINDOW


MOVES: dict[str, Callable[[float, int], View]] = {  # by how much of the shot is over, 0 to 1, and the frame's number
    "still": lambda _progress, _frame: _centred(WINDOW),
    "pan right": lambda progress, _frame: (_SPARE * progress, _SPARE / 2, WINDOW),
    "pan left": lambda progress, _frame: (_SPARE * (1 - progress), _SPARE / 2, WINDOW),
    "zoom in": lambda progress, _frame: _centred(WINDOW + (_NEAR - WINDOW) * progress),
    "zoom out": lambda progress, _frame: _centred(_NEAR + (WINDOW - _NEAR) * progress),
    "shake": _shaken,
}


def seen(stage: Image.Image, size: tuple[int, int], move: str, frame: int, frames: int) -> Image.Image:
    """What the camera shows of the stage on one frame of a shot, as a picture of `size`.

    A view of the usual side is moved by whole pixels and is sharp; one that zooms is resampled.
    """
    left, top, side = MOVES[move](frame / max(1, frames - 1), frame)
    x, y = left * stage.width, top * stage.height
    if side == WINDOW:
        x, y = round(x), round(y)
        return stage.crop((x, y, x + size[0], y + size[1]))
    box = (x, y, x + side * stage.width, y + side * stage.height)
    return stage.resize(size, Image.Resampling.BILINEAR, box=box)
