"""Sound made by arithmetic, and files of it in any container: what the audio tests listen to."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE_HZ = 22_050
FORMANTS_HZ = {
    "a": (730, 1090, 2440),
    "i": (270, 2290, 3010),
    "u": (300, 870, 2240),
    "e": (530, 1840, 2480),
    "o": (570, 840, 2410),
}
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def sine(
    frequency_hz: float, duration_s: float, level_dbfs: float = -6.0, rate_hz: int = RATE_HZ, phase: float = 0.0
) -> np.ndarray:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * time_s + phase)).astype(np.float32)


def pink_noise(duration_s: float, level_dbfs: float = -20.0, rate_hz: int = RATE_HZ, seed: int = 1) -> np.ndarray:
    size = round(duration_s * rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, size)
    return (noise / noise.std() * 10 ** (level_dbfs / 20)).astype(np.float32)


def clicks(tempo_bpm: float, duration_s: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A metronome whose first of four clicks is higher and louder."""
    sound = 0.001 * np.random.default_rng(3).standard_normal(round(duration_s * rate_hz))
    time_s = np.arange(round(0.05 * rate_hz)) / rate_hz
    for beat in range(int(duration_s * tempo_bpm / 60)):
        at = round(beat * 60 / tempo_bpm * rate_hz)
        click = (
            (0.8 if beat % 4 == 0 else 0.5)
            * np.sin(2 * np.pi * (1500 if beat % 4 == 0 else 1000) * time_s)
            * np.exp(-80 * time_s)
        )
        sound[at : at + len(click)] += click[: len(sound) - at]
    return sound.astype(np.float32)


