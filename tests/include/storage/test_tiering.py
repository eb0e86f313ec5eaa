from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from include.costs.rate_card import default_rate_card
from include.settings import Settings
from include.storage.areas import AreasError, LakeAreas
from include.storage.decision import Retention
from include.storage.inventory import StoredKey
from include.storage.means import Step, lifecycle_rule, options_for, standing_rules, steps_for, with_rule
from include.storage.tiering import Known, Planner, StandingRule
from include.storage.tiering_report import report_from

NOW = datetime(2026, 11, 20, tzinfo=UTC)
KB, MB = 2**10, 2**20


def stored(
    key: str, size_bytes: int = 20 * MB, *, bucket: str = "media-raw", age_days: float = 40, **other
) -> StoredKey:
    return StoredKey(
        bucket, key, None, size_bytes, NOW - timedelta(days=age_days), other.get("storage_class", "STANDARD"), "e"
    )


@pytest.fixture
def planner():
    return Planner(
        areas=LakeAreas.load(Settings()),
        retention=Retention(keep_months=36, restore_within_h={"high": 0, "medium": 0, "low": 12}),
        card=default_rate_card(),
        now=NOW,
        ask_catalogue=lambda asked: [Known(keeps="nobody knows")] * len(asked),
    )


def films(count: int, size_bytes: int = 20 * MB, **other) -> list[StoredKey]:
    return [stored(f"video/wikimedia/sea/r/film-{number}.mp4", size_bytes + number, **other) for number in range(count)]


def test_what_costs_less_elsewhere_moves_and_says_why(planner):
    (move,) = planner.plan("media-raw", films(1))
    assert (move.from_class, move.to_class, move.area) == ("STANDARD", "STANDARD_IA", "raw video")
    assert move.usd_after < move.usd_before
    assert move.reason.startswith("Standard-IA: 20 MB")


@pytest.mark.parametrize(
    "key", ["video/wikimedia/sea/r/film.mp4.provenance.json", "elsewhere/film.mp4", "video/pixabay/sea/r/summary.json"]
)
def test_records_and_what_belongs_to_no_area_stay(planner, key):
    assert list(planner.plan("media-raw", [stored(key)])) == []
    assert sum(planner.kept.values()) == 1


def test_archived_objects_and_unpriced_classes_stay(planner):
    there = [stored("video/a.mp4", storage_class="DEEP_ARCHIVE"), stored("video/b.mp4", storage_class="OUTPOSTS")]
    assert list(planner.plan("media-raw", there)) == []
    assert set(planner.kept) == {"archived already", "the rate card has no prices of OUTPOSTS"}


def test_footage_moves_only_as_far_as_the_catalogue_knows_it(planner):
    answers = {"a": Known(keeps="it belongs to an incident"), "b": Known(importance="low"), "c": Known()}
    planner.ask_catalogue = lambda asked: [answers[one.key[-5]] for one in asked]
    uploads = [stored(f"footage/cam-1/20260301/{name}.mp4", bucket="media-ingest") for name in "abc"]
    moves = {move.key[-5]: move.to_class for move in planner.plan("media-ingest", uploads)}
    assert moves == {"b": "DEEP_ARCHIVE", "c": "STANDARD_IA"}
    (low,) = [group for group in planner.groups.values() if group.to_class == "DEEP_ARCHIVE"]
    assert [step.way for step in steps_for(low, planner.card, most_copies=10)] == ["store"]


def test_the_sums_before_and_after_hold_the_same_objects(planner):
    mixed = [*films(5), *films(5, 1000), *films(2, storage_class="STANDARD_IA")]
    moves = list(planner.plan("media-raw", mixed))
    for table in (planner.before, planner.after):
        assert sum(one.objects for one in table.values()) == 12
        assert sum(one.size_bytes for one in table.values()) == sum(one.size_bytes for one in mixed)
    assert planner.after["STANDARD_IA"].objects == len(moves) + 2
    assert sum(one.objects for one in planner.sizes.values()) == 12


def test_a_plan_that_was_carried_out_leaves_nothing_to_do(planner):
    moved = {move.key: move.to_class for move in planner.plan("media-raw", films(50))}
    again = replace(planner, before={}, after={}, groups={})
    carried_out = [one._replace(storage_class=moved[one.key], last_modified=NOW) for one in films(50)]
    assert list(again.plan("media-raw", carried_out)) == []


def test_memory_holds_a_few_examples_however_many_move(planner):
    moves = sum(1 for _ in planner.plan("media-raw", films(3000)))
    assert moves == 3000
    assert len(planner.examples) == 20
    assert all(better.saved_usd >= worse.saved_usd for better, worse in pairwise(planner.examples))


# --- means


def group_of(planner, contents):
    list(planner.plan("media-raw", contents))
    (group,) = planner.groups.values()
    return group


def ways(group, planner, most_copies=10_000):
    return [(step.way, step.objects) for step in steps_for(group, planner.card, most_copies=most_copies)]


def test_few_objects_are_copied_and_too_many_for_a_run_go_by_batch(planner):
    group = group_of(planner, films(300))
    assert ways(group, planner) == [("copy", 300)]
    assert ways(group, planner, most_copies=299) == [("batch", 300)]


def test_where_a_bucket_keeps_no_versions_only_a_rule_may_move_and_the_report_says_what_to_do(planner):
    list(planner.plan("media-raw", films(300), keeps_versions=False))
    (group,) = planner.groups.values()
    (refused,) = steps_for(group, planner.card, most_copies=10_000)
    assert (refused.way, refused.objects, refused.usd) == ("refused", 300, 0)
    assert [option.way for option in options_for(group, planner.card, most_copies=10_000) if option.possible] == []
    (advice,) = report_from(planner, most_copies=10_000, read_from=[], plan={})["advice"]
    assert "300 objects of media-raw (raw video) stay where they are" in advice
    assert "switch versioning on" in advice
    list(planner.plan("media-raw", films(1500), keeps_versions=False))
    assert ways(group, planner)[0][0] == "lifecycle"


