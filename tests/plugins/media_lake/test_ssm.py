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


def test_of_more_campaigns_than_a_parameter_holds_the_newest_are_kept(campaigns):
    before = ",".join(campaigns.campaigns())
    many = [f"campaign-{number:038}" for number in range(85)]  # 85 names of 47 letters and their commas: 4,079 letters
    name = SETTINGS.campaigns_parameter
    campaigns.conn.put_parameter(Name=name, Value=",".join(many), Type="StringList", Overwrite=True)
    try:
        campaigns.activate("the-newest-of-all")
        assert campaigns.campaigns() == [*many[1:], "the-newest-of-all"]
    finally:
        campaigns.conn.put_parameter(Name=name, Value=before, Type="StringList", Overwrite=True)


@pytest.mark.parametrize("value", ["many", "0", "501", "-1", "5.0"])
def test_a_batch_size_that_no_run_could_have_says_which_parameter_to_change(campaigns, value):
    name = SETTINGS.batch_size_parameter("audio")
    assert campaigns.batch_size("audio") == 5
    campaigns.conn.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    try:
        with pytest.raises(ValueError, match=rf"{name} must be a whole number from 1 to 500, not .{value}"):
            campaigns.batch_size("audio")
    finally:
        campaigns.conn.put_parameter(Name=name, Value="5", Type="String", Overwrite=True)


def test_a_missing_parameter_says_what_to_do(campaigns, monkeypatch):
    monkeypatch.setattr(type(SETTINGS), "campaigns_parameter", "/media/absent")
    with pytest.raises(ValueError, match="/media/absent does not exist"):
        campaigns.campaigns()
