"""Labels: what measuring a picture gives, a drawn face, and a detector that the test builds."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.jobs.task import EngineSettings
from aws_emulator.services.rekognition.detector import best_boxes
from aws_emulator.services.rekognition.geometry import Box, overlap
from aws_emulator.services.rekognition.labels import labels_of_frame
from aws_emulator.services.rekognition.people import Sighting, find_shapes
from tests.docker.aws.rekognition.scenes import SIZE, face, figure, film, texture

SIDE = 64
COLOURS = {"car": 0, "dog": 2}  # class -> the channel (RGB) in which it is bright


def names(found):
    return {item["Label"]["Name"] for item in found}


def named(found, name):
    return next(item["Label"] for item in found if item["Label"]["Name"] == name)


@pytest.fixture(scope="module")
def colour_detector(tmp_path_factory):
    """Sees a car where a picture is red, a dog where it is blue: one box of 16 x 16 for each cell of an 8 x 8 grid.

    The score is the share of the cell's own colour less the other channels, computed by the model from the pixels.
    """
    folder = tmp_path_factory.mktemp("model")
    weights = np.zeros((2, 3, 8, 8), np.float32)
    for number, channel in enumerate(COLOURS.values()):
        for other in range(3):
            weights[number, other] = (1.0 if other == channel else -0.5) / 64
    grid = np.float32([[x * 8 + 4, y * 8 + 4, 16, 16] for y in range(8) for x in range(8)]).T[None]
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["cells"], strides=[8, 8]),
        helper.make_node("Relu", ["cells"], ["positive"]),
        helper.make_node("Reshape", ["positive", "flat"], ["scores"]),
        helper.make_node("Concat", ["grid", "scores"], ["output0"], axis=1),
    ]
    constants = [
        helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel()),
        helper.make_tensor("flat", TensorProto.INT64, [3], [1, 2, 64]),
        helper.make_tensor("grid", TensorProto.FLOAT, grid.shape, grid.ravel()),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, 64])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, folder / "colours.onnx")
    (folder / "labels.txt").write_text("\n".join(COLOURS))
    return EngineSettings(detector=folder / "colours.onnx", detector_labels=folder / "labels.txt")


def test_a_detector_by_setting_sees_what_its_model_sees_where_it_is(tmp_path, analyse, colour_detector):
    picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    picture[60:110, 40:90] = (0, 0, 255)
    picture[60:110, 200:250] = (255, 0, 0)
    video = film(tmp_path / "spots.mp4", [picture] * 5)
    found = analyse(video, "LabelDetection", settings=colour_detector)
    car, dog = named(found, "Car"), named(found, "Dog")
    for label, left in ((car, 40), (dog, 200)):
        best = Box.from_api(label["Instances"][0]["BoundingBox"])
        assert overlap(best, Box(left / 320, 60 / 180, 50 / 320, 50 / 180)) > 0.3
        assert 50 <= label["Confidence"] <= 100
    assert {"Vehicle", "Transportation", "Mammal", "Animal"} <= names(found)
    assert "colours.onnx" in analyse.last["version"]


def test_a_detector_whose_output_does_not_fit_its_labels_fails_the_job_and_says_so(tmp_path, analyse, colour_detector):
    labels = tmp_path / "labels.txt"
    labels.write_text("car\ndog\ncat\n")
    settings = EngineSettings(detector=colour_detector.detector, detector_labels=labels)
    with pytest.raises(JobFailed, match=r"shape \[1, 6, 64\]; with 3 labels it should be \[1, 7, boxes\]"):
        analyse(film(tmp_path / "clip.mp4", [texture(1)] * 3), "LabelDetection", settings=settings)


def test_a_detector_that_is_no_model_fails_the_job_and_says_so(tmp_path, analyse):
    model, labels = tmp_path / "broken.onnx", tmp_path / "labels.txt"
    model.write_bytes(b"no model")
    labels.write_text("car\n")
    with pytest.raises(JobFailed, match=r"broken\.onnx with labels\.txt cannot be loaded"):
        analyse(
            film(tmp_path / "clip.mp4", [texture(1)] * 3),
            "LabelDetection",
            settings=EngineSettings(detector=model, detector_labels=labels),
        )


def test_of_overlapping_boxes_of_one_class_the_best_is_kept():
    found = np.float32([[10, 12, 40], [10, 10, 10], [8, 8, 8], [8, 8, 8], [0.7, 0.9, 0.5]])
    boxes, _, scores = best_boxes(found)
    assert boxes[:, 0].tolist() == [8.0, 36.0]
    assert scores.tolist() == pytest.approx([0.9, 0.5])


def test_a_face_is_found_and_is_a_person(tmp_path, analyse):
    found = analyse(film(tmp_path / "face.mp4", [face()] * 5), "LabelDetection")
    label = named(found, "Face")
    box = Box.from_api(label["Instances"][0]["BoundingBox"])
    assert overlap(box, Box((160 - 47) / 320, 30 / 180, 94 / 320, 120 / 180)) > 0.5
    person = named(found, "Person")
    assert person["Confidence"] == label["Confidence"]
    assert person["Instances"] == []
    assert person["Aliases"] == [{"Name": "Human"}]


def test_face_detection_gives_the_same_faces(tmp_path, analyse):
    video = film(tmp_path / "face.mp4", [face()] * 5 + [texture(1)] * 20, rate=10)
    found = analyse(video, "FaceDetection")
    assert [item["Timestamp"] for item in found] == [0]
    assert found[0]["Face"]["Confidence"] >= 70


def test_shapes_of_persons_stay_below_the_confidence_that_is_reported_by_default(tmp_path, analyse):
    (shape, *_) = find_shapes(figure())
    assert shape.name == "Person"
    assert shape.confidence <= 45
    video = film(tmp_path / "figure.mp4", [figure()] * 3)
    assert "Person" not in names(analyse(video, "LabelDetection"))
    assert "Person" in names(analyse(video, "LabelDetection", MinConfidence=10))


def test_the_scene_is_described_by_what_is_measured(tmp_path, analyse):
    blue = np.full((180, 320, 3), (210, 40, 30), np.uint8)
    grey = cv2.cvtColor(cv2.cvtColor(texture(3), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    video = film(tmp_path / "scene.mp4", [blue] * 10 + [grey] * 10, rate=10)
    found = analyse(video, "LabelDetection")
    at = {ms: {item["Label"]["Name"] for item in found if item["Timestamp"] == ms} for ms in (0, 500, 1000, 1500)}
    assert at[0] == at[500] == {"Blue"}
    assert {"Motion", "Black And White"} <= at[1000]  # everything changed
    assert "Motion" not in at[1500]
    assert named(found, "Blue")["Categories"] == [{"Name": "Colors and Visual Composition"}]


SEEN = [Sighting("car", 80.0, Box(0, 0, 0.5, 0.5)), Sighting("car", 60.0, Box(0.5, 0, 0.5, 0.5))]


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({}, {"Car", "Vehicle", "Transportation", "Gray"}),
        ({"LabelInclusionFilters": ["Car"]}, {"Car"}),
        ({"LabelExclusionFilters": ["Car"]}, {"Vehicle", "Transportation", "Gray"}),
        ({"LabelCategoryInclusionFilters": ["Vehicles and Automotive"]}, {"Car", "Vehicle"}),
        ({"LabelCategoryExclusionFilters": ["Vehicles and Automotive"]}, {"Transportation", "Gray"}),
        ({"LabelInclusionFilters": ["Gray"], "LabelCategoryInclusionFilters": ["Transport and Logistics"]},
         {"Gray", "Transportation"}),
    ],
)  # fmt: skip
def test_general_labels_are_filtered_by_name_and_category(filters, kept):
    assert names(labels_of_frame(0, SEEN, {"Gray": 70.0}, 50, filters)) == kept


def test_instances_below_the_least_confidence_are_left_out():
    (car,) = labels_of_frame(0, SEEN, {}, 70, {"LabelInclusionFilters": ["Car"]})
    assert car["Label"]["Confidence"] == 80.0
    assert [instance["Confidence"] for instance in car["Label"]["Instances"]] == [80.0]
