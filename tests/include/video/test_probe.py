from __future__ import annotations

import io
import re
import struct
import subprocess
import wave
from pathlib import Path

import imageio_ffmpeg
import pytest

from include.storage.ranged_file import RangedFile
from include.video.probe import (
    AudioTrack,
    MediaError,
    NoPicture,
    NotMedia,
    PictureTooLarge,
    PictureUndecodable,
    check_video,
    measured_duration_s,
    probe_media,
)

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Makes a media file with ffmpeg: its arguments, and the name of the file."""
    folder = tmp_path_factory.mktemp("media")

    def make(name: str, *arguments: str) -> Path:
        path = folder / name
        subprocess.run([FFMPEG, "-v", "error", "-y", *arguments, str(path)], check=True)
        return path

    return make


PICTURE = ("-f", "lavfi", "-i", "testsrc=duration=2:size=320x180:rate=10")
SOUND = ("-f", "lavfi", "-i", "sine=duration=2:sample_rate=8000")


@pytest.fixture(scope="module")
def film(make) -> Path:
    return make("film.mp4", *PICTURE, *SOUND, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")


def test_a_film_is_known_by_its_header(film):
    facts = probe_media(film)
    assert facts.probed
    assert (facts.container, facts.size_bytes) == ("mov", film.stat().st_size)
    assert facts.duration_s == pytest.approx(2, abs=0.15)
    assert facts.duration_min == pytest.approx(2 / 60, abs=0.003)
    assert (facts.video.codec, facts.video.width, facts.video.height) == ("h264", 320, 180)
    assert (facts.video.frame_rate, facts.video.rotation_deg) == (10, 0)
    assert facts.audio == (AudioTrack(codec="aac", channels=1, sample_rate_hz=8000),)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_turn_is_the_one_that_a_player_applies(make, film, turn):
    """ffmpeg's own decoder is the witness: it says by how much a frame is to be turned counterclockwise."""
    import av

    path = make(f"turned_{turn}.mp4", "-display_rotation", str(turn), "-i", str(film), "-c", "copy")
    with av.open(str(path)) as container:
        witness = -next(container.decode(video=0)).rotation % 360
    video = probe_media(path).video
    assert video.rotation_deg == witness
    assert video.upright_size == ((180, 320) if turn in (90, 270) else (320, 180))


