"""How long each DAG file takes to parse beyond the import of Airflow itself: ``python -m benchmarks.dag_parsing``.

Airflow's own modules are imported first (the DAG processor does so once, before it forks for a file), then the file is
executed and timed, each time in a new process.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.timing import interleaved, machine_line, markdown_table, measure, peak_memory_mib

ROOT = Path(__file__).resolve().parents[1]
HEAVY = frozenset({"librosa", "numba", "cv2", "pandas", "duckdb", "scipy", "av"})
"""What no DAG file loads when it is parsed: parsing must be nearly free."""


def main(arguments: list[str]) -> int:
    """Print the table; with ``--file`` time one file in this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dag_parsing", description=__doc__)
    parser.add_argument("dags", nargs="*", metavar="DAG", help="dag_ids (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="processes a file (default %(default)s)")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--airflow-modules", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.file:
        print(json.dumps(_parse(options.file, json.loads(options.airflow_modules or "null"))))
        return 0
    wanted = options.dags or ["*"]
    files = {path.name: path for name in wanted for path in sorted((ROOT / "dags").glob(f"{name}.py"))}
    known = {name: json.dumps(_measured(path, None)["airflow_modules"]) for name, path in files.items()}
    heavy: dict[str, list[str]] = {}

    def run(name: str) -> dict[str, float]:
        figures = _measured(files[name], known[name])
        heavy[name] = figures["heavy"]
        return {figure: figures[figure] for figure in ("airflow_s", "file_s", "peak_mib")}

    medians = interleaved(files, options.rounds, run)
    print(f"Parsing DAG files: medians of {options.rounds} processes each, {machine_line()}\n")
    rows = [
        [
            name,
            f"{figures['airflow_s']:.2f}",
            f"{figures['file_s']:.3f}",
            f"{figures['peak_mib']:.0f}",
            ", ".join(heavy[name]) or "none",
        ]
        for name, figures in medians.items()
    ]
    print(markdown_table(["file", "Airflow's import s", "the file beyond it s", "peak MiB", "heavy libraries"], rows))
    return 0


def _measured(path: Path, airflow_modules: str | None) -> dict[str, Any]:
    known = ["--airflow-modules", airflow_modules] if airflow_modules else []
    return measure("benchmarks.dag_parsing", ["--file", str(path), *known])


def _parse(path: Path, airflow_modules: list[str] | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        sys.path.insert(0, str(ROOT / "plugins"))
        began = time.perf_counter()
        for name in airflow_modules or ["airflow.sdk"]:
            importlib.import_module(name)
        imported = time.perf_counter()
        runpy.run_path(str(path), run_name="parsed_dag")
        ended = time.perf_counter()
    return {
        "airflow_s": imported - began,
        "file_s": ended - imported,
        "peak_mib": peak_memory_mib(),
        "airflow_modules": sorted(name for name in sys.modules if name.partition(".")[0] == "airflow"),
        "heavy": sorted(HEAVY & set(sys.modules)),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
