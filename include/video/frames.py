"""The one decoding pass over a film: small, upright pictures of it, spread evenly, each with the one just after it.

A film that is short enough is decoded whole. Of a longer one, only bursts of half a second behind key frames spread
over it are, and the packets between them are read and dropped: no index is needed, which may be missing or lie, and
neither memory nor time grows with the length beyond what reading the file takes. Which of the two it is depends on the
number of pixels, not on a clock, so that the same file always gives the same pictures.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from include.video.probe import (
    MOST_PIXELS,
    VIDEO_CODECS,
    MediaFacts,
    NoPicture,
    PictureUndecodable,
    open_media,
    picture_streams,
)

if TYPE_CHECKING:
    import numpy as np

PICTURE_SIDE = 320
"""Pixels of a picture's longer side, at most: plenty for colours and motion, and a tile of the contact sheet."""
SAMPLES_PER_S = 2.0
MOST_SAMPLES = 1200
"""Ten minutes at two a second; a longer film is looked at less often."""
LEAST_SAMPLES = 16
"""A clip of seconds is looked at more often, for so many pictures ..."""
SHORTEST_STEP_S = 0.125
"""... but not more often than this."""
PAIR_GAP_S = 0.1
"""How long after a picture the one lies that shows what moves: a tenth tells a slow pan from none."""
PAIRS_PER_S = 1.0
"""Fewer than pictures: to follow corners costs far more than colours, and a camera does one thing for a while. In a
clip that would have less than ``LEAST_SAMPLES`` of them every picture is of a pair."""
LONGEST_GAP_S = 0.5
"""Beyond this two pictures have too little in common."""
WHOLE_PIXELS = 2.0e10
"""A film of so many pixels is decoded whole: 5 minutes of 1080p, 50 of 360p; that takes about 40 s on two cores."""
BURSTS = 400
BURST_S = 0.5
LONGEST_REST_S = 60.0
"""When no key frame comes for so long, a film has hardly any, and what can be had of it is decoded from its start."""
PATIENT_PIXELS = 4 * WHOLE_PIXELS
"""Where decoding such a film ends."""
MOST_BAD_PACKETS = 10_000
MOST_THREADS = 4
MOST_FRAME_RATE = 1000.0
REACH_FRAMES = 300
"""How far behind its key frame a wanted picture is looked for in a long film."""
HD_LINES = 720
"""From so many lines on, a film that does not say is BT.709, below BT.601, as players guess."""
WIDEST_PIXEL = 8.0
"""A pixel that is said to be wider or higher than so many times its other side is taken for a square."""
UNSPECIFIED_COLOURS = 2  # AVCOL_SPC_UNSPECIFIED


class Film(Protocol):
    """A film that can be opened, as often as it is wanted: a path, or an object far away."""

    @property
    def name(self) -> str: ...

    def open(self, mode: Literal["rb"]) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class View:
    """A picture of a film, and what it looked like a moment later."""

    time_s: float
    """Seconds from the first frame."""
    picture: np.ndarray
    """sRGB, uint8, of shape (height, width, 3): upright, with square pixels; all of a film are of one size."""
    later: np.ndarray | None = None
    """The picture about ``PAIR_GAP_S`` later; ``None`` when there is none so close."""
    gap_s: float = 0.0
    """How much later that is."""
    sampled: bool = True
    """Whether it is one of the evenly spread ones, and not only a moment that was asked for."""


