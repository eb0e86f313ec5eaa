"""What the platform's cheap look and its rules make of the drives: the demo shows one of each decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.catalog.triage import Signals
from include.catalog.video import TextLine
from include.triage.decide import decide
from include.triage.evidence import Evidence
from include.triage.rules import Rules
from include.triage.screen import is_interesting, measure_signals
from include.video.probe import probe_media
from sources_emulator.driving.drives import DRIVES, TINY_DRIVES
from sources_emulator.driving.render import render_trip

BY_NAME = {drive.name: drive for drive in (*DRIVES, *TINY_DRIVES)}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Measures a drive, each once."""
    folder: Path = tmp_path_factory.mktemp("drives")
    known: dict[str, Signals] = {}

    def measure(name: str) -> Signals:
        if name not in known:
            render_trip(BY_NAME[name].trip, folder / f"{name}.mp4")
            known[name] = measure_signals(folder / f"{name}.mp4", probe_media(folder / f"{name}.mp4"))
        return known[name]

    return measure


@pytest.mark.parametrize("name", ["accident", "tiny-accident"])
def test_the_stop_and_the_bang_of_an_accident_are_found_when_they_happen(measured, name):
    stop_s, signals = BY_NAME[name].trip.stop_s, measured(name)
    assert [peak.at_s for peak in signals.motion_peaks] == pytest.approx([stop_s], abs=0.3)
    assert [peak.at_s for peak in signals.loudness_peaks] == pytest.approx([stop_s], abs=0.3)


def test_of_a_near_miss_the_stop_alone_is_found(measured):
    signals = measured("near-miss")
    assert [peak.at_s for peak in signals.motion_peaks] == pytest.approx([BY_NAME["near-miss"].trip.stop_s], abs=0.3)
    assert signals.loudness_peaks == ()


@pytest.mark.parametrize("name", ["dull", "no-audio", "tiny-dull"])
def test_a_drive_on_which_nothing_happens_is_not_worth_an_analysis(measured, name):
    assert is_interesting(measured(name), Rules.load()) == []


@pytest.mark.parametrize(
    ("name", "decision"),
    [("accident", "incident"), ("tiny-accident", "incident"), ("near-miss", "review"), ("dull", "normal")],
)
def test_the_rules_decide_as_the_demo_shows(measured, name, decision):
    trip, signals = BY_NAME[name].trip, measured(name)
    read = [TextLine(text=trip.sign, start_s=trip.stop_s, end_s=trip.seconds, confidence=0.99, box=None)]
    evidence = Evidence(duration_s=trip.seconds, signals=signals, text=tuple(read if trip.sign else ()))
    assert decide(evidence, Rules.load()).decision == decision
