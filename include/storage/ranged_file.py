"""A remote object as a file that is read in ranges: only what is looked at travels."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable

BLOCK_BYTES = 256 * 1024
BLOCKS_KEPT = 16
BUDGET_BYTES = 64 * 2**20


class BudgetSpent(OSError):
    """More of the object was asked for than may be fetched."""


class RangedFile(io.RawIOBase):
    """A seekable, read-only file over ``read_range(start, stop)``, which returns the bytes of a half-open range.

    Bytes come in blocks, of which the last few are kept, so that many small reads of a parser cost few requests.

    :param size_bytes: size of the whole object
    :param budget_bytes: what may be fetched altogether; more raises ``BudgetSpent``

    >>> file = RangedFile(lambda start, stop: b"0123456789"[start:stop], 10, block_bytes=4)
    >>> file.seek(3), file.read(3), file.fetched_bytes, file.seek(-2, 2), file.read()
    (3, b'345', 8, 8, b'89')
    """

    def __init__(
        self,
        read_range: Callable[[int, int], bytes],
        size_bytes: int,
        *,
        block_bytes: int = BLOCK_BYTES,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        super().__init__()
        self._read_range = read_range
        self.size_bytes = size_bytes
        self.fetched_bytes = 0
        self._block_bytes = block_bytes
        self._budget_bytes = budget_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"a file has no position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self.size_bytes - self._position))
        done = 0
        while done < wanted:
            number, at = divmod(self._position, self._block_bytes)
            part = self._block(number)[at : at + wanted - done]
            buffer[done : done + len(part)] = part
            done += len(part)
            self._position += len(part)
        return done

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        start = number * self._block_bytes
        stop = min(start + self._block_bytes, self.size_bytes)
        if self.fetched_bytes + stop - start > self._budget_bytes:
            raise BudgetSpent(f"more than {self._budget_bytes} bytes of the object would have to be fetched")
        block = self._read_range(start, stop)
        if len(block) != stop - start:
            raise OSError(f"bytes {start} to {stop - 1} were asked for and {len(block)} bytes came")
        self.fetched_bytes += len(block)
        self._blocks[number] = block
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block