@pytest.mark.parametrize(
    ("name", "arguments", "container", "codecs"),
    [
        ("a.webm", (*PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "libopus"), "matroska", ("vp8", "opus")),
        ("a.mkv", (*PICTURE, "-c:v", "libx264"), "matroska", ("h264", None)),
        ("a.ts", (*PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv420p"), "mpegts", ("h264", None)),
        ("a.avi", (*PICTURE, "-c:v", "mpeg4"), "avi", ("mpeg4", None)),
        ("a.mp3", (*SOUND, "-c:a", "libmp3lame"), "mp3", (None, "mp3")),
        ("a.wav", SOUND, "wav", (None, "pcm_s16le")),
    ],
)
def test_containers_and_codecs_are_told_by_the_bytes(make, name, arguments, container, codecs):
    path = make(name, *arguments)
    facts = probe_media(path.rename(path.with_suffix(".bin")))
    found = (facts.video.codec if facts.video else None, facts.audio[0].codec if facts.audio else None)
    assert (facts.container, found) == (container, codecs)
    assert facts.duration_s == pytest.approx(2, abs=0.2)


def test_a_cover_picture_is_no_video(make):
    cover = make("cover.png", "-f", "lavfi", "-i", "color=size=64x64:duration=0.1", "-frames:v", "1")
    inputs = (*SOUND, "-i", str(cover), "-map", "0", "-map", "1")
    path = make("song.mp3", *inputs, "-c:v", "copy", "-disposition:v", "attached_pic")
    assert probe_media(path).video is None


def test_a_header_without_length_is_an_unknown_length(make):
    path = make("live.webm", *PICTURE, "-c:v", "libvpx", "-live", "1")
    facts = probe_media(path)
    assert (facts.duration_s, facts.duration_min) == (None, None)
    assert facts.video.width == 320


def test_a_length_that_the_header_does_not_say_is_measured(make):
    path = make("live_too.webm", *PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "libopus", "-live", "1")
    with path.open("rb") as file:
        assert measured_duration_s(file) == pytest.approx(2, abs=0.1)


def test_of_a_file_that_breaks_off_the_length_of_what_is_there_is_measured(make):
    path = make("long.webm", *PICTURE, "-c:v", "libvpx", "-live", "1", "-b:v", "1M")
    content = path.read_bytes()
    assert 0.2 < measured_duration_s(io.BytesIO(content[: len(content) // 2])) < 1.9


def test_of_a_large_object_only_the_header_travels(make):
    """The header is at the end, as cameras write it."""
    path = make("large.mp4", "-f", "lavfi", "-i", "nullsrc=duration=4:size=640x360:rate=25,geq=random(1)*255:128:128",
                "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")  # fmt: skip
    content = path.read_bytes()
    assert content.rindex(b"moov") > len(content) / 2
    file = RangedFile(lambda start, stop: content[start:stop], len(content))
    assert probe_media(file).duration_s == pytest.approx(4)
    assert file.fetched_bytes <= 3 * 256 * 1024 < len(content) / 4


def test_a_file_that_is_open_somewhere_is_read_from_its_start(film):
    file = io.BytesIO(film.read_bytes())
    file.seek(1000)
    assert probe_media(file) == probe_media(film)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is no media file: it is empty"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "a playlist"),
        (b"<html>no</html>", "an HTML page"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (bytes(1000), "of no known container"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(2000), "header cannot be read"),
    ],
)
def test_what_is_no_media_is_refused_with_what_it_is(content, complaint):
    with pytest.raises(MediaError, match=rf"upload\.mp4.*{complaint}"):
        probe_media(io.BytesIO(content), name="upload.mp4")


def test_a_header_that_lies_about_its_sizes_is_survived(film):
    """Every byte of the header in turn says the most that it can: an error or some facts, and nothing else."""
    content = bytearray(film.read_bytes())
    at = content.rindex(b"moov")
    for position in range(at, min(at + 400, len(content))):
        broken = bytes(content[:position]) + b"\xff" + bytes(content[position + 1 :])
        try:
            facts = probe_media(io.BytesIO(broken))
        except MediaError:
            continue
        assert facts.size_bytes == len(content)


def test_a_playlist_of_other_files_inside_a_movie_opens_nothing(make, film, tmp_path):
    """A QuickTime reference to another file is not followed: there is nothing but the bytes that were given."""
    content = film.read_bytes().replace(b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00")
    assert content != film.read_bytes()
    assert probe_media(io.BytesIO(content)).video.width == 320


def test_an_error_while_reading_is_that_error(film):
    content = film.read_bytes()

    def read_range(start: int, stop: int) -> bytes:
        if start:
            raise ConnectionResetError("S3 went away")
        return content[start:stop]

    with pytest.raises(ConnectionResetError, match="S3 went away"):
        probe_media(RangedFile(read_range, len(content), block_bytes=4096))


def test_sound_is_measured_in_minutes():
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(90_000))
    assert probe_media(io.BytesIO(sound.getvalue())).duration_min == 1.5


# ------------------------------------------------------------------------------------------------ the gate for films
def test_a_film_passes_the_gate_with_its_facts(film):
    assert check_video(film) == probe_media(film)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("live.webm", ("-c:v", "libvpx", "-live", "1")),
        ("one_pixel.mp4", ("-vf", "scale=1:1", "-c:v", "libx264", "-pix_fmt", "yuv444p")),
        ("ten_bits.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le")),
        ("theora.ogv", ("-c:v", "libtheora")),
        ("camera.avi", ("-c:v", "mjpeg")),
    ],
)
def test_odd_films_pass_the_gate(make, name, arguments):
    assert check_video(make(name, *PICTURE, *arguments)).video is not None


def test_a_turned_film_passes_the_gate(make, film):
    path = make("turned.mp4", "-display_rotation", "90", "-i", str(film), "-c", "copy")
    assert check_video(path).video.rotation_deg == 270


def test_a_film_that_breaks_off_passes_the_gate_for_its_beginning(make, tmp_path):
    whole = make("whole.mp4", *PICTURE, "-c:v", "libx264", "-movflags", "+faststart")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert check_video(broken).video.width == 320


def test_sound_alone_is_no_film_whatever_the_name_says(make):
    """Public catalogues call such a file video/ogg."""
    with pytest.raises(NoPicture, match=r"lying\.ogv holds sound alone \(vorbis in ogg\)"):
        check_video(make("lying.ogv", *SOUND, "-c:a", "libvorbis"))


def test_text_is_no_film(tmp_path):
    (tmp_path / "page.mp4").write_text("<!doctype html><title>404</title>")
    with pytest.raises(NotMedia, match="an HTML page"):
        check_video(tmp_path / "page.mp4")


def test_a_film_of_rubbish_is_refused_before_the_whole_of_it_is_read(make, tmp_path):
    film = bytearray(make("sound_header.mp4", *PICTURE, "-c:v", "libx264", "-movflags", "+faststart").read_bytes())
    start = film.index(b"mdat") + 4
    film[start:] = b"\xa5" * (len(film) - start)
    (tmp_path / "rubbish.mp4").write_bytes(film)
    with pytest.raises(PictureUndecodable, match=r"rubbish\.mp4: not one picture came out of \d+ packets of h264"):
        check_video(tmp_path / "rubbish.mp4")


def test_a_picture_beyond_8k_is_refused_undecoded(make):
    arguments = ("-f", "lavfi", "-i", "color=size=16000x8000:rate=1:duration=1", "-c:v", "mjpeg", "-frames:v", "1")
    with pytest.raises(PictureTooLarge, match="16000 x 8000 pixels"):
        check_video(make("huge.avi", *arguments))


def test_a_picture_that_is_larger_than_its_header_says_is_refused(make, monkeypatch):
    """What the decoder finds in the stream counts, and it is stopped before it takes the memory."""
    path = make("honest.avi", *PICTURE, "-c:v", "mjpeg")
    content = path.read_bytes()
    sizes = re.compile(re.escape(struct.pack("<II", 320, 180)))
    assert sizes.search(content)
    path.write_bytes(sizes.sub(struct.pack("<II", 16, 16), content))
    monkeypatch.setattr("include.video.probe.MOST_PIXELS", 1000)
    with pytest.raises(MediaError, match=r"not one picture|pixels"):
        check_video(path)


def test_a_codec_that_is_not_on_the_list_is_not_decoded(make, monkeypatch):
    path = make("drawn.mp4", *PICTURE, "-c:v", "mpeg4")
    monkeypatch.setattr("include.video.probe.VIDEO_CODECS", frozenset({"h264"}))
    with pytest.raises(PictureUndecodable, match="is coded as mpeg4, which is not decoded"):
        check_video(path)


def test_every_refusal_is_a_media_error():
    assert all(issubclass(kind, MediaError) for kind in (NotMedia, NoPicture, PictureUndecodable, PictureTooLarge))
