"""Subtitles of a transcript as WebVTT (W3C) and SubRip, cut into cues that can be read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from aws_emulator.services.transcribe.words import Word, text_of, utterances

LINE_CHARACTERS = 42  # of one line, two lines a cue: the usual limit of broadcasters (EBU, BBC, Netflix: 37 to 42)
CUE_CHARACTERS = 2 * LINE_CHARACTERS
CUE_S = 7.0  # the longest time one cue stands
CONTENT_TYPES = {"json": "application/json", "vtt": "text/vtt", "srt": "application/x-subrip"}


def cues(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Group words into cues: utterances, halved at their longest pause near the middle until they can be read.

    >>> words = [Word(n, n + 1, "word", 1.0) for n in range(10)]
    >>> [len(cue) for cue in cues(words)]
    [5, 5]
    """
    for utterance in utterances(words):
        yield from _halves(utterance)


def _halves(words: list[Word]) -> Iterator[list[Word]]:
    fits = words[-1].end_s - words[0].start_s <= CUE_S and len(text_of(words)) <= CUE_CHARACTERS
    if fits or len(words) == 1:
        yield words
        return
    middle = len(words) / 2
    third = max(1, len(words) // 3)
    cut = max(
        range(third, len(words) - third + 1),
        key=lambda n: (round(words[n].start_s - words[n - 1].end_s, 1), -abs(n - middle)),
    )
    yield from _halves(words[:cut])
    yield from _halves(words[cut:])


def clock(seconds: float, separator: str) -> str:
    """A time as subtitles write it.

    >>> clock(3661.5, "."), clock(0.0004, ",")
    ('01:01:01.500', '00:00:00,000')
    """
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{separator}{milliseconds % 1000:03}"


def subtitles(words: Sequence[Word], form: str, start_index: int) -> str:
    r"""The words as a file of subtitles. ``form`` is ``vtt`` or ``srt``; the first cue has number ``start_index``.

    >>> subtitles([Word(0.64, 1.09, "Welcome", 1.0)], "srt", 1)
    '1\n00:00:00,640 --> 00:00:01,090\nWelcome\n'
    """
    separator = "." if form == "vtt" else ","
    blocks = ["WEBVTT\n"] if form == "vtt" else []
    for number, cue in enumerate(cues(words), start_index):
        times = f"{clock(cue[0].start_s, separator)} --> {clock(cue[-1].end_s, separator)}"
        lines = "\n".join(textwrap.wrap(text_of(cue), LINE_CHARACTERS, break_on_hyphens=False))
        blocks.append(f"{number}\n{times}\n{_escaped(lines) if form == 'vtt' else lines}\n")
    return "\n".join(blocks)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