def tone(midi: float, duration_s: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A plucked note with six partials."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    frequency_hz = 440 * 2 ** ((midi - 69) / 12)
    partials = (np.sin(2 * np.pi * n * frequency_hz * time_s) * np.exp(-time_s * n) / n**1.3 for n in range(1, 7))
    return (sum(partials) * np.minimum(1, np.minimum(time_s, duration_s - time_s) / 0.01)).astype(np.float32)


def cadence(key: str, mode: str, repeats: int = 2, chord_s: float = 0.8, cents: float = 0.0) -> np.ndarray:
    """Chords I-IV-V-I in root position with a bass; in minor the dominant is major, as in harmonic minor."""
    tonic = 48 + PITCH_CLASSES.index(key) + cents / 100
    third = 4 if mode == "major" else 3
    chords = [(0, third, 7), (5, 5 + third, 12), (7, 11, 14), (0, third, 7)]
    sound = []
    for root, second, fifth in chords * repeats:
        notes = (root - 12, root, second, fifth, root + 12)
        sound.append(sum(tone(tonic + note, chord_s) for note in notes))
    joined = np.concatenate(sound)
    return (0.5 * joined / np.abs(joined).max()).astype(np.float32)


def drums(tempo_bpm: float, duration_s: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sound = np.zeros(round((duration_s + 1) * RATE_HZ))
    time_s = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    kick = np.sin(2 * np.pi * (50 * time_s + 8 * (1 - np.exp(-25 * time_s)))) * np.exp(-14 * time_s)
    snare = rng.standard_normal(len(time_s)) * np.exp(-25 * time_s)
    hat = np.diff(rng.standard_normal(len(time_s)), prepend=0) * np.exp(-90 * time_s)
    for eighth in range(int(duration_s * tempo_bpm / 30)):
        at = round(eighth * 30 / tempo_bpm * RATE_HZ)
        stroke = 0.1 * hat + (0.6 * kick if eighth % 4 == 0 else 0.3 * snare if eighth % 4 == 2 else 0)
        sound[at : at + len(stroke)] += stroke
    return (0.6 * sound / np.abs(sound).max())[: round(duration_s * RATE_HZ)].astype(np.float32)


def babble(duration_s: float, pitch_hz: float = 120.0, seed: int = 0, syllables_per_s: float = 4.0) -> np.ndarray:
    """Somebody talking nonsense: a glottal tone that glides, moving formants, hisses and pauses."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(round((duration_s + 2) * RATE_HZ))
    at_s, syllable = 0.05, 0
    while at_s < duration_s:
        length_s = rng.uniform(0.6, 1.5) / syllables_per_s
        if rng.random() < 0.5:
            hiss = np.diff(rng.standard_normal(round(rng.uniform(0.05, 0.12) * RATE_HZ)), prepend=0)
            at = round(at_s * RATE_HZ)
            sound[at : at + len(hiss)] += 0.06 * hiss * np.hanning(len(hiss))
            at_s += 0.8 * len(hiss) / RATE_HZ
        vowel = _vowel(rng, 0.75 * length_s, pitch_hz * (1 - 0.04 * (syllable % 8)))
        at = round(at_s * RATE_HZ)
        sound[at : at + len(vowel)] += 0.2 * vowel
        at_s += len(vowel) / RATE_HZ + rng.uniform(0, 0.06) + (rng.uniform(0.2, 0.5) if syllable % 9 == 8 else 0)
        syllable += 1
    spoken = sound[: round(duration_s * RATE_HZ)]
    return (0.5 * spoken / np.abs(spoken).max() + 0.001 * rng.standard_normal(len(spoken))).astype(np.float32)


def _vowel(rng: np.random.Generator, length_s: float, pitch_hz: float) -> np.ndarray:
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    done = time_s / time_s[-1]
    semitones = rng.uniform(-2, 2) + rng.uniform(-4, 3) * done + rng.uniform(-2, 2) * np.sin(np.pi * done)
    frequency_hz = pitch_hz * 2 ** (semitones / 12)
    phase = 2 * np.pi * np.cumsum(frequency_hz) / RATE_HZ
    names = list(FORMANTS_HZ)
    start, end = (np.array(FORMANTS_HZ[names[rng.integers(len(names))]]) for _ in range(2))
    vowel = np.zeros(len(time_s))
    for partial in range(1, int(min(60, 5000 / frequency_hz.min())) + 1):
        gain = np.zeros(len(time_s))
        for formant, (weight, width_hz) in enumerate(((1, 70), (0.5, 100), (0.25, 160))):
            centre_hz = start[formant] + (end[formant] - start[formant]) * done
            gain += weight / (1 + ((partial * frequency_hz - centre_hz) / width_hz) ** 2)
        vowel += gain * np.sin(partial * phase) / partial**0.3
    return vowel * np.minimum(1, np.minimum(time_s / 0.03, (time_s[-1] - time_s) / 0.05)) * rng.uniform(0.6, 1)


def wav_bytes(samples: np.ndarray, rate_hz: int = RATE_HZ, declared_bytes: int | None = None) -> bytes:
    """A WAV file of float32 samples, mono or of shape (channels, n), as 32-bit float: what is put in comes out."""
    planes = np.atleast_2d(np.asarray(samples, np.float32))
    data = planes.T.tobytes()
    size = len(data) if declared_bytes is None else declared_bytes
    channels = len(planes)
    header = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, channels, rate_hz, rate_hz * 4 * channels, 4 * channels, 32)
    return (
        b"RIFF"
        + struct.pack("<I", (36 + size) & 0xFFFFFFFF)
        + b"WAVE"
        + header
        + struct.pack("<4sI", b"data", size)
        + data
    )


def encoded(samples: np.ndarray, container: str, codec: str, rate_hz: int = RATE_HZ, *, picture: bool = False) -> bytes:
    """Samples, mono or of shape (channels, n), encoded by ffmpeg; with a moving picture beside them if asked for."""
    planes = np.atleast_2d(np.asarray(samples, np.float32))
    layout = {1: "mono", 2: "stereo"}[len(planes)]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        sound = output.add_stream(codec, rate=rate_hz, layout=layout)
        if picture:
            _add_picture(output, planes.shape[1] / rate_hz)
        resampler = av.AudioResampler(
            format=sound.format, layout=layout, rate=rate_hz, frame_size=sound.codec_context.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(sound.encode(part))
        output.mux(sound.encode(None))
    return file.getvalue()


def silent_video(container: str) -> bytes:
    """A second of moving picture without a sound track."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        _add_picture(output, 1.0)
    return file.getvalue()


def _add_picture(output: av.container.OutputContainer, duration_s: float) -> None:
    video = output.add_stream("mpeg4", rate=10)
    video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
    for number in range(max(1, round(10 * duration_s))):
        frame = av.VideoFrame.from_ndarray(np.full((48, 32), 16 + number % 200, np.uint8), format="yuv420p")
        frame.pts = number
        output.mux(video.encode(frame))
    output.mux(video.encode(None))


def id3_tag(*frames: tuple[bytes, bytes]) -> bytes:
    """An ID3v2.3 tag of (name, body) frames."""
    body = b"".join(name + struct.pack(">IH", len(content), 0) + content for name, content in frames)
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + body


def cover_frame(picture: bytes, media_type: bytes = b"image/png") -> tuple[bytes, bytes]:
    return b"APIC", b"\x00" + media_type + b"\x00\x03\x00" + picture


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
