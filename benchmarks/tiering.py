"""How fast the lake is planned from an inventory, and in how much memory: 10^5 keys and 10^6.

The inventory is generated: gzipped CSV files of 100,000 rows as S3 writes them, films, sounds and provenance of the raw
bucket, read from a folder in the place of S3.

- **floor**: `gzip` and `csv` alone, every row read and nothing made of it
- **read**: `include.storage.inventory`: MD5 verified, keys decoded, rows made into objects
- **plan**: all of it: area, decision, sums, and a row of `plan.csv` for each object that should move
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.timing import cpu_seconds, interleaved, machine_line, markdown_table, measure, peak_memory_mib

WAYS = ("floor", "read", "plan")
SIZES = (100_000, 1_000_000)
ROUNDS = 3
FIELDS = (
    "Bucket",
    "Key",
    "VersionId",
    "IsLatest",
    "IsDeleteMarker",
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
)
TAKEN_AT = datetime(2026, 11, 20, tzinfo=UTC)
_ROWS_A_FILE = 100_000


def write_inventory(folder: Path, keys: int) -> None:
    """Write the files of an inventory of ``keys`` objects, the same each time."""
    chance = random.Random(keys)
    for number in range(0, keys, _ROWS_A_FILE):
        with gzip.open(folder / f"{keys}-{number:08d}.csv.gz", "wt", compresslevel=6, newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            writer.writerows(_row(chance, n) for n in range(number, min(number + _ROWS_A_FILE, keys)))


def _row(chance: random.Random, number: int) -> list[Any]:
    kind = "video/wikimedia" if number % 4 else "audio/internet-archive"
    key = f"{kind}/campaign-{number % 37}/20260301_063000/clip-{number:08d}-{chance.getrandbits(32):08x}.mp4"
    size_bytes, suffix = int(chance.lognormvariate(16, 2)), ""
    if number % 2:  # beside every media file stands its provenance
        size_bytes, suffix = chance.randint(800, 2000), ".provenance.json"
    moment = TAKEN_AT - timedelta(minutes=chance.randrange(1_500_000))
    return [
        "media-raw", key + suffix, "", "true", "false", size_bytes, f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
        f"{chance.getrandbits(128):032x}", "STANDARD",
    ]  # fmt: skip


class _Folder:
    """A folder as the S3 client that reads objects."""

    class exceptions:  # noqa: N801  (as boto3 calls it)
        NoSuchKey = FileNotFoundError

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: ARG002, N803
        return {"Body": _Body((self.folder / Key).open("rb"))}


class _Body:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        with self.file:
            while block := self.file.read(size):
                yield block


def run_way(way: str, folder: Path, keys: int) -> dict[str, float]:
    """Go through an inventory in one of the ways and say what it took."""
    files = sorted(folder.glob(f"{keys}-*.csv.gz"))
    work = {"floor": _floor, "read": _read, "plan": _plan}[way]
    md5s = tuple((path.name, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()) for path in files)
    begun, cpu_s = time.perf_counter(), cpu_seconds()
    seen, moves = work(folder, md5s)
    took_s = time.perf_counter() - begun
    if seen != keys:
        raise RuntimeError(f"{way} saw {seen} of {keys} keys")
    return {
        "seconds": took_s,
        "cpu_s": cpu_seconds() - cpu_s,
        "keys_per_s": keys / took_s,
        "peak_mib": peak_memory_mib(),
        "moves": moves,
    }


def _floor(folder: Path, files: Sequence[tuple[str, str]]) -> tuple[int, int]:
    seen = 0
    for name, _ in files:
        with gzip.open(folder / name, "rt", encoding="utf-8", newline="") as text:
            seen += sum(1 for _ in csv.reader(text))
    return seen, 0


def _contents(folder: Path, files: Sequence[tuple[str, str]]) -> Any:
    from include.storage.inventory import Contents, Inventory

    inventory = Inventory(
        bucket="media-raw",
        reports_bucket="reports",
        manifest_key="manifest.json",
        taken_at=TAKEN_AT,
        fields=FIELDS,
        files=tuple(files),
    )
    return Contents(_Folder(folder), "media-raw", inventory)


def _read(folder: Path, files: Sequence[tuple[str, str]]) -> tuple[int, int]:
    return sum(1 for _ in _contents(folder, files)), 0


def _plan(folder: Path, files: Sequence[tuple[str, str]]) -> tuple[int, int]:
    from include.costs.rate_card import default_rate_card
    from include.settings import Settings
    from include.storage.areas import LakeAreas
    from include.storage.importance import default_importance_rules
    from include.storage.plan_file import write_moves
    from include.storage.tiering import Known, Planner

    planner = Planner(
        areas=LakeAreas.load(Settings()),
        retention=default_importance_rules().retention,
        card=default_rate_card(),
        now=TAKEN_AT,
        ask_catalogue=lambda asked: [Known()] * len(asked),
    )
    with tempfile.TemporaryFile() as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        moves = write_moves(planner.plan("media-raw", _contents(folder, files)), text)
        text.flush()
    return sum(totals.objects for totals in planner.before.values()), moves


def main(arguments: Sequence[str]) -> int:
    """Measure every way at every size, each in a process of its own; fail when memory grows with the keys."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiering", description=__doc__)
    parser.add_argument("--way", choices=WAYS, help="measure this one here, and print a line of JSON")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keys", type=int)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args(arguments)
    if given.way:
        print(json.dumps(run_way(given.way, given.folder, given.keys)))
        return 0
    print(f"## Tiering\n\n{machine_line()}\n")
    rows, peaks = [], {}
    with tempfile.TemporaryDirectory() as name:
        for keys in SIZES:
            write_inventory(Path(name), keys)

            def once(way: str, keys: int = keys) -> dict[str, Any]:
                return measure("benchmarks.tiering", ["--way", way, "--folder", name, "--keys", str(keys)])

            found = interleaved(WAYS, given.rounds, once)
            for way, figures in found.items():
                peaks[way, keys] = figures["peak_mib"]
                rows.append(
                    (
                        f"{keys:,} keys, {way}",
                        f"{figures['seconds']:.2f}",
                        f"{figures['cpu_s']:.2f}",
                        f"{figures['keys_per_s']:,.0f}",
                        f"{keys / figures['cpu_s']:,.0f}",
                        f"{figures['peak_mib']:.0f}",
                        f"{figures['moves']:,.0f}",
                    )
                )
    header = ("keys, way", "wall s", "CPU s", "keys/s", "keys / CPU s", "peak MiB", "moves")
    print(markdown_table(header, rows))
    small, large = (peaks["plan", keys] for keys in SIZES)
    grew = large > small * 1.1 + 5
    print(f"\nPeak memory of the plan: {small:.0f} MiB at {SIZES[0]:,} keys, {large:.0f} MiB at {SIZES[1]:,}")
    return 1 if grew else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
