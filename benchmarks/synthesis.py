"""Music of known tempo and key, and two hours of it, made by arithmetic: what the audio benchmark measures on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np

from include.audio.music import PITCH_CLASSES

SAMPLE_RATE_HZ = 44_100
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 1, 4)),
    "minor": ((0, 5, 2, 6), (0, 3, 4, 0), (0, 6, 5, 4)),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """What a piece is to sound like; equal pieces sound equal."""

    tempo_bpm: float
    key: str
    mode: str
    seed: int = 0
    drums: bool = True
    swing: float = 0.5
    """Where the off-beat falls within a beat: 0.5 straight, 0.67 shuffled."""


def play(piece: Piece, duration_s: float) -> np.ndarray:
    """Return ``piece`` as float32 of shape (2, samples): chords, bass, a melody and, if asked for, drums."""
    rng = np.random.default_rng(piece.seed)
    beat_s = 60 / piece.tempo_bpm
    length = int(duration_s * SAMPLE_RATE_HZ)
    left, right = np.zeros(length + SAMPLE_RATE_HZ * 4), np.zeros(length + SAMPLE_RATE_HZ * 4)
    tonic = 48 + PITCH_CLASSES.index(piece.key)
    scale = SCALES[piece.mode]
    progression = PROGRESSIONS[piece.mode][piece.seed % 3]

    def note(degree: int) -> int:
        return tonic + scale[degree % 7] + 12 * (degree // 7)

    def put(sound: np.ndarray, at_s: float, gain: float, pan: float) -> None:
        at = int(at_s * SAMPLE_RATE_HZ)
        if at < length:
            left[at : at + len(sound)] += gain * (1 - pan) * sound[: len(left) - at]
            right[at : at + len(sound)] += gain * pan * sound[: len(right) - at]

    hat, kick, snare = _hat(rng), _kick(), _snare(rng)
    for beat in range(int(duration_s / beat_s) + 1):
        at_s, bar, in_bar = beat * beat_s, beat // 4, beat % 4
        root = progression[bar % 4]
        if in_bar == 0:
            for third in range(3):
                put(_tone(note(root + 2 * third), 4 * beat_s, brightness=0.5), at_s, 0.10, 0.4 + 0.1 * third)
        if in_bar in (0, 2):
            put(_tone(note(root) - 12, 1.5 * beat_s, brightness=0.8), at_s, 0.22, 0.5)
        for offset in (0.0, piece.swing):
            if rng.random() < 0.6:
                chord_note = root + 2 * int(rng.integers(0, 3)) + 7
                degree = chord_note if rng.random() < 0.7 else chord_note + 1
                put(_tone(note(degree), 0.9 * beat_s, brightness=0.9), at_s + offset * beat_s, 0.14, 0.65)
        if piece.drums:
            put(kick if in_bar in (0, 2) else snare, at_s, 0.5 if in_bar in (0, 2) else 0.3, 0.5)
            put(hat, at_s, 0.12, 0.35)
            put(hat, at_s + piece.swing * beat_s, 0.09, 0.35)
    stereo = np.stack([left, right])[:, :length]
    return (0.7 * stereo / np.abs(stereo).max()).astype(np.float32)


def write_audio(path: Path, blocks: Iterator[np.ndarray], *, bit_rate: int = 192_000, bare: bool = False) -> Path:
    """Encode stereo blocks of shape (2, n) at ``SAMPLE_RATE_HZ`` as MP3; ``bare`` leaves out tag and header frame."""
    import av

    options = {"write_xing": "0", "id3v2_version": "0"} if bare else {}
    with av.open(str(path), "w", format="mp3", options=options) as container:
        stream = container.add_stream("mp3", rate=SAMPLE_RATE_HZ, layout="stereo")
        stream.bit_rate = bit_rate
        position = 0
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, position, Fraction(1, SAMPLE_RATE_HZ)
            position += block.shape[1]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@cache
def _tone(midi: int, duration_s: float, brightness: float) -> np.ndarray:
    time_s = np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    frequency_hz = 440 * 2 ** ((midi - 69) / 12)
    sound = sum(
        brightness ** (partial - 1)
        / partial
        * np.sin(2 * np.pi * partial * frequency_hz * time_s)
        * np.exp(-time_s * (1 + partial))
        for partial in range(1, 7)
    )
    fade = np.minimum(1, np.minimum(time_s, duration_s - time_s) / 0.005)
    return np.asarray(sound * fade)


def _kick() -> np.ndarray:
    time_s = np.arange(int(0.25 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(np.sin(2 * np.pi * (50 * time_s + 8 * (1 - np.exp(-25 * time_s)))) * np.exp(-14 * time_s))


def _snare(rng: np.random.Generator) -> np.ndarray:
    time_s = np.arange(int(0.18 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(
        (0.6 * rng.standard_normal(len(time_s)) + 0.5 * np.sin(2 * np.pi * 190 * time_s)) * np.exp(-25 * time_s)
    )


def _hat(rng: np.random.Generator) -> np.ndarray:
    time_s = np.arange(int(0.05 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(np.diff(rng.standard_normal(len(time_s)), prepend=0) * np.exp(-90 * time_s))
