from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.storage.ranged_file import BudgetSpent, RangedFile

CONTENT = bytes(range(256)) * 4


def remote(asked: list[tuple[int, int]] | None = None, **parameters) -> RangedFile:
    def read_range(start: int, stop: int) -> bytes:
        if asked is not None:
            asked.append((start, stop))
        return CONTENT[start:stop]

    return RangedFile(read_range, len(CONTENT), **{"block_bytes": 100} | parameters)


@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 300)), max_size=20))
def test_it_reads_what_a_local_file_reads(steps):
    file, local = remote(), io.BytesIO(CONTENT)
    for position, count in steps:
        assert file.seek(position) == local.seek(position)
        assert file.read(count) == local.read(count)
        assert file.tell() == local.tell()


def test_small_reads_cost_one_request():
    asked = []
    file = remote(asked)
    for _ in range(50):
        file.read(2)
    assert asked == [(0, 100)]


def test_the_last_block_ends_with_the_object():
    asked = []
    file = remote(asked)
    file.seek(-4, io.SEEK_END)
    assert file.read(100) == CONTENT[-4:]
    assert asked == [(1000, 1024)]


def test_more_than_the_budget_is_not_fetched():
    file = remote(budget_bytes=250)
    assert len(file.read(200)) == 200
    with pytest.raises(BudgetSpent, match="250 bytes"):
        file.read(100)


def test_a_range_that_comes_short_is_an_error():
    file = RangedFile(lambda start, stop: b"x", 1000)
    with pytest.raises(OSError, match="1 bytes came"):
        file.read(10)


def test_there_is_nothing_before_the_start():
    with pytest.raises(ValueError, match="no position -1"):
        remote().seek(-1)
