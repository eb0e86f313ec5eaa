"""Scenes indoors: a stage with a trio, a machine with pads, an oscilloscope, a title card, and black."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sources_emulator.filming.brush import Brush, put_up
from sources_emulator.filming.palette import Colour, mixed

PADS: tuple[Colour, ...] = ((255, 80, 70), (255, 190, 50), (70, 220, 130), (70, 150, 255), (210, 90, 250))
PAD_S = 0.2  # a pad changes at most that often


def club(brush: Brush, signs: Sequence[str]) -> None:
    brush.box(0, 0, 1, 1, (118, 30, 42))
    for fold in range(20):
        brush.box(0.05 * fold, 0, 0.05 * fold + 0.022, 0.72, (88, 18, 32))
    brush.box(0, 0.72, 1, 1, (124, 84, 52))
    brush.shape(((0.44, 0), (0.56, 0), (0.76, 0.78), (0.24, 0.78)), (176, 92, 78))
    brush.disc(0.5, 0.8, 0.42, (206, 160, 104), squeeze=0.3)
    brush.shape(((0.2, 0.52), (0.36, 0.52), (0.4, 0.6), (0.38, 0.66), (0.2, 0.66)), (24, 22, 26))
    brush.box(0.21, 0.66, 0.225, 0.82, (24, 22, 26))
    brush.box(0.36, 0.66, 0.375, 0.82, (24, 22, 26))
    brush.box(0.205, 0.61, 0.375, 0.63, (240, 238, 230))
    put_up(brush, signs, [(0.5, 0.25, (252, 240, 200), (120, 16, 30), 1.0)])


def trio(brush: Brush, seconds: float) -> None:
    """A bass that sways, a player who nods, a cymbal that swings."""
    sway, beat = 0.012 * math.sin(seconds * 4), abs(math.sin(seconds * 7))
    brush.disc(0.56 + sway, 0.7, 0.085, (150, 78, 34), squeeze=1.2)
    brush.disc(0.56 + sway, 0.58, 0.06, (150, 78, 34))
    brush.line(((0.56 + sway, 0.6), (0.56 + 2 * sway, 0.36)), 0.02, (60, 34, 20))
    brush.disc(0.61, 0.45 + 0.012 * beat, 0.042, (224, 176, 140))
    brush.shape(((0.585, 0.5), (0.635, 0.5), (0.65, 0.8), (0.58, 0.8)), (36, 40, 64))
    brush.line(((0.59, 0.54), (0.565 + sway, 0.62 + 0.04 * beat)), 0.022, (36, 40, 64))
    brush.line(((0.74, 0.46 + 0.02 * beat), (0.84, 0.5 - 0.02 * beat)), 0.012, (236, 200, 90))
    brush.line(((0.79, 0.48), (0.79, 0.8)), 0.008, (90, 90, 96))
    brush.disc(0.79, 0.74, 0.075, (222, 216, 204), squeeze=0.8)


def machine(brush: Brush, signs: Sequence[str]) -> None:
    brush.box(0, 0, 1, 1, (120, 124, 134))
    brush.box(0.06, 0.06, 0.94, 0.94, (72, 74, 84))
    put_up(brush, signs, [(0.5, 0.265, (16, 18, 24), (120, 255, 210), 0.9)])


def pads(brush: Brush, seconds: float) -> None:
    """Four rows of eight pads; each is lit anew now and then."""
    step = int(seconds / PAD_S)
    for row in range(4):
        for column in range(8):
            number = row * 8 + column
            lit = (number * 7 + (step + number % 5) // 5 * 11) % 4 == 0
            colour = PADS[(number + step // 10) % len(PADS)]
            x, y = 0.12 + 0.096 * column, 0.36 + 0.135 * row
            brush.box(x, y, x + 0.078, y + 0.11, colour if lit else mixed(colour, (40, 42, 50), 0.72), glow=lit)


def screen(brush: Brush, signs: Sequence[str]) -> None:
    brush.box(0, 0, 1, 1, (20, 46, 40))
    for line in range(1, 10):
        brush.line(((line / 10, 0), (line / 10, 1)), 0.003, (50, 96, 82))
        brush.line(((0, line / 10), (1, line / 10)), 0.003, (50, 96, 82))
    put_up(brush, signs, [])


def trace(brush: Brush, seconds: float) -> None:
    points = []
    for step in range(121):
        x = step / 120
        swing = math.sin(18 * x + 9 * seconds) * math.sin(3 * x + 2 * seconds) + 0.3 * math.sin(47 * x - 5 * seconds)
        points.append((x, 0.48 + 0.17 * swing))
    brush.line(points, 0.014, (140, 255, 170), glow=True)
    for bar in range(24):
        tall = 0.03 + 0.11 * abs(math.sin(bar * 0.9 + 4 * seconds) * math.sin(bar * 0.23 + seconds))
        brush.box(0.1 + bar / 30, 0.85 - tall, 0.122 + bar / 30, 0.85, (240, 190, 70))


def card(brush: Brush, signs: Sequence[str]) -> None:
    """A title; up to three lines."""
    brush.box(0, 0, 1, 1, (66, 92, 128))
    ink: Colour = (255, 250, 236)
    panel = brush.light.on((66, 92, 128))
    tops = (0.46,) if len(signs) == 1 else (0.36, 0.56, 0.74)
    put_up(brush, signs, [(0.5, top, panel, ink, 1.2) for top in tops])


def underline(brush: Brush, seconds: float) -> None:
    brush.box(0.25, 0.66, 0.25 + min(0.5, 0.2 * seconds), 0.675, (255, 214, 120), glow=True)


def black(brush: Brush, signs: Sequence[str]) -> None:
    brush.box(0, 0, 1, 1, (0, 0, 0), glow=True)
    put_up(brush, signs, [])


def nothing(_brush: Brush, _seconds: float) -> None:
    """Nothing moves."""


SCENES = {
    "stage": (club, trio),
    "pads": (machine, pads),
    "scope": (screen, trace),
    "card": (card, underline),
    "black": (black, nothing),
}
