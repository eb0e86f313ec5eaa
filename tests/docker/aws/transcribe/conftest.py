"""Sounds made in code, media made of them by ffmpeg, and a recogniser that hears what a test wrote down."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from aws_emulator.jobs.alone import LoneTask
from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.transcribe import engine
from aws_emulator.services.transcribe.locations import Location
from aws_emulator.services.transcribe.order import Order
from aws_emulator.services.transcribe.words import Word

ACCOUNT = "123456789012"


def silence(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    return np.zeros(int(seconds * rate_hz), "<i2")


def hum(seconds: float, rate_hz: int = 16_000, pitch_hz: float = 120.0) -> np.ndarray:
    """A voice without words: a buzz with two formants, loud and soft four times a second."""
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    sound = np.zeros(len(time_s))
    for partial in range(1, 30):
        frequency = pitch_hz * partial
        level = np.exp(-(((frequency - 600) / 500) ** 2)) + 0.5 * np.exp(-(((frequency - 1700) / 500) ** 2))
        sound += level * np.sin(2 * np.pi * frequency * time_s)
    sound *= 0.6 + 0.4 * np.sin(2 * np.pi * 4 * time_s)
    return (sound / np.abs(sound).max() * 9000).astype("<i2")


def wav(*channels: np.ndarray, rate_hz: int = 16_000) -> bytes:
    """A WAV file with these channels."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(len(channels))
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(np.stack(channels, axis=1).astype("<i2").tobytes())
    return file.getvalue()


@pytest.fixture
def encode(tmp_path: Path) -> Callable[..., Path]:
    """``encode("talk.mp3", sound)``: the sound in another format, by ffmpeg; options go before the output."""

    def run(name: str, sound: bytes, *options: str) -> Path:
        source, target = tmp_path / "source.wav", tmp_path / name
        source.write_bytes(sound)
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), *options, str(target)]
        subprocess.run(command, check=True, timeout=60)
        return target

    return run


class ScriptedRecogniser:
    """Hears what it was told, channel after channel, and remembers what it was asked."""

    def __init__(self, *channels: Sequence[Word], known: str = "en-US", identified: Sequence[tuple[str, float]] = ()):
        self.channels = list(channels)
        self.known = known
        self.identified = list(identified)
        self.heard: list[tuple[int, str]] = []

    def refuse_language(self, code: str) -> None:
        if code != self.known:
            raise JobFailed("FAILED", f"knows {self.known} only, not {code}")

    def identify(self, _sound: Path, options: Sequence[str]) -> list[tuple[str, float]]:
        return [entry for entry in self.identified if not options or entry[0] in options]

    def hear(self, sound: Path, code: str) -> Iterator[tuple[float, list[Word]]]:
        words = self.channels[len(self.heard)] if len(self.heard) < len(self.channels) else []
        self.heard.append((sound.stat().st_size, code))
        for word in words:
            yield word.end_s, [word]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedRecogniser]:
    """Let the engine hear what a test wrote down: ``scripted([Word(...)])``."""

    def install(*channels: Sequence[Word], **others: Any) -> ScriptedRecogniser:
        recogniser = ScriptedRecogniser(*channels, **others)
        monkeypatch.setattr(engine, "recogniser_for", lambda _model, _threads: recogniser)
        return recogniser

    return install


@pytest.fixture
def task_for(tmp_path: Path) -> Callable[..., LoneTask]:
    """A job for a file or bytes, without a server: ``task_for(media, language="en-US", ...)``."""

    def make(media: Path | bytes, denied: frozenset[tuple[str, str]] = frozenset(), **order: Any) -> LoneTask:
        wanted = {"language": "en-US", "output": Location("out", "talk.json")} | order
        request = Order("talk", ACCOUNT, Location("in", "talk"), **wanted).to_json()
        objects = {("in", "talk"): media}
        return LoneTask(tmp_path / "task", request, objects=objects, buckets=("out",), denied=denied)

    return make
