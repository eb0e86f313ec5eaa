"""What is in a file."""

from __future__ import annotations

from fractions import Fraction

import pytest

from aws_emulator.media.errors import MediaBroken, MediaRefused
from aws_emulator.media.probe import probe


def test_a_clip_is_described(clip):
    facts = probe(clip)
    assert (facts.container, facts.duration_s, facts.size_bytes) == ("mp4", 1.0, clip.stat().st_size)
    (video,), (audio,) = facts.video, facts.audio
    assert (video.codec, video.width, video.height, video.pix_fmt, video.bit_depth) == ("h264", 160, 90, "yuv420p", 8)
    assert (video.frame_rate, video.frames, video.duration_s, video.rotation_deg) == (25, 25, 1.0, 0)
    assert video.sar == Fraction(1)
    assert (audio.codec, audio.channels, audio.sample_rate_hz, audio.language) == ("aac", 1, 44100, None)


@pytest.mark.parametrize(("display_rotation", "rotation_deg"), [("90", 270), ("-90", 90), ("180", 180)])
def test_a_rotated_clip_says_how_to_turn_it_clockwise(display_rotation, rotation_deg, remux, tmp_path):
    before = ("-display_rotation", display_rotation)
    (video,) = probe(remux(tmp_path / "rotated.mp4", "-c", "copy", before=before)).video
    assert (video.width, video.height, video.rotation_deg) == (160, 90, rotation_deg)
    assert video.upright_size == ((160, 90) if rotation_deg == 180 else (90, 160))


def test_languages_and_subtitles_are_told(remux, clip, tmp_path):
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    tagged = ("-c:v", "copy", "-c:a", "copy", "-map", "0", "-map", "1", "-metadata:s:a:0", "language=fra")
    path = remux(tmp_path / "spoken.mkv", *tagged, "-metadata:s:s:0", "language=deu", before=("-i", str(words)))
    facts = probe(path)
    assert [stream.language for stream in facts.audio] == ["fra"]
    assert [stream.language for stream in facts.subtitles] == ["deu"]


def test_anamorphic_pixels_and_ten_bits_are_told(remux, tmp_path):
    options = ("-an", "-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-vf", "setsar=4/3")
    (video,) = probe(remux(tmp_path / "wide.mp4", *options)).video
    assert (video.sar, video.bit_depth) == (Fraction(4, 3), 10)


def test_a_cover_picture_is_no_video(remux, clip, tmp_path):
    cover = remux(tmp_path / "cover.png", "-frames:v", "1")
    path = remux(tmp_path / "song.mp3", "-map", "1:a", "-map", "0:v", "-c:v", "copy", before=("-i", str(cover)))
    facts = probe(path)
    assert (facts.container, facts.video, len(facts.audio)) == ("mp3", (), 1)


def test_an_empty_file_is_broken(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(MediaBroken, match="empty"):
        probe(path)


def test_a_file_that_ends_before_its_index_is_broken(clip, tmp_path):
    path = tmp_path / "half"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(MediaBroken, match="mp4 file cannot be read"):
        probe(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"zip" * 999, b"hello", b"\0" * 5000])
def test_what_is_no_media_is_refused(content, tmp_path):
    path = tmp_path / "object"
    path.write_bytes(content)
    with pytest.raises(MediaRefused, match="no media that is known"):
        probe(path)


def test_a_claim_of_media_over_garbage_is_broken(tmp_path):
    path = tmp_path / "object"
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(range(256)) * 40)
    with pytest.raises(MediaBroken):
        probe(path)


def test_a_stream_in_no_known_codec_is_passed_over(clip, tmp_path):
    path = tmp_path / "object"
    path.write_bytes(clip.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    facts = probe(path)
    assert (facts.video, [stream.codec for stream in facts.audio]) == ((), ["aac"])
