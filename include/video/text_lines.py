"""From lines of text seen in single pictures to lines that stand for a while.

The same line is read a little differently from picture to picture. It stays one line when nothing differs but case and
spaces, and where its box is when no more than one character in five does. Digits that differ make another line: a score
or a clock that changes is no slip.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from include.catalog.video import Box, TextLine
from include.video.sampling import Sampling

CHARACTERS_PER_SLIP = 5
LEAST_OVERLAP = 0.3
"""Of two boxes: what they share, by what they cover together."""


@dataclass(slots=True)
class _OpenLine:
    """A line that may still be seen again."""

    text: str
    """As read most surely, and so are ``folded``, ``confidence`` and ``box``."""
    folded: str
    confidence: float
    box: Box | None
    start_ms: int
    end_ms: int
    seen_ms: int
    """When it was seen last, and there:"""
    place: Box | None

    def add(self, record: Mapping[str, Any], sampling: Sampling) -> None:
        seen = _opened(record, sampling)
        self.start_ms, self.end_ms = min(self.start_ms, seen.start_ms), max(self.end_ms, seen.end_ms)
        self.seen_ms, self.place = seen.seen_ms, seen.place
        if seen.confidence > self.confidence:
            self.text, self.folded, self.confidence, self.box = seen.text, seen.folded, seen.confidence, seen.box

    def closed(self) -> TextLine:
        return TextLine(
            text=self.text,
            start_s=self.start_ms / 1000,
            end_s=self.end_ms / 1000,
            confidence=self.confidence,
            box=self.box,
        )


def merge_lines(records: Iterable[Mapping[str, Any]], sampling: Sampling) -> Iterator[TextLine]:
    """Yield the lines of a film, each when it is gone; its words are left out.

    :param records: as ``text_from_page`` yields them, in the order of time; those of one picture in any order.
    """
    open_lines: list[_OpenLine] = []
    lines = (record for record in records if record["kind"] == "line" and record["text"].strip())
    for start_ms, together in groupby(lines, key=lambda record: round(1000 * record["start_s"])):
        still_open = [line for line in open_lines if start_ms - line.seen_ms <= sampling.patience_ms]
        yield from (line.closed() for line in open_lines if start_ms - line.seen_ms > sampling.patience_ms)
        open_lines = still_open
        unknown = []
        for record in sorted(together, key=_order):
            line = _line_read_as(record, open_lines)
            if line is not None:
                line.add(record, sampling)
            else:
                unknown.append(record)
        for record in unknown:  # after the lines that are read as ever, which are no longer to be had
            line = _line_read_as(record, open_lines) or _line_misread_as(record, open_lines, start_ms)
            if line is not None:
                line.add(record, sampling)
            else:
                open_lines.append(_opened(record, sampling))
    yield from (line.closed() for line in open_lines)


def is_slip(one: str, other: str) -> bool:
    """Say whether two readings, without spaces and in one case, may be of the same text.

    >>> is_slip("welcome", "welcorne"), is_slip("exit1", "exit2"), is_slip("left", "lift")
    (False, False, False)
    >>> is_slip("welcome", "welcone"), is_slip("nosmoking", "nosmokinq")
    (True, True)
    """
    if one == other:
        return True
    slips = max(len(one), len(other)) // CHARACTERS_PER_SLIP
    if abs(len(one) - len(other)) > slips or _digits(one) != _digits(other):
        return False
    return _distance(one, other, most=slips) <= slips


def overlap(one: Box | None, other: Box | None) -> float:
    """Return how far two boxes are one: what they share, as a share of what they cover together.

    >>> overlap(Box(left=0, top=0, width=0.2, height=0.1), Box(left=0.1, top=0, width=0.2, height=0.1))
    0.333
    """
    if one is None or other is None:
        return 0.0
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return round(shared / (one.width * one.height + other.width * other.height - shared), 3)


def box_from_record(record: Mapping[str, Any]) -> Box | None:
    """Return the box of a record, if it has one."""
    return Box(**record["box"]) if record["box"] else None


def _line_read_as(record: Mapping[str, Any], lines: Iterable[_OpenLine]) -> _OpenLine | None:
    """Return the line that is read like this, wherever in the picture it stands."""
    folded = _folded(record["text"])
    return next((line for line in lines if line.folded == folded), None)


def _line_misread_as(record: Mapping[str, Any], lines: Iterable[_OpenLine], moment_ms: int) -> _OpenLine | None:
    """Return the line that stood here in an earlier picture and was read a little differently."""
    folded, place = _folded(record["text"]), box_from_record(record)
    near = [
        (overlap(line.place, place), line)
        for line in lines
        if line.seen_ms != moment_ms and overlap(line.place, place) >= LEAST_OVERLAP and is_slip(line.folded, folded)
    ]
    return max(near, key=lambda found: found[0])[1] if near else None


def _opened(record: Mapping[str, Any], sampling: Sampling) -> _OpenLine:
    start_ms, box = round(1000 * record["start_s"]), box_from_record(record)
    return _OpenLine(
        text=record["text"],
        folded=_folded(record["text"]),
        confidence=record["confidence"] or 0.0,
        box=box,
        start_ms=start_ms,
        end_ms=sampling.end_ms(start_ms, round(1000 * record["end_s"])),
        seen_ms=start_ms,
        place=box,
    )


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _order(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Put the lines of one picture in an order that does not depend on how they came: from top to bottom, the rest."""
    box = record["box"] or {}
    return box.get("top", 0), box.get("left", 0), record["text"], -(record["confidence"] or 0)


def _distance(one: str, other: str, *, most: int) -> int:
    """Return the least number of characters to insert, delete or replace (Levenshtein), or more than ``most``.

    >>> _distance("kitten", "sitting", most=5)
    3
    """
    row = list(range(len(other) + 1))
    for number, character in enumerate(one, start=1):
        above, row = row, [number]
        for column, counterpart in enumerate(other):
            row.append(min(above[column] + (character != counterpart), above[column + 1] + 1, row[column] + 1))
        if min(row) > most:
            return most + 1
    return row[-1]
