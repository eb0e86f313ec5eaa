"""faster-whisper with a CTranslate2 model on disk. The package is optional and no model is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aws_emulator.services.transcribe import reasons
from aws_emulator.services.transcribe.audio import seconds_of
from aws_emulator.services.transcribe.languages import code_for, spoken_language
from aws_emulator.services.transcribe.reasons import failed
from aws_emulator.services.transcribe.recognisers import (
    Heard,
    Identified,
    SpeechModelMissing,
    refuse_to_identify,
    refuse_unknown,
)
from aws_emulator.services.transcribe.voice import stretches
from aws_emulator.services.transcribe.words import Word

LEAST_S, MOST_S = 240.0, 300.0  # of a piece: Whisper looks at 30 s at a time, the rest bounds memory
SAMPLE_S = 30.0  # of speech, to tell the language by
MARKS = ".,!?;:…。，！？；：、"


class WhisperRecogniser:
    """Knows the languages of its model, punctuation and capitals."""

    def __init__(self, folder: str, threads: int) -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            message = "The speech model whisper needs the package faster-whisper: uv pip install faster-whisper"
            raise SpeechModelMissing(f"{message} ({error}).") from error
        try:
            self._model: Any = WhisperModel(
                folder, device="cpu", compute_type="auto", cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise SpeechModelMissing(f"{folder} holds no CTranslate2 model of Whisper: {error}") from error
        self._name = f"whisper ({Path(folder).name})"

    def refuse_language(self, code: str, /) -> None:
        known = self._model.supported_languages
        if spoken_language(code) not in known:
            raise refuse_unknown(self._name, code, f"{len(known)} languages ({', '.join(sorted(known))})")

    def identify(self, sound: Path, options: Sequence[str], /) -> Identified:
        if not self._model.model.is_multilingual:
            raise refuse_to_identify(self._name)
        sample = next(stretches(sound, SAMPLE_S / 2, SAMPLE_S), None)
        if sample is None:
            raise failed(reasons.NO_SPEECH_TO_IDENTIFY)
        _, _, scores = self._model.detect_language(_as_floats(sample[1]))
        wanted = {spoken_language(code) for code in options} or {language for language, _ in scores}
        identified = [
            (code, float(score))
            for language, score in sorted(scores, key=lambda entry: -entry[1])
            if language in wanted and (code := code_for(language, options)) is not None
        ]
        if not identified:
            raise refuse_unknown(self._name, ", ".join(options), "none of them")
        return identified[:5]

    def hear(self, sound: Path, code: str, /) -> Iterator[Heard]:
        for start_s, pcm in stretches(sound, LEAST_S, MOST_S):
            segments, _ = self._model.transcribe(
                _as_floats(pcm),
                language=spoken_language(code),
                word_timestamps=True,
                condition_on_previous_text=False,  # else one hallucination breeds the next
            )
            for segment in segments:
                yield start_s + segment.end, list(_words(segment.words or (), start_s))
            yield start_s + seconds_of(len(pcm)), []


def _words(heard: Iterable[Any], offset_s: float) -> Iterator[Word]:
    """Whisper's words, which carry their spaces and their punctuation with them, as ours."""
    for word in heard:
        text = word.word.strip()
        bare = text.rstrip(MARKS)
        if bare:
            yield Word(
                start_s=offset_s + word.start,
                end_s=offset_s + word.end,
                text=bare,
                confidence=min(1.0, max(0.0, word.probability)),
                mark=text[len(bare) :],
                glued=not word.word.startswith(" "),
            )


def _as_floats(pcm: bytes) -> Any:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
