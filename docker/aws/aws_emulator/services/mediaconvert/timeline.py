"""Clips: which part of an input is used, by timecodes ``HH:MM:SS:FF``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)")


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of an input, in seconds from its first frame; no duration means up to its end."""

    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None

    @property
    def whole(self) -> bool:
        return not self.start_s and self.duration_s is None


def frame_number(timecode: str, frame_rate: Fraction) -> int:
    """Count the frames before a timecode; ``;`` before the frame means drop-frame counting, of 29.97 and 59.94 alone.

    Drop-frame leaves out two frame numbers (four at 59.94) each minute but each tenth: SMPTE 12M.

    >>> frame_number("00:00:02:05", Fraction(25))
    55
    >>> frame_number("00:01:00;02", Fraction(30000, 1001))
    1800
    >>> frame_number("00:10:00;00", Fraction(30000, 1001))
    17982
    """
    match = TIMECODE.fullmatch(timecode)
    if match is None:
        raise ValueError(f"{timecode!r} is no timecode: write HH:MM:SS:FF.")
    hours, minutes, seconds, frames = (int(match[number]) for number in (1, 2, 3, 5))
    nominal = round(frame_rate)
    if frames >= max(nominal, 1):
        raise ValueError(f"{timecode!r} names frame {frames}, but there are {nominal} frames in a second.")
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if match[4] == ";" and frame_rate.denominator == 1001 and nominal % 30 == 0:
        passed = hours * 60 + minutes
        number -= 2 * (nominal // 30) * (passed - passed // 10)
    return number


def clips(
    settings: Mapping[str, Any], frame_rate: Fraction, duration_s: Fraction | None, embedded: str | None
) -> list[Clip]:
    """The clips of an input in order; the whole input if it has none.

    Both timecodes belong to the clip; an end behind the input's is the input's. They count from ``TimecodeSource``: the
    timecode ``embedded`` in the input (zero without one), zero, or ``TimecodeStart``. Raises ``ValueError`` for a clip
    that the input does not have.
    """
    wanted: Sequence[Mapping[str, str]] = settings.get("InputClippings") or []
    if not wanted:
        return [Clip()]
    source = settings.get("TimecodeSource", "EMBEDDED")
    first = {"EMBEDDED": embedded, "SPECIFIEDSTART": settings.get("TimecodeStart")}.get(source) or "00:00:00:00"
    zero = frame_number(first, frame_rate)
    last = None if duration_s is None else duration_s * frame_rate
    found = []
    for clip in wanted:
        start = frame_number(clip["StartTimecode"], frame_rate) - zero if clip.get("StartTimecode") else 0
        end = frame_number(clip["EndTimecode"], frame_rate) - zero if clip.get("EndTimecode") else None
        named = f"{clip.get('StartTimecode', '')}-{clip.get('EndTimecode', '')}"
        if start < 0 or (last is not None and start >= last):
            raise ValueError(f"clip [{named}] starts outside the input, whose first timecode is {first}")
        if end is not None and end < start:
            raise ValueError(f"clip [{named}] ends before it starts")
        if end is not None and last is not None and end + 1 > last:
            end = None
        length = None if end is None else Fraction(end - start + 1) / frame_rate
        found.append(Clip(start / frame_rate, length))
    return found
