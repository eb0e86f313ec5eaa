"""The storage classes an object may be kept in, and what each of them costs, from the lines of the rate card."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from include.catalog.triage import StorageClass
from include.costs.rate_card import GB_BYTES, RateCard, RateCardError, StorageTerms

DAYS_A_MONTH = 30.0
"""In this arithmetic, as in AWS's own: Deep Archive's 180 days are 6 months."""

TITLES: Mapping[str, str] = MappingProxyType(
    {"STANDARD": "Standard", "STANDARD_IA": "Standard-IA", "DEEP_ARCHIVE": "Deep Archive"}
)
"""The classes that are decided between, as people write them; the warmest first."""


def in_order(names: Iterable[str]) -> list[str]:
    """Sort storage classes, the warmest first and those that are not decided about last.

    >>> in_order(["DEEP_ARCHIVE", "GLACIER_IR", "STANDARD"])
    ['STANDARD', 'DEEP_ARCHIVE', 'GLACIER_IR']
    """
    return sorted(names, key=lambda name: ([*TITLES, name].index(name), name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """A way to read an object of a class: how long it takes at most, and what it costs."""

    tier: str
    """What ``RestoreObject`` calls it; empty where nothing has to be restored."""
    within_h: float
    usd_per_byte: float
    usd_per_object: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPrices:
    """A storage class with its prices in US dollars and its terms."""

    name: StorageClass
    title: str
    """As people write it."""
    usd_per_byte_month: float
    usd_per_object_month: float
    """Of what each object takes beside itself."""
    usd_put: float
    """A copy or a transition of one object into the class."""
    terms: StorageTerms
    read_backs: tuple[ReadBack, ...]

    def usd_a_month(self, size_bytes: int) -> float:
        """Return what storing an object of so many bytes costs a month, without its reads."""
        return max(size_bytes, self.terms.minimum_bytes) * self.usd_per_byte_month + self.usd_per_object_month

    @property
    def minimum_months(self) -> float:
        """For how long an object of the class is billed at least."""
        return self.terms.minimum_days / DAYS_A_MONTH

    @property
    def restores_within_h(self) -> float:
        """How long its fastest way of reading takes, in hours; 0 where nothing has to be restored."""
        return min(way.within_h for way in self.read_backs)

    def read_back(self, within_h: float, size_bytes: int) -> ReadBack | None:
        """Return the cheapest way to read an object in so many hours, ``None`` when there is none."""
        best, least_usd = None, math.inf
        for way in self.read_backs:
            usd = way.usd_per_object + way.usd_per_byte * size_bytes
            if way.within_h <= within_h and usd < least_usd:
                best, least_usd = way, usd
        return best


@cache
def class_prices(card: RateCard) -> Mapping[StorageClass, ClassPrices]:
    """Return the classes of a rate card, the warmest first.

    >>> from include.costs.rate_card import default_rate_card
    >>> deep = class_prices(default_rate_card())["DEEP_ARCHIVE"]
    >>> deep.title, deep.minimum_months, deep.restores_within_h, round(deep.usd_a_month(75 * 2**20), 7)
    ('Deep Archive', 6.0, 12.0, 7.27e-05)

    :raises RateCardError: when the card lacks one of their lines.
    """
    standard = card.rate("s3.standard.storage")

    def usd_per_byte(item: str) -> float:
        return card.rate(item).usd / GB_BYTES

    def prices(name: StorageClass, read_backs: tuple[ReadBack, ...]) -> ClassPrices:
        line = card.rate(f"s3.{name.lower()}.storage")
        terms = line.storage or StorageTerms()
        beside = terms.overhead_bytes * line.usd + terms.standard_overhead_bytes * standard.usd
        return ClassPrices(
            name=name,
            title=TITLES[name],
            usd_per_byte_month=line.usd / GB_BYTES,
            usd_per_object_month=beside / GB_BYTES,
            usd_put=card.rate(f"s3.{name.lower()}.put").usd,
            terms=terms,
            read_backs=read_backs,
        )

    def at_once(get: str, retrieval_usd_per_byte: float = 0.0) -> tuple[ReadBack, ...]:
        usd = card.rate(get).usd
        return (ReadBack(tier="", within_h=0.0, usd_per_byte=retrieval_usd_per_byte, usd_per_object=usd),)

    def restored(tier: str) -> ReadBack:
        item = f"s3.deep_archive.restore_{tier.lower()}"
        within_h = card.rate(item).restored_in_h
        if within_h is None:
            raise RateCardError(f"{item} of the rate card {card.name} lacks restored_in_h: hours until it can be read")
        return ReadBack(
            tier=tier,
            within_h=within_h,
            usd_per_byte=usd_per_byte(item),
            usd_per_object=card.rate(f"{item}_request").usd + card.rate("s3.standard.get").usd,
        )

    infrequent = at_once("s3.standard_ia.get", usd_per_byte("s3.standard_ia.retrieval"))
    return MappingProxyType(
        {
            "STANDARD": prices("STANDARD", at_once("s3.standard.get")),
            "STANDARD_IA": prices("STANDARD_IA", infrequent),
            "DEEP_ARCHIVE": prices("DEEP_ARCHIVE", (restored("Standard"), restored("Bulk"))),
        }
    )
