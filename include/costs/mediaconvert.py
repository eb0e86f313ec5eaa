"""What MediaConvert will bill for a job, told from its settings and what is known of its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.costs.rate_card import BilledUnits, RateCard, default_rate_card
from include.video.probe import MediaFacts, VideoStream

BASIC, PROFESSIONAL = "mediaconvert.basic", "mediaconvert.professional"
ONE_PASS = frozenset({None, "SINGLE_PASS", "SINGLE_PASS_HQ"})
CODECS = {"H_264": "avc", "H_265": "hevc"}
"""As the rate card calls them; others are the name in small letters."""


def billed_outputs(
    settings: Mapping[str, Any], media: MediaFacts, *, accelerated: bool = False, card: RateCard | None = None
) -> list[BilledUnits]:
    """Return the minutes of each output with their multiplier; sidecar captions cost nothing of their own.

    A quantity is ``None`` when the length of the output is not known: several inputs, of which only one was probed, or
    a clip by embedded timecodes. A multiplier is ``None`` when the rate card has none for such an output.

    >>> video = VideoStream(codec="h264", width=1280, height=720, rotation_deg=0, frame_rate=25, bit_rate_bps=None)
    >>> output = {"VideoDescription": {"CodecSettings": {"Codec": "H_264"}}}
    >>> settings = {"Inputs": [{}], "OutputGroups": [{"Outputs": [output]}]}
    >>> billed_outputs(settings, MediaFacts(duration_s=90, video=video))
    [BilledUnits(item='mediaconvert.basic', quantity=1.5, multiplier=2.0)]
    """
    card = card or default_rate_card()
    minutes = _minutes(settings, media)
    turned = settings.get("Inputs", [{}])[0].get("VideoSelector", {}).get("Rotate") == "AUTO"
    return [
        _billed(output, minutes, media.video, turned=turned, accelerated=accelerated, card=card)
        for group in settings.get("OutputGroups", [])
        for output in group.get("Outputs", [])
        if "VideoDescription" in output or "AudioDescriptions" in output
    ]


def _billed(
    output: Mapping[str, Any],
    minutes: float | None,
    source: VideoStream | None,
    *,
    turned: bool,
    accelerated: bool,
    card: RateCard,
) -> BilledUnits:
    video = output.get("VideoDescription", {})
    coded = video.get("CodecSettings", {})
    codec = coded.get("Codec")
    if codec is None:
        return BilledUnits(item=PROFESSIONAL, quantity=minutes, multiplier=None)  # sound alone: not on the card
    details: Mapping[str, Any] = next((value for value in coded.values() if isinstance(value, Mapping)), {})
    basic = codec == "H_264" and details.get("QualityTuningLevel") in ONE_PASS and not accelerated
    item = BASIC if basic else PROFESSIONAL
    lines, frame_rate = _lines(video, source, turned=turned), _frame_rate(details, source)
    multiplier = None
    if lines is not None and frame_rate is not None:
        name = CODECS.get(codec, codec.lower())
        multiplier = card.multiplier(item, codec=name, lines=lines, frame_rate=frame_rate)
    return BilledUnits(item=item, quantity=minutes, multiplier=multiplier)


def _lines(video: Mapping[str, Any], source: VideoStream | None, *, turned: bool) -> int | None:
    """Return the shorter side of the output in pixels; a side that is not given keeps the source's aspect."""
    width, height = video.get("Width"), video.get("Height")
    if width and height:
        return min(width, height)
    if source is None:
        return None
    source_width, source_height = source.upright_size if turned else (source.width, source.height)
    scale = width / source_width if width else height / source_height if height else 1
    return round(scale * min(source_width, source_height))


def _frame_rate(details: Mapping[str, Any], source: VideoStream | None) -> float | None:
    if details.get("FramerateControl") == "SPECIFIED":
        numerator, denominator = details.get("FramerateNumerator"), details.get("FramerateDenominator", 1)
        return numerator / denominator if numerator and denominator else None
    return source.frame_rate if source else None


def _minutes(settings: Mapping[str, Any], media: MediaFacts) -> float | None:
    """Return how long every output will be, in minutes."""
    inputs = settings.get("Inputs", [])
    if len(inputs) != 1 or media.duration_min is None:
        return None
    clips = inputs[0].get("InputClippings", [])
    if not clips:
        return media.duration_min
    from_zero = inputs[0].get("TimecodeSource") == "ZEROBASED"
    frame_rate = (media.video.frame_rate if media.video else None) or 30.0
    try:
        lengths = [_clip_s(clip, media.duration_min * 60, frame_rate, from_zero=from_zero) for clip in clips]
    except ValueError:  # MediaConvert will say what is wrong with the timecode
        return None
    known = [length for length in lengths if length is not None]
    return sum(known) / 60 if len(known) == len(lengths) else None


def _clip_s(clip: Mapping[str, str], whole_s: float, frame_rate: float, *, from_zero: bool) -> float | None:
    start, end = clip.get("StartTimecode"), clip.get("EndTimecode")
    if start and end:
        return max(0.0, seconds_from_timecode(end, frame_rate) - seconds_from_timecode(start, frame_rate))
    if not from_zero:
        return None
    return (seconds_from_timecode(end, frame_rate) if end else whole_s) - (
        seconds_from_timecode(start, frame_rate) if start else 0.0
    )


def seconds_from_timecode(timecode: str, frame_rate: float) -> float:
    """Read ``HH:MM:SS:FF`` (``;`` before the frames where frames are dropped).

    >>> seconds_from_timecode("00:01:30:15", 30)
    90.5
    """
    hours, minutes, seconds, frames = (int(part) for part in timecode.replace(";", ":").split(":"))
    return hours * 3600 + minutes * 60 + seconds + frames / frame_rate
