"""Is somebody speaking or singing, is it music without words, or both?

Ten measures of the spectrogram, each with a reason in how voices and instruments work, and a logistic model over
three classes with its coefficients in a table below. What tells them apart most: a voice glides, its pitch and so all
its partials never stand still for a quarter of a second, while notes are held; syllables come with short pauses,
music goes on.

**Where the coefficients come from.** A softmax regression on generated sound: babble of a formant synthesiser, composed
music, noises, and voices over music. The tests hold what they do on sound of their own making; what they do on real
recordings is told by `python -m benchmarks.audio_analysis --media FOLDER`. Effects are harder: a door slam may be
called a voice.

**What it cannot do.** Speech in loud steady noise loses its pauses and is then called instrumental; a solo instrument
played with much portamento may be called a voice; a sung voice under synthesisers that hold every note is missed.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from include.audio.spectrum import FRAMES_PER_S, Frames

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

__all__ = ["Voice", "VoiceMeasures", "measure_voice", "tell_voice"]

STRETCH_S = 6.0
SILENT_BELOW_DB = -65.0
ACTIVE_BELOW_LOUDEST_DB = 40.0
VOICED_CLARITY = 0.6
GLIDE_SEMITONES = (0.08, 2.5)
"""Change of pitch from frame to frame (23 ms): more is a glide; beyond the upper value it is another note or an
octave error.
"""
HOLD_SEMITONES = 0.03

VOICED_SHARE_MIN, PAUSE_SHARE_MIN = 0.15, 0.06
MIXED_STILL_LINES = (0.15, 0.58)

CLASSES = ("voice", "instrumental", "mixed")
INTERCEPTS = (-0.46, 0.22, 0.25)
COEFFICIENTS = {
    # measure: mean, deviation; weight for voice, instrumental, mixed
    "glide_share": (0.278, 0.196, 1.27, -0.94, -0.33),
    "hold_share": (0.156, 0.200, 0.00, 0.94, -0.94),
    "still_lines": (0.226, 0.247, -1.07, 0.16, 0.92),
    "moving_lines": (0.182, 0.127, 0.04, -0.52, 0.48),
    "voiced_share": (0.669, 0.271, -0.85, 0.27, 0.59),
    "pause_share": (0.168, 0.152, 0.31, 0.62, -0.93),
    "syllable_modulation": (0.391, 0.129, 0.27, -0.26, -0.01),
    "fast_modulation": (0.080, 0.073, -0.37, 0.76, -0.40),
    "centroid_deviation": (0.745, 0.384, 0.30, -0.61, 0.32),
    "speech_band_share": (0.807, 0.205, 0.63, -0.48, -0.15),
}


@dataclass(frozen=True, slots=True)
class VoiceMeasures:
    """What speaks for a voice or against it, over a stretch of frames; the order is that of ``COEFFICIENTS``."""

    glide_share: float
    """Share of the audible frames whose pitch glides."""
    hold_share: float
    """Share of the audible frames whose pitch stands still."""
    still_lines: float
    """Root of the share of spectral lines that stay in their bin (10.8 Hz) for 160 ms: notes."""
    moving_lines: float
    """Root of the share of spectral lines that move steadily, one to three bins a frame: a gliding voice."""
    voiced_share: float
    """Share of the audible frames with a clear pitch."""
    pause_share: float
    """Share of frames at less than half the mean amplitude of the second around them."""
    syllable_modulation: float
    """Share of the modulation of the mel bands between 2.5 and 7 Hz, where syllables are."""
    fast_modulation: float
    """Share of the modulation above 8 Hz: roughness of noise and drums."""
    centroid_deviation: float
    """Standard deviation of the spectral centroid in octaves: vowels against hisses."""
    speech_band_share: float
    """Share of the power from 200 to 3500 Hz in that above 120 Hz: chirps and clicks lie higher."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The verdict on a file, and how sure it is: 1/3 is a guess, 1 is certain."""

    voice: Literal["voice", "instrumental", "mixed", "silent"]
    confidence: float
    share: float
    """Share of the time, silence included, in which a voice is heard, alone or over music: 0 to 1."""


