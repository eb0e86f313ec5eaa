"""The moves of a plan as a CSV file that a person can open, and the platform reads back.

A key is chosen by whoever uploads, and a spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a
formula. Such a cell is written with an apostrophe before it (as is one that begins with an apostrophe, so that reading
it back is exact). https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import IO, Any

from include.catalog.triage import Importance

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An object that should be kept in another class. Dollars over the rest of its retention."""

    bucket: str
    key: str
    version_id: str | None
    etag: str | None
    size_bytes: int
    age_days: float
    area: str
    importance: Importance
    from_class: str
    to_class: str
    usd_before: float
    usd_after: float
    """With what the move itself costs."""
    monthly_usd_saved: float
    reason: str

    @property
    def saved_usd(self) -> float:
        return self.usd_before - self.usd_after


COLUMNS = tuple(column.name for column in fields(Move))
_NUMBERS = {"size_bytes": int, "age_days": float, "usd_before": float, "usd_after": float, "monthly_usd_saved": float}


class PlanError(ValueError):
    """The file is no plan."""


def escaped(cell: str) -> str:
    """Write a text so that no spreadsheet computes it.

    >>> escaped("=HYPERLINK(1)"), escaped("drive.mp4"), escaped("'quoted'")
    ("'=HYPERLINK(1)", 'drive.mp4', "''quoted'")
    """
    return f"'{cell}" if cell.startswith(_DANGEROUS) else cell


def unescaped(cell: str) -> str:
    """Undo ``escaped``.

    >>> unescaped("'=HYPERLINK(1)"), unescaped("drive.mp4"), unescaped("''quoted'")
    ('=HYPERLINK(1)', 'drive.mp4', "'quoted'")
    """
    return cell[1:] if cell.startswith("'") else cell


def write_moves(moves: Iterable[Move], file: IO[str]) -> int:
    """Write a header and a row for each move as it comes; return how many there were."""
    writer = csv.writer(file, lineterminator="\r\n")  # so that a line break of either kind within a cell is quoted
    writer.writerow(COLUMNS)
    written = 0
    for move in moves:
        writer.writerow(_cells(move))
        written += 1
    return written


def read_moves(lines: Iterable[str]) -> Iterator[Move]:
    """Read back what ``write_moves`` wrote, row by row.

    :raises PlanError: when it is something else.
    """
    rows = csv.reader(lines)
    if tuple(next(rows, ())) != COLUMNS:
        raise PlanError(f"a plan begins with the columns {','.join(COLUMNS)}")
    for row in rows:
        try:
            cells: dict[str, Any] = {
                name: _NUMBERS.get(name, unescaped)(cell) for name, cell in zip(COLUMNS, row, strict=True)
            }
        except ValueError as error:
            raise PlanError(f"row {rows.line_num} is no move: {error}") from error
        yield Move(**cells | {"version_id": cells["version_id"] or None, "etag": cells["etag"] or None})


def _cells(move: Move) -> tuple[str | int, ...]:
    """Return the cells in the order of ``COLUMNS``; spelt out, for it is done for every move of the lake."""
    return (
        escaped(move.bucket),
        escaped(move.key),
        escaped(move.version_id or ""),
        escaped(move.etag or ""),
        move.size_bytes,
        f"{move.age_days:.9g}",
        escaped(move.area),
        move.importance,
        move.from_class,
        move.to_class,
        f"{move.usd_before:.9g}",
        f"{move.usd_after:.9g}",
        f"{move.monthly_usd_saved:.9g}",
        escaped(move.reason),
    )
