"""Which campaign comes next: providers of trends behind one small interface.

A provider says which campaign should follow the active one, and why. It has no clock and opens no connection, so that
the same question has the same answer whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Protocol
from urllib.parse import quote

from include.catalog.campaigns import article_from_campaign
from include.sources.source import HostPace, Request, SourceAnswerError

PROVIDERS: dict[str, str] = {"curated": "the curated list", "pageviews": "Wikimedia pageviews"}
"""The providers that may be asked, each with its name for people."""

DAMPING_VIEWS = 500
"""Added to both weeks before they are compared: a small article that doubles by chance is no trend yet."""

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


class TrendsNotReady(RuntimeError):
    """The provider does not know the days yet that it should judge by; later it will."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The campaign that comes next, and why in a few plain words."""

    campaign: str
    reason: str


class TrendsProvider(Protocol):
    """Knows what people care about."""

    def next_campaign(self, active: str, known: Sequence[str]) -> Choice:
        """Choose among ``known`` the campaign to follow ``active``, which is never chosen again.

        :raises ValueError: when nothing but ``active`` is known.
        """


class CuratedList:
    """The campaigns take turns in the order in which they are listed; after one that is not listed the first comes.

    >>> CuratedList().next_campaign("folk", ["jazz", "folk"])
    Choice(campaign='jazz', reason='curated list')
    """

    def next_campaign(self, active: str, known: Sequence[str]) -> Choice:
        others_than(active, known)
        place = known.index(active) + 1 if active in known else 0
        return Choice(known[place % len(known)], "curated list")


class WikimediaPageviews:
    """The campaign whose article of the English Wikipedia gains most readers, week over week.

    It compares the seven full days before ``day`` with the seven before them, and takes the largest growth, not the
    most views: by views the same two famous articles would take turns for ever. Ties go by name. Only people count
    (agent ``user``), no robots. A campaign whose article nobody views (or that does not exist: the two cannot be told
    apart) is not chosen.

    :param ask: answers a request below the base URL with parsed JSON, or with ``None`` when there is nothing (HTTP 404)
    :param day: day of the question, UTC; its own views do not count
    """

    conn_id: ClassVar[str] = "wikimedia_pageviews_default"
    """Airflow connection that names the base URL."""
    hosts: ClassVar[Mapping[str, HostPace]] = {"wikimedia.org": HostPace(seconds_between_requests=0.5)}
    """Wikimedia asks for no more than 200 requests a minute; this is below it, though a run has only a handful."""

    def __init__(self, ask: Callable[[Request], object | None], day: date) -> None:
        self._ask = ask
        self._day = day

    def next_campaign(self, active: str, known: Sequence[str]) -> Choice:
        """Choose as the class says.

        :raises ValueError: when nothing but ``active`` is known.
        :raises TrendsNotReady: when a day is missing of every article, so that it is not counted yet.
        :raises SourceAnswerError: when an answer is none.
        """
        first, last = self._day - 2 * _WEEK, self._day - _DAY
        views = {}
        for campaign in others_than(active, known):
            answer = self._ask(views_request(article_from_campaign(campaign), first, last))
            if by_day := {} if answer is None else views_by_day(answer):
                views[campaign] = by_day
        self._check_counted(views.values(), first)
        week = {campaign: _total(by_day, self._day - _WEEK) for campaign, by_day in views.items()}
        before = {campaign: _total(by_day, first) for campaign, by_day in views.items()}
        best = max(sorted(views), key=lambda campaign: growth(week[campaign], before[campaign]))
        return Choice(
            best,
            f'"{article_from_campaign(best)}" has most new readers: {week[best]} views in the week to {last}'
            f" after {before[best]} in the week before",
        )

    @staticmethod
    def _check_counted(views: Iterable[Mapping[date, int]], first: date) -> None:
        """Demand every day of some article: an answer leaves out days without views and days not counted yet alike."""
        counted = {day for by_day in views for day in by_day}
        missing = [day for day in (first + n * _DAY for n in range(14)) if day not in counted]
        if missing:
            raise TrendsNotReady(
                f"Wikimedia has no views of {', '.join(map(str, missing))} for any campaign: a day is counted within"
                " about 24 hours of its end. Clear the task later, or trigger the pipeline with the curated list"
            )


def others_than(active: str, known: Sequence[str]) -> list[str]:
    """Return the campaigns among which there is a choice.

    :raises ValueError: when there is none.
    """
    others = [campaign for campaign in known if campaign != active]
    if not others:
        raise ValueError(f"no campaign but {active!r} is known, so there is none to follow it")
    return others


def growth(week: int, week_before: int) -> float:
    """Compare the views of two weeks, damped by ``DAMPING_VIEWS``; 1 is no change.

    >>> growth(4500, 2000), growth(14, 7) < 1.02
    (2.0, True)
    """
    return (week + DAMPING_VIEWS) / (week_before + DAMPING_VIEWS)


def views_request(article: str, first: date, last: date) -> Request:
    """Ask how often people viewed an article of the English Wikipedia on each day from ``first`` to ``last``.

    The Analytics API (wikitech.wikimedia.org, "Pageview API") wants underscores for spaces and the title as one
    percent-encoded path segment; both days are included.

    >>> views_request("AC/DC songs", date(2026, 11, 1), date(2026, 11, 14)).path.partition("/user/")[2]
    'AC%2FDC_songs/daily/2026110100/2026111400'
    """
    title = quote(article.replace(" ", "_"), safe="")
    return Request(
        "/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user"
        f"/{title}/daily/{first:%Y%m%d}00/{last:%Y%m%d}00"
    )


def views_by_day(answer: object) -> dict[date, int]:
    """Read the answer to ``views_request``; days without views are left out of it.

    >>> views_by_day({"items": [{"timestamp": "2026110100", "views": 12}]})
    {datetime.date(2026, 11, 1): 12}

    :raises SourceAnswerError: when it is no list of days with whole numbers of views.
    """
    items = answer.get("items") if isinstance(answer, Mapping) else None
    if not isinstance(items, list):
        raise SourceAnswerError(f"pageviews: expected an object with a list of items, not {str(answer)[:200]}")
    views: dict[date, int] = {}
    for item in items:
        try:
            day, count = datetime.strptime(item["timestamp"], "%Y%m%d%H").date(), item["views"]
        except (TypeError, KeyError, ValueError) as error:
            raise SourceAnswerError(f"pageviews: an item is no day with its views: {str(item)[:200]}") from error
        if type(count) is not int or count < 0:
            raise SourceAnswerError(f"pageviews: {count!r} is no number of views")
        views[day] = views.get(day, 0) + count
    return views


def _total(by_day: Mapping[date, int], first: date) -> int:
    """Add up the views of the seven days from ``first``."""
    return sum(count for day, count in by_day.items() if first <= day < first + _WEEK)
