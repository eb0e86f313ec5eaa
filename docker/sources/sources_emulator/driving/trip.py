"""What happens on a drive, and how the car and its camera move: the ground truth of everything filmed here.

Lengths are metres, speeds metres a second, times seconds from the first picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

BRAKING = 9.5  # metres a second squared: all that tyres give on a dry road
JOLT_S = 0.18  # in which a jolt falls to a third
JOLTS_PER_S = 6.0
STANDING_GAP = {"crash": 3.4, "braking": 5.0}  # from the camera to what stands ahead, once the car stands


class Ending(StrEnum):
    """How a drive comes to its end."""

    STEADY = "steady"
    BRAKING = "braking"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Trip:
    """All that decides the bytes of a drive's file.

    `stop_s` is when the car stands, of a steady drive None. `sign` is what the vehicle ahead shows on its board; it is
    large enough to be read once the car stands. Without `sound` the file has no sound track. `seed` changes where the
    trees stand and how the road rumbles.
    """

    seed: str
    seconds: float = 9.0
    speed: float = 14.0
    ending: Ending = Ending.STEADY
    stop_s: float | None = None
    sign: str = ""
    light: str = "day"
    sound: bool = True
    width: int = 640
    height: int = 360
    frames_per_s: int = 20

    def __post_init__(self) -> None:
        if (self.ending is Ending.STEADY) != (self.stop_s is None):
            raise ValueError(f"{self.seed}: a drive stops when it does not end steadily, and only then")
        if self.sign and self.stop_s is None:
            raise ValueError(f"{self.seed}: the sign stands on what the car stops behind, and this one does not stop")

    @property
    def frames(self) -> int:
        return round(self.seconds * self.frames_per_s)

    @property
    def braking_from_s(self) -> float | None:
        """When the car begins to lose speed: of a crash, the moment itself."""
        if self.stop_s is None:
            return None
        return self.stop_s - (self.speed / BRAKING if self.ending is Ending.BRAKING else 0.0)

    def speed_at(self, seconds: float) -> float:
        """How fast the car is.

        >>> Trip("x", speed=19, ending=Ending.BRAKING, stop_s=5).speed_at(4)
        9.5
        """
        if self.braking_from_s is None or self.stop_s is None or seconds < self.braking_from_s:
            return self.speed
        return BRAKING * (self.stop_s - seconds) if seconds < self.stop_s else 0.0

    def way_at(self, seconds: float) -> float:
        """How far the car has come.

        >>> Trip("x", speed=10, ending=Ending.CRASH, stop_s=5).way_at(8)
        50.0
        """
        if self.braking_from_s is None or self.stop_s is None or seconds < self.braking_from_s:
            return self.speed * seconds
        lasted = min(seconds, self.stop_s) - self.braking_from_s
        braked = (self.speed - BRAKING * lasted / 2) * lasted if self.ending is Ending.BRAKING else 0.0
        return self.speed * self.braking_from_s + braked

    @property
    def obstacle_at(self) -> float | None:
        """Where on the way the back of the vehicle stands behind which the car comes to stand; None: there is none."""
        return None if self.stop_s is None else self.way_at(self.stop_s) + STANDING_GAP[self.ending]

    def sway_at(self, seconds: float) -> tuple[float, float]:
        """By how much the picture is moved right and down, in shares of its height: the road's tremble, and a jolt."""
        tremble = min(1.0, self.speed_at(seconds) / 10)
        across = tremble * 0.0015 * math.sin(9 * seconds)
        down = tremble * (0.002 * math.sin(13 * seconds) + 0.0015 * math.sin(31 * seconds + 1))
        if self.stop_s is None or self.braking_from_s is None:
            return across, down
        if self.ending is Ending.BRAKING and self.braking_from_s <= seconds < self.stop_s:
            return across, down - 0.05 * min(1.0, (seconds - self.braking_from_s) / 0.25)  # the nose dips
        since = seconds - self.stop_s
        if since >= 0:
            size = 0.1 if self.ending is Ending.CRASH else 0.05
            swing = size * math.exp(-since / JOLT_S)
            down -= swing * math.cos(2 * math.pi * JOLTS_PER_S * since)
            across += (0.5 * swing if self.ending is Ending.CRASH else 0.0) * math.sin(2 * math.pi * 4.3 * since)
        return across, down
