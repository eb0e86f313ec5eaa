"""The music is what its truth says, and the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from sources_emulator.campaigns import ITEMS
from sources_emulator.catalogue import checked
from sources_emulator.composing.canvas import RATE
from sources_emulator.composing.instruments import plucked_string
from sources_emulator.composing.piece import Piece
from sources_emulator.composing.styles import STYLES, compose
from sources_emulator.composing.theory import pitch_class
from sources_emulator.rendering import ENCODINGS, encode

MUSIC = [track.piece for item in ITEMS for track in item.tracks if track.piece.tempo_bpm]


def test_the_catalogue_keeps_its_own_rules():
    items = checked(ITEMS)
    assert {track.piece.style for item in items for track in item.tracks} <= set(STYLES)
    assert {track.piece.mode for item in items for track in item.tracks} == {"major", "minor", None}
    tempi = [piece.tempo_bpm for piece in MUSIC]
    assert min(tempi) >= 70
    assert max(tempi) <= 150


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_piece_is_the_same_samples_twice_and_within_bounds(style):
    piece = Piece(style, 4, 120, "D", "minor", seed="test")
    first, second = compose(piece), compose(piece)
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert first.shape[0] == 2
    assert np.isfinite(first).all()
    assert np.abs(first).max() <= 1


def test_another_seed_is_another_piece():
    assert not np.array_equal(compose(Piece("rain", 2, seed="a")), compose(Piece("rain", 2, seed="b")))


def tempo_by_autocorrelation(samples: np.ndarray) -> float:
    """Beats per minute, 70 to 150, at which the onset strength of the sum of both channels repeats itself best."""
    mono, hop = samples.mean(axis=0), 256
    frames = np.lib.stride_tricks.sliding_window_view(mono, 1024)[::hop] * np.hanning(1024)
    spectrum = np.log1p(100 * np.abs(np.fft.rfft(frames)))
    onset = np.maximum(np.diff(spectrum, axis=0), 0).sum(axis=1)
    onset = onset - onset.mean()
    strength = np.fft.irfft(np.abs(np.fft.rfft(onset, 2 * len(onset))) ** 2)[: len(onset)]
    tempi = np.arange(70, 150.5, 0.5)
    lags = 60 / tempi * RATE / hop
    scores = sum(np.interp(lags * beats, np.arange(len(strength)), strength) for beats in (1, 2, 4))
    return float(tempi[np.argmax(scores)])


@pytest.mark.parametrize(
    "piece", [piece for piece in MUSIC if piece.style == "four_on_the_floor"][:4], ids=lambda piece: piece.seed
)
def test_the_onsets_of_an_electronic_piece_repeat_at_the_declared_tempo(piece):
    assert tempo_by_autocorrelation(compose(piece)) == pytest.approx(piece.tempo_bpm, abs=1)


def chroma(samples: np.ndarray) -> np.ndarray:
    """Share of the energy between 50 Hz and 1 kHz that falls on each of the twelve pitch classes."""
    spectrum = np.abs(np.fft.rfft(samples.mean(axis=0)))
    hertz = np.fft.rfftfreq(samples.shape[1], 1 / RATE)
    heard = (hertz > 50) & (hertz < 1000)
    classes = np.round(12 * np.log2(hertz[heard] / 440) + 69).astype(int) % 12
    shares = np.bincount(classes, weights=spectrum[heard] ** 2, minlength=12)
    return shares / shares.sum()


@pytest.mark.parametrize("piece", MUSIC[::5], ids=lambda piece: piece.seed)
def test_the_third_of_the_declared_mode_outweighs_the_other_third(piece):
    shares, tonic = chroma(compose(piece)), pitch_class(piece.key)
    minor, major = shares[(tonic + 3) % 12], shares[(tonic + 4) % 12]
    assert (major > minor) == (piece.mode == "major")
    assert shares[tonic] > 1 / 12


@pytest.mark.parametrize("midi", [40, 52, 64, 76])
def test_a_plucked_string_is_in_tune(midi):
    wave = plucked_string(midi, 1.0)[4096 : 4096 + 32768]
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 20))
    expected = 440 * 2 ** ((midi - 69) / 12)
    hertz = np.fft.rfftfreq(1 << 20, 1 / RATE)
    near = (hertz > expected * 0.94) & (hertz < expected * 1.06)
    heard = hertz[near][np.argmax(spectrum[near])]
    assert abs(1200 * np.log2(heard / expected)) < 4  # cents


@pytest.mark.parametrize("ending", sorted(ENCODINGS))
def test_every_ending_decodes_to_the_length_that_was_composed(ending, tmp_path):
    wave = compose(Piece("swing_trio", 5, 120, "F", "major", seed="test"))
    path = tmp_path / f"piece.{ending}"
    encode(wave, ending, path, {"title": "A title"})
    with av.open(str(path)) as media:
        frames = list(media.decode(audio=0))
        rate = media.streams.audio[0].rate
    seconds = sum(frame.samples for frame in frames) / rate
    assert seconds == pytest.approx(wave.shape[1] / RATE, abs=0.06)
    assert max(float(np.abs(frame.to_ndarray()).max()) for frame in frames) > 0


def test_two_renderings_of_one_piece_are_the_same_bytes(tmp_path):
    script = (
        "import sys, json; from pathlib import Path; from sources_emulator.rendering import *\n"
        "piece, endings = Piece('deep_house', 4, 120, 'C', 'minor'), ('mp3', 'ogg', 'flac', 'wav', 'm4a')\n"
        "order = Order(piece, endings, 'A title', 'An artist')\n"
        "home = open_cache(Path(sys.argv[1]))\n"
        "print(json.dumps({ending: file.md5 for ending, file in render(order, home).items()}))"
    )
    home = Path(__file__).resolve().parents[3] / "docker" / "sources"
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", script, str(tmp_path / name)], cwd=home, capture_output=True, check=True
            ).stdout
        )
        for name in ("one", "two")
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0].values())) == 6
