from __future__ import annotations

from benchmarks import dag_parsing


def test_a_dag_file_is_measured_and_loads_no_heavy_library(capsys):
    assert dag_parsing.main(["--rounds", "1", "rotate_campaign"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    (row,) = rows
    assert [cell.strip() for cell in row.split("|")[1::4]] == ["rotate_campaign.py", "none"]
