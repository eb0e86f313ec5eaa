"""Every scene there is, by name, and the pictures of a footage, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from PIL import Image

from sources_emulator.filming import country, indoors, town
from sources_emulator.filming.brush import Brush
from sources_emulator.filming.camera import STAGE, seen
from sources_emulator.filming.film import Footage, Shot
from sources_emulator.filming.palette import LIGHTS

Backdrop: TypeAlias = Callable[[Brush, Sequence[str]], None]  # what stands still, with the signs in it
Action: TypeAlias = Callable[[Brush, float], None]  # what moves, at a time in seconds from the shot's first frame

SCENES: dict[str, tuple[Backdrop, Action]] = {**town.SCENES, **country.SCENES, **indoors.SCENES}


def pictures(footage: Footage) -> Iterator[Image.Image]:
    """Every picture of a footage, upright, RGB, in order. Raises KeyError for an unknown scene, light or move."""
    for shot in footage.shots:
        yield from _shot_pictures(shot, (footage.width, footage.height), footage.frames_per_s)


def _shot_pictures(shot: Shot, size: tuple[int, int], frames_per_s: int) -> Iterator[Image.Image]:
    backdrop, action = SCENES[shot.scene]
    light = LIGHTS[shot.light]
    empty = Image.new("RGB", (round(size[0] * STAGE), round(size[1] * STAGE)))
    backdrop(Brush(empty, light), shot.signs)
    for frame in range(shot.frames):
        stage = empty.copy()
        action(Brush(stage, light), frame / frames_per_s)
        picture = seen(stage, size, shot.camera, frame, shot.frames)
        share = brightness(shot, frame)
        yield picture if share == 1 else picture.point([int(value * share) for value in range(256)] * 3)


def brightness(shot: Shot, frame: int) -> float:
    """How much of its light a frame of a shot shows: less than 1 in a fade, never 0.

    >>> [brightness(Shot("sea", 6, fade_in=2, fade_out=3), frame) for frame in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    rising = (frame + 1) / shot.fade_in if frame < shot.fade_in else 1.0
    left = shot.frames - frame
    falling = left / (shot.fade_out + 1) if left <= shot.fade_out else 1.0
    return min(rising, falling)
