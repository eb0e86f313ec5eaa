"""Hostile media: no file of another asset is read, memory and time are bounded. And ffmpeg, when all is well."""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from pathlib import Path

import av
import psutil
import pytest

from aws_emulator.media import sandbox
from aws_emulator.media.errors import FfmpegFailed, MediaBroken, MediaRefused
from aws_emulator.media.probe import probe
from aws_emulator.media.sandbox import Input, open_media, run_ffmpeg

DECODE = ("-f", "null", "-")
PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{victim}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{victim}'\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{victim}</BaseURL></MPD>',
}


def decode(path: Path, folder: Path, **options) -> str:
    return run_ffmpeg(DECODE, inputs=[Input(path)], folder=folder, **options)


def ffmpegs() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


@pytest.fixture
def victim(clip, tmp_path) -> Path:
    """A file of somebody else."""
    return shutil.copyfile(clip, tmp_path / "victim.mp4")


def test_a_clip_is_converted_with_progress(clip, tmp_path):
    seen = []
    said = run_ffmpeg(
        ["-vf", "scale=80:-2", "-c:v", "libx264", "small.mp4"],
        inputs=[Input(clip, ["-ss", "0.5"])],
        folder=tmp_path,
        on_progress=seen.append,
    )
    (video,) = probe(tmp_path / "small.mp4").video
    assert (video.width, video.height) == (80, 46)
    assert video.frames < 25
    assert seen[-1].frames == video.frames
    assert 0.3 < seen[-1].out_time_s < 0.8
    assert "[info]" in said


def test_two_inputs_and_filters_of_ffmpeg_are_at_hand(clip, tmp_path):
    said = run_ffmpeg(
        ["-filter_complex", "[0:v][1:v]hstack,blackdetect[v];[0:a]ebur128[a]", "-map", "[v]", "-map", "[a]", *DECODE],
        inputs=[Input(clip), Input(clip)],
        folder=tmp_path,
    )
    assert re.search(r"I: +-?\d+\.\d LUFS", said)


def test_an_error_of_ffmpeg_is_told_in_its_first_words(clip, tmp_path):
    with pytest.raises(FfmpegFailed, match="No such filter: 'nonsense'") as failed:
        run_ffmpeg(["-vf", "nonsense", *DECODE], inputs=[Input(clip)], folder=tmp_path)
    assert failed.value.status > 0
    assert "nonsense" in failed.value.stderr


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_renamed_to_mp4_is_refused(kind, victim, tmp_path):
    path = tmp_path / "evil.mp4"
    path.write_text(PLAYLISTS[kind].format(victim=victim))
    for look in (probe, lambda path: decode(path, tmp_path)):
        with pytest.raises(MediaRefused, match=f"playlist \\({kind}\\)") as refused:
            look(path)
        assert refused.value.container == kind


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_that_passes_for_a_container_is_not_followed(kind, victim, tmp_path):
    """Even where the sniffing is fooled: the demuxer is forced, and no other may join in."""
    path = tmp_path / "evil.mp4"
    path.write_text(PLAYLISTS[kind].format(victim=victim))
    with pytest.raises(MediaBroken), open_media(path, "mp4"):
        pass
    with pytest.raises(FfmpegFailed):
        run_ffmpeg(DECODE, inputs=[Input(path, container="mp4")], folder=tmp_path)


def test_the_whitelists_are_what_keeps_a_playlist_out(victim, tmp_path):
    """The control of the two tests above: without the sandbox, PyAV follows it."""
    path = tmp_path / "evil.mp4"
    path.write_text(PLAYLISTS["concat"].format(victim=victim.name))
    with av.open(str(path), format="concat", options={"safe": "0"}) as followed:
        assert followed.streams.video


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def with_external_track(movie: bytes, name: str) -> bytes:
    """A QuickTime file whose tracks point at another file beside it, as an alias record (Inside Macintosh, Files)."""
    record = bytearray(10)
    record += bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    record += bytes([len(name)]) + name.encode().ljust(63, b"\0") + bytes(16)
    record += struct.pack(">HH", 1, 1) + bytes(16)  # one level up, one level down
    path = f"/{name}".encode()
    path += b"\0" * (len(path) % 2)
    record += struct.pack(">HH", 2, len(path)) + path + struct.pack(">HH", 0xFFFF, 0)
    reference = box(b"dref", struct.pack(">II", 0, 1) + box(b"alis", struct.pack(">I", 0) + bytes(record)))
    holders = {b"moov", b"trak", b"mdia", b"minf", b"dinf"}

    def rebuilt(boxes: bytes) -> bytes:
        out, at = b"", 0
        while at < len(boxes):
            size, kind = struct.unpack_from(">I4s", boxes, at)
            content = boxes[at + 8 : at + size]
            if kind == b"dref":
                out += reference
            elif kind == b"mdat":
                out += box(kind, bytes(len(content)))  # what it shows can only come from the other file
            else:
                out += box(kind, rebuilt(content) if kind in holders else content)
            at += size
        return out

    return rebuilt(movie)


