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
from include.sources.errors import Denied, SourceRefuses, SourceUnavailable, Throttled
from open_media.hooks import open_media
from open_media.hooks.open_media import OpenMediaHook
from open_media.operators.open_media import (
    OpenMediaCompleteBatchOperator,
    OpenMediaLandTrackOperator,
    OpenMediaSearchItemsOperator,
)


@pytest.fixture
def source(monkeypatch, shelf, client, item_id) -> str:
    """The shelf as a source of its own, so that its cool-down is nobody else's."""
    shelf.name = item_id
    monkeypatch.setitem(open_media.SOURCES, shelf.name, shelf)
    monkeypatch.setenv("AIRFLOW_CONN_SHELF", json.dumps({"conn_type": "http", "host": "https://shelf.example"}))

    @contextmanager
    def conn(self):
        yield client

    monkeypatch.setattr(OpenMediaHook, "conn", conn)
    return shelf.name


@pytest.fixture
def operator(operator_of, source):
    return partial(operator_of, sources=source)


@pytest.fixture
def context(item_id):
    def context(try_number: int = 1, reschedules: int = 0):
        pushed = {}
        ti = SimpleNamespace(
            try_number=try_number, max_tries=4, xcom_push=lambda key, value: pushed.update({key: value}), pushed=pushed
        )
        dag_run = SimpleNamespace(dag_id="curate", run_id=item_id)
        return {"dag_run": dag_run, "ti": ti, "task_reschedule_count": reschedules}

    return context


@pytest.fixture
def stock(client, item_id, tone_of):
    """Fills the shelf with items of one recording each."""

    def stock(count: int) -> list[str]:
        ids = [f"{item_id}-{number}" for number in range(count)]
        client.answers["/search/0"] = {"items": [[name, None] for name in ids], "next": None}
        for name in ids:
            client.answers[f"/item/{name}"] = {"files": ["a.wav"]}
            client.files[f"https://shelf.example/{name}/a.wav"] = tone_of(name)
        return ids

    return stock


def search(operator, context, batch_size: int) -> list[dict[str, str]]:
    task = operator(OpenMediaSearchItemsOperator, batch_size=batch_size, licences=["by"])
    return task.execute(context())


def test_a_refusal_puts_the_task_off_and_keeps_every_other_task_from_asking(
    operator, context, stock, client, catalogue, source
):
    stock(1)
    (candidate,) = search(operator, context, 1)
    client.files = dict.fromkeys(client.files, SourceRefuses("firewall", retry_after_s=900))
    land = operator(OpenMediaLandTrackOperator, candidate=candidate)
    with pytest.raises(AirflowRescheduleException) as put_off:
        land.execute(context())
    asked = len(client.asked)
    assert timedelta(minutes=14) < put_off.value.reschedule_date - datetime.now(UTC) < timedelta(minutes=16)
    with pytest.raises(AirflowRescheduleException):
        operator(OpenMediaLandTrackOperator, candidate=candidate).execute(context())
    assert len(client.asked) == asked


def test_what_no_further_try_can_mend_fails_at_once(operator, context, client):
    client.answers["/search/0"] = Denied("not for you")
    with pytest.raises(AirflowFailException, match="Denied: not for you"):
        search(operator, context, 1)


def test_what_may_pass_is_left_to_the_retries(operator, context, client):
    client.answers["/search/0"] = SourceUnavailable("503")
    with pytest.raises(SourceUnavailable):
        search(operator, context, 1)


def test_a_candidate_that_the_search_did_not_choose_is_named(operator, context, stock, source):
    stock(1)
    search(operator, context, 1)
    with pytest.raises(AirflowFailException, match="not-chosen"):
        operator(
            OpenMediaLandTrackOperator, candidate={"asset_id": "not-chosen", "source": source, "name": ""}
        ).execute(context())


def test_the_progress_of_the_search_lies_beside_the_candidates(operator, context, stock, lake, source):
    stock(2)
    search(operator, context, 1)
    folder = operator(OpenMediaCompleteBatchOperator).batch_of(source, "curate/run").folder
    assert "search" not in json.loads(lake.read_text(SETTINGS.processed_bucket, folder.candidates))
    assert json.loads(lake.read_text(SETTINGS.processed_bucket, folder.search))["cursor"] is None


def test_a_bad_track_is_skipped_and_replaced(operator, context, stock, client, source):
    ids = stock(3)
    chosen = search(operator, context, 2)
    client.files[f"https://shelf.example/{ids[0]}/a.wav"] = Denied("closed")
    with pytest.raises(AirflowSkipException, match="Denied: closed"):
        operator(OpenMediaLandTrackOperator, candidate=chosen[0]).execute(context())
    operator(OpenMediaLandTrackOperator, candidate=chosen[1]).execute(context())
    groups = operator(OpenMediaCompleteBatchOperator, group_size=8).execute(context())
    assert groups == [[asset_id_from_source(source, f"{name}/a.wav") for name in ids[1:]]]


def test_a_batch_that_is_completed_again_takes_nothing_more(operator, context, stock, client, catalogue, source):
    ids = stock(5)
    search(operator, context, 2)
    for name in ids[:2]:
        client.files[f"https://shelf.example/{name}/a.wav"] = Denied("closed")
    complete = operator(OpenMediaCompleteBatchOperator, group_size=8)
    first = complete.execute(context())
    for name in ids[2:4]:
        catalogue.mark_item_taken(source, name)  # as a later run does when it sees them
    asked = len(client.asked)
    assert sorted(complete.execute(context())[0]) == sorted(first[0])
    assert len(client.asked) == asked


@pytest.mark.parametrize(
    ("trouble", "when"),
    [
        (SourceUnavailable("503"), {"try_number": 5}),
        (Throttled("later", retry_after_s=300), {"reschedules": 3}),
        (Denied("closed"), {}),
    ],
)
def test_what_landed_goes_on_when_there_is_no_way_to_the_rest(operator, context, stock, client, trouble, when):
    stock(2)
    (candidate, _) = search(operator, context, 2)
    asset_id = operator(OpenMediaLandTrackOperator, candidate=candidate).execute(context())
    client.answers["/search/0"] = trouble
    at_last = context(**when)
    assert operator(OpenMediaCompleteBatchOperator, group_size=8).execute(at_last) == [[asset_id]]
    assert at_last["ti"].pushed == {"exhausted": False}


def test_while_there_are_tries_left_the_rest_is_waited_for(operator, context, stock, client):
    stock(2)
    (candidate, _) = search(operator, context, 2)
    operator(OpenMediaLandTrackOperator, candidate=candidate).execute(context())
    client.answers["/search/0"] = SourceUnavailable("503")
    with pytest.raises(SourceUnavailable):
        operator(OpenMediaCompleteBatchOperator, group_size=8).execute(context())
