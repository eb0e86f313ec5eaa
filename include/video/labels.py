"""From the flat records of Rekognition Video to what stands in a clip's labels record.

Rekognition looks at a film a few times a second and says what it sees in each of these pictures. Here such sightings
become stretches of time. Hours of film give hundreds of thousands of sightings, so they are never gathered: what is
kept grows with the number of findings and of their stretches, not with that of their sightings.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from include.catalog.video import Label, LabelInstance, ModerationLabel, Shot, TechnicalCue, TextLine
from include.video.sampling import Presence, Sampling, sampling_from_records
from include.video.text_lines import box_from_record, merge_lines

Record = Mapping[str, Any]

MERGING_VERSION = "1"
"""Raise it whenever the same records would be merged to other findings."""
MOST_INSTANCES = 50
"""Boxes that a label keeps, the surest first: in a crowd more of them tell nothing."""
MOST_LINES = 1000
"""Lines of text that a clip keeps, those that stand longest: a clock in the picture writes a new one each second."""


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
    shots, cues = _segments(analyses.get("segments", ()))
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


def _segments(records: Iterable[Record]) -> tuple[tuple[Shot, ...], tuple[TechnicalCue, ...]]:
    shots, cues = [], []
    for record in records:
        span = {name: record[name] for name in ("start_s", "end_s", "confidence")}
        if record["kind"] == "shot":
            shots.append(Shot(**span))
        else:
            cues.append(TechnicalCue(cue=record["cue"], **span))
    in_order = attrgetter("start_s", "end_s")
    return tuple(sorted(shots, key=in_order)), tuple(sorted(cues, key=lambda cue: (*in_order(cue), cue.cue)))


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
