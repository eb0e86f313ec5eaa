"""What a plan amounts to, as people and programs read it: sums, means with their prices, examples, advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from include.storage.classes import TITLES, class_prices, in_order
from include.storage.decision import size_text, usd_text
from include.storage.means import BUNDLED, Option, Step, options_for, steps_for
from include.storage.tiering import Planner, Totals, totals_table
from include.storage.tiering_chart import cost_text, money_text

REPORT_VERSION = 1
LEAST_ADVISED_USD = 1.0
"""Advice that saves less over the whole retention is not worth reading."""

_NOTHING = totals_table({"": Totals()})[""]


def report_from(
    planner: Planner, *, most_copies: int, read_from: Sequence[dict[str, Any]], plan: dict[str, Any]
) -> dict[str, Any]:
    """Write the report of a plan. Dollars are those of the rate card that it names.

    :param most_copies: how many objects a run copies one by one at most.
    :param read_from: of each bucket, where its objects were read from.
    :param plan: where the plan's rows are, and their sha256.
    """
    card, groups = planner.card, list(planner.groups.values())
    steps = [step for group in groups for step in steps_for(group, card, most_copies=most_copies)]
    return {
        "version": REPORT_VERSION,
        "planned_at": planner.now.isoformat(timespec="seconds"),
        "priced_by": card.priced_by,
        "areas_version": planner.areas.version,
        "keep_months": planner.retention.keep_months,
        "buckets": list(read_from),
        "storage_usd_a_month": {
            when: round(_sum_of(totals_table(table))["usd_a_month"], 6)
            for when, table in (("before", planner.before), ("after", planner.after))
        },
        "before": totals_table(planner.before),
        "after": totals_table(planner.after),
        "moves": {
            "objects": sum(group.objects for group in groups),
            "size_bytes": sum(group.size_bytes for group in groups),
            "usd_once": round(sum(step.usd for step in steps), 6),
            "monthly_usd_saved": round(sum(group.monthly_usd_saved for group in groups), 6),
            "retention_usd_saved": round(sum(group.saved_usd for group in groups), 6),
        },
        "awaiting_rule": totals_table({"": planner.awaiting_rule})[""],
        "kept": dict(planner.kept.most_common()),
        "steps": [_priced(step) for step in steps],
        "means": [
            {
                "bucket": group.bucket,
                "area": group.area.name,
                "to_class": group.to_class,
                "objects": group.objects,
                "size_bytes": group.size_bytes,
                "monthly_usd_saved": round(group.monthly_usd_saved, 6),
                "options": [_priced(option) for option in options_for(group, card, most_copies=most_copies)],
            }
            for group in groups
        ],
        "sizes": [
            {"below_bytes": 2**size, **totals_table({"": planner.sizes[size]})[""]} for size in sorted(planner.sizes)
        ],
        "examples": [asdict(move) for move in planner.examples],
        "advice": [*refusals_in(steps), *advice_for(planner)],
        "plan": plan,
    }


def refusals_in(steps: Sequence[Step]) -> list[str]:
    """Say what is planned and not done, and why."""
    return [
        f"{step.objects} objects of {step.bucket} ({step.area}) stay where they are: {step.why_not}"
        for step in steps
        if step.way == "refused"
    ]


def advice_for(planner: Planner) -> list[str]:
    """Say what would save more than any change of class does."""
    prices, small = class_prices(planner.card), planner.small_staying
    advice = []
    if small.objects >= BUNDLED:
        there = prices["STANDARD_IA"]
        bundles = -(-small.objects // BUNDLED)
        once = bundles * there.usd_put + small.objects * planner.card.rate("s3.standard.get").usd
        saved = small.usd_a_month - small.size_bytes * there.usd_per_byte_month
        if saved * planner.retention.keep_months - once >= LEAST_ADVISED_USD:
            advice.append(
                f"{small.objects} objects of together {size_text(small.size_bytes)} stay in Standard because each is "
                f"too small to move: bundled by {BUNDLED} they would cost {usd_text(once)} once and "
                f"{usd_text(saved)} less a month in {there.title}"
            )
    return advice


def steps_from(report: dict[str, Any]) -> list[Step]:
    """Return the steps of a report."""
    return [Step(**step) for step in report["steps"]]


def _priced(one: Option | Step) -> dict[str, Any]:
    return {name: round(value, 9) if name == "usd" else value for name, value in asdict(one).items()}


def report_lines(report: dict[str, Any]) -> list[str]:
    r"""Write the gist of a report as a Markdown table, for the log.

    >>> totals = {"STANDARD": {"objects": 1, "size_bytes": 2**30, "usd_a_month": 0.023}}
    >>> print(*report_lines({"before": totals, "after": {}})[2:], sep="\n")
    | Standard | 1 | 0 | 1 GB | 0 bytes | $0.0230 | $0 |
    | together | 1 | 0 | 1 GB | 0 bytes | $0.0230 | $0 |
    """
    before, after = report["before"], report["after"]
    rows: list[tuple[str, Mapping[str, Any], Mapping[str, Any], Callable[[float], str]]] = [
        (TITLES.get(name, name), before.get(name, _NOTHING), after.get(name, _NOTHING), partial(cost_text, name))
        for name in in_order(before.keys() | after.keys())
    ]
    rows.append(("together", _sum_of(before), _sum_of(after), money_text))
    return [
        "| class | objects before | after | bytes before | after | a month before | after |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {name} | {was['objects']} | {will['objects']} | {size_text(was['size_bytes'])} | "
            f"{size_text(will['size_bytes'])} | {cost(was['usd_a_month'])} | {cost(will['usd_a_month'])} |"
            for name, was, will, cost in rows
        ),
    ]


def _sum_of(table: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(totals[name] for totals in table.values()) for name in _NOTHING}
