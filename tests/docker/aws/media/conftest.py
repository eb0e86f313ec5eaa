"""Small media made by ffmpeg, and what a stranger might send instead."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

PICTURE = ("-f", "lavfi", "-i", "testsrc=size=160x90:rate=25:duration=1")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=44100")


def ffmpeg(*arguments: str | Path) -> None:
    """Plain ffmpeg, to make media for a test."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of H.264 and AAC, 160 x 90, 25 pictures a second, as MP4."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*PICTURE, *SOUND, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", path)
    return path


@pytest.fixture(scope="session")
def remux(clip: Path) -> Callable[..., Path]:
    """The clip in another container, or changed: ``remux(tmp_path / "clip.mkv", "-an")``."""

    def remux(path: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
        ffmpeg(*before, "-i", clip, *(options or ("-c", "copy")), path)
        return path

    return remux
