"""What a media file holds, told from its header: how long, how large, which way up.

Nothing is decoded and nothing but the header is read, so that a file of gigabytes in S3 costs a few ranged reads, and a
hostile one meets no decoder. ffmpeg is held to the format that the first bytes show and may open nothing else.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from include.audio.errors import AudioError
from include.audio.probe import sniff_open_file

MOST_STREAMS = 64
LARGEST_MOOV_BYTES = 32 * 2**20
"""A movie header beyond this is not searched for the rotation: it would be for a video of days."""


class MediaError(ValueError):
    """A file is no media that can be read. Another try on the same bytes fails the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStream:
    """The picture of a file, as its container declares it."""

    codec: str
    width: int
    """Pixels as coded, before rotation."""
    height: int
    rotation_deg: int
    """Clockwise turn that a player applies: 0, 90, 180 or 270."""
    frame_rate: float | None
    bit_rate_bps: int | None

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height as seen, after rotation."""
        return (self.height, self.width) if self.rotation_deg in (90, 270) else (self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack:
    """One sound track of a file, as its container declares it."""

    codec: str
    channels: int
    sample_rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What is known of a media file. ``None`` and empty mean: not known, unless ``probed``."""

    probed: bool = False
    container: str | None = None
    """ffmpeg's name of the format: mov, matroska, mp3, ..."""
    duration_s: float | None = None
    """As the header says; ``None`` when it does not, as in a live recording."""
    size_bytes: int | None = None
    video: VideoStream | None = None
    audio: tuple[AudioTrack, ...] = ()

    @property
    def duration_min(self) -> float | None:
        return None if self.duration_s is None else self.duration_s / 60


def probe_media(file: str | Path | BinaryIO, *, name: str | None = None) -> MediaFacts:
    """Tell what a media file holds, from its header. Of several video streams the first counts, as for a player.

    :param file: a path of a local file, or an open, seekable, binary file such as a ``RangedFile``.
    :param name: what to call it in errors.
    :raises MediaError: when it is no media file, or its header is broken.
    :raises OSError: when it cannot be read.
    """
    if isinstance(file, str | Path):
        with Path(file).open("rb") as opened:
            return probe_media(opened, name=name or Path(file).name)
    name = name or str(getattr(file, "name", "the file"))
    file.seek(0)
    try:
        container = sniff_open_file(file, name)
    except AudioError as error:
        raise MediaError(f"{name} is no media file: {error.found or 'it is empty'}") from error
    size_bytes = file.seek(0, 2)
    turns = list(_mov_turns(file, size_bytes)) if container == "mov" else []
    file.seek(0)
    return _facts(file, name, container, size_bytes, turns)


def _facts(file: BinaryIO, name: str, container: str, size_bytes: int, turns: list[int]) -> MediaFacts:
    import av
    import av.error
    import av.logging
    from av.stream import Disposition

    av.logging.set_level(av.logging.PANIC)
    options = {
        "format_whitelist": "matroska,webm" if container == "matroska" else container,
        "protocol_whitelist": "none",  # the bytes come from ``file``; nothing else is opened
        "codec_whitelist": "none",
        "max_streams": str(MOST_STREAMS),
    }
    try:
        with av.open(file, mode="r", format=container, options=options, metadata_errors="replace") as opened:
            pictures = [s for s in opened.streams.video if not s.disposition & Disposition.attached_pic]
            duration_s = opened.duration / 1_000_000 if opened.duration else None
            return MediaFacts(
                probed=True,
                container=container,
                duration_s=duration_s if duration_s and duration_s > 0 else None,
                size_bytes=size_bytes,
                video=_video(pictures[0], turns[0] if turns else 0) if pictures else None,
                audio=tuple(map(_audio, opened.streams.audio)),
            )
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"{name}: the {container} header cannot be read ({error})") from error


def _video(stream: Any, rotation_deg: int) -> VideoStream:
    context = stream.codec_context
    return VideoStream(
        codec=_codec(context),
        width=context.width if context else 0,
        height=context.height if context else 0,
        rotation_deg=rotation_deg,
        frame_rate=float(stream.average_rate) if stream.average_rate else None,
        bit_rate_bps=(context.bit_rate if context else None) or None,
    )


def _audio(stream: Any) -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        codec=_codec(context),
        channels=context.channels if context else 0,
        sample_rate_hz=context.sample_rate if context else 0,
    )


def _codec(context: Any) -> str:
    return "unknown" if context is None else str(context.codec.canonical_name)


def _mov_turns(file: BinaryIO, size_bytes: int) -> Iterator[int]:
    """Yield the clockwise turn in degrees of every video track of an MP4 or MOV (ISO 14496-12, ``tkhd``'s matrix)."""
    for start, end in _boxes(file, 0, size_bytes, b"moov"):
        if end - start > LARGEST_MOOV_BYTES:
            return
        for track_start, track_end in _boxes(file, start, end, b"trak"):
            handlers = [
                _bytes(file, at + 8, 4)
                for media in _boxes(file, track_start, track_end, b"mdia")
                for at, _ in _boxes(file, *media, b"hdlr")
            ]
            if b"vide" in handlers:
                headers = list(_boxes(file, track_start, track_end, b"tkhd"))
                yield _turn(_bytes(file, headers[0][0], 92)) if headers else 0


def _boxes(file: BinaryIO, start: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the content of each box of a kind that lies directly in a stretch of the file."""
    seen = 0
    while start + 8 <= end and seen < 10_000:
        seen += 1
        header = _bytes(file, start, 16)
        if len(header) < 8:
            return
        size, content = struct.unpack(">I", header[:4])[0], start + 8
        if size == 1 and len(header) == 16:
            size, content = struct.unpack(">Q", header[8:16])[0], start + 16
        elif size == 0:
            size = end - start
        if size < content - start:
            return
        if header[4:8] == kind:
            yield content, min(start + size, end)
        start += size


def _turn(track_header: bytes) -> int:
    """Read the turn out of a ``tkhd`` box: of its matrix ``a b u c d v ...``, the angle of ``(a, b)``.

    A mirrored picture counts as not turned.

    >>> matrix = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    >>> _turn(bytes(40) + matrix + bytes(8))
    90
    """
    at = 52 if track_header[:1] == b"\x01" else 40  # version 1 has longer times
    if len(track_header) < at + 20:
        return 0
    a, b, _, c, d = struct.unpack(">5i", track_header[at : at + 20])
    if a * d - b * c <= 0:
        return 0
    return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360


def _bytes(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
