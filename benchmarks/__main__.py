"""Run every benchmark, one after the other: ``python -m benchmarks``. Names as arguments choose some of them.

``--media FOLDER``, real files with a ``MANIFEST.csv``, is handed to the benchmarks that listen to such files
or watch them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

TAKE_MEDIA = frozenset({"audio_analysis", "cheap_look", "media_services", "production_cues"})


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all; each is a module here with a ``main(arguments)``. Return the worst status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run the benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (default: all)")
    parser.add_argument("--media", type=Path, metavar="FOLDER", help="real files with a MANIFEST.csv")
    given = parser.parse_args(arguments)
    if given.media and not (given.media / "MANIFEST.csv").is_file():
        print(f"{given.media} holds no MANIFEST.csv, which says what the files are", file=sys.stderr)
        return 2
    modules = [path for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")]
    known = sorted(path.stem for path in modules if "\ndef main(" in path.read_text())
    unknown = set(given.names) - set(known)
    if unknown:
        print(f"no benchmark named {', '.join(sorted(unknown))}: choose among {', '.join(known)}", file=sys.stderr)
        return 2
    worst = 0
    for name in given.names or known:
        media = ["--media", str(given.media)] if given.media and name in TAKE_MEDIA else []
        worst = max(worst, import_module(f"benchmarks.{name}").main(media))
        print(flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