class Footage:
    """A film to be decoded once, by iterating over it.

    Damaged packets are left out; what is decodable of a broken or cut-off film is seen.
    """

    def __init__(
        self, film: Path | Film, facts: MediaFacts, *, moments: Sequence[float] = (), side: int = PICTURE_SIDE
    ) -> None:
        """
        :param facts: what ``probe_media`` said of it.
        :param moments: times in seconds, of which a picture each is wanted besides those spread evenly. In a film that
            is too long to be decoded whole they are not looked for; see ``near``.
        :param side: pixels of a picture's longer side, at most
        """
        self._film = film
        self._side = side
        self._facts = facts
        self._moments = sorted(moments, reverse=True)
        self._width_height: tuple[int, int] | None = None  # of the pictures, before they are turned
        self._turn_deg = 0
        self._reformatter: Any = None
        self._spent_pixels = 0
        self._patient = False  # whether a long film has too few key frames to skip from one to the next
        self._bad_packets = 0
        self._whole = self._expected_pixels() <= WHOLE_PIXELS
        self._first_s = 0.0  # when the first frame is shown, on the container's clock
        self._pixel_ratio = 1.0
        duration_s = facts.duration_s or 0.0
        step_s = max(1 / SAMPLES_PER_S, duration_s / MOST_SAMPLES)
        self._step_s = max(SHORTEST_STEP_S, min(step_s, duration_s / LEAST_SAMPLES)) if duration_s else step_s / 2
        self._pair_step_s = 1 / PAIRS_PER_S if duration_s * PAIRS_PER_S >= LEAST_SAMPLES else 0.0
        self._burst_step_s = max(BURST_S * 4, duration_s / BURSTS)
        self.aspect_ratio: float | None = None
        """Width through height as a player shows it; known after the first picture."""
        self.seen_until_s = 0.0
        """When the last frame that was decoded is shown."""

    @property
    def whole(self) -> bool:
        """Whether every frame was decoded, so that every moment asked for was seen."""
        return self._whole

    def __iter__(self) -> Iterator[View]:
        """Decode the film.

        :raises MediaError: when it cannot even be opened, has no picture, or is of a codec that is not decoded.
        """
        pending: View | None = None
        due_s = pair_due_s = 0.0
        for time_s, frame in self._frames():
            picture = None
            if pending and (gap_s := time_s - pending.time_s) > LONGEST_GAP_S:
                yield pending
                pending = None
            elif pending and gap_s >= PAIR_GAP_S - 0.01:
                picture = self._picture(frame)
                yield pending if picture is None else View(pending.time_s, pending.picture, picture, gap_s)
                pending = None
            wanted = bool(self._moments) and time_s >= self._moments[-1]
            while self._moments and time_s >= self._moments[-1]:
                self._moments.pop()
            if time_s >= due_s and not pending:
                picture = self._picture(frame) if picture is None else picture
                if picture is not None:
                    due_s = time_s + self._next_step_s() - 0.01
                    if time_s < pair_due_s:
                        yield View(time_s, picture)
                        continue
                    pending, pair_due_s = View(time_s, picture), time_s + self._pair_step_s - 0.01
            elif wanted:
                picture = self._picture(frame) if picture is None else picture
                if picture is not None:
                    yield View(time_s, picture, sampled=False)
        if pending:
            yield pending

    def _next_step_s(self) -> float:
        """Return how long after a picture the next is looked at; in a burst, that is near its end."""
        return self._step_s if self._whole or self._patient else BURST_S - PAIR_GAP_S

    def near(self, moment_s: float) -> View | None:
        """Decode the picture of one moment of a long film, or the nearest before it that can be reached.

        :raises MediaError: as iterating does.
        """
        found: tuple[float, Any] | None = None
        with opened_film(self._film) as (container, stream):
            if not self.seen_until_s:
                self._learn_stream(stream)
            if self._seek(container, stream, moment_s + self._first_s):
                packets = self._packets(container, stream)
                frames = (frame for packet in packets for frame in self._frames_of(packet) if frame.time is not None)
                for frame in islice(frames, REACH_FRAMES):
                    found = frame.time - self._first_s, frame
                    if found[0] >= moment_s:
                        break
        picture = self._picture(found[1]) if found else None
        return View(found[0], picture, sampled=False) if found and picture is not None else None

    def _expected_pixels(self) -> float:
        """How many pixels all frames have together, by the header; 0 when it does not tell the duration."""
        video, duration_s = self._facts.video, self._facts.duration_s
        if not video or not duration_s:
            return 0.0
        return video.width * video.height * duration_s * min(video.frame_rate or 25.0, MOST_FRAME_RATE)

    def _frames(self) -> Iterator[tuple[float, Any]]:
        """Yield the frames to look at, with their time in seconds from the first; times never go back."""
        with opened_film(self._film) as (container, stream):
            rate = float(stream.average_rate or 0)
            frame_s = 1 / rate if 0 < rate <= MOST_FRAME_RATE else 0.04
            self._learn_stream(stream)
            time_s = -frame_s
            for frame in self._chosen(container, stream):
                if time_s < 0:
                    self._first_s = frame.time or 0.0
                time_s = max(time_s, time_s + frame_s if frame.time is None else frame.time - self._first_s)
                self.seen_until_s = max(self.seen_until_s, time_s)
                yield time_s, frame

    def _chosen(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield every frame, or in a long film those of the bursts."""
        context = stream.codec_context
        burst_s: float | None = None  # when the burst began that is decoded now, or was last
        next_s = -math.inf  # when the next one is due
        seen_s = -math.inf
        resting = False
        packets = self._packets(container, stream)
        while (packet := next(packets, None)) is not None:
            packet_s = _time_of(packet) if burst_s is None or resting else None
            if burst_s is None and packet_s is not None:
                burst_s, next_s = packet_s, packet_s + self._burst_step_s
            if resting and packet_s is not None and burst_s is not None:
                if packet.is_keyframe and packet_s >= next_s:
                    burst_s = packet_s
                    next_s += math.ceil((packet_s - next_s) / self._burst_step_s + 1e-6) * self._burst_step_s
                    resting = False
                    context.flush_buffers()
                elif packet_s - burst_s > LONGEST_REST_S and self._seek(container, stream, burst_s):
                    packets = self._packets(container, stream)
                    resting, self._patient = False, True
                    context.flush_buffers()
                    continue
            if resting:
                continue
            for frame in self._frames_of(packet):
                if not self._whole and frame.time is not None:
                    if frame.time < (burst_s or 0.0) or frame.time <= seen_s:
                        continue  # it leans on frames that were dropped, or was seen
                    seen_s = frame.time
                yield frame
            self._whole = self._whole and self._spent_pixels <= WHOLE_PIXELS
            resting = not self._whole and not self._patient and seen_s - (burst_s or 0.0) > BURST_S
            if self._spent_pixels > PATIENT_PIXELS:
                return

    def _seek(self, container: Any, stream: Any, time_s: float) -> bool:
        import av.error

        with suppress(av.error.FFmpegError, ValueError, OverflowError):
            container.seek(int(time_s / stream.time_base), stream=stream)
            return True
        return False

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the packets of the stream up to where the file breaks off; an empty one flushes."""
        import av.error

        packets = container.demux(stream)
        while self._bad_packets < MOST_BAD_PACKETS:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError, ValueError):
                self._bad_packets += 1
                packet = None
            if packet is None:
                return
            yield packet

    def _frames_of(self, packet: Any) -> list[Any]:
        import av.error

        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            self._bad_packets += 1
            return []
        self._spent_pixels += sum(frame.width * frame.height for frame in frames)
        return frames

    def _picture(self, frame: Any) -> np.ndarray | None:
        """Scale a frame down and turn it upright, as sRGB; ``None`` when its pixels cannot be read.

        The matrix (BT.601, 709, 2020) and the range are the frame's own. High dynamic range is not mapped down.
        """
        import av.error
        import numpy as np
        from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

        if self._width_height is None:
            self._learn_shape(frame)
        width, height = self._width_height or (1, 1)
        guess = Colorspace.ITU709 if min(frame.width, frame.height) >= HD_LINES else Colorspace.ITU601
        self._reformatter = self._reformatter or VideoReformatter()
        try:
            small = self._reformatter.reformat(
                frame,
                width,
                height,
                "rgb24",
                src_colorspace=guess if frame.colorspace == UNSPECIFIED_COLOURS else None,
                interpolation=Interpolation.AREA,
                threads=1,
            ).to_ndarray()
        except (av.error.FFmpegError, ValueError):
            return None
        return np.ascontiguousarray(np.rot90(small, -(self._turn_deg // 90)))

    def _learn_stream(self, stream: Any) -> None:
        ratio = float(stream.sample_aspect_ratio or 1)
        self._pixel_ratio = ratio if 1 / WIDEST_PIXEL <= ratio <= WIDEST_PIXEL else 1.0
        self._first_s = float((stream.start_time or 0) * stream.time_base)

    def _learn_shape(self, frame: Any) -> None:
        video = self._facts.video
        if self._facts.container == "mov" and video:
            self._turn_deg = video.rotation_deg
        else:
            self._turn_deg = round(-frame.rotation / 90) * 90 % 360
        wide = frame.width * self._pixel_ratio
        self._width_height = fitted(wide, frame.height, self._side)
        sides = (frame.height, wide) if self._turn_deg in (90, 270) else (wide, frame.height)
        self.aspect_ratio = sides[0] / sides[1]


@contextmanager
def opened_film(film: Path | Film) -> Iterator[tuple[Any, Any]]:
    """Open a film as ``include.video.probe`` does, with its decoder bounded; yield the container and the stream.

    :raises MediaError: when it is no media, has no picture, or is of a codec that is not decoded.
    """
    with film.open("rb") as file, open_media(file, film.name) as (_, container):
        stream = next(picture_streams(container), None)
        if stream is None:
            raise NoPicture(f"{film.name} has no picture: give the film with its picture, or drop it")
        context = stream.codec_context
        codec = str(context.codec.canonical_name) if context else "unknown"
        if codec not in VIDEO_CODECS:
            raise PictureUndecodable(f"{film.name} is coded as {codec}, which is not decoded: convert it to H.264")
        context.options = {"max_pixels": str(MOST_PIXELS)}
        context.thread_type = "AUTO"
        context.thread_count = min(MOST_THREADS, os.cpu_count() or 1)  # each thread holds a picture
        try:
            yield container, stream
        finally:
            # Threads may still decode ahead. Closing waits for them with Python's lock held, and they want it as soon
            # as they report damage, which would be for ever; this waits for them without it.
            context.flush_buffers()


def _time_of(packet: Any) -> float | None:
    """When a packet's frame is shown, in seconds on the container's clock."""
    ticks = packet.dts if packet.pts is None else packet.pts
    return None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)


def fitted(width: float, height: float, side: int) -> tuple[int, int]:
    """Return width and height scaled down until neither is more than ``side``; nothing is scaled up.

    >>> fitted(1920, 1080, 320), fitted(176, 144, 320), fitted(4000, 1, 320), fitted(1, 1, 320)
    ((320, 180), (176, 144), (320, 1), (1, 1))
    """
    scale = min(1.0, side / max(width, height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))
