"""Films drawn by arithmetic: what the tests of the production cues look at."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

RATE = 25
SIZE = (320, 180)


def write_film(
    path: Path, pictures: Iterable[np.ndarray], *, rate: int = RATE, codec: str = "libx264", key_every: int = 250
) -> Path:
    """Encode pictures (sRGB, uint8, of shape (height, width, 3)), nearly without loss, in BT.601 as small films are."""
    with av.open(str(path), "w") as output:
        stream = None
        for number, picture in enumerate(pictures):
            if stream is None:
                options = {"crf": "4", "preset": "ultrafast", "g": str(key_every), "sc_threshold": "0"}
                stream = output.add_stream(codec, rate=rate, options=options if codec == "libx264" else {})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv444p" if min(picture.shape[:2]) < 2 else "yuv420p"
                stream.bit_rate = 4_000_000
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def texture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A landscape of soft blots, with corners to follow everywhere."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)).astype(np.float32), (0, 0), 3)
    noise = (noise - noise.mean()) / noise.std() * 45 + 128
    return noise.clip(0, 255).astype(np.uint8)


def flat(colour: tuple[int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def shifted(world: np.ndarray, x: float, y: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """What a camera sees of a larger picture whose view begins at (x, y)."""
    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    return cv2.warpAffine(world, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def zoomed(world: np.ndarray, scale: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The middle of a larger picture, ``scale`` times as large."""
    centre = (world.shape[1] / 2, world.shape[0] / 2)
    matrix = np.array(
        [
            [scale, 0.0, size[0] / 2 - scale * centre[0]],
            [0.0, scale, size[1] / 2 - scale * centre[1]],
        ]
    )
    return cv2.warpAffine(world, matrix, size, flags=cv2.INTER_LINEAR)


def by_day() -> np.ndarray:
    """Blue sky over a green meadow, with a white house."""
    picture = flat((90, 130, 60))
    picture[:90] = np.linspace((110, 160, 225), (180, 205, 235), 90, dtype=np.uint8)[:, None]
    picture[70:120, 60:120] = 235
    return picture


def by_night() -> np.ndarray:
    """A dark sky over a dark street with a row of lamps."""
    picture = np.linspace((8, 10, 26), (44, 46, 60), 180, dtype=np.uint8)[:, None].repeat(320, axis=1)
    for x in range(20, 320, 40):
        cv2.circle(picture, (x, 100), 4, (255, 235, 190), -1)
    return picture
