"""The whole of curate_video in this process: on the local AWS, whose engines really look, and the stand-in sources."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from PIL import Image

from include.catalog.records import Provenance, RunSummary
from include.catalog.schemas import check
from include.catalog.video import VideoLabels
from include.settings import SETTINGS

RAW, PROCESSED = SETTINGS.raw_bucket, SETTINGS.processed_bucket
STREET = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def street(run_dag):
    """A run that asks for two clips of the street."""
    return run_dag("curate_video", campaign="street-sounds", batch_size=2, at=STREET)


def labels_of(outcome, read_json) -> list[dict]:
    return [read_json(PROCESSED, asset["labels_key"]) for asset in outcome.assets("analysed")]


def test_asking_for_two_clips_brings_two_good_ones(street):
    assert street.state == "success"
    assert len(street.assets("analysed")) == 2
    assert sum(summary["analysed"] for summary in street.summaries.values()) == 2


def test_every_clip_stands_with_its_provenance_and_a_licence(street, read_json):
    for asset in street.assets("analysed"):
        provenance = read_json(RAW, f"{asset['raw_key']}.provenance.json")
        check(provenance, Provenance)
        assert provenance["licence"]["url"].startswith("https://")
        assert provenance["attribution_text"]


def test_bad_clips_are_recorded_with_their_reason(street):
    bad = street.assets("failed", "rejected", "duplicate")
    assert all(asset["failure"]["error"] and asset["failure"]["message"] for asset in bad)


def test_every_clip_has_labels_shots_and_a_picture(street, read_json, s3):
    for asset in street.assets("analysed"):
        labels = read_json(PROCESSED, asset["labels_key"])
        check(labels, VideoLabels)
        assert labels["shots"]
        assert labels["summary_text"].endswith(".")
        assert labels["skipped"].keys() >= {"moderation"}
        sheet = s3.get_object(Bucket=PROCESSED, Key=asset["contact_sheet_key"])["Body"].read()
        assert Image.open(io.BytesIO(sheet)).format == "JPEG"


def test_what_rekognition_cannot_take_is_analysed_by_its_proxy(street, read_json):
    proxies = {asset["raw_key"].rpartition(".")[2]: labels["proxy_key"] for asset, labels in zip(
        street.assets("analysed"), labels_of(street, read_json), strict=True
    )}  # fmt: skip
    assert proxies, "the run has clips"
    for ending, proxy_key in proxies.items():
        assert (proxy_key is not None) == (ending != "mp4")


def test_the_summaries_keep_their_schema_and_say_what_it_cost(street):
    for summary in street.summaries.values():
        check(summary, RunSummary)
        assert 0 < summary["paid_usd"] <= summary["quoted_usd"] * 1.0001


def test_a_second_execution_pays_for_no_job_and_changes_no_object(run_dag, street, etags, jobs_bought):
    before = {bucket: etags(bucket, street.prefix) for bucket in (RAW, PROCESSED)}
    bought = jobs_bought()
    again = run_dag("curate_video", campaign="street-sounds", batch_size=2, at=STREET)
    assert again.run == street.run
    assert jobs_bought() == bought
    assert {bucket: etags(bucket, street.prefix) for bucket in (RAW, PROCESSED)} == before


def test_a_run_above_its_budget_stops_before_anything_is_paid_and_asks_only_the_sources_it_was_told(
    run_dag, jobs_bought, requests_seen
):
    bought = jobs_bought()
    outcome = run_dag("curate_video", campaign="folk", batch_size=1, sources=["pixabay"], max_cost_usd=0.0001)
    assert outcome.state == "failed"
    assert outcome.task_states["approve_cost", -1] == "failed"
    assert [asset["state"] for asset in outcome.assets("landed", "analysed")] == ["landed"]
    assert jobs_bought() == bought
    assert outcome.summaries.keys() == {"pixabay"}
    assert not [request for request in requests_seen() if request["path"].startswith("/w/")]


@pytest.fixture(scope="module")
def electronic(run_dag):
    """A run that asks for more than the first source has, and for moderation."""
    return run_dag("curate_video", campaign="electronic", batch_size=2, moderation=True)


def test_the_fallback_source_fills_what_the_first_one_lacks(electronic, read_json):
    assert {name: summary["analysed"] for name, summary in electronic.summaries.items()} == {
        "wikimedia": 1,
        "pixabay": 1,
    }
    (asset,) = electronic.summaries["pixabay"]["assets"]
    licence = read_json(RAW, f"{asset['raw_key']}.provenance.json")["licence"]
    assert licence["id"] == "LicenseRef-Pixabay-Content"
    assert "creativecommons" not in licence["url"]


def test_moderation_is_looked_for_when_it_is_asked_for(electronic, read_json):
    for labels in labels_of(electronic, read_json):
        assert "moderation" not in labels["skipped"]
