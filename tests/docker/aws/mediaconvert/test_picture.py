"""Scaling, as the user guide's examples have it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_emulator.services.mediaconvert.picture import Picture, cropped, scaled, turned

EXAMPLES = [
    ((1280, 720), {"Width": 640, "Height": 480}, (640, 480), ["scale=640:360", "pad=640:480:0:60"]),
    ((200, 200), {"Width": 300, "Height": 400, "ScalingBehavior": "FIT"}, (300, 300), ["scale=300:300"]),
    (
        (200, 200),
        {"Width": 300, "Height": 400, "ScalingBehavior": "FILL"},
        (300, 400),
        ["scale=400:400", "crop=300:400"],
    ),
    ((200, 200), {"Width": 300, "Height": 400, "ScalingBehavior": "STRETCH_TO_OUTPUT"}, (300, 400), ["scale=300:400"]),
    ((400, 400), {"Width": 200, "Height": 300, "ScalingBehavior": "FIT_NO_UPSCALE"}, (200, 200), ["scale=200:200"]),
    ((320, 180), {"Width": 640, "Height": 360, "ScalingBehavior": "FIT_NO_UPSCALE"}, (320, 180), []),
    ((320, 180), {"Height": 360, "ScalingBehavior": "FIT_NO_UPSCALE"}, (320, 180), []),
    ((1920, 1080), {"Height": 720}, (1280, 720), ["scale=1280:720"]),
    ((854, 480), {"Height": 360}, (640, 360), ["scale=640:360"]),
    ((321, 181), {}, (320, 180), ["scale=320:180"]),
    ((1080, 1920), {"Width": 1920, "Height": 1080}, (1920, 1080), ["scale=608:1080", "pad=1920:1080:656:0"]),
]


@pytest.mark.parametrize(("source", "video", "size", "filters"), EXAMPLES)
def test_the_examples_of_the_guide(source, video, size, filters):
    found = scaled(Picture(*source), video)
    assert ((found.picture.width, found.picture.height), found.filters) == (size, [*filters, "setsar=1/1"])


def test_wide_pixels_stay_wide_unless_the_output_asks_otherwise():
    dvd = Picture(720, 576, Fraction(64, 45))
    assert scaled(dvd, {"Height": 288}).picture == Picture(360, 288, Fraction(64, 45))
    assert scaled(dvd, {"Height": 288}, Fraction(1)).picture == Picture(512, 288)


def test_a_turn_swaps_sides_and_pixels():
    assert turned(Picture(720, 576, Fraction(64, 45)), 270).picture == Picture(576, 720, Fraction(45, 64))


def test_a_crop_stays_inside_the_frame():
    assert cropped(Picture(100, 80), {"X": 10, "Y": 20, "Width": 90, "Height": 60}).filters == ["crop=90:60:10:20"]
    with pytest.raises(ValueError, match=r"not inside the \[100 x 80\] frame"):
        cropped(Picture(100, 80), {"X": 12, "Y": 20, "Width": 90, "Height": 60})


sides = st.integers(16, 4000)
asked = st.one_of(st.none(), st.integers(16, 2000).map(lambda half: 2 * half))
behaviours = st.sampled_from(["DEFAULT", "FIT", "FIT_NO_UPSCALE", "FILL", "STRETCH_TO_OUTPUT"])


@given(width=sides, height=sides, to_width=asked, to_height=asked, behaviour=behaviours)
def test_outputs_are_even_and_never_larger_than_they_may_be(width, height, to_width, to_height, behaviour):
    video = {"ScalingBehavior": behaviour} | ({"Width": to_width} if to_width else {})
    video |= {"Height": to_height} if to_height else {}
    found = scaled(Picture(width, height), video).picture
    assert found.width % 2 == found.height % 2 == 0
    if to_width and to_height:
        assert (found.width <= to_width, found.height <= to_height) == (True, True)
    if behaviour == "FIT_NO_UPSCALE":
        assert (found.width <= width + 1, found.height <= height + 1) == (True, True)
