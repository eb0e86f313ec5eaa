"""The figures are those of US East's list prices, worked out by hand from the published terms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.costs.rate_card import default_rate_card
from include.storage.classes import class_prices
from include.storage.decision import Retention, StoredObject, UnknownStorageClass, break_even_bytes, decide_storage

CARD = default_rate_card()
CLASSES = class_prices(CARD)
WARMTH = list(CLASSES)
KB, MB = 2**10, 2**20
AT_ONCE = {"high": 0, "medium": 0, "low": 0}
IN_DAYS = {"high": 0, "medium": 12, "low": 48}

OBJECTS = st.builds(
    StoredObject,
    size_bytes=st.integers(0, 20 * 2**30),
    age_days=st.floats(0, 1200),
    storage_class=st.sampled_from(WARMTH),
    importance=st.sampled_from(["high", "medium", "low"]),
    expected_reads_per_month=st.floats(0, 3),
    days_in_class=st.none() | st.floats(0, 400),
)
NEW = st.builds(
    StoredObject,
    size_bytes=st.integers(0, 20 * 2**30),
    age_days=st.just(0.0),
    storage_class=st.just("STANDARD"),
    importance=st.sampled_from(["high", "medium", "low"]),
    expected_reads_per_month=st.floats(0, 3),
)
PROMISES = st.fixed_dictionaries({name: st.sampled_from([0, 6, 12, 47, 48, 100]) for name in IN_DAYS})
RETENTIONS = st.builds(Retention, keep_months=st.floats(0, 120), restore_within_h=PROMISES)


def decide(size_bytes, *, keep_months, promise=IN_DAYS, card=CARD, **facts):
    stored = StoredObject(
        **({"age_days": 0, "storage_class": "STANDARD", "importance": "low"} | facts), size_bytes=size_bytes
    )
    return decide_storage(stored, retention=Retention(keep_months=keep_months, restore_within_h=promise), card=card)


PUBLISHED = [
    ("DEEP_ARCHIVE", 6, 407),
    ("DEEP_ARCHIVE", 12, 208),
    ("DEEP_ARCHIVE", 36, 76),
    ("STANDARD_IA", 1, 999),
    ("STANDARD_IA", 3, 333),
]
"""Class, months, break-even against Standard alone in KB."""


@pytest.mark.parametrize(("name", "keep_months", "size_kb"), PUBLISHED)
def test_break_even_sizes_are_those_that_the_list_prices_give(name, keep_months, size_kb):
    assert round(break_even_bytes(name, keep_months=keep_months, card=CARD) / KB) == size_kb


@pytest.mark.parametrize(("name", "keep_months", "size_kb"), PUBLISHED)
def test_what_is_below_break_even_stays_and_what_is_above_moves(name, keep_months, size_kb):
    other = {"DEEP_ARCHIVE": "s3.standard_ia.storage", "STANDARD_IA": "s3.deep_archive.storage"}[name]
    unaffordable = {other: replace(CARD.rate(other), usd=1.0)}
    card = replace(CARD, rates={**CARD.rates, **unaffordable})  # so that two classes are left to choose from
    size = break_even_bytes(name, keep_months=keep_months, card=card)
    below, above = (decide(size + more, keep_months=keep_months, card=card) for more in (-1, 1))
    assert (below.storage_class, above.storage_class) == ("STANDARD", name)


@given(st.sampled_from(["STANDARD_IA", "DEEP_ARCHIVE"]), st.floats(0.01, 120), st.integers(0, 20 * 2**30))
def test_nothing_is_moved_below_break_even(name, keep_months, size_bytes):
    decision = decide(size_bytes, keep_months=keep_months)
    size = break_even_bytes(name, keep_months=keep_months, card=CARD)
    assert decision.storage_class != name or (size is not None and size_bytes >= size)


def test_the_reason_shows_the_figures():
    decision = decide(75 * MB, keep_months=36, expected_reads_per_month=1 / 36, promise=IN_DAYS | {"low": 12})
    assert decision.reason == (
        "Deep Archive: 75 MB kept 36 months costs $0.0043 instead of $0.0606; "
        "restore in 12 h is allowed for importance low"
    )


def test_what_must_come_at_once_is_not_archived():
    decision = decide(75 * MB, keep_months=36, importance="high")
    assert decision.storage_class == "STANDARD_IA"
    assert decision.reason.endswith("; it is read at once")


def test_infrequent_access_loses_once_about_all_of_it_is_read_every_month():
    less, more = (decide(2**30, keep_months=36, promise=AT_ONCE, expected_reads_per_month=n) for n in (1.0, 1.1))
    assert (less.storage_class, more.storage_class) == ("STANDARD_IA", "STANDARD")


def test_leaving_deep_archive_early_is_paid_for():
    """180 days at $0.00099 are $0.00594 a GB."""
    early, late = (
        decide(2**30, keep_months=36, storage_class="DEEP_ARCHIVE", importance="high", age_days=0, days_in_class=days)
        for days in (0, 180)
    )
    assert early.storage_class == late.storage_class == "STANDARD_IA"
    assert early.total_usd_after - late.total_usd_after == pytest.approx(0.00594, rel=0.01)
    assert "Deep Archive restores in 12 h, too late for importance high (0 h)" in early.reason


def test_a_short_rest_of_the_retention_does_not_pay_for_a_move():
    """Deep Archive bills six months of whatever comes in, so that its last month would cost more than Standard's."""
    decision = decide(200 * KB, keep_months=36, age_days=35 * 30)
    assert not decision.moves
    assert "200 KB kept 1 month costs" in decision.reason


