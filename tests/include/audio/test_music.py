from __future__ import annotations

import numpy as np
import pytest

from include.audio.music import PITCH_CLASSES, Key, Tempo, find_key, find_tempo
from include.audio.spectrum import frames_of
from tests.include.audio.signals import RATE_HZ, cadence, clicks, drums, pink_noise, sine, tone


def tempo_of(samples: np.ndarray) -> Tempo:
    return find_tempo([frames_of(samples)], len(samples) / RATE_HZ)


@pytest.mark.parametrize("tempo_bpm", [62, 75.5, 92, 104.3, 121.7, 137, 158])
@pytest.mark.parametrize("play", [clicks, drums])
def test_the_tempo_of_a_beat_is_found_to_half_a_percent(play, tempo_bpm):
    tempo = tempo_of(play(tempo_bpm, 20))

    nearest = min(tempo.candidates_bpm, key=lambda candidate: abs(candidate - tempo_bpm))
    assert nearest == pytest.approx(tempo_bpm, rel=0.005)
    octaves = np.log2(tempo.tempo_bpm / tempo_bpm)
    assert octaves == pytest.approx(round(octaves), abs=0.01)
    assert tempo.confidence > 0.4


@pytest.mark.parametrize("tempo_bpm", [92, 104.3, 121.7])
def test_half_and_double_stand_among_the_candidates_the_likeliest_first(tempo_bpm):
    tempo = tempo_of(clicks(tempo_bpm, 20))

    assert tempo.candidates_bpm[0] == tempo.tempo_bpm == pytest.approx(tempo_bpm, rel=0.005)
    for factor in (0.5, 2):
        assert any(candidate == pytest.approx(factor * tempo_bpm, rel=0.01) for candidate in tempo.candidates_bpm)


@pytest.mark.parametrize(
    "samples",
    [
        pink_noise(20),
        np.random.default_rng(2).standard_normal(20 * RATE_HZ).astype(np.float32) * 0.1,
        sine(440, 10),
        tone(60, 6),
        np.zeros(10 * RATE_HZ, np.float32),
        clicks(120, 1.0),
        np.zeros(1, np.float32),
        np.zeros(0, np.float32),
    ],
    ids=["pink noise", "white noise", "steady tone", "one note", "silence", "two clicks", "one sample", "no sample"],
)
def test_what_has_no_beat_has_no_tempo(samples):
    assert tempo_of(samples).tempo_bpm is None


def test_a_beat_is_found_in_windows_of_a_long_piece():
    windows = [frames_of(drums(126, 30, seed)) for seed in range(3)]
    assert find_tempo(windows).tempo_bpm == pytest.approx(126, rel=0.005)


def test_a_loop_of_whole_bars_names_its_tempo():
    loop = drums(96, 8 * 60 / 96)  # two bars of four beats, five seconds

    assert any(candidate == pytest.approx(96, rel=0.005) for candidate in tempo_of(loop).candidates_bpm)


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("key", PITCH_CLASSES)
def test_a_cadence_is_heard_in_its_key(key, mode):
    found = find_key([cadence(key, mode)])

    assert (found.key, found.mode) == (key, mode)
    assert found.confidence > 0.4


@pytest.mark.parametrize("cents", [-35, 20, 40])
def test_an_instrument_out_of_tune_is_still_in_its_key(cents):
    found = find_key([cadence("D", "major", cents=cents)])
    assert (found.key, found.mode) == ("D", "major")


def test_keys_are_spelled_with_sharps():
    assert find_key([cadence("A#", "major")]).key == "A#"
    assert not [name for name in PITCH_CLASSES if "b" in name]


@pytest.mark.parametrize(
    "samples", [pink_noise(10), np.zeros(RATE_HZ, np.float32), np.zeros(1, np.float32), drums(120, 10)]
)
def test_what_has_no_pitch_has_no_key(samples):
    found = find_key([samples])
    assert (found.key, found.mode) == (None, None)
    assert found.confidence < 0.3


def test_no_sound_at_all_has_no_key():
    assert find_key([]) == Key(None, None, 0.0)
