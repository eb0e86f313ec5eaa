"""One decode of a video for all its analyses: frames sampled as pictures, and a few figures of every single frame.

A stage's folder holds ``facts.json``; ``<n>.jpg``, the sampled pictures, upright and at most ``PICTURE_SIDE`` pixels
long; and one row a frame in ``times`` (ms), ``bars`` (colour bars or not) and ``levels`` (how many of the pixels are
that dark). They are written as frames come and mapped when read: memory does not grow with the video.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from aws_emulator.media.probe import VideoStream
from aws_emulator.media.sandbox import open_media
from aws_emulator.services.rekognition.cues import (
    DEFAULT_COVERAGE_PERCENT,
    DEFAULT_PIXEL_THRESHOLD,
    black_luma,
    is_colour_bars,
)
from aws_emulator.services.rekognition.shots import Boundary, ShotFinder

SAMPLES_PER_SECOND = 2.0
MOST_SAMPLES = 1200  # ten minutes at two a second; a longer video is sampled at 1, 1/2, 1/4... a second
PICTURE_SIDE = 1280
JPEG_QUALITY = 95
SMALL_SIDE = 256  # what cuts, bars and motion are looked for in, as PySceneDetect's own automatic downscaling does
LEAST_CHANGE = 12  # of 255; what a pixel differs by when something moves and not only noise
LEAST_DIFFERENCE = 10  # of 255, over 5 x 5 pixels; what makes another picture of one
MOST_BAD_PACKETS = 10_000
MOST_FRAMES_PER_SECOND = 1000.0
LEVEL_SCALE = 65535  # a share of 1 in ``levels``
FULL_RANGE = 2  # AVCOL_RANGE_JPEG

Picture = NDArray[np.uint8]


class NothingDecodable(ValueError):
    """Not one frame of the video could be decoded."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame that was kept as a picture. ``moving_percent`` of its pixels changed since the frame before."""

    frame: int
    ms: int
    moving_percent: float


@dataclass(frozen=True, slots=True)
class Footage:
    """What a decode left behind. ``boundaries`` are where one shot ends and the next begins."""

    folder: Path
    frames: int
    full_range: bool
    bad_packets: int
    samples: list[Sample]
    boundaries: list[Boundary]

    @classmethod
    def read(cls, folder: Path) -> Footage:
        """Read the folder that ``decode`` filled."""
        facts = json.loads((folder / "facts.json").read_text())
        samples = [Sample(**sample) for sample in facts.pop("samples")]
        boundaries = [Boundary(**boundary) for boundary in facts.pop("boundaries")]
        return cls(folder, samples=samples, boundaries=boundaries, **facts)

    @property
    def times(self) -> NDArray[np.uint32]:
        """When each frame is shown, in ms after the first."""
        return np.memmap(self.folder / "times", np.uint32, "r", shape=(self.frames,))

    @property
    def bars(self) -> NDArray[np.bool_]:
        """Whether each frame shows colour bars."""
        return np.memmap(self.folder / "bars", np.bool_, "r", shape=(self.frames,))

    @property
    def levels(self) -> NDArray[np.uint16]:
        """For each frame and luma 0 to 255 the share of its pixels that are that dark or darker."""
        return np.memmap(self.folder / "levels", np.uint16, "r", shape=(self.frames, 256))

    def picture(self, sample: Sample) -> Picture:
        """The picture of a sample: height x width x 3, blue first."""
        return np.asarray(cv2.imread(str(self.folder / f"{sample.frame}.jpg")), np.uint8)


def decode(video: Path, chosen: VideoStream, folder: Path, *, threads: int, report: Callable[[int], None]) -> None:
    """Fill ``folder`` from one stream of ``video``; ``report`` is told the milliseconds done.

    What cannot be decoded is passed over and counted. Raises ``NothingDecodable`` when nothing can, ``MediaRefused``
    or ``MediaBroken`` when the file cannot even be opened.
    """
    survey = _Survey(folder, frame_rate_of(chosen), -chosen.rotation_deg)
    with open_media(video) as opened, survey:
        (stream,) = (stream for stream in opened.streams.video if stream.index == chosen.index)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        packets = _Packets(opened, stream)
        try:
            for frame in packets:
                report(survey.add(frame))
        finally:
            # Closing waits for the decoder's threads with Python's lock held, which they want to report damage; this
            # waits for them without it.
            stream.codec_context.flush_buffers()
    if survey.frames == 0:
        raise NothingDecodable("Not one frame of the video can be decoded.")
    survey.finish(packets.bad)


def frame_rate_of(stream: VideoStream) -> float:
    """Frames a second on average; 25 where the file gives nothing usable."""
    rate = float(stream.frame_rate or 0)
    return rate if 0 < rate <= MOST_FRAMES_PER_SECOND else 25.0


