"""Slow pads over a drone; the beat is there, but only as soft bells."""

from __future__ import annotations

from sources_emulator.composing.canvas import Wave, master, reverberate
from sources_emulator.composing.instruments import flute, soft_bell, stomp, warm_pad
from sources_emulator.composing.noises import band, drift, shaped_noise
from sources_emulator.composing.piece import RING_S, Piece

MAJOR_BARS = (1, 4, 1, 5, 1, 6, 4, 1)
MINOR_BARS = (1, 6, 1, 4, 1, 4, 5, 1)


def bell_pads(piece: Piece) -> Wave:
    """Pads with a bell on every beat: a weak, even pulse."""
    return _pads(piece, bell_every=1.0, breath=0.02, pulse=0.25)


def drifting_pads(piece: Piece) -> Wave:
    """Pads, a bell on every beat, a flute far away."""
    return _pads(piece, bell_every=1.0, breath=0.05, pulse=0.12, far_flute=True)


def pulsing_pads(piece: Piece) -> Wave:
    """Pads over a heartbeat."""
    return _pads(piece, bell_every=0.5, breath=0.03, pulse=0.6)


def _pads(piece: Piece, bell_every: float, breath: float, pulse: float, far_flute: bool = False) -> Wave:
    key, beat, dice = piece.tonality, piece.beat_s, piece.dice()
    canvas, bars = piece.canvas(4), piece.bars(4)
    degrees = MAJOR_BARS if key.mode == "major" else MINOR_BARS
    for bar in range(bars):
        start = bar * 4 * beat
        degree = 1 if bar in (0, bars - 1) else degrees[bar % 8]
        chord = key.chord(degree)
        hold = 4 * beat + min(1.0, beat)
        for index, note in enumerate(chord.near(55)):
            canvas.play(warm_pad, note, start, hold, 0.5, -0.5 + 0.5 * index)
        canvas.play(warm_pad, chord.bass(40), start, hold, 0.6)
        canvas.play(warm_pad, key.chord(1).bass(36), start, hold, 0.35)  # the drone keeps the tonic in the ear
        arpeggio = chord.near(72)
        for index in range(round(4 / bell_every)):
            note = arpeggio[index % 3] if index else chord.near(72)[0]
            accent = 1.0 if index * bell_every % 4 == 0 else 0.7
            canvas.play(soft_bell, note, start + index * bell_every * beat, 1.6, 0.34 * accent, 0.5 * (-1) ** index)
        if pulse:
            for at in (0, 1, 2, 3):
                canvas.play(stomp, 0, start + at * beat, 0.3, pulse * (1.0 if at % 2 == 0 else 0.7))
        if far_flute and bar % 2 == 1:
            canvas.play(flute, key.degree(int(dice.choice((1, 3, 5))), 72), start + beat, 2.5 * beat, 0.12, 0.3)
    end = bars * 4 * beat
    for note in [*key.chord(1).near(55), key.chord(1).bass(40)]:
        canvas.play(warm_pad, note, end - 0.2, RING_S + 0.2, 0.6)
    size = canvas.samples.shape[1]
    wind = shaped_noise(size, dice, band(200, 1200, 1.5)) * drift(size, dice, 4, 0.1, 1.0)
    canvas.add(wind, 0, breath)
    return master(reverberate(canvas.samples, 2.8, 0.45), piece.peak_dbfs, fade_s=0.8)


STYLES = {"bell_pads": bell_pads, "drifting_pads": drifting_pads, "pulsing_pads": pulsing_pads}