def test_what_need_not_be_kept_any_more_stays():
    decision = decide(2**30, keep_months=36, age_days=37 * 30, storage_class="DEEP_ARCHIVE", importance="high")
    assert not decision.moves
    assert decision.reason == "Deep Archive: its retention is over, a move would save nothing"


def test_a_class_without_prices_is_named():
    with pytest.raises(UnknownStorageClass, match=r"aws-us-east-1-list of .* storage class GLACIER; it has STANDARD"):
        decide(MB, keep_months=36, storage_class="GLACIER")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"keep_months": -1, "restore_within_h": AT_ONCE}, "may not be negative"),
        ({"keep_months": 1, "restore_within_h": {"high": 0, "low": 0}}, "must name high, medium and low.*medium"),
        ({"keep_months": 1, "restore_within_h": AT_ONCE | {"low": -1}}, "may not be negative"),
    ],
)
def test_a_retention_that_cannot_be_is_an_error(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        Retention(**fields)


@given(OBJECTS, RETENTIONS)
def test_the_chosen_class_is_never_dearer_than_staying_unless_staying_breaks_the_promise(stored, retention):
    decision = decide_storage(stored, retention=retention, card=CARD)
    promise_h = retention.restore_within_h[stored.importance]
    assert decision.moves == (decision.storage_class != stored.storage_class)
    if CLASSES[stored.storage_class].restores_within_h <= promise_h:
        assert decision.total_usd_after <= decision.total_usd_before
        assert not decision.moves or decision.total_usd_after < decision.total_usd_before


@given(OBJECTS, RETENTIONS)
def test_no_class_is_chosen_that_breaks_the_promise(stored, retention):
    decision = decide_storage(stored, retention=retention, card=CARD)
    over = stored.age_days / 30 >= retention.keep_months
    assert over or CLASSES[decision.storage_class].restores_within_h <= retention.restore_within_h[stored.importance]


@given(NEW, RETENTIONS, st.floats(0, 60))
def test_what_is_kept_longer_goes_to_no_warmer_class(stored, retention, more_months):
    longer = Retention(keep_months=retention.keep_months + more_months, restore_within_h=retention.restore_within_h)
    first, second = (decide_storage(stored, retention=each, card=CARD) for each in (retention, longer))
    assert WARMTH.index(second.storage_class) >= WARMTH.index(first.storage_class)
    assert second.total_usd_after >= first.total_usd_after - 1e-12


@given(NEW, RETENTIONS)
def test_what_was_moved_is_not_moved_back(stored, retention):
    """A decision, once applied, stands: nothing is paid for going to and fro."""
    first = decide_storage(stored, retention=retention, card=CARD)
    moved = StoredObject(
        size_bytes=stored.size_bytes,
        age_days=0.0,
        storage_class=first.storage_class,
        importance=stored.importance,
        expected_reads_per_month=stored.expected_reads_per_month,
    )
    assert not decide_storage(moved, retention=retention, card=CARD).moves
