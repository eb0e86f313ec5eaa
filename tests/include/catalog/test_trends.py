from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.campaigns import ARTICLES, CAMPAIGNS, article_from_campaign
from include.catalog.trends import (
    CuratedList,
    TrendsNotReady,
    WikimediaPageviews,
    growth,
    views_by_day,
    views_request,
)
from include.sources.source import Request, SourceAnswerError

SUNDAY = date(2026, 11, 15)
FORTNIGHT = [SUNDAY - timedelta(days=n) for n in range(14, 0, -1)]


class Encyclopaedia:
    """Answers as the Analytics API does: days without views are left out, and an article without any is not found."""

    def __init__(self, views: Mapping[str, Mapping[date, int]]) -> None:
        self.views = views
        self.asked: list[str] = []

    def ask(self, request: Request) -> object | None:
        *_, title, _, first, last = request.path.split("/")
        article = unquote(title).replace("_", " ")
        self.asked.append(article)
        items = [
            {"article": article, "timestamp": f"{day:%Y%m%d}00", "agent": "user", "views": count}
            for day, count in self.views.get(article, {}).items()
            if count and first <= f"{day:%Y%m%d}00" <= last
        ]
        return {"items": items} if items else None


def daily(before: int, after: int) -> dict[date, int]:
    """So many views on each day of the first and of the second week, and very many on the day of the question."""
    return dict(zip(FORTNIGHT, [before] * 7 + [after] * 7, strict=True)) | {SUNDAY: 1_000_000}


def pageviews(views: Mapping[str, Mapping[date, int]]) -> WikimediaPageviews:
    return WikimediaPageviews(Encyclopaedia(views).ask, SUNDAY)


def test_the_curated_campaigns_all_have_their_turn_and_then_begin_again():
    active, seen = CAMPAIGNS[0], []
    for _ in CAMPAIGNS:
        active = CuratedList().next_campaign(active, CAMPAIGNS).campaign
        seen.append(active)
    assert seen == [*CAMPAIGNS[1:], CAMPAIGNS[0]]


def test_after_a_campaign_that_is_not_curated_the_list_begins_anew():
    assert CuratedList().next_campaign("city-pop", CAMPAIGNS).campaign == CAMPAIGNS[0]


def test_the_article_with_the_largest_growth_wins_over_the_one_with_most_views():
    choice = pageviews({"Jazz": daily(9000, 9100), "Folk music": daily(1000, 1500)}).next_campaign("ambient", CAMPAIGNS)
    assert choice.campaign == "folk"
    assert choice.reason == (
        '"Folk music" has most new readers: 10500 views in the week to 2026-11-14 after 7000 in the week before'
    )


def test_the_active_campaign_is_not_even_asked_about():
    encyclopaedia = Encyclopaedia({"Jazz": daily(10, 9000), "Folk music": daily(1000, 1000)})
    choice = WikimediaPageviews(encyclopaedia.ask, SUNDAY).next_campaign("jazz", CAMPAIGNS)
    assert choice.campaign == "folk"
    assert "Jazz" not in encyclopaedia.asked


def test_a_handful_of_readers_who_double_by_chance_are_no_trend():
    views = {"Soundscape": daily(2, 4), "Folk music": daily(1000, 1100)}
    assert pageviews(views).next_campaign("jazz", CAMPAIGNS).campaign == "folk"


def test_of_equal_growth_the_first_name_wins_however_the_campaigns_are_listed():
    views = {article: daily(100, 100) for article in ARTICLES.values()}
    for known in (CAMPAIGNS, CAMPAIGNS[::-1]):
        assert pageviews(views).next_campaign("folk", known).campaign == "ambient"


def test_an_article_that_nobody_views_is_not_chosen():
    views = {"Jazz": daily(1000, 10)}
    assert pageviews(views).next_campaign("folk", CAMPAIGNS).campaign == "jazz"


def test_a_day_without_views_of_one_article_counts_as_none():
    gaps = daily(1000, 1000) | {FORTNIGHT[0]: 0}
    views = {"Jazz": gaps, "Folk music": daily(1000, 1000)}
    assert pageviews(views).next_campaign("ambient", CAMPAIGNS).campaign == "jazz"


def test_a_day_that_no_article_has_views_of_is_not_counted_yet():
    views = {article: daily(100, 100) | {FORTNIGHT[-1]: 0} for article in ARTICLES.values()}
    with pytest.raises(TrendsNotReady, match=r"no views of 2026-11-14 for any campaign.*curated list"):
        pageviews(views).next_campaign("jazz", CAMPAIGNS)


def test_a_service_that_knows_nothing_at_all_gives_no_choice():
    with pytest.raises(TrendsNotReady, match="2026-11-01, "):
        pageviews({}).next_campaign("jazz", CAMPAIGNS)


@pytest.mark.parametrize("provider", [CuratedList(), pageviews({"Jazz": daily(1, 1)})])
def test_with_nothing_but_the_active_campaign_there_is_no_choice(provider):
    with pytest.raises(ValueError, match="jazz"):
        provider.next_campaign("jazz", ["jazz"])


def test_the_request_names_people_only_and_both_weeks():
    request = views_request("Folk music", FORTNIGHT[0], FORTNIGHT[-1])
    assert request.path == (
        "/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user/Folk_music/daily/2026110100/2026111400"
    )
    assert not request.params


@given(st.text(min_size=1))
def test_a_title_stays_one_segment_of_the_path(title):
    path = views_request(title, SUNDAY, SUNDAY).path
    segments = path.split("/")
    assert path.isascii()
    assert not {"?", "#", " "} & set(path)
    assert len(segments) == len(views_request("Jazz", SUNDAY, SUNDAY).path.split("/"))
    assert unquote(segments[-4]) == title.replace(" ", "_")


@given(*[st.integers(0, 10**9)] * 3)
def test_more_views_than_before_are_growth_and_fewer_are_not(views, before, more):
    assert (growth(views, before) > 1) == (views > before)
    assert growth(views + more, before) >= growth(views, before)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"items": {}},
        {"items": ["Jazz"]},
        {"items": [{"timestamp": "2026110100"}]},
        {"items": [{"timestamp": "yesterday", "views": 1}]},
        {"items": [{"timestamp": 2026110100, "views": 1}]},
        {"items": [{"timestamp": "2026110100", "views": "1"}]},
        {"items": [{"timestamp": "2026110100", "views": True}]},
        {"items": [{"timestamp": "2026110100", "views": -1}]},
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no data"},
    ],
)
def test_an_answer_of_another_shape_is_named(answer):
    with pytest.raises(SourceAnswerError, match="pageviews"):
        views_by_day(answer)


def test_every_curated_campaign_has_an_article_of_its_own():
    articles = [article_from_campaign(campaign) for campaign in CAMPAIGNS]
    assert len(set(articles)) == len(CAMPAIGNS)


def test_a_name_that_is_no_campaign_has_no_article():
    with pytest.raises(ValueError, match="is no campaign"):
        article_from_campaign("../Jazz")
