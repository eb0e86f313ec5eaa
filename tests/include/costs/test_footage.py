from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.costs.footage import TYPICAL_UPLOAD, Fleet, keeping_usd, reading_usd, services_usd

REKOGNITION = ("Rekognition labels", "Rekognition shots and cues", "Rekognition text")


def test_an_hour_without_the_cheap_look_costs_what_the_list_says():
    """Labels and text at $0.10 a minute, shots and cues at $0.05 each, Transcribe at $0.024."""
    usd = services_usd(Fleet(hours=1, incident_share=0.0), screened=False)
    assert [usd[name] for name in REKOGNITION] == pytest.approx([6.0, 6.0, 6.0])
    assert usd["Transcribe"] == pytest.approx(1.44)
    assert usd["Comprehend sentiment"] == pytest.approx(20 * 10 * 0.0003)  # 3 units at least for each of ten
    assert usd["MediaConvert of incidents"] == 0


def test_an_incident_costs_a_rendition_and_a_clip():
    """Three minutes in 720p and 15 s in 1080p, each two normalised minutes a minute at $0.0075."""
    usd = services_usd(Fleet(hours=1, incident_share=1 / 20), screened=True)
    assert usd["MediaConvert of incidents"] == pytest.approx((3 + 0.25) * 2 * 0.0075)


def test_footage_without_sound_buys_no_transcript():
    silent = replace(TYPICAL_UPLOAD, audio=())
    assert services_usd(Fleet(hours=1, upload=silent, utterances=0), screened=False)["Transcribe"] == 0


@given(st.floats(0, 1), st.floats(0, 0.1))
def test_the_cheap_look_costs_no_more_than_none(interesting, incidents):
    fleet = Fleet(hours=10, interesting_share=interesting, incident_share=incidents)
    screened, whole = services_usd(fleet, screened=True), services_usd(fleet, screened=False)
    assert all(screened[service] <= whole[service] + 1e-9 for service in whole)
    assert screened["Rekognition labels"] == pytest.approx(whole["Rekognition labels"] * interesting)


def test_keeping_costs_what_the_list_says():
    """75 MB are 0.0732 GB: Standard is $0.023 a GB-month, Deep Archive $0.00099, and $0.05 a thousand to get there."""
    one = Fleet(hours=0.05)
    assert one.uploads == 1
    assert keeping_usd(one, "STANDARD", keep_months=36) == pytest.approx(75 / 1024 * 0.023 * 36)
    beside_usd = (32 * 0.00099 + 8 * 0.023) / 2**20 * 36
    archived_usd = 75 / 1024 * 0.00099 * 36 + beside_usd + 0.05 / 1000
    assert keeping_usd(one, "DEEP_ARCHIVE", keep_months=36) == pytest.approx(archived_usd)
    assert keeping_usd(one, "DEEP_ARCHIVE", keep_months=1) == pytest.approx(
        keeping_usd(one, "DEEP_ARCHIVE", keep_months=6)
    )


def test_reading_back_is_by_the_cheapest_way():
    per_gb = 0.0025 * 75 / 1024
    assert reading_usd(Fleet(hours=0.05), "DEEP_ARCHIVE") == pytest.approx(per_gb + (0.025 + 0.0004) / 1000)
