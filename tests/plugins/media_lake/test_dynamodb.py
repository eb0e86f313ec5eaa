from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from include.catalog.records import Failure
from media_lake.hooks import dynamodb as module
from media_lake.hooks.dynamodb import AssetCatalogueHook

PERMANENT = Failure(stage="land", error="ChecksumMismatch", message="other bytes", retryable=False)
PASSING = Failure(stage="land", error="TooSlow", message="the body stalls", retryable=True)


@pytest.fixture
def claim(catalogue, asset_id):
    def claim(claimed_by: str, **attributes):
        attributes = {"title": "A", "campaign": "jazz", "run": "20260301_063000"} | attributes
        return catalogue.claim(asset_id, claimed_by=claimed_by, attributes=attributes)

    return claim


def test_an_unknown_asset_belongs_to_whoever_claims_it_first(claim):
    assert claim("run-1")["state"] == "claimed"
    assert claim("run-2") is None


def test_a_run_that_claims_again_sees_how_far_it_came(claim, catalogue, asset_id):
    first = claim("run-1")
    catalogue.mark(asset_id, "landed", raw_key="a.mp3")
    again = claim("run-1")
    assert again["state"] == "landed"
    assert again["raw_key"] == "a.mp3"
    assert again["claimed_at"] == first["claimed_at"]


def test_an_asset_that_failed_for_good_stays_with_its_run(claim, catalogue, asset_id):
    claim("run-1")
    catalogue.mark_failed(asset_id, PERMANENT)
    assert claim("run-2") is None
    assert not catalogue.is_free_for(catalogue.read(asset_id), "run-2")


def test_an_asset_whose_trouble_may_pass_is_free_for_the_next_run(claim, catalogue, asset_id):
    claim("run-1")
    catalogue.mark_failed(asset_id, PASSING)
    assert catalogue.is_free_for(catalogue.read(asset_id), "run-2")
    assert claim("run-2")["claimed_by"] == "run-2"


def test_the_claim_of_a_run_that_died_passes_on(claim, catalogue, asset_id):
    claim("run-1")
    catalogue.mark(asset_id, "claimed", claimed_at="2020-01-01T00:00:00Z")
    assert catalogue.is_free_for(catalogue.read(asset_id), "run-2")
    assert claim("run-2")["claimed_by"] == "run-2"


def test_a_rejected_asset_may_be_claimed_when_its_licence_is_allowed_later(claim, catalogue, asset_id):
    catalogue.record_rejected(asset_id, PERMANENT, campaign="jazz", run="20260301_063000")
    assert catalogue.read(asset_id)["state"] == "rejected"
    assert claim("run-2")["state"] == "claimed"


def test_a_rejection_does_not_touch_an_asset_that_landed(claim, catalogue, asset_id):
    claim("run-1")
    catalogue.mark(asset_id, "landed")
    catalogue.record_rejected(asset_id, PERMANENT)
    assert catalogue.read(asset_id)["state"] == "landed"


def test_of_many_runs_that_want_an_asset_one_gets_it(asset_id, local_aws):
    def claim(number: int) -> bool:
        hook = AssetCatalogueHook()
        return hook.claim(asset_id, claimed_by=f"run-{number}", attributes={"title": "A"}) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_landing_after_a_failure_forgets_the_failure(claim, catalogue, asset_id):
    claim("run-1")
    catalogue.mark_failed(asset_id, PASSING)
    assert catalogue.read(asset_id)["failure"]["error"] == "TooSlow"
    catalogue.mark(asset_id, "landed", loudness_lufs=-14.25)
    item = catalogue.read(asset_id)
    assert "failure" not in item
    assert item["loudness_lufs"] == -14.25


def test_marking_an_asset_that_the_catalogue_does_not_hold_is_an_error(catalogue, asset_id):
    with pytest.raises(LookupError, match=asset_id):
        catalogue.mark(asset_id, "landed")


def test_the_same_bytes_belong_to_the_asset_that_landed_them(claim, catalogue, asset_id):
    claim("run-1")
    sha256 = asset_id * 2
    assert catalogue.claim_content(sha256, asset_id) == asset_id
    assert catalogue.claim_content(sha256, asset_id) == asset_id
    catalogue.mark(asset_id, "landed", raw_key="a.mp3")
    assert catalogue.claim_content(sha256, "another") == asset_id
    catalogue.mark_failed(asset_id, PERMANENT)  # its analysis, say: the object stands all the same
    assert catalogue.claim_content(sha256, "another") == asset_id


