"""Decoding: the formats by content, the limits, and every failure in Transcribe's words."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.transcribe import audio
from aws_emulator.services.transcribe.audio import decode, media_format_of
from tests.docker.aws.transcribe.conftest import hum, silence, wav


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp3", ()),
        ("a.mp4", ("-c:a", "aac")),
        ("a.m4a", ("-c:a", "aac", "-f", "ipod")),
        ("a.flac", ()),
        ("a.ogg", ("-c:a", "libvorbis")),
        ("a.webm", ("-c:a", "libopus")),
        ("a.wav", ()),
    ],
)
def test_each_format_is_known_by_its_content(name, options, encode, tmp_path):
    file = encode(name, wav(hum(1.0, 48_000), rate_hz=48_000), *options).rename(tmp_path / "nameless")
    sound = decode(file, tmp_path)
    assert sound.media_format == name.split(".")[1]
    assert sound.sample_rate_hz == 48_000
    assert sound.duration_s == pytest.approx(1.0, abs=0.06)
    samples = np.fromfile(sound.channels[0], "<i2")
    assert np.abs(samples).max() > 1000


def test_amr_is_decoded(tmp_path):
    frame = bytes([0x3C]) + bytes(31)  # mode 7, 12.2 kbit/s: 20 ms
    (tmp_path / "call").write_bytes(b"#!AMR\n" + frame * 50)
    sound = decode(tmp_path / "call", tmp_path)
    assert (sound.media_format, sound.sample_rate_hz, round(sound.duration_s, 1)) == ("amr", 8_000, 1.0)


def test_the_sound_of_a_video_is_taken(encode, tmp_path):
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=2", "-c:v", "libx264", "-c:a", "aac", "-shortest")
    assert decode(encode("clip.mp4", wav(hum(2.0)), *picture), tmp_path).duration_s == pytest.approx(2.0, abs=0.1)


def test_sound_that_begins_late_keeps_its_time(encode, tmp_path):
    picture = (
        "-f",
        "lavfi",
        "-i",
        "color=size=64x64:rate=5:duration=3",
        "-map",
        "1:v",
        "-map",
        "0:a",
        "-c:v",
        "libvpx",
    )
    file = encode("late.webm", wav(hum(1.0)), *picture, "-af", "asetpts=PTS+2/TB", "-c:a", "libopus")
    samples = np.fromfile(decode(file, tmp_path).channels[0], "<i2")
    assert len(samples) / 16_000 == pytest.approx(3.0, abs=0.1)
    assert np.abs(samples[: int(1.9 * 16_000)]).max() < 50
    assert np.abs(samples[int(2.1 * 16_000) :]).max() > 1000


def test_of_several_streams_the_claimed_rate_decides(encode, tmp_path):
    two = ("-map", "0:a", "-map", "0:a", "-c:a", "aac", "-ar:a:0", "8000", "-ar:a:1", "16000")
    file = encode("two.mp4", wav(hum(1.0)), *two)
    assert decode(file, tmp_path).sample_rate_hz == 16_000
    assert decode(file, tmp_path, claimed_rate_hz=8_000).sample_rate_hz == 8_000


def test_m4a_and_mp4_pass_for_each_other(encode):
    file = encode("a.m4a", wav(hum(1.0)), "-c:a", "aac", "-f", "ipod")
    assert media_format_of(file, "mp4") == "m4a"


def reason_of(file, folder, **claims):
    with pytest.raises(JobFailed) as failure:
        decode(file, folder, **claims)
    assert failure.value.code == "FAILED"
    return failure.value.message


def test_another_format_than_claimed_fails(encode, tmp_path):
    reason = reason_of(encode("a.flac", wav(hum(1.0))), tmp_path, claimed_format="mp3")
    assert reason.startswith("The media format provided does not match the detected media format.")
    assert "MediaFormat says mp3, the file is flac" in reason


@pytest.mark.parametrize("name", ["a.mov", "a.mkv", "a.avi", "a.aiff"])
def test_a_format_that_transcribe_does_not_take_fails(name, encode, tmp_path):
    assert reason_of(encode(name, wav(hum(1.0))), tmp_path).startswith("Unsupported media format.")


@pytest.mark.parametrize(
    "content",
    [
        b"1\n00:00:01,000 --> 00:00:02,000\nnot a sound\n",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"\x7fELF" + bytes(100),
    ],
)
def test_what_is_no_media_fails_and_names_no_other_file(content, tmp_path):
    (tmp_path / "talk.mp3").write_bytes(content)
    reason = reason_of(tmp_path / "talk.mp3", tmp_path)
    assert reason.startswith("Unsupported media format.")
    assert "passwd" not in reason


def test_a_broken_file_fails(tmp_path):
    (tmp_path / "talk").write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + bytes(20))
    assert reason_of(tmp_path / "talk", tmp_path).startswith("The data in your input media file isn't valid.")


def test_a_video_without_sound_fails(encode, tmp_path):
    silent = ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=1", "-map", "1:v", "-c:v", "libx264")
    reason = reason_of(encode("clip.mp4", wav(silence(1.0)), *silent), tmp_path)
    assert reason.startswith("The data in your input media file isn't valid.")
    assert "no audio stream" in reason


def test_less_than_half_a_second_fails(tmp_path):
    (tmp_path / "short").write_bytes(wav(hum(0.49)))
    reason = reason_of(tmp_path / "short", tmp_path)
    assert reason.startswith("The input media file length is too small. Minimum audio duration is 0.500000 seconds.")


def test_half_a_second_is_enough(tmp_path):
    (tmp_path / "short").write_bytes(wav(hum(0.5)))
    assert decode(tmp_path / "short", tmp_path).duration_s == 0.5


def test_more_than_four_hours_fail(monkeypatch, tmp_path):
    monkeypatch.setattr(audio, "LONGEST_S", 1.0)
    (tmp_path / "long").write_bytes(wav(hum(3.0)))
    assert reason_of(tmp_path / "long", tmp_path).startswith("The input media file length is too large.")
    assert (tmp_path / "channel_0.raw").stat().st_size <= 2 * 32_000  # a second of proof, not three


def test_a_claimed_rate_has_to_be_the_rate(tmp_path):
    (tmp_path / "talk").write_bytes(wav(hum(1.0)))
    assert decode(tmp_path / "talk", tmp_path, claimed_rate_hz=16_000).sample_rate_hz == 16_000
    reason = reason_of(tmp_path / "talk", tmp_path, claimed_rate_hz=8_000)
    assert reason.startswith("The sample rate provided does not match the detected sample rate.")


def test_a_rate_beyond_48_khz_fails(tmp_path):
    (tmp_path / "talk").write_bytes(wav(hum(1.0, 96_000), rate_hz=96_000))
    assert reason_of(tmp_path / "talk", tmp_path).startswith("Invalid sample rate for audio file.")


def test_channels_are_decoded_apart(tmp_path):
    (tmp_path / "call").write_bytes(wav(hum(1.0), silence(1.0)))
    left, right = (np.fromfile(file, "<i2") for file in decode(tmp_path / "call", tmp_path, by_channel=True).channels)
    assert np.abs(left).max() > 1000
    assert np.abs(right).max() == 0


def test_more_than_two_channels_cannot_be_told_apart(tmp_path):
    (tmp_path / "talk").write_bytes(wav(hum(1.0), hum(1.0), hum(1.0)))
    reason = reason_of(tmp_path / "talk", tmp_path, by_channel=True)
    assert reason.startswith("Invalid number of channels: number of channels too large.")
    assert len(decode(tmp_path / "talk", tmp_path).channels) == 1
