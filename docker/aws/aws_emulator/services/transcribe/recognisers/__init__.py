"""The speech recognisers, behind one small interface; which one works is the server's ``--speech-model``.

pocketsphinx            sphinx.py    always there, brings its model, US English only
whisper:<folder>        whisper.py   package faster-whisper, a CTranslate2 model; knows languages and punctuation
vosk:<folder>           vosk.py      package vosk, a Vosk model; the one language of its model

A new one is a module with a class, and a line in ``MAKERS``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.transcribe import reasons
from aws_emulator.services.transcribe.words import Word

Heard = tuple[float, list[Word]]  # how far the audio was listened to, in seconds; what was said since the last one
Identified = list[tuple[str, float]]  # (AWS's language code, probability), best first

MAKERS = {
    "pocketsphinx": "aws_emulator.services.transcribe.recognisers.sphinx:PocketsphinxRecogniser",
    "whisper": "aws_emulator.services.transcribe.recognisers.whisper:WhisperRecogniser",
    "vosk": "aws_emulator.services.transcribe.recognisers.vosk:VoskRecogniser",
}
OTHER_MODELS = "--speech-model whisper:<folder> or vosk:<folder>"


class Recogniser(Protocol):
    """Turns a file of 16 kHz mono PCM (s16le) into words."""

    def refuse_language(self, code: str, /) -> None:
        """Raise ``JobFailed`` if the model does not know the language of this code."""

    def identify(self, sound: Path, options: Sequence[str], /) -> Identified:
        """Which language is spoken, one of ``options`` if there are any. Raises ``JobFailed`` if it cannot tell."""

    def hear(self, sound: Path, code: str, /) -> Iterator[Heard]:
        """What is said, as it is recognised. Times count from the start of the file."""


class SpeechModelMissing(JobFailed):
    """The package of the chosen speech model is not installed, or its folder holds no model."""

    def __init__(self, message: str) -> None:
        super().__init__(reasons.FAILED, message)


def refuse_unknown(model: str, code: str, known: str) -> JobFailed:
    """The failure of a job in a language that the model does not know.

    >>> refuse_unknown("pocketsphinx", "fr-FR", "en-US only").message
    'The local AWS cannot transcribe fr-FR: its speech model pocketsphinx knows en-US only. Start it with \
--speech-model whisper:<folder> or vosk:<folder> and a model of that language.'
    """
    return JobFailed(
        reasons.FAILED,
        f"The local AWS cannot transcribe {code}: its speech model {model} knows {known}. "
        f"Start it with {OTHER_MODELS} and a model of that language.",
    )


def refuse_to_identify(model: str) -> JobFailed:
    """The failure of a job that asks a model of one language to identify languages."""
    return JobFailed(
        reasons.FAILED,
        f"The local AWS cannot identify languages with its speech model {model}, which knows only one. "
        "Give LanguageCode, or start it with --speech-model whisper:<folder> and a multilingual model.",
    )


@lru_cache(maxsize=1)
def recogniser_for(speech_model: str, threads: int) -> Recogniser:
    """The recogniser that ``--speech-model`` names; a warm worker keeps it loaded. Raises ``SpeechModelMissing``."""
    kind, _, folder = speech_model.partition(":")
    if kind not in MAKERS:
        raise SpeechModelMissing(f"There is no speech model {speech_model!r}; known are {', '.join(MAKERS)}.")
    module, _, name = MAKERS[kind].partition(":")
    return getattr(importlib.import_module(module), name)(folder, threads)
