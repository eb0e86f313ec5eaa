"""Outdoors without people: rain, wind, waves, a stream, birds, crickets, thunder, frogs. No tempo and no key."""

from __future__ import annotations

import numpy as np

from sources_emulator.composing.canvas import RATE, Canvas, Wave, master
from sources_emulator.composing.noises import band, drift, falling, shaped_noise, sweep
from sources_emulator.composing.piece import Piece


def rain(piece: Piece) -> Wave:
    return _scene(piece, rain=1.0)


def rain_and_thunder(piece: Piece) -> Wave:
    return _scene(piece, rain=0.8, thunder=1.0)


def wind(piece: Piece) -> Wave:
    return _scene(piece, wind=1.0)


def waves(piece: Piece) -> Wave:
    return _scene(piece, waves=1.0, wind=0.12)


def stream(piece: Piece) -> Wave:
    return _scene(piece, stream=1.0, birds=0.25)


def birdsong(piece: Piece) -> Wave:
    return _scene(piece, birds=1.0, wind=0.12)


def crickets(piece: Piece) -> Wave:
    return _scene(piece, crickets=1.0, wind=0.08)


def frog_pond(piece: Piece) -> Wave:
    return _scene(piece, frogs=1.0, crickets=0.3, stream=0.15)


def _scene(piece: Piece, **shares: float) -> Wave:
    dice, canvas = piece.dice(), Canvas(piece.seconds)
    for name, share in shares.items():
        LAYERS[name](canvas, dice, share)
    return master(canvas.samples, piece.peak_dbfs, fade_s=0.4)


def _add_stereo(canvas: Canvas, left: Wave, right: Wave, gain: float) -> None:
    canvas.add(left, 0, gain, -0.7)
    canvas.add(right, 0, gain, 0.7)