class _Packets:
    """The frames of a stream, with what is damaged left out and counted in ``bad``."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self.bad = 0

    def __iter__(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while self.bad < MOST_BAD_PACKETS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # a file that ends before its last frame
                self.bad += 1
                with suppress(av.FFmpegError):
                    yield from self._stream.decode(None)
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.bad += 1


class _Survey:
    """Takes frame after frame, and writes the stage's files."""

    def __init__(self, folder: Path, frame_rate: float, rotation_deg: int) -> None:
        self._folder = folder
        self._frame_rate = frame_rate
        self._rotation_deg = rotation_deg  # counter-clockwise
        self._shots = ShotFinder(frame_rate)
        self._step_ms = round(1000 / SAMPLES_PER_SECOND)
        self._due_ms = 0  # when the next picture is to be kept
        self._small_size = (0, 0)  # width, height; that of the first frame, should later ones differ
        self._samples: list[Sample] = []
        self._before: Picture | None = None
        self._first_s: float | None = None
        self._ms = -1
        self._full_range = False
        self._open = ExitStack()
        self.frames = 0

    def __enter__(self) -> None:
        self._files = {
            name: self._open.enter_context((self._folder / name).open("wb")) for name in ("times", "bars", "levels")
        }

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, frame: av.VideoFrame) -> int:
        """Take the next frame; when it is shown, in ms after the first."""
        planes = frame if frame.format.name in ("yuv420p", "yuvj420p") else frame.reformat(format="yuv420p")
        full_range = frame.color_range == FULL_RANGE
        luma, *chroma = (_plane(planes, number) for number in range(3))
        if not self.frames:
            self._small_size = _fitted(luma.shape[1], luma.shape[0], SMALL_SIDE)
        small = _small(luma, chroma, full_range, self._small_size)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        levels = _levels(luma)
        moving_percent = 0.0
        if self._before is not None:
            moving_percent = float((cv2.absdiff(grey, self._before) > LEAST_CHANGE).mean()) * 100
        ms = self._when(frame)
        self._files["times"].write(np.uint32(ms).tobytes())
        self._files["bars"].write(np.bool_(is_colour_bars(small)).tobytes())
        self._files["levels"].write(levels.tobytes())
        black = black_luma(DEFAULT_PIXEL_THRESHOLD, full_range)
        self._shots.add(small, dark=bool(levels[black] >= DEFAULT_COVERAGE_PERCENT / 100 * LEVEL_SCALE))
        if ms >= self._due_ms:
            self._sample(frame, ms, moving_percent)
            self._due_ms = (ms // self._step_ms + 1) * self._step_ms
        self._before, self._full_range = grey, full_range
        self.frames += 1
        return ms

    def _when(self, frame: av.VideoFrame) -> int:
        """Milliseconds after the first frame: never going back, and by the frame rate where no time is given."""
        counted_s = (self._first_s or 0.0) + self.frames / self._frame_rate
        shown_s = counted_s if frame.time is None else frame.time
        self._first_s = shown_s if self._first_s is None else self._first_s
        self._ms = min(max(self._ms + 1, int((shown_s - self._first_s) * 1000 + 1e-6)), 2**32 - 1)
        return self._ms

    def _sample(self, frame: av.VideoFrame, ms: int, moving_percent: float) -> None:
        width, height = _fitted(frame.width, frame.height, PICTURE_SIDE)
        pixels = np.asarray(frame.reformat(width, height, "bgr24").to_ndarray(), np.uint8)
        picture = upright(pixels, self._rotation_deg)
        path = self._folder / f"{self.frames}.jpg"
        if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f"{path} could not be written.")
        self._samples.append(Sample(self.frames, ms, round(moving_percent, 2)))
        if len(self._samples) > MOST_SAMPLES:
            for left_out in self._samples[1::2]:
                (self._folder / f"{left_out.frame}.jpg").unlink()
            self._samples = self._samples[::2]
            self._step_ms *= 2

    def finish(self, bad_packets: int) -> None:
        """Write ``facts.json``, the last of the stage's files."""
        facts = {
            "frames": self.frames,
            "full_range": self._full_range,
            "bad_packets": bad_packets,
            "samples": [asdict(sample) for sample in self._samples],
            "boundaries": [asdict(boundary) for boundary in self._shots.boundaries()],
        }
        (self._folder / "facts.json").write_text(json.dumps(facts))


def _plane(frame: av.VideoFrame, number: int) -> Picture:
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height scaled down until neither is more than ``side``.

    >>> _fitted(1920, 1080, 256), _fitted(176, 144, 256), _fitted(4000, 1, 256)
    ((256, 144), (176, 144), (256, 1))
    """
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _small(luma: Picture, chroma: list[Picture], full_range: bool, size: tuple[int, int]) -> Picture:
    """A small picture for the figures of every frame, BGR from 0 (black) to 255 whatever the video's range."""
    light, blue, red = (
        np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.uint8) for plane in (luma, *chroma)
    )
    if not full_range:
        light = _STRETCH[light]
    return np.asarray(cv2.cvtColor(cv2.merge([light, red, blue]), cv2.COLOR_YCrCb2BGR), np.uint8)


_STRETCH = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)


def _levels(luma: Picture) -> NDArray[np.uint16]:
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256])[:, 0]
    return np.floor(np.cumsum(counts, dtype=np.float64) / luma.size * LEVEL_SCALE).astype(np.uint16)


def upright(picture: Picture, rotation_deg: int) -> Picture:
    """Turn a picture counter-clockwise, by degrees to the next quarter turn.

    >>> upright(np.uint8([[1, 2]]), 90).tolist(), upright(np.uint8([[1, 2]]), -180).tolist()
    ([[2], [1]], [[2, 1]])
    """
    return np.ascontiguousarray(np.rot90(picture, round(rotation_deg / 90) % 4))


def shows_the_same(a: Picture, b: Picture) -> bool:
    """Whether two pictures differ nowhere by more than a codec's noise, so that one look serves both.

    >>> grey = np.full((90, 160, 3), 90, np.uint8)
    >>> spot = grey.copy(); spot[40:46, 80:84] = 200
    >>> shows_the_same(grey, grey + 2), shows_the_same(grey, spot)
    (True, False)
    """
    if a.shape != b.shape:
        return False
    change = cv2.blur(cv2.cvtColor(cv2.absdiff(a, b), cv2.COLOR_BGR2GRAY), (5, 5))
    return int(change.max()) < LEAST_DIFFERENCE
