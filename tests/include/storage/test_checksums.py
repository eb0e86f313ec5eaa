from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.storage.checksums import CRC32, CRCS


@pytest.mark.parametrize("crc", CRCS, ids=lambda crc: crc.name)
@given(first=st.binary(max_size=200), second=st.binary(max_size=200))
def test_two_parts_combine_to_the_checksum_of_the_whole(crc, first, second):
    assert crc.combined(crc.of(first), crc.of(second), len(second)) == crc.of(first + second)


@pytest.mark.parametrize("crc", CRCS, ids=lambda crc: crc.name)
def test_parts_of_real_size_combine_as_well(crc):
    first, second = bytes(8_388_608), b"\xff" * 8_388_609
    assert crc.combined(crc.of(first), crc.of(second), len(second)) == crc.of(first + second)


@pytest.mark.parametrize("crc", CRCS, ids=lambda crc: crc.name)
def test_a_part_after_nothing_is_the_part(crc):
    assert crc.combined(0, crc.of(b"part"), 4) == crc.of(b"part")


def test_there_is_always_one():
    assert CRCS[0] is CRC32