def test_no_means_is_taken_that_costs_more_than_the_moves_save(planner):
    """A batch job costs $0.25, however little there is to move."""
    group = group_of(planner, films(2, 2 * MB))
    (step,) = steps_for(group, planner.card, most_copies=0)
    assert (step.way, step.usd) == ("refused", 0)
    assert step.why_not.startswith("the means costs $0.25")
    assert [kept.way for kept in steps_for(group, planner.card, most_copies=2)] == ["copy"]


def test_many_that_all_go_one_way_take_a_rule_and_cost_no_more_than_copies(planner):
    group = group_of(planner, films(1500))
    assert ways(group, planner) == [("lifecycle", 1500)]
    prices = {option.way: option.usd for option in options_for(group, planner.card, most_copies=10_000)}
    assert prices["bundle"] < prices["lifecycle"] < prices["copy"] < prices["batch"]


def test_a_rule_begins_above_the_largest_object_that_stays(planner):
    group = group_of(planner, [*films(1500), *films(40, 150 * KB), stored("video/x.json", 900 * KB)])
    assert ways(group, planner) == [("lifecycle", 1500), ("copy", 40)]
    step, rest = steps_for(group, planner.card, most_copies=10_000)
    assert step.above_bytes == rest.below_bytes == MB - 1
    assert lifecycle_rule(step)["Filter"]["And"] == {"Prefix": "video/", "ObjectSizeGreaterThan": MB - 1}
    assert lifecycle_rule(step)["Transitions"] == [{"Days": 30, "StorageClass": "STANDARD_IA"}]


def test_no_rule_is_made_where_something_as_large_stays(planner):
    assert ways(group_of(planner, [*films(1500), stored("video/huge.json", 2**33)]), planner) == [("copy", 1500)]


def test_what_a_standing_rule_moves_is_on_its_way_and_not_moved_again(planner):
    rule = StandingRule("video/", "STANDARD_IA", MB)
    assert list(planner.plan("media-raw", films(3), [rule])) == []
    assert planner.awaiting_rule.objects == 3
    assert planner.after["STANDARD_IA"].objects == 3


def test_a_rule_of_ours_is_put_once_and_leaves_those_of_others(planner):
    (step,) = steps_for(group_of(planner, films(1500)), planner.card, most_copies=10)
    rule, theirs = lifecycle_rule(step), {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": ""}}
    once = with_rule([theirs], rule)
    assert once == [theirs, rule]
    assert with_rule(once, rule) is None
    (standing,) = standing_rules(once)
    assert standing.to_class == "STANDARD_IA"
    assert standing_rules([rule | {"Status": "Disabled"}]) == []


def test_a_rule_that_a_person_disabled_or_changed_is_left_to_them():
    put = {"way": "lifecycle", "bucket": "lake", "area": "raw", "prefix": "video/", "to_class": "STANDARD_IA"}
    rule, larger = (lifecycle_rule(Step(**put, objects=1, usd=0, above_bytes=size - 1)) for size in (MB, 2 * MB))
    assert with_rule([larger | {"Status": "Disabled"}], rule) is None
    changes = (
        {"Filter": {"Prefix": "video/"}},
        {"Filter": {"And": rule["Filter"]["And"] | {"Tags": [{"Key": "old", "Value": "yes"}]}}},
        {"Filter": {"And": rule["Filter"]["And"] | {"ObjectSizeGreaterThan": 9 * MB}}},
        {"Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]},
        {"Transitions": []},
    )
    for change in changes:
        assert standing_rules([rule | change]) == []
        assert with_rule([rule | change], rule) is None


def test_rules_of_the_first_version_of_the_interface_are_kept_as_filters():
    """S3 says "Filter element can only be used in Lifecycle V2" to a mixture."""
    old = {"ID": "old", "Status": "Enabled", "Prefix": "tmp/", "Expiration": {"Days": 1}}
    kept, _ = with_rule([old], {"ID": "tiering-a-above-5"})
    assert kept == {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}


def test_the_report_names_prices_means_and_advice(planner):
    list(planner.plan("media-raw", [*films(3), *films(5000, 100)]))
    report = report_from(planner, most_copies=10, read_from=[], plan={})
    assert report["moves"]["objects"] == 3
    assert report["moves"]["usd_once"] == pytest.approx(3 * (0.00001 + 3 * 0.0000004 + 0.000005), abs=1e-6)
    assert {option["way"] for option in report["means"][0]["options"]} == {"lifecycle", "copy", "batch", "bundle"}
    assert report["priced_by"] == planner.card.priced_by


# --- areas


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nareas: [{name: a, keeps: yes it does, importance: low}]", "area 'a': either keeps"),
        ("version: 1\nareas: [{name: a, bucket: cellar, keeps: wine}]", "bucket must be one of"),
        ("version: 1\nareas: [{name: a, importance: huge}]", "importance must be one of high, medium, low"),
        ("version: 1\nareas: [{name: a, colour: red}]", "colour: not a field of an area"),
        ("areas: []", "'version' is missing"),
    ],
)
def test_wrong_areas_are_refused_with_the_place(tmp_path, text, message):
    path = tmp_path / "areas.yaml"
    path.write_text(text)
    with pytest.raises(AreasError, match=message) as raised:
        LakeAreas.load(Settings(), path)
    assert str(path) in str(raised.value)
