"""Sentiment by VADER in the shapes, and within the limits, of Amazon Comprehend."""

from __future__ import annotations

import json
import re

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from aws_emulator.services.comprehend.engine import scores_from, sentiment_of


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("What a wonderful day, I love it!", "POSITIVE"),
        ("Not bad at all.", "POSITIVE"),
        ("We had a bad accident on the highway, somebody is hurt.", "NEGATIVE"),
        ("I hate this. Awful.", "NEGATIVE"),
        ("The train leaves at noon.", "NEUTRAL"),
        ("...", "NEUTRAL"),
        ("I love the food but the service was terrible.", "MIXED"),
        ("Great picture, horrible sound.", "MIXED"),
    ],
)
def test_english_is_rated(text, sentiment):
    assert sentiment_of(text)[0] == sentiment


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1))
def test_scores_are_shares_of_one(share, part, compound):
    positive = share * part
    scores = scores_from(positive, share - positive, compound)
    assert sum(scores.values()) == pytest.approx(1.0)
    assert all(0.0 <= score <= 1.0 for score in scores.values())


def test_a_text_is_coloured_from_the_strength_that_vaders_authors_name():
    weak, strong = scores_from(0.2, 0.0, 0.04), scores_from(0.2, 0.0, 0.06)
    assert max(weak, key=weak.__getitem__) == "Neutral"
    assert max(strong, key=strong.__getitem__) == "Positive"


def test_stronger_words_score_higher():
    assert sentiment_of("good")[1]["Positive"] < sentiment_of("absolutely wonderful, the best")[1]["Positive"]


def test_praise_that_the_whole_contradicts_is_mixed_not_praise():
    assert scores_from(0.3, 0.2, -0.4)["Positive"] == 0.0


@pytest.fixture(scope="module")
def comprehend(aws):
    return aws.client("comprehend")


def test_one_text(comprehend):
    answer = comprehend.detect_sentiment(Text="What a wonderful day!", LanguageCode="en")
    assert answer["Sentiment"] == "POSITIVE"
    assert set(answer["SentimentScore"]) == {"Positive", "Negative", "Neutral", "Mixed"}
    assert sum(answer["SentimentScore"].values()) == pytest.approx(1.0)


def test_a_batch_keeps_its_order_and_names_what_is_too_large(comprehend):
    answer = comprehend.batch_detect_sentiment(
        TextList=["wonderful", "x" * 5001, "terrible", "é" * 2501], LanguageCode="en"
    )
    assert [(entry["Index"], entry["Sentiment"]) for entry in answer["ResultList"]] == [
        (0, "POSITIVE"),
        (2, "NEGATIVE"),
    ]
    assert [(entry["Index"], entry["ErrorCode"]) for entry in answer["ErrorList"]] == [
        (1, "TEXT_SIZE_LIMIT_EXCEEDED"),
        (3, "TEXT_SIZE_LIMIT_EXCEEDED"),
    ]
    assert "5002 bytes" in answer["ErrorList"][1]["ErrorMessage"]


def test_a_batch_has_25_texts_at_most(comprehend):
    assert len(comprehend.batch_detect_sentiment(TextList=["fine"] * 25, LanguageCode="en")["ResultList"]) == 25
    with pytest.raises(comprehend.exceptions.BatchSizeLimitExceededException, match="Maximum batch size is 25"):
        comprehend.batch_detect_sentiment(TextList=["fine"] * 26, LanguageCode="en")


def test_a_text_has_5000_bytes_at_most(comprehend):
    assert comprehend.detect_sentiment(Text="x" * 5000, LanguageCode="en")["Sentiment"] == "NEUTRAL"
    with pytest.raises(comprehend.exceptions.TextSizeLimitExceededException, match="the text size is 5001 bytes"):
        comprehend.detect_sentiment(Text="x" * 5001, LanguageCode="en")


@pytest.mark.parametrize("language", ["de", "zh-TW"])
def test_other_languages_are_refused(language, comprehend):
    with pytest.raises(comprehend.exceptions.UnsupportedLanguageException, match=f"en only, not {language}"):
        comprehend.detect_sentiment(Text="gut", LanguageCode=language)
    with pytest.raises(comprehend.exceptions.UnsupportedLanguageException):
        comprehend.batch_detect_sentiment(TextList=["gut"], LanguageCode=language)


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        ("DetectSentiment", {"Text": "", "LanguageCode": "en"}, "at 'text' failed"),
        ("DetectSentiment", {"LanguageCode": "en"}, "at 'text' failed"),
        ("DetectSentiment", {"Text": "x", "LanguageCode": "tlh"}, "languageCode.*enum value set"),
        ("BatchDetectSentiment", {"TextList": [], "LanguageCode": "en"}, "at 'textList' failed"),
        ("BatchDetectSentiment", {"TextList": ["x", ""], "LanguageCode": "en"}, "textList.2.member"),
    ],
)
def test_what_boto3_would_not_send_is_refused_by_the_server(operation, params, message, aws):
    body = json.dumps(params).encode()
    headers = {"X-Amz-Target": f"Comprehend_20171127.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    answer = aws.send("POST", "/", body, aws.sign("POST", "/", body, headers, service="comprehend"))
    told = json.loads(answer.body)
    assert answer.status == 400
    assert told["__type"].endswith("InvalidRequestException")
    assert re.search(message, told.get("message") or told.get("Message"))


def test_what_is_not_offered_is_not_implemented(comprehend):
    with pytest.raises(ClientError) as error:
        comprehend.detect_entities(Text="Berlin", LanguageCode="en")
    assert error.value.response["Error"]["Code"] == "NotImplemented"