def test_bytes_whose_owner_failed_pass_to_the_next_asset(claim, catalogue, asset_id):
    claim("run-1")
    sha256 = asset_id * 2
    catalogue.claim_content(sha256, asset_id)
    catalogue.mark_failed(asset_id, PERMANENT)
    assert catalogue.claim_content(sha256, "another") == "another"


def test_a_run_lists_its_assets(claim, catalogue, asset_id):
    claim("run-1", campaign="listing", run="20260302_063000")
    assert [item["asset_id"] for item in catalogue.iter_run("listing", "20260302_063000")] == [asset_id]
    assert not list(catalogue.iter_run("listing", "20260302_063001"))


def test_more_assets_than_one_request_takes_are_read(catalogue, asset_id):
    ids = [f"{asset_id}-{number}" for number in range(130)]
    for name in ids:
        catalogue.record_rejected(name, PERMANENT)
    assert set(catalogue.read_many([*ids, "missing"])) == set(ids)


def test_a_table_that_is_too_busy_for_a_batch_is_asked_for_the_rest_after_a_pause(monkeypatch):
    class Busy:
        def batch_get_item(self, RequestItems):  # noqa: N803  (the API's name)
            ((table, asked),) = RequestItems.items()
            first, *rest = asked["Keys"]
            left = {table: asked | {"Keys": rest}} if rest else {}
            return {"Responses": {table: [first]}, "UnprocessedKeys": left}

    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    hook = AssetCatalogueHook()
    monkeypatch.setattr(hook, "conn", Busy(), raising=False)
    ids = [f"asset-{number}" for number in range(20)]
    assert set(hook.read_many(ids)) == set(ids)
    assert len(pauses) == len(ids) - 1
    assert pauses[0] < pauses[3] < pauses[-1] <= module.LONGEST_PAUSE_S


def test_attempts_are_counted_for_each_version_of_the_analyser(claim, catalogue, asset_id):
    claim("run-1")
    assert [catalogue.count_attempt(asset_id, "1.0") for _ in range(3)] == [1, 2, 3]
    assert catalogue.count_attempt(asset_id, "1.1") == 1


def test_items_without_a_track_left_are_remembered(catalogue, asset_id):
    catalogue.mark_item_taken("internet-archive", asset_id)
    assert catalogue.taken_items("internet-archive", [asset_id, "other"]) == {asset_id}


def test_a_claim_that_is_taken_over_shows_what_stood_there(claim, catalogue, asset_id):
    assert "previous" not in claim("run-1")
    catalogue.mark_failed(asset_id, PASSING)
    assert claim("run-2")["previous"]["failure"]["error"] == "TooSlow"
    assert "previous" not in catalogue.read(asset_id)


def test_only_the_owner_of_an_asset_that_has_not_landed_may_note_that_it_did_not_land(claim, catalogue, asset_id):
    claim("run-1")
    assert not catalogue.mark_unlanded(asset_id, "failed", PASSING, claimed_by="run-2")
    assert catalogue.mark_unlanded(asset_id, "failed", PASSING, claimed_by="run-1")
    catalogue.mark(asset_id, "landed", raw_key="a.mp3")
    assert not catalogue.mark_unlanded(asset_id, "failed", PASSING, claimed_by="run-1")
    assert catalogue.read(asset_id)["state"] == "landed"


def test_of_two_cool_downs_of_a_source_the_longer_one_counts(catalogue, asset_id):
    source, later = f"source-{asset_id}", datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    assert catalogue.left_alone_until(source) is None
    catalogue.leave_alone(source, later)
    catalogue.leave_alone(source, later - timedelta(minutes=30))
    assert catalogue.left_alone_until(source) == later


def test_a_cool_down_that_is_over_holds_nobody_up(catalogue, asset_id):
    catalogue.leave_alone(f"source-{asset_id}", datetime.now(UTC) - timedelta(seconds=1))
    assert catalogue.left_alone_until(f"source-{asset_id}") is None
