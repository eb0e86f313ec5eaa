"""Pixabay's wire shapes, as recorded answers and its documentation show them."""

from __future__ import annotations

from itertools import count
from typing import Any

import httpx
import pytest

from sources_emulator.pixabay import REQUESTS_A_MINUTE

KEYS = (f"20000000-key{number}" for number in count())


def asked(archive: httpx.Client, **params: Any) -> httpx.Response:
    return archive.get("/api/videos/", params={"key": next(KEYS)} | params)


def films(archive: httpx.Client, campaign: str) -> list[dict[str, Any]]:
    told = archive.get("/_truth").json()["films"]
    return [film for film in told if (film["catalogue"], film["campaign"]) == ("pixabay", campaign)]


@pytest.mark.parametrize("campaign", ["jazz", "ambient", "electronic", "folk", "nature-sounds", "street-sounds"])
def test_a_campaigns_words_find_its_own_films_in_the_catalogues_order(archive, campaign):
    answer = asked(archive, q=campaign.replace("-", " ")).json()
    found = [str(hit["id"]) for hit in answer["hits"]]
    assert found == [film["source_id"] for film in films(archive, campaign)]
    assert answer["total"] == answer["totalHits"] == len(found) > 0


def test_a_hit_has_the_recorded_shape(archive):
    hit = asked(archive, q="northern train station").json()["hits"][0]
    assert set(hit) == {
        "id", "pageURL", "type", "tags", "duration", "videos", "views", "downloads", "likes", "comments", "user_id",
        "user", "userImageURL",
    }  # fmt: skip
    assert list(hit["videos"]) == ["large", "medium", "small", "tiny"]
    for size in hit["videos"].values():
        assert set(size) == {"url", "width", "height", "size", "thumbnail"}
    assert hit["duration"] == 4
    assert hit["tags"] == "street sounds, train, station"


def test_a_large_size_that_does_not_exist_has_an_empty_address_and_zeros(archive):
    large = [hit["videos"]["large"] for hit in asked(archive, per_page=200).json()["hits"]]
    absent = [size for size in large if not size["url"]]
    assert 0 < len(absent) < len(large)
    assert {(size["width"], size["height"], size["size"]) for size in absent} == {(0, 0, 0)}


def test_every_size_is_served_with_as_many_bytes_as_declared(archive):
    hit = next(hit for hit in asked(archive, q="neon").json()["hits"])
    for size in hit["videos"].values():
        if size["url"]:
            answer = archive.get(size["url"])
            assert answer.headers["content-type"] == "video/mp4"
            assert len(answer.content) == size["size"]
    assert hit["videos"]["tiny"]["width"] < hit["videos"]["medium"]["width"]
    assert "neon" in archive.get(hit["pageURL"]).text


def test_pages_together_give_every_hit_once(archive):
    whole = [hit["id"] for hit in asked(archive, per_page=200).json()["hits"]]
    pages = [asked(archive, per_page=3, page=page).json()["hits"] for page in range(1, -(-len(whole) // 3) + 1)]
    assert [hit["id"] for page in pages for hit in page] == whole


@pytest.mark.parametrize("key", ["", "short", "with space in it", "ключключключ", "a" * 101])
def test_without_a_key_the_answer_is_400_in_plain_text(archive, key):
    answer = archive.get("/api/videos/", params={"key": key, "q": "jazz"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith("[ERROR 400] Invalid or missing API key")


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"per_page": 2}, "per_page"),
        ({"per_page": 201}, "per_page"),
        ({"per_page": "many"}, "per_page"),
        ({"page": 0}, "page"),
        ({"page": 40}, "page"),
        ({"page": "-1"}, "page"),
        ({"q": "x" * 101}, "q"),
        ({"id": 1}, "id"),
        ({"order": "random"}, "order"),
        ({"video_type": "photo"}, "video_type"),
        ({"min_width": "٣"}, "min_width"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_400_and_named(archive, params, name):
    answer = asked(archive, **params)
    assert answer.status_code == 400
    assert answer.text.startswith(f'[ERROR 400] "{name}"')


def test_every_answer_says_what_is_left_and_beyond_that_it_is_429(archive):
    key = next(KEYS)
    for left in range(REQUESTS_A_MINUTE - 1, -1, -1):
        answer = asked(archive, key=key, q="nothing at all")
        assert answer.headers["x-ratelimit-remaining"] == str(left)
    assert answer.headers["x-ratelimit-limit"] == str(REQUESTS_A_MINUTE)
    refused = asked(archive, key=key)
    assert (refused.status_code, refused.text) == (429, "API rate limit exceeded")
    assert 1 <= int(refused.headers["x-ratelimit-reset"]) <= 60
    assert asked(archive).status_code == 200  # another key has its own count


def test_the_log_shows_who_asked_again_and_never_the_key(archive):
    key = next(KEYS)
    for _ in range(2):
        asked(archive, key=key, q="jazz")
    log = archive.get("/_requests")
    assert key not in log.text
    queries = [note["query"] for note in log.json()["requests"] if note["path"] == "/api/videos/"]
    assert queries == ["key=***&q=jazz"] * 2


def test_a_film_goes_wrong_as_its_fault_says(archive):
    by_id = {str(hit["id"]): hit for hit in asked(archive, q="trouble").json()["hits"]}
    urls = {film["title"]: by_id[film["source_id"]]["videos"]["medium"]["url"] for film in films(archive, "trouble")}
    assert archive.get(urls["Pixabay without trouble"]).status_code == 200
    assert archive.get(urls["Pixabay gone"]).status_code == 404
    with pytest.raises(httpx.RemoteProtocolError):
        archive.get(urls["Pixabay cut short"])


@pytest.mark.parametrize(
    "path",
    [
        "/video/2021/06/12/1-300000001_medium.mp4",
        "/video/2021/06/12/..%2f..%2fpasswd",
        "/video/2021/06/12/99999999999999999999-1_tiny.mp4",
        "/videos/id-1/",
        "/videos/id-99999999999999999999/",
        "/videos/id-x/",
    ],
)
def test_nothing_else_can_be_reached(archive, path):
    assert archive.get(path).status_code == 404
