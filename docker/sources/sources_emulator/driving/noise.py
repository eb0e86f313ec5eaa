"""How a drive sounds inside the car: engine and tyres at the car's speed, brakes, an impact."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from sources_emulator.composing.canvas import RATE, Canvas, Wave
from sources_emulator.composing.noises import band, falling, shaped_noise, sweep
from sources_emulator.driving.trip import Ending, Trip

ENGINE, TYRES, IDLE, SQUEAL, IMPACT = 0.028, 0.016, 0.012, 0.016, 0.9
IMPACT_S = 0.9


def sound_of(trip: Trip) -> Wave | None:
    """Samples as long as the pictures (float32, shape (2, n), 44,100 a second); None for a drive without sound."""
    if not trip.sound:
        return None
    dice = np.random.default_rng(zlib.crc32(trip.seed.encode()))
    canvas = Canvas(trip.frames / trip.frames_per_s)
    speed = _speeds(trip, canvas.samples.shape[1])
    share = speed / np.float32(trip.speed)
    turns = 22 + 38 * share  # of the engine, a second
    hum = sum(sweep(turns * harmonic) / np.float32(harmonic) for harmonic in (1, 2, 3, 4, 6))
    running = IDLE + ENGINE * share
    if trip.ending is Ending.CRASH and trip.stop_s is not None:
        running[round(trip.stop_s * RATE) :] = 0  # the engine stalls
    canvas.add(np.asarray(hum, dtype=np.float32) * running, 0)
    canvas.add(shaped_noise(len(share), dice, falling(0.8, 60)) * (TYRES * share + np.float32(0.002)), 0)
    if trip.ending is Ending.BRAKING and trip.braking_from_s is not None and trip.stop_s is not None:
        canvas.add(_squeal(dice, trip.stop_s - trip.braking_from_s), trip.braking_from_s, SQUEAL)
    if trip.ending is Ending.CRASH and trip.stop_s is not None:
        canvas.add(_impact(dice), trip.stop_s, IMPACT)
    return np.tanh(canvas.samples)


def _speeds(trip: Trip, size: int) -> Wave:
    """The car's speed at every sample, from that at every hundredth of a second."""
    moments = np.arange(0, trip.seconds + 0.01, 0.01)
    speeds = [trip.speed_at(float(moment)) for moment in moments]
    return np.interp(np.arange(size) / RATE, moments, speeds).astype(np.float32)


def _impact(dice: np.random.Generator) -> Wave:
    """A thud, bending metal, and glass that falls."""
    size = round(IMPACT_S * RATE)
    passed: NDArray[np.float32] = (np.arange(size) / RATE).astype(np.float32)
    thud = shaped_noise(size, dice, band(40, 220)) * np.exp(-passed / 0.12)
    metal = shaped_noise(size, dice, band(300, 2_600, 1)) * np.exp(-passed / 0.18)
    glass = shaped_noise(size, dice, band(3_000, 9_000, 1)) * np.exp(-np.maximum(passed - 0.08, 0) / 0.22) * 0.4
    return (thud + metal + glass).astype(np.float32)


def _squeal(dice: np.random.Generator, seconds: float) -> Wave:
    """Tyres that slide: a tone that wavers, no louder than the engine."""
    size = round(seconds * RATE)
    waver = np.repeat(dice.uniform(0.96, 1.04, size // 800 + 1), 800)[:size]
    passed = np.linspace(0, 1, size)
    tone = sweep(((900 - 150 * passed) * waver).astype(np.float32))
    return (tone * np.minimum(1, 8 * passed) * (1 - passed)).astype(np.float32)
