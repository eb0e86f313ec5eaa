"""The compliance signals of EBU Tech 3341 and 3342, and ffmpeg's own meter as a second opinion."""

from __future__ import annotations

import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.audio.loudness import Loudness, LoudnessMeter, TruePeakMeter
from tests.include.audio.signals import pink_noise, sine, wav_bytes, write

RATE_HZ = 48_000


def measured(samples: np.ndarray, rate_hz: int = RATE_HZ, layout: str | None = None, block: int = 65536) -> Loudness:
    planes = np.atleast_2d(samples)
    meter = LoudnessMeter(rate_hz, layout or {1: "mono", 2: "stereo"}[len(planes)])
    for at in range(0, planes.shape[1], block):
        meter.add(planes[:, at : at + block])
    return meter.result()


def steps(*levels_and_seconds: tuple[float, float]) -> np.ndarray:
    """A stereo sine of 1 kHz in steps of level."""
    mono = np.concatenate([sine(1000, seconds, level, RATE_HZ) for level, seconds in levels_and_seconds])
    return np.stack([mono, mono])


@pytest.mark.parametrize(
    ("signal", "lufs"),
    [
        (steps((-23, 20)), -23.0),
        (steps((-33, 20)), -33.0),
        (steps((-36, 10), (-23, 60), (-36, 10)), -23.0),
        (steps((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)), -23.0),
        (steps((-26, 20), (-20, 20.1), (-26, 20)), -23.0),
    ],
    ids=["case 1", "case 2", "case 3", "case 4", "case 5"],
)
def test_integrated_loudness_meets_ebu_tech_3341(signal, lufs):
    assert measured(signal).loudness_lufs == pytest.approx(lufs, abs=0.1)


def test_surround_channels_are_weighted_as_in_ebu_tech_3341_case_6():
    left, centre, surround = (sine(1000, 20, level, RATE_HZ) for level in (-28, -24, -30))
    assert measured(np.stack([left, left, centre, surround, surround]), layout="5.0").loudness_lufs == pytest.approx(
        -23, abs=0.1
    )


@pytest.mark.parametrize(
    ("signal", "range_lu"),
    [
        (steps((-20, 20), (-30, 20)), 10),
        (steps((-20, 20), (-15, 20)), 5),
        (steps((-40, 20), (-20, 20)), 20),
        (steps((-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)), 15),
    ],
    ids=["case 1", "case 2", "case 3", "case 4"],
)
def test_loudness_range_meets_ebu_tech_3342(signal, range_lu):
    assert measured(signal).loudness_range_lu == pytest.approx(range_lu, abs=1)


