"""Vosk with a model on disk. The package is optional and no model is downloaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aws_emulator.services.transcribe.audio import RATE_HZ, seconds_of
from aws_emulator.services.transcribe.languages import spoken_language
from aws_emulator.services.transcribe.recognisers import (
    Heard,
    Identified,
    SpeechModelMissing,
    refuse_to_identify,
    refuse_unknown,
)
from aws_emulator.services.transcribe.words import Word

BLOCK_BYTES = 8_000  # a quarter of a second, as in Vosk's own examples
FOLDER = re.compile(r"vosk-model-(?:small-|big-)?(?P<language>[a-z]{2})(?:-[a-z]{2})?-.*")
OWN_NAMES = {"cn": "zh", "vn": "vi", "ua": "uk", "kz": "kk"}  # where Vosk's models are named by country


def language_of(folder: str) -> str | None:
    """The language of a model by the name of its folder, as Vosk publishes them; None if the name does not say.

    >>> language_of("/models/vosk-model-small-en-us-0.15"), language_of("vosk-model-cn-0.22"), language_of("mine")
    ('en', 'zh', None)
    """
    named = FOLDER.fullmatch(Path(folder).name)
    return OWN_NAMES.get(named["language"], named["language"]) if named else None


class VoskRecogniser:
    """Knows the language of its model; neither punctuation nor capitals.

    A model whose folder's name says no language is taken at the word of the request.
    """

    def __init__(self, folder: str, _threads: int) -> None:
        try:
            import vosk
        except ImportError as error:
            message = "The speech model vosk needs the package vosk: uv pip install vosk"
            raise SpeechModelMissing(f"{message} ({error}).") from error
        vosk.SetLogLevel(-1)
        self._make: Any = vosk.KaldiRecognizer
        try:
            self._model: Any = vosk.Model(model_path=folder)
        except Exception as error:  # Vosk raises nothing more specific
            raise SpeechModelMissing(f"{folder} holds no model of Vosk: {error}") from error
        self._name = f"vosk ({Path(folder).name})"
        self._language = language_of(folder)

    def refuse_language(self, code: str, /) -> None:
        if self._language is not None and spoken_language(code) != self._language:
            raise refuse_unknown(self._name, code, f"{self._language} only")

    def identify(self, _sound: Path, _options: Sequence[str], /) -> Identified:
        raise refuse_to_identify(self._name)

    def hear(self, sound: Path, _code: str, /) -> Iterator[Heard]:
        listener = self._make(self._model, RATE_HZ)
        listener.SetWords(1)
        heard_bytes = 0
        with sound.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                heard_bytes += len(block)
                if listener.AcceptWaveform(block):
                    yield seconds_of(heard_bytes), _words(listener.Result())
        yield seconds_of(heard_bytes), _words(listener.FinalResult())


def _words(answer: str) -> list[Word]:
    """The words of a result; their times count from the start of the sound. Silence gives none.

    >>> _words('{"result": [{"conf": 0.9, "end": 0.6, "start": 0.3, "word": "yes"}], "text": "yes"}')
    [Word(start_s=0.3, end_s=0.6, text='yes', confidence=0.9, mark='', glued=False)]
    >>> _words('{"text": ""}')
    []
    """
    return [
        Word(entry["start"], entry["end"], entry["word"], min(1.0, entry["conf"]))
        for entry in json.loads(answer).get("result", ())
    ]
