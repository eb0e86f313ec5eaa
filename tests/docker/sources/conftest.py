"""The stand-in as a program of its own, over the renderings that the platform's tests use too."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from tests.ground import CACHE

SOURCES = Path(__file__).resolve().parents[3] / "docker" / "sources"


@contextmanager
def running_stand_in(log: Path, *arguments: str, ready: bool = True) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the program on a free port until the block ends; yields the process and its base address."""
    command = [sys.executable, "-m", "sources_emulator", "--port", "0", *arguments]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=SOURCES, stdout=stream, stderr=stream)
    try:
        address = _wait(lambda: re.search(r"listening on (http://\S+)", log.read_text()), process, log)[1]
        if ready:
            _wait(lambda: httpx.get(f"{address}/_health").status_code == 200, process, log)
        yield process, address
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait(true: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> object:
    deadline = time.monotonic() + 900  # for whoever waits on a busy machine
    while not (found := true()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"the stand-in did not come up: {log.read_text()[-2000:]}")
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's folder: good files, odd ones, hidden ones, and links that lead out of it."""
    folder, outside = tmp_path_factory.mktemp("media"), tmp_path_factory.mktemp("outside")
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (outside / "secret.mp3").write_bytes(b"not yours")
    (folder / "tune.mp3").write_bytes(b"ID3" + bytes(range(256)) * 1000)
    (folder / "sub" / "tune.mp3").write_bytes(b"another tune")
    (folder / "sub" / "deeper" / "Café №5 #1 100%?.FLAC").write_bytes(b"fLaC odd name")
    (folder / "clip.MOV").write_bytes(b"moov")
    write_film(folder / "sub" / "Ebb_tide #2.mp4")
    (folder / "voice.raw").write_bytes(b"\0\1" * 500)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"no media")
    (folder / ".hidden.mp3").write_bytes(b"hidden")
    (folder / ".hidden" / "inside.mp3").write_bytes(b"hidden too")
    (folder / "link-out.mp3").symlink_to(outside / "secret.mp3")
    (folder / "link-out-folder").symlink_to(outside)
    (folder / "link-round").symlink_to(folder)
    (folder / "link-in.mp3").symlink_to(folder / "tune.mp3")
    return folder


@pytest.fixture(scope="session")
def other_media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second folder, with a namesake of a film of the first."""
    folder = tmp_path_factory.mktemp("other")
    (folder / "clip.MOV").write_bytes(b"another clip")
    return folder


def write_film(path: Path, width: int = 96, height: int = 64) -> None:
    """One second of grey pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=width, height=height, pix_fmt="yuv420p")
        for level in range(10):
            picture = np.full((height, width, 3), 20 * level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory, media_folder: Path, other_media_folder: Path) -> Iterator[str]:
    """The base address of a stand-in with every campaign, two media folders and 230 items of plenty."""
    log = tmp_path_factory.mktemp("log") / "stand-in.log"
    media = ("--media", str(media_folder), "--media", str(other_media_folder))
    with running_stand_in(log, "--cache-dir", str(CACHE / "sources"), *media, "--plenty", "230") as (_, address):
        yield address


@pytest.fixture
def archive(stand_in: str) -> Iterator[httpx.Client]:
    """A client of the stand-in; faults count anew and no rule is armed."""
    with httpx.Client(base_url=stand_in, headers={"User-Agent": "tests/1 (somebody@example.org)"}) as client:
        client.delete("/_trouble")
        client.delete("/_requests")
        yield client
        client.delete("/_trouble")


@pytest.fixture
def run_stand_in(tmp_path: Path) -> Callable[..., AbstractContextManager[tuple[subprocess.Popen[bytes], str]]]:
    """Starts a stand-in with the given arguments for the length of a `with` block."""
    return lambda *arguments, **named: running_stand_in(tmp_path / "stand-in.log", *arguments, **named)
