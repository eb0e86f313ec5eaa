from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.settings import SETTINGS
from include.sources.errors import SourceUnavailable
from include.sources.source import Request, SourceAnswerError
from open_media.search import CandidateSearch

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEA = Request("/api", (("q", "sea"),))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(answers, shelf, client, clock, item_id):
    """The answers of a shelf that must not be asked the same within a day."""
    shelf.name = item_id
    shelf.keep_answers_s = 86400.0
    client.answers["/api"] = {"items": [], "next": None}
    return replace(answers, utc_now=clock)


def records(lake, source: str) -> list[dict]:
    listed = lake.conn.list_objects_v2(Bucket=SETTINGS.processed_bucket, Prefix=f"answers/{source}/")
    keys = [entry["Key"] for entry in listed.get("Contents", ())]
    return [json.loads(lake.read_text(SETTINGS.processed_bucket, key)) for key in keys]


def test_the_same_question_is_asked_once_a_day(kept, client, clock, lake, item_id):
    first = kept.fetch_json(SEA)
    clock.now += timedelta(hours=23, minutes=59)
    assert kept.fetch_json(SEA) == first
    assert client.asked == ["/api"]
    clock.now += timedelta(minutes=1)
    kept.fetch_json(SEA)
    assert client.asked == ["/api", "/api"]
    assert [record["asked_at"] for record in records(lake, item_id)] == ["2026-03-02T12:00:00+00:00"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"asked_at": "now"}', '{"asked_at": "2026-03-01T12:00:00+00:00"}'])
def test_a_kept_answer_that_cannot_be_read_is_asked_for_again(kept, client, lake, damage):
    first = kept.fetch_json(SEA)
    lake.write_text(SETTINGS.processed_bucket, kept._key(SEA), damage)
    assert kept.fetch_json(SEA) == first
    assert kept.fetch_json(SEA) == first
    assert client.asked == ["/api", "/api"]


def test_a_clock_that_was_years_ahead_keeps_no_answer_for_years(kept, client, clock):
    clock.now += timedelta(days=1000)
    kept.fetch_json(SEA)
    clock.now = NOON
    kept.fetch_json(SEA)
    assert client.asked == ["/api", "/api"]


def test_another_question_or_another_base_is_another_answer(kept, client):
    for asking, request in (
        (kept, SEA),
        (kept, Request("/api", (("q", "sky"),))),
        (replace(kept, base_url="https://other.example"), SEA),
    ):
        asking.fetch_json(request)
    assert len(client.asked) == 3


def test_a_source_without_that_rule_is_asked_each_time_and_nothing_kept(kept, shelf, client, lake, item_id):
    shelf.keep_answers_s = 0.0
    kept.fetch_json(SEA)
    kept.fetch_json(SEA)
    assert len(client.asked) == 2
    assert records(lake, item_id) == []


def test_an_error_is_not_kept(kept, client, lake, item_id):
    client.answers["/api"] = SourceUnavailable("503")
    with pytest.raises(SourceUnavailable):
        kept.fetch_json(SEA)
    assert records(lake, item_id) == []


def test_an_answer_that_is_no_page_is_not_kept(kept, catalogue, client, lake, item_id):
    client.answers["/search/0"] = {"error": "not today"}
    search = CandidateSearch(
        kept,
        catalogue,
        words="sea",
        media_type="audio",
        families=["by"],
        claimed_by="run-1",
        reject=lambda _: None,
    )
    with pytest.raises(SourceAnswerError):
        list(search)
    assert records(lake, item_id) == []


def test_the_answers_of_a_search_are_kept_for_the_next_run(kept, catalogue, client, item_id):
    client.answers["/search/0"] = {"items": [[item_id, None, {"files": ["a.wav"]}]], "next": None}
    for run in ("run-1", "run-2"):
        search = CandidateSearch(
            kept, catalogue, words="sea", media_type="audio", families=["by"], claimed_by=run, reject=lambda _: None
        )
        assert [track.item_id for track in search] == [item_id]
    assert client.asked == ["/search/0"]
