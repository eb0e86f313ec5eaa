"""The H.264 copy that Rekognition Video reads where it cannot take a film as it came."""

from __future__ import annotations

from typing import Any

from include.video.mp4_settings import SMALLEST_SIDE, mp4_settings
from include.video.probe import MediaFacts

UNSUPPORTED = "UnsupportedFormat"
"""Our code for what Rekognition itself says in words only."""
LONGEST_S = 6 * 3600
LARGEST_BYTES = 10 * 1024**3
CONTAINERS = frozenset({"mov", "mp4", "avi"})
"""Limits of a stored film: https://docs.aws.amazon.com/rekognition/latest/dg/limits.html, and the formats that the
reference of ``StartLabelDetection`` names."""
PLAIN_PROFILES = frozenset({"Baseline", "Constrained Baseline", "Main", "Extended", "High"})
"""Of H.264, with 8 bits a sample and colour at half the resolution (4:2:0), as ffmpeg calls them."""

SHORT_SIDE = 1080


def refusal_of(facts: MediaFacts) -> tuple[str, str] | None:
    """Return Rekognition's code and a sentence when it cannot analyse a film; ``None`` if nothing is against it.

    >>> refusal_of(MediaFacts(probed=True, container="ogg"))
    ('NoVideo', 'the file has no picture.')
    """
    if facts.duration_s is not None and facts.duration_s > LONGEST_S:
        return "VideoTooLargeException", f"the film lasts {facts.duration_s / 3600:.1f} hours, 6 are allowed."
    if facts.size_bytes is not None and facts.size_bytes > LARGEST_BYTES:
        return "VideoTooLargeException", f"the film has {facts.size_bytes / 1024**3:.1f} GB, 10 are allowed."
    if facts.probed and facts.video is None:
        return "NoVideo", "the file has no picture."
    if facts.video is not None and facts.video.codec != "h264":
        return UNSUPPORTED, f"the film is {facts.video.codec}, only h264 is read."
    if facts.container is not None and facts.container not in CONTAINERS:
        return UNSUPPORTED, f"the film lies in {facts.container}, only MP4, MOV and AVI are read."
    return None


def proxy_reason(facts: MediaFacts) -> str | None:
    """Say why Rekognition cannot take a film, when a proxy would cure it; ``None`` when it needs none.

    What a proxy does not cure is left to the analysis to refuse: more than 6 hours, no picture, or one that is too
    small for an encoder.

    >>> from include.video.probe import VideoStream
    >>> video = VideoStream(codec="vp9", width=640, height=360, rotation_deg=0, frame_rate=25, bit_rate_bps=None)
    >>> proxy_reason(MediaFacts(probed=True, container="matroska", duration_s=9.0, video=video))
    'the film is vp9, only h264 is read.'
    """
    video = facts.video
    if video is None or min(video.width, video.height) < SMALLEST_SIDE or (facts.duration_s or 0) > LONGEST_S:
        return None
    if refusal := refusal_of(facts):
        return refusal[1]
    if video.profile is not None and video.profile not in PLAIN_PROFILES:
        return f"the film is H.264 of profile {video.profile}, only 8 bits a sample in 4:2:0 are read."
    return None


def proxy_settings(facts: MediaFacts, *, source_uri: str, destination_uri: str) -> dict[str, Any]:
    """Return the settings of the MediaConvert job that writes ``<destination_uri>.mp4``, of up to 1080 lines.

    It keeps every frame of the film, that moments found in it are moments of the film.

    :raises ValueError: when the film has no picture.
    """
    return mp4_settings(
        facts, name="proxy", short_side=SHORT_SIDE, source_uri=source_uri, destination_uri=destination_uri
    )
