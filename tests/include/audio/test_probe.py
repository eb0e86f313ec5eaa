from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.audio.decode import decode_blocks
from include.audio.errors import (
    AudioError,
    EmptyFile,
    NoAudioStream,
    NoSamples,
    NotAudio,
    Undecodable,
    UnsupportedAudio,
)
from include.audio.probe import probe_audio, sniff_format
from tests.ground import ROOT
from tests.include.audio.signals import cover_frame, encoded, id3_tag, silent_video, sine, wav_bytes, write

CONTAINERS = [
    ("mp3", "mp3", 44100, "mp3", "mp3"),
    ("wav", "pcm_s16le", 8000, "wav", "pcm_s16le"),
    ("flac", "flac", 44100, "flac", "flac"),
    ("ogg", "libopus", 48000, "ogg", "opus"),
    ("ipod", "aac", 44100, "mov", "aac"),
    ("adts", "aac", 44100, "aac", "aac"),
    ("aiff", "pcm_s16be", 22050, "aiff", "pcm_s16be"),
    ("matroska", "flac", 44100, "matroska", "flac"),
    ("webm", "libopus", 48000, "matroska", "opus"),
    ("caf", "pcm_s16le", 22050, "caf", "pcm_s16le"),
    ("au", "pcm_s16be", 22050, "au", "pcm_s16be"),
    ("avi", "mp3", 44100, "avi", "mp3"),
    ("mpegts", "aac", 48000, "mpegts", "aac"),
]


@pytest.mark.parametrize(
    ("muxer", "encoder", "rate_hz", "container", "codec"), CONTAINERS, ids=lambda value: str(value)
)
def test_the_bytes_tell_the_format_whatever_the_name_says(tmp_path, muxer, encoder, rate_hz, container, codec):
    stereo = np.stack([sine(440, 1, rate_hz=rate_hz), sine(660, 1, rate_hz=rate_hz)])
    path = write(tmp_path / "holiday.jpeg", encoded(stereo, muxer, encoder, rate_hz))

    stream = probe_audio(path)

    assert (stream.container, stream.codec, stream.sample_rate_hz, stream.channels) == (container, codec, rate_hz, 2)
    assert not stream.has_video
    assert not stream.has_cover_art


def test_a_video_with_sound_is_audio_and_says_that_it_has_pictures(tmp_path):
    path = write(tmp_path / "clip.mp3", encoded(sine(440, 1, rate_hz=44100), "mp4", "aac", 44100, picture=True))

    stream = probe_audio(path)

    assert stream.has_video
    assert stream.codec == "aac"


def test_a_video_without_sound_is_refused(tmp_path):
    path = write(tmp_path / "mute.mp4", silent_video("mp4"))

    with pytest.raises(NoAudioStream, match="no audio stream"):
        probe_audio(path)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", EmptyFile, "0 bytes"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", NotAudio, "text"),
        (b"<!DOCTYPE html><html><title>404</title></html>", NotAudio, "HTML"),
        (b"\n  <HTML><body>Sign in</body>", NotAudio, "HTML"),
        (b'{"error": "not found"}', NotAudio, "JSON"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), NotAudio, "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), NotAudio, "JPEG"),
        (b"PK\x03\x04" + bytes(100), NotAudio, "ZIP"),
        (b"MThd\x00\x00\x00\x06", NotAudio, "MIDI"),
        (b"[playlist]\nFile1=http://127.0.0.1/a.mp3\n", NotAudio, "playlist"),
        (bytes(5000), NotAudio, "no known container"),
        (np.sin(np.arange(9000) * 0.1).astype("<f4").tobytes(), NotAudio, "raw samples"),
        (id3_tag((b"TIT2", b"\x00title")), NoSamples, "nothing behind"),
        (wav_bytes(np.zeros(0)), NoSamples, "not one sample"),
        (wav_bytes(np.zeros(100))[:30], Undecodable, "wav"),
        (b"fLaC" + bytes(200), Undecodable, "flac"),
        (b"OggS" + bytes(200), Undecodable, "ogg"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_what_is_no_audio_is_refused_with_its_reason_and_what_to_do(tmp_path, content, error, words):
    path = write(tmp_path / "song.mp3", content)

    with pytest.raises(error, match=words) as caught:
        probe_audio(path)

    assert "song.mp3" in str(caught.value)
    assert caught.value.advice in str(caught.value)


def test_every_error_has_a_code_of_its_own_and_survives_pickling():
    errors = AudioError.__subclasses__()
    assert len({error.code for error in errors}) == len(errors) >= 6
    for error in errors:
        again = pickle.loads(pickle.dumps(error("a.mp3", "found")))
        assert (type(again), str(again), again.code) == (error, str(error("a.mp3", "found")), error.code)


@pytest.mark.parametrize(
    "prefix", [b"", id3_tag((b"TIT2", b"\x00x")), b"\n\n"], ids=["plain", "behind a tag", "blank lines"]
)
@pytest.mark.parametrize("kind", ["hls", "ffconcat"])
def test_a_playlist_that_is_named_mp3_reads_no_other_file(tmp_path, kind, prefix):
    secret = write(tmp_path / "of-another-tenant.wav", wav_bytes(sine(440, 2)))
    assert probe_audio(secret).codec == "pcm_f32le"
    playlist = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
    }[kind]
    path = write(tmp_path / "song.mp3", prefix + playlist.encode())

    with pytest.raises(AudioError):
        probe_audio(path)


