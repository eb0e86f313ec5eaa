"""Two shelves, the second of which is asked when the first has too little or cannot be had."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException

from include.catalog.keys import asset_id_from_source
from include.settings import SETTINGS
from include.sources.errors import Denied, KeyMissing, SourceRefuses, SourceUnavailable, Throttled
from open_media.hooks import open_media
from open_media.hooks.open_media import OpenMediaHook
from open_media.operators.open_media import (
    OpenMediaCompleteBatchOperator,
    OpenMediaLandTrackOperator,
    OpenMediaSearchItemsOperator,
)


class Shop:
    """One of the shelves, with its client."""

    def __init__(self, shelf, client, tone_of) -> None:
        self.shelf, self.client, self.tone_of = shelf, client, tone_of
        self.name = shelf.name
        self.offers([])

    def offers(self, items: list[str]) -> None:
        """Put items on the shelf, each with a recording of its own."""
        self.client.answers["/search/0"] = {
            "items": [[item, None, {"files": ["a.wav"]}] for item in items],
            "next": None,
        }
        for item in items:
            self.client.files[f"https://shelf.example/{item}/a.wav"] = self.tone_of(f"{self.name}/{item}")

    def spoils(self, item: str) -> None:
        self.client.files[f"https://shelf.example/{item}/a.wav"] = Denied("closed")

    def fails(self, trouble: Exception) -> None:
        self.client.answers["/search/0"] = trouble

    def asset_of(self, item: str) -> str:
        return asset_id_from_source(self.name, f"{item}/a.wav")


@pytest.fixture
def shops(monkeypatch, item_id, tone_of, shelf, client) -> tuple[Shop, Shop]:
    """Two sources of this test alone, as the hook finds them."""
    opened = {}
    for name in ("first", "second"):
        of_this_test = type(shelf)()
        of_this_test.name = f"{name}-{item_id}"
        opened[of_this_test.name] = Shop(of_this_test, type(client)(), tone_of)
        monkeypatch.setitem(open_media.SOURCES, of_this_test.name, of_this_test)
    monkeypatch.setenv("AIRFLOW_CONN_SHELF", json.dumps({"conn_type": "http", "host": "https://shelf.example"}))

    @contextmanager
    def conn(hook):
        if hook.source.key_param:
            raise KeyMissing("set the key")
        yield opened[hook.source.name].client

    monkeypatch.setattr(OpenMediaHook, "conn", conn)
    return tuple(opened.values())


@pytest.fixture
def operator(operator_of, shops):
    return partial(operator_of, sources=",".join(shop.name for shop in shops))


@pytest.fixture
def context(item_id):
    pushed = {}
    ti = SimpleNamespace(
        try_number=5, max_tries=4, xcom_push=lambda key, value: pushed.update({key: value}), pushed=pushed
    )
    return {"dag_run": SimpleNamespace(dag_id="curate", run_id=item_id), "ti": ti, "task_reschedule_count": 9}


@pytest.fixture
def search(operator, context):
    return lambda size=2: operator(OpenMediaSearchItemsOperator, batch_size=size, licences=["by"]).execute(context)


@pytest.fixture
def land(operator, context):
    """Lands candidates as the mapped tasks do; the bad ones are skipped."""

    def land(candidates) -> None:
        for candidate in candidates:
            try:
                operator(OpenMediaLandTrackOperator, candidate=candidate).execute(context)
            except AirflowSkipException:
                continue

    return land


@pytest.fixture
def complete(operator, context):
    return lambda: operator(OpenMediaCompleteBatchOperator, group_size=None).execute(context)


@pytest.fixture
def record(operator, lake, item_id):
    """Reads the candidates of a source, or None."""

    def record(shop: Shop):
        folder = operator(OpenMediaCompleteBatchOperator).batch_of(shop.name, "").folder
        text = lake.read_text(SETTINGS.processed_bucket, folder.candidates)
        return text and json.loads(text)

    return record


def names_of(candidates) -> list[tuple[str, str]]:
    return [(candidate["source"], candidate["name"]) for candidate in candidates]


# -- the search


def test_while_the_first_source_has_enough_no_other_is_asked(shops, search, record):
    first, second = shops
    first.offers(["a", "b", "c"])
    assert names_of(search()) == [(first.name, "a"), (first.name, "b")]
    assert second.client.asked == []
    assert record(second) is None


def test_what_the_first_lacks_the_second_gives(shops, search, record):
    first, second = shops
    first.offers(["a"])
    second.offers(["b", "c", "d"])
    assert names_of(search(3)) == [(first.name, "a"), (second.name, "b"), (second.name, "c")]
    assert [record(shop)["asked"] for shop in shops] == [3, 2]


@pytest.mark.parametrize(
    "trouble",
    [
        SourceUnavailable("503"),
        Throttled("later", retry_after_s=300),
        SourceRefuses("firewall", retry_after_s=900),
        Denied("403"),
    ],
)
def test_a_source_that_cannot_be_had_is_passed_over_with_its_reason(shops, search, record, trouble):
    first, second = shops
    first.fails(trouble)
    second.offers(["a", "b"])
    assert names_of(search()) == [(second.name, "a"), (second.name, "b")]
    passed_over = record(first)
    assert (passed_over["asked"], passed_over["batch"]) == (2, [])
    assert str(trouble) in passed_over["unavailable"]


def test_a_source_without_its_key_is_passed_over(shops, search, record):
    first, second = shops
    first.shelf.key_param = "key"
    second.offers(["a", "b"])
    assert len(search()) == 2
    assert record(first)["unavailable"] == "KeyMissing: set the key"


def test_a_source_that_answers_nonsense_is_passed_over(shops, search, record):
    first, second = shops
    first.client.answers["/search/0"] = {"error": "no page"}
    second.offers(["a", "b"])
    assert len(search()) == 2
    assert "SourceAnswerError" in record(first)["unavailable"]


def test_a_source_that_breaks_down_halfway_gives_nothing(shops, search, record, client):
    first, second = shops
    first.offers(["a"])
    first.client.answers["/search/0"]["next"] = "1"
    first.client.answers["/search/1"] = Throttled("enough", retry_after_s=300)
    second.offers(["b", "c"])
    assert names_of(search()) == [(second.name, "b"), (second.name, "c")]
    assert record(first)["batch"] == []


def test_the_second_search_of_a_run_chooses_the_same_whatever_the_sources_say_by_then(shops, search):
    first, second = shops
    first.fails(SourceUnavailable("503"))
    second.offers(["a", "b"])
    chosen = search()
    first.offers(["c", "d"])
    second.fails(SourceUnavailable("503"))
    assert search() == chosen


def test_when_no_source_is_left_the_task_waits_for_the_one_that_comes_back_first(shops, search, record):
    first, second = shops
    first.fails(Throttled("later", retry_after_s=3600))
    second.fails(Throttled("soon", retry_after_s=300))
    with pytest.raises(AirflowRescheduleException) as put_off:
        search()
    assert put_off.value.reschedule_date - datetime.now(UTC) < timedelta(minutes=6)
    assert [record(shop) for shop in shops] == [None, None]


def test_when_no_source_is_left_and_none_comes_back_the_task_fails_at_once(shops, search):
    for shop in shops:
        shop.shelf.key_param = "key"
    with pytest.raises(AirflowFailException, match="KeyMissing: set the key"):
        search()


def test_an_unknown_source_is_named(shops, operator, context):
    task = operator(OpenMediaSearchItemsOperator, batch_size=1, licences=["by"])
    task.sources = "first, shelfs"
    with pytest.raises(AirflowFailException, match="shelfs"):
        task.execute(context)


def test_of_two_searches_at_once_one_chooses_and_tells_how_far_it_came(shops, search, operator, monkeypatch):
    first, _ = shops
    first.offers(["a", "b"])
    choose, rivals = OpenMediaSearchItemsOperator._choose, []

    def choose_slowly(task, batch, wanted):
        found = choose(task, batch, wanted)
        if not rivals:
            first.offers(["c", "d"])
            rivals.append("is searching")
            rivals[0] = search()
        return found

    monkeypatch.setattr(OpenMediaSearchItemsOperator, "_choose", choose_slowly)
    assert [search()] == rivals
    assert names_of(rivals[0]) == [(first.name, "c"), (first.name, "d")]
    assert operator(OpenMediaCompleteBatchOperator).batch_of(first.name, "").progress().seen_items == {"c", "d"}


# -- the batch


def test_a_search_that_died_before_it_told_how_far_it_came_is_taken_up_from_its_beginning(
    shops, search, land, complete, operator, lake
):
    first, _ = shops
    first.offers(["a", "b", "c"])
    chosen = search()
    folder = operator(OpenMediaCompleteBatchOperator).batch_of(first.name, "").folder
    lake.delete(SETTINGS.processed_bucket, folder.search)
    first.spoils("a")
    land(chosen)
    assert complete() == [first.asset_of("b"), first.asset_of("c")]
    assert complete() == [first.asset_of("b"), first.asset_of("c")]


def test_a_bad_track_is_replaced_from_its_own_source_first(shops, search, land, complete):
    first, second = shops
    first.offers(["a"])
    second.offers(["b", "c", "d"])
    chosen = search(3)
    second.spoils("b")
    land(chosen)
    assert complete() == [first.asset_of("a"), second.asset_of("c"), second.asset_of("d")]


def test_a_source_that_was_not_searched_before_makes_up_for_what_the_others_lack(
    shops, search, land, complete, context
):
    first, second = shops
    first.offers(["a", "b"])
    second.offers(["c"])
    chosen = search()
    first.spoils("a")
    land(chosen)
    assert complete() == [first.asset_of("b"), second.asset_of("c")]
    assert context["ti"].pushed["exhausted"] is False


def test_a_source_that_was_passed_over_is_asked_again(shops, search, land, complete):
    first, second = shops
    first.fails(SourceUnavailable("503"))
    second.offers(["a", "b"])
    chosen = search()
    second.spoils("a")
    land(chosen)
    first.offers(["c"])
    assert complete() == [second.asset_of("b"), first.asset_of("c")]


def test_the_batch_is_exhausted_only_when_all_sources_are(shops, search, land, complete, context):
    first, second = shops
    first.offers(["a", "b"])
    second.offers([])
    chosen = search()
    first.spoils("a")
    land(chosen)
    assert complete() == [first.asset_of("b")]
    assert context["ti"].pushed["exhausted"] is True


def test_a_source_that_cannot_be_had_leaves_the_batch_short_but_not_exhausted(shops, search, land, complete, context):
    first, second = shops
    first.offers(["a", "b"])
    second.fails(SourceUnavailable("503"))
    chosen = search()
    first.spoils("a")
    land(chosen)
    assert complete() == [first.asset_of("b")]
    assert context["ti"].pushed["exhausted"] is False


def test_a_missing_key_fails_no_run_whose_other_source_has_nothing_left(shops, search, complete, context):
    _, second = shops
    second.shelf.key_param = "key"
    assert search() == []
    assert complete() == []
    assert context["ti"].pushed["exhausted"] is False


def test_a_batch_completed_twice_is_the_same(shops, search, land, complete):
    first, second = shops
    first.offers(["a", "b"])
    second.offers(["c", "d"])
    chosen = search()
    first.spoils("a")
    land(chosen)
    assert complete() == complete()


def test_bytes_that_another_source_brought_already_are_a_duplicate(shops, search, land, complete, catalogue):
    first, second = shops
    first.offers(["a"])
    second.offers(["b", "c"])
    second.client.files["https://shelf.example/b/a.wav"] = first.client.files["https://shelf.example/a/a.wav"]
    chosen = search()
    land(chosen)
    assert complete() == [first.asset_of("a"), second.asset_of("c")]
    assert catalogue.read(second.asset_of("b"))["duplicate_of"] == first.asset_of("a")
