"""Amazon Comprehend keeps nothing: a text comes, an answer goes."""

from __future__ import annotations

from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from aws_emulator.services.comprehend.engine import sentiment_of
from aws_emulator.services.comprehend.exceptions import (
    BatchSizeLimitExceededException,
    TextSizeLimitExceededException,
    UnsupportedLanguageException,
)

LARGEST_TEXT_BYTES = 5000  # https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html
LARGEST_BATCH = 25
LANGUAGE = "en"  # VADER's words are English


class ComprehendBackend(BaseBackend):
    """Sentiment of English texts."""

    def detect_sentiment(self, text: str, language: str) -> dict[str, Any]:
        """The sentiment of one text. Raises what AWS raises for its size and language."""
        _refuse_language(language)
        if _too_large(text):
            raise TextSizeLimitExceededException(_too_large(text))
        return _rated(text)

    def batch_detect_sentiment(self, texts: list[str], language: str) -> dict[str, list[dict[str, Any]]]:
        """The sentiment of up to 25 texts; one that is too large is in the error list and spoils no other."""
        if len(texts) > LARGEST_BATCH:
            raise BatchSizeLimitExceededException(
                f"Please use a smaller number of items in a single batch. Maximum batch size is {LARGEST_BATCH}."
            )
        _refuse_language(language)
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for index, text in enumerate(texts):
            if _too_large(text):
                errors.append(
                    {"Index": index, "ErrorCode": "TEXT_SIZE_LIMIT_EXCEEDED", "ErrorMessage": _too_large(text)}
                )
            else:
                results.append({"Index": index, **_rated(text)})
        return {"ResultList": results, "ErrorList": errors}


def _rated(text: str) -> dict[str, Any]:
    sentiment, scores = sentiment_of(text)
    return {"Sentiment": sentiment, "SentimentScore": scores}


def _refuse_language(language: str) -> None:
    if language != LANGUAGE:
        raise UnsupportedLanguageException(
            f"Amazon Comprehend can't process the language of the input text: the local AWS rates {LANGUAGE} only, "
            f"not {language}."
        )


def _too_large(text: str) -> str:
    """AWS's words for a text that is too large, empty for any other.

    >>> _too_large("x" * 5000), _too_large("\u00e9" * 2501)[-18:]
    ('', 'size is 5002 bytes')
    """
    size_bytes = len(text.encode())
    if size_bytes <= LARGEST_TEXT_BYTES:
        return ""
    return (
        f"Input text size exceeds limit. Max length of request text allowed is {LARGEST_TEXT_BYTES} bytes "
        f"while in this request the text size is {size_bytes} bytes"
    )


comprehend_backends = BackendDict(ComprehendBackend, "comprehend")
