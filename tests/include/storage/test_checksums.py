from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from include.storage.checksums import combined_crc32


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_two_parts_combine_to_the_checksum_of_the_whole(first, second):
    assert combined_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_parts_of_real_size_combine_as_well():
    first, second = bytes(8_388_608), b"\xff" * 8_388_609
    assert combined_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(second, zlib.crc32(first))
