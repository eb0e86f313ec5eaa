"""Noise shaped in the frequency domain, and slow random movement: the stuff of wind, water and traffic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sources_emulator.composing.canvas import RATE, Wave, _fast_size


def shaped_noise(
    size: int, rng: np.random.Generator, curve: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> Wave:
    """Gaussian noise whose amplitude spectrum follows `curve(hertz)`, scaled to an RMS of 1."""
    width = _fast_size(size)
    hertz = np.fft.rfftfreq(width, 1 / RATE).astype(np.float32)
    amplitude = curve(np.maximum(hertz, 1))
    spectrum = rng.standard_normal((2, len(hertz)), dtype=np.float32)
    wave = np.fft.irfft((spectrum[0] + 1j * spectrum[1]) * amplitude, width)[:size].astype(np.float32)
    return wave / np.float32(np.sqrt(np.mean(wave**2)) + 1e-12)


def band(low_hz: float, high_hz: float, slope: float = 2.0) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Amplitude curve of a band with soft edges: one between the two frequencies, falling off on both sides."""

    def curve(hertz: NDArray[np.float32]) -> NDArray[np.float32]:
        below = (hertz / np.float32(low_hz)) ** np.float32(slope)
        above = (np.float32(high_hz) / hertz) ** np.float32(slope)
        return np.minimum(1, np.minimum(below, above)).astype(np.float32)

    return curve


def falling(power: float, from_hz: float = 20.0) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Amplitude falling with frequency: 0.5 is pink, 1 is brown."""

    def curve(hertz: NDArray[np.float32]) -> NDArray[np.float32]:
        ratio = np.maximum(hertz, np.float32(from_hz)) / np.float32(from_hz)
        return (ratio ** np.float32(-power)).astype(np.float32)

    return curve


def drift(size: int, rng: np.random.Generator, every_s: float, low: float, high: float) -> Wave:
    """A smooth random curve between `low` and `high` that turns about every `every_s` seconds."""
    knots = max(4, int(size / (every_s * RATE)) + 3)
    values = rng.uniform(low, high, knots)
    position = np.linspace(0, knots - 1.001, size)
    left = position.astype(np.int64)
    share = position - left
    share = share * share * (3 - 2 * share)
    return (values[left] * (1 - share) + values[left + 1] * share).astype(np.float32)


def sweep(hertz: Wave) -> Wave:
    """A sine whose frequency follows the given curve, in hertz per sample."""
    return np.sin(2 * np.pi * np.cumsum(hertz, dtype=np.float64) / RATE).astype(np.float32)
