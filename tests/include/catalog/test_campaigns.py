from __future__ import annotations

import re

import pytest

from include.catalog.campaigns import CAMPAIGN_PATTERN, CAMPAIGNS, is_campaign, words_from_campaign
from include.catalog.keys import is_slug


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_campaign_of_the_list_fits_the_form_and_a_key(campaign):
    assert re.search(CAMPAIGN_PATTERN, campaign)
    assert is_campaign(campaign)
    assert is_slug(campaign)


@pytest.mark.parametrize(
    ("campaign", "words"), [("jazz", "jazz"), ("nature-sounds", "nature sounds"), ("a--b-", "a b"), ("8-bit", "8 bit")]
)
def test_a_campaign_is_searched_for_by_its_words(campaign, words):
    assert words_from_campaign(campaign) == words


@pytest.mark.parametrize("name", ["", "-jazz", "Jazz", "free jazz", "jazz\n", "a" * 51, "jazz;rm", "../x", "ünder"])
def test_what_cannot_stand_in_a_key_or_a_query_is_no_campaign(name):
    with pytest.raises(ValueError, match="is no campaign"):
        words_from_campaign(name)
