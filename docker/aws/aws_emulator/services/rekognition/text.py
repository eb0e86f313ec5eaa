"""Text in pictures, by RapidOCR, in the shapes of GetTextDetection.

What is read with less than 80 % confidence is left out unless a request asks for it, as by Rekognition; single
characters are dropped, being mostly wrong, but for a digit that is read with 90 %. Contrast is evened out first
(CLAHE): on blurred street signs it finds several times as much, on clean titles it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aws_emulator.services.rekognition.geometry import Box, Point, corners_of, share_within

LEAST_CONFIDENCE = 50.0
DEFAULT_CONFIDENCE = 80.0  # as documented for DetectionFilter
LEAST_DIGIT_CONFIDENCE = 90.0
DETECTION_SIDE = 960  # pixels; PaddleOCR's own default for the longer side
LEAST_SIDE = 16  # pixels; smaller pictures hold no legible text
MOST_WORDS = 100  # of a frame, as documented for GetTextDetection
CONTRAST_LIMIT, CONTRAST_TILES = 3.0, (4, 4)

Polygon = list[Point]


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a line: its text, confidence from 0 to 100, and corners as shares of the picture's width and height."""

    text: str
    confidence: float
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its words."""

    line: Word
    words: list[Word]

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Line:
        """The line that ``asdict`` made a dict of."""
        return cls(Word(**found["line"]), [Word(**word) for word in found["words"]])


@cache
def _reader() -> Any:
    from rapidocr import RapidOCR  # loads its models: half a second that only reading should cost

    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,  # pictures are upright already
            "Global.return_word_box": True,
            "Det.limit_type": "max",
            "Det.limit_side_len": DETECTION_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,  # a second one spins more than it helps
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def read_lines(picture: NDArray[np.uint8]) -> list[Line]:
    """The lines in a picture (BGR), top to bottom."""
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_SIDE:
        return []
    found = _reader()(_even_out(picture))
    if found.txts is None:
        return []
    lines = []
    for text, score, corners, words in zip(
        found.txts, found.scores, found.boxes, found.word_results or [()] * len(found.txts), strict=True
    ):
        line = _word(text, score, corners, width, height)
        pieces = [_word(piece, sure, where, width, height) for piece, sure, where in words]
        parts = [word for word in whole_words(line, pieces) if _legible(word)]
        if parts and _legible(line):
            lines.append(Line(line, parts))
    return sorted(lines, key=lambda line: (round(line.line.polygon[0]["Y"], 2), line.line.polygon[0]["X"]))


def _even_out(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)
    lab[..., 0] = cv2.createCLAHE(CONTRAST_LIMIT, CONTRAST_TILES).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)


def _word(text: str, score: float, corners: Iterable[Sequence[float]], width: int, height: int) -> Word:
    points = [
        {"X": round(min(1.0, max(0.0, float(x) / width)), 5), "Y": round(min(1.0, max(0.0, float(y) / height)), 5)}
        for x, y in corners
    ]
    return Word(text.strip(), round(float(score) * 100, 2), points)


def whole_words(line: Word, pieces: list[Word]) -> list[Word]:
    """The words of a line as its blanks part them; the reader parts them at gaps in the picture as well.

    >>> corners = Box(0, 0, 1, 1).corners
    >>> pieces = [Word(text, sure, corners) for text, sure in (("TA", 90.0), ("XI", 80.0), ("free", 99.0))]
    >>> [(word.text, word.confidence) for word in whole_words(Word("TAXI free", 90.0, corners), pieces)]
    [('TAXI', 80.0), ('free', 99.0)]
    """
    words, left = [], list(pieces)
    for text in line.text.split():
        parts: list[Word] = []
        while left and len("".join(part.text for part in parts)) < len(text):
            parts.append(left.pop(0))
        if "".join(part.text for part in parts) != text:
            return pieces or [line]
        box = Box.around(point for part in parts for point in part.polygon)
        polygon = parts[0].polygon if len(parts) == 1 else box.corners
        words.append(Word(text, min(part.confidence for part in parts), polygon))
    return words


def _legible(word: Word) -> bool:
    if len(word.text) == 1:
        return word.text.isdecimal() and word.confidence >= LEAST_DIGIT_CONFIDENCE
    return bool(word.text) and word.confidence >= LEAST_CONFIDENCE


def filtered(lines: Iterable[Line], filters: dict[str, Any]) -> list[Line]:
    """The lines that pass a request's ``Filters``, with those of their words that pass.

    A word passes if it is sure and large enough and within a region of interest, if there is one: more than half of
    it, as documented. A line passes if it is sure and has such a word.
    """
    wanted = filters.get("WordFilter", {})
    least = wanted.get("MinConfidence", DEFAULT_CONFIDENCE)
    regions = [corners_of(region) for region in filters.get("RegionsOfInterest", [])]

    def passes(word: Word) -> bool:
        box = Box.around(word.polygon)
        return (
            word.confidence >= least
            and box.height >= wanted.get("MinBoundingBoxHeight", 0)
            and box.width >= wanted.get("MinBoundingBoxWidth", 0)
            and (not regions or any(share_within(box, region) > 0.5 for region in regions))
        )

    kept = []
    for line in lines:
        words = [word for word in line.words if passes(word)]
        if words and line.line.confidence >= least:
            kept.append(Line(line.line, words))
    return kept


def detections(lines: Iterable[Line], ms: int) -> list[dict[str, Any]]:
    """One frame's part of ``TextDetections``: the lines, then at most ``MOST_WORDS`` words, each with its line's id."""
    lines = list(lines)
    found = [_detection(line.line, "LINE", number, ms) for number, line in enumerate(lines)]
    words = [(word, number) for number, line in enumerate(lines) for word in line.words][:MOST_WORDS]
    for number, (word, parent) in enumerate(words, len(lines)):
        detection = _detection(word, "WORD", number, ms)
        detection["TextDetection"]["ParentId"] = parent
        found.append(detection)
    return found


def _detection(word: Word, kind: str, number: int, ms: int) -> dict[str, Any]:
    return {
        "Timestamp": ms,
        "TextDetection": {
            "DetectedText": word.text,
            "Type": kind,
            "Id": number,
            "Confidence": word.confidence,
            "Geometry": {"BoundingBox": Box.around(word.polygon).to_api(), "Polygon": word.polygon},
        },
    }


def lines_to_json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """What ``Line.from_json`` reads."""
    return [asdict(line) for line in lines]
