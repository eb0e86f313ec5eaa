"""Draw what a tiering changes: bytes and dollars by storage class, before and after. Plain SVG, no library."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, BAR, GAP, LABELS, VALUES = 760, 18, 14, 150, 130
_COLOURS = {"before": "#9aa5b1", "after": "#2f6f4f"}


def chart_from(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], title: str) -> str:
    """Return an SVG with two bars a class for dollars a month, and two for GB; longest bar first of each unit.

    >>> table = {"STANDARD": {"objects": 1, "size_bytes": 2**30, "usd_a_month": 0.023}}
    >>> chart_from(table, table, "a < b").count("<rect")
    5
    """
    classes = sorted(before.keys() | after.keys(), key=lambda name: -_value(before, name, "usd_a_month"))
    rows: list[str] = []
    top = 48
    for heading, field, unit, scale in (
        ("Dollars a month", "usd_a_month", "$", 1.0),
        ("GB (2^30 bytes)", "size_bytes", "", 2.0**-30),
    ):
        rows.append(f'<text x="12" y="{top}" font-weight="bold">{heading}</text>')
        top += 12
        most = max((_value(table, name, field) for table in (before, after) for name in classes), default=0) or 1
        for name in classes:
            for when, table in (("before", before), ("after", after)):
                value = _value(table, name, field)
                length = (WIDTH - LABELS - VALUES) * value / most
                label = f"{escape(name)} {when}"
                rows.append(f'<text x="{LABELS - 6}" y="{top + 13}" text-anchor="end">{label}</text>')
                rows.append(
                    f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{_COLOURS[when]}"/>'
                )
                rows.append(f'<text x="{LABELS + length + 6:.1f}" y="{top + 13}">{unit}{value * scale:,.4g}</text>')
                top += BAR + 2
            top += GAP - 2
        top += 22
    size, font = f'width="{WIDTH}" height="{top}"', 'font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
            f'<rect {size} fill="white"/>',
            f'<text x="12" y="24" font-size="15">{escape(title)}</text>',
            *rows,
            "</svg>",
            "",
        ]
    )


def _value(table: Mapping[str, Mapping[str, Any]], name: str, field: str) -> float:
    return float(table.get(name, {}).get(field, 0))
