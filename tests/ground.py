"""Where the tests stand: folders and ports."""

from __future__ import annotations

import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".local" / "test-cache"
"""Rendered media and compiled functions, kept between sessions: they depend on the code alone."""

PATIENCE_S = 400
"""Until something must have happened on the stack, also on a machine that is busy with other tests."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
