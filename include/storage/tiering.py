"""Plan where every object of the lake is kept from now on: one pass, constant memory, however many objects there are.

What would move is written down row by row while the objects pass by. In memory stay sums by class, a few examples, a
histogram of sizes, and for each group of moves (a bucket, an area of it, the class they go to) what is needed to choose
by which means they are done.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from include.catalog.triage import Importance
from include.costs.rate_card import RateCard
from include.storage.areas import Area, LakeAreas
from include.storage.classes import class_prices
from include.storage.decision import Retention, StoredObject, decide_storage
from include.storage.inventory import StoredKey
from include.storage.plan_file import Move
from include.storage.restoring import ARCHIVED

ASKED_TOGETHER = 100
"""How many objects the catalogue is asked about at a time (DynamoDB's BatchGetItem takes so many)."""

EXAMPLES = 20
SMALL_BYTES = 128 * 1024
"""What Standard-IA bills at least for an object."""
_DAY_S = 86400.0


class Known(NamedTuple):
    """What the catalogue says of an object: how important it is, or why it has to stay."""

    importance: Importance | None = None
    keeps: str = ""
    expected_reads_per_month: float | None = None


AskCatalogue = Callable[[Sequence[StoredKey]], Sequence[Known]]


@dataclass(slots=True)
class Totals:
    """Objects together, and what storing them costs a month, reads not counted."""

    objects: int = 0
    size_bytes: int = 0
    usd_a_month: float = 0.0

    def add(self, size_bytes: int, usd_a_month: float) -> None:
        self.objects += 1
        self.size_bytes += size_bytes
        self.usd_a_month += usd_a_month


@dataclass(slots=True, kw_only=True)
class Group:
    """Moves that may be done together."""

    bucket: str
    area: Area
    to_class: str
    keeps_versions: bool = True
    """Of the bucket: without them a copy onto itself overwrites what it is to be compared with."""
    objects: int = 0
    size_bytes: int = 0
    saved_usd: float = 0.0
    """Over the rest of the retention, the move paid."""
    monthly_usd_saved: float = 0.0
    """Of storage and of expected reads."""
    reading_usd: float = 0.0
    """What S3 asks for reading the objects where they are now, which a copy does and a lifecycle rule does not."""
    by_size: Counter[int] = field(default_factory=Counter)
    """Objects below ``2 ** n`` bytes and not below half of it, by ``n``."""
    rule_above_bytes: int | None = None
    """Everything below the area's prefix that is larger goes this way, so that a lifecycle rule can say so."""

    def add(self, move: Move, reading_usd: float) -> None:
        self.objects += 1
        self.by_size[move.size_bytes.bit_length()] += 1
        self.reading_usd += reading_usd
        self.size_bytes += move.size_bytes
        self.saved_usd += move.saved_usd
        self.monthly_usd_saved += move.monthly_usd_saved

    @property
    def ruled_objects(self) -> int:
        """How many of the objects a lifecycle rule would move."""
        if self.rule_above_bytes is None:
            return 0
        return sum(count for size, count in self.by_size.items() if size > self.rule_above_bytes.bit_length())


@dataclass(frozen=True, slots=True)
class StandingRule:
    """A lifecycle rule of ours that is in force, and moves what it fits by itself."""

    prefix: str
    to_class: str
    larger_than_bytes: int

    def fits(self, stored: StoredKey, to_class: str) -> bool:
        return (
            to_class == self.to_class
            and stored.size_bytes > self.larger_than_bytes
            and stored.key.startswith(self.prefix)
        )


@dataclass
class Planner:
    """Takes the objects of one bucket after the other; ``plan`` yields the moves, its fields hold the rest."""

    areas: LakeAreas
    retention: Retention
    card: RateCard
    now: datetime
    ask_catalogue: AskCatalogue
    before: dict[str, Totals] = field(default_factory=dict)
    after: dict[str, Totals] = field(default_factory=dict)
    """As ``before``, when everything has moved that this plan or a standing rule moves."""
    kept: Counter[str] = field(default_factory=Counter)
    """How many objects stay, by the reason; those that stay for their price count as ``cheapest where it is``."""
    awaiting_rule: Totals = field(default_factory=Totals)
    """What a standing rule will move, or moves today."""
    small_staying: Totals = field(default_factory=Totals)
    """Objects in Standard that an area would let move, but that are too small."""
    groups: dict[tuple[str, str, str], Group] = field(default_factory=dict)
    sizes: dict[int, Totals] = field(default_factory=dict)
    """Histogram: objects below ``2 ** n`` bytes and not below half of it, by ``n``."""
    _largest_staying: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """By bucket, prefix and the class in which they are or to which they go: the largest object that is not moved."""
    _examples: list[tuple[float, int, Move]] = field(default_factory=list)
    _taken: int = 0

    def plan(
        self,
        bucket: str,
        contents: Iterable[StoredKey],
        standing_rules: Sequence[StandingRule] = (),
        *,
        keeps_versions: bool = True,
    ) -> Iterator[Move]:
        """Decide about every object of a bucket, and yield those to move."""
        prefixes = sorted({area.prefix for area in self._areas_of(bucket) if area.is_whole_prefix})
        for stored, area, known in self._with_knowledge(contents):
            target, move = self._decide(stored, area, known, standing_rules)
            if move is not None:
                self._take(move, area, keeps_versions)
                yield move
            for prefix in prefixes:
                if stored.key.startswith(prefix) and (move is None or prefix != area.prefix):
                    place = (bucket, prefix, target)
                    self._largest_staying[place] = max(self._largest_staying.get(place, -1), stored.size_bytes)
        for group in self.groups.values():
            if group.bucket == bucket:
                group.rule_above_bytes = self._rule_above_bytes(group)

    @property
    def examples(self) -> list[Move]:
        """The moves that save most, the best first."""
        return [move for _, _, move in sorted(self._examples, reverse=True)]

    def _areas_of(self, bucket: str) -> list[Area]:
        role = self.areas.bucket_roles.get(bucket)
        return [area for area in self.areas.areas if role is not None and area.bucket in (None, role)]

    def _with_knowledge(self, contents: Iterable[StoredKey]) -> Iterator[tuple[StoredKey, Area, Known]]:
        """Say of each object what its area and, where that asks for it, the catalogue know; some at a time."""
        area_of, nothing = self.areas.area_of, Known()
        rows = iter(contents)
        while batch := [(stored, area_of(stored.bucket, stored.key)) for stored in islice(rows, ASKED_TOGETHER)]:
            asked = [stored for stored, area in batch if area.catalogue]
            answers = iter(self.ask_catalogue(asked)) if asked else iter(())
            for stored, area in batch:
                yield stored, area, next(answers) if area.catalogue else nothing

    def _decide(
        self, stored: StoredKey, area: Area, known: Known, standing_rules: Sequence[StandingRule]
    ) -> tuple[str, Move | None]:
        """Return the class in which the object will be, and its move if it has to be made."""
        size_bytes, here = stored.size_bytes, stored.storage_class
        prices = class_prices(self.card)
        price = prices.get(here)  # type: ignore[call-overload]
        usd_here = price.usd_a_month(size_bytes) if price else 0.0
        self._total(self.before, here).add(size_bytes, usd_here)
        size_class = size_bytes.bit_length()
        if size_class not in self.sizes:
            self.sizes[size_class] = Totals()
        self.sizes[size_class].add(size_bytes, usd_here)

        why_kept = area.keeps or known.keeps
        if not why_kept and price is None:
            why_kept = f"the rate card has no prices of {here}"
        elif not why_kept and here in ARCHIVED:
            why_kept = "archived already"
        if why_kept:
            return self._stay(stored, why_kept, usd_here)
        age_days = max(0.0, (self.now - stored.last_modified).total_seconds() / _DAY_S)
        importance, reads = known.importance or area.importance, known.expected_reads_per_month
        decision = decide_storage(
            StoredObject(
                size_bytes=size_bytes,
                age_days=age_days,
                storage_class=here,
                importance=importance,
                expected_reads_per_month=area.expected_reads_per_month if reads is None else reads,
            ),
            retention=self.retention,
            card=self.card,
        )
        if not decision.moves:
            if here == "STANDARD" and size_bytes < SMALL_BYTES:
                self.small_staying.add(size_bytes, usd_here)
            return self._stay(stored, "cheapest where it is", usd_here)
        there = decision.storage_class
        usd_there = prices[there].usd_a_month(size_bytes)
        self._total(self.after, there).add(size_bytes, usd_there)
        if any(rule.fits(stored, there) for rule in standing_rules):
            self.awaiting_rule.add(size_bytes, usd_here - usd_there)
            return there, None
        return there, Move(
            bucket=stored.bucket,
            key=stored.key,
            version_id=stored.version_id,
            etag=stored.etag,
            size_bytes=size_bytes,
            age_days=round(age_days, 1),
            area=area.name,
            importance=importance,
            from_class=here,
            to_class=there,
            usd_before=decision.total_usd_before,
            usd_after=decision.total_usd_after,
            monthly_usd_saved=decision.monthly_usd_before - decision.monthly_usd_after,
            reason=decision.reason,
        )

    def _stay(self, stored: StoredKey, why: str, usd_a_month: float) -> tuple[str, None]:
        self.kept[why] += 1
        self._total(self.after, stored.storage_class).add(stored.size_bytes, usd_a_month)
        return stored.storage_class, None

    def _take(self, move: Move, area: Area, keeps_versions: bool) -> None:
        name = (move.bucket, area.name, move.to_class)
        if name not in self.groups:
            self.groups[name] = Group(
                bucket=move.bucket, area=area, to_class=move.to_class, keeps_versions=keeps_versions
            )
        place = class_prices(self.card)[move.from_class]  # type: ignore[index]
        self.groups[name].add(move, place.read_backs[0].usd_per_byte * move.size_bytes)
        self._taken += 1
        entry = (move.saved_usd, -self._taken, move)  # of equals the first
        if len(self._examples) < EXAMPLES:
            heapq.heappush(self._examples, entry)
        elif entry[0] > self._examples[0][0]:
            heapq.heapreplace(self._examples, entry)

    def _rule_above_bytes(self, group: Group) -> int | None:
        """Return above which size all that lies below the area's prefix goes with the group; ``None`` if nowhere.

        It is one less than a power of two, so that the histogram tells how many objects are above it. What comes later
        must go there as well, on the first day on which a rule may move it.
        """
        area = group.area
        if not area.is_whole_prefix:
            return None
        rivals = [
            2 ** max(other.by_size) - 1
            for other in self.groups.values()
            if other is not group and other.bucket == group.bucket and other.area.name == area.name
        ]
        staying = [
            largest
            for (bucket, prefix, to_class), largest in self._largest_staying.items()
            if (bucket, prefix) == (group.bucket, area.prefix) and to_class != group.to_class
        ]
        above = 2 ** max(max(rivals + staying, default=0).bit_length(), min(group.by_size) - 1) - 1
        later = StoredObject(
            size_bytes=above + 1,
            age_days=rule_days(group.to_class),
            storage_class="STANDARD",
            importance=area.importance,
            expected_reads_per_month=area.expected_reads_per_month,
        )
        goes_to = decide_storage(later, retention=self.retention, card=self.card).storage_class
        return above if goes_to == group.to_class and above < 2 ** max(group.by_size) - 1 else None

    @staticmethod
    def _total(totals: dict[str, Totals], name: str) -> Totals:
        if name not in totals:
            totals[name] = Totals()
        return totals[name]


def rule_days(to_class: str) -> int:
    """Return from which day on a lifecycle rule may move an object into a class.

    S3 refuses rules that move into Standard-IA before day 30.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html

    >>> rule_days("STANDARD_IA"), rule_days("DEEP_ARCHIVE")
    (30, 0)
    """
    return 30 if to_class == "STANDARD_IA" else 0


def totals_table(totals: Mapping[str, Totals]) -> dict[str, dict[str, float]]:
    """Write totals as JSON has them.

    >>> totals_table({"STANDARD": Totals(2, 300, 0.0000123)})
    {'STANDARD': {'objects': 2, 'size_bytes': 300, 'usd_a_month': 1.2e-05}}
    """
    return {
        name: {"objects": one.objects, "size_bytes": one.size_bytes, "usd_a_month": round(one.usd_a_month, 6)}
        for name, one in sorted(totals.items())
    }
