"""The analyses of stored video, and what their requests and answers call things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Analysis:
    """``name`` stands in the operations (Start<name>, Get<name>) and is what the engine is asked for.

    ``items`` is the member of the answer with what was found, ``version`` that with the model's version. ``entry`` is
    where an item's label stands, if the answer can be sorted and aggregated by labels.
    """

    name: str
    items: str
    version: str | None = None
    entry: str | None = None


ANALYSES: Final = {
    analysis.name: analysis
    for analysis in (
        Analysis("LabelDetection", "Labels", "LabelModelVersion", "Label"),
        Analysis("SegmentDetection", "Segments"),
        Analysis("ContentModeration", "ModerationLabels", "ModerationModelVersion", "ModerationLabel"),
        Analysis("TextDetection", "TextDetections", "TextModelVersion"),
        Analysis("FaceDetection", "Faces"),
    )
}
