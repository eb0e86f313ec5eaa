"""How loud a file is: EBU R128 by ffmpeg's ``ebur128`` filter, true peak, RMS and silence, in one pass."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.audio.decode import PLANES_MAX

if TYPE_CHECKING:
    import numpy as np

SILENCE_DBFS = -60.0
SILENCE_FRAME_S = 0.05
SHORT_TERM_S = 3.0
ABSOLUTE_GATE_LUFS = -70.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """Levels of a whole file; ``None`` where the measure is not defined for it."""

    loudness_lufs: float | None
    """Integrated, gated (ITU-R BS.1770-4). None below one 400 ms block, and when nothing passes -70 LUFS."""
    loudness_range_lu: float | None
    """EBU Tech 3342. None below one short-term window of 3 s."""
    true_peak_dbtp: float | None
    """Highest peak between the samples too (BS.1770-4 annex 2). None for digital silence."""
    rms_dbfs: float | None
    """Root mean square over all channels, full scale 1.0 = 0 dBFS, a DC offset included. None for digital silence."""
    silence_share: float
    """Share of 50 ms frames below -60 dBFS, DC offset taken away, 0 to 1."""


class R128Filter:
    """ffmpeg's ``ebur128`` filter as a stream: blocks in, and a frame for every 100 ms with what was measured so far.

    A frame's ``metadata`` has ``lavfi.r128.M`` (the last 400 ms), ``.S`` (the last 3 s), ``.I`` (integrated, all in
    LUFS) and ``.LRA``.
    """

    def __init__(self, sample_rate_hz: int, layout: str) -> None:
        import av
        from av.filter import Graph

        self._rate_hz = sample_rate_hz
        self._layout = layout
        self._graph = Graph()
        self._format = "fltp" if av.AudioLayout(layout).nb_channels <= PLANES_MAX else "flt"
        self._source = self._graph.add_abuffer(
            format=self._format, sample_rate=sample_rate_hz, layout=layout, time_base=None
        )
        meter = self._graph.add("ebur128", "metadata=1:framelog=quiet")
        self._sink = self._graph.add("abuffersink")
        self._source.link_to(meter)
        meter.link_to(self._sink)
        self._graph.configure()
        self._hop_samples = sample_rate_hz // 10

    def add(self, samples: np.ndarray) -> Iterator[Any]:
        """Take a block of shape (channels, n) and yield the frames that came out."""
        import av
        import numpy as np

        planes = samples if self._format == "fltp" else samples.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format=self._format, layout=self._layout)
        frame.sample_rate = self._rate_hz
        self._source.push(frame)
        yield from self._measured()

    def finish(self) -> Iterator[Any]:
        """Yield the last frames; the filter is spent afterwards."""
        self._source.push(None)
        yield from self._measured()

    def _measured(self) -> Iterator[Any]:
        import av.error

        while True:
            try:
                frame: Any = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if frame.samples >= self._hop_samples:  # a rest below 100 ms is not measured
                yield frame


class LoudnessMeter:
    """Measure blocks as they come; memory does not grow with their number."""

    def __init__(self, sample_rate_hz: int, layout: str) -> None:
        self._rate_hz = sample_rate_hz
        self._filter = R128Filter(sample_rate_hz, layout)
        self._metadata: dict[str, str] = {}
        self._peak = TruePeakMeter(sample_rate_hz)
        self._samples = 0
        self._square_sum = 0.0
        self._frame_samples = max(1, round(SILENCE_FRAME_S * sample_rate_hz))
        self._silent_frames = self._frames = 0
        self._rest: np.ndarray | None = None

    def add(self, samples: np.ndarray) -> None:
        """Take a block of shape (channels, n)."""
        import numpy as np

        self._note(self._filter.add(samples))
        self._peak.add(samples)
        self._samples += samples.size
        self._square_sum += float(np.square(samples, dtype=np.float64).sum())
        self._count_silence(samples)

    def result(self) -> Loudness:
        """Return the levels of everything that was added; the meter is spent afterwards."""
        self._note(self._filter.finish())
        if self._rest is not None and self._rest.shape[1] and not self._frames:  # shorter than one frame
            self._frames = 1
            self._silent_frames = int(_frame_powers(self._rest, self._rest.shape[1])[0] < 10 ** (SILENCE_DBFS / 10))
        loudness = float(self._metadata.get("lavfi.r128.I", ABSOLUTE_GATE_LUFS))
        known = math.isfinite(loudness) and loudness > ABSOLUTE_GATE_LUFS
        channels = 1 if self._rest is None else self._rest.shape[0]
        long_enough = self._samples / channels / self._rate_hz >= SHORT_TERM_S
        return Loudness(
            loudness_lufs=loudness if known else None,
            loudness_range_lu=float(self._metadata["lavfi.r128.LRA"]) if known and long_enough else None,
            true_peak_dbtp=_decibels(self._peak.finish(), 20),
            rms_dbfs=_decibels(self._square_sum / max(1, self._samples), 10),
            silence_share=self._silent_frames / max(1, self._frames),
        )

    def _note(self, frames: Iterable[Any]) -> None:
        """Keep what the last of the frames says."""
        for frame in deque(frames, maxlen=1):
            self._metadata = frame.metadata

    def _count_silence(self, samples: np.ndarray) -> None:
        import numpy as np

        joined = samples if self._rest is None else np.concatenate([self._rest, samples], axis=1)
        whole = joined.shape[1] // self._frame_samples * self._frame_samples
        if whole:
            powers = _frame_powers(joined[:, :whole], self._frame_samples)
            self._frames += len(powers)
            self._silent_frames += int((powers < 10 ** (SILENCE_DBFS / 10)).sum())
        self._rest = joined[:, whole:].copy()


class TruePeakMeter:
    """Highest absolute value of the signal between its samples, by interpolation as in BS.1770-4 annex 2.

    Four times oversampled below 96 kHz, twice below 192 kHz: a windowed sinc of 12 samples' width, as long as the
    standard's. An interpolated value is at most the filter's sum of absolute taps times the samples around it, so
    that only stretches which could beat the highest peak so far are interpolated: the result is the same, and most of
    a file is left out.

    >>> import numpy as np
    >>> meter = TruePeakMeter(48000)
    >>> meter.add(np.sin(np.pi / 4 + np.pi / 2 * np.arange(4800, dtype=np.float32))[None, :])
    >>> bool(abs(20 * np.log10(meter.finish())) < 0.1)  # samples at -3 dB, the sine between them reaches 0 dB
    True
    """

    WIDTH = 12
    STRETCH = 48

    def __init__(self, sample_rate_hz: int) -> None:
        import numpy as np

        self.peak = 0.0
        self._factor = 4 if sample_rate_hz < 96_000 else 2 if sample_rate_hz < 192_000 else 1
        phases = np.arange(1, self._factor) / self._factor
        distance = np.arange(self.WIDTH)[:, None] - (self.WIDTH // 2 - 1) - phases[None, :]
        window = np.cos(np.pi * distance / self.WIDTH) ** 2
        taps = np.sinc(distance) * window
        self._taps = (taps / taps.sum(axis=0)).astype(np.float32)
        self._bound = float(np.abs(self._taps).sum(axis=0).max()) if self._factor > 1 else 1.0
        self._tail: np.ndarray | None = None

    def add(self, samples: np.ndarray) -> None:
        """Take a block of shape (channels, n)."""
        import numpy as np

        if not samples.shape[1]:
            return
        self.peak = max(self.peak, float(samples.max()), -float(samples.min()))
        if self._factor == 1:
            return
        joined = samples if self._tail is None else np.concatenate([self._tail, samples], axis=1)
        stretches = max(0, joined.shape[1] - self.WIDTH + 1) // self.STRETCH
        for channel in joined:
            self._interpolate(channel, stretches)
        self._tail = joined[:, stretches * self.STRETCH :].copy()

    def finish(self) -> float:
        """Return the highest peak. Nothing is supposed to stand before the first sample or after the last."""
        import numpy as np

        if self._tail is not None and self._tail.shape[1] >= self.WIDTH:
            values = np.lib.stride_tricks.sliding_window_view(self._tail, self.WIDTH, axis=1) @ self._taps
            self.peak = max(self.peak, float(np.abs(values).max()))
        return self.peak

    def _interpolate(self, channel: np.ndarray, stretches: int) -> None:
        """Interpolate those of the first ``stretches`` stretches that may hold a higher peak, the likeliest first."""
        import numpy as np

        if not stretches:
            return
        sizes = np.zeros((stretches + 1) * self.STRETCH, np.float32)
        np.abs(channel[: len(sizes)], out=sizes[: len(channel)])
        highest = sizes.reshape(-1, self.STRETCH).max(axis=1)
        bound = np.maximum(highest[:-1], highest[1:]) * self._bound  # a window reaches into the next stretch
        candidates = np.flatnonzero(bound > self.peak)
        candidates = candidates[np.argsort(-bound[candidates])]
        views = np.lib.stride_tricks.sliding_window_view(channel, self.STRETCH + self.WIDTH - 1)[:: self.STRETCH]
        at, size = 0, 16
        while at < len(candidates) and bound[candidates[at]] > self.peak:
            windows = np.lib.stride_tricks.sliding_window_view(views[candidates[at : at + size]], self.WIDTH, axis=1)
            values = windows.reshape(-1, self.WIDTH) @ self._taps
            self.peak = max(self.peak, float(values.max()), -float(values.min()))
            at, size = at + size, 512


def _frame_powers(samples: np.ndarray, frame_samples: int) -> np.ndarray:
    """Return the variance of each frame in its loudest channel; ``samples`` holds whole frames, shape (channels, n)."""
    frames = samples.reshape(samples.shape[0], -1, frame_samples)
    return frames.var(axis=2).max(axis=0)


def _decibels(value: float, factor: int) -> float | None:
    return factor * math.log10(value) if value > 0 else None
