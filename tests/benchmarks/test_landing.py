from __future__ import annotations

import pytest

from benchmarks import landing
from benchmarks.timing import interleaved


@pytest.fixture(scope="module")
def ends():
    with landing._stub("source") as source_port, landing._stub("sink") as sink_port:
        yield source_port, sink_port


@pytest.mark.parametrize("way", landing.WAYS)
def test_every_way_of_landing_can_be_measured(ends, way):
    figures = landing._land(way, *ends, size_mib=11, files=2)
    assert figures["wall_s"] > 0
    assert figures["peak_mib"] >= figures["idle_mib"] > 0


def test_rounds_are_interleaved_and_their_median_counts():
    ran = []

    def run(name):
        ran.append(name)
        return {"wall_s": float(len(ran))}

    medians = interleaved(["a", "b"], 3, run)
    assert ran == ["a", "b", "b", "a", "a", "b"]
    assert medians == {"a": {"wall_s": 4.0}, "b": {"wall_s": 3.0}}
