"""Sidecar captions, from files and from tracks inside the input."""

from __future__ import annotations

import pytest

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.mediaconvert import captions
from tests.docker.aws.mediaconvert.conftest import ffmpeg

SRT = (
    "1\r\n00:00:00,200 --> 00:00:00,900\r\n<i>Größe</i>\r\n\r\n2\r\n00:00:01,200 --> 00:00:01,800\r\nzwei\r\nZeilen\r\n"
)
SELECTOR = "Captions Selector 1"


@pytest.fixture
def sidecar():
    def make(kind="WEBVTT", modifier="_de"):
        wanted = {"CaptionSelectorName": SELECTOR, "DestinationSettings": {"DestinationType": kind}}
        return {
            "NameModifier": modifier, "ContainerSettings": {"Container": "RAW"}, "CaptionDescriptions": [wanted]
        }  # fmt: skip

    return make


def from_file(**more):
    source = {"SourceFile": "s3://media-in/films/words.srt", **more}
    return {SELECTOR: {"SourceSettings": {"SourceType": "SRT", "FileSourceSettings": source}}}


def test_subrip_becomes_webvtt_beside_the_video(convert, settings, mp4, sidecar):
    job = convert(settings(mp4(), sidecar(), CaptionSelectors=from_file()), **{"words.srt": SRT.encode()})
    assert job.text("made/clip_de.vtt") == (
        "WEBVTT\n\n1\n00:00:00.200 --> 00:00:00.900\n<i>Größe</i>\n\n2\n00:00:01.200 --> 00:00:01.800\nzwei\nZeilen\n"
    )
    assert job.outputs[1] == {"files": ["s3://media-out/made/clip_de.vtt"], "duration_ms": 2000}


def test_webvtt_becomes_subrip(convert, settings, mp4, sidecar):
    source = {"SourceType": "WEBVTT", "FileSourceSettings": {"SourceFile": "s3://media-in/films/words.vtt"}}
    given = settings(mp4(), sidecar("SRT"), CaptionSelectors={SELECTOR: {"SourceSettings": source}})
    text = b"WEBVTT\n\nNOTE nobody sees this\n\n00:01.000 --> 00:01.500 align:start\nHi\n"
    assert convert(given, **{"words.vtt": text}).text("made/clip_de.srt") == "1\n00:00:01,000 --> 00:00:01,500\nHi\n"


def test_captions_move_with_the_clips(convert, settings, mp4, sidecar):
    clips = [{"StartTimecode": "00:00:01:00"}, {"EndTimecode": "00:00:00:24"}]
    given = settings(mp4(), sidecar(), CaptionSelectors=from_file(), InputClippings=clips)
    text = convert(given, **{"words.srt": SRT.encode()}).text("made/clip_de.vtt")
    assert "00:00:00.200 --> 00:00:00.800\nzwei" in text
    assert "00:00:01.200 --> 00:00:01.900\n<i>Größe" in text


def test_a_clip_behind_the_end_makes_captions_no_longer_than_the_video(convert, settings, mp4, sidecar):
    clips = [{"EndTimecode": "00:00:20:00"}]
    given = settings(mp4(), sidecar(), CaptionSelectors=from_file(), InputClippings=clips)
    job = convert(given, **{"words.srt": SRT.encode()})
    assert [output["duration_ms"] for output in job.outputs] == [2000, 2000]


def test_captions_are_moved_by_their_time_delta(convert, settings, mp4, sidecar):
    delta = from_file(TimeDelta=-500, TimeDeltaUnits="MILLISECONDS")
    job = convert(settings(mp4(), sidecar(), CaptionSelectors=delta), **{"words.srt": SRT.encode("utf-16")})
    assert "00:00:00.000 --> 00:00:00.400\n<i>Größe" in job.text("made/clip_de.vtt")


def test_a_track_of_timed_text_is_read_by_language(convert, settings, mp4, sidecar, media, tmp_path):
    (tmp_path / "words.srt").write_text(SRT)
    (tmp_path / "other.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nother\n")
    ffmpeg(
        "-i", media["silent"], "-i", tmp_path / "other.srt", "-i", tmp_path / "words.srt", "-map", "0", "-map", "1",
        "-map", "2", "-c", "copy", "-c:s", "mov_text", "-metadata:s:s:1", "language=deu", tmp_path / "talk.mp4",
    )  # fmt: skip
    selector = {SELECTOR: {"LanguageCode": "DEU", "SourceSettings": {"SourceType": "TT_3GPP"}}}
    job = convert(settings(mp4(sound=False), sidecar(), CaptionSelectors=selector), tmp_path / "talk.mp4")
    assert "zwei\nZeilen" in job.text("made/clip_de.vtt")
    assert "other" not in job.text("made/clip_de.vtt")


def test_missing_captions_end_the_job(convert, settings, mp4, sidecar):
    with pytest.raises(JobFailed, match=r"^1404: .*words\.srt.*HeadObject failed"):
        convert(settings(mp4(), sidecar(), CaptionSelectors=from_file()))


def test_captions_that_are_none_end_the_job(convert, settings, mp4, sidecar):
    with pytest.raises(JobFailed, match=r"^1010: .*Captions cannot be read"):
        convert(settings(mp4(), sidecar(), CaptionSelectors=from_file()), **{"words.srt": b"\x89PNG\r\n"})


def test_hostile_captions_are_written_at_once():
    many = 100_000
    hostile = [b"<s " * many, b"{\\" * many, b"{\\i1}<font color=red>words</font>"]
    text = b"".join(b"00:00:01,000 --> 00:00:02,000\n" + line + b"\n\n" for line in hostile)
    text += b"9" * 4299 + b":00:01,000 --> " + b"9" * 4299 + b":00:02,000\nlater\n"
    written = captions.to_webvtt(captions.read(text))
    assert written.endswith("00:00:01.000 --> 00:00:02.000\nwords\n")
