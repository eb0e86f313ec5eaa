"""Decode a file block by block: memory does not grow with its length, and a damaged stretch costs only itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.audio.errors import NoSamples
from include.audio.probe import codec_name, decoded_frames, open_audio

if TYPE_CHECKING:
    import numpy as np

BLOCK_SAMPLES = 65536
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


def decode_blocks(path: str | Path) -> Iterator[Block]:
    """Decode the first audio stream of a file into blocks of ``BLOCK_SAMPLES`` samples; the last may be shorter.

    Rate and channels are those of the first frame: a stream that changes them on the way (chained Ogg, joined MP3) is converted.
    NaN, as damaged float files hold it, becomes silence. Packets that cannot be decoded are left out.

    :raises AudioError: when the file is no audio, or not one sample of it can be decoded.
    """
    import av
    import numpy as np

    def resampler_like(frame: av.AudioFrame) -> av.AudioResampler:
        return av.AudioResampler(format="fltp", layout=first.layout, rate=first.sample_rate)

    with open_audio(path) as (container, stream):
        first: av.AudioFrame | None = None
        shape: tuple[str, str, int] | None = None
        pending: list[np.ndarray] = []
        pending_samples = 0
        codec = codec_name(stream)
        layout = ""

        def drained() -> np.ndarray:
            nonlocal pending, pending_samples
            joined = pending[0] if len(pending) == 1 else np.concatenate(pending, axis=1)
            pending, pending_samples = [], 0
            return joined

        for frame in decoded_frames(container, stream, Path(path).name):
            if first is None:
                first = frame
                layout = frame.layout.name
            if shape != (frame.format.name, frame.layout.name, frame.sample_rate):
                if shape is not None:
                    for rest in resampler.resample(None):
                        pending.append(rest.to_ndarray())
                        pending_samples += rest.samples
                shape = (frame.format.name, frame.layout.name, frame.sample_rate)
                resampler = resampler_like(frame)
            frame.pts = None
            for converted in resampler.resample(frame):
                pending.append(converted.to_ndarray())
                pending_samples += converted.samples
            while pending_samples >= BLOCK_SAMPLES:
                joined = drained()
                if joined.shape[1] > BLOCK_SAMPLES:
                    pending, pending_samples = [joined[:, BLOCK_SAMPLES:]], joined.shape[1] - BLOCK_SAMPLES
                yield Block(_finite(joined[:, :BLOCK_SAMPLES]), first.sample_rate, layout, codec)
        if first is None:
            raise NoSamples(Path(path).name)
        for rest in resampler.resample(None):
            pending.append(rest.to_ndarray())
            pending_samples += rest.samples
        if pending_samples:
            yield Block(_finite(drained()), first.sample_rate, layout, codec)


def _finite(samples: np.ndarray) -> np.ndarray:
    """Return ``samples`` with NaN as 0 and everything within ``LOUDEST_SAMPLE``; the same array when nothing is to do."""
    import numpy as np

    if abs(float(samples.max())) <= LOUDEST_SAMPLE and abs(float(samples.min())) <= LOUDEST_SAMPLE:  # NaN fails this too
        return samples
    return np.clip(np.nan_to_num(samples, nan=0.0, posinf=LOUDEST_SAMPLE, neginf=-LOUDEST_SAMPLE), -LOUDEST_SAMPLE, LOUDEST_SAMPLE)


class MonoResampler:
    """Mix blocks down to one channel at a fixed rate, by soxr, as a stream.

    Channels that cancel each other out (a cable with swapped poles) would mix to silence: there the first channel is taken.
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
    power = float(np.vdot(samples, samples)) / samples.shape[0]
    if float(np.vdot(mixed, mixed)) < 1e-3 * power:
        return np.ascontiguousarray(samples[0])
    return mixed
