"""An object detector of the user's: ONNX in the layout of YOLOv8 and YOLO11, with a file of labels, one a line.

The model takes 1 x 3 x side x side, RGB from 0 to 1, and gives 1 x (4 + classes) x boxes: centre, width and height
in pixels of the input, then one score a class. Pictures are fitted in with grey bars (letterbox), and of boxes of one
class that overlap the best is kept (non-maximum suppression).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aws_emulator.services.rekognition.geometry import Box
from aws_emulator.services.rekognition.people import Sighting

DEFAULT_SIDE = 640  # pixels, where the model leaves it open
LEAST_SCORE = 0.25
LARGEST_OVERLAP = 0.45
MOST_BOXES = 300
PADDING = 114  # grey; what these models were trained with


class DetectorUnusable(ValueError):
    """The model or its labels are not what this module can run."""


class Detector:
    """A model and the names of its classes."""

    def __init__(self, model: Path, labels: Path, threads: int) -> None:
        import onnxruntime  # a quarter of a second that only a detector should cost

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others want the cores, too
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._names = [line.strip() for line in labels.read_text(encoding="utf-8").splitlines() if line.strip()]
        except Exception as error:  # onnxruntime has a class of its own for each way in which a file can be wrong
            message = f"The detector {model.name} with {labels.name} cannot be loaded: {error}"
            message = f"The detector {model.name} with {labels.name} cannot be loaded: {error}"
            raise DetectorUnusable(message) from error
        given = self._session.get_inputs()[0]
        self._input = given.name
        side = given.shape[-1] if len(given.shape) == 4 else None
        self._side = side if isinstance(side, int) and side > 0 else DEFAULT_SIDE

    def find(self, picture: NDArray[np.uint8]) -> list[Sighting]:
        """The objects in a picture (BGR), the surest first. Raises ``DetectorUnusable`` for another layout."""
        height, width = picture.shape[:2]
        fitted, scale, left, top = letterbox(picture, self._side)
        tensor = fitted[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
        (output, *_) = self._session.run(None, {self._input: tensor})
        found = np.asarray(output)
        if found.ndim != 3 or found.shape[1] != 4 + len(self._names):
            raise DetectorUnusable(
                f"The detector's output has shape {list(found.shape)}; with {len(self._names)} labels it should be "
                f"[1, {4 + len(self._names)}, boxes]."
            )
        boxes, classes, scores = best_boxes(found[0])
        corners = (boxes - [left, top, left, top]) / scale
        return [
            Sighting(self._names[number], round(float(score) * 100, 2), Box.from_pixels(corner, (width, height)))
            for corner, number, score in zip(corners.tolist(), classes.tolist(), scores, strict=True)
        ]


@cache
def detector(model: Path, labels: Path, threads: int) -> Detector:
    """The detector of these files, loaded once in a process. Raises ``DetectorUnusable``."""
    return Detector(model, labels, threads)


def letterbox(picture: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float, int, int]:
    """Fit a picture into a square: the square, the scale, and where the picture begins in it (left, top).

    >>> square, scale, left, top = letterbox(np.zeros((100, 200, 3), np.uint8), 50)
    >>> square.shape, scale, left, top, int(square[0, 0, 0])
    ((50, 50, 3), 0.25, 0, 12, 114)
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = np.full((side, side, 3), PADDING, np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return square, scale, left, top


def best_boxes(
    found: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float32]]:
    """Corners (left, top, right, bottom), classes and scores of the boxes that are kept, the best first.

    ``found`` is (4 + classes) x boxes. Boxes of different classes do not suppress each other.

    >>> near = [[10, 11, 10], [10, 10, 10], [8, 8, 8], [8, 8, 8], [0.9, 0.8, 0.1], [0.1, 0.1, 0.7]]
    >>> boxes, classes, scores = best_boxes(np.float32(near))
    >>> boxes.tolist(), classes.tolist()
    ([[6.0, 6.0, 14.0, 14.0], [6.0, 6.0, 14.0, 14.0]], [0, 1])
    """
    classes = found[4:].argmax(axis=0)
    scores = found[4:].max(axis=0)
    sure = np.flatnonzero(scores >= LEAST_SCORE)
    order = sure[np.argsort(-scores[sure], kind="stable")]
    centres, sizes = found[:2, order].T.astype(np.float64), found[2:4, order].T.astype(np.float64)
    boxes = np.hstack([centres - sizes / 2, centres + sizes / 2])
    kept: list[int] = []
    for number, box in enumerate(boxes):
        same = [other for other in kept if classes[order[other]] == classes[order[number]]]
        if all(_overlap(box, boxes[other]) <= LARGEST_OVERLAP for other in same):
            kept.append(number)
        if len(kept) == MOST_BOXES:
            break
    return boxes[kept], classes[order[kept]], scores[order[kept]]


def _overlap(a: Any, b: Any) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    together = width * height
    return float(together / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - together))
