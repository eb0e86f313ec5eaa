"""Who may ask a host when: a line in which every request, and every piece of a download, has a slot of its own.

A slot is as long as what it pays for: the host's pause between two requests, or the bytes of a piece at the host's
bandwidth. So one line per host bounds both, whoever stands in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

PIECE_BYTES = 1 << 20
PIECE_S = 0.25


class Pacer(Protocol):
    """Gives out the slots of every host's line."""

    def wait(self, host: str, cost_s: float) -> None:
        """Reserve the next ``cost_s`` seconds of the host's line, and sleep until they begin."""


class ProcessPacer:
    """The line of one process, whose threads may share it."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait(self, host: str, cost_s: float) -> None:
        with self._lock:
            now = self._clock()
            start = max(now, self._next.get(host, now))
            self._next[host] = start + cost_s
        if start > now:
            self._sleep(start - now)


def paced_pieces(
    pieces: Iterable[bytes], wait: Callable[[float], None], bytes_per_s: float, size_bytes: int | None = None
) -> Iterator[bytes]:
    """Pass the pieces of a body on, no faster than ``bytes_per_s`` over all who share the line behind ``wait``.

    The line is asked ahead for a MiB or a quarter of a second, whichever is less, and never for more than what is left
    of ``size_bytes``; what a piece brings beyond that is paid for with the next slot.

    >>> waited = []
    >>> b"".join(paced_pieces([b"abcd", b"efgh", b"ij"], waited.append, bytes_per_s=20, size_bytes=10))
    b'abcdefghij'
    >>> waited
    [0.25, 0.25]
    """
    most = max(1, int(min(PIECE_BYTES, bytes_per_s * PIECE_S)))
    left, paid = size_bytes, 0
    iterator = iter(pieces)
    while left is None or left > 0:
        if paid <= 0:
            ahead = most if left is None else min(most, left)
            wait((ahead - paid) / bytes_per_s)
            paid = ahead
        piece = next(iterator, None)
        if piece is None:
            break
        paid -= len(piece)
        left = None if left is None else left - len(piece)
        yield piece
    if paid < 0:
        wait(-paid / bytes_per_s)
    yield from iterator
