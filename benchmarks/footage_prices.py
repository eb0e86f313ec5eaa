"""What 1,000 hours of dash-cam footage cost by the rate card: every service, screen on and off, and keeping it.

Nothing is measured here: the prices are those of ``include/costs/rate_card.yaml``, the jobs those that the pipeline
itself would start, and the share of footage in which the cheap look sees something is given: ``--interesting 0.05``,
as often as you like. One upload in ten of those is taken for an incident. The last table says from which size on an
object is worth moving.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.timing import markdown_table
from include.catalog.triage import StorageClass
from include.costs.footage import Fleet, keeping_usd, reading_usd, services_usd
from include.costs.rate_card import default_rate_card
from include.storage.classes import class_prices
from include.storage.decision import StoredObject, break_even_bytes, decide_storage, size_text
from include.storage.importance import default_importance_rules

SHARES = (0.01, 0.05, 0.20)
INCIDENTS_OF_INTERESTING = 0.1
KEPT_MONTHS = (12, 36)
BREAK_EVEN_MONTHS = (1, 3, 6, 12, 36)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footage_prices", description=__doc__)
    parser.add_argument("--hours", type=float, default=1000.0)
    parser.add_argument("--interesting", type=_share, action="append", help="share of the uploads, 0 to 1")
    given = parser.parse_args(arguments)
    fleets = [
        Fleet(hours=given.hours, interesting_share=share, incident_share=share * INCIDENTS_OF_INTERESTING)
        for share in given.interesting or SHARES
    ]
    upload = fleets[0].upload
    size, minutes = size_text(upload.size_bytes or 0), (upload.duration_s or 0) / 60
    print(
        f"By {default_rate_card().priced_by}, in US dollars: {given.hours:,.0f} hours in {fleets[0].uploads:,.0f} "
        f"uploads of {minutes:g} minutes and {size}.\n"
    )
    print(services_table(fleets), end="\n\n")
    print(storage_table(fleets[0]), end="\n\n")
    print(break_even_table())
    return 0


def services_table(fleets: Sequence[Fleet]) -> str:
    """Write what is paid to look at footage, a service a row; the first column has it without the cheap look."""
    columns = [services_usd(fleets[-1], screened=False), *(services_usd(fleet, screened=True) for fleet in fleets)]
    totals = [sum(column.values()) for column in columns]
    header = ["service", f"screen off, {fleets[-1].incident_share:.1%} incidents"]
    header += [f"screen on, {fleet.interesting_share:.0%} interesting" for fleet in fleets]
    rows = [[service, *(f"{column[service]:,.2f}" for column in columns)] for service in columns[0]]
    rows.append(["**together**", *(f"**{total:,.2f}**" for total in totals)])
    rows.append(["part of screen off", *(f"{total / totals[0]:.1%}" for total in totals)])
    return markdown_table(header, rows)


def storage_table(fleet: Fleet) -> str:
    """Write what is paid to keep footage, a class a row."""
    classes = class_prices(default_rate_card())
    chosen: list[StorageClass] = [_chosen(fleet, months) for months in KEPT_MONTHS]
    rows = [
        [
            place.title,
            *(f"{keeping_usd(fleet, name, keep_months=months):,.2f}" for months in KEPT_MONTHS),
            f"{reading_usd(fleet, name):,.2f}",
        ]
        for name, place in classes.items()
    ]
    kept = zip(chosen, KEPT_MONTHS, strict=True)
    decided = [f"{keeping_usd(fleet, name, keep_months=months):,.2f}" for name, months in kept]
    rows.append(["decided for importance low", *decided, f"{reading_usd(fleet, chosen[-1]):,.2f}"])
    return markdown_table(["class", *(f"kept {months} months" for months in KEPT_MONTHS), "all read once"], rows)


def break_even_table() -> str:
    """Write from which size on an object that is never read is worth moving out of Standard."""
    card = default_rate_card()
    rows = []
    for name, place in list(class_prices(card).items())[1:]:
        sizes = [break_even_bytes(name, keep_months=months, card=card) for months in BREAK_EVEN_MONTHS]
        rows.append([place.title, *("never" if size is None else size_text(size) for size in sizes)])
    return markdown_table(
        ["break-even, kept", *(f"{months} month{'s' * (months > 1)}" for months in BREAK_EVEN_MONTHS)], rows
    )


def _chosen(fleet: Fleet, keep_months: float) -> StorageClass:
    """Return the class that the decision takes for an upload of low importance."""
    rules = default_importance_rules()
    stored = StoredObject(
        size_bytes=fleet.upload.size_bytes or 0,
        age_days=0.0,
        storage_class="STANDARD",
        importance="low",
        expected_reads_per_month=rules.expected_reads_per_month["low"],
    )
    retention = rules.retention_of(keep_months)
    return decide_storage(stored, retention=retention, card=default_rate_card()).storage_class


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: 0 to 1")
    return share


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
