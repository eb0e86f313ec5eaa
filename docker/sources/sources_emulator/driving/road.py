"""What the dash cam sees: a road with its posts and trees, what stands ahead on it, and the car's own bonnet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from sources_emulator.driving.trip import Trip
from sources_emulator.filming.brush import Brush, Point, ridge
from sources_emulator.filming.palette import LIGHTS, Colour

HORIZON = 0.5  # share of the picture's height
FOCAL = 0.45  # of the wide lens, in picture widths
CAMERA_HEIGHT = 1.3
NEAREST, FARTHEST = 1.2, 140.0  # metres ahead between which anything is drawn
ROAD = (-5.4, 1.8)  # its edges, from the middle of the car's lane
DASHES_EVERY, DASH = 9.0, 3.5
BANDS_EVERY = 10.0  # of the verge's two greens
POSTS_EVERY = 16.0
LAMPS_EVERY = 48.0
TREES_EVERY = 9.0
ASPHALT: Colour = (84, 86, 92)
PAINT: Colour = (238, 236, 226)
BLINKS_PER_S = 1.5


@dataclass(frozen=True, slots=True)
class Lens:
    """Brings what is ahead of the camera into a picture whose horizon and middle lie at these shares of its sides."""

    aspect: float
    middle: float
    horizon: float

    def at(self, x: float, height: float, ahead: float) -> Point:
        """Where in the picture a point is seen that lies `x` to the right, `height` above the road and `ahead`."""
        scale = FOCAL / ahead
        return self.middle + x * scale, self.horizon + (CAMERA_HEIGHT - height) * scale * self.aspect

    def panel(self, x: tuple[float, float], height: tuple[float, float], ahead: float) -> tuple[Point, Point]:
        """The top left and the bottom right corner of an upright rectangle across the way."""
        return self.at(x[0], height[1], ahead), self.at(x[1], height[0], ahead)


def pictures_of(trip: Trip) -> Iterator[Image.Image]:
    """Every picture of a drive, RGB, in order."""
    for frame in range(trip.frames):
        yield picture_at(trip, frame / trip.frames_per_s)


def picture_at(trip: Trip, seconds: float) -> Image.Image:
    """What is seen at a moment of a drive."""
    across, down = trip.sway_at(seconds)
    aspect = trip.width / trip.height
    lens = Lens(aspect, 0.5 + across / aspect, HORIZON + down)
    way = trip.way_at(seconds)
    picture = _far_off(trip.light, trip.seed, trip.width, trip.height, round(lens.horizon * trip.height)).copy()
    brush = Brush(picture, LIGHTS[trip.light])
    _ground(brush, lens, way)
    _beside(brush, lens, way, trip.seed)
    if trip.obstacle_at is not None:
        _vehicle(brush, lens, trip.obstacle_at - way, trip.sign, lit=int(2 * BLINKS_PER_S * seconds) % 2 == 0)
    _own_car(brush)
    return picture


@lru_cache(maxsize=64)
def _far_off(light: str, seed: str, width: int, height: int, horizon: int) -> Image.Image:
    """Sky and hills down to the horizon's row: what does not change while one drives. Not to be drawn on."""
    picture = Image.new("RGB", (width, height))
    brush = Brush(picture, LIGHTS[light])
    line = horizon / height
    brush.sky(line)
    shift = float(brush.dice(seed).uniform(0, 6))
    brush.shape(ridge(line - 0.03, 0.03, 2.3, shift), (96, 128, 140))
    brush.shape(ridge(line - 0.01, 0.018, 4.1, shift + 2), (74, 106, 84))
    return picture


def _ground(brush: Brush, lens: Lens, way: float) -> None:
    left, right = ROAD
    _strip(brush, lens, (-90, 90), NEAREST, FARTHEST, (78, 118, 62))
    for near, far in _stretches(way, 2 * BANDS_EVERY, BANDS_EVERY, FARTHEST):
        _strip(brush, lens, (-90, 90), near, far, (90, 132, 70))
    _strip(brush, lens, (left, right), NEAREST, FARTHEST, ASPHALT)
    for near, far in _stretches(way, 14.0, 5.0, 50.0):  # mended patches
        _strip(brush, lens, (left + 0.5, right - 0.5), near, far, (77, 79, 85))
    for edge in (left + 0.15, right - 0.3):
        _strip(brush, lens, (edge, edge + 0.15), NEAREST, FARTHEST, PAINT)
    for near, far in _stretches(way, DASHES_EVERY, DASH, 90.0):
        _strip(brush, lens, (-1.9, -1.7), near, far, PAINT)


