"""The flat records of answers in the shapes that the service was recorded with."""

from __future__ import annotations

import pytest

from include.video.rekognition import (
    RECORDS_FROM_PAGE,
    facts_from_page,
    labels_from_page,
    moderation_from_page,
    segments_from_page,
    text_from_page,
)

VIDEO = {"Format": "QuickTime / MOV", "FrameRate": 29.97, "Codec": "h264", "DurationMillis": 6806, "FrameHeight": 1080,
         "FrameWidth": 1920}  # fmt: skip


def label(**when):
    return {
        **when,
        "Label": {
            "Name": "Car",
            "Confidence": 99.9364013671875,
            "Parents": [{"Name": "Vehicle"}],
            "Aliases": [{"Name": "Automobile"}],
            "Categories": [{"Name": "Vehicles and Automotive"}],
        },
    }


def test_a_sighting_starts_and_ends_at_its_moment():
    (record,) = labels_from_page({"Labels": [label(Timestamp=225)]})
    assert record == {
        "name": "Car",
        "parents": ["Vehicle"],
        "categories": ["Vehicles and Automotive"],
        "aliases": ["Automobile"],
        "start_s": 0.225,
        "end_s": 0.225,
        "confidence": 0.9994,
        "instances": [],
    }


def test_a_segment_is_a_stretch_even_where_the_service_gives_its_moment_too():
    stretch = label(Timestamp=225, StartTimestampMillis=225, EndTimestampMillis=3578, DurationMillis=3353)
    (record,) = labels_from_page({"Labels": [stretch]})
    assert (record["start_s"], record["end_s"]) == (0.225, 3.578)


def test_shots_and_cues_keep_their_order_and_their_frames():
    span = {"StartTimestampMillis": 0, "EndTimestampMillis": 9976, "StartFrameNumber": 0, "EndFrameNumber": 299}
    cue = {**span, "Type": "TECHNICAL_CUE", "TechnicalCueSegment": {"Type": "BlackFrames", "Confidence": 90.45}}
    shot = {**span, "Type": "SHOT", "ShotSegment": {"Index": 0, "Confidence": 99.998}}
    records = list(segments_from_page({"Segments": [cue, shot]}))
    assert [record["kind"] for record in records] == ["cue", "shot"]
    assert all((record["end_s"], record["end_frame"]) == (9.976, 299) for record in records)


def test_a_coarse_moderation_label_has_no_parent():
    found = {"Timestamp": 0, "ModerationLabel": {"Name": "Violence", "ParentName": "", "Confidence": 97.4}}
    (record,) = moderation_from_page({"ModerationLabels": [found]})
    assert record["parent"] is None
    assert record["confidence"] == 0.974


def test_a_word_names_its_line_and_where_it_stands():
    box = {"Width": 0.25, "Height": 0.0625, "Left": 0.5, "Top": 0.75}
    word = {"DetectedText": "EXIT", "Type": "WORD", "Id": 1, "ParentId": 0, "Confidence": 98.0}
    (record,) = text_from_page(
        {"TextDetections": [{"Timestamp": 500, "TextDetection": {**word, "Geometry": {"BoundingBox": box}}}]}
    )
    assert (record["kind"], record["id"], record["parent_id"]) == ("word", 1, 0)
    assert record["box"] == {"left": 0.5, "top": 0.75, "width": 0.25, "height": 0.0625}


@pytest.mark.parametrize("analysis", sorted(RECORDS_FROM_PAGE))
def test_a_page_without_findings_has_no_records(analysis):
    assert list(RECORDS_FROM_PAGE[analysis]({"JobStatus": "SUCCEEDED"})) == []


def test_segment_detection_gives_its_video_in_a_list_and_its_models_by_kind():
    types = [{"Type": "SHOT", "ModelVersion": "2.0"}, {"Type": "TECHNICAL_CUE", "ModelVersion": "2.0"}]
    assert facts_from_page({"VideoMetadata": [VIDEO], "SelectedSegmentTypes": types}) == {
        "model_version": "2.0",
        "media": {"duration_s": 6.806, "width": 1920, "height": 1080, "frame_rate": 29.97, "codec": "h264"},
    }
    types[1] = {"Type": "TECHNICAL_CUE", "ModelVersion": "3.0"}
    assert facts_from_page({"SelectedSegmentTypes": types})["model_version"] == "SHOT 2.0, TECHNICAL_CUE 3.0"


def test_what_a_page_does_not_say_is_not_known():
    assert facts_from_page({"VideoMetadata": []}) == {
        "model_version": None,
        "media": {"duration_s": None, "width": None, "height": None, "frame_rate": None, "codec": None},
    }


@pytest.mark.parametrize("analysis", RECORDS_FROM_PAGE)
def test_what_has_no_name_or_no_time_is_left_out(analysis):
    lists = {"Labels": "Label", "ModerationLabels": "ModerationLabel", "TextDetections": "TextDetection"}
    page = {name: [{}, {what: {}, "Timestamp": 0}, {what: None}, {what: {"Name": "a", "DetectedText": "a"}}]
            for name, what in lists.items()}  # fmt: skip
    page["Segments"] = [
        {},
        {"Type": "SHOT", "ShotSegment": {"Index": 0}},
        {"Type": "TECHNICAL_CUE", "StartTimestampMillis": 0},
    ]
    assert list(RECORDS_FROM_PAGE[analysis](page)) == []


def test_numbers_that_are_none_are_not_known():
    nan = float("nan")
    box = {"Left": nan, "Top": 0.1, "Width": 0.1, "Height": 0.1}
    label = {"Name": "Car", "Confidence": nan, "Instances": [{"BoundingBox": box, "Confidence": nan}, {}]}
    (record,) = labels_from_page({"Labels": [{"Timestamp": 0, "Label": label}]})
    assert record["confidence"] is None
    assert record["instances"] == [{"confidence": None, "box": None}] * 2
