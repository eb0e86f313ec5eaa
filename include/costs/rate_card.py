"""What AWS charges for the media work, from a dated list of prices: pure arithmetic, no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

RATE_CARD = Path(__file__).with_name("rate_card.yaml")
GB_BYTES = 2**30
"""What S3 bills as a GB: "Byte-Hours x (1 GB / 1,073,741,824 bytes)", https://aws.amazon.com/s3/faqs/ (Billing). So its
MB and KB are 2^20 and 2^10 bytes."""
ROUNDED_IN: Mapping[str, tuple[str, float]] = {"minute": ("s", 60), "character": ("characters", 1)}
"""Units whose quantities are rounded: what ``step_`` and ``minimum_`` end in, and how many of these make the unit."""
UNITS = (*ROUNDED_IN, "GB-month", "GB", "request")


class RateCardError(ValueError):
    """The rate card cannot be used; the message names file, line and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledUnits:
    """An amount of one line of the rate card, such as 2.5 minutes of ``rekognition.label_detection``.

    ``quantity`` is in the line's unit, before rounding and minimum; ``None`` when it cannot be known. ``multiplier``
    is applied after them: a MediaConvert output's minutes times it are its normalised minutes; ``None`` when no
    multiplier is known.
    """

    item: str
    quantity: float | None
    multiplier: float | None = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What units should cost. Unknown is ``usd=None`` with the reason in ``note``, never 0."""

    usd: float | None
    at_least_usd: float
    """The sum of what is known."""
    note: str | None
    units: tuple[BilledUnits, ...]
    priced_by: str

    def __str__(self) -> str:
        return f"about ${self.usd:.4f}" if self.usd is not None else f"at an unknown price ({self.note})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """By how much a MediaConvert output counts more than its minutes, up to a size and a frame rate."""

    codec: str
    lines_max: int
    frame_rate_max: float
    times: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageTerms:
    """What a GB-month of a storage class is billed with, apart from its price."""

    minimum_days: float = 0.0
    """An object that leaves the class earlier is billed for the days that are missing."""
    minimum_bytes: int = 0
    """A smaller object is billed as if it had so many."""
    overhead_bytes: int = 0
    """What each object takes beside itself, at the price of the class."""
    standard_overhead_bytes: int = 0
    """What each object takes beside itself, at the price of Standard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One line of the card: the first-tier list price of a unit, and where it was read."""

    item: str
    usd: float
    """For one unit, also where the list prices them by the thousand."""
    unit: str
    source: str
    read: date
    step: float | None = None
    """Quantities are rounded up to a multiple of this, in units; ``None``: they are not rounded."""
    minimum: float = 0.0
    """The least that is billed for anything, in units."""
    multipliers: tuple[Multiplier, ...] = ()
    storage: StorageTerms | None = None
    """Of a line per GB-month."""
    restored_in_h: float | None = None
    """Of a line per GB that is read back: how long it takes at most until the first byte can be read."""

    def billed(self, quantity: float) -> float:
        """Round up and apply the minimum.

        >>> read = date(2026, 11, 20)
        >>> by_second = Rate(item="x", usd=0.024, unit="minute", source="", read=read, step=1 / 60, minimum=0.25)
        >>> [by_second.billed(minutes) for minutes in (0, 0.1, 0.25, 0.251, 2)]
        [0.25, 0.25, 0.25, 0.26666666666666666, 2.0]
        """
        if quantity < 0 or not math.isfinite(quantity):
            raise ValueError(f"{self.item}: a quantity of {quantity} {self.unit}s cannot be billed")
        if self.step is not None:
            # 2 minutes are 120 steps of a second, though 2 / (1 / 60) may be a hair above
            quantity = math.ceil(round(quantity / self.step, 6)) * self.step
        return max(quantity, self.minimum)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RateCard:
    """List prices of one region at one date; equal to itself alone, so that what is computed of it can be kept."""

    name: str
    date: date
    rates: Mapping[str, Rate]

    @property
    def priced_by(self) -> str:
        return f"{self.name} of {self.date.isoformat()}"

    def quote(self, units: Sequence[BilledUnits]) -> Quote:
        """Price ``units``, in US dollars to the millionth.

        :raises RateCardError: for an item that is not on the card.
        """
        known, unknown = 0.0, []
        for unit in units:
            rate = self.rate(unit.item)
            if unit.quantity is None:
                unknown.append(f"the {rate.unit}s of {unit.item} are unknown")
            elif unit.multiplier is None:
                unknown.append(f"no multiplier of {unit.item} is known for this output")
            else:
                known += rate.billed(unit.quantity) * unit.multiplier * rate.usd
        if not units:
            unknown.append("nobody said what is billed")
        known = round(known, 6)
        return Quote(
            usd=None if unknown else known,
            at_least_usd=known,
            note="; ".join(dict.fromkeys(unknown)) or None,
            units=tuple(units),
            priced_by=self.priced_by,
        )

    def rate(self, item: str) -> Rate:
        """Return the line of an item.

        :raises RateCardError: when there is none.
        """
        if item not in self.rates:
            raise RateCardError(f"the rate card {self.name} has no line {item!r}; it has {', '.join(self.rates)}")
        return self.rates[item]

    def multiplier(self, item: str, *, codec: str, lines: int, frame_rate: float) -> float | None:
        """Return by how much an output of ``item`` counts more than its minutes; ``None`` when the card does not say.

        :param codec: as MediaConvert calls it, in lower case: ``avc``, ``av1``.
        :param lines: the shorter side of the picture in pixels, 720 for 1280 x 720 and for 720 x 1280.
        :param frame_rate: frames a second.
        """
        fits = (
            multiplier
            for multiplier in self.rate(item).multipliers
            if codec == multiplier.codec
            and lines <= multiplier.lines_max
            and frame_rate <= multiplier.frame_rate_max + 0.01
        )
        return min((multiplier.times for multiplier in fits), default=None)


def load_rate_card(path: Path = RATE_CARD) -> RateCard:
    """Read a rate card.

    :raises RateCardError: when it is no YAML, or a line lacks a price, a unit, a source or a date.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
        rates = {item: _rate_from(item, fields) for item, fields in content["rates"].items()}
        return RateCard(name=_text(content, "name"), date=_date(content, "date"), rates=rates)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else error
        raise RateCardError(f"{path}: {missing}") from error


