"""What a file is, by its first bytes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_emulator.media.sniff import DEMUXERS, PLAYLISTS, sniff, sniff_bytes

AUDIO_ONLY = ("-vn",)
WRITTEN = {
    "clip.mp4": ("mp4", ()),
    "clip.mov": ("mov", ()),
    "clip.m4a": ("m4a", ("-vn", "-c", "copy", "-f", "ipod")),
    "clip.3gp": ("3gp", ("-an", "-c", "copy")),
    "clip.mkv": ("matroska", ()),
    "clip.webm": ("webm", ("-an", "-c:v", "libvpx", "-deadline", "realtime")),
    "clip.ts": ("mpegts", ()),
    "clip.m2ts": ("mpegts", ("-c", "copy", "-mpegts_m2ts_mode", "1", "-f", "mpegts")),
    "clip.mpg": ("mpegps", ("-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob")),
    "clip.avi": ("avi", ("-c:v", "mpeg4", "-c:a", "mp2")),
    "clip.wmv": ("asf", ("-c:v", "wmv2", "-c:a", "wmav2")),
    "clip.flv": ("flv", ()),
    "clip.mxf": ("mxf", ("-c:v", "mpeg2video", "-c:a", "pcm_s16le", "-ar", "48000")),
    "clip.flac": ("flac", AUDIO_ONLY),
    "clip.wav": ("wav", AUDIO_ONLY),
    "clip.ogg": ("ogg", ("-vn", "-c:a", "libvorbis")),
    "clip.mp3": ("mp3", AUDIO_ONLY),
    "plain.mp3": ("mp3", ("-vn", "-id3v2_version", "0", "-write_xing", "0")),
    "low.mp3": ("mp3", ("-vn", "-id3v2_version", "0", "-write_xing", "0", "-ar", "22050", "-b:a", "32k")),
    "clip.aac": ("adts", ("-vn", "-c:a", "aac", "-f", "adts")),
    "clip.aiff": ("aiff", AUDIO_ONLY),
    "clip.gif": ("gif", ("-an",)),
    "one.png": ("png", ("-frames:v", "1")),
    "one.jpg": ("jpeg", ("-frames:v", "1")),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_ffmpeg_writes_is_known_under_any_name(name, remux, tmp_path):
    container, options = WRITTEN[name]
    path = remux(tmp_path / name, *options)
    assert sniff(path.rename(tmp_path / "object")) == container
    assert container in DEMUXERS


def test_adaptive_multi_rate_speech_is_known():
    assert sniff_bytes(b"#!AMR\n\x3c\x00") == sniff_bytes(b"#!AMR-WB\n\x3c\x00") == "amr"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"#EXTM3U\n#EXTINF:10,\nother.ts\n", "hls"),
        (b"\xef\xbb\xbf\r\n  #EXTM3U\n", "hls"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "concat"),
        (b"file 'other.mp4'\n", "concat"),
        (b"# made by hand\nfile /etc/passwd\n", "concat"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', "dash"),
        (b"<smil><body>", "smil"),
        (b"<ASX version='3.0'>", "asx"),
        (b"[playlist]\nFile1=/etc/passwd\n", "pls"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "sdp"),
    ],
)
def test_texts_that_name_other_files_are_known_for_what_they_are(text, kind):
    assert sniff_bytes(text) == kind
    assert kind in PLAYLISTS
    assert kind not in DEMUXERS


@pytest.mark.parametrize("head", [b"", b"\0" * 4096, b"GGGG" * 2, b"<html>", b"PK\x03\x04zip", b"\xff" * 4096, b"ID3"])
def test_garbage_is_no_media(head):
    assert sniff_bytes(head) not in DEMUXERS


@given(st.binary(max_size=600))
def test_no_bytes_break_it(head):
    assert sniff_bytes(head) is None or isinstance(sniff_bytes(head), str)


@pytest.mark.parametrize(
    "text", [b"# " * 5000, b"# " + b" " * 20000, b"#\n" * 20000, b"<!-- -->" * 5000, b"<!--" * 9000]
)
def test_a_text_of_nothing_but_comments_is_read_in_one_go(text):
    script = "import sys; from aws_emulator.media.sniff import sniff_bytes; print(sniff_bytes(sys.stdin.buffer.read()))"
    run = [sys.executable, "-c", script]
    said = subprocess.run(
        run, input=text + b"x", env={"PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, timeout=60
    )
    assert said.stdout == b"None\n", said.stderr  # a search that goes back and forth would not end
