"""Scenes out of town: the sea with gulls, hills with birds and clouds, a windmill, the northern lights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sources_emulator.filming.brush import Brush, Point, put_up, ridge
from sources_emulator.filming.palette import Colour, mixed


def shore(brush: Brush, signs: Sequence[str]) -> None:
    brush.sky(0.5)
    brush.disc(0.72, 0.3, 0.07, (236, 238, 244) if brush.light.dark else (255, 240, 170), glow=True)
    brush.shape(((0.05, 0.5), (0.16, 0.42), (0.24, 0.46), (0.36, 0.5)), (92, 112, 104))
    brush.box(0, 0.5, 1, 1, (24, 92, 130))
    put_up(brush, signs, [(0.5, 0.34, (250, 246, 230), (160, 24, 24), 1.0)])


def waves_and_gulls(brush: Brush, seconds: float) -> None:
    for row in range(6):
        base = 0.54 + 0.075 * row
        water = mixed((34, 108, 148), (20, 66, 96), row / 6)
        brush.shape(ridge(base, 0.008 + 0.004 * row, 5 - 0.5 * row, seconds * (1.5 + 0.25 * row) + row), water)
    crest = ridge(0.9 + 0.02 * math.sin(seconds * 1.4), 0.012, 3, -seconds)
    brush.shape(crest, (226, 232, 228))
    brush.shape([(x, y + 0.03) for x, y in crest[:-2]] + [(1, 1), (0, 1)], (206, 184, 140))
    for gull in range(5):
        x = (0.2 * gull + (0.1 + 0.02 * gull) * seconds) % 1.2 - 0.1
        _bird(brush, x, 0.14 + 0.06 * gull + 0.015 * math.sin(seconds * 2 + gull), 0.045, seconds * 9 + gull)


def hills(brush: Brush, signs: Sequence[str]) -> None:
    dice = brush.dice("hills")
    brush.sky(0.75)
    brush.shape(ridge(0.5, 0.07, 1.3, 0.4), (122, 152, 140))
    brush.shape(ridge(0.62, 0.06, 1.9, 2.0), (96, 146, 84))
    brush.shape(ridge(0.76, 0.05, 1.1, 4.0), (74, 124, 52))
    for _ in range(38):
        x, y = dice.uniform(0, 1), dice.uniform(0.66, 0.95)
        tall = 0.07 + 0.16 * (y - 0.6)
        tree = (30, 84 + int(dice.integers(30)), 44)
        brush.shape(((x - 0.16 * tall, y), (x, y - tall), (x + 0.16 * tall, y)), tree)
    put_up(brush, signs, [(0.5, 0.56, (232, 214, 176), (60, 36, 20), 1.0)])


def birds_and_clouds(brush: Brush, seconds: float) -> None:
    for cloud in range(3):
        x, y = (0.4 * cloud + 0.05 * seconds) % 1.3 - 0.15, 0.14 + 0.07 * cloud
        for puff in (-0.05, 0.0, 0.05):
            brush.disc(x + puff, y, 0.05, (246, 248, 250), squeeze=0.6)
    for bird in range(6):
        x = (0.9 - 0.13 * bird + (0.16 + 0.015 * bird) * seconds) % 1.2 - 0.1
        _bird(brush, x, 0.3 + 0.04 * math.sin(1.7 * bird) + 0.02 * math.sin(seconds * 3 + bird), 0.03, seconds * 16)


def mill(brush: Brush, signs: Sequence[str]) -> None:
    brush.sky(0.7)
    brush.shape(ridge(0.66, 0.03, 0.8, 1.0), (150, 158, 70))
    for furrow in range(12):
        brush.line(((0.5 + 0.04 * (furrow - 6), 0.7), (0.5 + 0.2 * (furrow - 6), 1)), 0.006, (110, 112, 48))
    brush.shape(((0.44, 0.68), (0.465, 0.3), (0.535, 0.3), (0.56, 0.68)), (214, 204, 190))
    brush.shape(((0.455, 0.3), (0.5, 0.23), (0.545, 0.3)), (120, 60, 44))
    brush.box(0.49, 0.58, 0.51, 0.67, (84, 52, 40))
    brush.box(0.49, 0.78, 0.51, 1, (92, 64, 40))
    put_up(brush, signs, [(0.5, 0.76, (244, 236, 214), (50, 32, 20), 1.0)])


def sails(brush: Brush, seconds: float) -> None:
    shape = brush.height / brush.width
    for sail in range(4):
        angle = seconds * 1.1 + sail * math.pi / 2
        ahead, aside = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))

        def at(out: float, side: float, u: Point = ahead, v: Point = aside) -> Point:
            return 0.5 + (u[0] * out + v[0] * side) * shape, 0.31 + u[1] * out + v[1] * side

        brush.line((at(0, 0), at(0.26, 0)), 0.012, (88, 60, 44))
        brush.shape((at(0.06, 0.004), at(0.25, 0.004), at(0.25, 0.055), at(0.06, 0.045)), (240, 234, 220))
    brush.disc(0.5, 0.31, 0.018, (60, 44, 36))
    birds_far = (0.12 * seconds) % 1.0
    _bird(brush, 0.1 + birds_far, 0.2, 0.03, seconds * 14)


def night_sky(brush: Brush, signs: Sequence[str]) -> None:
    dice = brush.dice("stars")
    brush.sky()
    for x, y, size in dice.uniform((0, 0, 0.002), (1, 0.75, 0.006), (150, 3)):
        brush.disc(x, y, size, (230, 234, 255), glow=True)
    brush.shape(ridge(0.86, 0.04, 1.4, 0.6), (40, 48, 66))
    put_up(brush, signs, [(0.5, 0.7, (236, 236, 244), (20, 22, 40), 1.0)])


def northern_lights(brush: Brush, seconds: float) -> None:
    """Curtains of green and violet that waver slowly."""
    for curtain, colour in enumerate(((46, 150, 110), (60, 200, 130), (120, 90, 190))):
        for fold in range(36):
            x = fold / 36
            sway = math.sin(4 * x + 0.5 * seconds + 2 * curtain) + 0.5 * math.sin(11 * x - 0.8 * seconds + curtain)
            low = 0.42 + 0.09 * curtain + 0.07 * sway
            high = low - 0.16 - 0.06 * math.sin(7 * x + seconds + curtain)
            bright = 0.45 + 0.3 * math.sin(9 * x + 1.3 * seconds + curtain)
            shade: Colour = mixed(brush.light.zenith, colour, max(0.12, bright))
            brush.shape(((x, high), (x + 0.012, high + 0.02), (x + 0.016, low), (x + 0.002, low)), shade, glow=True)


def _bird(brush: Brush, x: float, y: float, span: float, beat: float) -> None:
    lift = span * 0.55 * math.sin(beat)
    wing = span * brush.height / brush.width
    colour: Colour = (40, 42, 48)
    brush.line(((x - wing, y - lift), (x - wing * 0.4, y - abs(lift) * 0.4), (x, y)), 0.009, colour)
    brush.line(((x, y), (x + wing * 0.4, y - abs(lift) * 0.4), (x + wing, y - lift)), 0.009, colour)


SCENES = {
    "sea": (shore, waves_and_gulls),
    "hills": (hills, birds_and_clouds),
    "windmill": (mill, sails),
    "aurora": (night_sky, northern_lights),
}
