"""In which storage class an object costs least and still comes back as soon as was promised: pure arithmetic.

What a class costs over the months that are still to be kept, ``R``, from the lines of the rate card::

    move     = the request that brings it there + reading it where it is + the days that its present class lacks
    storage  = max(size, minimum size) and what each object takes beside itself, times max(R, minimum duration)
    reads    = expected reads a month x R x (request + retrieval + the restored copy, in Standard while it stands)

Staying costs no move. The cheapest class whose way of reading keeps the promise wins, and staying wins a tie: so what
is too small for an archive stays, and nothing goes to a warmer class unless that is cheaper or the promise asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from include.catalog.triage import Importance, StorageClass
from include.costs.rate_card import RateCard
from include.storage.classes import DAYS_A_MONTH, ClassPrices, class_prices


class UnknownStorageClass(LookupError):
    """The rate card has no prices of the class that an object is in, so that nothing can be said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of S3, as far as its price depends on it."""

    size_bytes: int
    age_days: float
    """Since it was first stored: the retention counts from there."""
    storage_class: str
    importance: Importance
    expected_reads_per_month: float = 0.0
    """How often the whole object is read."""
    days_in_class: float | None = None
    """Since it came into its present class; ``None``: it was always there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how long objects are kept, and how soon one must be readable when somebody asks.

    :raises ValueError: for a negative length, or when the promise lacks an importance.
    """

    keep_months: float
    """Months of 30 days, from the day an object was first stored."""
    restore_within_h: Mapping[Importance, float]
    """The restore promise; 0 means at once."""
    restored_days: float = 1.0
    """For how long a restored copy stands, at the price of Standard."""

    def __post_init__(self) -> None:
        if missing := set(get_args(Importance)) ^ self.restore_within_h.keys():
            raise ValueError(f"restore_within_h must name high, medium and low; look at {', '.join(sorted(missing))}")
        if not all(value >= 0 for value in (self.keep_months, self.restored_days, *self.restore_within_h.values())):
            raise ValueError("keep_months, restore_within_h and restored_days may not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageDecision:
    """Where an object is kept from now on. Totals are US dollars over the rest of its retention, a move included."""

    storage_class: StorageClass
    reason: str
    """One line with figures."""
    monthly_usd_before: float
    """Storage and expected reads of a month, where it is now."""
    monthly_usd_after: float
    total_usd_before: float
    """If it stays where it is."""
    total_usd_after: float
    moves: bool


def decide_storage(stored: StoredObject, *, retention: Retention, card: RateCard) -> StorageDecision:
    """Return the cheapest class that keeps the restore promise over the rest of the retention, and say why.

    >>> from include.costs.rate_card import default_rate_card
    >>> retention = Retention(keep_months=36, restore_within_h={"high": 0, "medium": 0, "low": 12})
    >>> drive = StoredObject(size_bytes=75 * 2**20, age_days=0, storage_class="STANDARD", importance="low",
    ...                      expected_reads_per_month=1 / 36)
    >>> decide_storage(drive, retention=retention, card=default_rate_card()).reason
    'Deep Archive: 75 MB kept 36 months costs $0.0043 instead of $0.0606; restore in 12 h is allowed for importance low'

    :raises UnknownStorageClass: when the rate card has no prices of the object's class.
    """
    prices = class_prices(card)
    here = prices.get(stored.storage_class)  # type: ignore[call-overload]
    if here is None:
        raise UnknownStorageClass(
            f"{card.priced_by} has no prices of the storage class {stored.storage_class}; it has {', '.join(prices)}"
        )
    months = max(0.0, retention.keep_months - stored.age_days / DAYS_A_MONTH)
    promise_h = retention.restore_within_h[stored.importance]
    in_class = stored.age_days if stored.days_in_class is None else stored.days_in_class
    missing_months = max(0.0, here.minimum_months - in_class / DAYS_A_MONTH)
    leaving_usd = here.usd_a_month(stored.size_bytes) * missing_months + _reading_usd(here, stored.size_bytes)

    reads = stored.expected_reads_per_month
    restored_usd = prices["STANDARD"].usd_per_byte_month * stored.size_bytes * retention.restored_days / DAYS_A_MONTH
    best: ClassPrices | None = None
    best_total = best_monthly = here_total = here_monthly = 0.0
    for place in prices.values():
        way = place.read_back(promise_h, stored.size_bytes)
        stays = place is here
        if way is None and not stays:
            continue
        read = way or place.read_backs[0]
        read_usd = read.usd_per_object + read.usd_per_byte * stored.size_bytes + (restored_usd if read.tier else 0.0)
        storage_usd, reads_usd = place.usd_a_month(stored.size_bytes), reads * read_usd
        billed_months = max(months, missing_months if stays else place.minimum_months)
        total = storage_usd * billed_months + reads_usd * months + (0.0 if stays else leaving_usd + place.usd_put)
        monthly = storage_usd + reads_usd
        if stays:
            here_total, here_monthly = total, monthly
            if way is None:
                continue
        if best is None or total < best_total or (stays and total == best_total):
            best, best_total, best_monthly = place, total, monthly
    if best is None or months == 0:  # nobody is promised anything any more
        best, best_total, best_monthly = here, here_total, here_monthly
    return StorageDecision(
        storage_class=best.name,
        reason=_reason(stored, here, best, here_total, best_total, months, promise_h),
        monthly_usd_before=here_monthly,
        monthly_usd_after=best_monthly,
        total_usd_before=here_total,
        total_usd_after=best_total,
        moves=best is not here,
    )


def break_even_bytes(name: StorageClass, *, keep_months: float, card: RateCard) -> int | None:
    """Return from which size on an object that is never read costs less in a class than in Standard; ``None``: never.

    It solves ``size x Standard x R = move + (max(size, minimum) x price + what it takes beside itself) x max(R, minimum
    duration)`` for the size.

    >>> from include.costs.rate_card import default_rate_card
    >>> [break_even_bytes("DEEP_ARCHIVE", keep_months=n, card=default_rate_card()) // 1024 for n in (6, 12, 36)]
    [406, 208, 75]
    """
    prices = class_prices(card)
    place, standard_usd = prices[name], prices["STANDARD"].usd_per_byte_month * keep_months
    months = max(keep_months, place.minimum_months)
    fixed_usd = place.usd_put + place.usd_per_object_month * months
    at_minimum = fixed_usd + place.terms.minimum_bytes * place.usd_per_byte_month * months
    if standard_usd * place.terms.minimum_bytes > at_minimum:
        return math.ceil(at_minimum / standard_usd)
    saving_usd = standard_usd - place.usd_per_byte_month * months
    return math.ceil(fixed_usd / saving_usd) if saving_usd > 0 else None


def _reading_usd(place: ClassPrices, size_bytes: int) -> float:
    """Return what a copy out of a class costs: its retrieval, and the restore where it takes one."""
    return min(way.usd_per_byte * size_bytes + (way.usd_per_object if way.tier else 0.0) for way in place.read_backs)


def _reason(
    stored: StoredObject,
    here: ClassPrices,
    best: ClassPrices,
    here_usd: float,
    best_usd: float,
    months: float,
    promise_h: float,
) -> str:
    if months == 0:
        return f"{here.title}: its retention is over, a move would save nothing"
    length = f"{round(months, 1):g} month{'' if round(months, 1) == 1 else 's'}"
    kept = f"{best.title}: {size_text(stored.size_bytes)} kept {length} costs {usd_text(best_usd)}"
    if best is here:
        return f"{kept}, no class that restores in {promise_h:g} h (importance {stored.importance}) costs less"
    if here.restores_within_h > promise_h:
        late = f"{here.title} restores in {here.restores_within_h:g} h"
        return f"{kept}; {late}, too late for importance {stored.importance} ({promise_h:g} h)"
    kept += f" instead of {usd_text(here_usd)}"
    if best.restores_within_h:
        return f"{kept}; restore in {best.restores_within_h:g} h is allowed for importance {stored.importance}"
    allowed = f" (importance {stored.importance} allows {promise_h:g} h)" if promise_h else ""
    return f"{kept}; it is read at once{allowed}"


def usd_text(usd: float) -> str:
    """Write dollars so that small sums keep two digits that count.

    >>> [usd_text(usd) for usd in (12.5, 0.06064, 0.0000519, 0)]
    ['$12.5000', '$0.0606', '$0.000052', '$0.0000']
    """
    digits = 4
    while digits < 12 and 0 < usd < 10.0 ** (1 - digits):
        digits += 1
    return f"${usd:.{digits}f}"


def size_text(size_bytes: int) -> str:
    """Write a size in S3's units, 1 KB = 1,024 bytes.

    >>> [size_text(size) for size in (100, 407 * 1024, 75 * 2**20, 5 * 2**30, 617_001 * 2**30)]
    ['100 bytes', '407 KB', '75 MB', '5 GB', '617,001 GB']
    """
    for unit, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:,.1f}".removesuffix(".0") + f" {name}"
    return f"{size_bytes} bytes"
