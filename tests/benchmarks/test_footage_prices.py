from __future__ import annotations

import pytest

from benchmarks import footage_prices
from tests.ground import ROOT


def tables(text):
    return [line for line in text.splitlines() if line.startswith("| ")]


def test_the_tables_of_the_docs_are_those_of_today(capsys):
    """When the rate card changes: `python -m benchmarks.footage_prices`, and copy what it prints."""
    assert footage_prices.main([]) == 0
    printed = capsys.readouterr().out
    docs = "\n".join((ROOT / "docs" / name).read_text() for name in ("benchmarks.md", "storage.md"))
    assert [line for line in tables(printed) if line not in docs] == []
    assert printed.splitlines()[0] in docs


def test_other_shares_of_interesting_footage_are_priced(capsys):
    assert footage_prices.main(["--interesting", "0.5", "--hours", "1"]) == 0
    (row,) = [line for line in tables(capsys.readouterr().out) if line.startswith("| Rekognition labels")]
    assert row == "| Rekognition labels | 6.00 | 3.00 |"


def test_a_share_is_no_percentage(capsys):
    with pytest.raises(SystemExit):
        footage_prices.main(["--interesting", "20"])
    assert "20 is no share" in capsys.readouterr().err
