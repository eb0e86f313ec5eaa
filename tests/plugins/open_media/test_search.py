from __future__ import annotations

import pytest

from include.catalog.keys import asset_id_from_source
from include.catalog.licences import DEFAULT_FAMILIES
from include.sources.errors import Denied, SourceUnavailable, Throttled, UnexpectedContent
from include.sources.source import SourceAnswerError
from open_media.search import MOST_ANSWERS_A_PAGE, CandidateSearch, Progress


@pytest.fixture
def ids(item_id) -> list[str]:
    return [f"{item_id}-{letter}" for letter in "abcdefg"]


@pytest.fixture
def rejections() -> list:
    return []


@pytest.fixture
def search_of(answers, catalogue, rejections):
    def search_of(progress: Progress | None = None, run: str = "run-1") -> CandidateSearch:
        return CandidateSearch(
            answers,
            catalogue,
            words="tones",
            media_type="audio",
            families=DEFAULT_FAMILIES,
            claimed_by=run,
            reject=rejections.append,
            progress=progress,
        )

    return search_of


@pytest.fixture
def stock(client, ids):
    """Puts the items on one page of the search, each with one file or whatever ``odd`` gives for it."""

    def stock(odd=None, licences=None):
        items = [[item_id, (licences or {}).get(item_id)] for item_id in ids]
        client.answers["/search/0"] = {"items": items, "next": None}
        for item_id in ids:
            client.answers[f"/item/{item_id}"] = (odd or {}).get(item_id, {"files": ["a.wav"]})

    return stock


def items_of(tracks) -> list[str]:
    return [track.item_id for track in tracks]


@pytest.mark.parametrize("trouble", [Denied("403"), SourceUnavailable("503"), UnexpectedContent("an html page")])
def test_an_item_that_cannot_be_had_is_rejected_and_the_others_are_found(stock, search_of, rejections, ids, trouble):
    stock({ids[2]: trouble})
    assert items_of(search_of()) == [*ids[:2], *ids[3:]]
    assert [(rejection.source_id, rejection.error) for rejection in rejections] == [(ids[2], "ItemUnavailable")]


def test_many_items_in_a_row_that_are_unavailable_mean_that_the_source_is_down(stock, search_of, rejections, ids):
    stock({item_id: SourceUnavailable("503") for item_id in ids[1:]})
    with pytest.raises(SourceUnavailable):
        list(search_of())
    assert len(rejections) == 4


def test_a_source_that_asks_to_be_left_alone_is_not_asked_for_the_next_item(stock, search_of, rejections, ids, client):
    stock({ids[1]: Throttled("later", retry_after_s=300)})
    with pytest.raises(Throttled):
        list(search_of())
    assert not rejections
    assert client.asked[-1] == f"/item/{ids[1]}"


def test_an_item_whose_licence_the_search_shows_as_not_allowed_costs_no_request(
    stock, search_of, rejections, ids, client
):
    stock(licences={ids[0]: "https://creativecommons.org/licenses/by-nd/4.0/", ids[1]: "https://example.org/mine"})
    assert items_of(search_of()) == ids[1:]
    assert f"/item/{ids[0]}" not in client.asked
    assert rejections[0].error == "LicenceNotAllowed"


def test_a_search_goes_on_where_an_earlier_one_stopped(stock, search_of, ids, client):
    stock({ids[0]: {"files": ["a.wav", "b.wav"]}})
    first = search_of()
    found = [track for track, _ in zip(first, range(3), strict=False)]
    progress = Progress.from_json(first.progress.to_json())
    client.asked.clear()
    rest = list(search_of(progress))
    assert items_of(found) == ids[:3]
    assert [track.source_id for track in rest[-1:]] == [f"{ids[0]}/b.wav"]
    assert not {f"/item/{item_id}" for item_id in items_of(found)} & set(client.asked)
    assert progress.exhausted


def test_what_another_run_has_is_left_out_and_its_item_not_asked_for_again(stock, search_of, ids, client, catalogue):
    stock()
    asset_id = asset_id_from_source("shelf", f"{ids[0]}/a.wav")
    catalogue.claim(asset_id, claimed_by="run-2", attributes={})
    catalogue.mark(asset_id, "landed", raw_key="a.wav")
    assert items_of(search_of()) == ids[1:]
    client.asked.clear()
    assert items_of(search_of()) == ids[1:]
    assert f"/item/{ids[0]}" not in client.asked


def test_a_page_that_comes_in_pieces_is_read_whole(search_of, client, item_id):
    client.answers["/search/0"] = {"items": [[f"{item_id}-a", None]], "next": None, "continue": "/search/0/more"}
    client.answers["/search/0/more"] = {"items": [[f"{item_id}-b", None]], "next": None}
    for letter in "ab":
        client.answers[f"/item/{item_id}-{letter}"] = {"files": ["a.wav"]}
    assert items_of(search_of()) == [f"{item_id}-a", f"{item_id}-b"]


def test_a_page_without_end_is_no_page(search_of, client):
    client.answers["/search/0"] = {"items": [], "next": None, "continue": "/search/0"}
    with pytest.raises(SourceAnswerError, match="continues a page"):
        list(search_of())
    assert len(client.asked) == MOST_ANSWERS_A_PAGE


def test_an_item_of_which_the_search_tells_all_is_not_asked_for(search_of, client, item_id):
    client.answers["/search/0"] = {"items": [[item_id, None, {"files": ["a.wav"]}]], "next": None}
    assert items_of(search_of()) == [item_id]
    assert client.asked == ["/search/0"]
