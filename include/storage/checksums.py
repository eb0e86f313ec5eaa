"""The checksums that S3 keeps of a whole object, computed part by part, in any order and on any thread.

A CRC is linear: that of two pieces in a row follows from that of each and from the length of the second.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Crc:
    """A cyclic redundancy check as S3 names it; ``polynomial`` has its lowest bit first, as the wire has."""

    name: str
    bits: int
    polynomial: int
    of: Callable[[Any], int]

    def combined(self, first: int, second: int, second_bytes: int) -> int:
        """Return the CRC of two pieces in a row, from the CRC of each and the length of the second in bytes.

        The first one is moved along by x^(8 * second_bytes), by squaring (as zlib's ``crc32_combine`` does).

        >>> CRC32.combined(CRC32.of(b"over the "), CRC32.of(b"wire"), 4) == CRC32.of(b"over the wire")
        True
        """
        one = 1 << (self.bits - 1)  # the polynomial "1" in this order of bits
        shift, square = one, one >> 8  # x^8 is one byte
        while second_bytes:
            if second_bytes & 1:
                shift = self._product(square, shift)
            square = self._product(square, square)
            second_bytes >>= 1
        return self._product(shift, first) ^ second

    def _product(self, left: int, right: int) -> int:
        """Multiply two polynomials over GF(2) modulo this one."""
        product, bit = 0, 1 << (self.bits - 1)
        while bit:
            if left & bit:
                product ^= right
            bit >>= 1
            right = (right >> 1) ^ (self.polynomial if right & 1 else 0)
        return product

    def text_from(self, value: int) -> str:
        """Write a value as S3 does: its bytes, highest first, in base64.

        >>> CRC32.text_from(1)
        'AAAAAQ=='
        """
        return base64.b64encode(value.to_bytes(self.bits // 8, "big")).decode()


CRC32 = Crc("CRC32", 32, 0xEDB88320, zlib.crc32)
CRCS = [CRC32]
"""Those that can be computed here, the best last."""

try:
    from awscrt.checksums import crc64nvme
except ImportError:  # optional: it takes a tenth of the time and is what S3 prefers
    pass
else:
    CRCS.append(Crc("CRC64NVME", 64, 0x9A6C9329AC4BC9B5, crc64nvme))
