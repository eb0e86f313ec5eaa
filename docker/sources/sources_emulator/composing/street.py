"""The city: traffic, footsteps, bells, a siren, the metro, a building site. No tempo and no key."""

from __future__ import annotations

import numpy as np

from sources_emulator.composing.canvas import RATE, Canvas, Wave, master, reverberate
from sources_emulator.composing.instruments import church_bell, plucked_string
from sources_emulator.composing.noises import band, drift, falling, shaped_noise, sweep
from sources_emulator.composing.piece import Piece


def traffic(piece: Piece) -> Wave:
    return _scene(piece, traffic=1.0)


def footsteps(piece: Piece) -> Wave:
    return _scene(piece, footsteps=1.0, traffic=0.15)


def bell_square(piece: Piece) -> Wave:
    return _scene(piece, bells=1.0, traffic=0.12)


def siren(piece: Piece) -> Wave:
    return _scene(piece, siren=1.0, traffic=0.4)


def metro(piece: Piece) -> Wave:
    return _scene(piece, metro=1.0)


def tram_stop(piece: Piece) -> Wave:
    return _scene(piece, metro=0.5, tram_bell=1.0, footsteps=0.3)


def building_site(piece: Piece) -> Wave:
    return _scene(piece, hammers=1.0, traffic=0.3)


def rainy_avenue(piece: Piece) -> Wave:
    return _scene(piece, traffic=0.9, wet_road=0.8, footsteps=0.25)


def _scene(piece: Piece, **shares: float) -> Wave:
    dice, canvas = piece.dice(), Canvas(piece.seconds)
    for name, share in shares.items():
        LAYERS[name](canvas, dice, share)
    return master(reverberate(canvas.samples, 0.7, 0.1), piece.peak_dbfs, fade_s=0.4)


def _traffic(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    """A far rumble, and cars that come, pass and go."""
    size = canvas.samples.shape[1]
    for side in range(2):
        rumble = shaped_noise(size, dice, falling(1.0, 35)) * drift(size, dice, 3, 0.5, 1.0)
        canvas.add(rumble, 0, 0.3 * share, -0.8 + 1.6 * side)
    at = dice.uniform(-1, 1)
    while at < canvas.seconds:
        length = round(dice.uniform(3, 6) * RATE)
        hump = np.hanning(length).astype(np.float32) ** 2
        hum = dice.uniform(45, 90) * np.linspace(1.05, 0.94, length, dtype=np.float32)  # Doppler
        motor = sweep(hum) + 0.6 * sweep(2 * hum) + 0.4 * sweep(3 * hum)
        car = hump * (0.5 * shaped_noise(length, dice, band(150, 1_800, 1)) + 0.35 * motor)
        for fade, pan in ((np.linspace(1, 0, length), -0.8), (np.linspace(0, 1, length), 0.8)):
            canvas.add((car * fade).astype(np.float32), at, 0.5 * share, pan)
        at += dice.uniform(1.5, 4.5)


def _wet_road(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    size = canvas.samples.shape[1]
    canvas.add(shaped_noise(size, dice, band(2_000, 9_000, 1)) * drift(size, dice, 2, 0.2, 1.0), 0, 0.2 * share)


def _footsteps(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    at, index = 0.3, 0
    while at < canvas.seconds:
        length = round(0.12 * RATE)
        time = np.arange(length, dtype=np.float32) / RATE
        heel = shaped_noise(length, dice, band(150, 2_500, 1)) * np.exp(-time / np.float32(0.012))
        sole = shaped_noise(length, dice, band(1_500, 6_000, 1)) * np.exp(-time / np.float32(0.02))
        canvas.add(heel, at, 0.5 * share, 0.2 * (-1) ** index)
        canvas.add(sole, at + 0.07, 0.18 * share, 0.2 * (-1) ** index)
        at += 0.55 * dice.uniform(0.93, 1.07)
        index += 1


def _bells(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    at = 0.5
    while at < canvas.seconds:
        canvas.play(church_bell, int(dice.choice((55, 58, 60, 63))), at, 5.0, 0.6 * share, dice.uniform(-0.3, 0.3))
        at += dice.uniform(1.2, 2.6)


def _siren(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    """A wail that comes near and goes, its pitch falling as it passes."""
    size = canvas.samples.shape[1]
    time = np.arange(size, dtype=np.float32) / RATE
    wail = 900 + 330 * np.sin(2 * np.pi * time / np.float32(2.9))
    nearness = np.exp(-(((time - 0.5 * canvas.seconds) / (0.22 * canvas.seconds)) ** 2))
    doppler = 1.03 - 0.06 / (1 + np.exp(-(time - 0.5 * canvas.seconds)))
    tone = sweep((wail * doppler).astype(np.float32))
    canvas.add((np.tanh(2 * tone) * nearness).astype(np.float32), 0, 0.4 * share, dice.uniform(-0.2, 0.2))


def _metro(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    """The motors' hum, rising and falling with the speed, the rails' joints and the tunnel's roar."""
    size = canvas.samples.shape[1]
    speed = drift(size, dice, 6, 0.35, 1.0)
    hum = sweep(speed * 260) + 0.5 * sweep(speed * 520) + 0.3 * sweep(speed * 1_310)
    roar = shaped_noise(size, dice, band(80, 900, 1.0)) * speed
    canvas.add(hum * speed, 0, 0.2 * share, -0.2)
    canvas.add(roar, 0, 0.35 * share, 0.2)
    at = 0.4
    while at < canvas.seconds:
        length = round(0.09 * RATE)
        clack = shaped_noise(length, dice, band(200, 1_600, 1)) * np.exp(-np.arange(length) / (0.02 * RATE)).astype(
            np.float32
        )
        for delay in (0, 0.16):
            canvas.add(clack, at + delay, 0.45 * share)
        at += 0.75 / float(speed[min(size - 1, int(at * RATE))])


def _tram_bell(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    at = 1.0
    while at < canvas.seconds:
        for index in range(int(dice.integers(2, 5))):
            canvas.play(church_bell, 91, at + 0.28 * index, 0.9, 0.5 * share, 0.4)
        at += dice.uniform(4, 8)


def _hammers(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    at = 0.5
    while at < canvas.seconds:
        note, pan = float(dice.choice((86.3, 88.1, 91.7))), dice.uniform(-0.7, 0.7)
        for index in range(int(dice.integers(2, 6))):
            canvas.play(plucked_string, note, at + 0.31 * index, 0.25, 0.7 * share, pan)
        at += dice.uniform(1.8, 3.4)


LAYERS = {
    "traffic": _traffic,
    "wet_road": _wet_road,
    "footsteps": _footsteps,
    "bells": _bells,
    "siren": _siren,
    "metro": _metro,
    "tram_bell": _tram_bell,
    "hammers": _hammers,
}

STYLES = {
    "traffic": traffic,
    "footsteps": footsteps,
    "bell_square": bell_square,
    "siren": siren,
    "metro": metro,
    "tram_stop": tram_stop,
    "building_site": building_site,
    "rainy_avenue": rainy_avenue,
}
