from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.costs.rate_card import (
    RATE_CARD,
    BilledUnits,
    RateCardError,
    default_rate_card,
    load_rate_card,
)

CARD = default_rate_card()
ITEMS = st.sampled_from(sorted(CARD.rates))
MINUTES = st.floats(0, 10_000)
UNITS = st.builds(BilledUnits, item=ITEMS, quantity=MINUTES, multiplier=st.floats(0.1, 10))

LINE = {"usd": 0.1, "per": "minute", "source": "https://aws.amazon.com/x/pricing/", "read": "2026-11-20"}


@pytest.fixture
def card_with(tmp_path):
    """Loads a card of one line with changes; ``...`` takes a field away."""

    def card_with(**changes):
        fields = {name: value for name, value in (LINE | changes).items() if value is not ...}
        lines = "".join(f"    {name}: {value}\n" for name, value in fields.items())
        path = tmp_path / "card.yaml"
        path.write_text(f"name: test\ndate: 2026-11-20\nrates:\n  x.y:\n{lines}")
        return load_rate_card(path)

    return card_with


def price(item: str, minutes: float, multiplier: float = 1.0) -> float | None:
    return CARD.quote([BilledUnits(item=item, quantity=minutes, multiplier=multiplier)]).usd


def test_every_line_is_dated_and_has_a_source():
    assert CARD.rates
    for rate in CARD.rates.values():
        assert rate.source.startswith("https://"), rate.item
        assert date(2026, 1, 1) <= rate.read <= CARD.date, rate.item


def test_all_analyses_of_an_hour_cost_what_the_list_says():
    analyses = [name for name in CARD.rates if name.startswith("rekognition.")]
    assert sum(price(name, 60) for name in analyses) == pytest.approx(24.0)


def test_an_hour_in_four_renditions_costs_what_the_list_says():
    times = [CARD.multiplier("mediaconvert.basic", codec="avc", lines=n, frame_rate=25) for n in (360, 480, 720, 1080)]
    assert times == [1, 1, 2, 2]
    assert sum(price("mediaconvert.basic", 60, each) for each in times) == pytest.approx(2.70)


@pytest.mark.parametrize(
    ("item", "seconds", "billed_s"),
    [
        ("transcribe.transcription_job", 0.5, 15),
        ("transcribe.transcription_job", 15, 15),
        ("transcribe.transcription_job", 15.01, 16),
        ("transcribe.transcription_job", 59.999, 60),
        ("mediaconvert.basic", 3, 10),
        ("mediaconvert.basic", 61.2, 62),
        ("rekognition.label_detection", 3.25, 3.25),
    ],
)
def test_seconds_are_rounded_as_the_service_does(item, seconds, billed_s):
    assert price(item, seconds / 60) == pytest.approx(billed_s / 60 * CARD.rate(item).usd, abs=1e-6)


def test_a_frame_rate_a_hair_above_thirty_is_thirty():
    rates = {
        fps: CARD.multiplier("mediaconvert.basic", codec="avc", lines=1080, frame_rate=fps) for fps in (30.0, 30.005)
    }
    assert set(rates.values()) == {2}
    assert CARD.multiplier("mediaconvert.basic", codec="avc", lines=1080, frame_rate=50) == 4


def test_an_output_that_the_card_does_not_know_has_no_multiplier():
    assert CARD.multiplier("mediaconvert.professional", codec="hevc", lines=720, frame_rate=25) is None
    assert CARD.multiplier("mediaconvert.basic", codec="avc", lines=4320, frame_rate=25) is None


@pytest.mark.parametrize("unknown", [{"quantity": None}, {"quantity": 1, "multiplier": None}])
def test_what_is_not_known_has_no_price_but_a_reason_and_a_lower_bound(unknown):
    known = BilledUnits(item="mediaconvert.basic", quantity=2)
    quote = CARD.quote([known, BilledUnits(item="mediaconvert.professional", **unknown)])
    assert quote.usd is None
    assert "mediaconvert.professional" in quote.note
    assert quote.at_least_usd == pytest.approx(0.015)
    assert "unknown price" in str(quote)


def test_nothing_billed_is_not_free_but_unknown():
    assert CARD.quote([]).usd is None


