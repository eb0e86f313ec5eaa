"""Drives made by arithmetic, of which every moment is known: what the tests of the screen look at and listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

RATE = 25
WIDTH, HEIGHT = 320, 180
SOUND_HZ = 16_000

Camera = Callable[[float], tuple[float, float, float]]
"""Where the camera is at a second: frame widths to the right and down, and how far it came ahead (1 = doubles size)."""


def standing(_: float) -> tuple[float, float, float]:
    """Parked."""
    return 0.0, 0.0, 0.0


def steady(at_s: float) -> tuple[float, float, float]:
    """Straight on, on a road that trembles."""
    return 0.002 * np.sin(9 * at_s), 0.003 * np.sin(13 * at_s) + 0.002 * np.sin(31 * at_s), 1.2 * at_s


def stopping(stop_s: float) -> Camera:
    """Straight on, and from one picture to the next at rest."""

    def camera(at_s: float) -> tuple[float, float, float]:
        return steady(min(at_s, stop_s))

    return camera


def turning(at_s: float) -> tuple[float, float, float]:
    """A curve of four seconds that begins and ends smoothly, at up to 0.3 frame widths a second."""
    along = min(max((at_s - 2) / 4, 0.0), 1.0)
    right, down, ahead = steady(at_s)
    return right + 0.6 * (along - np.sin(2 * np.pi * along) / (2 * np.pi)), down, ahead


def struck(hit_s: float) -> Camera:
    """Straight on, and shaken for half a second."""

    def camera(at_s: float) -> tuple[float, float, float]:
        right, down, ahead = steady(at_s)
        since = at_s - hit_s
        swing = 0.08 * np.exp(-since / 0.2) * np.cos(2 * np.pi * 5 * since) if since >= 0 else 0.0
        return right + swing / 2, down + swing, ahead

    return camera


def pictures(camera: Camera, seconds: float, *, seed: int = 0, rate: int = RATE) -> Iterator[np.ndarray]:
    """What the camera sees of a world of soft blots that repeats as it comes nearer."""
    rng = np.random.default_rng(seed)
    side = 1024
    world = cv2.GaussianBlur(rng.uniform(0, 255, (side, side)).astype(np.float32), (0, 0), 3)
    world = ((world - world.mean()) / world.std() * 45 + 128).clip(0, 255).astype(np.uint8)
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32) - WIDTH / 2, np.arange(HEIGHT, dtype=np.float32) - HEIGHT / 2)
    for number in range(round(seconds * rate)):
        right, down, ahead = camera(number / rate)
        # two copies of the world, one twice as far away as the other, fade into each other as the nearer one leaves
        near, phase = divmod(ahead, 1.0)
        seen = np.zeros((HEIGHT, WIDTH), np.float32)
        for layer in (0, 1):
            scale = 2.0 ** (phase + layer - 1)
            share = phase if layer == 0 else 1 - phase
            offset = 211.0 * (near - layer)
            map_x = (x / scale + (right + 0.5) * WIDTH + offset) % side
            map_y = (y / scale + (down + 0.5) * WIDTH + offset) % side
            seen += share * cv2.remap(
                world, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
            )
        yield seen.clip(0, 255).astype(np.uint8)


def noise(seconds: float, *, bang_s: float | None = None, level: float = 0.02, seed: int = 0) -> np.ndarray:
    """An engine as steady noise, and perhaps a bang of a fifth of a second."""
    samples = np.random.default_rng(seed).normal(0, level, round(seconds * SOUND_HZ))
    if bang_s is not None:
        samples[round(bang_s * SOUND_HZ) : round((bang_s + 0.2) * SOUND_HZ)] *= 20
    return samples.clip(-1, 1).astype(np.float32)


def write_drive(
    path: Path,
    seen: Iterator[np.ndarray] | None,
    heard: np.ndarray | None = None,
    *,
    heard_from_s: float = 0.0,
    rate: int = RATE,
    options: dict[str, str] | None = None,
    coded: dict[str, str] | None = None,
    shown_at: Callable[[int], int] = int,
) -> Path:
    """Write a film; pictures and sound are muxed in turn, a second each, as a camera does."""
    with av.open(str(path), "w", options=options or {}) as output:
        film = sound = None
        if seen is not None:
            film = output.add_stream("libx264", rate=rate, options=coded or {"crf": "20", "preset": "ultrafast"})
            film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if heard is not None:
            sound = output.add_stream("flac" if path.suffix == ".mkv" else "aac", rate=SOUND_HZ, layout="mono")
        count = 0
        for number, grey in enumerate(seen or ()):
            assert film is not None
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = shown_at(number), Fraction(1, rate)
            output.mux(film.encode(frame))
            if sound is not None and heard is not None and number % rate == 0:
                count = _mux_sound(output, sound, heard, count, SOUND_HZ, heard_from_s)
        if sound is not None and heard is not None:
            while count < len(heard):
                count = _mux_sound(output, sound, heard, count, SOUND_HZ, heard_from_s)
            output.mux(sound.encode(None))
        if film is not None:
            output.mux(film.encode(None))
    return path


def _mux_sound(output, stream, heard: np.ndarray, start: int, many: int, from_s: float) -> int:
    part = (heard[start : start + many] * 32767).astype(np.int16)
    if len(part):
        frame = av.AudioFrame.from_ndarray(part[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = SOUND_HZ, start + round(from_s * SOUND_HZ)
        frame.time_base = Fraction(1, SOUND_HZ)
        output.mux(stream.encode(frame))
    return start + len(part)
