from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from include.audio.__main__ import main
from include.audio.analyse import analyse_audio
from include.audio.errors import AudioError
from include.audio.probe import probe_audio
from include.catalog.records import AudioFeatures, record_to_json
from tests.ground import ROOT
from tests.include.audio.signals import (
    RATE_HZ,
    babble,
    cadence,
    cover_frame,
    drums,
    encoded,
    id3_tag,
    pink_noise,
    sine,
    wav_bytes,
    write,
)


def analysed(path) -> AudioFeatures:
    return analyse_audio(
        path, asset_id="a1", original_name="A.mp3", attribution_required=True, attribution_text="A by B"
    )


def band(tempo_bpm: float, key: str, mode: str, duration_s: float) -> np.ndarray:
    chords = cadence(key, mode, repeats=int(duration_s / (8 * 60 / tempo_bpm)) + 1, chord_s=2 * 60 / tempo_bpm)
    size = round(duration_s * RATE_HZ)
    return (0.6 * chords[:size] + 0.5 * drums(tempo_bpm, duration_s)[:size]).astype(np.float32)


def test_a_piece_of_music_gets_a_whole_record(tmp_path):
    path = write(tmp_path / "a.mp3", encoded(band(108, "E", "minor", 24), "mp3", "mp3"))

    features = analysed(path)

    assert (features.asset_id, features.original_name) == ("a1", "A.mp3")
    assert (features.attribution_required, features.attribution_text) == (True, "A by B")
    assert features.duration_s == pytest.approx(24, abs=0.05)
    assert (features.sample_rate_hz, features.channels, features.codec) == (RATE_HZ, 1, "mp3")
    assert -40 < features.loudness_lufs < -5
    assert features.tempo_bpm == pytest.approx(108, rel=0.01)
    assert features.tempo_bpm in features.tempo_candidates_bpm
    assert (features.key, features.mode) == ("E", "minor")
    assert (features.voice, features.speech_share) == ("instrumental", 0)
    assert features.windows == "whole"


def test_the_record_has_the_fields_of_the_contract_in_their_order_and_is_json(tmp_path):
    record = json.loads(record_to_json(analysed(write(tmp_path / "a.wav", wav_bytes(sine(440, 1))))))

    assert list(record) == [field.name for field in fields(AudioFeatures)]
    assert list(record)[:6] == ["asset_id", "original_name", "duration_s", "sample_rate_hz", "channels", "codec"]


def test_speech_has_neither_tempo_nor_key(tmp_path):
    features = analysed(write(tmp_path / "talk.wav", wav_bytes(babble(8, seed=1001))))

    assert features.voice == "voice"
    assert features.speech_share > 0.8
    assert (features.tempo_bpm, features.tempo_candidates_bpm, features.key, features.mode) == (None, (), None, None)


