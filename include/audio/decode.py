"""Decode a file block by block: memory does not grow with its length, and a damaged stretch costs only itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.audio.errors import NoSamples
from include.audio.probe import codec_name, decoded_frames, open_audio

if TYPE_CHECKING:
    import av
    import numpy as np

BLOCK_SAMPLES = 65536
PLANES_MAX = 7
"""PyAV looks for the end of a planar frame's eight pointers behind them when it has more channels, which may end the
process; those are handled interleaved."""
LEAST_GAP_S = 0.1
"""Sound that is missing for less is not: the clocks of containers are that uneven."""
MOST_FILLED_S = 4 * 3600.0
"""Silence that is put in for missing sound: a broken clock must not make days of it."""
LOUDEST_SAMPLE = 64.0
"""+36 dBFS. Float files may exceed full scale; what lies beyond this is damage, and is cut there."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of sound: float32 samples of shape (channels, n), full scale at 1.0, every value finite."""

    samples: np.ndarray
    sample_rate_hz: int
    layout: str
    """ffmpeg's name of the channel layout: mono, stereo, 5.1, ..."""
    codec: str


def decode_blocks(path: str | Path, *, zero_s: float | None = None) -> Iterator[Block]:
    """Decode the first audio stream of a file into blocks of ``BLOCK_SAMPLES`` samples; the last may be shorter.

    Rate and channels are those of the first frame: a stream that changes them on the way (chained Ogg, joined MP3) is
    converted. NaN, as damaged float files hold it, becomes silence. Packets that cannot be decoded are left out.

    :param zero_s: when the film begins, on the container's clock. Then the samples keep time with the picture: what is
        missing of the sound, because it begins later or was damaged, is silence, and what comes before is left out.
    :raises AudioError: when the file is no audio, or not one sample of it can be decoded.
    """
    with open_audio(path) as (container, stream):
        frames = decoded_frames(container, stream, Path(path).name)
        first = next(frames, None)
        if first is None:
            raise NoSamples(Path(path).name)
        codec, rate_hz, layout = codec_name(stream), first.sample_rate, first.layout.name
        sounds: Iterator[av.AudioFrame | int] = chain([first], frames)
        if zero_s is not None:
            sounds = _in_time(sounds, zero_s, rate_hz)
        for samples in _joined(_converted(first, sounds)):
            yield Block(_finite(samples), rate_hz, layout, codec)


def _in_time(frames: Iterable[Any], zero_s: float, rate_hz: int) -> Iterator[Any]:
    """Yield the frames, and before one that is late by how many samples; those that end before ``zero_s`` not."""
    heard_s, filled_s = 0.0, 0.0
    for frame in frames:
        frame_s = frame.samples / frame.sample_rate
        late_s = 0.0 if frame.time is None else frame.time - zero_s - heard_s
        if late_s < -frame_s and heard_s == 0:
            continue
        if late_s > LEAST_GAP_S and filled_s + late_s <= MOST_FILLED_S:
            yield round(late_s * rate_hz)
            heard_s, filled_s = heard_s + late_s, filled_s + late_s
        heard_s += frame_s
        yield frame


def _converted(first: av.AudioFrame, sounds: Iterable[av.AudioFrame | int]) -> Iterator[np.ndarray]:
    """Yield the sounds as float32 of shape (channels, n), all in the layout and rate of the first frame.

    :param sounds: frames, and between them numbers of samples of silence.
    """
    import av
    import numpy as np

    def convert(frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
        for converted in resampler.resample(frame):
            samples = converted.to_ndarray()
            yield samples.reshape(-1, layout.nb_channels).T if interleaved else samples

    def start() -> av.AudioResampler:
        return av.AudioResampler(format="flt" if interleaved else "fltp", layout=layout, rate=rate_hz)

    layout, rate_hz = first.layout, first.sample_rate
    interleaved = layout.nb_channels > PLANES_MAX
    resampler, shape = start(), _shape(first)
    for frame in sounds:
        if isinstance(frame, int):
            yield from convert(None)
            resampler = start()
            for begin in range(0, frame, BLOCK_SAMPLES):
                yield np.zeros((layout.nb_channels, min(BLOCK_SAMPLES, frame - begin)), np.float32)
            continue
        if _shape(frame) != shape:  # a resampler takes one shape only
            yield from convert(None)
            resampler, shape = start(), _shape(frame)
        frame.pts = None
        yield from convert(frame)
    yield from convert(None)


def _shape(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _joined(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Join pieces of shape (channels, n) to blocks of ``BLOCK_SAMPLES``; the last is what remains."""
    import numpy as np

    pending: list[np.ndarray] = []
    count = 0
    for piece in pieces:
        pending.append(piece)
        count += piece.shape[1]
        while count >= BLOCK_SAMPLES:
            joined = np.concatenate(pending, axis=1)
            yield joined[:, :BLOCK_SAMPLES]
            pending = [joined[:, BLOCK_SAMPLES:]]
            count -= BLOCK_SAMPLES
    if count:
        yield np.concatenate(pending, axis=1)


def _finite(samples: np.ndarray) -> np.ndarray:
    """Return ``samples`` with NaN as 0 and everything within ``LOUDEST_SAMPLE``; the same array when it is so."""
    import numpy as np

    if float(samples.min()) >= -LOUDEST_SAMPLE and float(samples.max()) <= LOUDEST_SAMPLE:  # False for NaN, too
        return samples
    return np.clip(np.nan_to_num(samples, nan=0.0), -LOUDEST_SAMPLE, LOUDEST_SAMPLE)


class MonoResampler:
    """Mix blocks down to one channel at a fixed rate, by soxr, as a stream.

    Channels that cancel each other out (a cable with swapped poles) would mix to silence: there the first is taken.
    """

    def __init__(self, sample_rate_hz: int, target_rate_hz: int) -> None:
        import soxr

        self._stream = soxr.ResampleStream(sample_rate_hz, target_rate_hz, 1, dtype="float32", quality="HQ")

    def add(self, samples: np.ndarray) -> np.ndarray:
        """Return what came out for a block of shape (channels, n); the resampler holds back a little."""
        return self._stream.resample_chunk(_mixed(samples))

    def finish(self) -> np.ndarray:
        """Return the rest."""
        import numpy as np

        return self._stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _mixed(samples: np.ndarray) -> np.ndarray:
    import numpy as np

    if samples.shape[0] == 1:
        return samples[0]
    mixed = samples.mean(axis=0)
    power = float(np.square(samples).mean())
    if float(np.square(mixed).mean()) < 1e-3 * power:
        return np.ascontiguousarray(samples[0])
    return mixed
