"""Tempo and key of a piece, each with a confidence, and ``None`` where there is none to be found.

librosa gives the onset strength and the spectra. On top of its ways stand three things: periods are compared over
several beats at once, which gives the tempo to a few tenths instead of librosa's steps of five; half and double are
always named; and what has no pulse or no key is said to have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from include.audio.spectrum import FRAMES_PER_S, HOP_SAMPLES, SAMPLE_RATE_HZ, Frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

TEMPI_BPM = (40.0, 250.0)
TEMPO_STEPS = 800
TEMPO_WINDOW_S = 12.0
BEATS_COMPARED = 4
TEMPO_CENTRE_BPM, TEMPO_SPREAD_OCTAVES = 120.0, 1.1
"""Log-normal preference among tempi that fit equally well, as in librosa (there 120 and 1.0)."""
PERIODS_HEARD_MIN = 3.5
"""A pulse is no pulse before it has come back a few times."""
PULSE_MIN, PULSE_MIN_PER_ROOT_FRAME = 0.2, 0.8
"""Self-similarity from which a tempo is stated; the less was heard, the more of it is chance. Played music lies above
0.3.
"""
PULSE_CANDIDATES_MIN = 0.13
"""Self-similarity from which candidates are named. Noise stays below 0.1."""
ONSETS_MIN_DB = 0.05
"""Mean onset strength of a tone that only stands; below it there is nothing to beat time to."""
LOOP_LONGEST_S = 12.0
LOOP_BEATS = (4, 8, 16, 32)

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
CHROMA_FRAME_SAMPLES = 8192
CHROMA_HOP_SAMPLES = 4096
CHROMA_HZ = (55.0, 2100.0)
HARMONICS, HARMONIC_DECAY = 4, 0.6
KEY_MIN = 0.6
CHROMA_CONTRAST_MIN = 0.2

KEY_PROFILES = {
    "Krumhansl & Kessler 1982": {
        "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    },
    "Albrecht & Shanahan 2013": {
        "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
        "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
    },
}
"""How much each degree of the scale belongs to a key, from the tonic up: heard by listeners, and counted in scores."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """Beats a minute. The candidates stand the likeliest first and hold the half and the double of it; empty means:
    no pulse.
    """

    tempo_bpm: float | None
    candidates_bpm: tuple[float, ...]
    confidence: float
    """0 to 1: how like itself the piece is after one to four beats."""


@dataclass(frozen=True, slots=True)
class Key:
    """Tonic, spelled with sharps, and mode; both None where no key stands out."""

    key: str | None
    mode: Literal["major", "minor"] | None
    confidence: float


NO_TEMPO = Tempo(None, (), 0.0)
NO_KEY = Key(None, None, 0.0)


def onset_strength(frames: Frames) -> np.ndarray:
    """Return librosa's onset strength of the shared mel bands, what is louder than the second around it, one value a
    frame.
    """
    import librosa
    import numpy as np

    level_db = librosa.power_to_db(frames.mel.T, ref=np.max, top_db=80)
    strength = librosa.onset.onset_strength(S=level_db, sr=SAMPLE_RATE_HZ, hop_length=HOP_SAMPLES)
    width = min(len(strength), round(FRAMES_PER_S))
    around = np.ones(width)
    mean = np.convolve(strength, around, "same") / np.convolve(np.ones(len(strength)), around, "same")
    return np.maximum(strength - mean, 0)


def find_tempo(segments: Sequence[Frames], duration_s: float | None = None) -> Tempo:
    """Find the tempo over the segments of a file that lasts ``duration_s`` (None: it is no loop).

    The autocorrelation of the onset strength, in windows of 12 s, is compared at one to four beats of every tempo on
    a logarithmic grid; a preference for middling tempi decides between octaves. A file of a few seconds may be a
    loop, cut at whole bars: a tempo at which it holds 4, 8, 16 or 32 beats gains a little, and is named among the
    candidates.
    """
    import numpy as np

    strengths = [onset_strength(segment) for segment in segments if len(segment) > 1]
    lags, heard_frames = _autocorrelation(
        [strength for strength in strengths if _mean_inside(strength) >= ONSETS_MIN_DB]
    )
    if lags is None:
        return NO_TEMPO
    tempi = np.geomspace(*TEMPI_BPM, TEMPO_STEPS)
    tempi = tempi[heard_frames * tempi / (60 * FRAMES_PER_S) >= PERIODS_HEARD_MIN]
    if not len(tempi):
        return NO_TEMPO
    pulse = _pulse(lags, heard_frames, tempi)
    preference = np.exp(-0.5 * (np.log2(tempi / TEMPO_CENTRE_BPM) / TEMPO_SPREAD_OCTAVES) ** 2)
    score = np.maximum(pulse, 0) * preference
    loops = _loop_tempi(duration_s)
    for loop_bpm in loops:
        score *= np.where(np.abs(np.log2(tempi / loop_bpm)) < np.log2(1.02), 1.25, 1)
    best = int(score.argmax())
    confidence = float(np.clip(pulse[best], 0, 1))
    if confidence < PULSE_CANDIDATES_MIN:
        return Tempo(None, (), confidence)
    stated = confidence >= PULSE_MIN + PULSE_MIN_PER_ROOT_FRAME / np.sqrt(heard_frames)
    tempo_bpm = _refined(lags, heard_frames, float(tempi[best]))
    peaks = [tempi[i] for i in _peaks(score) if score[i] > 0.6 * score[best] and i != best]
    candidates = _distinct([tempo_bpm, *loops, tempo_bpm / 2, tempo_bpm * 2, *peaks])
    return Tempo(round(tempo_bpm, 1) if stated else None, candidates, confidence)


def _mean_inside(strength: np.ndarray) -> float:
    """Return the mean but for the first and last frames, where the file's own edges are onsets."""
    return float(strength[5:-5].mean()) if len(strength) > 10 else 0.0


