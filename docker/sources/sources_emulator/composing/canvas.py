"""The stereo canvas a piece is painted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 44_100  # samples per second of everything composed here

Wave: TypeAlias = NDArray[np.float32]
Instrument: TypeAlias = Callable[[float, float], Wave]  # (midi, seconds) -> mono samples


class Canvas:
    """Stereo samples, shape (2, n), with a cache of the notes already made for this piece."""

    def __init__(self, seconds: float) -> None:
        self.samples: Wave = np.zeros((2, max(1, round(seconds * RATE))), dtype=np.float32)
        self._notes: dict[tuple[str, float, float], Wave] = {}

    @property
    def seconds(self) -> float:
        return float(self.samples.shape[1] / RATE)

    def add(self, wave: Wave, at_s: float, gain: float = 1.0, pan: float = 0.0) -> None:
        """Mix mono samples in at a time; `pan` runs from -1 (left) to 1 (right) at constant power.

        What lies before the start or past the end of the canvas is cut off.
        """
        start = round(at_s * RATE)
        if start < 0:
            wave, start = wave[-start:], 0
        room = self.samples.shape[1] - start
        if room <= 0 or not len(wave):
            return
        wave = wave[:room]
        angle = (pan + 1) * np.pi / 4
        self.samples[0, start : start + len(wave)] += wave * np.float32(gain * np.cos(angle))
        self.samples[1, start : start + len(wave)] += wave * np.float32(gain * np.sin(angle))

    def play(
        self, instrument: Instrument, midi: float, at_s: float, seconds: float, gain: float = 1.0, pan: float = 0.0
    ) -> None:
        """Mix a note in; the same note of the same instrument is made once per canvas."""
        key = (instrument.__name__, midi, round(seconds, 3))
        if key not in self._notes:
            self._notes[key] = instrument(midi, round(seconds, 3))
        self.add(self._notes[key], at_s, gain, pan)


def reverberate(samples: Wave, seconds: float, wet: float, seed: int = 7) -> Wave:
    """Add a room: convolution of the mono sum with decaying noise, one tail for each ear."""
    size = samples.shape[1]
    if wet <= 0 or size < RATE // 4:
        return samples
    rng = np.random.default_rng(seed)
    tail_size = min(size, round(seconds * RATE))
    envelope = np.exp(-6.9 * np.arange(tail_size, dtype=np.float32) / tail_size)
    width = _fast_size(size + tail_size)
    mono = np.fft.rfft(samples.mean(axis=0), width)
    mixed = samples.copy()
    for ear in range(2):
        tail = rng.standard_normal(tail_size, dtype=np.float32) * envelope
        tail[: round(0.012 * RATE)] = 0
        tail /= np.sqrt(np.sum(tail**2)) + 1e-9
        mixed[ear] += wet * np.fft.irfft(mono * np.fft.rfft(tail, width), width)[:size].astype(np.float32)
    return mixed


def master(samples: Wave, peak_dbfs: float, fade_s: float = 0.02) -> Wave:
    """Round off the loudest peaks, set the sample peak and fade both ends. Silence stays silence."""
    loudest = float(np.abs(samples).max())
    if loudest > 0:
        samples = np.tanh(samples * (1.6 / loudest)).astype(np.float32)
        samples *= np.float32(10 ** (peak_dbfs / 20) / np.abs(samples).max())
    fade = min(round(fade_s * RATE), samples.shape[1] // 2)
    if fade:
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        samples[:, :fade] *= ramp
        samples[:, -fade:] *= ramp[::-1]
    return samples


def _fast_size(size: int) -> int:
    """The next product of 2, 3 and 5: a length that the FFT likes.

    >>> _fast_size(1021), _fast_size(1025)
    (1024, 1080)
    """
    best = 1 << (size - 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            candidate = three
            while candidate < size:
                candidate *= 2
            best = min(best, candidate)
            three *= 3
        five *= 5
    return best
