"""Campaigns: what a run looks for. A campaign is a slug that stands in keys and parameters; its words are the query."""

from __future__ import annotations

import re

ARTICLES: dict[str, str] = {
    "jazz": "Jazz",
    "ambient": "Ambient music",
    "electronic": "Electronic music",
    "folk": "Folk music",
    "nature-sounds": "Natural sounds",
    "street-sounds": "Soundscape",
}
"""The curated campaigns, in the order in which they take turns, each with its article in the English Wikipedia.

The title is the article's own, no redirect: the views of a redirect are counted apart."""

CAMPAIGNS: tuple[str, ...] = tuple(ARTICLES)
"""The campaigns that the trigger form offers; any other name that fits the pattern may be typed in."""

LARGEST_BATCH = 500
"""The most assets that one run may be asked for."""

CAMPAIGN_PATTERN = r"^[a-z0-9][a-z0-9-]{0,49}$"
"""Also read by the form in the browser, so it keeps to what JSON Schema and Python agree on."""

_CAMPAIGN = re.compile(CAMPAIGN_PATTERN)


def is_campaign(name: str) -> bool:
    r"""Say whether ``name`` may name a campaign: lower-case letters, digits and ``-``, 50 at most.

    >>> is_campaign("nature-sounds"), is_campaign("Nature Sounds"), is_campaign("-x"), is_campaign("jazz\n")
    (True, False, False, False)
    """
    return _CAMPAIGN.fullmatch(name) is not None


def words_from_campaign(campaign: str) -> str:
    """Turn a campaign into the words to search for: every run of ``-`` becomes one space.

    :raises ValueError: when ``campaign`` does not fit ``CAMPAIGN_PATTERN``.

    >>> words_from_campaign("nature-sounds")
    'nature sounds'
    """
    if not is_campaign(campaign):
        raise ValueError(f"{campaign!r} is no campaign: lower-case letters, digits and '-', 50 at most")
    return " ".join(campaign.replace("-", " ").split())


def article_from_campaign(campaign: str) -> str:
    """Return the title of the encyclopaedia's article on a campaign; one that is not curated is looked up by its words.

    :raises ValueError: when ``campaign`` does not fit ``CAMPAIGN_PATTERN``.

    >>> article_from_campaign("folk"), article_from_campaign("city-pop")
    ('Folk music', 'City pop')
    """
    words = words_from_campaign(campaign)
    return ARTICLES.get(campaign) or words[:1].upper() + words[1:]
