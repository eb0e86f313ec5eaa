"""What is in a file of media, found by PyAV: container, duration, streams."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from aws_emulator.media.errors import MediaBroken
from aws_emulator.media.sandbox import container_of, open_media

MOST_PACKETS = 500  # read to find the first picture, which carries the rotation


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A video stream. Width and height are as coded; turned clockwise by ``rotation_deg`` the picture is upright."""

    index: int
    codec: str
    profile: str | None
    width: int
    height: int
    pix_fmt: str | None
    bit_depth: int | None
    rotation_deg: int  # 0, 90, 180 or 270
    frame_rate: Fraction | None  # average
    sar: Fraction  # width of a pixel over its height
    bit_rate: int | None
    frames: int | None
    duration_s: float | None

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once it is turned upright, in pixels."""
        return (self.height, self.width) if self.rotation_deg % 180 else (self.width, self.height)


@dataclass(frozen=True, slots=True)
class AudioStream:
    """An audio stream. ``language`` is the ISO 639-2 code it carries, None if it carries none."""

    index: int
    codec: str
    channels: int
    sample_rate_hz: int
    language: str | None
    bit_rate: int | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class SubtitleStream:
    """A stream of subtitles."""

    index: int
    codec: str
    language: str | None


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a file holds: the streams that can be read; cover pictures are no video.

    ``duration_s`` is None where the container does not say.
    """

    container: str
    duration_s: float | None
    size_bytes: int
    bit_rate: int | None
    video: tuple[VideoStream, ...]
    audio: tuple[AudioStream, ...]
    subtitles: tuple[SubtitleStream, ...]


def probe(path: Path) -> MediaFacts:
    """Look into a file. Raises ``MediaRefused`` (no media, a playlist, too large) or ``MediaBroken`` (unreadable)."""
    container = container_of(path)
    with open_media(path, container) as media:
        pictures = [s for s in media.streams.video if s.codec_context and s.codec_context.width]
        pictures = [s for s in pictures if not s.disposition & Disposition.attached_pic]
        audio = [s for s in media.streams.audio if s.codec_context and s.codec_context.sample_rate]
        facts = MediaFacts(
            container=container,
            duration_s=media.duration / av.time_base if media.duration and media.duration > 0 else None,
            size_bytes=path.stat().st_size,
            bit_rate=media.bit_rate or None,
            video=tuple(_video(stream, _rotation_deg(media, stream)) for stream in pictures),
            audio=tuple(_audio(stream) for stream in audio),
            subtitles=tuple(
                SubtitleStream(stream.index, _codec(stream), _language(stream)) for stream in media.streams.subtitles
            ),
        )
    if not (facts.video or facts.audio):
        raise MediaBroken(f"The {container} file has neither video nor audio that can be read.")
    return facts


def _video(stream: Any, rotation_deg: int) -> VideoStream:
    context = stream.codec_context
    pixel = stream.format
    return VideoStream(
        index=stream.index,
        codec=_codec(stream),
        profile=stream.profile,
        width=context.width,
        height=context.height,
        pix_fmt=pixel.name if pixel else None,
        bit_depth=pixel.components[0].bits if pixel and pixel.components else None,
        rotation_deg=rotation_deg,
        frame_rate=stream.average_rate or stream.guessed_rate or None,
        sar=stream.sample_aspect_ratio or Fraction(1),
        bit_rate=context.bit_rate or None,
        frames=stream.frames or None,
        duration_s=_duration_s(stream),
    )


def _audio(stream: Any) -> AudioStream:
    return AudioStream(
        index=stream.index,
        codec=_codec(stream),
        channels=stream.codec_context.channels,
        sample_rate_hz=stream.codec_context.sample_rate,
        language=_language(stream),
        bit_rate=stream.codec_context.bit_rate or None,
        duration_s=_duration_s(stream),
    )


def _codec(stream: Any) -> str:
    """The codec by ffmpeg's name (``h264``, ``aac``), ``unknown`` if there is no decoder for it."""
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def _language(stream: Any) -> str | None:
    language = stream.metadata.get("language")
    return None if language in (None, "", "und") else language


def _duration_s(stream: Any) -> float | None:
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def _rotation_deg(media: InputContainer, stream: Any) -> int:
    """How far the first picture is to be turned clockwise; 0 if none of the first packets gives a picture."""
    media.seek(0)
    for packet in itertools.islice(media.demux(stream), MOST_PACKETS):
        with contextlib.suppress(av.error.FFmpegError):
            for frame in packet.decode():
                return round(-frame.rotation / 90) * 90 % 360
    return 0
