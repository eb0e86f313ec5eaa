from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from include.video.mediaconvert import files_read, files_written
from include.video.probe import AudioTrack, MediaFacts, VideoStream
from include.video.proxy import LARGEST_BYTES, LONGEST_S, proxy_reason, proxy_settings

SOUND = (AudioTrack(codec="vorbis", channels=2, sample_rate_hz=44100),)


def picture(codec: str = "h264", **stated: Any) -> VideoStream:
    basis: dict[str, Any] = {"width": 640, "height": 360, "rotation_deg": 0, "frame_rate": 25.0, "bit_rate_bps": None}
    return VideoStream(codec=codec, **basis | stated)


def film(video: VideoStream | None = None, **stated: Any) -> MediaFacts:
    basis: dict[str, Any] = {"probed": True, "container": "mov", "duration_s": 30.0, "size_bytes": 1_000_000}
    return MediaFacts(video=video or picture(), **basis | stated)


def settings_of(facts: MediaFacts) -> dict[str, Any]:
    return proxy_settings(
        facts, source_uri="s3://media-raw/video/a.webm", destination_uri="s3://media-processed/a_proxy"
    )


def output_of(facts: MediaFacts) -> dict[str, Any]:
    return settings_of(facts)["OutputGroups"][0]["Outputs"][0]


@pytest.mark.parametrize("profile", [None, "Baseline", "Main", "High"])
def test_a_plain_h264_film_needs_no_proxy(profile):
    assert proxy_reason(film(picture(profile=profile))) is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (film(picture("vp8"), container="matroska"), "the film is vp8"),
        (film(picture("theora"), container="ogg"), "the film is theora"),
        (film(picture("hevc")), "the film is hevc"),
        (film(picture(profile="High 10")), "profile High 10, only 8 bits"),
        (film(picture(profile="High 4:2:2")), "profile High 4:2:2"),
        (film(picture(), container="matroska"), "the film lies in matroska"),
        (film(picture(), size_bytes=LARGEST_BYTES + 1), "10 are allowed"),
        (film(picture("vp9"), container="matroska", duration_s=None), "the film is vp9"),
    ],
)
def test_what_rekognition_cannot_take_needs_a_proxy(facts, reason):
    assert reason in proxy_reason(facts)


@pytest.mark.parametrize(
    "facts",
    [
        film(picture("vp9"), container="matroska", duration_s=LONGEST_S + 1),
        film(picture("vp9", width=1, height=1), container="matroska"),
        MediaFacts(probed=True, container="ogg", audio=SOUND),
    ],
    ids=["too long", "too small", "no picture"],
)
def test_what_a_proxy_does_not_cure_gets_none(facts):
    assert proxy_reason(facts) is None


@pytest.mark.parametrize("audio", [(), SOUND], ids=["silent", "with sound"])
def test_the_settings_are_valid_for_aws(audio):
    shape = botocore.session.get_session().get_service_model("mediaconvert").shape_for("JobSettings")
    for video in (picture("vp9"), picture("hevc", width=4096, height=2160), picture("theora", width=321, height=241)):
        report = ParamValidator().validate(settings_of(film(video, audio=audio)), shape)
        assert not report.has_errors(), report.generate_report()


def test_the_proxy_is_one_mp4_at_the_destination():
    settings = settings_of(film())
    assert files_read(settings) == ["s3://media-raw/video/a.webm"]
    assert [file.path for file in files_written(settings)] == ["s3://media-processed/a_proxy.mp4"]


def test_the_proxy_is_upright_and_keeps_the_frames_of_the_film():
    settings = settings_of(film(picture("hevc", rotation_deg=90)))
    assert settings["Inputs"][0]["VideoSelector"] == {"Rotate": "AUTO"}
    coded = output_of(film())["VideoDescription"]["CodecSettings"]["H264Settings"]
    assert coded["FramerateControl"] == "INITIALIZE_FROM_SOURCE"
    assert "FramerateNumerator" not in coded


@pytest.mark.parametrize(
    ("video", "size"),
    [
        (picture("vp9", width=320, height=180), {}),
        (picture("vp9", width=3840, height=2160), {"Height": 1080}),
        (picture("hevc", width=3840, height=2160, rotation_deg=270), {"Width": 1080}),
        (picture("vp9", width=1080, height=1920), {}),
        (picture("theora", width=321, height=241), {"Height": 240}),
    ],
)
def test_the_proxy_has_at_most_1080_lines_and_is_never_enlarged(video, size):
    described = output_of(film(video))["VideoDescription"]
    assert {side: described[side] for side in ("Width", "Height") if side in described} == size


def test_a_film_with_sound_keeps_it_and_a_silent_one_gets_none():
    assert "AudioDescriptions" not in output_of(film())
    assert "AudioSelectors" not in settings_of(film())["Inputs"][0]
    (sound,) = output_of(film(audio=SOUND))["AudioDescriptions"]
    assert sound["AudioSourceName"] in settings_of(film(audio=SOUND))["Inputs"][0]["AudioSelectors"]


def test_a_frugal_film_makes_no_lavish_proxy():
    bits = {
        size_bytes: output_of(film(size_bytes=size_bytes))["VideoDescription"]["CodecSettings"]["H264Settings"]
        for size_bytes in (100_000, 3_000_000, 300_000_000)
    }
    assert [settings["MaxBitrate"] for settings in bits.values()] == [500_000, 1_500_000, 1_500_000]


def test_sound_alone_has_no_proxy():
    with pytest.raises(ValueError, match="no picture"):
        settings_of(MediaFacts(probed=True, container="ogg", audio=SOUND))
