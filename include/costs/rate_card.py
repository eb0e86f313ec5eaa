"""What AWS charges for the media work, from a dated list of prices: pure arithmetic, no network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledUnits:
    """An amount of one line of the rate card, such as 2.5 minutes of ``rekognition.label_detection``.

    ``quantity`` is in the line's unit, before rounding and minimum; ``None`` when it cannot be known. ``multiplier``
    is applied after them: a MediaConvert output's minutes times it are its normalised minutes.
    """

    item: str
    quantity: float | None
    multiplier: float = 1.0
