"""Sidecar captions: SubRip and WebVTT read, moved with the clips of the input, and written again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

READ_FROM_FILE = {"SRT", "WEBVTT"}
READ_FROM_TRACK = {"TT_3GPP"}
WRITTEN = {"SRT", "WEBVTT"}
TIMES = re.compile(
    r"(?:(\d{1,6}):)?([0-5]?\d):([0-5]?\d)[,.](\d{1,3})\s*-->\s*(?:(\d{1,6}):)?([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
)
STYLES = re.compile(r"\{\\[^{}]*\}|</?(?:font|s)\b[^<>]*>")  # what WebVTT does not know
MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cue:
    """Text that stands from ``start_s`` until ``end_s``, seconds from the first frame."""

    start_s: Fraction
    end_s: Fraction
    text: str


def read(content: bytes) -> list[Cue]:
    r"""The cues of a SubRip or WebVTT file; without any, ``ValueError``.

    >>> read(b"1\r\n00:00:01,500 --> 00:00:02,000\r\n<i>Hi</i>\r\n\r\n")
    [Cue(start_s=Fraction(3, 2), end_s=Fraction(2, 1), text='<i>Hi</i>')]
    """
    text = _decoded(content).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    cues = []
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.strip("\n").split("\n")
        for number, line in enumerate(lines[:2]):
            if match := TIMES.match(line.strip()):
                cue = Cue(
                    _seconds(match.groups()[:4]), _seconds(match.groups()[4:]), "\n".join(lines[number + 1 :]).strip()
                )
                if cue.text and cue.end_s > cue.start_s:
                    cues.append(cue)
                break
    if not cues and "-->" not in text and not text.lstrip().startswith("WEBVTT"):
        raise ValueError("there are no captions in it")
    return sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _seconds(parts: Sequence[str | None]) -> Fraction:
    hours, minutes, seconds, fraction = parts
    return Fraction(int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)) + Fraction(
        int((fraction or "0").ljust(3, "0")), 1000
    )


def clipped(cues: Iterable[Cue], pieces: Sequence[tuple[Fraction, Fraction | None]]) -> list[Cue]:
    """The cues as they stand in the output, whose pieces are (start in the input, duration or None for the rest).

    >>> cue = Cue(Fraction(9), Fraction(12), "Hi")
    >>> moved = clipped([cue], [(Fraction(10), Fraction(5)), (Fraction(8), None)])
    >>> [(float(cue.start_s), float(cue.end_s)) for cue in moved]
    [(0.0, 2.0), (6.0, 9.0)]
    """
    given, moved, done_s = list(cues), [], Fraction(0)
    for start_s, duration_s in pieces:
        for cue in given:
            begins, ends = max(cue.start_s - start_s, Fraction(0)), cue.end_s - start_s
            if duration_s is not None:
                ends = min(ends, duration_s)
            if ends > begins:
                moved.append(Cue(begins + done_s, ends + done_s, cue.text))
        done_s += duration_s or 0
    return moved


def shifted(cues: Iterable[Cue], source: Mapping[str, Any]) -> list[Cue]:
    """The cues moved by ``TimeDelta``, which is in seconds unless its units say milliseconds."""
    delta = Fraction(source.get("TimeDelta", 0), 1000 if source.get("TimeDeltaUnits") == "MILLISECONDS" else 1)
    return [
        Cue(max(cue.start_s + delta, Fraction(0)), cue.end_s + delta, cue.text) for cue in cues if cue.end_s + delta > 0
    ]


def to_webvtt(cues: Iterable[Cue], header: str = "") -> str:
    """Write WebVTT.

    >>> print(to_webvtt([Cue(Fraction(3, 2), Fraction(2), "Hi --> there")]))
    WEBVTT
    <BLANKLINE>
    1
    00:00:01.500 --> 00:00:02.000
    Hi --&gt; there
    <BLANKLINE>
    """
    blocks = [f"WEBVTT{header}\n"]
    for number, cue in enumerate(cues, start=1):
        text = STYLES.sub("", cue.text).replace("-->", "--&gt;")
        blocks.append(f"{number}\n{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{text}\n")
    return "\n".join(blocks)


def to_srt(cues: Iterable[Cue]) -> str:
    r"""Write SubRip.

    >>> to_srt([Cue(Fraction(3, 2), Fraction(2), "Hi")])
    '1\n00:00:01,500 --> 00:00:02,000\nHi\n'
    """
    return "\n".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues, start=1)
    )


def _clock(seconds: Fraction, point: str) -> str:
    milliseconds = round(seconds * 1000)
    rest, milliseconds = divmod(milliseconds, 1000)
    rest, second = divmod(rest, 60)
    hour, minute = divmod(rest, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{milliseconds:03}"


def selector_problems(at: str, selector: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What speaks against a caption selector of an input."""
    source = selector.get("SourceSettings") or {}
    kind = source.get("SourceType")
    at = f"{at}/sourceSettings"
    if kind in READ_FROM_FILE:
        if not (source.get("FileSourceSettings") or {}).get("SourceFile", "").startswith("s3://"):
            yield f"{at}/fileSourceSettings", "sourceFile is a required property, an s3:// location"
    elif kind not in {*READ_FROM_TRACK, "NULL_SOURCE", None}:
        possible = ", ".join(sorted(READ_FROM_FILE | READ_FROM_TRACK))
        yield f"{at}/sourceType", f"{kind}: the local MediaConvert does not read these captions; choose {possible}"


def description_problems(at: str, description: Mapping[str, Any], *, alone: bool) -> Iterator[tuple[str, str]]:
    """What speaks against captions of an output; sidecars stand ``alone`` in theirs."""
    kind = (description.get("DestinationSettings") or {}).get("DestinationType")
    if kind not in WRITTEN:
        possible = " or ".join(sorted(WRITTEN))
        yield (
            f"{at}/destinationSettings/destinationType",
            f"{kind}: the local MediaConvert does not write these captions; choose {possible}",
        )
    elif not alone:
        yield (
            f"{at}/destinationSettings/destinationType",
            f"{kind} captions are a sidecar: give them an output of their own",
        )
    if not description.get("CaptionSelectorName"):
        yield at, "captionSelectorName is a required property"