def odd_files() -> dict[str, bytes]:
    tone = sine(440, 2)
    nan = tone.copy()
    nan[1000:2000] = np.nan
    mp3 = encoded(sine(440, 3, rate_hz=44100), "mp3", "mp3", 44100)
    return {
        "silent": wav_bytes(np.zeros((2, 2 * RATE_HZ))),
        "one sample": wav_bytes(np.full(1, 0.5)),
        "eleven samples": wav_bytes(np.linspace(-1, 1, 11)),
        "truncated": mp3[: len(mp3) // 3],
        "cover art": id3_tag(cover_frame(b"\x89PNG\r\n\x1a\n" + bytes(90_000))) + mp3,
        "8 kHz": encoded(sine(440, 2, rate_hz=8000), "wav", "pcm_s16le", 8000),
        "192 kHz": wav_bytes(sine(440, 1, rate_hz=192_000), 192_000),
        "dc offset": wav_bytes(tone * 0.2 + 0.5),
        "only an offset": wav_bytes(np.full(RATE_HZ, 0.7)),
        "video with audio": encoded(sine(440, 2, rate_hz=44100), "mp4", "aac", 44100, picture=True),
        "nan": wav_bytes(nan),
        "all nan": wav_bytes(np.full(RATE_HZ, np.nan)),
        "far too loud": wav_bytes(1e30 * tone),
        "denormal": wav_bytes(np.full(RATE_HZ, 1e-40)),
        "declares four gigabytes": wav_bytes(tone, declared_bytes=0xFFFFFFF0),
        "out of phase": wav_bytes(np.stack([tone, -tone])),
        "seven channels": wav_bytes(np.stack([tone] * 7)),
        "eight channels": wav_bytes(np.stack([tone] * 8)),
        "eleven channels": wav_bytes(np.stack([tone] * 11)),
    }


@pytest.mark.parametrize("kind", odd_files())
def test_an_odd_file_that_passes_the_gate_gets_a_sensible_record(tmp_path, kind):
    path = write(tmp_path / "odd.bin", odd_files()[kind])
    stream = probe_audio(path)

    features = analysed(path)

    record_to_json(features)  # refuses NaN and infinity
    assert (features.sample_rate_hz, features.channels, features.codec) == (
        stream.sample_rate_hz,
        stream.channels,
        stream.codec,
    )
    assert 0 <= features.silence_share <= 1
    assert 0 <= features.speech_share <= 1
    assert features.tempo_bpm is None
    assert 0 < features.duration_s < 4


@pytest.mark.parametrize("kind", ["silent", "only an offset", "all nan", "denormal"])
def test_what_cannot_be_heard_is_silent(tmp_path, kind):
    features = analysed(write(tmp_path / "odd.wav", odd_files()[kind]))

    assert (features.voice, features.speech_share, features.key, features.silence_share) == ("silent", 0, None, 1)
    if kind != "only an offset":  # whose start is a click
        assert features.loudness_lufs is None


def test_the_duration_is_counted_and_not_believed(tmp_path):
    assert analysed(write(tmp_path / "big.wav", odd_files()["declares four gigabytes"])).duration_s == pytest.approx(
        2, abs=0.001
    )


@pytest.mark.parametrize("content", [b"", b"hello", wav_bytes(np.zeros(0))])
def test_what_the_gate_refuses_the_analysis_refuses_alike(tmp_path, content):
    path = write(tmp_path / "a.mp3", content)
    with pytest.raises(AudioError) as at_the_gate:
        probe_audio(path)
    with pytest.raises(type(at_the_gate.value)):
        analysed(path)


def test_a_long_file_is_heard_in_windows_and_measured_whole(tmp_path):
    verse = band(126, "A", "minor", 20)
    long = np.tile(verse, 20)  # six minutes and forty seconds
    path = write(tmp_path / "long.wav", wav_bytes(long))

    features = analysed(path)

    assert features.windows == "sampled"
    assert features.duration_s == pytest.approx(400, abs=0.01)
    assert features.tempo_bpm == pytest.approx(126, rel=0.01)
    assert (features.key, features.mode) == ("A", "minor")


def test_the_same_file_gives_the_same_record(tmp_path):
    path = write(tmp_path / "a.wav", wav_bytes(pink_noise(3) + sine(440, 3)))
    assert analysed(path) == analysed(path)


def test_the_command_prints_a_line_for_each_file_and_fails_when_one_fails(tmp_path, capsys):
    good, bad = write(tmp_path / "good.wav", wav_bytes(sine(440, 1))), write(tmp_path / "bad.mp3", b"<html>")

    assert main([str(good)]) == 0
    assert main([str(good), str(bad), str(tmp_path / "gone.mp3")]) == 1

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("error") for line in lines] == [None, None, "not_audio", "unreadable"]
    assert "HTML" in lines[2]["message"]
    assert lines[0]["original_name"] == "good.wav"


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, include.audio.analyse, include.audio.probe, include.audio.music, include.audio.voice;"
        "print(sorted({'av', 'numpy', 'scipy', 'librosa', 'numba', 'soxr'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_analysing_loads_no_learning_library(tmp_path):
    path = write(tmp_path / "a.wav", wav_bytes(cadence("C", "major")))
    code = (
        "import sys; from include.audio.__main__ import main; main(sys.argv[1:]);"
        "print(sorted({'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
