"""Content moderation by words: no picture is judged, for nothing without a trained model could do it honestly.

What text detection reads is compared, word by word, with a short list of terms, and gives the labels of Rekognition's
taxonomy (version 7) that such a word stands for. A label says that the word was on the screen, as sure as it was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aws_emulator.services.rekognition.text import DEFAULT_CONFIDENCE as READ_CONFIDENCE
from aws_emulator.services.rekognition.text import Line

DEFAULT_CONFIDENCE = 50.0  # as documented for StartContentModeration


@dataclass(frozen=True, slots=True)
class Topic:
    """A branch of the taxonomy, top first, and the words that stand for it; plurals count as well."""

    path: tuple[str, ...]
    words: frozenset[str]


TOPICS: Final = (
    Topic(("Explicit",), frozenset({"porn", "pornography", "porno", "xxx"})),
    Topic(("Violence", "Weapons"), frozenset({"gun", "pistol", "rifle", "revolver", "ammunition", "grenade"})),
    Topic(
        ("Drugs & Tobacco", "Products"), frozenset({"tobacco", "cigarette", "cigar", "vape", "marijuana", "cannabis"})
    ),
    Topic(
        ("Alcohol", "Alcoholic Beverages"),
        frozenset({"beer", "wine", "vodka", "whisky", "whiskey", "rum", "gin", "tequila", "champagne", "liquor"}),
    ),
    Topic(("Gambling",), frozenset({"casino", "poker", "roulette", "blackjack", "jackpot", "betting", "gambling"})),
    Topic(("Hate Symbols", "Nazi Party"), frozenset({"nazi", "swastika"})),
)


def moderation_labels(ms: int, lines: Iterable[Line], least: float) -> list[dict[str, Any]]:
    """One frame's part of ``ModerationLabels``: every label on the way to a topic whose word is read, top first."""
    found: dict[tuple[str, ...], float] = {}
    for line in lines:
        for word in line.words:
            if word.confidence >= READ_CONFIDENCE:
                for topic in topics_of(word.text):
                    found[topic.path] = max(found.get(topic.path, 0.0), word.confidence)
    labels: dict[str, dict[str, Any]] = {}
    for path, confidence in sorted(found.items()):
        for level, name in enumerate(path, 1):
            if confidence >= least and confidence >= labels.get(name, {}).get("Confidence", 0.0):
                parent = path[level - 2] if level > 1 else ""
                labels[name] = {
                    "Name": name,
                    "ParentName": parent,
                    "TaxonomyLevel": level,
                    "Confidence": confidence,
                }
    return [{"Timestamp": ms, "ModerationLabel": label} for label in labels.values()]


def topics_of(text: str) -> list[Topic]:
    """The topics that a word stands for.

    >>> [topic.path for topic in topics_of("CIGARETTES!")], topics_of("begin")
    ([('Drugs & Tobacco', 'Products')], [])
    """
    words = set(re.findall(r"[a-z]+", text.lower()))
    words |= {word.removesuffix("s") for word in words}
    return [topic for topic in TOPICS if topic.words & words]
