"""One analysis of a stored video, in a worker process: a request in, what was found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_emulator.jobs.task import Task
from aws_emulator.services.rekognition import labels, moderation, people, text
from aws_emulator.services.rekognition.cues import (
    DEFAULT_COVERAGE_PERCENT,
    DEFAULT_PIXEL_THRESHOLD,
    Cue,
    Page,
    bar_cues,
    black_cues,
    content_cues,
    credit_cues,
    may_be_credits,
    without_overlaps,
)
from aws_emulator.services.rekognition.footage import LEVEL_SCALE, Footage, Sample
from aws_emulator.services.rekognition.scenery import describe
from aws_emulator.services.rekognition.stages import Stages
from aws_emulator.services.rekognition.timecode import smpte

VERSION = "local-1.0"
DEFAULT_SEGMENT_CONFIDENCE = 50.0  # as documented for both segment filters

Found = list[dict[str, Any]]


def run(task: Task) -> dict[str, Any]:
    """Do the analysis that ``task.request["analysis"]`` names.

    The result: ``found``, the path of a JSON object with the ``items`` and with ``samples_ms``, when the video was
    looked at; ``video`` and ``audio``, the metadata; ``version``, of the model. Raises ``JobFailed``.
    """
    stages = Stages(task)
    found, version = ANALYSES[task.request["analysis"]](task, stages)
    samples_ms = [sample.ms for sample in stages.footage.samples]
    return {
        "found": task.keep("found.json", json.dumps({"items": found, "samples_ms": samples_ms}).encode()),
        "video": stages.media.video,
        "audio": stages.media.audio,
        "version": f"{VERSION} {version}",
    }


def find_labels(task: Task, stages: Stages) -> tuple[Found, str]:
    """Label detection: faces and persons, a detector's objects, and the scene."""
    parameters = task.request["parameters"]
    least = parameters.get("MinConfidence", labels.DEFAULT_CONFIDENCE)
    filters = parameters.get("Settings", {}).get("GeneralLabels", {})
    footage, faces, objects = stages.footage, stages.faces(), stages.objects()
    seen = [a + b for a, b in zip(faces, objects, strict=True)]
    model = f"faces by Haar cascade, detector {task.settings.detector.name}" if task.settings.detector else ""
    if not model:
        model = "faces by Haar cascade, persons by HOG"
        if least <= people.SHAPE_CONFIDENCE[-1]:
            seen = [a + b for a, b in zip(seen, stages.persons(), strict=True)]
    found: Found = []
    for sample, sightings in zip(footage.samples, seen, strict=True):
        scene = describe(footage.picture(sample), sample.moving_percent)
        found += labels.labels_of_frame(sample.ms, sightings, scene, least, filters)
    return found, f"({model}, colours; {sampling_of(footage)})"


def find_faces(_: Task, stages: Stages) -> tuple[Found, str]:
    """Face detection: where faces are, nothing about them."""
    found = [
        {"Timestamp": sample.ms, "Face": {"BoundingBox": face.box.to_api(), "Confidence": face.confidence}}
        for sample, faces in zip(stages.footage.samples, stages.faces(), strict=True)
        for face in faces
    ]
    return found, f"(faces by Haar cascade; {sampling_of(stages.footage)})"


def find_text(task: Task, stages: Stages) -> tuple[Found, str]:
    """Text detection."""
    filters = task.request["parameters"].get("Filters", {})
    samples = stages.footage.samples
    found: Found = []
    for sample, lines in zip(samples, stages.lines(samples), strict=True):
        found += text.detections(text.filtered(lines, filters), sample.ms)
    return found, f"(RapidOCR; {sampling_of(stages.footage)})"


def find_moderation(task: Task, stages: Stages) -> tuple[Found, str]:
    """Content moderation, by words that are read."""
    least = task.request["parameters"].get("MinConfidence", moderation.DEFAULT_CONFIDENCE)
    samples = stages.footage.samples
    found: Found = []
    for sample, lines in zip(samples, stages.lines(samples, backwards=True), strict=True):
        found += moderation.moderation_labels(sample.ms, lines, least)
    return found, f"(terms in text only, pictures are not judged; {sampling_of(stages.footage)})"


