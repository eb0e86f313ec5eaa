from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.audio.spectrum import Frames, frames_of
from include.audio.voice import COEFFICIENTS, VoiceMeasures, class_probabilities, measure_voice, tell_voice
from tests.include.audio.signals import RATE_HZ, babble, cadence, drums, pink_noise, sine, tone


@pytest.mark.parametrize("seed", range(6))
def test_talking_is_a_voice(seed):
    voice = tell_voice([frames_of(babble(7, pitch_hz=95 + 28 * seed, seed=1000 + seed))])

    assert voice.voice == "voice"
    assert voice.confidence > 0.5


def test_a_single_word_of_half_a_second_is_a_voice():
    spoken = babble(3, seed=1004)
    loud = int(np.abs(spoken[:RATE_HZ]).argmax())
    assert tell_voice([frames_of(spoken[max(0, loud - RATE_HZ // 4) :][: RATE_HZ * 6 // 10])]).voice == "voice"


@pytest.mark.parametrize(
    "samples",
    [
        cadence("C", "major"),
        cadence("F#", "minor", chord_s=0.4),
        drums(100, 8),
        drums(160, 8, seed=5),
        tone(60, 5),
        sine(440, 4),
        pink_noise(8),
        cadence("G", "major", repeats=3)[: 8 * RATE_HZ]
        + 0.4 * drums(75, 8)[: len(cadence("G", "major", repeats=3)[: 8 * RATE_HZ])],
    ],
    ids=["chords", "fast chords", "drums", "fast drums", "one note", "tone", "noise", "band"],
)
def test_music_and_noise_are_instrumental(samples):
    assert tell_voice([frames_of(samples)]).voice == "instrumental"


def test_a_talk_with_music_in_between_is_mixed():
    talk = np.concatenate([babble(18, seed=1010), cadence("C", "major", repeats=6)[: 18 * RATE_HZ]])
    assert tell_voice([frames_of(talk)]).voice == "mixed"


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_silent(level):
    noise = level * np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    assert tell_voice([frames_of(noise)]) == tell_voice([]) or tell_voice([frames_of(noise)]).voice == "silent"


def test_the_share_of_a_voice_is_that_of_the_whole_time():
    talk, music = babble(9, seed=1010), cadence("C", "major", repeats=3)[: 9 * RATE_HZ]
    talking, playing, resting = (frames_of(samples) for samples in (talk, music, np.zeros_like(music)))
    alone = tell_voice([talking]).share

    assert alone > 0.8
    assert tell_voice([talking, playing]).share == pytest.approx(alone / 2, abs=0.02)
    assert tell_voice([talking, playing, resting]).share == pytest.approx(alone / 3, abs=0.02)
    assert tell_voice([playing, resting]).share == 0


def test_silence_has_no_share_of_a_voice():
    assert tell_voice([]).share == tell_voice([frames_of(np.zeros(RATE_HZ, np.float32))]).share == 0


def test_a_quiet_voice_is_a_voice():
    assert tell_voice([frames_of(0.02 * babble(6, seed=1003))]).voice == "voice"


@settings(max_examples=40, deadline=None)
@given(size=st.integers(0, 5000), level=st.floats(1e-4, 8), seed=st.integers(0, 99))
def test_every_measure_of_the_shortest_sound_is_finite(size, level, seed):
    frames = frames_of((level * np.random.default_rng(seed).standard_normal(size)).astype(np.float32))
    measures = measure_voice(frames)

    assert all(np.isfinite(getattr(measures, name)) for name in COEFFICIENTS)
    assert class_probabilities(measures).sum() == pytest.approx(1)


def test_the_table_of_coefficients_names_the_measures_in_their_order():
    assert tuple(COEFFICIENTS) == VoiceMeasures.__slots__


def test_frames_can_be_cut_and_keep_their_columns():
    frames = frames_of(babble(2))
    part = frames.part(3, 9)
    assert isinstance(part, Frames)
    assert (len(part), part.mel.shape[0], part.partials.shape[0]) == (6, 6, 6)
