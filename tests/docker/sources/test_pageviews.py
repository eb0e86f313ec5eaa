"""The pageviews API: the shape of its answers, and views that tell a story over the weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from sources_emulator.pageviews import views_of

PATH = "/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user"
ARTICLES = ("Jazz", "Ambient_music", "Electronic_music", "Folk_music", "Natural_sounds", "Street_performance")


def asked(archive: httpx.Client, article: str, start: str, end: str) -> httpx.Response:
    return archive.get(f"{PATH}/{article}/daily/{start}/{end}")


def test_every_day_from_the_first_to_the_last_is_an_item(archive):
    items = asked(archive, "Jazz", "20240227", "2024030100").json()["items"]
    assert [item["timestamp"] for item in items] == ["2024022700", "2024022800", "2024022900", "2024030100"]
    assert items[0] == {
        "project": "en.wikipedia",
        "article": "Jazz",
        "granularity": "daily",
        "timestamp": "2024022700",
        "access": "all-access",
        "agent": "user",
        "views": views_of("en.wikipedia/Jazz", date(2024, 2, 27)),
    }


def test_the_same_day_has_the_same_views_however_it_is_asked_for(archive):
    days = asked(archive, "AC%2FDC", "20240101", "20240131").json()["items"]
    one = asked(archive, "AC%2FDC", "20240115", "20240115").json()["items"]
    assert days[14:15] == one
    assert one[0]["article"] == "AC/DC"


def test_another_article_leads_after_some_weeks():
    leaders = {
        max(ARTICLES, key=lambda article: views_of(f"en.wikipedia/{article}", date(2024, 1, 1) + timedelta(weeks=week)))
        for week in range(26)
    }
    assert len(leaders) >= 3


def test_today_and_later_is_not_known_yet(archive):
    today = datetime.now(UTC).date()
    items = asked(archive, "Jazz", f"{today - timedelta(days=3):%Y%m%d}", f"{today + timedelta(days=9):%Y%m%d}").json()
    assert items["items"][-1]["timestamp"] < f"{today:%Y%m%d}00"
    future = f"{today + timedelta(days=2):%Y%m%d}"
    assert asked(archive, "Jazz", future, future).status_code == 404


@pytest.mark.parametrize("article", ["No_such_article", "jazz", "A%5BB", "%0aX", "x" * 300])
def test_an_unknown_article_is_404_as_a_problem(archive, article):
    answer = asked(archive, article, "20240101", "20240107")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert set(answer.json()) == {"detail", "method", "status", "title", "type", "uri"}
    assert answer.json()["detail"].startswith("The date(s) you used are valid, but we either do not have data")


@pytest.mark.parametrize(
    ("start", "end"),
    [("20240108", "20240101"), ("20240230", "20240301"), ("2024", "20240101"), ("20240101", "٢٠٢٤٠١٠١"), ("x", "y")],
)
def test_dates_that_make_no_sense_are_400(archive, start, end):
    answer = asked(archive, "Jazz", start, end)
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad Request")


def test_days_before_the_api_began_are_404_and_an_anonymous_client_403(archive):
    assert asked(archive, "Jazz", "20150101", "20150201").status_code == 404
    assert archive.get(f"{PATH}/Jazz/daily/20240101/20240101", headers={"User-Agent": "x"}).status_code == 403


def test_kinds_of_access_and_granularity_that_do_not_exist_are_400(archive):
    for path in (PATH.replace("all-access", "all") + "/Jazz/daily", PATH + "/Jazz/hourly"):
        assert archive.get(f"{path}/20240101/20240101").status_code == 400
