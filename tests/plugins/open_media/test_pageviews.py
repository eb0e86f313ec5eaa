from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from include.catalog.campaigns import CAMPAIGNS
from include.settings import Settings
from include.sources.errors import ContactMissing, ForbiddenUrl, SourceUnavailable
from open_media.hooks import open_media
from open_media.hooks.pageviews import PageviewsHook

SUNDAY = date(2026, 11, 15)
FORTNIGHT = [datetime(2026, 11, day, tzinfo=UTC).date() for day in range(1, 15)]
READ = {"Jazz": [5000] * 14, "Folk_music": [900] * 7 + [1400] * 7}


@pytest.fixture
def encyclopaedia(local_aws, monkeypatch) -> Iterator[Any]:
    """Starts a service that answers as the Analytics API does, with the views in READ, and connects the hook to it."""

    class Answers(BaseHTTPRequestHandler):
        status = 200
        location = ""
        asked: list[tuple[str, str]] = []

        def do_GET(self) -> None:
            self.asked.append((self.path, self.headers["User-Agent"]))
            views = READ.get(self.path.split("/")[-4])
            if self.status != 200:
                self.answer(self.status, {})
            elif views is None:
                self.answer(404, {"title": "Not Found", "status": 404, "detail": "no data for those dates"})
            else:
                items = [
                    {"timestamp": f"{day:%Y%m%d}00", "views": count}
                    for day, count in zip(FORTNIGHT, views, strict=True)
                ]
                self.answer(200, {"items": items})

        def answer(self, status: int, body: dict) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            if self.location:
                self.send_header("Location", self.location)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        here = f"127.0.0.1:{server.server_port}"
        extra = {"loopback_hosts": [here], "seconds_between_requests": 0, "patience": {"longest_backoff_s": 0.01}}
        connection = {"conn_type": "http", "host": f"http://{here}", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_WIKIMEDIA_PAGEVIEWS_DEFAULT", json.dumps(connection))
        yield Answers
        server.shutdown()
        thread.join()


def test_the_campaign_whose_article_gains_readers_is_chosen_and_articles_that_are_not_there_are_none(encyclopaedia):
    with PageviewsHook().trends(SUNDAY) as trends:
        assert trends.next_campaign("ambient", CAMPAIGNS).campaign == "folk"
    assert len(encyclopaedia.asked) == len(CAMPAIGNS) - 1
    assert all(path.endswith("/daily/2026110100/2026111400") for path, _ in encyclopaedia.asked)
    assert all(user_agent.startswith("media-pipelines/") for _, user_agent in encyclopaedia.asked)


def test_a_service_that_fails_is_asked_again_and_then_given_up(encyclopaedia):
    encyclopaedia.status = 503
    with pytest.raises(SourceUnavailable, match="503"), PageviewsHook().trends(SUNDAY) as trends:
        trends.next_campaign("ambient", CAMPAIGNS)
    assert len(encyclopaedia.asked) > 1


def test_a_service_that_leads_elsewhere_is_not_followed(encyclopaedia):
    encyclopaedia.status, encyclopaedia.location = 302, "https://example.org/"
    with pytest.raises(ForbiddenUrl, match=r"example\.org"), PageviewsHook().trends(SUNDAY) as trends:
        trends.next_campaign("ambient", CAMPAIGNS)


def test_wikimedia_itself_is_not_asked_without_a_contact(monkeypatch):
    connection = {"conn_type": "http", "host": "https://wikimedia.org"}
    monkeypatch.setenv("AIRFLOW_CONN_WIKIMEDIA_PAGEVIEWS_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(open_media, "SETTINGS", Settings(contact=""))
    with pytest.raises(ContactMissing, match="MEDIA_CONTACT"), PageviewsHook().trends(SUNDAY):
        pass
