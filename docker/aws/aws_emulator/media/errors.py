"""Why media was not opened, or not all of it."""

from __future__ import annotations


class MediaRefused(Exception):
    """Not opened at all: no container that we know, a playlist, or too large a picture. ``container`` is what it is."""

    def __init__(self, message: str, container: str | None = None) -> None:
        super().__init__(message)
        self.container = container


class MediaBroken(Exception):
    """It is what it says, but it cannot be read: truncated, damaged, empty."""


class FfmpegFailed(Exception):
    """ffmpeg ended with an error; ``stderr`` is the end of what it said, ``status`` its exit status."""

    def __init__(self, message: str, stderr: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.stderr = stderr
        self.status = status
