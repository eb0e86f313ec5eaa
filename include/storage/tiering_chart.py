"""Draw what a tiering changes: dollars and bytes by storage class, before and after. Plain SVG, no library."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from include.storage.classes import TITLES, in_order
from include.storage.decision import size_text, usd_text

WIDTH, BAR, LABELS, VALUES = 800, 18, 210, 130
_COLOURS = {"before": "#9aa5b1", "after": "#2f6f4f"}
_Table = Mapping[str, Mapping[str, Any]]


def chart_from(before: _Table, after: _Table, title: str) -> str:
    """Return an SVG with two bars a class, before and after: one pair for dollars a month, one for bytes.

    :param before: of each class ``usd_a_month`` and ``size_bytes``.

    >>> table = {"STANDARD": {"objects": 1, "size_bytes": 2**30, "usd_a_month": 0.023}}
    >>> chart_from(table, table, "a < b").count("<rect")
    5
    """
    classes = in_order(before.keys() | after.keys())
    was, will = (sum(_value(table, name, "usd_a_month") for name in table) for table in (before, after))
    rows: list[str] = []
    top = 52
    for heading, field, text in (
        (f"Dollars a month: {money_text(was)} before, {money_text(will)} after", "usd_a_month", cost_text),
        ("Bytes", "size_bytes", lambda _, size_bytes: size_text(int(size_bytes))),
    ):
        rows.append(f'<text x="12" y="{top}" font-weight="bold">{heading}</text>')
        top += 12
        most = max((_value(table, name, field) for table in (before, after) for name in classes), default=0) or 1
        for name in classes:
            for when, table in (("before", before), ("after", after)):
                value = _value(table, name, field)
                length = (WIDTH - LABELS - VALUES) * value / most
                label = f"{escape(TITLES.get(name, name))}, {when}"
                rows.append(f'<text x="{LABELS - 8}" y="{top + 13}" text-anchor="end">{label}</text>')
                rows.append(
                    f'<rect x="{LABELS}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{_COLOURS[when]}"/>'
                )
                rows.append(f'<text x="{LABELS + length + 6:.1f}" y="{top + 13}">{text(name, value)}</text>')
                top += BAR + 2
            top += BAR - 6
        top += BAR + 4
    size, font = f'width="{WIDTH}" height="{top}"', 'font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
            f'<rect {size} fill="white"/>',
            f'<text x="12" y="26" font-size="15">{escape(title)}</text>',
            *rows,
            "</svg>",
            "",
        ]
    )


def money_text(usd: float) -> str:
    """Write dollars as a bill does, and small sums with two digits that count.

    >>> money_text(1234.5), money_text(0.00028), money_text(0)
    ('$1,234.50', '$0.00028', '$0')
    """
    return "$0" if not usd else f"${usd:,.2f}" if usd >= 1 else usd_text(usd)


def cost_text(storage_class: str, usd: float) -> str:
    """Write what the objects of a class cost; of a class that the rate card does not know nobody can tell.

    >>> cost_text("STANDARD", 0.023), cost_text("GLACIER_IR", 0)
    ('$0.0230', 'no price')
    """
    return money_text(usd) if storage_class in TITLES else "no price"


def _value(table: _Table, name: str, field: str) -> float:
    return float(table.get(name, {}).get(field, 0))
