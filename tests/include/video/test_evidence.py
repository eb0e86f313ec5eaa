from __future__ import annotations

from itertools import pairwise
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from include.costs.mediaconvert import billed_outputs
from include.video.evidence import (
    AFTER_S,
    BEFORE_S,
    MOST_CLIPS,
    clips_around,
    evidence_settings,
    input_clipping,
    web_rendition_settings,
)
from include.video.probe import AudioTrack, MediaFacts, VideoStream

SOUND = (AudioTrack(codec="aac", channels=2, sample_rate_hz=48000),)
SOURCE, TARGET = "s3://media-ingest/footage/cam-1/20260301/drive.mp4", "s3://media-processed/video/drive_web"


def film(*, rate: float | None = 25.0, duration_s: float | None = 60.0, **video: Any) -> MediaFacts:
    picture: dict[str, Any] = {"codec": "h264", "width": 1920, "height": 1080, "rotation_deg": 0}
    stream = VideoStream(**picture | video, frame_rate=rate, bit_rate_bps=None)
    return MediaFacts(probed=True, container="mov", duration_s=duration_s, video=stream, audio=SOUND)


def frames_of(clipping: dict[str, str], nominal: int) -> list[int]:
    """The numbers of a clip's first and last frame, counted without drop-frame."""
    numbers = []
    for timecode in clipping.values():
        hours, minutes, seconds, frames = map(int, timecode.split(":"))
        assert frames < nominal
        numbers.append(((hours * 60 + minutes) * 60 + seconds) * nominal + frames)
    return numbers


@pytest.mark.parametrize(
    ("moments_s", "duration_s", "clips"),
    [
        ([], 60.0, []),
        ([30.0], 60.0, [(22.0, 37.0)]),
        ([2.0], 60.0, [(0.0, 9.0)]),
        ([59.0], 60.0, [(51.0, 60.0)]),
        ([30.0], None, [(22.0, 37.0)]),
        ([30.0, 45.0], 60.0, [(22.0, 52.0)]),  # they touch
        ([30.0, 46.0], 60.0, [(22.0, 37.0), (38.0, 53.0)]),
        ([46.0, 30.0], 60.0, [(38.0, 53.0), (22.0, 37.0)]),  # the heaviest first
        ([90.0, 10.0, 50.0, 130.0], 200.0, [(82.0, 97.0), (2.0, 17.0), (42.0, 57.0)]),  # the lightest is left out
        ([90.0, 10.0, 50.0, 20.0], 200.0, [(82.0, 97.0), (2.0, 27.0), (42.0, 57.0)]),
        ([1.0], 0.0, []),
        ([70.0], 60.0, [(52.0, 60.0)]),
    ],
)
def test_clips_lie_around_the_moments(moments_s, duration_s, clips):
    assert clips_around(moments_s, duration_s) == clips


@given(st.lists(st.floats(0, 600), max_size=20), st.floats(0.1, 600))
def test_clips_stay_inside_the_film_apart_from_each_other_and_show_the_heaviest_moment(moments_s, duration_s):
    clips = clips_around(moments_s, duration_s)
    assert len(clips) <= MOST_CLIPS
    assert all(0 <= start_s < end_s <= duration_s for start_s, end_s in clips)
    in_order = sorted(clips)
    assert all(before[1] < after[0] for before, after in pairwise(in_order))
    if moments_s:
        heaviest_s = min(moments_s[0], duration_s)
        assert clips[0][0] <= max(0.0, heaviest_s - BEFORE_S)
        assert clips[0][1] >= min(duration_s, heaviest_s + AFTER_S)


@pytest.mark.parametrize("rate", [10, 23.976, 24, 25, 30000 / 1001, 30, 50, 60000 / 1001, 60])
@pytest.mark.parametrize("start_s", [0.0, 1.0, 59.99, 61.5, 3600.0])
def test_a_clip_holds_the_frames_that_are_shown_in_its_time_and_no_others(rate, start_s):
    first, last = frames_of(input_clipping(film(rate=rate, duration_s=7200), start_s, start_s + 15), round(rate))
    assert first / rate <= start_s + 1e-6 < (first + 1) / rate
    assert last / rate < start_s + 15 <= (last + 1) / rate + 1e-6


