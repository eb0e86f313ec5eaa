from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.storage.plan_file import COLUMNS, Move, PlanError, read_moves, write_moves


def move(key: str = "a.mp4", **other) -> Move:
    fields = {
        "bucket": "lake", "key": key, "version_id": None, "etag": "e", "size_bytes": 5, "age_days": 1.5, "area": "raw",
        "importance": "low", "from_class": "STANDARD", "to_class": "DEEP_ARCHIVE", "usd_before": 0.25,
        "usd_after": 0.125, "monthly_usd_saved": 0.5, "reason": "cheaper",
    }  # fmt: skip
    return Move(**fields | other)


def written(*moves: Move) -> str:
    file = io.StringIO(newline="")
    write_moves(moves, file)
    return file.getvalue()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda key: "\0" not in key))
def test_any_key_is_read_back_as_it_was_and_no_cell_is_a_formula(key):
    text = written(move(key))
    (again,) = read_moves(io.StringIO(text, newline=""))
    assert again == move(key)
    cells = list(csv.reader(io.StringIO(text, newline="")))[1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


def test_an_unknown_version_stays_unknown():
    (again,) = read_moves(io.StringIO(written(move(version_id=None, etag=None))))
    assert (again.version_id, again.etag) == (None, None)


@pytest.mark.parametrize("text", ["", "a,b\n", ",".join(COLUMNS) + "\nlake,a\n"])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(PlanError):
        list(read_moves(io.StringIO(text)))