@cache
def default_rate_card() -> RateCard:
    """Return the project's rate card."""
    return load_rate_card()


def _rate_from(item: str, fields: Mapping[str, Any]) -> Rate:
    try:
        unit = _text(fields, "per")
        if unit not in UNITS:
            raise ValueError(f"a price per {unit} cannot be used; there are prices per {', '.join(UNITS)}")
        suffix, parts = ROUNDED_IN.get(unit, ("", 1))
        step, minimum = f"step_{suffix}", f"minimum_{suffix}"
        allowed = {"usd", "per", "lot", "source", "read"} | _FIELDS_OF_UNIT.get(unit, set())
        if suffix:
            allowed |= {step, minimum}
        if unknown := fields.keys() - allowed:
            raise ValueError(f"{', '.join(sorted(unknown))}: not a field of a rate per {unit}")
        return Rate(
            item=item,
            usd=_amount(fields, "usd") / (_amount(fields, "lot") if "lot" in fields else 1),
            unit=unit,
            source=_text(fields, "source"),
            read=_date(fields, "read"),
            step=_amount(fields, step) / parts if step in fields else None,
            minimum=_amount(fields, minimum) / parts if minimum in fields else 0.0,
            multipliers=tuple(_multiplier_from(rule) for rule in fields.get("multipliers", ())),
            storage=_storage_terms_from(fields) if unit == "GB-month" else None,
            restored_in_h=_amount(fields, "restored_in_h") if "restored_in_h" in fields else None,
        )
    except KeyError as error:
        raise ValueError(f"{item}: {error} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{item}: {error}") from error


_STORAGE_TERMS = ("minimum_days", "minimum_bytes", "overhead_bytes", "standard_overhead_bytes")
_FIELDS_OF_UNIT = {"minute": {"multipliers"}, "GB-month": {*_STORAGE_TERMS}, "GB": {"restored_in_h"}}


def _multiplier_from(rule: Mapping[str, Any]) -> Multiplier:
    return Multiplier(
        codec=_text(rule, "codec"),
        lines_max=int(_amount(rule, "lines_max")),
        frame_rate_max=_amount(rule, "frame_rate_max"),
        times=_amount(rule, "times"),
    )


def _storage_terms_from(fields: Mapping[str, Any]) -> StorageTerms:
    days, *sizes = (_amount(fields, name) if name in fields else 0.0 for name in _STORAGE_TERMS)
    minimum_bytes, overhead_bytes, standard_overhead_bytes = map(int, sizes)
    return StorageTerms(
        minimum_days=days,
        minimum_bytes=minimum_bytes,
        overhead_bytes=overhead_bytes,
        standard_overhead_bytes=standard_overhead_bytes,
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text, not {value!r}")
    return value


def _amount(fields: Mapping[str, Any], name: str) -> float:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number above 0, not {value!r}")
    return float(value)


def _date(fields: Mapping[str, Any], name: str) -> date:
    value = fields[name]
    if not isinstance(value, date):
        raise ValueError(f"{name} must be a date (YYYY-MM-DD), not {value!r}")
    return value
