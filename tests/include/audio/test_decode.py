from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.audio.decode import BLOCK_SAMPLES, LOUDEST_SAMPLE, MonoResampler, _joined, decode_blocks
from tests.include.audio.signals import encoded, pink_noise, sine, wav_bytes, write


def decoded(path) -> np.ndarray:
    return np.concatenate([block.samples for block in decode_blocks(path)], axis=1)


def test_samples_come_out_as_they_went_in(tmp_path):
    stereo = np.stack([pink_noise(4, seed=1), pink_noise(4, seed=2)])
    path = write(tmp_path / "a.wav", wav_bytes(stereo))

    np.testing.assert_array_equal(decoded(path), stereo)


def test_blocks_are_of_one_size_but_for_the_last(tmp_path):
    path = write(tmp_path / "a.flac", encoded(sine(440, 10), "flac", "flac"))

    sizes = [block.samples.shape for block in decode_blocks(path)]

    assert sizes == [(1, BLOCK_SAMPLES)] * 3 + [(1, 220_500 - 3 * BLOCK_SAMPLES)]


@pytest.mark.parametrize(
    ("muxer", "encoder", "rate_hz"),
    [
        ("mp3", "mp3", 44100),
        ("ipod", "aac", 44100),
        ("ogg", "libopus", 48000),
        ("matroska", "aac", 48000),
        ("mp3", "mp3", 22050),
    ],
)
def test_what_an_encoder_pads_does_not_count_as_duration(tmp_path, muxer, encoder, rate_hz):
    path = write(tmp_path / "a", encoded(sine(440, 3.21, rate_hz=rate_hz), muxer, encoder, rate_hz))

    assert decoded(path).shape[1] / rate_hz == pytest.approx(3.21, abs=0.05)


def test_a_truncated_file_gives_what_is_there(tmp_path):
    whole = encoded(sine(440, 10, rate_hz=44100), "mp3", "mp3", 44100)
    path = write(tmp_path / "cut.mp3", whole[: len(whole) // 2])

    assert decoded(path).shape[1] / 44100 == pytest.approx(5, abs=0.2)


def test_a_damaged_stretch_costs_only_itself(tmp_path):
    content = bytearray(encoded(sine(440, 10, rate_hz=44100), "mp3", "mp3", 44100))
    content[40_000:43_000] = b"\xaa" * 3000
    path = write(tmp_path / "hurt.mp3", bytes(content))

    assert decoded(path).shape[1] / 44100 == pytest.approx(10, abs=0.5)


def test_a_stream_that_changes_rate_and_channels_is_converted_to_how_it_began(tmp_path):
    slow = encoded(sine(440, 2, rate_hz=22050), "mp3", "mp3", 22050)
    fast = encoded(np.stack([sine(440, 2, rate_hz=44100)] * 2), "mp3", "mp3", 44100)
    path = write(tmp_path / "joined.mp3", slow + fast[fast.index(b"\xff\xfb") :])

    blocks = list(decode_blocks(path))

    assert {(block.sample_rate_hz, block.samples.shape[0]) for block in blocks} == {(22050, 1)}
    assert sum(block.samples.shape[1] for block in blocks) / 22050 == pytest.approx(4, abs=0.2)


def test_nan_becomes_silence_and_infinity_the_loudest_sample(tmp_path):
    samples = sine(440, 1)
    samples[100:200], samples[300], samples[301], samples[302] = np.nan, np.inf, -np.inf, 1e30
    path = write(tmp_path / "nan.wav", wav_bytes(samples))

    out = decoded(path)[0]

    assert np.isfinite(out).all()
    assert not out[100:200].any()
    assert out[300:303].tolist() == [LOUDEST_SAMPLE, -LOUDEST_SAMPLE, LOUDEST_SAMPLE]
    np.testing.assert_array_equal(out[400:], samples[400:])


def test_many_channels_are_decoded(tmp_path):
    planes = np.stack([sine(200 + 50 * channel, 1) for channel in range(11)])
    path = write(tmp_path / "many.wav", wav_bytes(planes))

    np.testing.assert_array_equal(decoded(path), planes)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 3 * BLOCK_SAMPLES // 2), max_size=6))
def test_joining_pieces_keeps_every_sample_in_order(sizes):
    total = sum(sizes)
    source = np.arange(total, dtype=np.float32)[None, :]
    pieces = np.split(source, np.cumsum(sizes)[:-1], axis=1) if sizes else []

    blocks = list(_joined(pieces))

    assert all(block.shape[1] == BLOCK_SAMPLES for block in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate([source[:, :0], *blocks], axis=1), source)


def test_resampling_in_blocks_keeps_length_and_pitch():
    resampler = MonoResampler(44100, 22050)
    tone = sine(1000, 3, rate_hz=44100)
    out = np.concatenate(
        [*(resampler.add(tone[None, at : at + 7777]) for at in range(0, len(tone), 7777)), resampler.finish()]
    )

    assert len(out) == pytest.approx(66150, abs=2)
    np.testing.assert_allclose(out[500:-500], sine(1000, 3)[500 : len(out) - 500], atol=2e-3)


def test_channels_that_cancel_out_are_not_mixed_to_silence():
    tone = sine(1000, 1)
    resampler = MonoResampler(22050, 22050)
    out = np.concatenate([resampler.add(np.stack([tone, -tone])), resampler.finish()])

    assert np.abs(out).max() == pytest.approx(np.abs(tone).max(), rel=0.01)
