from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.catalog.records import AudioFeatures, Provenance, RunSummary
from include.catalog.schemas import check
from include.settings import SETTINGS

RAW, PROCESSED = SETTINGS.raw_bucket, SETTINGS.processed_bucket


@pytest.fixture(scope="module")
def jazz(run_dag):
    """A run that asks the jazz campaign, which holds bad items among the good, for four recordings."""
    return run_dag("curate_audio", campaign="jazz", batch_size=4)


def test_asking_for_four_brings_four_good_ones(jazz):
    assert jazz.state == "success"
    assert jazz.summary["asked"] == 4
    assert len(jazz.assets("analysed")) == 4
    assert not jazz.summary["exhausted"]


def test_bad_items_are_recorded_with_their_reason(jazz):
    bad = jazz.assets("failed", "rejected", "duplicate")
    assert bad
    assert all(asset["failure"]["error"] and asset["failure"]["message"] for asset in bad)
    assert jazz.summary["failed"] + jazz.summary["rejected"] + jazz.summary["duplicates"] == len(bad)


def test_a_bad_file_is_skipped_where_a_person_looks_first(jazz):
    landings = [state for (task, _), state in jazz.task_states.items() if task == "land_audio"]
    assert sorted(landings) == ["skipped", "success", "success", "success"]


def test_no_object_stands_in_raw_without_its_provenance(jazz, etags, read_json):
    keys = etags(RAW, jazz.prefix)
    media = {key for key in keys if not key.endswith(".provenance.json")}
    assert media == {asset["raw_key"] for asset in jazz.assets("analysed")}
    for key in media:
        provenance = read_json(RAW, f"{key}.provenance.json")
        check(provenance, Provenance)
        assert provenance["licence"]["url"].startswith("https://creativecommons.org/")
        assert provenance["attribution_text"]


def test_every_asset_has_its_features(jazz, read_json):
    for asset in jazz.assets("analysed"):
        features = read_json(PROCESSED, asset["features_key"])
        check(features, AudioFeatures)
        assert features["asset_id"] == asset["asset_id"]
        assert features["duration_s"] > 1


def test_the_summary_keeps_its_schema(jazz):
    check(jazz.summary, RunSummary)


def test_a_second_execution_of_the_run_changes_no_object_and_downloads_nothing(run_dag, etags, requests_seen):
    at = datetime(2026, 4, 1, tzinfo=UTC)
    first = run_dag("curate_audio", at=at, campaign="folk", batch_size=2)
    before = etags(RAW, first.prefix) | etags(PROCESSED, first.prefix)
    asked = len(requests_seen())
    second = run_dag("curate_audio", at=at, campaign="folk", batch_size=2)
    assert second.run == first.run
    assert etags(RAW, first.prefix) | etags(PROCESSED, first.prefix) == before
    downloads = [request for request in requests_seen()[asked:] if request["path"].startswith("/download/")]
    good = {asset["original_name"] for asset in first.assets("analysed")}
    assert not [request for request in downloads if request["path"].rpartition("/")[2] in good]


def test_a_later_run_takes_what_the_lake_does_not_have_until_the_source_has_no_more(run_dag):
    first = run_dag("curate_audio", campaign="ambient", batch_size=3)
    second = run_dag("curate_audio", campaign="ambient", batch_size=60)
    third = run_dag("curate_audio", campaign="ambient", batch_size=3)
    taken = [{asset["asset_id"] for asset in outcome.assets("analysed")} for outcome in (first, second, third)]
    assert len(taken[0]) == 3
    assert taken[1]
    assert not taken[0] & taken[1]
    assert second.summary["exhausted"]
    assert not taken[2]
    assert third.state == "success"


def test_only_allowed_licences_land(run_dag, read_json):
    outcome = run_dag("curate_audio", campaign="electronic", batch_size=3, licences=["cc0", "by"])
    for asset in outcome.assets("analysed"):
        licence = read_json(RAW, f"{asset['raw_key']}.provenance.json")["licence"]
        assert licence["id"].startswith(("CC0", "CC-BY-")) and not licence["id"].startswith(("CC-BY-SA", "CC-BY-N"))


def test_a_campaign_that_the_source_does_not_know_brings_an_empty_summary(run_dag):
    outcome = run_dag("curate_audio", campaign="no-such-thing", batch_size=2)
    assert outcome.state == "success"
    assert outcome.summary["assets"] == []
    assert outcome.summary["exhausted"]


def test_a_manual_run_keeps_its_campaign_for_the_next_scheduled_one(run_dag):
    from media_lake.hooks.ssm import CampaignHook

    before = CampaignHook().active_campaign()
    try:
        run_dag("curate_audio", campaign="no-such-thing", batch_size=1, persist_campaign=True)
        assert CampaignHook().active_campaign() == "no-such-thing"
    finally:
        CampaignHook().activate(before)


def test_every_trouble_of_a_catalogue_ends_in_a_reason_and_fails_no_neighbour(run_dag, etags):
    outcome = run_dag("curate_audio", campaign="trouble", batch_size=40)
    assert outcome.state == "success"
    assert len(outcome.assets("analysed")) >= 3
    reasons = {asset["failure"]["error"] for asset in outcome.assets("failed", "rejected", "duplicate")}
    assert {
        "ChecksumMismatch",
        "DuplicateContent",
        "ForbiddenUrl",
        "LicenceMissing",
        "LicenceUnknown",
        "TooManyRedirects",
        "UnexpectedContent",
    } <= reasons
    for asset in outcome.assets("failed"):
        assert asset["raw_key"] is None or asset["raw_key"] not in etags(RAW, outcome.prefix)
