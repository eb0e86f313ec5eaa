"""Run every benchmark, one after the other: ``python -m benchmarks``. Names as arguments choose some of them."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; each is a module here with a ``main(arguments)``."""
    modules = [path for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")]
    known = sorted(path.stem for path in modules if "\ndef main(" in path.read_text())
    unknown = set(names) - set(known)
    if unknown:
        print(f"no benchmark named {', '.join(sorted(unknown))}: choose among {', '.join(known)}", file=sys.stderr)
        return 2
    worst = 0
    for name in names or known:
        worst = max(worst, import_module(f"benchmarks.{name}").main([]) or 0)
        print(flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
