from __future__ import annotations

import pytest

from include.costs.mediaconvert import BASIC, PROFESSIONAL, billed_outputs
from include.costs.rate_card import BilledUnits, default_rate_card
from include.video.probe import MediaFacts, VideoStream


def film(**stream) -> MediaFacts:
    values = {"codec": "h264", "width": 1920, "height": 1080, "rotation_deg": 0, "frame_rate": 25.0}
    return MediaFacts(probed=True, duration_s=3600, video=VideoStream(**values | {"bit_rate_bps": None} | stream))


def output(codec: str = "H_264", width: int | None = None, height: int | None = None, **details) -> dict:
    size = {name: value for name, value in {"Width": width, "Height": height}.items() if value}
    member = {"H_264": "H264Settings", "H_265": "H265Settings"}.get(codec, "Av1Settings")
    return {"VideoDescription": {**size, "CodecSettings": {"Codec": codec, member: details}}}


def job(*outputs: dict, **first_input) -> dict:
    return {"Inputs": [first_input], "OutputGroups": [{"Outputs": list(outputs)}]}


def one(settings: dict, media: MediaFacts, **more) -> BilledUnits:
    (units,) = billed_outputs(settings, media, **more)
    return units


def test_the_usual_ladder_of_an_hour_costs_what_the_price_list_says():
    ladder = job(*(output(height=height, QualityTuningLevel="SINGLE_PASS_HQ") for height in (360, 480, 720, 1080)))
    assert default_rate_card().quote(billed_outputs(ladder, film())).usd == pytest.approx(2.70)


@pytest.mark.parametrize(
    ("asked", "multiplier"),
    [
        (output(height=719), 1),
        (output(height=720), 2),
        (output(width=1280), 2),
        (output(), 2),
        (output(width=3840, height=2160), 4),
        (output(height=720, FramerateControl="SPECIFIED", FramerateNumerator=60000, FramerateDenominator=1001), 4),
        (output(height=720, FramerateControl="SPECIFIED", FramerateNumerator=120, FramerateDenominator=1), None),
    ],
)
def test_size_and_frame_rate_multiply_the_minutes(asked, multiplier):
    assert one(job(asked), film()) == BilledUnits(item=BASIC, quantity=60, multiplier=multiplier)


def test_the_shorter_side_counts_in_a_film_that_stands_upright():
    portrait = film(width=1920, height=1080, rotation_deg=90)
    assert one(job(output(width=480), VideoSelector={"Rotate": "AUTO"}), portrait).multiplier == 1
    assert one(job(output(width=1080), VideoSelector={"Rotate": "AUTO"}), portrait).multiplier == 2


@pytest.mark.parametrize(
    "asked", [output("H_265"), output(QualityTuningLevel="MULTI_PASS_HQ"), output("AV1"), output("FRAME_CAPTURE")]
)
def test_other_codecs_and_more_passes_are_professional(asked):
    assert one(job(asked), film()).item == PROFESSIONAL


def test_acceleration_is_professional():
    assert one(job(output()), film(), accelerated=True).item == PROFESSIONAL


def test_captions_beside_the_film_are_not_billed():
    captions = {"CaptionDescriptions": [{"DestinationSettings": {"DestinationType": "WEBVTT"}}]}
    assert len(billed_outputs(job(output(), captions), film())) == 1


def test_what_the_card_does_not_know_is_not_guessed():
    sound = {"AudioDescriptions": [{"CodecSettings": {"Codec": "AAC"}}]}
    quote = default_rate_card().quote(billed_outputs(job(output(height=360), sound), film()))
    assert quote.usd is None
    assert quote.at_least_usd == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("clips", "source", "minutes"),
    [
        ([{"StartTimecode": "10:00:00:00", "EndTimecode": "10:02:00:00"}], "EMBEDDED", 2),
        ([{"EndTimecode": "00:00:30:00"}, {"StartTimecode": "00:59:30:00"}], "ZEROBASED", 1),
        ([{"EndTimecode": "00:00:30:00"}], "EMBEDDED", None),
    ],
)
def test_only_what_is_clipped_is_billed(clips, source, minutes):
    clipped = job(output(), InputClippings=clips, TimecodeSource=source)
    assert one(clipped, film()).quantity == pytest.approx(minutes)


def test_a_length_that_nobody_knows_is_unknown():
    assert one(job(output()), MediaFacts()).quantity is None
    assert one({**job(output()), "Inputs": [{}, {}]}, film()).quantity is None
    assert one(job(output(height=720)), MediaFacts(duration_s=60)).multiplier is None


def test_a_clip_whose_timecode_makes_no_sense_has_no_known_length():
    clipped = job(output(), InputClippings=[{"StartTimecode": "10 s", "EndTimecode": "00:00:20:00"}])
    assert one(clipped, film()).quantity is None
