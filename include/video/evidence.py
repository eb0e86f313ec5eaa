"""What people are shown of an incident: the film as the web plays it, and a clip around each moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from include.video.mp4_settings import mp4_settings
from include.video.probe import MediaFacts

MOST_CLIPS = 3
BEFORE_S = 8.0
AFTER_S = 7.0
"""What led to a moment matters as much as what followed: a clip holds so many seconds before it, and after."""
WEB_SHORT_SIDE = 720
EVIDENCE_SHORT_SIDE = 1080
"""Pixels of the shorter side at most: the film starts at once on a telephone, in the evidence a plate can be read."""
_FRAMES_WRITTEN = 100  # a timecode has two digits for the frame
_ROUNDED = 1e-6  # of a frame, by which a product of floats may miss


def clips_around(moments_s: Sequence[float], duration_s: float | None) -> list[tuple[float, float]]:
    """Return start and end in seconds of the clips that show ``moments_s``; of both, the heaviest comes first.

    A clip never leaves the film; ``None`` stands for a length that is not known. Clips that overlap or touch are one,
    which has the place of its heaviest moment; of more than ``MOST_CLIPS`` the lightest are left out.

    >>> clips_around([40.0, 5.0, 52.0], 60.0)
    [(32.0, 59.0), (0.0, 12.0)]
    """
    whole_s = math.inf if duration_s is None else duration_s
    clips: list[tuple[float, float]] = []
    places: list[int] = []
    for start_s, end_s, place in sorted(_clip(moment_s, whole_s, at) for at, moment_s in enumerate(moments_s)):
        if clips and start_s <= clips[-1][1]:
            clips[-1] = clips[-1][0], max(clips[-1][1], end_s)
            places[-1] = min(places[-1], place)
        elif start_s < end_s:
            clips.append((start_s, end_s))
            places.append(place)
    return [clip for _, clip in sorted(zip(places, clips, strict=True))][:MOST_CLIPS]


def _clip(moment_s: float, whole_s: float, place: int) -> tuple[float, float, int]:
    moment_s = min(max(moment_s, 0.0), whole_s)
    return max(0.0, moment_s - BEFORE_S), min(whole_s, moment_s + AFTER_S), place


def web_rendition_settings(facts: MediaFacts, *, source_uri: str, destination_uri: str) -> dict[str, Any]:
    """Return the settings of the MediaConvert job that writes ``<destination_uri>.mp4``, for every browser.

    :raises ValueError: when the film has no picture.
    """
    return mp4_settings(
        facts, name="web", short_side=WEB_SHORT_SIDE, source_uri=source_uri, destination_uri=destination_uri
    )


def evidence_settings(
    facts: MediaFacts, *, source_uri: str, destination_uri: str, start_s: float, end_s: float
) -> dict[str, Any]:
    """Return the settings of the job that writes to ``<destination_uri>.mp4`` what lies between two times in seconds.

    Every frame that is shown within them belongs to the clip.

    :raises ValueError: when the film has no picture, or the times enclose none of it.
    """
    return mp4_settings(
        facts,
        name="evidence",
        short_side=EVIDENCE_SHORT_SIDE,
        source_uri=source_uri,
        destination_uri=destination_uri,
        clip=input_clipping(facts, start_s, end_s),
    )


def input_clipping(facts: MediaFacts, start_s: float, end_s: float) -> dict[str, str]:
    """Return the timecodes of the frames that are shown between two times, both of which belong to the clip.

    MediaConvert counts frames, not seconds: at 29.97 frames a second a timecode without dropped frames (``:``) names
    frame 30 x seconds + frames, and so runs behind the clock by 3.6 s an hour. A clip that goes on to the end of the
    film has no end of its own. Where the frame rate is not known, or too low or too high for two digits, the
    clip is cut at whole seconds around the times.

    https://docs.aws.amazon.com/mediaconvert/latest/ug/setting-up-timecode.html

    >>> from include.video.probe import VideoStream
    >>> video = VideoStream(codec="h264", width=1920, height=1080, rotation_deg=0, frame_rate=30000 / 1001,
    ...                     bit_rate_bps=None)
    >>> input_clipping(MediaFacts(video=video, duration_s=7200), 3600, 3615)
    {'StartTimecode': '00:59:56:12', 'EndTimecode': '01:00:11:11'}

    :raises ValueError: when they enclose nothing of the film.
    """
    if not 0 <= start_s < end_s or (facts.duration_s is not None and start_s >= facts.duration_s):
        raise ValueError(f"between {start_s} s and {end_s} s lies nothing of a film of {facts.duration_s} s")
    rate = (facts.video.frame_rate if facts.video else None) or 0.0
    nominal = round(rate)
    if not 1 <= nominal <= _FRAMES_WRITTEN:
        start_s, end_s, rate, nominal = math.floor(start_s), math.ceil(end_s) + 1, 1.0, 1
    first = math.floor(start_s * rate + _ROUNDED)
    last = max(first, math.ceil(end_s * rate - _ROUNDED) - 1)
    clipping = {"StartTimecode": _timecode(first, nominal)}
    if facts.duration_s is None or last + 1 < math.floor(facts.duration_s * rate + _ROUNDED):
        clipping["EndTimecode"] = _timecode(last, nominal)
    return clipping


def _timecode(frame: int, nominal: int) -> str:
    """Write the number of a frame as ``HH:MM:SS:FF``.

    >>> _timecode(107892, 30)
    '00:59:56:12'
    """
    seconds, frames = divmod(frame, nominal)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"