@pytest.mark.parametrize(
    ("divisor", "phase_deg", "amplitude", "dbtp"),
    [(4, 0, 0.5, -6.0), (4, 45, 0.5, -6.0), (6, 60, 0.5, -6.0), (8, 67.5, 0.5, -6.0), (4, 45, 1.41, 3.0)],
)
def test_true_peak_meets_ebu_tech_3341_cases_15_to_19(divisor, phase_deg, amplitude, dbtp):
    tone = sine(RATE_HZ / divisor, 2, 20 * np.log10(amplitude), RATE_HZ, np.radians(phase_deg))
    fade = np.minimum(1, np.minimum(np.arange(len(tone)), np.arange(len(tone))[::-1]) / 4800).astype(np.float32)

    assert -0.4 <= measured(tone * fade).true_peak_dbtp - dbtp <= 0.2


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 6000), cut=st.integers(1, 700), sharp=st.booleans())
def test_leaving_stretches_out_does_not_change_the_true_peak(seed, size, cut, sharp):
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((2, size)).astype(np.float32) ** (5 if sharp else 1)
    meter = TruePeakMeter(RATE_HZ)
    for at in range(0, size, cut):
        meter.add(samples[:, at : at + cut])

    every = [float(np.abs(samples).max())]
    if size >= meter.WIDTH:
        every.append(
            float(np.abs(np.lib.stride_tricks.sliding_window_view(samples, meter.WIDTH, axis=1) @ meter._taps).max())
        )
    assert meter.finish() == pytest.approx(max(every), rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(block=st.integers(1, 30_000), rate_hz=st.sampled_from([8000, 22050, 48000]))
def test_the_size_of_the_blocks_does_not_matter(block, rate_hz):
    noise = np.stack([pink_noise(4, -25, rate_hz, seed) for seed in (1, 2)])
    block = max(block, noise.shape[1] // 300)

    whole, parts = measured(noise, rate_hz, block=10**9), measured(noise, rate_hz, block=block)

    assert parts.loudness_lufs == pytest.approx(whole.loudness_lufs, abs=0.01)
    assert parts.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp, abs=0.001)
    assert parts.rms_dbfs == pytest.approx(whole.rms_dbfs, abs=0.001)
    assert parts.silence_share == whole.silence_share


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (22050, 1), (44100, 2), (96000, 2)])
def test_ffmpeg_hears_the_same(tmp_path, rate_hz, channels):
    swell = 0.2 + np.abs(np.sin(np.arange(12 * rate_hz) / rate_hz))
    planes = np.stack([(pink_noise(12, -22, rate_hz, seed) * swell) for seed in range(channels)]).astype(np.float32)
    path = write(tmp_path / "noise.wav", wav_bytes(planes, rate_hz))
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-nostats",
        "-i",
        str(path),
        "-af",
        "ebur128=peak=true",
        "-f",
        "null",
        "-",
    ]
    summary = subprocess.run(command, capture_output=True, text=True, check=True).stderr.rsplit("Summary:", 1)[1]
    theirs = {name: float(re.search(rf"\b{name}:\s+(-?[\d.]+)", summary)[1]) for name in ("I", "LRA", "Peak")}

    ours = measured(planes, rate_hz)

    assert ours.loudness_lufs == pytest.approx(theirs["I"], abs=0.1)
    assert ours.loudness_range_lu == pytest.approx(theirs["LRA"], abs=0.1)
    assert ours.true_peak_dbtp == pytest.approx(theirs["Peak"], abs=0.3)


def test_digital_silence_has_no_loudness_rather_than_a_huge_negative_one():
    assert measured(np.zeros((2, 5 * RATE_HZ), np.float32)) == Loudness(None, None, None, None, 1.0)


def test_a_sound_shorter_than_a_gating_block_has_a_peak_but_no_loudness():
    short = measured(sine(1000, 0.39, -6, RATE_HZ))
    assert short.loudness_lufs is None
    assert short.true_peak_dbtp == pytest.approx(-6, abs=0.1)
    assert measured(sine(1000, 0.41, -6, RATE_HZ)).loudness_lufs is not None


def test_a_range_needs_three_seconds():
    assert measured(sine(1000, 2.9, -20, RATE_HZ)).loudness_range_lu is None
    assert measured(sine(1000, 4.0, -20, RATE_HZ)).loudness_range_lu == pytest.approx(0, abs=0.1)


def test_rms_of_a_full_scale_sine_is_three_decibels_below_full_scale():
    assert measured(sine(1000, 1, 0, RATE_HZ)).rms_dbfs == pytest.approx(-3.01, abs=0.01)


def test_silence_is_counted_by_frames_and_an_offset_is_no_sound():
    half = np.concatenate([sine(1000, 2, -20, RATE_HZ), np.zeros(2 * RATE_HZ, np.float32)])
    assert measured(half).silence_share == pytest.approx(0.5, abs=0.01)
    assert measured(half + 0.25).silence_share == pytest.approx(0.5, abs=0.01)
    assert measured(np.full(RATE_HZ, 0.5, np.float32)).silence_share == 1.0


def test_a_single_sample_is_measured():
    assert measured(np.full((1, 1), 0.5, np.float32)).true_peak_dbtp == pytest.approx(-6.02, abs=0.01)
