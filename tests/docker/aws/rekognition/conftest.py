"""An analysis without a server: the engine on a film, and what it found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aws_emulator.jobs.alone import LoneTask
from aws_emulator.jobs.task import EngineSettings
from aws_emulator.services.rekognition import engine


@pytest.fixture
def analyse(tmp_path: Path) -> Callable[..., Any]:
    """``analyse(film, "SegmentDetection", SegmentTypes=["SHOT"])``: the items found; ``.last`` is the whole result.

    All analyses of a test share one cache.
    """

    def run(
        video: Path | bytes, analysis: str, *, settings: EngineSettings | None = None, **parameters: Any
    ) -> list[dict[str, Any]]:
        key = "../../etc/passwd.mp4"
        request = {"analysis": analysis, "parameters": parameters, "bucket": "media", "key": key}
        task = LoneTask(tmp_path / "lone", request, objects={("media", key): video}, settings=settings)
        result = engine.run(task)
        run.last = result
        return json.loads(Path(result["found"]).read_text())["items"]

    return run


@pytest.fixture
def shots(analyse: Callable[..., Any]) -> Callable[[Path], list[tuple[int, int]]]:
    """``shots(film)``: first and last frame of every shot."""

    def run(video: Path) -> list[tuple[int, int]]:
        found = analyse(video, "SegmentDetection", SegmentTypes=["SHOT"])
        return [(shot["StartFrameNumber"], shot["EndFrameNumber"]) for shot in found]

    return run


@pytest.fixture
def cues(analyse: Callable[..., Any]) -> Callable[..., list[tuple[str, int, int]]]:
    """``cues(film, BlackFrame={...})``: kind, first and last frame of every technical cue."""

    def run(video: Path, **wanted: Any) -> list[tuple[str, int, int]]:
        filters = {"TechnicalCueFilter": wanted} if wanted else {}
        found = analyse(video, "SegmentDetection", SegmentTypes=["TECHNICAL_CUE"], Filters=filters)
        return [(cue["TechnicalCueSegment"]["Type"], cue["StartFrameNumber"], cue["EndFrameNumber"]) for cue in found]

    return run
