"""A drive's file shows and sounds as its truth tells, and has the same bytes every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import httpx
import numpy as np
import pytest

from sources_emulator.driving.drives import DRIVES, TINY_DRIVES
from sources_emulator.driving.garage import Garage, order_for
from sources_emulator.driving.noise import sound_of
from sources_emulator.driving.render import render_trip, truth_of
from sources_emulator.driving.road import pictures_of
from sources_emulator.driving.trip import Ending, Trip
from sources_emulator.rendering import open_cache, render

SOURCES = Path(__file__).resolve().parents[4] / "docker" / "sources"
BY_NAME = {drive.name: drive for drive in (*DRIVES, *TINY_DRIVES)}
CRASH = BY_NAME["tiny-accident"].trip
STEADY = BY_NAME["tiny-dull"].trip
BRAKING = replace(BY_NAME["near-miss"].trip, width=320, height=180)
RATE = 44_100


@pytest.fixture(scope="module")
def filmed(tmp_path_factory) -> Callable[[Trip], Path]:
    folder, files = tmp_path_factory.mktemp("drives"), {}

    def film(trip: Trip) -> Path:
        if trip not in files:
            files[trip] = folder / f"{len(files)}.mp4"
            render_trip(trip, files[trip])
        return files[trip]

    return film


def changes(trip: Trip) -> np.ndarray:
    """By how much each picture differs from the one before it, 0 to 255; number n is from picture n to n + 1."""
    seen = np.stack([np.asarray(picture.convert("L").resize((160, 90)), dtype=float) for picture in pictures_of(trip)])
    return np.abs(np.diff(seen, axis=0)).mean(axis=(1, 2))


def loudness(trip: Trip) -> np.ndarray:
    """RMS of every tenth of a second."""
    wave = sound_of(trip)
    assert wave is not None
    size = RATE // 10
    tenths = wave[:, : wave.shape[1] // size * size].reshape(2, -1, size)
    return np.sqrt((tenths**2).mean(axis=(0, 2)))


def test_after_a_crash_the_picture_shakes_and_then_stands_still():
    stop, change = round(CRASH.stop_s * CRASH.frames_per_s), changes(CRASH)
    driving, shaking, standing = change[: stop - 1].mean(), change[stop - 1 : stop + 4], change[stop + 20 :]
    assert shaking.max() > 2 * driving
    assert standing.max() < 0.5 * driving


def test_the_bang_is_where_the_car_stops_and_far_above_the_engine():
    heard = loudness(CRASH)
    assert np.argmax(heard) / 10 == pytest.approx(CRASH.stop_s, abs=0.11)
    assert 20 * np.log10(heard.max() / np.median(heard[: int(CRASH.stop_s * 10)])) > 12


def test_on_a_steady_drive_nothing_stands_out():
    change, heard = changes(STEADY), loudness(STEADY)
    assert change.max() < 2.5 * np.median(change)
    assert heard.max() < 1.5 * np.median(heard)


def test_a_near_miss_stops_without_a_bang_and_dips():
    stop = round(BRAKING.stop_s * BRAKING.frames_per_s)
    change, heard = changes(BRAKING), loudness(BRAKING)
    assert change[stop + 20 :].max() < 0.5 * np.median(change[: stop - 30])
    assert heard.max() < 2 * np.median(heard[: int(BRAKING.stop_s * 10) - 15])


@pytest.mark.parametrize("trip", [CRASH, STEADY, BRAKING], ids=lambda trip: trip.seed)
def test_the_way_is_the_sum_of_the_speeds(trip):
    moments = np.arange(0, trip.seconds, 0.001)
    assert trip.way_at(trip.seconds) == pytest.approx(sum(map(trip.speed_at, moments)) * 0.001, abs=0.05)


def test_two_processes_film_the_same_bytes(filmed, tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from sources_emulator.driving.drives import TINY_DRIVES\n"
        "from sources_emulator.driving.render import render_trip\n"
        "render_trip(TINY_DRIVES[0].trip, Path(sys.argv[1]))"
    )
    there = tmp_path / "there.mp4"
    subprocess.run([sys.executable, "-c", script, str(there)], cwd=SOURCES, check=True)
    assert there.read_bytes() == filmed(CRASH).read_bytes()


def test_a_drive_is_h264_with_aac_and_as_long_as_its_truth_tells(filmed):
    with av.open(str(filmed(CRASH))) as media:
        video, audio = media.streams.video[0], media.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert sum(1 for _ in media.decode(video=0)) == CRASH.frames
    assert truth_of(BY_NAME["tiny-accident"])["duration_s"] == CRASH.frames / CRASH.frames_per_s


def test_a_drive_without_sound_has_no_sound_track(filmed):
    with av.open(str(filmed(replace(STEADY, sound=False)))) as media:
        assert not media.streams.audio


@pytest.fixture(scope="module")
def listed(stand_in: str) -> dict[str, dict]:
    """The stand-in's drives by name."""
    answer = httpx.get(f"{stand_in}/_drives").json()
    return {entry["truth"]["name"]: entry for kind in ("drives", "tiny") for entry in answer[kind]}


def test_every_drive_is_served_with_its_truth_and_the_bytes_of_its_checksum(listed):
    assert listed.keys() == BY_NAME.keys()
    for entry in listed.values():
        data = httpx.get(entry["url"]).raise_for_status().content
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
    told = listed["accident"]["truth"]
    assert (told["stop_s"], told["loud_at_s"], told["sign"]) == (5.0, 5.0, "ACCIDENT AHEAD")
    assert listed["near-miss"]["truth"]["loud_at_s"] is None


def test_the_duplicate_has_the_accident_s_bytes_and_another_device(listed):
    first, again = listed["accident"], listed["accident-again"]
    assert first["sha256"] == again["sha256"]
    assert first["device"] != again["device"]


def test_the_truncated_drive_is_half_the_accident_and_cannot_be_read(listed, tmp_path):
    whole, half = (httpx.get(listed[name]["url"]).content for name in ("accident", "truncated"))
    assert whole.startswith(half)
    (tmp_path / "half.mp4").write_bytes(half)
    with pytest.raises(av.FFmpegError), av.open(str(tmp_path / "half.mp4")):
        pass


def test_a_drive_that_nobody_made_is_not_found(stand_in):
    assert httpx.get(f"{stand_in}/_drives/nothing.mp4").status_code == 404


def test_drives_of_one_trip_are_filmed_once(tmp_path):
    again = replace(BY_NAME["tiny-dull"], name="again", share=0.25)
    rendered = {order: render(order, open_cache(tmp_path)) for order in map(order_for, (again, TINY_DRIVES[1]))}
    assert len(rendered) == 1
    garage = Garage()
    garage.park((again,), rendered)


@pytest.mark.parametrize(
    "faulty", [{"ending": Ending.CRASH}, {"stop_s": 3.0}, {"sign": "HELP"}], ids=lambda changes: next(iter(changes))
)
def test_a_trip_that_contradicts_itself_is_refused(faulty):
    with pytest.raises(ValueError, match="dull"):
        replace(STEADY, **faulty)
