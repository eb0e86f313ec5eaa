from __future__ import annotations

import pytest

from include.settings import SETTINGS
from media_lake.hooks.ssm import CampaignHook


@pytest.fixture
def campaigns(local_aws):
    hook = CampaignHook()
    before = hook.active_campaign()
    yield hook
    hook.activate(before)


def test_a_new_campaign_becomes_active_and_known(campaigns):
    assert campaigns.activate("city-pop")
    assert campaigns.active_campaign() == "city-pop"
    assert "city-pop" in campaigns.campaigns()


def test_activating_the_active_campaign_changes_nothing(campaigns):
    campaigns.activate("folk")
    assert not campaigns.activate("folk")


def test_a_name_that_is_no_campaign_is_refused(campaigns):
    with pytest.raises(ValueError, match="campaign"):
        campaigns.activate("../Jazz")


def test_a_batch_size_that_is_no_number_says_which_parameter_to_change(campaigns):
    name = SETTINGS.batch_size_parameter("audio")
    assert campaigns.batch_size("audio") == 5
    campaigns.conn.put_parameter(Name=name, Value="many", Type="String", Overwrite=True)
    try:
        with pytest.raises(ValueError, match=name):
            campaigns.batch_size("audio")
    finally:
        campaigns.conn.put_parameter(Name=name, Value="5", Type="String", Overwrite=True)


def test_a_missing_parameter_says_what_to_do(campaigns, monkeypatch):
    monkeypatch.setattr(type(SETTINGS), "campaigns_parameter", "/media/absent")
    with pytest.raises(ValueError, match="/media/absent does not exist"):
        campaigns.campaigns()
