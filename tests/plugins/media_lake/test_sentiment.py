"""Sentiment by Comprehend: batches within its limits, and refusals told apart from what another try may help."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from include.catalog.triage import Sentiment
from media_lake.sentiment import LANGUAGES, SentimentRefused, comprehend_language, price_usd, rate_texts

SCORES = {"Positive": 0.1, "Negative": 0.7, "Neutral": 0.15, "Mixed": 0.05}


class Comprehend:
    """Rates every text alike, but refuses texts that are ``bad``, and everything with ``error``."""

    def __init__(self, error: str | None = None, status: int = 400) -> None:
        self.error, self.status, self.batches = error, status, []

    def batch_detect_sentiment(self, *, TextList, LanguageCode):  # noqa: N803
        if self.error:
            answer = {
                "Error": {"Code": self.error, "Message": "told"},
                "ResponseMetadata": {"HTTPStatusCode": self.status},
            }
            raise ClientError(answer, "BatchDetectSentiment")
        self.batches.append((TextList, LanguageCode))
        rated = [index for index, text in enumerate(TextList) if text != "bad"]
        refused = [index for index, text in enumerate(TextList) if text == "bad"]
        return {
            "ResultList": [{"Index": index, "Sentiment": "NEGATIVE", "SentimentScore": SCORES} for index in rated],
            "ErrorList": [{"Index": index, "ErrorCode": "INTERNAL", "ErrorMessage": "m"} for index in refused],
        }


def test_texts_go_in_batches_of_25_each_once():
    comprehend = Comprehend()
    texts = [f"text {number}" for number in range(30)] * 2
    batches = list(rate_texts(comprehend, texts, "en"))
    assert [len(batch) for batch in batches] == [25, 5]
    assert [language for _, language in comprehend.batches] == ["en", "en"]
    assert batches[0]["text 0"] == Sentiment(positive=0.1, negative=0.7, neutral=0.15, mixed=0.05)


def test_what_says_nothing_or_too_much_is_not_sent():
    comprehend = Comprehend()
    assert list(rate_texts(comprehend, ["", "...", "42!", "é" * 2501], "en")) == []
    assert comprehend.batches == []


def test_a_text_that_was_not_rated_spoils_no_other():
    (rated,) = rate_texts(Comprehend(), ["good", "bad", "fine"], "en")
    assert set(rated) == {"good", "fine"}


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnsupportedLanguageException", "InvalidRequestException"])
def test_a_refusal_for_good_is_told_with_its_words(code):
    with pytest.raises(SentimentRefused, match=f"comprehend BatchDetectSentiment: {code}: told"):
        list(rate_texts(Comprehend(code), ["a"], "en"))


@pytest.mark.parametrize(
    ("code", "status"),
    [("TooManyRequestsException", 400), ("ThrottlingException", 400), ("InternalServerException", 500)],
)
def test_what_another_try_may_help_is_raised_on(code, status):
    with pytest.raises(ClientError, match=code):
        list(rate_texts(Comprehend(code, status), ["a"], "en"))


@pytest.mark.parametrize("language", ["nl-NL", None, "xx"])
def test_a_language_that_comprehend_does_not_know_is_refused_before_it_is_asked(language):
    with pytest.raises(SentimentRefused, match="does not rate"):
        comprehend_language(language)


def test_the_languages_are_those_of_the_service_model():
    import botocore.session

    model = botocore.session.get_session().get_service_model("comprehend")
    assert set(model.shape_for("LanguageCode").enum) == LANGUAGES


@pytest.mark.parametrize(("characters", "usd"), [(1, 0.0003), (300, 0.0003), (301, 0.0004), (5000, 0.005)])
def test_a_text_costs_by_the_hundred_characters_three_hundred_at_least(characters, usd):
    assert price_usd(["x" * characters]) == pytest.approx(usd)