def tell_voice(segments: Iterable[Frames]) -> Voice:
    """Tell voice and music apart over the segments of a file.

    Stretches of about ``STRETCH_S`` are judged one by one and averaged by their audible frames. Spoken and
    instrumental stretches in one file make it mixed: each kind has to fill a fifth of it. Of a stretch in which a voice
    is heard its audible frames count as spoken or sung, pauses between words among them.
    """
    import numpy as np

    segments = list(segments)
    weights, probabilities = [], []
    loudest = max((float(segment.level_db.max()) for segment in segments if len(segment)), default=-np.inf)
    if loudest < SILENT_BELOW_DB:
        return Voice("silent", 1.0, 0.0)
    for segment in segments:
        stretches = max(1, round(len(segment) / (STRETCH_S * FRAMES_PER_S)))
        borders = np.linspace(0, len(segment), stretches + 1).astype(int)
        for start, end in pairwise(borders.tolist()):
            stretch = segment.part(start, end)
            audible = _audible(stretch.level_db, loudest)
            if not audible.any():
                continue
            weights.append(int(audible.sum()))
            probabilities.append(class_probabilities(measure_voice(stretch, loudest)))
    share = np.average(np.array(probabilities), axis=0, weights=weights)
    chosen = np.array(probabilities).argmax(axis=1)
    heard = float(np.sum(weights, where=chosen != CLASSES.index("instrumental")) / sum(map(len, segments)))
    spoken, played = (np.average(chosen == index, weights=weights) for index in (0, 1))
    if min(spoken, played) >= 0.2 and abs(spoken - played) < 0.6:
        return Voice("mixed", float(max(share[2], 2 * min(share[0], share[1]))), heard)
    best = int(share.argmax())
    return Voice(CLASSES[best], float(share[best]), heard)  # type: ignore[arg-type]


def class_probabilities(measures: VoiceMeasures) -> np.ndarray:
    """Return the probabilities of ``CLASSES``, shape (3,): softmax of the linear model, but for what is ruled out.

    A voice alone needs a pitch and pauses between syllables, which a bird has not and a siren has not. Voice and
    music together need some held notes; where they are more than a third of all lines, what glides is taken for the
    vibrato of an instrument.
    """
    import numpy as np

    table = np.array(list(COEFFICIENTS.values()))
    scores = np.array(INTERCEPTS) + ((np.array(astuple(measures)) - table[:, 0]) / table[:, 1]) @ table[:, 2:]
    if measures.voiced_share < VOICED_SHARE_MIN or measures.pause_share < PAUSE_SHARE_MIN:
        scores[CLASSES.index("voice")] = -np.inf
    if not MIXED_STILL_LINES[0] <= measures.still_lines <= MIXED_STILL_LINES[1]:
        scores[CLASSES.index("mixed")] = -np.inf
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())


