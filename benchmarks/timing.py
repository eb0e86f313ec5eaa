"""What every benchmark shares: each measurement in a process of its own, interleaved rounds, medians, a Markdown table.

A process of its own, so that peak memory is the contender's alone; interleaved, so that a busy minute hits all alike.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def peak_memory_mib() -> float:
    """Return the largest resident memory that this process ever had, in MiB.

    Linux counts it anew for each program (``VmHWM``); ``ru_maxrss``, which is all that others have, a child inherits.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024) if sys.platform == "darwin" else peak / 1024


def cpu_seconds() -> float:
    """Return the processor time that this process has used so far, all threads together."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(module: str, arguments: Sequence[str], *, timeout_s: float = 600.0) -> dict[str, Any]:
    """Run ``python -m module arguments`` and return the JSON object in the last line that it prints.

    :raises RuntimeError: when it fails, with the end of what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def interleaved(
    contenders: Iterable[str], rounds: int, run: Callable[[str], Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Run every contender once per round, each round from another start, and return the median of each figure."""
    names = list(contenders)
    results: dict[str, list[Mapping[str, float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for place in range(len(names)):
            name = names[(turn + place) % len(names)]
            results[name].append(run(name))
    return {
        name: {figure: statistics.median(float(result[figure]) for result in taken) for figure in taken[0]}
        for name, taken in results.items()
    }


def warm_rounds(run: Mapping[str, Callable[[Path], Any]], path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Measure every way of ``run`` on a file, in interleaved rounds of this process, which it warms first."""

    def once(way: str) -> dict[str, float]:
        cpu_s, begun = cpu_seconds(), time.perf_counter()
        run[way](path)
        return {"wall_s": time.perf_counter() - begun, "cpu_s": cpu_seconds() - cpu_s}

    interleaved(run, 1, once)
    return interleaved(run, rounds, once)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table; columns after the first are aligned to the right.

    >>> print(markdown_table(["way", "s"], [["ours", "1.0"]]))
    | way | s |
    |---|---:|
    | ours | 1.0 |
    """
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def machine_line() -> str:
    """Say in a line where the figures were taken: cores, load, Python."""
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {python}, load {load:.1f} at the start"
