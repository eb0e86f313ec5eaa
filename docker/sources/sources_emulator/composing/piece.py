"""What a piece is before it sounds: the ground truth of everything rendered here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from sources_emulator.composing.canvas import Canvas
from sources_emulator.composing.theory import Key

RING_S = 2.4  # the last chord of a piece of music rings that long past its downbeat


@dataclass(frozen=True, slots=True)
class Piece:
    """One recording to be composed. `tempo_bpm`, `key` and `mode` are None where a listener would find none."""

    style: str
    seconds: float
    tempo_bpm: float | None = None
    key: str | None = None
    mode: str | None = None
    seed: str = ""
    peak_dbfs: float = -1.5

    @property
    def tonality(self) -> Key:
        if self.key is None or self.mode is None:
            raise ValueError(f"style {self.style!r} needs a key and a mode")
        return Key.named(self.key, self.mode)

    @property
    def beat_s(self) -> float:
        if self.tempo_bpm is None:
            raise ValueError(f"style {self.style!r} needs a tempo")
        return 60 / self.tempo_bpm

    def dice(self) -> np.random.Generator:
        """The piece's own random numbers: the same on every machine and in every run."""
        return np.random.default_rng(zlib.crc32(f"{self.style}/{self.seed}".encode()))

    def bars(self, beats_per_bar: int) -> int:
        """How many whole bars fit before the last chord, at least one.

        >>> Piece("swing_trio", 30, tempo_bpm=120).bars(4)
        13
        """
        return max(1, int((self.seconds - RING_S) / (self.beat_s * beats_per_bar)))

    def canvas(self, beats_per_bar: int) -> Canvas:
        """A canvas for whole bars and the ring of the last chord."""
        return Canvas(self.bars(beats_per_bar) * beats_per_bar * self.beat_s + RING_S)
