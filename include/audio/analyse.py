"""From a file to its record: one decoding pass, in which levels and windows are gathered, then music and voice over
the windows.
"""

from __future__ import annotations

from pathlib import Path

from include.audio.decode import MonoResampler, decode_blocks
from include.audio.errors import NoSamples
from include.audio.loudness import LoudnessMeter
from include.audio.spectrum import SAMPLE_RATE_HZ
from include.catalog.records import AudioFeatures

ANALYSER_VERSION = "2"
"""Raise it whenever the same file would get another record."""


def analyse_audio(
    path: str | Path, *, asset_id: str, original_name: str, attribution_required: bool, attribution_text: str
) -> AudioFeatures:
    """Analyse an audio file of any length in bounded memory.

    Duration, loudness, peak, RMS and silence are of the whole file. Tempo, key and voice are of the whole file up to
    six minutes; of a longer one they are heard in windows of 30 s, spread evenly, and ``windows`` says so. Silence
    has neither tempo nor key, and speech has none either.

    :raises AudioError: when the file is no audio; whatever ``probe_audio`` passes is analysed.
    """
    from include.audio.music import NO_KEY, NO_TEMPO, find_key, find_tempo
    from include.audio.spectrum import frames_of
    from include.audio.voice import tell_voice
    from include.audio.windows import WindowKeeper

    meter: LoudnessMeter | None = None
    keeper = WindowKeeper(SAMPLE_RATE_HZ)
    samples = 0
    for block in decode_blocks(path):
        if meter is None:
            first = block
            meter = LoudnessMeter(block.sample_rate_hz, block.layout)
            resampler = MonoResampler(block.sample_rate_hz, SAMPLE_RATE_HZ)
        meter.add(block.samples)
        keeper.add(resampler.add(block.samples))
        samples += block.samples.shape[1]
    if meter is None:
        raise NoSamples(Path(path).name)
    keeper.add(resampler.finish())
    levels = meter.result()

    stretches = keeper.take()
    segments = [frames_of(stretch) for stretch in stretches]
    voice = tell_voice(segments)
    musical = voice.voice in {"instrumental", "mixed"}
    tempo = find_tempo(segments, samples / first.sample_rate_hz) if musical else NO_TEMPO
    key = find_key(stretches) if musical else NO_KEY
    return AudioFeatures(
        asset_id=asset_id,
        original_name=original_name,
        duration_s=round(samples / first.sample_rate_hz, 6),
        sample_rate_hz=first.sample_rate_hz,
        channels=int(first.samples.shape[0]),
        codec=first.codec,
        loudness_lufs=_rounded(levels.loudness_lufs),
        loudness_range_lu=_rounded(levels.loudness_range_lu),
        true_peak_dbtp=_rounded(levels.true_peak_dbtp),
        rms_dbfs=_rounded(levels.rms_dbfs),
        silence_share=round(levels.silence_share, 4),
        voice=voice.voice,
        voice_confidence=round(voice.confidence, 3),
        speech_share=round(voice.share, 4),
        tempo_bpm=tempo.tempo_bpm,
        tempo_candidates_bpm=tempo.candidates_bpm,
        tempo_confidence=round(tempo.confidence, 3),
        key=key.key,
        mode=key.mode,
        key_confidence=round(key.confidence, 3),
        attribution_required=attribution_required,
        attribution_text=attribution_text,
        windows=keeper.windows,
        analyser_version=ANALYSER_VERSION,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
