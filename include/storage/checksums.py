"""CRC-32 of a whole from the CRC-32 of its parts, so that parts may be summed in any order and on any thread."""

from __future__ import annotations

import base64

_POLYNOMIAL = 0xEDB88320  # of zlib, PNG and S3's CRC32, lowest bit first
_ONE = 0x80000000  # the polynomial "1" in that order


def _product(left: int, right: int) -> int:
    """Multiply two polynomials over GF(2) modulo the CRC-32 polynomial."""
    product = 0
    bit = _ONE
    while bit:
        if left & bit:
            product ^= right
        bit >>= 1
        right = (right >> 1) ^ (_POLYNOMIAL if right & 1 else 0)
    return product


def combined_crc32(first: int, second: int, second_bytes: int) -> int:
    """Return the CRC-32 of two pieces in a row, from the CRC-32 of each and the length of the second in bytes.

    A CRC is linear: the first one is moved along by x^(8 * second_bytes), by squaring (as zlib's ``crc32_combine``).

    >>> import zlib
    >>> combined_crc32(zlib.crc32(b"over the "), zlib.crc32(b"wire"), 4) == zlib.crc32(b"over the wire")
    True
    """
    shift = _ONE
    square = _ONE >> 8  # x^8, one byte
    while second_bytes:
        if second_bytes & 1:
            shift = _product(square, shift)
        square = _product(square, square)
        second_bytes >>= 1
    return _product(shift, first) ^ second


def base64_from_crc32(crc: int) -> str:
    """Write a CRC-32 as S3 does: four bytes, highest first, in base64.

    >>> base64_from_crc32(0)
    'AAAAAA=='
    """
    return base64.b64encode(crc.to_bytes(4, "big")).decode()
