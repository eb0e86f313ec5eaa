"""The H.264 copy that Rekognition Video reads where it cannot take a film as it came."""

from __future__ import annotations

from typing import Any

from include.video.probe import MediaFacts, VideoStream

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
LONG_SIDE = 4096
SMALLEST_SIDE = 32
"""Pixels that an H.264 output of MediaConvert has at least, and for the long side at most."""
RUNGS = ((360, 1_500_000, 7), (540, 3_500_000, 7), (720, 6_000_000, 8), (SHORT_SIDE, 8_500_000, 8))
"""Up to this many lines on the short side: bits a second at most, and the QVBR quality level."""
LEAST_BIT_RATE_BPS = 500_000
HARDER_TIMES = 2
"""H.264 takes up to this many times the bits of VP9, HEVC or AV1 for the same picture."""


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
    """Return the settings of the MediaConvert job that writes ``<destination_uri>.mp4``.

    The copy stands upright, is never larger than the film, and keeps its frame rate and so every frame, that moments
    found in it are moments of the film. Of a film whose frame rate varies MediaConvert makes one with a constant rate:
    there moments hold to within a frame.

    :raises ValueError: when the film has no picture.
    """
    if facts.video is None:
        raise ValueError(f"{source_uri} has no picture to make a proxy of")
    read: dict[str, Any] = {
        "FileInput": source_uri,
        "TimecodeSource": "ZEROBASED",
        "VideoSelector": {"Rotate": "AUTO"},
    }
    output: dict[str, Any] = {
        "ContainerSettings": {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}},
        "VideoDescription": {**_size(facts.video), "CodecSettings": _picture(facts)},
    }
    if facts.audio:
        read["AudioSelectors"] = {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}
        output["AudioDescriptions"] = [{"AudioSourceName": "Audio Selector 1", "CodecSettings": SOUND}]
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "Inputs": [read],
        "OutputGroups": [
            {
                "Name": "proxy",
                "OutputGroupSettings": {
                    "Type": "FILE_GROUP_SETTINGS",
                    "FileGroupSettings": {"Destination": destination_uri},
                },
                "Outputs": [output],
            }
        ],
    }


SOUND = {
    "Codec": "AAC",
    "AacSettings": {
        "CodecProfile": "LC",
        "CodingMode": "CODING_MODE_2_0",
        "RateControlMode": "CBR",
        "Bitrate": 128_000,
        "SampleRate": 48_000,
    },
}


def _picture(facts: MediaFacts) -> dict[str, Any]:
    most_bps, level = _rung(facts)
    return {
        "Codec": "H_264",
        "H264Settings": {
            "CodecProfile": "HIGH",
            "RateControlMode": "QVBR",
            "QvbrSettings": {"QvbrQualityLevel": level},
            "MaxBitrate": most_bps,
            "QualityTuningLevel": "SINGLE_PASS_HQ",
            "FramerateControl": "INITIALIZE_FROM_SOURCE",
            "ParControl": "INITIALIZE_FROM_SOURCE",
        },
    }


def _rung(facts: MediaFacts) -> tuple[int, int]:
    """Return bits a second at most, and the quality level, by the size of the picture and what the film itself takes.

    >>> video = VideoStream(codec="vp9", width=960, height=540, rotation_deg=0, frame_rate=25, bit_rate_bps=None)
    >>> _rung(MediaFacts(video=video)), _rung(MediaFacts(video=video, duration_s=80, size_bytes=10_000_000))
    ((3500000, 7), (2000000, 7))
    """
    video = facts.video
    assert video is not None
    lines = min(video.width, video.height)
    most_bps, level = next(((most, level) for up_to, most, level in RUNGS if lines <= up_to), RUNGS[-1][1:])
    source_bps = video.bit_rate_bps
    if source_bps is None and facts.size_bytes and facts.duration_s:
        source_bps = round(8 * facts.size_bytes / facts.duration_s)
    if source_bps is None:
        return most_bps, level
    return min(most_bps, max(HARDER_TIMES * source_bps, LEAST_BIT_RATE_BPS)), level


def _size(video: VideoStream) -> dict[str, int]:
    """Return the short side of the output in even pixels, the other keeps the aspect; nothing when it stays as it is.

    >>> def of(width: int, height: int, turn: int = 0) -> dict[str, int]:
    ...     return _size(VideoStream(codec="hevc", width=width, height=height, rotation_deg=turn, frame_rate=25,
    ...                              bit_rate_bps=None))
    >>> of(1280, 720), of(3840, 2160), of(3840, 2160, 90), of(853, 481), of(8192, 1024)
    ({}, {'Height': 1080}, {'Width': 1080}, {'Height': 480}, {'Height': 512})
    """
    width, height = video.upright_size
    short, long = sorted((width, height))
    scale = min(1.0, SHORT_SIDE / short, LONG_SIDE / long)
    if scale == 1 and short % 2 == 0 == long % 2:
        return {}
    return {"Width" if width < height else "Height": int(short * scale / 2) * 2}
