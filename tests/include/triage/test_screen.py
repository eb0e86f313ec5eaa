"""The cheap look, on drives of which every moment is known."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pytest

from include.catalog.triage import Peak, Signals
from include.triage import screen
from include.triage.conditions import Missing, Motion
from include.triage.decide import decide
from include.triage.evidence import evidence_of_the_screen
from include.triage.rules import Rule, Rules, ScreenThresholds
from include.triage.screen import ANALYSER_VERSION, is_interesting, measure_signals
from include.video.probe import MediaFacts, probe_media
from tests.ground import ROOT
from tests.include.triage.drives import (
    HEIGHT,
    WIDTH,
    noise,
    pictures,
    standing,
    steady,
    stopping,
    struck,
    turning,
    write_drive,
)

RULES = Rules.load()
THRESHOLDS = RULES.screen


STEADY = Signals(
    duration_s=60.0,
    has_video=True,
    has_audio=True,
    motion_peaks=(Peak(at_s=9.0, value=0.1),),
    loudness_peaks=(),
    loudness_lufs=-30.0,
    analyser_version=ANALYSER_VERSION,
)


def measured(path: Path) -> Signals:
    return measure_signals(path, probe_media(path))


def strongest(peaks) -> float | None:
    return max(peaks, key=lambda peak: peak.value).at_s if peaks else None


@pytest.fixture(scope="module")
def steady_drive(tmp_path_factory) -> Path:
    return write_drive(tmp_path_factory.mktemp("drives") / "steady.mp4", pictures(steady, 6), noise(6))


@pytest.fixture(scope="module")
def crash(tmp_path_factory) -> Path:
    return write_drive(tmp_path_factory.mktemp("drives") / "crash.mp4", pictures(struck(3.4), 6), noise(6, bang_s=3.4))


# --- motion ----------------------------------------------------------------------------------------------------------


def test_a_steady_drive_on_a_trembling_road_shows_nothing(steady_drive):
    signals = measured(steady_drive)
    assert (signals.motion_peaks, signals.loudness_peaks, signals.notes) == ((), (), ())
    assert is_interesting(signals, RULES) == []


def test_an_abrupt_stop_is_found_at_its_second(tmp_path):
    signals = measured(write_drive(tmp_path / "stop.mp4", pictures(stopping(3.6), 6)))
    assert strongest(signals.motion_peaks) == pytest.approx(3.6, abs=0.3)
    assert "a jolt of" in is_interesting(signals, RULES)[0]


def test_a_blow_is_found_at_its_second_and_is_far_stronger_than_a_stop(crash):
    signals = measured(crash)
    assert strongest(signals.motion_peaks) == pytest.approx(3.4, abs=0.3)
    assert max(peak.value for peak in signals.motion_peaks) > 0.5


def test_a_curve_is_no_jolt(tmp_path):
    assert measured(write_drive(tmp_path / "curve.mp4", pictures(turning, 7))).motion_peaks == ()


def test_a_cut_is_no_jolt(tmp_path):
    seen = chain(pictures(steady, 3), pictures(turning, 3, seed=1), pictures(steady, 2, seed=2))
    assert measured(write_drive(tmp_path / "cut.mp4", seen)).motion_peaks == ()


def test_what_passes_before_a_standing_camera_is_no_jolt(tmp_path):
    def crossing():
        (road,) = pictures(steady, 0.04)
        (lorry,) = pictures(steady, 0.04, seed=5)
        for number in range(150):
            seen, left = road.copy(), int((number - 75) * 8)
            start, end = max(0, left), min(WIDTH, left + 110)
            if start < end:
                seen[40:150, start:end] = lorry[40:150, start - left : end - left]
            yield seen

    signals = measured(write_drive(tmp_path / "crossing.mp4", crossing()))
    assert all(peak.value < THRESHOLDS.motion for peak in signals.motion_peaks)


def test_a_camera_of_ten_pictures_a_second_is_good_enough(tmp_path):
    signals = measured(write_drive(tmp_path / "slow.mp4", pictures(struck(3.0), 6, rate=10), rate=10))
    assert strongest(signals.motion_peaks) == pytest.approx(3.0, abs=0.3)


def test_a_blow_at_the_very_end_is_found(tmp_path):
    signals = measured(write_drive(tmp_path / "end.mp4", pictures(struck(5.8), 6)))
    assert strongest(signals.motion_peaks) == pytest.approx(5.8, abs=0.3)


def test_a_cut_or_a_blow_too_large_to_follow_is_worth_an_analysis(tmp_path):
    seen = chain(pictures(steady, 3), pictures(steady, 3, seed=1))
    assert is_interesting(measured(write_drive(tmp_path / "cut.mp4", seen)), RULES) == [
        "not all of it could be measured: picture: at 3.0 s it is cut, or a blow is too large to follow"
    ]


def test_a_camera_whose_pictures_hardly_lean_on_each_other_is_followed_all_the_same(tmp_path):
    coded = {"x264-params": "bframes=7:b-adapt=0:b-pyramid=none:keyint=250:scenecut=0", "crf": "20"}
    signals = measured(write_drive(tmp_path / "b.mp4", pictures(struck(3.4), 6), coded=coded))
    assert strongest(signals.motion_peaks) == pytest.approx(3.4, abs=0.3)


# --- loudness --------------------------------------------------------------------------------------------------------


def test_a_bang_is_found_at_its_second(crash):
    signals = measured(crash)
    assert [peak.at_s for peak in signals.loudness_peaks] == [pytest.approx(3.4, abs=0.3)]
    assert any(reason.startswith("a sound") for reason in is_interesting(signals, RULES))


def test_how_loud_the_film_is_as_a_whole_does_not_matter(tmp_path):
    for level in (0.003, 0.05):
        path = write_drive(tmp_path / f"{level}.mkv", pictures(steady, 5), noise(5, bang_s=2.0, level=level))
        (peak,) = measured(path).loudness_peaks
        assert peak.at_s == pytest.approx(2.0, abs=0.3)
        assert peak.value > 15


def test_sound_that_begins_later_keeps_the_time_of_the_picture(tmp_path):
    late = write_drive(tmp_path / "late.mkv", pictures(steady, 6), noise(4, bang_s=2.0), heard_from_s=1.5)
    assert strongest(measured(late).loudness_peaks) == pytest.approx(3.5, abs=0.3)


# --- what is missing or broken ---------------------------------------------------------------------------------------


def test_no_sound_is_normal(tmp_path):
    signals = measured(write_drive(tmp_path / "silent.mp4", pictures(steady, 3)))
    assert (signals.has_video, signals.has_audio, signals.loudness_lufs, signals.notes) == (True, False, None, ())


def test_no_picture_is_normal(tmp_path):
    signals = measured(write_drive(tmp_path / "memo.mp4", None, noise(4, bang_s=2.0)))
    assert (signals.has_video, signals.has_audio, signals.notes) == (False, True, ())
    assert strongest(signals.loudness_peaks) == pytest.approx(2.0, abs=0.3)


def test_digital_silence_with_a_click_is_no_bang(tmp_path):
    heard = np.zeros(5 * 16_000, np.float32)
    heard[40_000:40_080] = 0.001
    assert measured(write_drive(tmp_path / "click.mp4", None, heard)).loudness_peaks == ()


def test_pictures_too_small_to_follow_say_nothing_and_that_is_noted(tmp_path):
    dots = (np.full((HEIGHT, WIDTH), number, np.uint8)[:2] for number in range(50))
    from tests.include.video.films import write_film

    path = write_film(tmp_path / "line.mp4", (np.repeat(dot[..., None], 3, axis=2) for dot in dots))
    signals = measured(path)
    assert signals.motion_peaks == ()
    assert "too small" in " ".join(is_interesting(signals, RULES))


@pytest.mark.parametrize(
    ("seen", "heard", "rate"),
    [
        (pictures(standing, 4, rate=1), noise(4), 1),
        (pictures(standing, 4, rate=5), noise(4), 5),
        (pictures(standing, 0.04), None, 1),
        (None, noise(0.3), 1),
    ],
    ids=["a picture a second", "five pictures a second", "one picture", "a third of a second of sound"],
)
def test_what_cannot_be_measured_is_worth_an_analysis(tmp_path, seen, heard, rate):
    signals = measured(write_drive(tmp_path / "drive.mkv", seen, heard, rate=rate))
    assert (signals.motion_peaks, signals.loudness_peaks) == ((), ())
    assert len(is_interesting(signals, RULES)) == 1


def test_a_camera_that_stops_recording_for_a_while_is_worth_an_analysis(tmp_path):
    late = tmp_path / "late.mkv"
    write_drive(late, pictures(standing, 6), shown_at=lambda number: number + (40 if number >= 75 else 0))
    assert "picture: for 1.7 s nothing tells how the camera moves" in measured(late).notes


def test_sound_that_ends_before_the_picture_is_worth_an_analysis(tmp_path):
    signals = measured(write_drive(tmp_path / "short.mkv", pictures(standing, 5), noise(2)))
    assert signals.notes == ("the sound breaks off after 2.0 s of 5.0 s",)


def test_a_film_whose_header_tells_no_length_is_as_long_as_what_is_seen_and_heard(steady_drive):
    untold = replace(probe_media(steady_drive), duration_s=None)
    assert measure_signals(steady_drive, untold).duration_s == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("share", [0.35, 0.6])
def test_damage_in_the_middle_costs_only_itself(tmp_path, crash, share):
    content = bytearray(crash.read_bytes())
    start = int(len(content) * share)
    content[start : start + len(content) // 12] = bytes(len(content) // 12)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    signals = measured(damaged)
    assert signals.duration_s == pytest.approx(6, abs=0.1)
    assert signals.notes or signals.motion_peaks


def test_a_film_that_breaks_off_is_worth_an_analysis(tmp_path):
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    whole = write_drive(tmp_path / "whole.mp4", pictures(struck(2.0), 8), options=fragments)
    part = tmp_path / "part.mp4"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    signals = measure_signals(part, probe_media(whole))
    assert strongest(signals.motion_peaks) == pytest.approx(2.0, abs=0.3)
    assert "the picture breaks off after" in " ".join(is_interesting(signals, RULES))


def test_a_film_that_takes_too_long_to_look_at_is_worth_an_analysis(crash, monkeypatch):
    monkeypatch.setattr(screen, "LONGEST_LOOK_S", 0)
    signals = measured(crash)
    assert [note for note in signals.notes if note.startswith("picture")] == [
        "picture: after 0 minutes it was seen up to 0.0 s",
        "picture: too small, too short or too seldom to tell how the camera moves",
    ]
    assert signals.loudness_peaks
    assert is_interesting(signals, RULES)


def test_a_stream_that_cannot_be_decoded_is_noted(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    facts = probe_media(write_drive(tmp_path / "film.mp4", pictures(steady, 0.4), noise(0.4)))
    signals = measure_signals(text, facts)
    assert [note.split(":")[0] for note in signals.notes] == ["picture", "sound"]
    assert len(is_interesting(signals, RULES)) == 2


def test_memory_does_not_grow_with_the_length(tmp_path, steady_drive):
    long = tmp_path / "long.mp4"
    turns = [str(steady_drive)] * 15
    _join(turns, long)
    assert probe_media(long).duration_s == pytest.approx(90, abs=3)
    assert _peak_kib(long) < _peak_kib(steady_drive) + 24 * 1024


def _join(paths: list[str], target: Path) -> None:
    """Join films of one kind without encoding them again."""
    with av.open(str(target), "w") as output:
        streams: dict = {}
        start_s = 0.0
        for path in paths:
            with av.open(path) as source:
                for stream in source.streams:
                    if stream.type not in streams:
                        streams[stream.type] = output.add_stream_from_template(stream)
                for packet in source.demux():
                    if packet.dts is not None:
                        offset = round(start_s / packet.time_base)
                        packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                        packet.stream = streams[packet.stream.type]
                        output.mux(packet)
                start_s += source.duration / 1_000_000 + 0.1


def _peak_kib(path: Path) -> int:
    """Measure a film in a process of its own, and return the most memory that it held."""
    program = (
        "import sys, resource; from pathlib import Path; from include.triage.screen import measure_signals; "
        "from include.video.probe import probe_media; path = Path(sys.argv[1]); "
        "measure_signals(path, probe_media(path)); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


# --- thresholds ------------------------------------------------------------------------------------------------------


def test_the_reasons_name_the_strongest_moments(crash):
    signals = measured(crash)
    jolt, sound = is_interesting(signals, RULES)
    assert jolt.endswith(f"(from {THRESHOLDS.motion:g})")
    assert sound.endswith(f"(from {THRESHOLDS.loudness_lu:g} LU)")
    high = replace(RULES, screen=ScreenThresholds(motion=9.0, loudness_lu=60.0), rules=RULES.rules[-1:])
    assert is_interesting(signals, high) == []


def test_signals_name_the_version_that_measured_them(crash):
    assert measured(crash).analyser_version == ANALYSER_VERSION


@pytest.mark.parametrize(
    ("condition", "signals"),
    [(Motion(min_peak=0.05), STEADY), (Missing(analyses=("motion",)), replace(STEADY, has_video=False))],
    ids=["a rule that asks for less than the screen", "a picture that is missing"],
)
def test_what_the_rules_do_not_find_normal_is_never_screened_out(condition, signals):
    strict = replace(RULES, rules=(Rule(name="strict", weight=0.8, condition=condition),))
    assert is_interesting(signals, RULES) == []
    assert is_interesting(signals, strict) == ["by the cheap look alone it is: incident"]
    assert decide(evidence_of_the_screen(signals), strict).decision == "incident"


def test_a_film_about_which_nothing_is_known_has_no_length(tmp_path, steady_drive):
    facts = MediaFacts(probed=True, container="mov", video=None, audio=())
    assert measure_signals(steady_drive, facts).duration_s is None
