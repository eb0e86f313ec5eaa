"""What a media file holds, told from its header: how long, how large, which way up.

``probe_media`` decodes nothing and reads nothing but the header, so that a file of gigabytes in S3 costs a few ranged
reads, and a hostile one meets no decoder. ``check_video``, the gate for films of strangers, decodes the first picture
too. In both ffmpeg is held to the format that the first bytes show and may open nothing else.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from include.audio.errors import AudioError
from include.audio.probe import sniff_open_file

MOST_STREAMS = 64
LARGEST_MOOV_BYTES = 32 * 2**20
"""A movie header beyond this is not searched for the rotation: it would be for a video of days."""
MOST_PIXELS = 8192 * 4608
"""Of a picture: a little more than 8K in any shape. The decoder holds up to 17 of them at once."""
MOST_PACKETS = 400
MOST_PACKET_BYTES = 64 * 2**20
"""How far into a film its first picture is looked for: some seconds, for a recording may begin between key frames."""

# fmt: off
VIDEO_CODECS = frozenset({
    "av1", "cinepak", "dirac", "dnxhd", "dvvideo", "ffv1", "flv1", "h261", "h263", "hevc", "h264", "huffyuv",
    "indeo3", "indeo5", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v2", "msmpeg4v3", "prores", "qtrle",
    "rpza", "svq1", "svq3", "theora", "utvideo", "vc1", "vp6", "vp6f", "vp8", "vp9", "wmv1", "wmv2", "wmv3",
})
# fmt: on
"""The only codecs whose decoder may be opened: films of cameras, of the web, and of archives."""


class MediaError(ValueError):
    """A file is no media that can be read. Another try on the same bytes fails the same way."""


class NotMedia(MediaError):
    """The bytes are no media container, whatever the name says."""


class HeaderBroken(MediaError):
    """A media container whose header cannot be read."""


class NoPicture(MediaError):
    """A media file that could hold a film, and holds sound alone, or nothing."""


class PictureUndecodable(MediaError):
    """A header that announces a film, and not one picture of it can be decoded."""


class PictureTooLarge(MediaError):
    """A picture whose size is beyond what any camera films: decoding it would take the memory of the machine."""


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
    profile: str | None = None
    """ffmpeg's name of the codec's profile, which tells bits and colours a sample: ``High``, ``High 10``, ``Main``."""

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
    :raises NotMedia, HeaderBroken: when it is no media file, or its header is broken.
    :raises OSError: when it cannot be read.
    """
    if isinstance(file, str | Path):
        with Path(file).open("rb") as opened:
            return probe_media(opened, name=name or Path(file).name)
    name = name or str(getattr(file, "name", "the file"))
    with open_media(file, name) as (container, opened):
        size_bytes = file.seek(0, 2)
        return _facts(opened, container, size_bytes, _mov_turns(file, size_bytes))


def check_video(path: str | Path, *, name: str | None = None) -> MediaFacts:
    """Make sure that a file is a film, by decoding its first picture, and tell what it holds.

    A film that breaks off passes, and so does one whose length nobody knows: its beginning can be worked with.

    :param name: what to call it in errors.
    :raises NotMedia, HeaderBroken, NoPicture, PictureTooLarge, PictureUndecodable: why it is refused, in words.
    :raises OSError: when it cannot be read.
    """
    name = name or Path(path).name
    with Path(path).open("rb") as file:
        facts = probe_media(file, name=name)
        if facts.video is None:
            holds = (
                f"holds sound alone ({facts.audio[0].codec} in {facts.container})" if facts.audio else "holds nothing"
            )
            raise NoPicture(f"{name} {holds}: give the film with its picture, or drop it")
        if facts.video.width * facts.video.height > MOST_PIXELS:
            raise PictureTooLarge(_too_large(name, facts.video.width, facts.video.height))
        with open_media(file, name) as (_, opened):
            _decode_first(next(picture_streams(opened)), name)
    return facts


def _decode_first(stream: Any, name: str) -> None:
    """Decode a stream until its first picture comes out.

    :raises PictureUndecodable: when none comes, or no decoder of its codec may be opened.
    :raises PictureTooLarge: when it is larger than the header said, and too large.
    """
    import av.error

    context = stream.codec_context
    if _codec(context) not in VIDEO_CODECS:
        raise PictureUndecodable(f"{name} is coded as {_codec(context)}, which is not decoded: convert it to H.264")
    context.thread_count = 1  # more would hold more pictures
    context.options = {"max_pixels": str(MOST_PIXELS)}
    packets, read_bytes, reason = 0, 0, "there is no packet"
    demuxed = stream.container.demux(stream)
    while packets < MOST_PACKETS and read_bytes < MOST_PACKET_BYTES:
        try:
            packet = next(demuxed, None)
        except (av.error.FFmpegError, ValueError) as error:  # the film breaks off here
            packet, reason = None, _reason(error)
        try:
            frames = context.decode(packet)
        except (av.error.FFmpegError, ValueError) as error:
            frames, reason = [], _reason(error)
        if frames:
            return
        if packet is None:
            break
        packets, read_bytes = packets + bool(packet.size), read_bytes + packet.size
    if context.width * context.height > MOST_PIXELS:
        raise PictureTooLarge(_too_large(name, context.width, context.height))
    raise PictureUndecodable(
        f"{name}: not one picture came out of {packets} packets of {_codec(context)} ({reason}): fetch it again if it "
        "was damaged on the way, or drop it"
    )


