from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter

from include.catalog.campaigns import CAMPAIGNS
from tests.ground import free_port

moments = iter(datetime(2024, 3, 3, 22, tzinfo=UTC) + timedelta(weeks=n) for n in range(100))


@pytest.fixture
def campaigns(campaigns):
    campaigns.activate("jazz")
    return campaigns


@pytest.fixture
def rotate(bag, campaigns):
    """Runs the pipeline and returns its state and the campaign that it handed on."""

    def rotate(provider: str, at: datetime | None = None) -> tuple[str, str | None]:
        dag = bag.get_dag("rotate_campaign")
        dag.deadline = None  # dag.test() of Airflow 3.3.2 breaks on a deadline
        for task in dag.tasks:
            task.retry_delay = timedelta(0)
        at = at or next(moments)
        run = dag.test(logical_date=at, run_after=at, run_conf={"provider": provider})
        (instance,) = run.get_task_instances()
        return str(run.state), instance.xcom_pull(task_ids=instance.task_id)

    return rotate


def test_it_is_off_until_somebody_switches_it_on(bag):
    assert bag.get_dag("rotate_campaign").is_paused_upon_creation is True


def test_its_tries_are_over_when_the_curations_of_the_week_begin(bag):
    rotation, curation = (bag.get_dag(dag_id).timetable.expression for dag_id in ("rotate_campaign", "curate_audio"))
    rotated = croniter(rotation, datetime(2024, 3, 1, tzinfo=UTC)).get_next(datetime)
    curated = croniter(curation, rotated).get_next(datetime)
    assert timedelta(hours=6) < curated - rotated < timedelta(hours=24)


def test_the_form_offers_both_providers_and_no_other(bag):
    provider = bag.get_dag("rotate_campaign").params.get_param("provider")
    assert provider.schema["enum"] == ["curated", "pageviews"]
    assert provider.value == "curated"


def test_a_run_makes_the_next_campaign_active_and_hands_it_on(rotate, campaigns):
    assert rotate("curated") == ("success", "ambient")
    assert campaigns.active_campaign() == "ambient"


def test_a_second_execution_of_a_run_changes_nothing(rotate, campaigns):
    at = next(moments)
    assert [rotate("curated", at)[1] for _ in range(2)] == ["ambient"] * 2
    assert campaigns.active_campaign() == "ambient"


def test_the_pageviews_of_the_stand_in_choose_another_campaign(rotate, campaigns, requests_seen):
    at = next(moments)
    state, chosen = rotate("pageviews", at)
    assert state == "success"
    assert chosen in set(CAMPAIGNS) - {"jazz"}
    assert campaigns.active_campaign() == chosen
    asked = [seen["path"] for seen in requests_seen() if "/pageviews/" in seen["path"]]
    assert len(asked) == len(CAMPAIGNS) - 1
    both_weeks = f"/daily/{at - timedelta(days=14):%Y%m%d}00/{at - timedelta(days=1):%Y%m%d}00"
    assert all(path.endswith(both_weeks) for path in asked)


def test_pageviews_that_are_away_fail_the_run_and_the_campaign_stays(rotate, campaigns, monkeypatch):
    nobody = f"127.0.0.1:{free_port()}"
    connection = {"conn_type": "http", "host": f"http://{nobody}", "extra": {"loopback_hosts": [nobody]}}
    monkeypatch.setenv("AIRFLOW_CONN_WIKIMEDIA_PAGEVIEWS_DEFAULT", json.dumps(connection))
    assert rotate("pageviews")[0] == "failed"
    assert campaigns.active_campaign() == "jazz"
