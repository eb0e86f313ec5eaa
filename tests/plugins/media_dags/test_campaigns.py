from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from include.settings import SETTINGS
from media_dags.campaigns import plan_curation


@dataclass
class Run:
    """What planning looks at of a DAG run."""

    run_type: str
    logical_date: datetime | None = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    dag_id: str = "curate_audio"
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))


SOURCES = ("one", "two")
FORM = {"campaign": "jazz", "batch_size": 7, "licences": ["cc0", "by"], "persist_campaign": True}


@pytest.fixture
def campaigns(campaigns):
    campaigns.activate("folk")
    return campaigns


def test_a_scheduled_run_takes_campaign_and_batch_size_from_the_parameters(campaigns):
    name = SETTINGS.batch_size_parameter("audio")
    before = str(campaigns.batch_size("audio"))
    campaigns.conn.put_parameter(Name=name, Value="13", Type="String", Overwrite=True)
    try:
        plan = plan_curation(Run("scheduled"), FORM, "audio", SOURCES)
    finally:
        campaigns.conn.put_parameter(Name=name, Value=before, Type="String", Overwrite=True)
    assert plan == {
        "campaign": "folk",
        "batch_size": 13,
        "licences": ["cc0", "by"],
        "sources": "one,two",
        "run": "20260301_063000",
    }
    assert campaigns.active_campaign() == "folk"


@pytest.mark.parametrize(("persist", "active"), [(True, "jazz"), (False, "folk")])
def test_a_manual_run_makes_its_campaign_the_active_one_when_told_to(campaigns, persist, active):
    plan = plan_curation(Run("manual"), FORM | {"persist_campaign": persist}, "audio", SOURCES)
    assert (plan["campaign"], plan["batch_size"]) == ("jazz", 7)
    assert campaigns.active_campaign() == active


def test_a_manual_run_without_a_campaign_takes_the_active_one(campaigns):
    assert plan_curation(Run("manual"), FORM | {"campaign": None}, "audio", SOURCES)["campaign"] == "folk"


@pytest.mark.parametrize("run_type", ["scheduled", "manual"])
def test_a_cleared_run_keeps_its_plan_and_leaves_the_active_campaign_alone(campaigns, run_type):
    run = Run(run_type)
    plan = plan_curation(run, FORM, "audio", SOURCES)
    campaigns.activate("ambient")
    assert plan_curation(run, FORM, "audio", SOURCES) == plan
    assert campaigns.active_campaign() == "ambient"


def test_the_sources_of_the_form_go_before_those_of_the_pipeline(campaigns):
    plan = plan_curation(Run("manual"), FORM | {"sources": ["two"]}, "video", SOURCES)
    assert plan["sources"] == "two"
