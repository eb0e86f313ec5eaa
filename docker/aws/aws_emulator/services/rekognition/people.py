"""Faces by a Haar cascade, persons by OpenCV's histogram of gradients: what there is without a trained network.

Tried on 11 open clips (345 pictures): all 5 faces that the ``alt`` cascade saw were faces, frontal ones only, while of
the upright shapes that HOG saw about one in five was a person (bottles are upright, too). So a face's confidence starts
at 70, and a shape's ends at 45, below the 50 that Rekognition reports by default. They rank; they are no probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aws_emulator.services.rekognition.geometry import Box

SIDE = 640  # pixels that the longer side is scaled to
LEAST_FACE_PIXELS = 30
LEAST_SIDE = 64
FACE_NEIGHBOURS = 5
WEAKEST_FACE = 106.5  # of the cascade's last stage, which a face must reach
FACE_CONFIDENCE = (70.0, 8.0, 95.0)  # at the weakest, for every unit more, at most
SHAPE_CONFIDENCE = (15.0, 15.0, 45.0)  # at a margin of 0 of the support vector machine, for every unit more, at most


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something seen in a picture: a label's name, its confidence from 0 to 100, and where."""

    name: str
    confidence: float
    box: Box


@cache
def _face_cascade() -> Any:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt.xml"))


@cache
def _person_shapes() -> Any:
    shapes = cv2.HOGDescriptor()
    shapes.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector()))
    return shapes


def find_faces(picture: NDArray[np.uint8]) -> list[Sighting]:
    """The frontal faces in a picture (BGR), the surest first."""
    grey = _scaled_grey(picture)
    if min(grey.shape) < LEAST_SIDE:
        return []
    boxes, _, weights = _face_cascade().detectMultiScale3(
        grey, 1.1, FACE_NEIGHBOURS, minSize=(LEAST_FACE_PIXELS, LEAST_FACE_PIXELS), outputRejectLevels=True
    )
    return _sightings("Face", boxes, np.ravel(weights) - WEAKEST_FACE, FACE_CONFIDENCE, grey)


def find_shapes(picture: NDArray[np.uint8]) -> list[Sighting]:
    """Upright shapes that could be persons, at least half the height of the picture, the surest first."""
    grey = _scaled_grey(picture)
    if grey.shape[0] < 128 or grey.shape[1] < 64:  # the size of the detector's window
        return []
    boxes, weights = _person_shapes().detectMultiScale(grey, winStride=(8, 8), padding=(8, 8), scale=1.1)
    return _sightings("Person", boxes, np.ravel(weights), SHAPE_CONFIDENCE, grey)


def _scaled_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    scale = SIDE / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8)


def _sightings(
    name: str, boxes: Any, margins: NDArray[np.float64], scale: tuple[float, float, float], grey: NDArray[np.uint8]
) -> list[Sighting]:
    least, slope, most = scale
    height, width = grey.shape
    seen = [
        Sighting(
            name,
            round(min(most, max(least, least + slope * float(margin))), 2),
            Box.from_pixels((x, y, x + w, y + h), (width, height)),
        )
        for (x, y, w, h), margin in zip(np.reshape(boxes, (-1, 4)).tolist(), margins, strict=True)
    ]
    return sorted(seen, key=lambda sighting: -sighting.confidence)