def _rain(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    size = canvas.samples.shape[1]
    swell = drift(size, dice, 5, 0.7, 1.0)
    left, right = (shaped_noise(size, dice, band(900, 9_000, 1.0)) * swell for _ in range(2))
    _add_stereo(canvas, left, right, 0.25 * share)
    time = np.arange(round(0.02 * RATE), dtype=np.float32) / RATE
    for _ in range(int(canvas.seconds * 45)):  # single drops close to the microphone
        drop = np.sin(np.float32(2 * np.pi * dice.uniform(1_500, 5_000)) * time) * np.exp(-time / np.float32(0.004))
        canvas.add(drop, dice.uniform(0, canvas.seconds), share * dice.uniform(0.1, 0.7), dice.uniform(-1, 1))


def _thunder(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    at = 0.15 * canvas.seconds
    while at < canvas.seconds:
        size = round(min(6.0, canvas.seconds) * RATE)
        time = np.arange(size, dtype=np.float32) / RATE
        roll = shaped_noise(size, dice, band(20, 120, 1.5)) * drift(size, dice, 0.3, 0.3, 1.0)
        roll *= np.minimum(time / np.float32(0.25), 1) * np.exp(-time / np.float32(1.8))
        canvas.add(roll, at, 1.6 * share, dice.uniform(-0.4, 0.4))
        at += dice.uniform(7, 12)


def _wind(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    size = canvas.samples.shape[1]
    gust = drift(size, dice, 2.5, 0.15, 1.0)
    low = [shaped_noise(size, dice, band(60, 400, 1.2)) * gust for _ in range(2)]
    whistle = shaped_noise(size, dice, band(500, 900, 3.0)) * gust**3
    _add_stereo(canvas, low[0] + 0.4 * whistle, low[1] + 0.4 * whistle, 0.4 * share)


def _waves(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    size = canvas.samples.shape[1]
    time = np.arange(size, dtype=np.float32) / RATE
    for side in range(2):
        phase = 2 * np.pi * (time / np.float32(6.5) + 0.08 * side) + drift(size, dice, 8, -1.2, 1.2)
        swell = (0.5 - 0.5 * np.cos(phase)) ** 3
        surf = (
            shaped_noise(size, dice, falling(0.6)) * swell
            + 0.25 * shaped_noise(size, dice, band(1_500, 8_000, 1)) * swell**2
        )
        canvas.add(surf.astype(np.float32), 0, 0.5 * share, -0.7 + 1.4 * side)


def _stream(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    size = canvas.samples.shape[1]
    for side in range(2):
        water = shaped_noise(size, dice, band(350, 2_800, 1.2)) * drift(size, dice, 0.08, 0.4, 1.0)
        canvas.add(water, 0, 0.3 * share, -0.7 + 1.4 * side)
    for _ in range(int(canvas.seconds * 14)):  # bubbles rise in pitch as they shrink
        length = round(dice.uniform(0.02, 0.06) * RATE)
        base = dice.uniform(500, 1_600)
        bubble = sweep(np.linspace(base, base * 1.6, length, dtype=np.float32)) * np.hanning(length).astype(np.float32)
        canvas.add(bubble, dice.uniform(0, canvas.seconds), share * dice.uniform(0.1, 0.35), dice.uniform(-1, 1))


def _birds(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    """A few birds, each with a song of its own that it repeats with pauses."""
    for _bird in range(4):
        song = [
            (dice.uniform(2_200, 5_200), dice.uniform(0.7, 1.5), dice.uniform(0.05, 0.16))
            for _ in range(dice.integers(3, 7))
        ]
        pan, loud = dice.uniform(-0.9, 0.9), share * dice.uniform(0.25, 0.7)
        at = dice.uniform(0, 2.5)
        while at < canvas.seconds:
            note_at = at
            for hertz, glide, seconds in song:
                length = round(seconds * RATE)
                curve = np.geomspace(hertz, hertz * glide, length).astype(np.float32)
                canvas.add(sweep(curve) * np.hanning(length).astype(np.float32), note_at, loud, pan)
                note_at += seconds + 0.03
            at = note_at + dice.uniform(0.6, 3.0)


def _crickets(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    for _cricket in range(3):
        hertz, pulses = dice.uniform(4_000, 5_200), int(dice.integers(3, 5))
        pulse_s, rest_s = dice.uniform(0.016, 0.022), dice.uniform(0.25, 0.6)
        length = round(pulse_s * RATE)
        pulse = np.sin(2 * np.pi * hertz * np.arange(length) / RATE).astype(np.float32) * np.hanning(length).astype(
            np.float32
        )
        pan, loud, at = dice.uniform(-0.9, 0.9), share * dice.uniform(0.2, 0.6), dice.uniform(0, 0.5)
        while at < canvas.seconds:
            for index in range(pulses):
                canvas.add(pulse, at + index * pulse_s * 1.6, loud, pan)
            at += pulses * pulse_s * 1.6 + rest_s * dice.uniform(0.9, 1.1)


def _frogs(canvas: Canvas, dice: np.random.Generator, share: float) -> None:
    for _frog in range(3):
        base, pan, at = dice.uniform(320, 700), dice.uniform(-0.8, 0.8), dice.uniform(0, 1.5)
        length = round(0.28 * RATE)
        time = np.arange(length) / RATE
        rattle = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 38 * time))
        croak = (
            (np.sin(2 * np.pi * base * time) + 0.6 * np.sin(2 * np.pi * 2.4 * base * time))
            * rattle
            * np.hanning(length)
        )
        while at < canvas.seconds:
            canvas.add(croak.astype(np.float32), at, 0.4 * share, pan)
            at += dice.uniform(0.5, 1.6)


LAYERS = {
    "rain": _rain,
    "thunder": _thunder,
    "wind": _wind,
    "waves": _waves,
    "stream": _stream,
    "birds": _birds,
    "crickets": _crickets,
    "frogs": _frogs,
}

STYLES = {
    "rain": rain,
    "rain_and_thunder": rain_and_thunder,
    "wind": wind,
    "waves": waves,
    "stream": stream,
    "birdsong": birdsong,
    "crickets": crickets,
    "frog_pond": frog_pond,
}