def test_a_name_like_a_protocol_is_only_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.wav", wav_bytes(sine(440, 1)))
    write(Path("concat:a.wav|a.wav"), b"")

    with pytest.raises(EmptyFile):
        probe_audio("concat:a.wav|a.wav")


def test_rubbish_before_the_first_frame_of_an_mp3_is_skipped(tmp_path):
    mp3 = encoded(sine(440, 2, rate_hz=44100), "mp3", "mp3", 44100)
    frames = mp3[mp3.index(b"\xff\xfb") :]

    for name, content in {"zeros": bytes(3000) + frames, "middle": frames[137:], "tagged": mp3}.items():
        assert probe_audio(write(tmp_path / name, content)).codec == "mp3"


def test_a_tag_beyond_all_measure_is_refused(tmp_path):
    header = b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f"
    with pytest.raises(NotAudio, match="tag of 256 MiB"):
        sniff_format(write(tmp_path / "tag.mp3", header + bytes(100)))


def test_a_sample_rate_that_no_sound_has_is_refused(tmp_path):
    with pytest.raises(UnsupportedAudio, match="sample rate is 12 Hz"):
        probe_audio(write(tmp_path / "slow.wav", wav_bytes(np.zeros(100), rate_hz=12)))


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = zlib.compress((b"\x00" + bytes(3 * width)) * 16, 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_huge_cover_picture_is_seen_but_not_decoded(tmp_path):
    bomb = id3_tag(cover_frame(png(30_000, 30_000)))
    path = write(tmp_path / "cover.mp3", bomb + encoded(sine(440, 1, rate_hz=44100), "mp3", "mp3", 44100))
    code = (
        "import sys; from pathlib import Path; from include.audio.probe import probe_audio;"
        "print(probe_audio(sys.argv[1]).has_cover_art);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )

    run = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=True)

    has_cover_art, peak_kb = run.stdout.split()
    assert has_cover_art == "True"
    assert int(peak_kb) < 200_000  # the picture alone would take 2.7 GB


SOUNDS = {
    "wav": wav_bytes(sine(440, 0.2)),
    "mp3": encoded(sine(440, 0.3, rate_hz=44100), "mp3", "mp3", 44100),
    "flac": encoded(sine(440, 0.2), "flac", "flac", 22050),
    "opus": encoded(sine(440, 0.2, rate_hz=48000), "ogg", "libopus", 48000),
    "m4a": encoded(sine(440, 0.2, rate_hz=44100), "ipod", "aac", 44100),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_pass_and_decode_or_are_refused_by_name(tmp_path, data):
    content = bytearray(SOUNDS[data.draw(st.sampled_from(sorted(SOUNDS)))])
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(st.integers(0, 255))
    path = write(tmp_path / "damaged", bytes(content[: data.draw(st.integers(1, len(content)))]))

    try:
        probe_audio(path)
    except AudioError:
        return
    assert sum(block.samples.shape[1] for block in decode_blocks(path)) > 0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    magic=st.sampled_from(
        [
            b"",
            b"ID3\x03\x00\x00\x00\x00\x00\x05",
            b"RIFF\x00\x00\x00\x00WAVE",
            b"OggS",
            b"fLaC",
            b"\xff\xfb\x90",
            b"....ftyp",
        ]
    ),
    rest=st.binary(max_size=600),
)
def test_any_bytes_at_all_give_a_stream_or_a_named_error(tmp_path, magic, rest):
    path = write(tmp_path / "noise", magic + rest)
    try:
        probe_audio(path)
    except AudioError as error:
        assert error.code != AudioError.code
