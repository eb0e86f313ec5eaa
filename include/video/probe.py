"""What a media file holds, told from its header: how long, how large, which way up."""

from __future__ import annotations

from dataclasses import dataclass


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
    size_bytes: int | None = None
    video: VideoStream | None = None
    audio: tuple[AudioTrack, ...] = ()

    @property
    def duration_min(self) -> float | None:
        return None if self.duration_s is None else self.duration_s / 60
