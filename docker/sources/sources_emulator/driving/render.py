"""A drive made and told: its file, and what a careful viewer would note about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sources_emulator.driving.drives import Drive
from sources_emulator.driving.noise import sound_of
from sources_emulator.driving.road import pictures_of
from sources_emulator.driving.trip import Ending, Trip
from sources_emulator.filming.encoding import encode
from sources_emulator.filming.film import Footage, Format, Shot
from sources_emulator.filming.palette import LIGHTS


def render_trip(trip: Trip, path: Path) -> float:
    """Write a trip's file as a dash cam does, its index at the end, and return its length in seconds.

    The same trip gives the same bytes.
    """
    form = Footage(
        (Shot("road", trip.frames),),
        Format.MP4_H264,
        width=trip.width,
        height=trip.height,
        frames_per_s=trip.frames_per_s,
    )
    encode(form, pictures_of(trip), sound_of(trip), path, index_first=False)
    return form.seconds


def truth_of(drive: Drive) -> dict[str, Any]:
    """What is known of a drive, ready for JSON; times in seconds, None where there is no such moment."""
    trip = drive.trip
    crashes = trip.ending is Ending.CRASH
    return {
        "name": drive.name,
        "about": drive.about,
        "ending": trip.ending.value,
        "duration_s": trip.frames / trip.frames_per_s,
        "width": trip.width,
        "height": trip.height,
        "night": LIGHTS[trip.light].dark,
        "braking_from_s": trip.braking_from_s,
        "stop_s": trip.stop_s,
        "loud_at_s": trip.stop_s if crashes and trip.sound else None,
        "sign": trip.sign or None,
        "silent": not trip.sound,
        "readable": drive.share == 1.0,
    }
