"""Cutting sound at its pauses: nothing spoken is lost, no piece is too long."""

from __future__ import annotations

import numpy as np
import pytest

from aws_emulator.services.transcribe.voice import MARGIN_S, spans_of_speech, stretches
from tests.docker.aws.transcribe.conftest import hum, silence


@pytest.fixture
def sound(tmp_path):
    def write(*parts):
        file = tmp_path / "sound.raw"
        np.concatenate(parts).tofile(file)
        return file

    return write


def test_silence_is_no_speech(sound):
    assert list(stretches(sound(silence(3.0)), 8.0, 30.0)) == []


def test_a_voice_is_found_where_it_is(sound):
    file = sound(silence(1.0), hum(2.0), silence(1.0), hum(3.0), silence(2.0))
    found = list(spans_of_speech(file))
    assert len(found) == 2
    assert found[0] == (pytest.approx(1.0, abs=0.1), pytest.approx(3.0, abs=0.3))
    assert found[1] == (pytest.approx(4.0, abs=0.1), pytest.approx(7.0, abs=0.3))


def test_speech_that_lasts_to_the_end_of_the_file_is_found(sound):
    [(start_s, end_s)] = spans_of_speech(sound(silence(1.0), hum(1.0)))
    assert (start_s, end_s) == (pytest.approx(1.0, abs=0.1), pytest.approx(2.0, abs=0.05))


def test_neighbours_are_joined_with_a_margin(sound):
    file = sound(silence(1.0), hum(2.0), silence(1.0), hum(2.0), silence(2.0))
    [(start_s, pcm)] = stretches(file, 8.0, 30.0)
    assert start_s == pytest.approx(1.0 - MARGIN_S, abs=0.1)
    assert len(pcm) / 32_000 == pytest.approx(5.0 + 2 * MARGIN_S, abs=0.3)


def test_speech_without_a_pause_is_cut_at_its_quietest_moment(sound):
    breath = (hum(0.1) // 50).astype("<i2")
    file = sound(hum(8.0), breath, hum(8.0))
    pieces = list(stretches(file, 8.0, 10.0))
    assert [round(start_s, 1) for start_s, _ in pieces] == [0.0, 8.0] or pieces[1][0] == pytest.approx(8.05, abs=0.06)
    whole = b"".join(pcm for _, pcm in pieces)
    assert whole == file.read_bytes()  # nothing lost, nothing twice


def test_no_piece_is_longer_than_allowed(sound):
    pieces = list(stretches(sound(hum(61.0)), 8.0, 10.0))
    assert max(len(pcm) for _, pcm in pieces) / 32_000 <= 10.0 + 2 * MARGIN_S
    assert sum(len(pcm) for _, pcm in pieces) == 61 * 32_000
