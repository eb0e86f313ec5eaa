"""Settings of the MediaConvert jobs that make one H.264 MP4 of a film: as the film is, upright, never larger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.video.probe import MediaFacts, VideoStream

LONG_SIDE = 4096
SMALLEST_SIDE = 32
"""Pixels that an H.264 output of MediaConvert has at least, and for the long side at most."""
RUNGS = ((360, 1_500_000, 7), (540, 3_500_000, 7), (720, 6_000_000, 8), (1080, 8_500_000, 8))
"""Up to this many lines on the short side: bits a second at most, and the QVBR quality level."""
LEAST_BIT_RATE_BPS = 500_000
HARDER_TIMES = 2
"""H.264 takes up to this many times the bits of VP9, HEVC or AV1 for the same picture."""
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


def mp4_settings(
    facts: MediaFacts,
    *,
    name: str,
    short_side: int,
    source_uri: str,
    destination_uri: str,
    clip: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the settings of the job that writes ``<destination_uri>.mp4``: H.264 and AAC, which every browser plays.

    The copy stands upright, begins to play before it is loaded, has 8 bits a sample in 4:2:0, is never larger than the
    film, and keeps its frame rate and so every frame. Of a film whose frame rate varies MediaConvert makes one with a
    constant rate: there moments hold to within a frame.

    :param name: of the output group
    :param short_side: pixels that the shorter side has at most
    :param clip: the part of the film that is wanted, as ``InputClippings`` has it, counted from the first frame
    :raises ValueError: when the film has no picture.
    """
    if facts.video is None:
        raise ValueError(f"{source_uri} has no picture to make a {name} of")
    read: dict[str, Any] = {
        "FileInput": source_uri,
        "TimecodeSource": "ZEROBASED",
        "VideoSelector": {"Rotate": "AUTO"},
    }
    output: dict[str, Any] = {
        "ContainerSettings": {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}},
        "VideoDescription": {**_size(facts.video, short_side), "CodecSettings": _picture(facts, short_side)},
    }
    if clip:
        read["InputClippings"] = [dict(clip)]
    if facts.audio:
        read["AudioSelectors"] = {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}
        output["AudioDescriptions"] = [{"AudioSourceName": "Audio Selector 1", "CodecSettings": SOUND}]
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "Inputs": [read],
        "OutputGroups": [
            {
                "Name": name,
                "OutputGroupSettings": {
                    "Type": "FILE_GROUP_SETTINGS",
                    "FileGroupSettings": {"Destination": destination_uri},
                },
                "Outputs": [output],
            }
        ],
    }


def _picture(facts: MediaFacts, short_side: int) -> dict[str, Any]:
    most_bps, level = _rung(facts, short_side)
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


def _rung(facts: MediaFacts, short_side: int) -> tuple[int, int]:
    """Return bits a second at most, and the quality level, by the size of the output and what the film itself takes.

    >>> video = VideoStream(codec="vp9", width=960, height=540, rotation_deg=0, frame_rate=25, bit_rate_bps=None)
    >>> _rung(MediaFacts(video=video), 1080), _rung(MediaFacts(video=video, duration_s=80, size_bytes=10_000_000), 1080)
    ((3500000, 7), (2000000, 7))
    >>> _rung(MediaFacts(video=video), 360)
    (1500000, 7)
    """
    video = facts.video
    assert video is not None
    lines = min(video.width, video.height, short_side)
    most_bps, level = next(((most, level) for up_to, most, level in RUNGS if lines <= up_to), RUNGS[-1][1:])
    source_bps = video.bit_rate_bps
    if source_bps is None and facts.size_bytes and facts.duration_s:
        source_bps = round(8 * facts.size_bytes / facts.duration_s)
    if source_bps is None:
        return most_bps, level
    return min(most_bps, max(HARDER_TIMES * source_bps, LEAST_BIT_RATE_BPS)), level


def _size(video: VideoStream, short_side: int) -> dict[str, int]:
    """Return the short side of the output in even pixels, the other keeps the aspect; nothing when it stays as it is.

    >>> def of(width: int, height: int, turn: int = 0, short_side: int = 1080) -> dict[str, int]:
    ...     return _size(VideoStream(codec="hevc", width=width, height=height, rotation_deg=turn, frame_rate=25,
    ...                              bit_rate_bps=None), short_side)
    >>> of(1280, 720), of(3840, 2160), of(3840, 2160, 90), of(853, 481), of(8192, 1024), of(1920, 1080, 0, 720)
    ({}, {'Height': 1080}, {'Width': 1080}, {'Height': 480}, {'Height': 512}, {'Height': 720})
    """
    width, height = video.upright_size
    short, long = sorted((width, height))
    scale = min(1.0, short_side / short, LONG_SIDE / long)
    if scale == 1 and short % 2 == 0 == long % 2:
        return {}
    return {"Width" if width < height else "Height": int(short * scale / 2) * 2}
