"""The one spectrogram that tempo and voice share, reduced frame by frame to what they need, so that memory stays
small.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

SAMPLE_RATE_HZ = 22_050
FRAME_SAMPLES = 2048
HOP_SAMPLES = 512
FRAMES_PER_S = SAMPLE_RATE_HZ / HOP_SAMPLES
MEL_BANDS = 64
MEL_TOP_HZ = 10_000.0
CHUNK_FRAMES = 256

PITCH_HZ = (65.0, 420.0)
"""Where the pitch of a speaking voice is looked for."""
PITCH_TOP_HZ = 2500.0
"""Partials above this say little about the pitch and much about noise."""
PARTIALS_HZ = (200.0, 3500.0)
PARTIAL_ABOVE_SURROUNDINGS_DB = 10.0
PARTIAL_BELOW_LOUDEST_DB = 35.0


@dataclass(frozen=True, slots=True)
class Frames:
    """What is kept of each spectrum; every array has one row per frame of ``HOP_SAMPLES``."""

    mel: np.ndarray
    """Power in ``MEL_BANDS`` mel bands, float32, shape (frames, bands)."""
    partials: np.ndarray
    """Where a spectral line stands out, bool, shape (frames, bins within ``PARTIALS_HZ``)."""
    level_db: np.ndarray
    """Level of the frame, full-scale sine = about 0 dB."""
    pitch_hz: np.ndarray
    """Strongest period within ``PITCH_HZ``; means something only where ``clarity`` is high."""
    clarity: np.ndarray
    """Autocorrelation at that period, 0 (noise) to 1 (strictly periodic)."""
    centroid_hz: np.ndarray
    low_share: np.ndarray
    """Share of the power below 120 Hz."""
    mid_share: np.ndarray
    """Share of the power from 200 to 3500 Hz."""
    high_share: np.ndarray
    """Share of the power above 4 kHz."""

    def __len__(self) -> int:
        return len(self.level_db)

    def part(self, start: int, end: int) -> Frames:
        """Return the frames from ``start`` to ``end`` (not included), as views."""
        return Frames(*(getattr(self, field.name)[start:end] for field in fields(self)))


def frames_of(samples: np.ndarray) -> Frames:
    """Reduce mono samples at ``SAMPLE_RATE_HZ`` to frames, the first centred on the first sample, as in librosa."""
    import librosa
    import numpy as np

    half = FRAME_SAMPLES // 2
    offset = samples.mean(dtype=np.float64).astype(np.float32) if len(samples) else np.float32(0)  # it is no sound
    count = 1 + len(samples) // HOP_SAMPLES
    parts = []
    for start in range(0, count, CHUNK_FRAMES):
        frames = min(CHUNK_FRAMES, count - start)
        first = start * HOP_SAMPLES - half
        stretch = np.zeros((frames - 1) * HOP_SAMPLES + FRAME_SAMPLES, np.float32)
        heard = samples[max(0, first) : first + len(stretch)]
        stretch[max(0, -first) :][: len(heard)] = heard - offset
        spectra = librosa.stft(stretch, n_fft=FRAME_SAMPLES, hop_length=HOP_SAMPLES, center=False).T
        parts.append(_reduced(np.ascontiguousarray(spectra.real**2 + spectra.imag**2)))
    return join_frames(parts)


def join_frames(parts: Iterable[Frames]) -> Frames:
    """Put frames one after the other."""
    import numpy as np

    parts = list(parts)
    return Frames(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Frames)))


def _reduced(power: np.ndarray) -> Frames:
    import numpy as np

    total = power.sum(axis=1) + 1e-20
    shares, centroid_hz = _band_shares(power, total)
    pitch_hz, clarity = _pitch(power)
    return Frames(
        mel=power @ _mel_bands().T,
        partials=_partials(power),
        level_db=10 * np.log10(total * _power_scale() + 1e-12),
        pitch_hz=pitch_hz,
        clarity=clarity,
        centroid_hz=centroid_hz,
        low_share=shares[:, 0],
        mid_share=shares[:, 1],
        high_share=shares[:, 2],
    )


@cache
def _frequencies_hz() -> np.ndarray:
    import numpy as np

    return np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE_HZ).astype(np.float32)


@cache
def _mel_bands() -> np.ndarray:
    import librosa

    return librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=FRAME_SAMPLES, n_mels=MEL_BANDS, fmax=MEL_TOP_HZ)


@cache
def _power_scale() -> float:
    """Return the factor from summed one-sided power to mean square over that of a full-scale sine (Hann window,
    Parseval).
    """
    import numpy as np

    window = np.hanning(FRAME_SAMPLES + 1)[:-1]
    return float(4 / (FRAME_SAMPLES * (window**2).sum()))


def _band_shares(power: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    hz = _frequencies_hz()
    weights = np.stack([hz < 120, (hz > 200) & (hz < 3500), hz > 4000, hz], axis=1).astype(np.float32)
    sums = (power @ weights) / total[:, None]
    return sums[:, :3], sums[:, 3]


def _pitch(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find each frame's period by autocorrelation, the inverse transform of its power up to ``PITCH_TOP_HZ``.

    Half the sampling rate is enough for that. The taper of the window is divided out; of periods that are equally
    clear the shortest wins, and the peak is interpolated by a parabola.
    """
    import numpy as np

    size = FRAME_SAMPLES // 2
    rate_hz = SAMPLE_RATE_HZ / 2
    bins = int(PITCH_TOP_HZ * FRAME_SAMPLES / SAMPLE_RATE_HZ)
    low, high = int(rate_hz / PITCH_HZ[1]), int(rate_hz / PITCH_HZ[0]) + 1
    spectrum = np.zeros((len(power), size // 2 + 1), np.float32)
    spectrum[:, :bins] = power[:, :bins]
    lags = np.fft.irfft(spectrum, axis=1)[:, : high + 2]
    lags = lags / (lags[:, :1] + 1e-20) / _window_lags()[: high + 2]
    rows = np.arange(len(power))
    at = lags[:, low:high].argmax(axis=1) + low
    clarity = lags[rows, at]
    for divisor in (2, 3):
        shorter = np.maximum(np.round(at / divisor).astype(int), 1)
        better = (shorter >= low) & (lags[rows, shorter] > 0.88 * clarity)
        at = np.where(better, shorter, at)
        clarity = np.where(better, lags[rows, shorter], clarity)
    before, after = lags[rows, at - 1], lags[rows, at + 1]
    curvature = before - 2 * clarity + after
    offset = np.where(curvature < -1e-9, 0.5 * (before - after) / np.minimum(curvature, -1e-9), 0)
    return rate_hz / (at + np.clip(offset, -0.5, 0.5)), np.clip(clarity, 0, 1)


@cache
def _window_lags() -> np.ndarray:
    """Return the autocorrelation of the analysis window at half the sampling rate, kept above 0.2."""
    import numpy as np

    window = np.hanning(FRAME_SAMPLES + 1)[:-1][::2]
    lags = np.correlate(window, window, "full")[len(window) - 1 :]
    return np.maximum(lags / lags[0], 0.2).astype(np.float32)


def _partials(power: np.ndarray) -> np.ndarray:
    """Mark the spectral lines: local maxima that stand out of their surroundings (ten bins either side) in a loud
    enough bin.
    """
    import numpy as np

    hz = _frequencies_hz()
    low, high = np.searchsorted(hz, PARTIALS_HZ)
    level = 10 * np.log10(power[:, low - 1 : high + 1] + 1e-10)
    sums = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1)
    index = np.arange(level.shape[1])
    left, right = np.maximum(index - 10, 0), np.minimum(index + 11, level.shape[1])
    surroundings = (sums[:, right] - sums[:, left]) / (right - left).astype(np.float32)
    inner = level[:, 1:-1]
    return (
        (inner > level[:, :-2])
        & (inner >= level[:, 2:])
        & (inner > surroundings[:, 1:-1] + PARTIAL_ABOVE_SURROUNDINGS_DB)
        & (inner > inner.max(axis=1, keepdims=True) - PARTIAL_BELOW_LOUDEST_DB)
    )
