"""Plucked strings: fingerpicking, strumming and a waltz, with a tune above."""

from __future__ import annotations

from sources_emulator.composing.canvas import Canvas, Wave, master, reverberate
from sources_emulator.composing.instruments import flute, plucked_string, shaker, stomp
from sources_emulator.composing.piece import RING_S, Piece
from sources_emulator.composing.theory import Chord, Key

MAJOR_BARS = (1, 4, 1, 5, 1, 4, 5, 1)
MINOR_BARS = (1, 4, 1, 5, 1, 6, 5, 1)
PENTATONIC = {"major": (1, 2, 3, 5, 6), "minor": (1, 3, 4, 5, 7)}


def fingerpicking(piece: Piece) -> Wave:
    return _song(piece, beats=4, strummed=False, tune=flute)


def strumming(piece: Piece) -> Wave:
    return _song(piece, beats=4, strummed=True, tune=plucked_string)


def waltz(piece: Piece) -> Wave:
    return _song(piece, beats=3, strummed=True, tune=flute)


def _song(piece: Piece, beats: int, strummed: bool, tune: object) -> Wave:
    key, beat, dice = piece.tonality, piece.beat_s, piece.dice()
    canvas, bars = piece.canvas(beats), piece.bars(beats)
    degrees = MAJOR_BARS if key.mode == "major" else MINOR_BARS
    third = PENTATONIC[key.mode].index(3)
    motif = [0, third, *(int(step) for step in dice.choice(5, size=beats - 2))]  # tonic and third tell the key
    for bar in range(bars):
        start = bar * beats * beat
        degree = 1 if bar in (0, bars - 1) else degrees[bar % 8]
        chord = key.chord(degree)
        if strummed:
            _strum(canvas, chord, start, beat, beats)
        else:
            _pick(canvas, chord, start, beat)
        canvas.play(stomp, 0, start, 0.3, 0.5)
        for eighth in range(2 * beats):
            canvas.play(shaker, 0, start + eighth * beat / 2, 0.12, 0.4 if eighth % 2 == 0 else 0.2, 0.5)
        _sing(
            canvas, key, motif, start, beat, beats, home=bar % 4 == 3 or bar >= bars - 1, plucked=tune is plucked_string
        )
        if bar % 4 == 3:
            motif[2:] = [(step + int(dice.integers(-1, 2))) % 5 for step in motif[2:]]
    end = bars * beats * beat
    for index, note in enumerate([key.chord(1).bass(40), *key.chord(1).near(52), *key.chord(1).near(60)]):
        canvas.play(plucked_string, note, end + 0.018 * index, RING_S, 0.5)
    return master(reverberate(canvas.samples, 0.8, 0.14), piece.peak_dbfs)


def _pick(canvas: Canvas, chord: Chord, start: float, beat: float) -> None:
    """Travis picking: thumb on the beats between root and fifth, fingers between them."""
    root, fifth = chord.bass(40), chord.bass(40) + chord.tones[2]
    for quarter, note in enumerate((root, fifth, root, fifth)):
        canvas.play(plucked_string, note, start + quarter * beat, beat * 1.2, 0.75)
    high = chord.near(57)
    for at, finger in ((0.5, 0), (1, 2), (1.5, 1), (2.5, 0), (3, 2), (3.5, 1)):
        canvas.play(plucked_string, high[finger], start + at * beat, beat * 1.1, 0.42, -0.3)


def _strum(canvas: Canvas, chord: Chord, start: float, beat: float, beats: int) -> None:
    """Bass on one and in the middle, chords on every beat, light up-strokes between; the fifth sounds least."""
    for at in (0, 2):
        canvas.play(plucked_string, chord.bass(40), start + at * beat, 2 * beat * 0.9, 0.9)
    fifth = (chord.root + chord.tones[2]) % 12
    strings = [*chord.near(52), *chord.near(60)]
    for at in range(beats):
        for index, note in enumerate(strings):
            canvas.play(
                plucked_string,
                note,
                start + at * beat + 0.007 * index,
                beat * 0.9,
                0.13 if note % 12 == fifth else 0.28,
                -0.35,
            )
        for index, note in enumerate(strings[:2:-1]):
            canvas.play(plucked_string, note, start + (at + 0.5) * beat + 0.007 * index, beat * 0.45, 0.12, -0.35)


def _sing(
    canvas: Canvas, key: Key, motif: list[int], start: float, beat: float, beats: int, home: bool, plucked: bool
) -> None:
    """A tune on the five-note scale, one note a beat, that comes home to the tonic."""
    instrument = plucked_string if plucked else flute
    if home:
        canvas.play(instrument, key.degree(3, 69), start, beat * 0.95, 0.4, 0.3)
        canvas.play(instrument, key.degree(1, 69), start + beat, beat * (beats - 1) * 0.95, 0.45, 0.3)
        return
    scale = PENTATONIC[key.mode]
    for at in range(beats):
        canvas.play(instrument, key.degree(scale[motif[at]], 69), start + at * beat, beat * 0.92, 0.4, 0.3)


STYLES = {"fingerpicking": fingerpicking, "strumming": strumming, "waltz": waltz}
