"""Instruments: `(midi, seconds) -> mono samples`; drums ignore the note. All deterministic."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sources_emulator.composing.canvas import RATE, Wave
from sources_emulator.composing.theory import hertz_from_midi


def _time(seconds: float) -> Wave:
    return np.arange(max(1, round(seconds * RATE)), dtype=np.float32) / np.float32(RATE)


def _edges(wave: Wave, attack_s: float, release_s: float) -> Wave:
    """Fade a note in and out in place, so that it neither clicks on nor off."""
    attack, release = min(len(wave), round(attack_s * RATE)), min(len(wave), round(release_s * RATE))
    if attack:
        wave[:attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    if release:
        wave[-release:] *= np.linspace(1, 0, release, dtype=np.float32)
    return wave


def _partials(midi: float, seconds: float, partials: Iterable[tuple[float, float, float]]) -> Wave:
    """Sum of sines `(frequency ratio, amplitude, decay time constant in s; inf = none)` below 16 kHz."""
    time, base = _time(seconds), hertz_from_midi(midi)
    wave = np.zeros_like(time)
    for ratio, amplitude, decay_s in partials:
        if base * ratio > 16_000:
            continue
        phase = np.float32(2 * np.pi * base * ratio)
        sine = np.sin(phase * time)
        wave += np.float32(amplitude) * (sine if np.isinf(decay_s) else sine * np.exp(-time / np.float32(decay_s)))
    return wave


def piano(midi: float, seconds: float) -> Wave:
    """Struck strings: slightly stretched partials, the high ones die first."""
    register = 2.0 ** ((60 - midi) / 18)
    partials = [(k * (1 + 0.0004 * k * k), k**-1.35, 1.5 * register / (1 + 0.45 * (k - 1))) for k in range(1, 9)]
    return _edges(_partials(midi, seconds, partials), 0.003, 0.06) * np.float32(0.5)


def vibraphone(midi: float, seconds: float) -> Wave:
    wave = _partials(midi, seconds, [(1, 1, 1.4), (4, 0.22, 0.35), (10, 0.06, 0.08)])
    wave *= 1 + np.float32(0.18) * np.sin(np.float32(2 * np.pi * 5.2) * _time(seconds))
    return _edges(wave, 0.002, 0.08) * np.float32(0.6)


def upright_bass(midi: float, seconds: float) -> Wave:
    wave = _partials(midi, seconds, [(k, k**-1.1, 0.9 / k**0.7) for k in range(1, 8)])
    return _edges(wave, 0.006, 0.04) * np.float32(0.7)


def synth_bass(midi: float, seconds: float) -> Wave:
    wave = _partials(midi, seconds, [(k, 1 / k, 0.9 / k**0.8) for k in range(1, 13)])
    return _edges(wave, 0.003, 0.015) * np.float32(0.6)


def saw_lead(midi: float, seconds: float) -> Wave:
    """Two detuned saws through a filter that closes."""
    partials = [(k * detune, 0.5 / k, 0.7 / k**0.5) for k in range(1, 13) for detune in (0.9965, 1.0035)]
    return _edges(_partials(midi, seconds, partials), 0.004, 0.03) * np.float32(0.5)


def warm_pad(midi: float, seconds: float) -> Wave:
    """Three detuned, rounded saws that swell and ebb."""
    partials = [(k * detune, k**-1.7, np.inf) for k in range(1, 7) for detune in (0.9972, 1.0, 1.0031)]
    swell = min(1.2, seconds / 3)
    return _edges(_partials(midi, seconds, partials), swell, swell) * np.float32(0.22)


def soft_bell(midi: float, seconds: float) -> Wave:
    wave = _partials(midi, seconds, [(1, 1, 1.1), (2, 0.4, 0.7), (3, 0.15, 0.4), (5.4, 0.08, 0.15)])
    return _edges(wave, 0.008, 0.1) * np.float32(0.5)


def church_bell(midi: float, seconds: float) -> Wave:
    """The partials of a bell: hum, prime, tierce, quint, nominal and above."""
    ratios = [
        (0.5, 0.5, 5.0),
        (1, 0.9, 3.5),
        (1.2, 0.7, 2.6),
        (1.5, 0.4, 2.0),
        (2, 1, 2.2),
        (2.6, 0.3, 0.9),
        (3.0, 0.25, 0.7),
    ]
    return _edges(_partials(midi, seconds, ratios), 0.002, 0.3) * np.float32(0.35)


def flute(midi: float, seconds: float) -> Wave:
    time, base = _time(seconds), hertz_from_midi(midi)
    vibrato = np.float32(0.0035 * base / 5.1) * np.sin(np.float32(2 * np.pi * 5.1) * time) * np.minimum(time / 0.4, 1)
    phase = np.float32(2 * np.pi) * (np.float32(base) * time + vibrato)
    wave = np.sin(phase) + np.float32(0.32) * np.sin(2 * phase) + np.float32(0.12) * np.sin(3 * phase)
    return _edges(wave.astype(np.float32), 0.045, 0.06) * np.float32(0.4)


def plucked_string(midi: float, seconds: float) -> Wave:
    """A plucked string after Karplus and Strong (1983): a noise burst that runs round a smoothing loop.

    One period after the other is computed as a block, with the two-point average at a fractional delay, so the pitch is
    exact to about a cent although the loop is a whole number of samples long.
    """
    size = max(1, round(seconds * RATE))
    delay = RATE / hertz_from_midi(midi) - 0.5  # the average itself delays by half a sample
    whole = int(delay)
    share = np.float32(delay - whole)
    loss = np.float32(
        0.5 ** (1 / (hertz_from_midi(midi) * 0.9))
    )  # falls to a half in 0.9 s, beside the loop's own loss
    burst = np.random.default_rng(round(midi * 16)).uniform(-1, 1, whole + 2).astype(np.float32)
    width = max(2, whole // 6)  # a fingertip, not a plectrum: the fifth and sixth harmonic are hardly plucked
    for _ in range(2):
        burst = np.convolve(np.tile(burst, 3), np.ones(width) / width, "same")[len(burst) : 2 * len(burst)].astype(
            np.float32
        )
    burst *= np.float32(0.6) / np.abs(burst).max()
    burst -= burst.mean()
    wave = np.zeros(size + 2 * whole + 4, dtype=np.float32)
    wave[: whole + 2] = burst
    taps = np.array([0.5 * (1 - share), 0.5, 0.5 * share], dtype=np.float32) * loss
    at = whole + 2
    while at < size:
        wave[at : at + whole] = (
            taps[0] * wave[at - whole : at]
            + taps[1] * wave[at - whole - 1 : at - 1]
            + taps[2] * wave[at - whole - 2 : at - 2]
        )
        at += whole
    return _edges(wave[:size], 0.001, 0.05)


def kick(_midi: float, seconds: float) -> Wave:
    """A sine that falls from 160 to 48 Hz, with a click."""
    time = _time(seconds)
    phase = 2 * np.pi * (48 * time + 112 * 0.028 * (1 - np.exp(-time / 0.028)))
    wave = np.sin(phase) * np.exp(-time / 0.14)
    wave[:90] += np.random.default_rng(1).uniform(-0.4, 0.4, len(wave[:90]))
    return _edges(wave.astype(np.float32), 0.0005, 0.01)


def _burst(seconds: float, decay_s: float, seed: int, bright: int) -> Wave:
    """Noise with an exponential decay, differentiated `bright` times (each one takes the lows away)."""
    noise = np.random.default_rng(seed).standard_normal(max(1, round(seconds * RATE)) + bright).astype(np.float32)
    for _ in range(bright):
        noise = np.diff(noise) * np.float32(0.5)
    return _edges(noise * np.exp(-_time(seconds)[: len(noise)] / np.float32(decay_s)) * np.float32(0.4), 0.0005, 0.005)


def snare(_midi: float, seconds: float) -> Wave:
    tone = np.sin(np.float32(2 * np.pi * 190) * _time(seconds)) * np.exp(-_time(seconds) / np.float32(0.05))
    return _burst(seconds, 0.09, 2, 1) + np.float32(0.4) * tone


def clap(_midi: float, seconds: float) -> Wave:
    wave = _burst(seconds, 0.10, 3, 1)
    for delay_s in (0.011, 0.023):
        shift = round(delay_s * RATE)
        if shift < len(wave):
            wave[shift:] += _burst(seconds, 0.05, 4, 1)[: len(wave) - shift]
    return wave


def closed_hat(_midi: float, seconds: float) -> Wave:
    return _burst(seconds, 0.03, 5, 3)


def open_hat(_midi: float, seconds: float) -> Wave:
    return _burst(seconds, 0.16, 6, 3)


def ride(_midi: float, seconds: float) -> Wave:
    """Inharmonic ping over a wash of noise."""
    ping = _partials(84, seconds, [(2.13, 0.25, 0.25), (3.37, 0.2, 0.3), (4.81, 0.16, 0.22), (6.29, 0.12, 0.16)])
    return _edges(ping * np.float32(0.45) + _burst(seconds, 0.22, 7, 3), 0.0008, 0.02)


def shaker(_midi: float, seconds: float) -> Wave:
    return _edges(_burst(seconds, 0.05, 8, 2), 0.012, 0.01)


def stomp(_midi: float, seconds: float) -> Wave:
    time = _time(seconds)
    wave = np.sin(np.float32(2 * np.pi * 74) * time) * np.exp(-time / np.float32(0.09))
    return _edges(wave + np.float32(0.12) * _burst(seconds, 0.02, 9, 0), 0.002, 0.02)
