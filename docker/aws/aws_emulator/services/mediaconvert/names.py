"""Where outputs go and what they are called: destinations, name modifiers, format identifiers, extensions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

IDENTIFIER = re.compile(r"\$(?:([A-Za-z]+)(?:%0?(\d{1,3}))?)?\$")  # a key has 1024 bytes at most
S3_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*)", re.DOTALL)

# The defaults that the description of Output.Extension in the service model names.
CONTAINER_EXTENSIONS = {
    "MP4": "mp4",
    "MOV": "mov",
    "M2TS": "m2ts",
    "GIF": "gif",
    "M3U8": "m3u8",
    "WEBM": "webm",
    "OGG": "ogg",
}
CODEC_EXTENSIONS = {
    "FRAME_CAPTURE": "jpg",
    "AAC": "aac",
    "MP3": "mp3",
    "MP2": "mp2",
    "WAV": "wav",
    "AIFF": "aiff",
    "FLAC": "flac",
    "AC3": "ac3",
    "EAC3": "eac3",
    "H_264": "h264",
    "H_265": "h265",
}
CAPTION_EXTENSIONS = {"WEBVTT": "vtt", "SRT": "srt"}

CONTENT_TYPES = {
    "aac": "audio/aac",
    "ac3": "audio/ac3",
    "aiff": "audio/aiff",
    "eac3": "audio/eac3",
    "flac": "audio/flac",
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "m2ts": "video/mp2t",
    "m3u8": "application/x-mpegURL",
    "m4a": "audio/mp4",
    "mov": "video/quicktime",
    "mp2": "audio/mpeg",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "srt": "application/x-subrip",
    "ts": "video/MP2T",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "webm": "video/webm",
}


def split_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key``; the key may be empty. Raises ``ValueError`` for anything else.

    >>> split_uri("s3://media-raw/video/a b.mp4")
    ('media-raw', 'video/a b.mp4')
    """
    match = S3_URI.fullmatch(uri)
    if match is None:
        raise ValueError(f"{uri!r} is no S3 location: write s3://bucket/key.")
    return match[1], match[2]


def stem(uri: str) -> str:
    """The file name in a location, without its extension.

    >>> stem("s3://mediaconvert-input/2026/my-video.final.mov")
    'my-video.final'
    """
    name = uri.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if "." in name[1:] else name


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put in the values of format identifiers: ``$name$``, ``$name%05$`` for at least five digits, ``$$`` for a dollar.

    An identifier that is unknown, or has no value for this output, stays as it is written.

    >>> expand("hi$$res_$w$x$h%05$_$nothing$", {"w": "1280", "h": "720"})
    'hi$res_1280x00720_$nothing$'
    >>> expand("$w%0999999999$", {"w": "1280"})
    '$w%0999999999$'
    """

    def value(match: re.Match[str]) -> str:
        name, digits = match[1], match[2]
        if name is None:
            return "$"
        if name not in values:
            return match[0]
        return values[name].zfill(int(digits)) if digits else values[name]

    return IDENTIFIER.sub(value, text)


def base_identifiers(started: datetime, first_input: str) -> dict[str, str]:
    """What a destination may say: when the job started (UTC) and what its first input is called.

    >>> base_identifiers(datetime(2020, 6, 4, 15, 5, 28), "s3://in/my-video.mov")
    {'dt': '20200604T150528', 'd': '20200604', 't': '150528', 'fn': 'my-video'}
    """
    return {
        "dt": started.strftime("%Y%m%dT%H%M%S"),
        "d": started.strftime("%Y%m%d"),
        "t": started.strftime("%H%M%S"),
        "fn": stem(first_input),
    }


def output_identifiers(
    output: Mapping[str, Any], extension: str, size: tuple[int, int] | None, frame_rate: Fraction | None
) -> dict[str, str]:
    """What a name modifier may say besides: bit rates in kbit/s, size in pixels, frame rate, extension.

    ``$rv$`` is the video's bit rate, with QVBR its maximum; ``$ra$`` that of all audio together; ``$rc$`` both.
    """
    video_bps = bit_rate(output.get("VideoDescription", {}).get("CodecSettings", {}))
    audio_bps = sum(bit_rate(audio.get("CodecSettings", {})) or 0 for audio in output.get("AudioDescriptions", []))
    values = {"ex": extension}
    if video_bps:
        values["rv"] = str(video_bps // 1000)
    if audio_bps:
        values["ra"] = str(audio_bps // 1000)
    if video_bps or audio_bps:
        values["rc"] = str(((video_bps or 0) + audio_bps) // 1000)
    if size:
        values |= {"w": str(size[0]), "h": str(size[1])}
    if frame_rate:
        values["f"] = str(int(frame_rate))
    return values


def bit_rate(codec_settings: Mapping[str, Any]) -> int | None:
    """The bit rate that codec settings name, in bit/s.

    >>> bit_rate({"Codec": "H_264", "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 6000000}})
    6000000
    """
    for settings in codec_settings.values():
        if isinstance(settings, Mapping) and (found := settings.get("Bitrate") or settings.get("MaxBitrate")):
            return int(found)
    return None


def destination(uri: str, identifiers: Mapping[str, str]) -> tuple[str, str]:
    """Bucket and base key of an output group; one that ends with a slash takes the name of the first input.

    >>> destination("s3://out/$d$/", {"d": "20200604", "fn": "my-video"})
    ('out', '20200604/my-video')
    >>> destination("s3://out/clips/final", {"fn": "my-video"})
    ('out', 'clips/final')
    """
    bucket, key = split_uri(expand(uri, identifiers))
    return (bucket, key + identifiers["fn"]) if not key or key.endswith("/") else (bucket, key)


def extension_of(output: Mapping[str, Any]) -> str:
    """The extension of an output in a file group: as asked, else by container, codec or captions format.

    >>> extension_of({"ContainerSettings": {"Container": "MP4"}})
    'mp4'
    >>> extension_of({"ContainerSettings": {"Container": "RAW"},
    ...               "VideoDescription": {"CodecSettings": {"Codec": "FRAME_CAPTURE"}}})
    'jpg'
    """
    if output.get("Extension"):
        return str(output["Extension"]).lstrip(".")
    container = output.get("ContainerSettings", {}).get("Container", "RAW")
    if container in CONTAINER_EXTENSIONS:
        return CONTAINER_EXTENSIONS[container]
    for part in (output.get("VideoDescription"), *output.get("AudioDescriptions", [])):
        if part and (codec := part.get("CodecSettings", {}).get("Codec")) in CODEC_EXTENSIONS:
            return CODEC_EXTENSIONS[codec]
    for captions in output.get("CaptionDescriptions", []):
        if (kind := captions.get("DestinationSettings", {}).get("DestinationType")) in CAPTION_EXTENSIONS:
            return CAPTION_EXTENSIONS[kind]
    return "raw"


def content_type(name: str) -> str:
    """The media type of a file by its extension.

    >>> content_type("poster.0000000.jpg")
    'image/jpeg'
    """
    return CONTENT_TYPES.get(name.rsplit(".", 1)[-1].lower(), "application/octet-stream")
