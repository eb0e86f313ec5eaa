"""The drives that there are. To add one, copy an entry; only the new trip is filmed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sources_emulator.driving.trip import Ending, Trip

DAY = "2026-03-02"


@dataclass(frozen=True, slots=True)
class Drive:
    """A file as a dash cam would upload it.

    `share` is how much of the trip's file there is, from its beginning: what a camera leaves that lost its power. Such
    a file cannot be read, for its index stands at the end.
    """

    name: str
    device: str
    captured_at: str
    trip: Trip
    about: str
    share: float = 1.0

    @property
    def file_name(self) -> str:
        return f"{self.name}.mp4"


_ACCIDENT = Trip("accident", ending=Ending.CRASH, stop_s=5.0, sign="ACCIDENT AHEAD")

DRIVES = (
    Drive("accident", "cam-1", f"{DAY}T08:14:05+00:00", _ACCIDENT, "runs into a lorry that warns of an accident"),
    Drive("dull", "cam-1", f"{DAY}T08:31:40+00:00", Trip("dull", seconds=8.0), "nothing happens"),
    Drive(
        "near-miss",
        "cam-2",
        f"{DAY}T12:02:11+00:00",
        Trip("near-miss", speed=11.0, ending=Ending.BRAKING, stop_s=5.5, sign="ROAD CLOSED"),
        "brakes hard and stands in time before a closed road",
    ),
    Drive(
        "no-audio",
        "cam-2",
        f"{DAY}T19:45:30+00:00",
        Trip("no-audio", seconds=8.0, light="night", sound=False),
        "nothing happens, at night and without a sound track",
    ),
    Drive("truncated", "cam-3", f"{DAY}T17:20:52+00:00", _ACCIDENT, "half of the accident's file", share=0.5),
    Drive("accident-again", "cam-4", f"{DAY}T08:14:05+00:00", _ACCIDENT, "the accident's bytes under another name"),
)


_SMALL = {"width": 320, "height": 180, "seconds": 4.0}
TINY_DRIVES = (  # cheap to make and to look at: for a burst of uploads
    Drive(
        "tiny-accident",
        "cam-1",
        f"{DAY}T08:14:05+00:00",
        replace(_ACCIDENT, stop_s=2.0, **_SMALL),  # type: ignore[arg-type]
        "the accident in little",
    ),
    Drive("tiny-dull", "cam-1", f"{DAY}T08:31:40+00:00", Trip("dull", **_SMALL), "nothing happens, in little"),  # type: ignore[arg-type]
)
