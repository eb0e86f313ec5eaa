"""Wikimedia's pageview counts: how often an article was read each day, made up from its title and the date.

Each article has its own level and its own slow wave, so that over the weeks another one leads.
"""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sources_emulator.politeness import unidentified

FIRST_DAY = date(2015, 7, 1)  # the API knows nothing older
LONGEST_SPAN_DAYS = 3_700
UNKNOWN = "No_such_"  # articles whose titles begin so do not exist, for trying out what happens then
NO_DATA = (
    "The date(s) you used are valid, but we either do not have data for those date(s), or the project you asked for is "
    "not loaded yet. Please check documentation for more information"
)
PATH = "/api/rest_v1/metrics/pageviews/per-article"


def routes() -> list[Route]:
    path = PATH + "/{project}/{access}/{agent}/{article:file_name}/{granularity}/{start}/{end}"
    return [Route(path, per_article, methods=["GET", "HEAD"])]


async def per_article(request: Request) -> Response:
    """`items[]` with one entry a day, both ends included; days without data are left out, none at all is 404."""
    if refused := unidentified(request):
        return refused
    asked = request.path_params
    article = asked["article"].replace(" ", "_")
    for name, values in (
        ("access", ("all-access", "desktop", "mobile-app", "mobile-web")),
        ("agent", ("all-agents", "user", "spider", "automated")),
        ("granularity", ("daily",)),  # the real one also has "monthly"
    ):
        if asked[name] not in values:
            return _problem(request, 400, f"{name} should be equal to one of the allowed values: [{', '.join(values)}]")
    start, end = _day(asked["start"]), _day(asked["end"])
    for name, day in (("start", start), ("end", end)):
        if day is None:
            return _problem(
                request, 400, f"{name} timestamp is invalid, must be a valid date in YYYYMMDD or YYYYMMDDHH format"
            )
    assert start is not None and end is not None
    if start > end:
        return _problem(request, 400, "start timestamp should be before the end timestamp")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first, last = max(start, FIRST_DAY), min(end, yesterday)
    if not is_article(article) or first > last or (last - first).days > LONGEST_SPAN_DAYS:
        return _problem(request, 404, NO_DATA)
    project = asked["project"].removesuffix(".org")
    items = [
        {
            "project": project,
            "article": article,
            "granularity": "daily",
            "timestamp": f"{day:%Y%m%d}00",
            "access": asked["access"],
            "agent": asked["agent"],
            "views": views_of(f"{project}/{article}", day),
        }
        for day in (first + timedelta(days=number) for number in range((last - first).days + 1))
    ]
    return JSONResponse({"items": items})


def is_article(title: str) -> bool:
    """Whether there is such an article: every title as MediaWiki writes it, but those that begin with `No_such_`.

    >>> is_article("Street_photography"), is_article("jazz"), is_article("No_such_article")
    (True, False, False)
    """
    return bool(re.fullmatch(r"[^\s#<>\[\]|{}\x00-\x1f]{1,255}", title)) and (
        title[0] == title[0].upper() and not title.startswith(UNKNOWN)
    )


def views_of(article: str, day: date) -> int:
    """Views on a day: a level of its own, a wave of five to twelve weeks, fewer on weekends.

    >>> views_of("en.wikipedia/Jazz", date(2024, 5, 6)) == views_of("en.wikipedia/Jazz", date(2024, 5, 6)) > 0
    True
    """
    digest = hashlib.sha256(article.encode()).digest()
    level, days, phase = 800 + int.from_bytes(digest[:2]) % 1_200, 35 + digest[2] % 50, digest[3] / 256
    wave = 1 + 0.8 * math.sin(2 * math.pi * (day.toordinal() / days + phase))
    weekend = 0.85 if day.weekday() >= 5 else 1.0
    return round(level * wave * weekend)


def _day(text: str) -> date | None:
    match = re.fullmatch(r"(\d{8})(?:[01]\d|2[0-3])?", text, re.ASCII)
    try:
        return datetime.strptime(match[1], "%Y%m%d").date() if match else None
    except ValueError:
        return None


def _problem(request: Request, status: int, detail: str) -> Response:
    told = {
        "detail": detail,
        "method": request.method.lower(),
        "status": status,
        "title": {400: "Bad Request", 404: "Not Found"}[status],
        "type": "about:blank",
        "uri": request.url.path.removeprefix("/api/rest_v1"),
    }
    return JSONResponse(told, status, media_type="application/problem+json")
