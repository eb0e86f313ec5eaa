"""What several jobs share: a folder of entries, each made once, the least recently used thrown out first."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LARGEST_CACHE_BYTES = 4 * 1024**3
CLOCK_SLACK_S = 60.0  # files are stamped by a coarser clock than ours, milliseconds behind it


def shared(cache: Path, key: str, make: Callable[[Path], None]) -> Path:
    """The folder that ``make(folder)`` fills for ``key``; made by the first job that asks, awaited by the others.

    ``key`` names everything the content depends on: engine and its version, bucket, key, ETag, parameters. A ``make``
    that raises leaves nothing behind.
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    cache.mkdir(parents=True, exist_ok=True)
    entry = cache / name
    with _only_one(cache / f".{name}.lock"):
        if not entry.is_dir():
            fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=cache))
            try:
                make(fresh)
                fresh.rename(entry)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
        os.utime(entry)
    return entry


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as lock:  # let go by the kernel even when the worker is killed
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prune(cache: Path, most_bytes: int, in_use_since: float) -> None:
    """Remove the entries that were used longest ago until the rest has ``most_bytes`` at most.

    What was used after ``in_use_since`` (seconds since the epoch, the start of the oldest job that runs) stays.
    """
    entries = []
    for path in cache.iterdir():
        with contextlib.suppress(FileNotFoundError):
            entries.append((path.stat().st_mtime, path, _size_bytes(path)))
    total = sum(size for _, _, size in entries)
    for used_at, path, size in sorted(entries):
        if used_at >= in_use_since - CLOCK_SLACK_S or (total <= most_bytes and not path.name.startswith(".new-")):
            continue
        if path.name.endswith(".lock"):
            continue  # empty, and somebody may wait at it
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        total -= size


def _size_bytes(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total
