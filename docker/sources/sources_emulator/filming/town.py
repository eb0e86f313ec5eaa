"""Scenes in town: a street with shops and cars, a station with a train, rain before a window."""

from __future__ import annotations

from collections.abc import Sequence

from sources_emulator.filming.brush import Brush, put_up
from sources_emulator.filming.palette import Colour

WALLS: tuple[Colour, ...] = ((176, 98, 74), (206, 178, 132), (132, 142, 158), (222, 206, 186), (150, 118, 104))
CARS: tuple[tuple[Colour, float, float], ...] = (  # colour, height on the road, lengths of the street a second
    ((200, 40, 44), 0.79, 0.22),
    ((240, 240, 236), 0.86, -0.30),
    ((36, 82, 160), 0.80, 0.35),
)
LAMP: Colour = (255, 214, 120)


def street(brush: Brush, signs: Sequence[str]) -> None:
    dice = brush.dice("street")
    brush.sky(0.7)
    left = 0.0
    while left < 1:
        wide, top = dice.uniform(0.09, 0.16), dice.uniform(0.08, 0.26)
        _house(brush, left, left + wide, top, WALLS[int(dice.integers(len(WALLS)))], dice.random((9, 3)).tolist())
        left += wide
    brush.box(0.17, 0.34, 0.83, 0.7, (96, 60, 52))
    for pane in range(4):
        panes: Colour = (255, 226, 150) if brush.light.dark else (156, 196, 214)
        brush.box(0.2 + 0.155 * pane, 0.53, 0.325 + 0.155 * pane, 0.68, panes, glow=brush.light.dark)
    brush.box(0, 0.7, 1, 0.75, (168, 164, 158))
    brush.box(0, 0.75, 1, 1, (74, 76, 82))
    for dash in range(10):
        brush.box(0.1 * dash, 0.845, 0.1 * dash + 0.05, 0.853, (236, 232, 214))
    put_up(
        brush,
        signs,
        [(0.5, 0.42, (250, 244, 226), (140, 20, 28), 1.0), (0.5, 0.24, (20, 84, 168), (255, 255, 255), 0.8)],
    )


def cars(brush: Brush, seconds: float) -> None:
    for number, (colour, y, speed) in enumerate(CARS):
        x = (0.35 * number + speed * seconds) % 1.3 - 0.15
        brush.box(x - 0.065, y, x + 0.065, y + 0.07, colour)
        brush.shape(((x - 0.04, y), (x - 0.025, y - 0.05), (x + 0.025, y - 0.05), (x + 0.04, y)), colour)
        brush.box(x - 0.022, y - 0.042, x + 0.022, y - 0.005, (150, 190, 210))
        for side in (-0.04, 0.04):
            brush.disc(x + side, y + 0.07, 0.026, (22, 22, 24))
        if brush.light.dark:
            brush.disc(x + (0.06 if speed > 0 else -0.06), y + 0.02, 0.02, (255, 246, 210), glow=True)


def _house(brush: Brush, left: float, right: float, top: float, wall: Colour, lit: Sequence[Sequence[float]]) -> None:
    brush.box(left, top, right, 0.7, wall)
    across = (right - left) / 4
    for row in range(int((0.66 - top) / 0.075)):
        for column in range(3):
            x, y = left + across * (column + 0.65), top + 0.03 + 0.075 * row
            glows = brush.light.dark and lit[row][column] > 0.55
            brush.box(x, y, x + across * 0.55, y + 0.042, LAMP if glows else (70, 92, 112), glow=glows)


def station(brush: Brush, signs: Sequence[str]) -> None:
    brush.box(0, 0, 1, 1, (186, 196, 190))
    for beam in range(6):
        brush.box(0.2 * beam - 0.008, 0.08, 0.2 * beam + 0.008, 0.78, (62, 92, 88))
    brush.shape(((0, 0), (1, 0), (1, 0.06), (0, 0.1)), (52, 62, 66))
    brush.box(0, 0.74, 1, 0.8, (70, 58, 50))
    brush.box(0, 0.8, 1, 1, (148, 140, 132))
    brush.box(0, 0.81, 1, 0.83, (240, 206, 60))
    if brush.light.dark:
        for lamp in range(5):
            brush.disc(0.1 + 0.2 * lamp, 0.1, 0.03, (255, 240, 200), glow=True)
    put_up(brush, signs, [(0.5, 0.27, (18, 52, 120), (255, 255, 255), 1.0)])


def train(brush: Brush, seconds: float) -> None:
    shift = (0.9 * seconds) % 0.5
    brush.box(0, 0.42, 1, 0.72, (178, 36, 44))
    brush.box(0, 0.62, 1, 0.66, (244, 240, 230))
    for car in range(-1, 3):
        left = 0.5 * car + shift
        brush.box(left, 0.42, left + 0.012, 0.72, (40, 40, 44))
        for window in range(4):
            x = left + 0.05 + 0.11 * window
            glass: Colour = (255, 232, 160) if brush.light.dark else (60, 84, 104)
            brush.box(x, 0.47, x + 0.075, 0.58, glass, glow=brush.light.dark)
        for wheel in (0.1, 0.4):
            brush.disc(left + wheel, 0.735, 0.028, (30, 30, 32))


def wet_window(brush: Brush, signs: Sequence[str]) -> None:
    dice = brush.dice("rain")
    brush.sky()
    brush.box(0, 0.62, 1, 1, (88, 104, 100))
    for _ in range(26):
        x, y, size = dice.uniform(0, 1), dice.uniform(0.35, 0.9), dice.uniform(0.015, 0.05)
        colour = ((236, 84, 60), (250, 190, 80), (110, 190, 230), (240, 236, 220))[int(dice.integers(4))]
        brush.disc(x, y, size, colour, glow=brush.light.dark)
    put_up(brush, signs, [(0.5, 0.3, (250, 206, 40), (20, 20, 20), 1.3)])


def rain(brush: Brush, seconds: float) -> None:
    dice = brush.dice("drops")
    for x, start, speed, length in dice.uniform((0, 0, 1.2, 0.03), (1, 1, 2.2, 0.08), (70, 4)):
        y = (start + speed * seconds) % 1.1 - 0.05
        brush.line(((x, y), (x - 0.008, y + length)), 0.004, (196, 210, 226), glow=not brush.light.dark)


SCENES = {"street": (street, cars), "train": (station, train), "rain": (wet_window, rain)}
