"""HLS packages: names, manifests, segments."""

from __future__ import annotations

import re
import struct

import pytest

from aws_emulator.services.mediaconvert.playlists import Segment, Variant, master_playlist, media_playlist
from tests.docker.aws.mediaconvert.conftest import ffmpeg

WORDS = b"1\n00:00:00,500 --> 00:00:01,500\nHello\n"
HLS = {
    "Type": "HLS_GROUP_SETTINGS",
    "HlsGroupSettings": {"Destination": "s3://media-out/hls/film", "SegmentLength": 1, "MinSegmentLength": 0},
}


@pytest.fixture
def rendition(mp4):
    def make(modifier, segment_modifier=None, **given):
        output = {**mp4(modifier, **given), "ContainerSettings": {"Container": "M3U8"}}
        if segment_modifier:
            output["OutputSettings"] = {"HlsSettings": {"SegmentModifier": segment_modifier}}
        return output

    return make


def test_a_package_is_a_manifest_over_manifests_over_segments(convert, settings, rendition):
    job = convert(settings(rendition("_90", Height=90), rendition("_180", "_part"), group=HLS))
    assert sorted(job.objects) == [
        "hls/film.m3u8",
        "hls/film_180.m3u8", "hls/film_180_part_00001.ts", "hls/film_180_part_00002.ts",
        "hls/film_90.m3u8", "hls/film_90_00001.ts", "hls/film_90_00002.ts",
    ]  # fmt: skip
    group = job.result["outputGroups"][0]
    assert (group["type"], group["playlists"]) == ("HLS_GROUP", ["s3://media-out/hls/film.m3u8"])
    assert [output["files"] for output in group["outputs"]] == [
        ["s3://media-out/hls/film_90.m3u8"], ["s3://media-out/hls/film_180.m3u8"]
    ]  # fmt: skip
    assert [output["duration_ms"] for output in group["outputs"]] == [2000, 2000]


def test_the_top_manifest_names_what_a_player_must_know(convert, settings, rendition):
    master = convert(settings(rendition("_90", Height=90), group=HLS)).text("hls/film.m3u8")
    (line,) = re.findall(r"#EXT-X-STREAM-INF:(.*)\n(.*)", master)
    assert line[1] == "film_90.m3u8"
    assert re.fullmatch(
        r'BANDWIDTH=\d+,AVERAGE-BANDWIDTH=\d+,CODECS="avc1\.4D40..,mp4a\.40\.2",RESOLUTION=160x90,FRAME-RATE=25\.000',
        line[0],
    )


def test_segments_start_with_key_frames_and_carry_mediaconverts_pids(convert, settings, rendition):
    job = convert(settings(rendition("_90", Height=90), group=HLS))
    streams = job.streams("hls/film_90_00002.ts")
    assert (streams["video"].id, streams["audio"].id) == (481, 482)
    assert len(job.frames("hls/film_90_00002.ts")) == 25
    assert job.text("hls/film_90.m3u8").count("#EXTINF:1.000,") == 2


def test_additional_manifests_name_the_outputs_they_select(convert, settings, rendition):
    more = [{"ManifestNameModifier": "-mobile", "SelectedOutputs": ["_90"]}]
    group = {**HLS, "HlsGroupSettings": {**HLS["HlsGroupSettings"], "AdditionalManifests": more}}
    job = convert(settings(rendition("_90", Height=90), rendition("_180"), group=group))
    assert "film_180.m3u8" not in job.text("hls/film-mobile.m3u8")
    assert "film_90.m3u8" in job.text("hls/film-mobile.m3u8")


def test_alternate_audio_stands_in_a_group_that_variants_name(convert, settings, rendition):
    sound = rendition("_sound")
    del sound["VideoDescription"]
    track = {"AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT", "AudioGroupId": "stereo"}
    sound["OutputSettings"] = {"HlsSettings": track}
    picture = {**rendition("_90", sound=False, Height=90)}
    picture["OutputSettings"] = {"HlsSettings": {"AudioRenditionSets": "stereo"}}
    master = convert(settings(picture, sound, group=HLS)).text("hls/film.m3u8")
    assert 'AUTOSELECT=YES,DEFAULT=YES,GROUP-ID="stereo",URI="film_sound.m3u8"' in master
    assert master.count("#EXT-X-STREAM-INF") == 1
    assert 'mp4a.40.2"' in master
    assert 'AUDIO="stereo"' in master


@pytest.fixture
def captioned(settings, rendition):
    """Settings of a rendition and its subtitles."""
    words = {
        "NameModifier": "_words",
        "ContainerSettings": {"Container": "M3U8"},
        "CaptionDescriptions": [
            {
                "CaptionSelectorName": "Captions Selector 1",
                "LanguageCode": "ENG",
                "DestinationSettings": {"DestinationType": "WEBVTT"},
            }
        ],
    }
    source = {"SourceType": "SRT", "FileSourceSettings": {"SourceFile": "s3://media-in/films/words.srt"}}
    return settings(
        rendition("_90", Height=90), words, group=HLS,
        CaptionSelectors={"Captions Selector 1": {"SourceSettings": source}},
    )  # fmt: skip


def test_captions_become_a_rendition_of_subtitles(convert, captioned):
    job = convert(captioned, **{"words.srt": WORDS})
    assert 'TYPE=SUBTITLES,GROUP-ID="subs",NAME="eng"' in job.text("hls/film.m3u8")
    assert 'SUBTITLES="subs"' in job.text("hls/film.m3u8")
    assert job.text("hls/film_words.m3u8").count("#EXTINF") == 1
    assert "00:00:00.500 --> 00:00:01.500\nHello" in job.text("hls/film_words_00001.vtt")


def test_captions_are_not_as_long_as_an_input_pretends_to_be(convert, captioned, media, tmp_path):
    path = tmp_path / "clip.mkv"
    ffmpeg("-i", media["clip"], "-c", "copy", path)
    content = bytearray(path.read_bytes())
    struct.pack_into(">d", content, content.index(b"\x44\x89\x88") + 3, 1e15)  # the element Duration, in ms
    job = convert(captioned, bytes(content), **{"words.srt": WORDS})
    assert job.text("hls/film_words.m3u8").count("#EXTINF") == 1
    assert all(output["duration_ms"] < 2500 for output in job.outputs)


def test_durations_are_written_as_asked():
    segments = [Segment("a_00001.ts", 5.96), Segment("a_00002.ts", 0.2)]
    assert "#EXTINF:5.960," in media_playlist(segments, {})
    rounded = media_playlist(segments, {"ManifestDurationFormat": "INTEGER"})
    assert "#EXTINF:6," in rounded
    assert "#EXTINF:1," in rounded
    assert "#EXT-X-TARGETDURATION:6" in rounded


def test_a_base_url_stands_before_every_name():
    variant = Variant("a.m3u8", [Segment("a_00001.ts", 2.0, 100)], [], None, None, {})
    assert "https://cdn/a.m3u8" in master_playlist([variant], {"BaseUrl": "https://cdn/"})
    assert "https://cdn/a_00001.ts" in media_playlist(variant.segments, {"BaseUrl": "https://cdn/"})
