"""Swing: walking bass, ride cymbal, comping chords and a line above them, over ii-V-I turnarounds."""

from __future__ import annotations

from sources_emulator.composing.canvas import Canvas, Instrument, Wave, master, reverberate
from sources_emulator.composing.instruments import closed_hat, flute, kick, piano, ride, upright_bass, vibraphone
from sources_emulator.composing.piece import RING_S, Piece
from sources_emulator.composing.theory import Key

SWING = 2 / 3  # the off-beat eighth falls on the last third of the beat
MAJOR_BARS = ((1, 6), (2, 5), (1, 1), (2, 5), (1, 4), (1, 6), (2, 5), (1, 1))  # two chords a bar, by degree
MINOR_BARS = ((1, 1), (4, 4), (1, 1), (2, 5), (1, 1), (4, 6), (2, 5), (1, 1))


def swing_trio(piece: Piece) -> Wave:
    return _swing(piece, melody=piano, comp=piano, ballad=False)


def vibes_quartet(piece: Piece) -> Wave:
    return _swing(piece, melody=vibraphone, comp=piano, ballad=False)


def slow_ballad(piece: Piece) -> Wave:
    return _swing(piece, melody=flute, comp=piano, ballad=True)


def _swing(piece: Piece, melody: Instrument, comp: Instrument, ballad: bool) -> Wave:
    key, beat, dice = piece.tonality, piece.beat_s, piece.dice()
    canvas, bars = piece.canvas(4), piece.bars(4)
    changes = MAJOR_BARS if key.mode == "major" else MINOR_BARS
    step = 3  # where the melody stands on the scale
    for bar in range(bars):
        start = bar * 4 * beat
        first, second = (1, 1) if bar in (0, bars - 1) else changes[bar % 8]
        after = 1 if bar + 1 >= bars - 1 else changes[(bar + 1) % 8][0]
        _walk(canvas, key, (first, second, after), start, beat)
        _cymbals(canvas, start, beat, soft=ballad)
        rhythm = (
            ((0.0, first), (1 + SWING, first), (2.0, second)) if bar % 2 == 0 else ((0.0, first), (2 + SWING, second))
        )
        for at, degree in rhythm:
            for note in key.chord(degree, 4 if degree != 1 else 3).near(53):
                canvas.play(comp, note, start + at * beat, beat * 0.9, 0.20, -0.3)
        if bar % 4 == 3 or bar == bars - 1:  # breathe, and land on the tonic
            canvas.play(melody, key.degree(1, 67), start, beat * 1.8, 0.42, 0.25)
            step = 3
            continue
        chord_steps = ((first - 1) % 7, (first + 1) % 7, (first + 3) % 7)
        for eighth in range(8):
            on_beat, quarter = eighth % 2 == 0, eighth // 2
            if dice.random() < (0.55 if ballad else 0.25) and eighth not in (0, 4):
                continue
            step += int(dice.choice((-2, -1, -1, 1, 1, 2)))
            step = max(-1, min(10, step))
            if on_beat and step % 7 not in chord_steps:
                step += 1 if (step + 1) % 7 in chord_steps else -1
            at = start + (quarter + (0 if on_beat else SWING)) * beat
            length = beat * (SWING if on_beat else 1 - SWING) * (1.6 if ballad else 1.0)
            gain = 0.36 if on_beat else 0.27
            canvas.play(melody, key.degree(step + 1, 67), at, length, gain, 0.25)
    end = bars * 4 * beat
    for note in [*key.chord(1).near(53), key.degree(1, 67)]:
        canvas.play(comp, note, end, RING_S, 0.28, -0.1)
    canvas.play(upright_bass, key.chord(1).bass(33), end, RING_S, 0.6)
    canvas.play(ride, 0, end, 1.2, 0.3, 0.4)
    return master(reverberate(canvas.samples, 1.1, 0.16), piece.peak_dbfs)


def _walk(canvas: Canvas, key: Key, degrees: tuple[int, int, int], start: float, beat: float) -> None:
    """Four quarters: root, fifth or third, the second chord's root, and a step from below into the next root."""
    first, second, after = degrees
    root, target = key.chord(first).bass(33), key.chord(after).bass(33)
    fifth = root + key.chord(first).tones[2]
    turn = key.chord(second).bass(33) if second != first else root + key.chord(first).tones[1]
    approach = target - 1 if key.chord(after).root in (key.tonic, key.chord(5).root) else key.chord(second).bass(33) + 7
    for quarter, note in enumerate((root, fifth, turn, approach)):
        canvas.play(upright_bass, note, start + quarter * beat, beat * 0.95, 0.62 if quarter % 2 == 0 else 0.55)


def _cymbals(canvas: Canvas, start: float, beat: float, soft: bool) -> None:
    gain = 0.6 if soft else 1.0
    for at, accent in ((0, 1.0), (1, 0.85), (1 + SWING, 0.5), (2, 1.0), (3, 0.85), (3 + SWING, 0.5)):
        canvas.play(ride, 0, start + at * beat, 0.5, 0.42 * accent * gain, 0.4)
    for at in (1, 3):
        canvas.play(closed_hat, 0, start + at * beat, 0.08, 0.55 * gain, -0.4)
    for at in range(4):
        canvas.play(kick, 0, start + at * beat, 0.22, 0.22 * gain)


STYLES = {"swing_trio": swing_trio, "vibes_quartet": vibes_quartet, "slow_ballad": slow_ballad}
