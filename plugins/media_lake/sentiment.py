"""How something was said, by Comprehend: many texts a call, none of them rated twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws_media.errors import code_and_message, is_open
from include.catalog.triage import Sentiment
from include.costs.rate_card import BilledUnits, default_rate_card
from include.triage.evidence import LARGEST_TEXT_BYTES

LARGEST_BATCH = 25  # https://docs.aws.amazon.com/comprehend/latest/dg/guidelines-and-limits.html
LANGUAGES = frozenset(["ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "zh", "zh-TW"])
"""Languages of BatchDetectSentiment: https://docs.aws.amazon.com/comprehend/latest/dg/supported-languages.html"""
_THROTTLED = frozenset({"ThrottlingException", "TooManyRequestsException", "LimitExceededException"})


class SentimentRefused(Exception):
    """Comprehend does not rate these texts, whatever is tried; says why."""


def comprehend_language(transcribed: str | None) -> str:
    """Return how Comprehend calls the language of a transcript.

    >>> comprehend_language("en-GB"), comprehend_language("zh-TW"), comprehend_language("zh-CN")
    ('en', 'zh-TW', 'zh')

    :raises SentimentRefused: for one that it does not rate.
    """
    code = transcribed if transcribed == "zh-TW" else (transcribed or "").partition("-")[0]
    if code not in LANGUAGES:
        raise SentimentRefused(f"Comprehend does not rate the language {transcribed or 'of the transcript: unknown'}")
    return code


def rate_texts(comprehend: Any, texts: Iterable[str], language: str) -> Iterator[dict[str, Sentiment]]:
    """Yield the sentiment of texts, a batch at a time, so that what is paid for can be kept at once.

    A text that Comprehend could not rate, alone of its batch, is not in there. Each text is rated once; what holds no
    letter, or more than 5,000 bytes, not at all.

    :param language: as ``comprehend_language`` returns it.
    :raises SentimentRefused: when it refuses the whole for good: denied, not there, a language.
    :raises botocore.exceptions.ClientError: when another try may help; so does any ``BotoCoreError``.
    """
    worth = [text for text in dict.fromkeys(texts) if is_rated(text)]
    for start in range(0, len(worth), LARGEST_BATCH):
        batch = worth[start : start + LARGEST_BATCH]
        try:
            answer = comprehend.batch_detect_sentiment(TextList=batch, LanguageCode=language)
        except ClientError as error:
            code, message = code_and_message(error)
            if is_open(error) or code in _THROTTLED:
                raise
            raise SentimentRefused(f"comprehend BatchDetectSentiment: {code}: {message}") from error
        yield {batch[result["Index"]]: _sentiment(result["SentimentScore"]) for result in answer["ResultList"]}


def is_rated(text: str) -> bool:
    """Say whether a text is worth its price.

    >>> is_rated("Watch out!"), is_rated("..."), is_rated("x" * 5001)
    (True, False, False)
    """
    return any(map(str.isalpha, text)) and len(text.encode()) <= LARGEST_TEXT_BYTES


def price_usd(texts: Iterable[str]) -> float:
    """Return what rating texts costs by the rate card.

    >>> price_usd(["Watch out!", "x" * 420]), price_usd([])
    (0.0008, 0.0)
    """
    units = [BilledUnits(item="comprehend.sentiment", quantity=len(text)) for text in texts]
    return default_rate_card().quote(units).usd or 0.0 if units else 0.0


def why_refused(error: BotoCoreError | ClientError) -> str:
    """Write down an error of the last try."""
    if isinstance(error, ClientError):
        return f"comprehend BatchDetectSentiment: {': '.join(code_and_message(error))}"
    return f"comprehend BatchDetectSentiment: {error}"


def _sentiment(scores: Mapping[str, Any]) -> Sentiment:
    shares = {name: round(float(scores[name.capitalize()]), 4) for name in ("positive", "negative", "neutral", "mixed")}
    return Sentiment(**shares)
