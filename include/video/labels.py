"""From the flat records of Rekognition Video to what stands in a clip's labels record.

Rekognition looks at a film a few times a second and says what it sees in each of these pictures. Here such sightings
become stretches of time. Hours of film give hundreds of thousands of sightings, so they are never gathered: what is
kept grows with the number of findings and of their stretches, not with that of their sightings.

Of a shot it tells the first and the last frame, and when these are shown. Here a shot ends where the next one begins.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.catalog.video import Label, LabelInstance, ModerationLabel, Shot, TechnicalCue, TextLine
from include.video.sampling import Presence, Sampling, sampling_from_records
from include.video.text_lines import box_from_record, merge_lines

Record = Mapping[str, Any]

MERGING_VERSION = "2"
"""Raise it whenever the same records would be merged to other findings."""
MOST_INSTANCES = 50
"""Boxes that a label keeps, the surest first: in a crowd more of them tell nothing."""
MOST_LINES = 1000
"""Lines of text that a clip keeps, those that stand longest: a clock in the picture writes a new one each second."""
ADJOINING_FRAMES = 1.5
"""What begins so soon after the last frame of a stretch follows it without a hole; time stamps are rounded."""
END_WITHIN_S = 0.5
"""A film whose last shot ends this close to its end is shot until then: its sound often goes on a little longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the analyses of one clip found, each in the order in which it is written."""

    labels: tuple[Label, ...] = ()
    """What was seen longest first, of these what shows most things."""
    shots: tuple[Shot, ...] = ()
    cues: tuple[TechnicalCue, ...] = ()
    text: tuple[TextLine, ...] = ()
    moderation: tuple[ModerationLabel, ...] = ()
    """What was seen longest first."""
    lines_left_out: int = 0
    """Lines of text beyond ``MOST_LINES``."""


def findings_from_records(analyses: Mapping[str, Iterable[Record]], *, duration_s: float | None = None) -> Findings:
    """Merge what the analyses ``labels``, ``segments``, ``text`` and ``moderation`` found, any of which may be absent.

    :param analyses: flat records as ``include.video.rekognition`` yields them, those of ``text`` in the order of time.
        They are read twice, one by one, so give each as something that can be iterated anew.
    :param duration_s: length of the clip, beyond which nothing lasts.
    :raises TypeError: when the records can be read once only.

    >>> car = {"name": "Car", "parents": ["Vehicle"], "confidence": 0.9, "instances": []}
    >>> seen = [{**car, "start_s": moment, "end_s": moment} for moment in (0.0, 0.5, 1.0, 1.5, 7.0)]
    >>> findings_from_records({"labels": seen}, duration_s=7.2).labels[0].segments
    (TimeSpan(start_s=0.0, end_s=2.0), TimeSpan(start_s=7.0, end_s=7.2))
    """
    for analysis, records in analyses.items():
        if iter(records) is records:
            raise TypeError(f"the records of {analysis} can be read once only: give a list, or what reads them anew")
    sampling = sampling_from_records(
        (records for analysis, records in analyses.items() if analysis != "segments"), duration_s=duration_s
    )
    lines, left_out = _longest_lines(analyses.get("text", ()), sampling)
    shots, cues = _segments(analyses.get("segments", ()), duration_s)
    return Findings(
        labels=_labels(analyses.get("labels", ()), sampling),
        shots=shots,
        cues=cues,
        text=lines,
        moderation=_moderation(analyses.get("moderation", ()), sampling),
        lines_left_out=left_out,
    )


class _Seen:
    """What is known so far of one label."""

    __slots__ = ("confidence_max", "instances", "parents", "presence")

    def __init__(self, sampling: Sampling) -> None:
        self.presence = Presence(sampling)
        self.confidence_max = 0.0
        self.parents: set[str] = set()
        self.instances: tuple[LabelInstance, ...] = ()

    def add(self, record: Record) -> None:
        self.presence.add(record)
        self.confidence_max = max(self.confidence_max, record["confidence"] or 0.0)
        self.parents.update(record.get("parents", ()))
        instances = _instances(record)
        if _fullness(instances) > _fullness(self.instances):
            self.instances = instances


def _labels(records: Iterable[Record], sampling: Sampling) -> tuple[Label, ...]:
    seen: dict[str, _Seen] = {}
    for record in records:
        if record["name"] not in seen:
            seen[record["name"]] = _Seen(sampling)
        seen[record["name"]].add(record)
    found = (
        Label(
            name=name,
            parents=tuple(sorted(label.parents)),
            confidence_max=label.confidence_max,
            segments=label.presence.spans(),
            instances=label.instances,
        )
        for name, label in seen.items()
    )
    return tuple(sorted(found, key=_by_presence))


def _moderation(records: Iterable[Record], sampling: Sampling) -> tuple[ModerationLabel, ...]:
    seen: dict[tuple[str, str | None, int | None], _Seen] = {}
    for record in records:
        kind = (record["name"], record["parent"], record["level"])
        if kind not in seen:
            seen[kind] = _Seen(sampling)
        seen[kind].add(record)
    found = (
        ModerationLabel(
            name=name,
            parent=parent,
            level=level,
            confidence_max=label.confidence_max,
            segments=label.presence.spans(),
        )
        for (name, parent, level), label in seen.items()
    )
    return tuple(sorted(found, key=_by_presence))


def _segments(records: Iterable[Record], duration_s: float | None) -> tuple[tuple[Shot, ...], tuple[TechnicalCue, ...]]:
    in_order = sorted(records, key=lambda record: (record["start_s"], record["end_s"], record.get("cue", "")))
    shots = [record for record in in_order if record["kind"] == "shot"]
    cues = [record for record in in_order if record["kind"] != "shot"]
    starts_s = [shot["start_s"] for shot in shots]
    shots_end_s = [*starts_s[1:], *ends_s(shots, duration_s)[-1:]]
    return (
        tuple(
            Shot(start_s=shot["start_s"], end_s=end_s, confidence=shot["confidence"])
            for shot, end_s in zip(shots, shots_end_s, strict=True)
        ),
        tuple(
            TechnicalCue(cue=cue["cue"], start_s=cue["start_s"], end_s=end_s, confidence=cue["confidence"])
            for cue, end_s in zip(cues, ends_s(cues, duration_s), strict=True)
        ),
    )


def ends_s(stretches: Sequence[Record], duration_s: float | None = None) -> list[float]:
    """Return until when each stretch lasts, its last frame included; that moment is no part of it any more.

    It is a frame after the last one is shown, or where another one begins then, or where the film ends. How long a
    frame is tells the longest stretch; without numbers of frames it counts for nothing.

    :param stretches: in the order of time

    >>> dark = {"start_s": 0.0, "end_s": 1.96, "start_frame": 0, "end_frame": 49}
    >>> ends_s([dark, {"start_s": 2.0, "end_s": 5.96, "start_frame": 50, "end_frame": 149}], duration_s=6.1)
    [2.0, 6.1]
    >>> ends_s([dark]), ends_s([dark], duration_s=60.0), ends_s([{"start_s": 0.0, "end_s": 1.96}], duration_s=2.0)
    ([2.0], [2.0], [2.0])
    """
    frame_s = _frame_s(stretches)
    starts_s = [stretch["start_s"] for stretch in stretches]
    found = []
    for stretch in stretches:
        start_s, last_s = stretch["start_s"], stretch["end_s"]
        following = max(bisect_left(starts_s, last_s), bisect_right(starts_s, start_s))
        if following < len(starts_s) and starts_s[following] - last_s <= ADJOINING_FRAMES * frame_s:
            end_s = starts_s[following]
        elif duration_s is not None and abs(duration_s - last_s) <= END_WITHIN_S:
            end_s = duration_s
        else:
            end_s = last_s + frame_s
        found.append(max(start_s, round(end_s, 3)))
    return found


def _frame_s(stretches: Sequence[Record]) -> float:
    """Return how long a frame is shown, by the stretch with the most of them; 0 when none tells."""
    counted = [
        (stretch["end_frame"] - stretch["start_frame"], stretch["end_s"] - stretch["start_s"])
        for stretch in stretches
        if None not in (stretch.get("start_frame"), stretch.get("end_frame"))
    ]
    frames, lasting_s = max(counted, default=(0, 0.0))
    return lasting_s / frames if frames > 0 else 0.0


def _longest_lines(records: Iterable[Record], sampling: Sampling) -> tuple[tuple[TextLine, ...], int]:
    """Return the lines that stand longest, in the order of time, and how many are left out."""
    count = 0

    def counted() -> Iterable[TextLine]:
        nonlocal count
        for count, line in enumerate(merge_lines(records, sampling), start=1):  # noqa: B007  (read outside)
            yield line

    kept = heapq.nlargest(
        MOST_LINES, counted(), key=lambda line: (round(line.end_s - line.start_s, 3), line.confidence)
    )
    in_order = sorted(kept, key=lambda line: (line.start_s, _top_left(line), line.text, line.end_s))
    return tuple(in_order), count - len(kept)


def _instances(record: Record) -> tuple[LabelInstance, ...]:
    """Return the things that a sighting shows, the surest first; those without a box are nowhere."""
    found = [
        LabelInstance(at_s=record["start_s"], confidence=instance["confidence"] or 0.0, box=box)
        for instance in record.get("instances", ())
        if (box := box_from_record(instance)) is not None
    ]
    found.sort(key=lambda instance: (-instance.confidence, instance.box.left, instance.box.top))
    return tuple(found[:MOST_INSTANCES])


def _fullness(instances: tuple[LabelInstance, ...]) -> tuple[int, float, float]:
    """Say how much a sighting shows: most things, then the surest, then the earliest."""
    sure = round(sum(instance.confidence for instance in instances), 4)
    return len(instances), sure, -instances[0].at_s if instances else 0.0


def _by_presence(found: Label | ModerationLabel) -> tuple[float, int, float, str]:
    seen_s = sum(span.end_s - span.start_s for span in found.segments)
    things = len(found.instances) if isinstance(found, Label) else 0
    return -round(seen_s, 3), -things, -found.confidence_max, found.name


def _top_left(line: TextLine) -> tuple[float, float]:
    return (line.box.top, line.box.left) if line.box else (0.0, 0.0)
