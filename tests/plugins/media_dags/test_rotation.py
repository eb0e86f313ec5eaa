from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from include.catalog.campaigns import CAMPAIGNS
from include.catalog.trends import Choice, CuratedList
from include.sources.errors import ContactMissing, SourceUnavailable, Throttled
from media_dags import rotation
from media_dags.rotation import rotate
from media_lake.hooks.ssm import CampaignHook
from open_media.hooks.pageviews import PageviewsHook


@dataclass
class Run:
    """What a rotation looks at of a DAG run."""

    logical_date: datetime | None = datetime(2026, 3, 1, 22, tzinfo=UTC)
    run_after: datetime = datetime(2026, 3, 1, 22, tzinfo=UTC)
    dag_id: str = "rotate_campaign"
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@pytest.fixture
def campaigns(campaigns):
    campaigns.activate("jazz")
    return campaigns


@pytest.fixture
def readers(monkeypatch):
    """Makes the pageviews say that people read about a campaign, or fail; notes for which day they were asked."""
    days: list[date] = []

    def readers(answer: str | BaseException) -> list[date]:
        class Readers:
            def next_campaign(self, active, known):
                if isinstance(answer, BaseException):
                    raise answer
                return Choice(answer, "many read about it")

        @contextmanager
        def trends(self, day):
            days.append(day)
            yield Readers()

        monkeypatch.setenv("AIRFLOW_CONN_WIKIMEDIA_PAGEVIEWS_DEFAULT", '{"conn_type": "http", "host": "https://x.org"}')
        monkeypatch.setattr(PageviewsHook, "trends", trends)
        return days

    return readers


def test_the_next_of_the_list_becomes_active_and_the_log_says_so(campaigns, caplog):
    with caplog.at_level("INFO", logger="media_dags.rotation"):
        assert rotate(Run(), "curated") == "ambient"
    assert campaigns.active_campaign() == "ambient"
    assert "jazz -> ambient (curated list)" in caplog.messages


def test_as_many_runs_as_there_are_campaigns_come_round(campaigns):
    assert [rotate(Run(), "curated") for _ in CAMPAIGNS] == [*CAMPAIGNS[1:], CAMPAIGNS[0]]


def test_a_second_execution_of_a_run_chooses_the_same_and_rotates_no_further(campaigns):
    run = Run()
    assert [rotate(run, "curated") for _ in range(3)] == ["ambient"] * 3
    assert campaigns.active_campaign() == "ambient"


def test_a_run_that_died_before_it_activated_its_choice_does_so_at_the_next_try(campaigns, monkeypatch):
    run = Run()
    with monkeypatch.context() as dying:
        dying.setattr(CampaignHook, "activate", lambda *_: (_ for _ in ()).throw(ConnectionError))
        with pytest.raises(ConnectionError):
            rotate(run, "curated")
    assert campaigns.active_campaign() == "jazz"
    assert rotate(run, "curated") == "ambient"
    assert campaigns.active_campaign() == "ambient"


def test_a_run_that_died_after_it_activated_its_choice_rotates_no_further(campaigns, monkeypatch):
    from media_lake.hooks.dynamodb import OnceHook

    run, remember = Run(), OnceHook.remember
    with monkeypatch.context() as dying:
        marks = iter([remember])  # the choice is kept, the mark of its activation is not
        dying.setattr(OnceHook, "remember", lambda *arguments: next(marks)(*arguments))
        with pytest.raises(StopIteration):
            rotate(run, "curated")
    assert campaigns.active_campaign() == "ambient"
    assert rotate(run, "curated") == "ambient"
    assert campaigns.active_campaign() == "ambient"


@pytest.mark.parametrize("active_by_then", ["folk", "jazz"])
def test_a_run_that_is_cleared_later_leaves_the_active_campaign_alone(campaigns, active_by_then):
    run = Run()
    rotate(run, "curated")
    campaigns.activate(active_by_then)
    assert rotate(run, "curated") == "ambient"
    assert campaigns.active_campaign() == active_by_then


def test_a_campaign_that_a_person_activates_meanwhile_stays(campaigns, monkeypatch):
    class WhileSomebodyActs(CuratedList):
        def next_campaign(self, active, known):
            campaigns.activate("folk")
            return super().next_campaign(active, known)

    monkeypatch.setattr(rotation, "CuratedList", WhileSomebodyActs)
    assert rotate(Run(), "curated") == "ambient"
    assert campaigns.active_campaign() == "folk"


@pytest.mark.parametrize(
    ("logical_date", "day"),
    [
        (datetime(2026, 3, 1, 22, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=5))), date(2026, 3, 1)),
        (None, date(2026, 3, 1)),  # triggered by hand without a date
    ],
)
def test_the_day_of_the_run_decides_and_not_the_clock(campaigns, readers, logical_date, day):
    days = readers("electronic")
    assert rotate(Run(logical_date), "pageviews") == "electronic"
    assert days == [day]
    assert campaigns.active_campaign() == "electronic"


def test_a_cleared_run_does_not_ask_the_pageviews_again(campaigns, readers):
    run = Run()
    readers("electronic")
    rotate(run, "pageviews")
    days = readers(SourceUnavailable("Wikimedia is down"))
    before = len(days)
    assert rotate(run, "pageviews") == "electronic"
    assert len(days) == before


def test_pageviews_that_cannot_be_had_fail_the_try_and_leave_the_campaign_as_it_is(campaigns, readers):
    readers(SourceUnavailable("Wikimedia is down: try again later"))
    with pytest.raises(SourceUnavailable, match="try again later"):
        rotate(Run(), "pageviews")
    assert campaigns.active_campaign() == "jazz"


def test_what_another_try_cannot_mend_fails_at_once_and_says_what_to_do(campaigns, readers):
    readers(ContactMissing("set MEDIA_CONTACT"))
    with pytest.raises(AirflowFailException, match="ContactMissing: set MEDIA_CONTACT"):
        rotate(Run(), "pageviews")


def test_a_service_that_asks_for_patience_is_left_alone_for_as_long(campaigns, readers):
    readers(Throttled("busy", retry_after_s=3600))
    with pytest.raises(AirflowRescheduleException) as raised:
        rotate(Run(), "pageviews")
    wait = raised.value.reschedule_date - datetime.now(UTC)
    assert timedelta(minutes=50) < wait <= timedelta(hours=1)
