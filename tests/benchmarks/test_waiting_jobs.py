from __future__ import annotations

import pytest

from benchmarks import waiting_jobs


@pytest.mark.parametrize("way", ["provider", "ours"])
def test_every_way_of_waiting_can_be_measured(way):
    burst = 10 if way == "ours" else 0
    figures = waiting_jobs.measured(way, 20, measured_s=3, mean_job_s=15, burst=burst, delay_s=2)
    assert figures["failures"] == 0
    assert figures["ended"] == 4
    assert figures["lag_p99_s"] >= figures["lag_p50_s"] > 0
    assert figures["calls_a_minute"] == 20 * sum(figures["calls"].values())
    assert figures["above_idle_mib"] > 0
    if way == "ours":
        assert figures["fired"] == 4
        assert figures["burst_told_once"]
        assert figures["calls"]["ReceiveMessage"] > 0


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({}, []),
        ({"calls_a_minute": 21.0}, ["calls"]),
        ({"lag_p99_s": 2.1}, ["lag"]),
        ({"above_idle_mib": 151.0}, ["memory"]),
        ({"fired": 3}, ["lost"]),
    ],
)
def test_a_target_that_is_missed_is_named(change, missed):
    provider = {"calls_a_minute": 2000.0, "jobs": 1000}
    ours = {
        "calls_a_minute": 19.0, "lag_p99_s": 1.0, "above_idle_mib": 60.0, "fired": 4, "ended": 4, "jobs": 1000,
        "failures": 0,
    }  # fmt: skip
    named = waiting_jobs.missed_targets(provider, ours | change)
    assert [one.split()[0] for one in named] == missed
