"""Text that is rendered into films is read, where it stands and when."""

from __future__ import annotations

import pytest

from aws_emulator.services.rekognition import text
from aws_emulator.services.rekognition.geometry import Box, share_within
from aws_emulator.services.rekognition.moderation import moderation_labels
from aws_emulator.services.rekognition.text import Line, Word, detections, filtered
from tests.docker.aws.rekognition.scenes import ffmpeg, film, page, texture

WIDE = (480, 270)


def read(found, kind="LINE"):
    """(timestamp, text) of what was found."""
    return [(d["Timestamp"], d["TextDetection"]["DetectedText"]) for d in found if d["TextDetection"]["Type"] == kind]


def word(name="STATION", confidence=95.0, box=Box(0.1, 0.1, 0.4, 0.1)):  # noqa: B008  frozen
    return Word(name, confidence, box.corners)


@pytest.fixture
def signs(tmp_path):
    """A second of one sign, a second of another."""
    pictures = [page("Harbour Street 42", size=WIDE)] * 10 + [page("MUSEUM", size=WIDE)] * 10
    return film(tmp_path / "signs.mp4", pictures, rate=10)


def test_lines_and_words_are_read_when_they_are_shown(signs, analyse):
    found = analyse(signs, "TextDetection")
    assert read(found) == [(0, "Harbour Street 42"), (500, "Harbour Street 42"), (1000, "MUSEUM"), (1500, "MUSEUM")]
    assert [name for ms, name in read(found, "WORD") if ms == 0] == ["Harbour", "Street", "42"]


def test_every_word_names_its_line_and_lies_within_it(signs, analyse):
    line, *words = [d["TextDetection"] for d in analyse(signs, "TextDetection") if d["Timestamp"] == 0]
    assert [w["ParentId"] for w in words] == [line["Id"]] * 3
    assert [d["Id"] for d in (line, *words)] == [0, 1, 2, 3]
    around = Box.from_api(line["Geometry"]["BoundingBox"])
    for found in words:
        assert share_within(Box.from_api(found["Geometry"]["BoundingBox"]), around.corners) > 0.9
    lefts = [w["Geometry"]["BoundingBox"]["Left"] for w in words]
    assert lefts == sorted(lefts)


def test_a_turned_film_is_read_upright_and_measured_upright(tmp_path, analyse):
    upright = page("MUSEUM", size=WIDE)
    lying = film(tmp_path / "lying.mp4", [upright[::-1].transpose(1, 0, 2).copy()] * 5, rate=10)
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", lying, "-c", "copy", turned)
    found = analyse(turned, "TextDetection")
    assert read(found) == [(0, "MUSEUM")]
    assert (analyse.last["video"]["FrameWidth"], analyse.last["video"]["FrameHeight"]) == WIDE


def test_regions_of_interest_choose_by_place(tmp_path, analyse):
    video = film(tmp_path / "two.mp4", [page("UPPER", "LOWER", size=WIDE)] * 5, rate=10)
    top = {"BoundingBox": {"Left": 0, "Top": 0, "Width": 1, "Height": 0.5}}
    bottom = {"Polygon": [{"X": 0, "Y": 0.5}, {"X": 1, "Y": 0.5}, {"X": 1, "Y": 1}, {"X": 0, "Y": 1}]}
    for regions, names in (([top], ["UPPER"]), ([bottom], ["LOWER"]), ([top, bottom], ["UPPER", "LOWER"])):
        found = analyse(video, "TextDetection", Filters={"RegionsOfInterest": regions})
        assert [name for _, name in read(found)] == names


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({}, True),
        ({"MinConfidence": 96}, False),
        ({"MinConfidence": 95}, True),
        ({"MinBoundingBoxHeight": 0.11}, False),
        ({"MinBoundingBoxWidth": 0.41}, False),
        ({"MinBoundingBoxHeight": 0.1, "MinBoundingBoxWidth": 0.4}, True),
    ],
)
def test_the_word_filter_chooses_by_confidence_and_size(wanted, passes):
    assert bool(filtered([Line(word(), [word()])], {"WordFilter": wanted})) is passes


def test_what_is_read_with_less_than_80_percent_must_be_asked_for():
    unsure = [Line(word(confidence=70.0), [word(confidence=70.0)])]
    assert filtered(unsure, {}) == []
    assert filtered(unsure, {"WordFilter": {"MinConfidence": 60}}) == unsure


def test_a_line_loses_the_words_that_do_not_pass():
    (kept,) = filtered(
        [Line(word("BIG small"), [word("BIG"), word("small", box=Box(0.6, 0.1, 0.1, 0.01))])],
        {"WordFilter": {"MinBoundingBoxHeight": 0.05}},
    )
    assert [w.text for w in kept.words] == ["BIG"]


def test_a_frame_gives_at_most_100_words():
    found = detections([Line(word(), [word()] * 80), Line(word(), [word()] * 80)], 0)
    assert sum(d["TextDetection"]["Type"] == "WORD" for d in found) == 100


def test_single_characters_are_dropped_but_for_a_sure_digit():
    kept = [w for w in (word("7", 95.0), word("7", 85.0), word("X", 99.0), word("OK", 60.0)) if text._legible(w)]
    assert [w.text for w in kept] == ["7", "OK"]


def test_a_film_without_text_gives_an_empty_list(tmp_path, analyse):
    assert analyse(film(tmp_path / "plain.mp4", [texture(1)] * 5), "TextDetection") == []


def test_moderation_reports_terms_that_are_read_with_their_place_in_the_taxonomy(tmp_path, analyse):
    video = film(tmp_path / "casino.mp4", [page("GRAND CASINO", "WHISKY BAR", size=WIDE)] * 5, rate=10)
    found = analyse(video, "ContentModeration")
    labels = {label["ModerationLabel"]["Name"]: label["ModerationLabel"] for label in found}
    assert set(labels) == {"Gambling", "Alcohol", "Alcoholic Beverages"}
    assert labels["Gambling"]["ParentName"] == ""
    assert (labels["Alcoholic Beverages"]["ParentName"], labels["Alcoholic Beverages"]["TaxonomyLevel"]) == (
        "Alcohol",
        2,
    )
    assert "pictures are not judged" in analyse.last["version"]


def test_moderation_leaves_out_what_is_less_sure_than_asked_for():
    lines = [Line(word("casino", 91.0), [word("casino", 91.0)])]
    assert [label["ModerationLabel"]["Confidence"] for label in moderation_labels(0, lines, 90)] == [91.0]
    assert moderation_labels(0, lines, 92) == []
