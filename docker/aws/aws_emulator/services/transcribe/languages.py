"""AWS's language codes (``en-US``) and the languages that speech models know (``en``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

SPOKEN = {"zh-HK": "yue"}  # Cantonese; every other code begins with its language
USUAL_CODES = {"ar": "ar-SA", "de": "de-DE", "en": "en-US", "es": "es-US", "fr": "fr-FR", "pt": "pt-BR", "zh": "zh-CN"}


def spoken_language(code: str) -> str:
    """The language of one of AWS's codes, as Whisper and Vosk name it.

    >>> spoken_language("pt-BR"), spoken_language("zh-HK")
    ('pt', 'yue')
    """
    return SPOKEN.get(code, code.partition("-")[0])


def code_for(language: str, options: Iterable[str] = ()) -> str | None:
    """The code of AWS for a language that was heard: of the options if there are any, else the usual one.

    A model hears "English", not which: of several options in one language the first is taken.

    >>> code_for("en"), code_for("en", ["fr-FR", "en-AU"]), code_for("de", ["fr-FR"]), code_for("la")
    ('en-US', 'en-AU', None, None)
    """
    options = tuple(options)
    if not options and language in USUAL_CODES:
        return USUAL_CODES[language]
    return next((code for code in options or known_codes() if spoken_language(code) == language), None)


@cache
def known_codes() -> Sequence[str]:
    """Every LanguageCode of Amazon Transcribe."""
    loader = botocore.session.Session().get_component("data_loader")
    model: Any = ServiceModel(loader.load_service_model("transcribe", "service-2"), "transcribe")
    return tuple(model.shape_for("LanguageCode").enum)