def find_segments(task: Task, stages: Stages) -> tuple[Found, str]:
    """Segment detection: shots and technical cues, each kind in the order in which it was asked for."""
    parameters = task.request["parameters"]
    filters = parameters.get("Filters", {})
    footage = stages.footage
    rate = stages.media.video["FrameRate"]
    found: Found = []
    for kind in dict.fromkeys(parameters["SegmentTypes"]):
        if kind == "SHOT":
            least = filters.get("ShotFilter", {}).get("MinSegmentConfidence", DEFAULT_SEGMENT_CONFIDENCE)
            shots = shots_of(footage)
            for index, (first, last, confidence) in enumerate(shots):
                if confidence >= least:
                    details: dict[str, Any] = {"ShotSegment": {"Index": index, "Confidence": confidence}}
                    found.append({"Type": kind, **stretch(footage, rate, first, last), **details})
        else:
            wanted = filters.get("TechnicalCueFilter", {})
            least = wanted.get("MinSegmentConfidence", DEFAULT_SEGMENT_CONFIDENCE)
            for cue in cues_of(stages, rate, wanted.get("BlackFrame", {})):
                if cue.confidence >= least:
                    details = {"TechnicalCueSegment": {"Type": cue.kind, "Confidence": cue.confidence}}
                    found.append({"Type": kind, **stretch(footage, rate, cue.first, cue.last), **details})
    return found, "(PySceneDetect, luma histograms, every frame)"


def shots_of(footage: Footage) -> list[tuple[int, int, float]]:
    """First frame, last frame and confidence of every shot: a shot is as sure as the less sure of its two ends."""
    starts = [0, *(boundary.frame for boundary in footage.boundaries)]
    sure = [100.0, *(boundary.confidence for boundary in footage.boundaries), 100.0]
    ends = [*(start - 1 for start in starts[1:]), footage.frames - 1]
    return [
        (start, end, min(sure[number : number + 2]))
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def cues_of(stages: Stages, frame_rate: float, black: dict[str, Any]) -> list[Cue]:
    """The technical cues of a video in time order. ``black`` is the request's BlackFrame filter."""
    footage = stages.footage
    blacks = black_cues(
        footage.levels,
        scale=LEVEL_SCALE,
        full_range=footage.full_range,
        pixel_threshold=black.get("MaxPixelThreshold", DEFAULT_PIXEL_THRESHOLD),
        coverage_percent=black.get("MinCoveragePercentage", DEFAULT_COVERAGE_PERCENT),
    )
    cues = without_overlaps(blacks, bar_cues(footage.bars, frame_rate))
    end = next((cue.first for cue in blacks if cue.last == footage.frames - 1), footage.frames)
    cues = without_overlaps(cues, credit_cues(pages_before(end, stages), end - 1))
    return sorted([*cues, *content_cues(cues, footage.frames)], key=lambda cue: cue.first)


def pages_before(end: int, stages: Stages) -> list[Page]:
    """The pages of text that a video ends on, before the frame ``end`` (black may follow): only then is something read.

    Going backwards, the first picture that is no page ends the search.
    """
    footage = stages.footage
    stretch: list[Sample] = []
    for sample in reversed([sample for sample in footage.samples if sample.frame < end]):
        if not may_be_credits(footage.picture(sample)):
            break
        stretch.append(sample)
    stretch.reverse()
    pages = []
    for sample, lines in zip(stretch, stages.lines(stretch) if stretch else [], strict=True):
        lines = text.filtered(lines, {})
        sure = sum(line.line.confidence for line in lines) / len(lines) if lines else 0.0
        pages.append(Page(sample.frame, sample.ms, len(lines), sure))
    return pages


def stretch(footage: Footage, frame_rate: float, first: int, last: int) -> dict[str, Any]:
    """The times of a segment from its first to its last frame, as GetSegmentDetection counts them.

    Its end is the last frame's time, and its length what lies between the two, as in answers of AWS: a shot of 300
    frames has a DurationFrames of 299. Milliseconds are rounded down.
    """
    start_ms, end_ms = int(footage.times[first]), int(footage.times[last])
    return {
        "StartTimestampMillis": start_ms,
        "EndTimestampMillis": end_ms,
        "DurationMillis": end_ms - start_ms,
        "StartTimecodeSMPTE": smpte(first, frame_rate),
        "EndTimecodeSMPTE": smpte(last, frame_rate),
        "DurationSMPTE": smpte(last - first, frame_rate),
        "StartFrameNumber": first,
        "EndFrameNumber": last,
        "DurationFrames": last - first,
    }


def sampling_of(footage: Footage) -> str:
    """How densely the video was sampled."""
    seconds = max(float(footage.times[-1]) / 1000, 0.001)
    return f"{len(footage.samples)} pictures, {len(footage.samples) / seconds:.3g} a second"


ANALYSES: dict[str, Callable[[Task, Stages], tuple[Found, str]]] = {
    "LabelDetection": find_labels,
    "FaceDetection": find_faces,
    "TextDetection": find_text,
    "ContentModeration": find_moderation,
    "SegmentDetection": find_segments,
}