def test_the_last_frame_belongs_to_the_clip_so_that_ten_seconds_are_250_frames():
    assert input_clipping(film(), 10.0, 20.0) == {"StartTimecode": "00:00:10:00", "EndTimecode": "00:00:19:24"}


def test_a_clip_up_to_the_end_of_the_film_has_no_end_of_its_own():
    assert input_clipping(film(), 51.0, 60.0) == {"StartTimecode": "00:00:51:00"}
    assert "EndTimecode" in input_clipping(film(duration_s=None), 51.0, 60.0)


@pytest.mark.parametrize("rate", [None, 0.2, 240.0])
def test_without_a_usable_frame_rate_a_clip_is_cut_at_whole_seconds_around_it(rate):
    clipping = input_clipping(film(rate=rate, duration_s=100), 10.4, 20.4)
    assert clipping == {"StartTimecode": "00:00:10:00", "EndTimecode": "00:00:21:00"}


@pytest.mark.parametrize(("start_s", "end_s"), [(60.0, 70.0), (5.0, 5.0), (-1.0, 3.0)])
def test_a_clip_of_nothing_is_refused(start_s, end_s):
    with pytest.raises(ValueError, match="lies nothing"):
        input_clipping(film(), start_s, end_s)


@pytest.mark.parametrize(
    ("facts", "size"),
    [
        (film(), {"Height": 720}),
        (film(width=3840, height=2160), {"Height": 720}),
        (film(rotation_deg=90), {"Width": 720}),
        (film(width=640, height=360), {}),
        (film(width=1280, height=720), {}),
    ],
)
def test_the_web_rendition_has_at_most_720_lines_and_is_never_enlarged(facts, size):
    settings = web_rendition_settings(facts, source_uri=SOURCE, destination_uri=TARGET)
    described = settings["OutputGroups"][0]["Outputs"][0]["VideoDescription"]
    assert {side: described[side] for side in ("Width", "Height") if side in described} == size


def test_the_web_rendition_begins_to_play_at_once_and_stands_upright_in_what_every_browser_decodes():
    settings = web_rendition_settings(film(), source_uri=SOURCE, destination_uri=TARGET)
    (output,) = settings["OutputGroups"][0]["Outputs"]
    assert settings["Inputs"][0]["VideoSelector"] == {"Rotate": "AUTO"}
    assert output["ContainerSettings"]["Mp4Settings"] == {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}
    assert output["VideoDescription"]["CodecSettings"]["H264Settings"]["CodecProfile"] == "HIGH"  # 8 bits in 4:2:0
    assert output["AudioDescriptions"][0]["CodecSettings"]["Codec"] == "AAC"
    assert "InputClippings" not in settings["Inputs"][0]


def test_the_settings_are_valid_for_aws():
    shape = botocore.session.get_session().get_service_model("mediaconvert").shape_for("JobSettings")
    for settings in (
        web_rendition_settings(film(), source_uri=SOURCE, destination_uri=TARGET),
        evidence_settings(film(rate=29.97), source_uri=SOURCE, destination_uri=TARGET, start_s=3.3, end_s=18.3),
    ):
        report = ParamValidator().validate(settings, shape)
        assert not report.has_errors(), report.generate_report()


def test_only_the_clip_is_paid_for():
    settings = evidence_settings(film(), source_uri=SOURCE, destination_uri=TARGET, start_s=10, end_s=25)
    (billed,) = billed_outputs(settings, film())
    assert billed.quantity == pytest.approx(15 / 60, abs=0.001)


def test_sound_alone_shows_nothing():
    facts = MediaFacts(probed=True, container="ogg", audio=SOUND, duration_s=60.0)
    with pytest.raises(ValueError, match="no picture"):
        web_rendition_settings(facts, source_uri=SOURCE, destination_uri=TARGET)