def test_an_external_track_of_a_movie_is_not_opened(remux, tmp_path):
    victim = remux(tmp_path / "victim.mov")
    evil = tmp_path / "evil.mov"
    evil.write_bytes(with_external_track(victim.read_bytes(), "victim.mov"))

    with av.open(str(evil), options={"enable_drefs": "1"}) as followed:  # the attack works where it is let
        assert len(list(followed.decode(video=0))) == 25
    with open_media(evil) as media:
        assert list(media.decode(video=0)) == []
    with pytest.raises(FfmpegFailed, match="Cannot determine format"):  # no picture to take it from
        run_ffmpeg(["-map", "0:v", *DECODE], inputs=[Input(evil)], folder=tmp_path)


def png_bomb(side: int) -> bytes:
    """A small PNG of ``side`` x ``side`` pixels, one bit each."""
    row = b"\0" * (side // 8 + 1)
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_picture_of_enormous_size_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(png_bomb(20_000))
    assert path.stat().st_size < 100_000
    before = psutil.Process().memory_info().rss
    with pytest.raises(MediaBroken):
        probe(path)
    assert psutil.Process().memory_info().rss - before < 100 * 1024**2  # one picture would be 400 MB as 8 bit grey
    with pytest.raises(FfmpegFailed, match="Picture size 20000x20000 is invalid"):
        decode(path, tmp_path)


def test_an_enormous_cover_picture_does_not_keep_a_song_from_being_read(remux, tmp_path):
    song = remux(tmp_path / "song.mp3", "-vn", "-id3v2_version", "0").read_bytes()
    picture = b"\0image/png\0\x03\0" + png_bomb(20_000)
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "object"
    path.write_bytes(b"ID3\x03\0\0" + size + frame + song)
    assert len(probe(path).audio) == 1
    run_ffmpeg(["-vn", *DECODE], inputs=[Input(path)], folder=tmp_path)


def test_a_video_of_enormous_pictures_is_refused(monkeypatch, clip):
    monkeypatch.setattr(sandbox, "MAX_PIXELS", 160 * 90 - 1)
    with pytest.raises((MediaRefused, MediaBroken)):
        probe(clip)


def test_ffmpeg_that_takes_too_long_is_killed(clip, tmp_path):
    with pytest.raises(FfmpegFailed, match=r"longer than the 0.5 s"):
        run_ffmpeg(
            ["-f", "null", "-"], inputs=[Input(clip, ["-re", "-stream_loop", "-1"])], folder=tmp_path, limit_s=0.5
        )
    assert not ffmpegs()


def test_ffmpeg_that_writes_too_much_is_stopped(clip, tmp_path):
    endless = Input(clip, ["-stream_loop", "-1"])
    with pytest.raises(FfmpegFailed):
        run_ffmpeg(["-f", "rawvideo", "big.yuv"], inputs=[endless], folder=tmp_path, file_bytes=10**6, limit_s=60)
    assert (tmp_path / "big.yuv").stat().st_size <= 10**6


def test_ffmpeg_that_needs_too_much_memory_fails(clip, tmp_path):
    with pytest.raises(FfmpegFailed):
        decode(clip, tmp_path, memory_bytes=20 * 1024**2)


def test_ffmpeg_dies_with_its_caller_and_with_a_bug_in_it(clip, tmp_path):
    def stumble(progress):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_ffmpeg(DECODE, inputs=[Input(clip, ["-re"])], folder=tmp_path, on_progress=stumble)
    assert not ffmpegs()


def test_a_name_in_the_output_stays_in_the_folder_of_the_job(clip, tmp_path):
    run_ffmpeg(["-c", "copy", "out.mkv"], inputs=[Input(clip)], folder=tmp_path)
    assert (tmp_path / "out.mkv").exists()