def _autocorrelation(strengths: Sequence[np.ndarray]) -> tuple[np.ndarray | None, int]:
    """Return the mean autocorrelation of windows (1 at lag 0) and the length of the longest window in frames."""
    import numpy as np

    window_frames = round(TEMPO_WINDOW_S * FRAMES_PER_S)
    total, heard = np.zeros(window_frames), 0
    for strength in strengths:
        for start in range(0, max(1, len(strength) - window_frames // 2), window_frames // 2):
            window = strength[start : start + window_frames]
            if len(window) < window_frames and heard >= len(window):
                continue
            window = window - window.mean()
            spectrum = np.fft.rfft(window, 2 * window_frames)
            lags = np.fft.irfft(spectrum * spectrum.conj())[:window_frames]
            lags /= np.maximum(1, len(window) - np.arange(window_frames))
            lags[max(1, int(0.8 * len(window))) :] = 0
            total += lags
            heard = max(heard, len(window))
    return (total / total[0], heard) if total[0] > 1e-9 else (None, heard)


def _pulse(lags: np.ndarray, heard_frames: int, tempi_bpm: np.ndarray) -> np.ndarray:
    """Return the mean autocorrelation at one to ``BEATS_COMPARED`` beats of each tempo, of those beats that were
    heard.
    """
    import numpy as np

    total, count = np.zeros(len(tempi_bpm)), np.zeros(len(tempi_bpm))
    for beats in range(1, BEATS_COMPARED + 1):
        lag = beats * 60 * FRAMES_PER_S / tempi_bpm
        heard = lag < 0.75 * heard_frames
        total += heard * np.interp(lag, np.arange(len(lags)), lags)
        count += heard
    return total / np.maximum(count, 1)


def _loop_tempi(duration_s: float | None) -> list[float]:
    """Return the tempi at which a short file would be a loop of whole bars, the middling ones only.

    >>> _loop_tempi(4.0)
    [120.0]
    """
    if duration_s is None or not 0 < duration_s <= LOOP_LONGEST_S:
        return []
    tempi = [60 * beats / duration_s for beats in LOOP_BEATS]
    return [tempo for tempo in tempi if 70 <= tempo <= 180]


def _refined(lags: np.ndarray, heard_frames: int, tempo_bpm: float) -> float:
    """Sharpen a tempo by where the autocorrelation peaks after 2, 4, 8 and 16 beats: the longer the lag, the finer.

    A peak that is more than a frame off, or not half as high as the last, ends it: the tempo sways.
    """
    import numpy as np

    smooth = np.convolve(lags, (0.25, 0.5, 0.25), "same")
    height = 0.0
    for beats in (2, 4, 8, 16):
        expected = beats * 60 * FRAMES_PER_S / tempo_bpm
        low, high = round(expected) - 2, round(expected) + 3
        if low < 2 or high >= 0.75 * heard_frames:
            break
        at = low + int(smooth[low:high].argmax())
        before, top, after = smooth[at - 1 : at + 2]
        if at in (low, high - 1) or top < 0.5 * height or before - 2 * top + after >= 0:
            break
        tempo_bpm = beats * 60 * FRAMES_PER_S / (at + 0.5 * (before - after) / (before - 2 * top + after))
        height = top
    return float(tempo_bpm)


def _peaks(score: np.ndarray) -> list[int]:
    import numpy as np

    inner = np.flatnonzero((score[1:-1] > score[:-2]) & (score[1:-1] >= score[2:])) + 1
    return sorted(inner.tolist(), key=lambda at: -score[at])


def _distinct(tempi_bpm: Sequence[float], limit: int = 6) -> tuple[float, ...]:
    """Keep, in order, at most ``limit`` tempi within 20 to 500 BPM that differ by 3 % or more.

    >>> _distinct([90.0, 90.9, 45.0, 180.0, 600.0])
    (90.0, 45.0, 180.0)
    """
    kept: list[float] = []
    for tempo in tempi_bpm:
        if 20 <= tempo <= 500 and all(abs(tempo / other - 1) >= 0.03 for other in kept):
            kept.append(float(tempo))
    return tuple(round(tempo, 1) for tempo in kept[:limit])


def find_key(stretches: Sequence[np.ndarray]) -> Key:
    """Find the key over stretches of mono samples at ``SAMPLE_RATE_HZ``.

    The pitch classes are correlated with two sets of key profiles in all 24 keys, the mean decides. A key is stated
    when it fits well and the pitch classes differ enough from noise.
    """
    import numpy as np

    chroma = pitch_classes(stretches)
    if chroma.mean() <= 0 or chroma.std() < CHROMA_CONTRAST_MIN * chroma.mean():
        return NO_KEY
    fits = np.zeros(24)
    centred = (chroma - chroma.mean()) / (np.linalg.norm(chroma - chroma.mean()) + 1e-12)
    for profiles in KEY_PROFILES.values():
        for mode, profile in enumerate((profiles["major"], profiles["minor"])):
            shape = np.array(profile) - np.mean(profile)
            shape /= np.linalg.norm(shape)
            fits[12 * mode : 12 * mode + 12] += [
                np.roll(shape, tonic) @ centred / len(KEY_PROFILES) for tonic in range(12)
            ]
    order = np.argsort(-fits)
    best, second = fits[order[0]], fits[order[1]]
    confidence = float(np.clip(0.6 * (best - 0.5) / 0.45 + 0.4 * (best - second) / 0.2, 0, 1))
    if best < KEY_MIN:
        return Key(None, None, min(confidence, 0.2))
    return Key(PITCH_CLASSES[order[0] % 12], "major" if order[0] < 12 else "minor", confidence)


def pitch_classes(stretches: Sequence[np.ndarray]) -> np.ndarray:
    """Return how strong each pitch class sounds, C first, shape (12,).

    Harmonic pitch class profile: peaks of long spectra (2.7 Hz a bin, which tells the semitones of a bass apart),
    tuned by their mean deviation from equal temperament, each counted for the notes of which it may be one of the
    first four harmonics (Gomez 2006).
    """
    import librosa
    import numpy as np

    low, high = (int(hz * CHROMA_FRAME_SAMPLES / SAMPLE_RATE_HZ) for hz in CHROMA_HZ)
    notes, weights, frames = [], [], []
    count = 0
    for samples in stretches:
        padded = samples
        if len(samples) < CHROMA_FRAME_SAMPLES:
            padded = np.pad(samples, (0, CHROMA_FRAME_SAMPLES - len(samples)))
        chunk = 32 * CHROMA_HOP_SAMPLES
        for start in range(0, len(padded) - CHROMA_FRAME_SAMPLES + 1, chunk):
            part = padded[start : start + chunk + CHROMA_FRAME_SAMPLES - CHROMA_HOP_SAMPLES]
            spectra = librosa.stft(part, n_fft=CHROMA_FRAME_SAMPLES, hop_length=CHROMA_HOP_SAMPLES, center=False)[
                low - 1 : high + 1
            ].T
            amplitude = np.abs(spectra)
            inner = amplitude[:, 1:-1]
            peak = (inner > amplitude[:, :-2]) & (inner >= amplitude[:, 2:]) & (inner > 1e-3)
            peak &= inner > inner.max(axis=1, keepdims=True) * 10 ** (-50 / 20)
            at_frame, at_bin = np.nonzero(peak)
            level = np.log(amplitude + 1e-9)
            before, top, after = (level[at_frame, at_bin + shift] for shift in (0, 1, 2))
            offset = np.clip(0.5 * (before - after) / np.minimum(before - 2 * top + after, -1e-9), -0.5, 0.5)
            notes.append(69 + 12 * np.log2((low + at_bin + offset) * SAMPLE_RATE_HZ / CHROMA_FRAME_SAMPLES / 440))
            weights.append(np.sqrt(inner[peak]))
            frames.append(at_frame + count)
            count += len(amplitude)
    note, weight, frame = (np.concatenate(parts) if parts else np.zeros(0) for parts in (notes, weights, frames))
    if not len(note):
        return np.zeros(12)
    note = note - np.angle((weight**2 * np.exp(2j * np.pi * note)).sum()) / (2 * np.pi)
    weight = weight * np.cos(np.pi * (note - np.round(note))) ** 2
    classes = np.zeros((count, 12))
    for harmonic in range(1, HARMONICS + 1):
        pitch_class = np.round(note - 12 * np.log2(harmonic)).astype(int) % 12
        np.add.at(classes, (frame.astype(int), pitch_class), weight * HARMONIC_DECAY ** (harmonic - 1))
    total = classes.sum(axis=1, keepdims=True)
    return np.asarray((classes / np.sqrt(total + 1e-9)).mean(axis=0))  # loud frames count more, but by the root only
