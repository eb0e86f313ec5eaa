"""Pictures drawn in code, and films made of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np

RATE = 25
SIZE = (320, 180)  # width, height
BLACK = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
BARS = ((1, 1, 1), (0, 1, 1), (1, 1, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 0, 0))  # BGR


def texture(seed: int) -> np.ndarray:
    """A picture of soft spots, another one for every seed."""
    spots = np.random.default_rng(seed).integers(40, 255, (9, 16, 3), np.uint8)
    return cv2.resize(spots, SIZE, interpolation=cv2.INTER_CUBIC)


def faded(picture: np.ndarray, light: float) -> np.ndarray:
    return (picture * light).astype(np.uint8)


def colour_bars() -> np.ndarray:
    """The upper two thirds: seven bars of 75 %; below them something else, as in SMPTE's."""
    width, height = SIZE
    picture = np.zeros((height, width, 3), np.uint8)
    for number, bar in enumerate(BARS):
        left, right = width * number // 7, width * (number + 1) // 7
        picture[: height * 2 // 3, left:right] = [191 * part for part in bar]
    return picture


def page(*lines: str, size: tuple[int, int] = SIZE, ground: int = 0, ink: int = 235) -> np.ndarray:
    """Lines of text, one below the other."""
    width, height = size
    picture = np.full((height, width, 3), ground, np.uint8)
    for number, line in enumerate(lines):
        place = (width // 16, height * (number + 1) // (len(lines) + 1) + 8)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, height / 260, (ink,) * 3, 2, cv2.LINE_AA)
    return picture


def face() -> np.ndarray:
    """A drawn face in the middle of a grey picture."""
    (width, height), radius = SIZE, 60
    picture = np.full((height, width, 3), (120, 150, 110), np.uint8)

    def ellipse(x: float, y: float, a: float, b: float, colour: Sequence[int], arc: tuple[int, int] = (0, 360)) -> None:
        centre = (width // 2 + round(x * radius), height // 2 + round(y * radius))
        cv2.ellipse(picture, centre, (round(a * radius), round(b * radius)), 0, *arc, colour, -1)

    ellipse(0, 0, 0.78, 1, (150, 185, 225))
    ellipse(0, -0.75, 0.7, 0.35, (30, 40, 60), (180, 360))
    for side in (-0.34, 0.34):
        ellipse(side, -0.36, 0.2, 0.05, (40, 50, 70))
        ellipse(side, -0.15, 0.22, 0.12, (90, 110, 140))
        ellipse(side, -0.15, 0.15, 0.08, (235, 235, 235))
        ellipse(side, -0.15, 0.08, 0.08, (30, 30, 30))
    ellipse(0, 0.05, 0.06, 0.16, (190, 215, 245))
    ellipse(0, 0.25, 0.16, 0.06, (100, 130, 170))
    ellipse(0, 0.55, 0.3, 0.09, (70, 80, 160))
    return cv2.GaussianBlur(picture, (0, 0), 2)


def figure() -> np.ndarray:
    """A standing figure in the middle of a light picture."""
    picture = np.full((SIZE[1], SIZE[0], 3), 190, np.uint8)
    for x, y, a, b in ((0, -46, 7, 9), (0, -18, 16, 24), (-7, 22, 6, 29), (7, 22, 6, 29)):
        cv2.ellipse(picture, (SIZE[0] // 2 + x, SIZE[1] // 2 + y), (a, b), 0, 0, 360, (60, 60, 60), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def film(
    path: Path,
    pictures: Iterable[np.ndarray],
    *,
    rate: Fraction | int = RATE,
    codec: str = "libx264",
    times: Sequence[int] | None = None,
    pix_fmt: str = "yuv420p",
) -> Path:
    """Encode pictures; ``times`` are their numbers of frames from the start, one after the other if not given."""
    with av.open(str(path), "w") as container:
        stream = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pix_fmt
                stream.options = {"crf": "18", "preset": "ultrafast"} if codec == "libx264" else {}
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = times[number] if times else number
            frame.time_base = 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def ffmpeg(*arguments: str | Path) -> None:
    """Plain ffmpeg."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