def test_an_item_that_is_not_on_the_card_is_an_error_that_lists_what_is():
    with pytest.raises(RateCardError, match=r"no line 'rekognition\.faces'.*rekognition\.label_detection"):
        price("rekognition.faces", 1)


@pytest.mark.parametrize("quantity", [-1.0, math.inf, math.nan])
def test_a_quantity_that_cannot_be_is_an_error(quantity):
    with pytest.raises(ValueError, match="cannot be billed"):
        price("rekognition.label_detection", quantity)


@given(UNITS, st.floats(0, 100))
def test_more_never_costs_less(units, more):
    larger = BilledUnits(item=units.item, quantity=units.quantity + more, multiplier=units.multiplier)
    assert CARD.quote([larger]).usd >= CARD.quote([units]).usd >= 0


@given(UNITS)
def test_what_is_billed_is_never_less_than_what_was_used(units):
    rate = CARD.rate(units.item)
    billed = rate.billed(units.quantity)
    assert billed >= units.quantity - 1e-6
    assert billed >= rate.minimum
    if rate.step:
        assert billed <= max(units.quantity + rate.step, rate.minimum) + 1e-6


@given(st.lists(UNITS, min_size=1, max_size=5))
def test_a_quote_is_the_sum_of_its_parts(units):
    parts = sum(CARD.quote([unit]).usd for unit in units)
    assert CARD.quote(units).usd == pytest.approx(parts, abs=1e-5)


def test_a_card_is_read(card_with):
    card = card_with(step_s=1, minimum_s=15)
    assert card.priced_by == "test of 2026-11-20"
    assert (card.rate("x.y").step, card.rate("x.y").minimum) == (1 / 60, 0.25)


def test_a_price_by_the_thousand_is_kept_for_one(card_with):
    assert card_with(per="request", lot=1000, usd=0.05).rate("x.y").usd == pytest.approx(0.00005)


def test_a_text_is_billed_in_steps_of_characters(card_with):
    rate = card_with(per="character", step_characters=100, minimum_characters=300).rate("x.y")
    assert [rate.billed(characters) for characters in (1, 300, 301)] == [300, 300, 400]


def test_a_storage_class_is_read_with_its_terms(card_with):
    terms = card_with(per="GB-month", minimum_days=180, overhead_bytes=32768).rate("x.y").storage
    assert (terms.minimum_days, terms.overhead_bytes, terms.minimum_bytes) == (180, 32768, 0)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"usd": ...}, r"x\.y: 'usd' is missing"),
        ({"source": ...}, r"x\.y: 'source' is missing"),
        ({"read": ...}, r"x\.y: 'read' is missing"),
        ({"usd": -1}, r"usd must be a number above 0, not -1\.?0?"),
        ({"usd": "'0.1'"}, "usd must be a number"),
        ({"usd": ".inf"}, "usd must be a number"),
        ({"usd": 0}, "usd must be a number above 0"),
        ({"source": "''"}, "source must be text"),
        ({"read": "yesterday"}, "read must be a date"),
        ({"price": 3}, "price: not a field of a rate"),
        ({"per": "GB", "step_s": 1}, "step_s: not a field of a rate per GB"),
        ({"per": "GB", "minimum_days": 30}, "minimum_days: not a field of a rate per GB"),
        ({"per": "GB-month", "minimum_days": -30}, "minimum_days must be a number above 0"),
        ({"per": "hour"}, "a price per hour cannot be used; there are prices per minute, character, GB-month"),
        ({"per": "request", "lot": 0}, "lot must be a number above 0"),
        ({"multipliers": "[{codec: avc}]"}, r"x\.y: 'lines_max' is missing"),
        ({"multipliers": "3"}, "x.y: "),
    ],
)
def test_a_line_that_lacks_something_is_named(card_with, changes, complaint):
    with pytest.raises(RateCardError, match=complaint):
        card_with(**changes)


@pytest.mark.parametrize("text", ["", "rates: [", "name: x", "name: x\ndate: 2026-11-20\nrates: 3"])
def test_a_file_that_is_no_card_is_named(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(RateCardError, match=r"card\.yaml"):
        load_rate_card(path)


def test_the_card_lies_beside_its_reader():
    assert RATE_CARD.is_file()
