"""Recordings nobody wants: what the trouble campaign plays."""

from __future__ import annotations

import numpy as np

from sources_emulator.composing.canvas import RATE, Wave
from sources_emulator.composing.piece import Piece


def silence(piece: Piece) -> Wave:
    """Digital silence."""
    return np.zeros((2, round(piece.seconds * RATE)), dtype=np.float32)


def one_sample(_piece: Piece) -> Wave:
    """A recording of a single sample."""
    return np.full((2, 1), 0.5, dtype=np.float32)


STYLES = {"silence": silence, "one_sample": one_sample}
