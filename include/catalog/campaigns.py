"""Campaigns: what a run looks for. A campaign is a slug that stands in keys and parameters; its words are the query."""

from __future__ import annotations

import re

CAMPAIGNS: tuple[str, ...] = ("jazz", "ambient", "electronic", "folk", "nature-sounds", "street-sounds")
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