def _too_large(name: str, width: int, height: int) -> str:
    return f"{name} has pictures of {width} x {height} pixels, {MOST_PIXELS} in all are decoded: scale it down"


def measured_duration_s(file: BinaryIO, *, name: str = "the file") -> float | None:
    """Return how long a film or a sound lasts, in seconds, by reading all of it: for a header that does not say.

    Nothing is decoded. Of a file that breaks off, what is there counts. ``None`` when its packets bear no times.

    :raises NotMedia, HeaderBroken: when it is no media file.
    :raises OSError: when it cannot be read.
    """
    import av.error

    first_s, last_s = math.inf, -math.inf
    with open_media(file, name) as (_, opened):
        stream = next(picture_streams(opened), None) or next(iter(opened.streams.audio), None)
        packets = opened.demux(stream) if stream else iter(())
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, ValueError):  # it breaks off here
                break
            if packet is None:
                break
            if packet.pts is not None and packet.size:
                first_s = min(first_s, float(packet.pts * packet.time_base))
                last_s = max(last_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last_s - first_s if last_s > first_s else None


@contextmanager
def open_media(file: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    """Open a file with ffmpeg held to its sniffed format and to these bytes; yield the format's name and the container.

    A decoder of it may be opened only after its codec was looked up in ``VIDEO_CODECS``.

    Opening decodes nothing. ffmpeg's own errors inside the block are those of a broken header.

    :raises NotMedia, HeaderBroken: when it is no media file.
    """
    import av
    import av.error
    import av.logging

    file.seek(0)
    try:
        container = sniff_open_file(file, name)
    except AudioError as error:
        raise NotMedia(f"{name} is no media file: {error.found or 'it is empty'}") from error
    file.seek(0)
    av.logging.set_level(av.logging.PANIC)
    options = {
        "format_whitelist": "matroska,webm" if container == "matroska" else container,
        "protocol_whitelist": "none",  # the bytes come from ``file``; nothing else is opened
        "codec_whitelist": "none",
        "max_streams": str(MOST_STREAMS),
    }
    try:
        with av.open(file, mode="r", format=container, options=options, metadata_errors="replace") as opened:
            yield container, opened
    except MediaError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise HeaderBroken(f"{name}: the {container} header cannot be read ({_reason(error)})") from error


def picture_streams(opened: Any) -> Iterator[Any]:
    """Yield the video streams of a file, without cover pictures."""
    from av.stream import Disposition

    return (stream for stream in opened.streams.video if not stream.disposition & Disposition.attached_pic)


def picture_start_s(path: str | Path) -> float | None:
    """Return when the first picture of a film is shown, on the container's clock; ``None`` when it does not say.

    It is that of the first packet, for what the container says of the stream may be that of another.

    :raises NotMedia, HeaderBroken: when it is no media file.
    :raises OSError: when it cannot be read.
    """
    with Path(path).open("rb") as file, open_media(file, Path(path).name) as (_, opened):
        stream = next(picture_streams(opened), None)
        packet = next(opened.demux(stream), None) if stream else None
        if packet is None or packet.pts is None or packet.time_base is None:
            return None
        return float(packet.pts * packet.time_base)


def _facts(opened: Any, container: str, size_bytes: int, turns: Iterator[int]) -> MediaFacts:
    picture = next(picture_streams(opened), None)
    duration_s = opened.duration / 1_000_000 if opened.duration else None
    return MediaFacts(
        probed=True,
        container=container,
        duration_s=duration_s if duration_s and duration_s > 0 else None,
        size_bytes=size_bytes,
        video=_video(picture, next(turns, 0) if container == "mov" else 0) if picture else None,
        audio=tuple(map(_audio, opened.streams.audio)),
    )


def _video(stream: Any, rotation_deg: int) -> VideoStream:
    context = stream.codec_context
    return VideoStream(
        codec=_codec(context),
        width=context.width if context else 0,
        height=context.height if context else 0,
        rotation_deg=rotation_deg,
        frame_rate=float(stream.average_rate) if stream.average_rate else None,
        bit_rate_bps=(context.bit_rate if context else None) or None,
        profile=(context.profile if context else None) or None,
    )


def _audio(stream: Any) -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        codec=_codec(context),
        channels=context.channels if context else 0,
        sample_rate_hz=context.sample_rate if context else 0,
    )


def _reason(error: Exception) -> str:
    """Return ffmpeg's own words, without the file and the log that PyAV adds."""
    return str(getattr(error, "strerror", "") or error)


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
