"""Closing a run on the local AWS."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.catalog.keys import RunFolder, asset_id_from_source
from include.catalog.records import Failure, RunSummary
from include.catalog.schemas import check
from include.settings import SETTINGS
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.operators.summary import LakeWriteSummaryOperator

NEWS = Asset(name="news", uri="s3://news/audio")
UNWANTED = Failure(stage="search", error="LicenceMissing", message="the item names no licence", retryable=False)


class Run:
    """A run of a campaign that no other test has, as its tasks leave it in catalogue and lake."""

    def __init__(
        self, catalogue, lake, campaign: str, run: str = "20260301_063000", source: str = "internet-archive"
    ) -> None:
        self.catalogue, self.lake, self.source = catalogue, lake, source
        self.folder = RunFolder("audio", source, campaign, run)
        self.dag_run = SimpleNamespace(dag_id="curate_audio", run_id=f"manual__{run}")
        self.claimed_by = f"curate_audio/manual__{run}"
        self.events = defaultdict(SimpleNamespace)
        self.pushed: dict[str, Any] = {}

    def _attributes(self, name: str) -> dict[str, str]:
        place = {"source": self.source, "campaign": self.folder.campaign, "run": self.folder.run}
        return {
            **place,
            "media_type": "audio",
            "source_id": self._source_id(name),
            "title": name,
            "original_name": name,
        }

    def _source_id(self, name: str) -> str:
        return f"{self.folder.campaign}/{name}"

    def id_of(self, name: str) -> str:
        return asset_id_from_source(self.source, self._source_id(name))

    def choose(self, *names: str, asked: int = 2) -> None:
        batch = [{"source": self.source, "source_id": self._source_id(name)} for name in names]
        text = json.dumps({"claimed_by": self.claimed_by, "asked": asked, "batch": batch})
        self.lake.write_text(SETTINGS.processed_bucket, self.folder.candidates, text)

    def analyse(self, name: str) -> str:
        asset_id = self.id_of(name)
        self.catalogue.claim(asset_id, claimed_by=self.claimed_by, attributes=self._attributes(name))
        self.catalogue.mark(asset_id, "analysed", raw_key=self.folder.raw(name))
        return asset_id

    def reject(self, name: str) -> None:
        self.catalogue.record_rejected(self.id_of(name), UNWANTED, **self._attributes(name))

    def close(
        self, *landed: str, search_failed: bool = False, sources: str = "internet-archive", **costs: object
    ) -> list[str]:
        operator = LakeWriteSummaryOperator(
            task_id="write_summary",
            sources=sources,
            media_type="audio",
            campaign=self.folder.campaign,
            run=self.folder.run,
            asked=2,
            asset_ids=None if search_failed else [list(landed)],
            exhausted="None" if search_failed else "False",
            outlets=[NEWS],
            **costs,
        )
        ti = SimpleNamespace(xcom_push=lambda key, value: self.pushed.update({key: value}))
        return operator.execute({"dag_run": self.dag_run, "outlet_events": self.events, "ti": ti})

    def summary(self) -> dict[str, Any]:
        summary = json.loads(self.lake.read_text(SETTINGS.processed_bucket, self.folder.summary))
        check(summary, RunSummary)
        return summary

    def listed(self) -> dict[str, str]:
        return {outcome["title"]: outcome["state"] for outcome in self.summary()["assets"]}


@pytest.fixture
def campaign() -> str:
    return f"c-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def run(catalogue, lake, campaign) -> Run:
    return Run(catalogue, lake, campaign)


def test_a_summary_lists_what_a_run_brought_and_turned_down_and_tells_whoever_waits(run):
    run.choose("a.mp3")
    run.analyse("a.mp3")
    run.reject("b.mp3")
    run.close()
    assert run.listed() == {"a.mp3": "analysed", "b.mp3": "rejected"}
    assert run.events[NEWS].extra["analysed"] == 1


def test_an_asset_that_the_index_does_not_list_yet_is_in_the_summary(run, monkeypatch):
    monkeypatch.setattr(AssetCatalogueHook, "iter_run", lambda *_: iter(()))
    run.choose("a.mp3")
    run.analyse("a.mp3")
    run.close(run.analyse("replacement.mp3"))
    assert run.listed() == {"a.mp3": "analysed", "replacement.mp3": "analysed"}


def test_a_run_that_owns_nothing_leaves_the_summary_of_another_alone(run, catalogue, lake, campaign):
    run.choose("a.mp3")
    run.analyse("a.mp3")
    run.close()
    other = Run(catalogue, lake, campaign)
    other.dag_run.run_id = "manual__of_the_same_second"
    with pytest.raises(AirflowFailException, match=run.claimed_by):
        other.close()
    assert run.listed() == {"a.mp3": "analysed"}


def test_a_run_whose_search_failed_has_an_empty_summary_and_wakes_nobody(run):
    with pytest.raises(AirflowSkipException, match="nothing was analysed"):
        run.close(search_failed=True)
    assert run.listed() == {}
    assert not run.events
    assert run.pushed == {"analysed": 0}


def test_a_cleared_run_still_lists_what_a_later_run_turned_down_again(run, catalogue, lake, campaign):
    run.choose("a.mp3")
    run.analyse("a.mp3")
    run.reject("b.mp3")
    run.close()
    Run(catalogue, lake, campaign, run="20260308_063000").reject("b.mp3")
    run.close()
    assert run.listed() == {"a.mp3": "analysed", "b.mp3": "rejected"}


def test_a_track_that_a_later_run_took_over_is_not_counted_twice(run, catalogue, lake, campaign):
    run.choose("a.mp3", "b.mp3")
    run.analyse("a.mp3")
    later = Run(catalogue, lake, campaign, run="20260308_063000")
    later.choose("b.mp3")
    later.analyse("b.mp3")
    run.close()
    later.close()
    assert run.listed() == {"a.mp3": "analysed"}
    assert later.listed() == {"b.mp3": "analysed"}


def test_each_source_that_was_asked_has_a_summary_of_its_own(run, catalogue, lake, campaign):
    fallback = Run(catalogue, lake, campaign, source="pixabay")
    run.choose("a.mp3")
    run.analyse("a.mp3")
    fallback.choose("b.mp3", asked=1)
    fallback.analyse("b.mp3")
    keys = run.close(sources="internet-archive,pixabay,never-asked", quoted_usd="0.25")
    assert keys == [run.folder.summary, fallback.folder.summary]
    assert (run.listed(), fallback.listed()) == ({"a.mp3": "analysed"}, {"b.mp3": "analysed"})
    assert (run.summary()["asked"], fallback.summary()["asked"]) == (2, 1)
    assert run.summary()["quoted_usd"] == 0.25
    assert run.events[NEWS].extra["analysed"] == 2


def test_a_source_that_only_replaced_what_was_bad_has_a_summary_too(run, catalogue, lake, campaign):
    run.choose("bad.mp3")
    replacement = Run(catalogue, lake, campaign, source="pixabay")
    run.close(replacement.analyse("b.mp3"), sources="internet-archive,pixabay")
    assert replacement.listed() == {"b.mp3": "analysed"}
    assert replacement.summary()["asked"] == 1


def test_what_another_pipeline_curated_in_the_same_second_is_not_in_the_summary(run, catalogue):
    run.choose("a.mp3")
    run.analyse("a.mp3")
    catalogue.claim(
        run.id_of("film.mp4"),
        claimed_by=run.claimed_by,
        attributes=run._attributes("film.mp4") | {"media_type": "video"},
    )
    run.close(run.id_of("film.mp4"))
    assert run.listed() == {"a.mp3": "analysed"}
