"""The one command: each input decoded once, x264 told what MediaConvert was told."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from aws_emulator.media.probe import AudioStream, MediaFacts, VideoStream
from aws_emulator.services.mediaconvert.plan import Planner, Source
from aws_emulator.services.mediaconvert.video import h264

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def plan():
    def make(settings, pids=()):
        video = VideoStream(0, "h264", None, 1280, 720, "yuv420p", 8, 0, Fraction(25), Fraction(1), None, 250, 10.0)
        audio = tuple(AudioStream(n, "aac", 2, 48_000, None, None, 10.0) for n in range(1, max(2, len(pids) + 1)))
        facts = MediaFacts("mpegts", 10.0, 1000, None, (video,), audio, ())
        given = settings["Inputs"]
        pid_of = dict(enumerate(pids, start=1))
        sources = [Source(one["FileInput"], Path("clip.ts"), one, facts, pids=pid_of) for one in given]
        return Planner(settings, sources, NOON).plan()

    return make


def options(encoded):
    return dict(zip(encoded.options[::2], encoded.options[1::2], strict=True))


def test_four_renditions_decode_once(plan, settings, mp4):
    made = plan(settings(*(mp4(f"_{height}", Height=height) for height in (180, 360, 540, 720))))
    assert len(made.inputs) == 1
    graph = made.arguments[made.arguments.index("-filter_complex") + 1]
    assert "[0:0]split=4" in graph
    assert graph.count("[0:0]") == graph.count("[0:1]") == 1
    assert made.arguments.count("libx264") == 4
    assert made.duration_s == 10.0


def test_qvbr_is_a_quality_under_a_ceiling():
    found = options(h264({"RateControlMode": "QVBR", "MaxBitrate": 5_000_000}, Fraction(25), transport_stream=False))
    assert (found["-crf"], found["-maxrate:v"], found["-bufsize:v"]) == ("23", "5000000", "10000000")
    assert "-b:v" not in found


def test_cbr_fills_up_where_the_container_lets_it():
    given = {"RateControlMode": "CBR", "Bitrate": 1_000_000, "HrdBufferSize": 2_000_000}
    for transport_stream in (True, False):
        found = options(h264(given, Fraction(25), transport_stream=transport_stream))
        assert (found["-b:v"], found["-minrate:v"], found["-maxrate:v"]) == ("1000000",) * 3
        assert found["-bufsize:v"] == "2000000"
        assert ("nal-hrd=cbr" in found["-x264-params"]) is transport_stream


def test_structure_of_the_stream_is_handed_on():
    given = {
        "Bitrate": 9, "CodecProfile": "HIGH", "CodecLevel": "LEVEL_4_1", "NumberBFramesBetweenReferenceFrames": 2,
        "NumberReferenceFrames": 3, "GopSize": 90, "GopSizeUnits": "FRAMES", "MinIInterval": 4, "Slices": 2,
        "SceneChangeDetect": "DISABLED", "EntropyEncoding": "CAVLC", "GopBReference": "DISABLED",
        "AdaptiveQuantization": "OFF", "GopClosedCadence": 0, "DynamicSubGop": "STATIC",
        "HrdBufferInitialFillPercentage": 90, "MaxBitrate": 18,
    }  # fmt: skip
    found = options(h264(given, Fraction(25), transport_stream=False))
    assert (found["-profile:v"], found["-level:v"], found["-g"], found["-keyint_min"]) == ("high", "4.1", "90", "4")
    assert set(found["-x264-params"].split(":")) == {
        "bframes=2", "ref=3", "scenecut=0", "cabac=0", "b-pyramid=none", "aq-mode=0", "slices=2", "open-gop=1",
        "b-adapt=0", "vbv-init=0.9",
    }  # fmt: skip


def test_a_selector_by_pid_takes_that_stream(plan, settings, mp4):
    selectors = {"Audio Selector 1": {"SelectorType": "PID", "Pids": [258]}}
    made = plan(settings(mp4(), AudioSelectors=selectors), pids=(257, 258))
    assert "[0:2]" in made.arguments[made.arguments.index("-filter_complex") + 1]


def test_no_name_of_the_users_reaches_the_command(plan, settings, mp4):
    output = {**mp4("_$(touch x);[v]'\""), "Extension": "../../x"}
    made = plan(settings(output, FileInput="s3://media-in/-i/etc/passwd;[v].mp4"))
    assert not any("touch" in part or "passwd" in part or ".." in part for part in made.arguments)
    assert made.products[0].key.endswith("_$(touch x);[v]'\"")


def test_identifiers_are_filled_in(plan, settings, mp4):
    output = mp4("_$w$x$h$_$rv$_$ra$_$rc$_$f$_$ex$", Height=360)
    group = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://media-out/$d$/$t$/$dt$/$fn$"}}
    (product,) = plan(settings(output, group=group)).products
    assert product.key == "20260504/120000/20260504T120000/clip_640x360_800_96_896_25_mp4"


def test_what_is_done_otherwise_is_said(plan, settings, mp4):
    output = mp4(h264={"RateControlMode": "QVBR", "MaxBitrate": 9, "QualityTuningLevel": "MULTI_PASS_HQ"})
    output["AudioDescriptions"][0]["CodecSettings"] = {
        "Codec": "AAC",
        "AacSettings": {
            "CodecProfile": "HEV1",
            "Bitrate": 64_000,
            "CodingMode": "CODING_MODE_2_0",
            "SampleRate": 48_000,
        },
    }
    assert plan(settings(output)).remarks == [
        "AAC profile HEV1 is not available here: the audio is AAC-LC.",
        "Multi-pass encoding is done in one pass with a slower preset.",
    ]