def measure_voice(frames: Frames, loudest_db: float | None = None) -> VoiceMeasures:
    """Measure a stretch of at least one frame; ``loudest_db`` is the level of the file's loudest frame, else the
    stretch's own.
    """
    import numpy as np

    audible = _audible(frames.level_db, float(frames.level_db.max()) if loudest_db is None else loudest_db)
    count = max(1, int(audible.sum()))
    voiced = audible & (frames.clarity > VOICED_CLARITY)
    change = 12 * np.abs(np.diff(np.log2(frames.pitch_hz)))
    followed = voiced[1:] & voiced[:-1] & (change < GLIDE_SEMITONES[1])
    still, moving = _line_motion(frames.partials)
    lines = max(1, int(frames.partials[audible].sum()))
    amplitude = 10 ** (frames.level_db / 20)
    around = np.ones(min(len(frames), round(FRAMES_PER_S)))
    mean_amplitude = np.convolve(amplitude, around, "same") / np.convolve(np.ones(len(frames)), around, "same")
    syllables, fast = _modulation(frames.mel)
    power = 10 ** (frames.level_db[audible] / 10)
    power = power / (power.sum() + 1e-20)
    above_bass = max(1e-3, 1 - float(frames.low_share[audible] @ power))
    octaves = np.log2(frames.centroid_hz[audible] + 50)
    return VoiceMeasures(
        glide_share=float((followed & (change > GLIDE_SEMITONES[0])).sum() / count),
        hold_share=float((followed & (change <= HOLD_SEMITONES)).sum() / count),
        still_lines=float(np.sqrt(still[audible].sum() / lines)),
        moving_lines=float(np.sqrt(moving[audible].sum() / lines)),
        voiced_share=float(voiced.sum() / count),
        pause_share=float(np.mean(amplitude < 0.5 * mean_amplitude)),
        syllable_modulation=syllables,
        fast_modulation=fast,
        centroid_deviation=float(octaves.std()) if len(octaves) > 1 else 0.0,
        speech_band_share=float(frames.mid_share[audible] @ power) / above_bass,
    )


def _audible(level_db: np.ndarray, loudest_db: float) -> np.ndarray:
    return (level_db > loudest_db - ACTIVE_BELOW_LOUDEST_DB) & (level_db > SILENT_BELOW_DB - 5)


def _line_motion(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count, for each frame, the lines that stand still over seven frames and those that move steadily over five."""
    near = lines | _shifted(lines, 0, 1) | _shifted(lines, 0, -1)
    still = lines.copy()
    for frames in (-3, -2, -1, 1, 2, 3):
        still &= _shifted(lines, frames, 0)
    next_one, last_one, next_two, last_two = (_shifted(near, frames, 0) for frames in (1, -1, 2, -2))
    moving = lines.copy()
    moving[:] = False
    for bins in (-3, -2, -1, 1, 2, 3):
        moving |= (
            _shifted(next_one, 0, bins)
            & _shifted(last_one, 0, -bins)
            & _shifted(next_two, 0, 2 * bins)
            & _shifted(last_two, 0, -2 * bins)
        )
    moving &= lines & ~_shifted(lines, 1, 0) & ~_shifted(lines, -1, 0)
    return still.sum(axis=1), moving.sum(axis=1)


def _shifted(lines: np.ndarray, frames: int, bins: int) -> np.ndarray:
    """Return the map whose (t, b) is ``lines`` at (t + frames, b + bins), False beyond the edges."""
    import numpy as np

    shifted = np.zeros_like(lines)
    rows, columns = lines.shape
    if abs(frames) < rows and abs(bins) < columns:
        shifted[max(0, -frames) : rows - max(0, frames), max(0, -bins) : columns - max(0, bins)] = lines[
            max(0, frames) : rows - max(0, -frames), max(0, bins) : columns - max(0, -bins)
        ]
    return shifted


def _modulation(mel: np.ndarray) -> tuple[float, float]:
    """Return which shares of the modulation spectrum of the log mel bands (3 s windows) lie at 2.5-7 Hz and above 8
    Hz.
    """
    import numpy as np

    level = 10 * np.log10(mel[:, :48] + 1e-10)
    level = np.maximum(level, level.max() - 60)
    window_frames = min(128, len(level))
    taper = np.hanning(window_frames + 2)[1:-1, None]
    power = np.zeros(129)
    for start in range(0, len(level) - window_frames + 1, max(1, window_frames // 2)):
        window = level[start : start + window_frames]
        power += (np.abs(np.fft.rfft((window - window.mean(axis=0)) * taper, 256, axis=0)) ** 2).sum(axis=1)
    hz = np.fft.rfftfreq(256, 1 / FRAMES_PER_S)
    syllables = power[(hz > 2.5) & (hz < 7)].sum() / (power[(hz > 0.7) & (hz < 20)].sum() + 1e-9)
    return float(syllables), float(power[hz > 8].sum() / (power[hz > 0.7].sum() + 1e-9))
