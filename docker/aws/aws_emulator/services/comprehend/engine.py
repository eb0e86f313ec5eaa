"""The sentiment of an English text by VADER, in the four classes of Amazon Comprehend.

VADER (Hutto and Gilbert, ICWSM 2014) rates a text by its words: the shares ``pos``, ``neg`` and ``neu`` of it, which
add to one, and ``compound`` from -1 to 1; from +-0.05 on its authors call a text positive or negative. Comprehend tells
a score for each of four classes, adding to 1. From one to the other:

- mixed is what praise and blame have in common: twice the smaller of ``pos`` and ``neg``;
- the rest belongs to the stronger side, unless ``compound`` says the opposite (a "but" turned the text round): then it
  is mixed too;
- neutral is 0.05 / (0.05 + strength), strength being the larger of ``compound`` (without its sign) and mixed: it is
  outweighed exactly where VADER's authors draw the line. The others share what is left, in proportion.

The class is the one with the highest score. The scores order texts; no experiment has measured them as probabilities.
"""

from __future__ import annotations

from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

LABELS = ("Positive", "Negative", "Neutral", "Mixed")
DECIDED = 0.05  # of compound: from here on VADER's authors call a text positive or negative


def sentiment_of(text: str) -> tuple[str, dict[str, float]]:
    """The class of an English text (POSITIVE, NEGATIVE, NEUTRAL, MIXED) and the score of each, which add to 1.

    >>> sentiment_of("What a wonderful day!")[0], sentiment_of("The train leaves at noon.")[0]
    ('POSITIVE', 'NEUTRAL')
    """
    shares = _analyser().polarity_scores(text)
    scores = scores_from(shares["pos"], shares["neg"], shares["compound"])
    return max(LABELS, key=lambda label: scores[label]).upper(), scores


def scores_from(positive: float, negative: float, compound: float) -> dict[str, float]:
    """VADER's shares as Comprehend's scores.

    >>> scores_from(0.0, 0.0, 0.0)
    {'Positive': 0.0, 'Negative': 0.0, 'Neutral': 1.0, 'Mixed': 0.0}
    """
    mixed = 2 * min(positive, negative)
    side = abs(positive - negative)
    above, below = (0.0, side) if negative > positive else (side, 0.0)
    if (above and compound <= -DECIDED) or (below and compound >= DECIDED):
        mixed, above, below = mixed + above + below, 0.0, 0.0
    spoken = above + below + mixed
    if not spoken:
        return {"Positive": 0.0, "Negative": 0.0, "Neutral": 1.0, "Mixed": 0.0}
    neutral = DECIDED / (DECIDED + max(abs(compound), mixed))
    coloured = 1.0 - neutral
    return {
        "Positive": coloured * (above / spoken),
        "Negative": coloured * (below / spoken),
        "Neutral": neutral,
        "Mixed": coloured * (mixed / spoken),
    }


@cache
def _analyser() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()
