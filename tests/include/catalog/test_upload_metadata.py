"""What the edge uploader notes on an object, of which nothing is to be relied on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.upload_metadata import checked_metadata

SHA256 = "0123456789abcdef" * 4
WHOLE = {"device": "cam-1", "captured-at": "2026-03-01T06:30:00+00:00", "sha256": SHA256}
PLACE = {"device": "cam-1", "day": "20260301", "uploaded_at": "2026-03-01T07:00:00Z"}


def problems(**changed: str | None) -> tuple[str, ...]:
    metadata = {name: value for name, value in {**WHOLE, **changed}.items() if value is not None}
    return checked_metadata(metadata, **PLACE).problems


def test_metadata_that_agrees_with_the_key_is_believed():
    found = checked_metadata(WHOLE, **PLACE)
    assert (found.captured_at, found.sha256, found.problems) == ("2026-03-01T06:30:00Z", SHA256, ())


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"device": None}, "no device in the metadata"),
        ({"device": "cam-2"}, "the metadata says device cam-2, the key says cam-1"),
        ({"captured-at": None}, "no captured-at in the metadata"),
        ({"captured-at": "yesterday"}, "captured-at in the metadata is no time"),
        ({"captured-at": "2026-03-01T06:30:00"}, "captured-at in the metadata has no time zone"),
        ({"captured-at": "2026-02-20T06:30:00Z"}, "captured on 2026-02-20, the key says 20260301"),
        (
            {"captured-at": "2027-03-01T06:30:00Z"},
            "captured at 2027-03-01T06:30:00Z, after the upload at 2026-03-01T07:00:00+00:00",
        ),
        ({"captured-at": "0001-01-01T00:00:00+14:00"}, "captured-at in the metadata is no time"),
        ({"sha256": None}, "no sha256 in the metadata"),
        ({"sha256": "q" * 64}, "sha256 in the metadata is no sha256"),
    ],
)
def test_what_is_missing_or_contradicts_the_key_is_said_in_words(changed, problem):
    assert problems(**changed) == (problem,)


@pytest.mark.parametrize("year", ["0001", "0999"])
def test_a_year_that_no_camera_knew_has_its_four_digits(year):
    captured_at = f"{year}-06-01T00:00:00Z"
    assert checked_metadata({**WHOLE, "captured-at": captured_at}, **PLACE).captured_at == captured_at


def test_the_day_of_a_camera_may_be_that_of_its_own_zone():
    assert problems(**{"captured-at": "2026-03-02T00:30:00+09:00"}) == ()


def test_a_checksum_is_read_in_any_case():
    assert checked_metadata({**WHOLE, "sha256": f" {SHA256.upper()} "}, **PLACE).sha256 == SHA256


@given(st.dictionaries(st.sampled_from(["device", "captured-at", "sha256"]), st.text()))
def test_no_metadata_is_too_strange(metadata):
    found = checked_metadata(metadata, **PLACE)
    assert found.sha256 is None or len(found.sha256) == 64
    assert all("\n" not in problem for problem in found.problems)
