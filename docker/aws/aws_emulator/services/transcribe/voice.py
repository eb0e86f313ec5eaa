"""Where somebody speaks: audio cut at its pauses, so that four hours need the memory of half a minute.

A recogniser hears best what has a context: pieces are joined with the pauses between them until they are long enough.
Speech without a pause, or music, is cut at its quietest moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pocketsphinx import Endpointer, Vad

from aws_emulator.services.transcribe.audio import RATE_HZ, SAMPLE_BYTES

Span = tuple[float, float]  # seconds, start and end

WINDOW_S = 0.3  # the detector decides over this long ...
RATIO = 0.9  # ... when this share of it is speech, or is none
MARGIN_S = 0.3  # kept before and after: soft beginnings and ends of words
STEP_S = 0.05  # resolution of the search for a quiet moment


def spans_of_speech(path: Path) -> Iterator[Span]:
    """When somebody speaks in a file of PCM, by pocketsphinx's voice activity detector."""
    detector = Endpointer(window=WINDOW_S, ratio=RATIO, vad_mode=Vad.MEDIUM_LOOSE, sample_rate=RATE_HZ)
    with path.open("rb") as file:
        frame = file.read(detector.frame_bytes)
        while frame:
            following = file.read(detector.frame_bytes)
            heard = detector.process(frame) if following else detector.end_stream(frame)
            if heard is not None and not detector.in_speech:
                yield detector.speech_start, detector.speech_end
            frame = following


def joined(spans: Iterable[Span], least_s: float, most_s: float) -> Iterator[Span]:
    """Join neighbours until a span has ``least_s``, as long as it has at most ``most_s``.

    >>> list(joined([(0, 2), (3, 5), (20, 22), (22.5, 24)], least_s=4, most_s=10))
    [(0, 5), (20, 24)]
    """
    current: Span | None = None
    for start, end in spans:
        if current is None:
            current = (start, end)
        elif current[1] - current[0] < least_s and end - current[0] <= most_s:
            current = (current[0], end)
        else:
            yield current
            current = (start, end)
    if current is not None:
        yield current


def stretches(path: Path, least_s: float, most_s: float) -> Iterator[tuple[float, bytes]]:
    """Pieces of a file of PCM in which somebody speaks, as (start in seconds, PCM).

    None is longer than ``most_s`` and two margins.
    """
    last_s = path.stat().st_size / SAMPLE_BYTES / RATE_HZ
    with path.open("rb") as file:
        for start, end in joined(spans_of_speech(path), least_s, most_s):
            while end - start > most_s:
                cut = _quietest(file, start + most_s / 2, start + most_s)
                yield _piece(file, max(0.0, start - MARGIN_S), cut)
                start = cut + MARGIN_S  # the next piece takes the margin back
            yield _piece(file, max(0.0, start - MARGIN_S), min(last_s, end + MARGIN_S))


def _piece(file: BinaryIO, start_s: float, end_s: float) -> tuple[float, bytes]:
    first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
    file.seek(first * SAMPLE_BYTES)
    return first / RATE_HZ, file.read((last - first) * SAMPLE_BYTES)


def _quietest(file: BinaryIO, start_s: float, end_s: float) -> float:
    """The middle of the quietest step between two times, in seconds."""
    first_s, sound = _piece(file, start_s, end_s)
    step = round(STEP_S * RATE_HZ)
    samples = np.frombuffer(sound, "<i2").astype(np.float64)
    steps = samples[: len(samples) // step * step].reshape(-1, step)
    return float(first_s + (np.argmin((steps**2).mean(axis=1)) + 0.5) * STEP_S)
