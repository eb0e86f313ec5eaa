"""Inputs that are missing, broken or hostile: the job ends with MediaConvert's number for it."""

from __future__ import annotations

import struct
import zlib

import pytest

from aws_emulator.jobs.alone import LoneTask
from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.mediaconvert import engine


@pytest.fixture
def failure(convert):
    """The number and the message that a job ends with."""

    def run(settings, clip="clip", **more):
        with pytest.raises(JobFailed) as failed:
            convert(settings, clip, **more)
        return int(failed.value.code), failed.value.message

    return run


def test_an_input_that_is_not_there(tmp_path, settings, mp4):
    task = LoneTask(tmp_path, {"settings": settings(mp4())}, buckets=("media-out",))
    with pytest.raises(JobFailed) as failed:
        engine.run(task)
    assert str(failed.value) == (
        "1404: Unable to open input file [s3://media-in/films/clip.mp4]: "
        "[Failed probe/open: [Can't read input stream: [Failed to read data: HeadObject failed]]]"
    )


def test_an_input_or_output_that_may_not_be_used(tmp_path, settings, mp4, media):
    objects = {("media-in", "films/clip.mp4"): media["clip"]}
    for key in (("media-in", "films/clip.mp4"), ("media-out", "made/clip_a.mp4")):
        task = LoneTask(
            tmp_path / key[0], {"settings": settings(mp4())}, objects=objects, buckets=("media-out",),
            denied=frozenset({key}),
        )  # fmt: skip
        with pytest.raises(JobFailed, match=r"^1401: "):
            engine.run(task)


def test_an_output_bucket_that_is_not_there(tmp_path, settings, mp4, media):
    task = LoneTask(tmp_path, {"settings": settings(mp4())}, objects={("media-in", "films/clip.mp4"): media["clip"]})
    with pytest.raises(JobFailed, match=r"^1404: Unable to write to output file \[s3://media-out/made/clip_a\.mp4\]"):
        engine.run(task)


def test_text_under_the_name_of_a_video(failure, settings, mp4):
    code, message = failure(settings(mp4()), b"1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    assert (code, "No parser found for container" in message) == (1010, True)


def test_an_empty_file(failure, settings, mp4):
    assert failure(settings(mp4()), b"")[0] == 1010


def test_an_mp4_without_its_index(failure, settings, mp4, media):
    whole = media["silent"].read_bytes()
    code, message = failure(settings(mp4()), whole[: whole.index(b"moov") - 4])
    assert (code, "no moov box found in file" in message) == (1010, True)


def test_an_mp4_whose_pictures_end_too_early(failure, settings, mp4, media, convert):
    fast = convert(settings(mp4())).objects["made/clip_a.mp4"]  # its index stands at the front
    code, message = failure(settings(mp4()), fast[: len(fast) * 3 // 4])
    assert code == 1076
    assert f"end of file hit at length [{len(fast) * 3 // 4}]. Is file truncated?" in message


def test_noise_inside_the_pictures_is_borne(convert, settings, mp4, media):
    whole = bytearray(convert(settings(mp4())).objects["made/clip_a.mp4"])
    middle = len(whole) // 2
    whole[middle : middle + 500] = b"\xa5" * 500
    assert convert(settings(mp4("_b")), bytes(whole)).outputs[0]["duration_ms"] == 2000


def test_sound_where_video_is_asked_for(failure, settings, mp4):
    assert failure(settings(mp4()), "song")[0] == 1020


def test_silence_where_sound_alone_is_asked_for(failure, settings, mp4):
    assert failure(settings({k: v for k, v in mp4().items() if k != "VideoDescription"}), "silent")[0] == 1021


def test_audio_without_any_selector(failure, settings, mp4):
    code, message = failure(settings(mp4(), AudioSelectors={}))
    assert (code, "Invalid selector_sequence_id [0]" in message) == (1040, True)


def test_a_crop_outside_the_frame(failure, settings, mp4):
    code, message = failure(settings(mp4(Crop={"Width": 2000, "Height": 2, "X": 0, "Y": 0})))
    assert code == 1040
    assert message == "Crop rectangle [2000 x 2 at 0, 0] is not inside the [320 x 180] frame."


def test_a_picture_is_no_video(failure, settings, mp4, poster, convert):
    captured = convert(settings(mp4(), poster())).objects["made/clip_p.0000000.jpg"]
    assert failure(settings(mp4()), captured)[0] == 1030


def test_a_playlist_under_the_name_of_a_video_reads_no_other_file(failure, settings, mp4, media, tmp_path):
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{media['clip']}\n#EXT-X-ENDLIST\n".encode()
    code, message = failure(settings(mp4()), playlist)
    assert (code, "playlist" in message) == (1010, True)
    subtitles = b"ffconcat version 1.0\nfile '" + str(media["clip"]).encode() + b"'\n"
    assert failure(settings(mp4()), subtitles)[0] == 1010


def test_a_picture_of_a_billion_pixels_is_refused(failure, settings, mp4):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(5001 * 100)))
    assert failure(settings(mp4()), png + chunk(b"IEND", b""))[0] in {1010, 1030}


def test_a_file_of_nothing_but_empty_boxes_is_not_read_to_its_end(tmp_path, monkeypatch):
    path = tmp_path / "boxes"
    path.write_bytes(b"\0\0\0\x08free" * 1000)
    assert len(list(engine.top_atoms(path))) == 1000
    monkeypatch.setattr(engine, "MOST_ATOMS", 100)
    assert len(list(engine.top_atoms(path))) == 100
