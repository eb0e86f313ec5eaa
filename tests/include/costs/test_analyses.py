from __future__ import annotations

import pytest

from include.costs.analyses import ANALYSES, OPERATIONS, billed_analysis, quote_analyses, quote_lines, quote_together
from include.costs.rate_card import default_rate_card
from include.video.probe import AudioTrack, MediaFacts, VideoStream

HOUR = MediaFacts(
    probed=True,
    container="matroska",
    duration_s=3600.0,
    size_bytes=10**9,
    video=VideoStream(codec="vp9", width=1280, height=720, rotation_deg=0, frame_rate=25.0, bit_rate_bps=None),
    audio=(AudioTrack(codec="opus", channels=2, sample_rate_hz=48000),),
)
LIVE = MediaFacts(probed=True, container="matroska", video=HOUR.video)


def test_an_hour_costs_what_the_list_says():
    prices = {one: quote_analyses(HOUR, analyses=[one], with_proxy=False).usd for one in ANALYSES}
    assert prices == {"labels": 6.0, "segments": 6.0, "text": 6.0, "moderation": 6.0}
    assert quote_analyses(HOUR, analyses=ANALYSES, with_proxy=False).usd == pytest.approx(24.0)


def test_shots_and_cues_are_billed_each_by_itself():
    items = [units.item for units in billed_analysis("segment_detection", HOUR, segment_types=["SHOT"])]
    assert items == ["rekognition.shot_detection"]


def test_a_proxy_costs_what_mediaconvert_takes_for_its_minutes():
    """720 lines at 25 frames a second count twice: 120 normalised minutes."""
    without, with_proxy = (quote_analyses(HOUR, analyses=["labels"], with_proxy=proxy).usd for proxy in (False, True))
    assert with_proxy - without == pytest.approx(120 * 0.0075)


def test_an_unknown_length_is_an_unknown_price_and_never_zero():
    quote = quote_analyses(LIVE, analyses=ANALYSES, with_proxy=True)
    assert (quote.usd, quote.at_least_usd) == (None, 0.0)
    assert "unknown" in quote.note


def test_one_unknown_price_makes_the_whole_unknown_and_says_what_it_is_at_least():
    whole = quote_together(quote_analyses(facts, analyses=["labels"], with_proxy=False) for facts in (HOUR, LIVE))
    assert (whole.usd, whole.at_least_usd) == (None, 6.0)
    assert "unknown, at least 6.0000" in quote_lines(whole)[-1]


def test_the_table_names_every_feature_its_minutes_and_the_sum():
    whole = quote_together(quote_analyses(HOUR, analyses=ANALYSES, with_proxy=True) for _ in range(2))
    lines = [line.split("|")[1:-1] for line in quote_lines(whole)[2:]]
    table = {name.strip(): (minutes.strip(), price.strip()) for name, minutes, price in lines}
    assert table == {
        "labels": ("120.00", "12.0000"),
        "shots": ("120.00", "6.0000"),
        "technical cues": ("120.00", "6.0000"),
        "text": ("120.00", "12.0000"),
        "moderation": ("120.00", "12.0000"),
        "proxy (normalised minutes)": ("240.00", "1.8000"),
        "**together**": ("", "49.8000"),
    }


def test_every_line_of_the_table_is_as_wide_as_its_head():
    assert len({len(line) for line in quote_lines(quote_analyses(HOUR, analyses=ANALYSES, with_proxy=True))}) == 1


def test_every_analysis_is_on_the_rate_card():
    for operation in OPERATIONS.values():
        assert all(units.item in default_rate_card().rates for units in billed_analysis(operation, HOUR))


def test_an_analysis_that_is_none_is_refused():
    with pytest.raises(KeyError, match="faces"):
        quote_analyses(HOUR, analyses=["faces"], with_proxy=False)
