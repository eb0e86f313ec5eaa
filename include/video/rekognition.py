"""What Rekognition Video says about a film, as flat records: seconds from the first frame, confidences from 0 to 1.

Rekognition answers in pages. Each function reads one page, so that nothing needs all pages in memory. What has no name
or no time, as another model may leave it, cannot be told and is left out; what else is missing is ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Page = Mapping[str, Any]
Record = dict[str, Any]


def labels_from_page(page: Page) -> Iterator[Record]:
    """Yield the labels of a page of GetLabelDetection.

    Aggregated by timestamps, a label is a sighting in one frame: it starts and ends at the same moment, and each thing
    seen has its box. Aggregated by segments, it is a stretch of the film without boxes.

    >>> page = {"Labels": [{"Timestamp": 500, "Label": {"Name": "Car", "Confidence": 91.5, "Instances": [
    ...     {"BoundingBox": {"Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4}, "Confidence": 90.0}]}}]}
    >>> for record in labels_from_page(page):
    ...     record["name"], record["start_s"], record["end_s"], record["confidence"], record["instances"]
    ('Car', 0.5, 0.5, 0.915, [{'confidence': 0.9, 'box': {'left': 0.1, 'top': 0.2, 'width': 0.3, 'height': 0.4}}])
    """
    for found, label in _told(page, "Labels", "Label", name="Name"):
        yield {
            "name": label["Name"],
            "parents": _names(label.get("Parents")),
            "categories": _names(label.get("Categories")),
            "aliases": _names(label.get("Aliases")),
            **_span(found),
            "confidence": _share(label.get("Confidence")),
            "instances": [
                {"confidence": _share(instance.get("Confidence")), "box": _box(instance)}
                for instance in label.get("Instances") or ()
            ],
        }


def segments_from_page(page: Page) -> Iterator[Record]:
    """Yield the shots and the technical cues of a page of GetSegmentDetection, as ``kind`` says.

    Frames are counted from 0; ``end_frame`` and ``end_s`` are those of the last frame that belongs to it.

    >>> page = {"Segments": [
    ...     {"Type": "SHOT", "StartTimestampMillis": 0, "EndTimestampMillis": 1960, "StartFrameNumber": 0,
    ...      "EndFrameNumber": 49, "ShotSegment": {"Index": 0, "Confidence": 99.5}},
    ...     {"Type": "TECHNICAL_CUE", "StartTimestampMillis": 2000, "EndTimestampMillis": 2960, "StartFrameNumber": 50,
    ...      "EndFrameNumber": 74, "TechnicalCueSegment": {"Type": "BlackFrames", "Confidence": 100.0}}]}
    >>> shot, cue = segments_from_page(page)
    >>> shot
    {'kind': 'shot', 'index': 0, 'start_s': 0.0, 'end_s': 1.96, 'start_frame': 0, 'end_frame': 49, 'confidence': 0.995}
    >>> cue["kind"], cue["cue"], cue["start_s"]
    ('cue', 'BlackFrames', 2.0)
    """
    for found in page.get("Segments", ()):
        segment: Mapping[str, Any]
        if found.get("Type") == "SHOT":
            segment = found.get("ShotSegment") or {}
            kind: Record = {"kind": "shot", "index": segment.get("Index")}
        else:
            segment = found.get("TechnicalCueSegment") or {}
            kind = {"kind": "cue", "cue": segment.get("Type")}
        if _start_ms(found) is None or kind.get("cue", "") is None:
            continue
        yield {
            **kind,
            **_span(found),
            "start_frame": found.get("StartFrameNumber"),
            "end_frame": found.get("EndFrameNumber"),
            "confidence": _share(segment.get("Confidence")),
        }


def moderation_from_page(page: Page) -> Iterator[Record]:
    """Yield the moderation labels of a page of GetContentModeration; ``level`` 1 is the coarsest of the taxonomy.

    >>> page = {"ModerationLabels": [{"Timestamp": 0, "ModerationLabel": {
    ...     "Name": "Weapon Violence", "ParentName": "Violence", "TaxonomyLevel": 2, "Confidence": 97.4}}]}
    >>> for record in moderation_from_page(page):
    ...     record["name"], record["parent"], record["level"], record["start_s"], record["confidence"]
    ('Weapon Violence', 'Violence', 2, 0.0, 0.974)
    """
    for found, label in _told(page, "ModerationLabels", "ModerationLabel", name="Name"):
        yield {
            "name": label["Name"],
            "parent": label.get("ParentName") or None,
            "level": label.get("TaxonomyLevel"),
            **_span(found),
            "confidence": _share(label.get("Confidence")),
            "content_types": _names(found.get("ContentTypes")),
        }


def text_from_page(page: Page) -> Iterator[Record]:
    """Yield the lines and the words of a page of GetTextDetection, each seen in one frame.

    A word's ``parent_id`` is the ``id`` of its line in the same frame.

    >>> page = {"TextDetections": [{"Timestamp": 1000, "TextDetection": {
    ...     "DetectedText": "EXIT", "Type": "LINE", "Id": 0, "Confidence": 98.0, "Geometry": {"BoundingBox": {
    ...         "Left": 0.1, "Top": 0.2, "Width": 0.3, "Height": 0.4}}}}]}
    >>> for record in text_from_page(page):
    ...     record["text"], record["kind"], record["start_s"], record["confidence"], record["box"]["left"]
    ('EXIT', 'line', 1.0, 0.98, 0.1)
    """
    for found, text in _told(page, "TextDetections", "TextDetection", name="DetectedText"):
        yield {
            "text": text["DetectedText"],
            "kind": text.get("Type", "LINE").lower(),
            "id": text.get("Id"),
            "parent_id": text.get("ParentId"),
            **_span(found),
            "confidence": _share(text.get("Confidence")),
            "box": _box(text.get("Geometry") or {}),
        }


RECORDS_FROM_PAGE: Mapping[str, Callable[[Page], Iterator[Record]]] = {
    "label_detection": labels_from_page,
    "segment_detection": segments_from_page,
    "content_moderation": moderation_from_page,
    "text_detection": text_from_page,
}
"""How to read a page, by the analysis."""


def facts_from_page(page: Page) -> Record:
    """Return what every page says about the film and the model: media facts in pixels and seconds.

    >>> facts = facts_from_page({"LabelModelVersion": "3.0", "VideoMetadata": {
    ...     "Codec": "h264", "DurationMillis": 6039, "FrameRate": 25.0, "FrameWidth": 640, "FrameHeight": 360}})
    >>> facts["model_version"], facts["media"]["duration_s"], facts["media"]["codec"]
    ('3.0', 6.039, 'h264')
    """
    video = page.get("VideoMetadata", {})
    if not isinstance(video, Mapping):  # segment detection answers a list with one element
        video = video[0] if video else {}
    duration_ms = video.get("DurationMillis")
    return {
        "model_version": _model_version(page),
        "media": {
            "duration_s": None if duration_ms is None else duration_ms / 1000,
            "width": video.get("FrameWidth"),
            "height": video.get("FrameHeight"),
            "frame_rate": video.get("FrameRate"),
            "codec": video.get("Codec"),
        },
    }


def _model_version(page: Page) -> str | None:
    for name in ("LabelModelVersion", "ModerationModelVersion", "TextModelVersion"):
        if name in page:
            return str(page[name])
    versions = {kind["Type"]: kind.get("ModelVersion", "?") for kind in page.get("SelectedSegmentTypes", ())}
    if len(set(versions.values())) == 1:
        return str(next(iter(versions.values())))
    return ", ".join(f"{kind} {version}" for kind, version in sorted(versions.items())) or None


def _told(page: Page, findings: str, what: str, *, name: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each finding of a page with what was found, unless that has no name or no time."""
    for found in page.get(findings, ()):
        if (found.get(what) or {}).get(name) and _start_ms(found) is not None:
            yield found, found[what]


def _start_ms(found: Mapping[str, Any]) -> float | None:
    """Return when a stretch starts; its ``Timestamp``, which may come along, says less, and that of a moment all."""
    start_ms: float | None = found.get("StartTimestampMillis", found.get("Timestamp"))
    return start_ms


def _span(found: Mapping[str, Any]) -> Record:
    """Return start and end in seconds, of a stretch or of one moment."""
    start_ms = _start_ms(found) or 0
    return {"start_s": start_ms / 1000, "end_s": max(start_ms, found.get("EndTimestampMillis", start_ms)) / 1000}


def _share(percent: float | None) -> float | None:
    """Return a confidence as a share; ``None`` for what is no number.

    >>> _share(97.4), _share(float("nan")), _share(None)
    (0.974, None, None)
    """
    return None if percent is None or not math.isfinite(percent) else round(percent / 100, 4)


def _names(values: Any) -> list[str]:
    return [value["Name"] for value in values or () if value.get("Name")]


def _box(value: Mapping[str, Any]) -> Record | None:
    """Return a bounding box as shares of the frame's width and height; ``None`` unless all its sides are numbers."""
    box = value.get("BoundingBox") or {}
    sides: dict[str, Any] = {side: box.get(side.capitalize()) for side in ("left", "top", "width", "height")}
    if not all(isinstance(size, int | float) and math.isfinite(size) for size in sides.values()):
        return None
    return {side: round(size, 4) for side, size in sides.items()}
