"""Four-on-the-floor dance music and its broken-beat cousin."""

from __future__ import annotations

import numpy as np

from sources_emulator.composing.canvas import RATE, Canvas, Wave, master, reverberate
from sources_emulator.composing.instruments import (
    clap,
    closed_hat,
    kick,
    open_hat,
    saw_lead,
    snare,
    synth_bass,
    warm_pad,
)
from sources_emulator.composing.piece import RING_S, Piece
from sources_emulator.composing.theory import Key

MAJOR_BARS = (1, 1, 4, 5, 1, 6, 4, 1)
MINOR_BARS = (1, 1, 6, 1, 1, 4, 5, 1)
FOUR_KICKS = (0.0, 1.0, 2.0, 3.0)
BROKEN_KICKS = (0.0, 1.5, 2.0, 3.5)


def four_on_the_floor(piece: Piece) -> Wave:
    return _dance(piece, kicks=FOUR_KICKS, backbeat=clap, lead_steps=4)


def deep_house(piece: Piece) -> Wave:
    return _dance(piece, kicks=FOUR_KICKS, backbeat=snare, lead_steps=2)


def broken_beat(piece: Piece) -> Wave:
    return _dance(piece, kicks=BROKEN_KICKS, backbeat=snare, lead_steps=2)


def _dance(piece: Piece, kicks: tuple[float, ...], backbeat: object, lead_steps: int) -> Wave:
    key, beat, dice = piece.tonality, piece.beat_s, piece.dice()
    drums, music = piece.canvas(4), piece.canvas(4)
    bars = piece.bars(4)
    degrees = MAJOR_BARS if key.mode == "major" else MINOR_BARS
    pattern = dice.permutation([0, 1, 2, 1, 0, 2, 1, 2])
    for bar in range(bars):
        start = bar * 4 * beat
        degree = 1 if bar in (0, bars - 1) else degrees[bar % 8]
        chord = key.chord(degree)
        for at in kicks:
            drums.play(kick, 0, start + at * beat, 0.32, 1.0)
        for at in (1, 3):
            drums.play(clap if backbeat is clap else snare, 0, start + at * beat, 0.25, 0.7)
        for at in range(4):
            drums.play(open_hat, 0, start + (at + 0.5) * beat, 0.2, 0.5, 0.2)
            drums.play(closed_hat, 0, start + at * beat, 0.06, 0.35, -0.2)
        for eighth in range(8):
            octave = 12 if eighth % 4 == 3 else 0
            music.play(synth_bass, chord.bass(33) + octave, start + eighth * beat / 2, beat * 0.42, 0.55)
        for note in chord.near(55):
            music.play(warm_pad, note, start, 4 * beat, 0.35)
        _lead(music, key, degree, pattern, start, beat, lead_steps, bar)
    end = bars * 4 * beat
    drums.play(kick, 0, end, 0.4, 1.0)
    for note in [key.chord(1).bass(33), *key.chord(1).near(55), key.degree(1, 72)]:
        music.play(saw_lead, note, end, RING_S, 0.3)
    music.samples *= _ducking(music, kicks, beat, bars)
    music.samples = reverberate(music.samples, 0.9, 0.15)
    return master(drums.samples + music.samples, piece.peak_dbfs)


def _lead(
    music: Canvas, key: Key, degree: int, pattern: np.ndarray, start: float, beat: float, steps: int, bar: int
) -> None:
    """An arpeggio of the chord, `steps` notes a beat; every fourth bar it runs home to the tonic."""
    tones = key.chord(degree).near(67)
    for index in range(4 * steps):
        note = tones[int(pattern[index % len(pattern)])]
        if bar % 4 == 3 and index >= 3 * steps:
            note = key.degree(1, 67)
        accent = 0.34 if index % steps == 0 else 0.22
        music.play(saw_lead, note, start + index * beat / steps, beat / steps * 0.9, accent, 0.35 * (-1) ** index)


def _ducking(music: Canvas, kicks: tuple[float, ...], beat: float, bars: int) -> Wave:
    """The pump: everything but the drums gives way to each kick for a fifth of a second."""
    gain = np.ones(music.samples.shape[1], dtype=np.float32)
    dip = np.linspace(0.35, 1, round(0.2 * RATE), dtype=np.float32)
    for bar in range(bars):
        for at in kicks:
            first = round((bar * 4 + at) * beat * RATE)
            piece = gain[first : first + len(dip)]
            np.minimum(piece, dip[: len(piece)], out=piece)
    return gain


STYLES = {"four_on_the_floor": four_on_the_floor, "deep_house": deep_house, "broken_beat": broken_beat}
