"""How much memory a film of a stranger may take on the worker, which others share."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

MOST_MEMORY_BYTES = 2**30
"""Beside what the libraries take. 4K takes 0.1 GiB; an index of 700 bytes can ask for 4, and so can 8K pictures of
which the decoder has to hold 17."""
_BYTES_A_THREAD = 16 * 2**20
"""OpenCV starts a thread for each core, with a stack of 8 MiB."""
_ONE_AT_A_TIME = Lock()
_DATA = 5  # in /proc/self/statm, in pages: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Refuse this process more than ``MOST_MEMORY_BYTES`` beyond what it has, where the system can (Linux).

    ffmpeg takes a refusal for damage, what it cannot read is left out; Python raises ``MemoryError``.
    """
    import cv2  # noqa: F401  (what it takes, with NumPy, is not the film's)

    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    with _ONE_AT_A_TIME:
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = int(statm.read_text().split()[_DATA]) * resource.getpagesize()
        most += MOST_MEMORY_BYTES + (os.cpu_count() or 1) * _BYTES_A_THREAD
        if soft != resource.RLIM_INFINITY:
            most = min(most, soft)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
