"""Films rendered once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sources_emulator.filming.film import Footage
from sources_emulator.filming.render import render_footage


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Footage], Path]:
    """``rendered(footage)``: its file."""
    folder, files = tmp_path_factory.mktemp("films"), {}

    def render(footage: Footage) -> Path:
        if footage not in files:
            path = folder / f"{len(files)}.{footage.format.ending}"
            render_footage(footage, path)
            files[footage] = path
        return files[footage]

    return render
