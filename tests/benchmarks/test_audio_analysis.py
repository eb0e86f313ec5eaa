from __future__ import annotations

import pytest

from benchmarks.audio_analysis import decode, ours, warm_table
from benchmarks.synthesis import Piece, play, write_audio


def test_the_piece_that_is_measured_sounds_as_it_was_composed(tmp_path):
    path = write_audio(tmp_path / "piece.mp3", iter([play(Piece(112.0, "F#", "minor", seed=1), 24)]))

    heard = ours(path)

    assert heard["tempo_bpm"] == pytest.approx(112, rel=0.01)
    assert (heard["key"], heard["mode"], heard["voice"]) == ("F#", "minor", "instrumental")
    assert heard["duration_s"] == pytest.approx(24, abs=0.05)


def test_bare_frames_can_be_joined_to_a_file_as_long_as_one_likes(tmp_path):
    frames = write_audio(tmp_path / "bare.mp3", iter([play(Piece(90.0, "C", "major"), 5)]), bare=True).read_bytes()
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(frames * 4)

    assert decode(joined)["duration_s"] == pytest.approx(20, abs=0.3)


def test_ratios_are_to_decoding_and_to_plain_librosa():
    seconds = {"decode": 0.5, "ours": 2.0, "plain librosa": 20.0}
    table = warm_table({way: {"wall_s": value, "cpu_s": value} for way, value in seconds.items()})

    assert "| ours | 2.00 | 2.00 | 4.0 | 1/10.0 |" in table