def _beside(brush: Brush, lens: Lens, way: float, seed: str) -> None:
    """Trees, lamps and posts, the farthest first; the headlights make posts shine at night."""
    things: list[tuple[float, Callable[[float], None]]] = []
    for number, ahead in _numbered(way, TREES_EVERY, 100.0):
        dice = brush.dice(f"{seed}/tree/{number}")
        x, size = float(dice.uniform(9, 24)), float(dice.uniform(2.5, 5.0))
        side = 1 if number % 2 else -1
        things.append((ahead, lambda z, x=x * side, size=size: _tree(brush, lens, x, size, z)))  # type: ignore[misc]
    for _, ahead in _numbered(way, LAMPS_EVERY, FARTHEST):
        things.append((ahead, lambda z: _lamp(brush, lens, z)))
    for _, ahead in _numbered(way, POSTS_EVERY, 80.0):
        things.append((ahead, lambda z: _posts(brush, lens, z)))
    for ahead, draw in sorted(things, key=lambda thing: -thing[0]):
        draw(ahead)


def _tree(brush: Brush, lens: Lens, x: float, size: float, ahead: float) -> None:
    foot, crown = lens.at(x, 0, ahead), lens.at(x, size * 1.4, ahead)
    brush.line((foot, crown), 0.25 * FOCAL * lens.aspect / ahead, (92, 70, 50))
    radius = 0.5 * size * FOCAL * lens.aspect / ahead
    brush.disc(crown[0], crown[1], radius, (58, 104, 54), squeeze=1.2)


def _lamp(brush: Brush, lens: Lens, ahead: float) -> None:
    thick = 0.12 * FOCAL * lens.aspect / ahead
    for x, arm in ((3.4, 2.2), (-7.2, -6.0)):
        foot, top, end = lens.at(x, 0, ahead), lens.at(x, 7, ahead), lens.at(arm, 7.2, ahead)
        brush.line((foot, top, end), thick, (150, 152, 156))
        if brush.light.dark:
            brush.disc(end[0], end[1], 2.5 * thick, (255, 226, 160), glow=True)


def _posts(brush: Brush, lens: Lens, ahead: float) -> None:
    for x in (ROAD[0] - 0.7, ROAD[1] + 0.6):
        _panel(brush, lens, (x, x + 0.14), (0, 1.0), ahead, (232, 232, 228), glow=brush.light.dark and ahead < 40)
        _panel(brush, lens, (x, x + 0.14), (0.7, 0.82), ahead, (30, 30, 34))


def _vehicle(brush: Brush, lens: Lens, ahead: float, sign: str, *, lit: bool) -> None:
    """A road works lorry from behind, with its board if it has a sign; `lit` says whether its blinkers shine."""
    if ahead > FARTHEST:
        return
    _panel(brush, lens, (-1.25, 1.25), (0.0, 0.5), ahead, (30, 30, 34))
    _panel(brush, lens, (-1.2, 1.2), (0.45, 1.9), ahead, (226, 150, 40))
    for stripe in range(6):
        left = -1.1 + 0.4 * stripe
        corners = [(left, 0.7), (left + 0.2, 0.7), (left + 0.4, 1.1), (left + 0.2, 1.1)]
        brush.shape([lens.at(x, height, ahead) for x, height in corners], (178, 34, 40))
    lamp: Colour = (255, 90, 60) if lit else (120, 30, 30)
    for x in (-1.15, 0.9):
        _panel(brush, lens, (x, x + 0.25), (0.45, 0.62), ahead, lamp, glow=lit)
    if sign:
        (left, top), (right, bottom) = lens.panel((-1.9, 1.9), (1.95, 2.75), ahead)
        brush.box(left, top, right, bottom, (18, 18, 20), glow=True)
        brush.text(sign, (left, top, right, bottom), (255, 214, 60))


def _own_car(brush: Brush) -> None:
    """The bonnet below and the mirror above: what stays where it is however the car moves."""
    brush.shape([(0, 1), (0.06, 0.94), (0.3, 0.905), (0.7, 0.905), (0.94, 0.94), (1, 1)], (46, 52, 70))
    brush.box(0.43, 0, 0.57, 0.045, (20, 20, 22))


def _strip(brush: Brush, lens: Lens, x: tuple[float, float], near: float, far: float, colour: Colour) -> None:
    """A part of the ground from the one distance to the other."""
    left, right = x
    corners = ((left, near), (left, far), (right, far), (right, near))
    brush.shape([lens.at(across, 0, ahead) for across, ahead in corners], colour)


def _panel(
    brush: Brush,
    lens: Lens,
    x: tuple[float, float],
    height: tuple[float, float],
    ahead: float,
    colour: Colour,
    glow: bool = False,
) -> None:
    (left, top), (right, bottom) = lens.panel(x, height, ahead)
    brush.box(left, top, right, bottom, colour, glow=glow)


def _stretches(way: float, every: float, length: float, farthest: float) -> Iterator[tuple[float, float]]:
    """The stretches of `length` that begin every so many metres of the way, as distances ahead, the nearest first."""
    at = way // every * every - way
    while at < farthest:
        if at + length > NEAREST:
            yield max(at, NEAREST), min(at + length, farthest)
        at += every


def _numbered(way: float, every: float, farthest: float) -> Iterator[tuple[int, float]]:
    """Number and distance ahead of the things that stand every so many metres beside the way."""
    number = int(way // every)
    while (ahead := number * every - way) < farthest:
        if ahead > NEAREST:
            yield number, ahead
        number += 1
