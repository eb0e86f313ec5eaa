from __future__ import annotations

from benchmarks import dag_parsing


def test_every_dag_file_is_measured_and_loads_no_heavy_library(capsys):
    assert dag_parsing.main(["--rounds", "1"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert {row.split("|")[1].strip() for row in rows} == {path.name for path in dag_parsing.ROOT.glob("dags/*.py")}
    assert all(row.split("|")[5].strip() == "none" for row in rows)
