"""What people see of a tiering: the chart, and the table in the log."""

from __future__ import annotations

import re

from include.storage.tiering_chart import LABELS, chart_from
from include.storage.tiering_report import report_lines

STANDARD = {"STANDARD": {"objects": 2, "size_bytes": 2**30, "usd_a_month": 0.023}}
FOREIGN = {"REDUCED_REDUNDANCY": {"objects": 1, "size_bytes": 2**20, "usd_a_month": 0.0}}
GLYPH_WIDTH = 7.5
"""Of a capital in 12 px sans-serif, in px."""


def test_the_chart_tells_before_from_after_whether_it_is_a_plan_or_done():
    chart = chart_from(STANDARD, {}, "Storage classes")
    assert ">Standard, before<" in chart
    assert ">Standard, after<" in chart
    assert "$0.0230 before, $0 after" in chart


def test_the_longest_class_of_s3_has_room_beside_its_bars():
    labels = re.findall(r'text-anchor="end">([^<]*)<', chart_from(FOREIGN, FOREIGN, ""))
    assert max(map(len, labels)) * GLYPH_WIDTH <= LABELS


def test_a_class_without_prices_is_not_said_to_cost_nothing():
    assert chart_from(STANDARD | FOREIGN, STANDARD, "").count(">no price<") == 2
    lines = report_lines({"before": STANDARD | FOREIGN, "after": STANDARD | FOREIGN})
    assert "| REDUCED_REDUNDANCY | 1 | 1 | 1 MB | 1 MB | no price | no price |" in lines
