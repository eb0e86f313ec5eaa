"""How important footage is that shows no incident, by rules that stand as data in ``importance_rules.yaml``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from include.catalog.triage import Importance
from include.catalog.video import Label
from include.storage.decision import Retention

IMPORTANCE_RULES = Path(__file__).with_name("importance_rules.yaml")
LEVELS: tuple[Importance, ...] = get_args(Importance)
_SECTIONS = {
    "name", "date", "levels", "rules", "keep_months", "restore_within_h", "restored_days", "expected_reads_per_month",
}  # fmt: skip
_PERSON, _SURE = "Person", 0.8


class ImportanceRulesError(ValueError):
    """The rules cannot be used; the message names file, rule and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceFacts:
    """What the rules look at; ``None`` is not known."""

    recorded_days_ago: float | None
    device: str
    score: float | None
    """What the incident rules gave,"""
    review_score: float | None
    """and from which score on they ask a person."""
    words: int | None
    people: int | None
    """The most that were seen at one moment."""
    rating: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceVerdict:
    """How important footage is, and the rules that say so."""

    importance: Importance
    points: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceRule:
    """Points for footage that meets all conditions: the names of ``CONDITIONS`` to what they ask."""

    name: str
    points: float
    conditions: Mapping[str, Any]

    def holds(self, facts: ImportanceFacts) -> bool:
        return all(CONDITIONS[name](facts, asked) for name, asked in self.conditions.items())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportanceRules:
    """All rules, and what is promised by importance."""

    name: str
    date: date
    high_from: float
    medium_from: float
    rules: tuple[ImportanceRule, ...]
    retention: Retention
    expected_reads_per_month: Mapping[Importance, float]

    def retention_of(self, keep_months: float | str | None) -> Retention:
        """Return what is promised to what is kept so long; ``None`` and empty mean: as the rules say."""
        if keep_months in (None, "", "None"):
            return self.retention
        return replace(self.retention, keep_months=float(cast(str, keep_months)))


def _at_least(name: str) -> Callable[[ImportanceFacts, float], bool]:
    def holds(facts: ImportanceFacts, asked: float) -> bool:
        value = getattr(facts, name)
        return value is not None and value >= asked

    return holds


def _near_review(facts: ImportanceFacts, share: float) -> bool:
    return (
        facts.score is not None and bool(facts.review_score) and facts.score >= share * cast(float, facts.review_score)
    )


CONDITIONS: Mapping[str, Callable[[ImportanceFacts, Any], bool]] = {
    "recorded_within_days": lambda facts, days: facts.recorded_days_ago is not None and facts.recorded_days_ago <= days,
    "device": lambda facts, pattern: fnmatchcase(facts.device, pattern),
    "score_share_of_review": _near_review,
    "words_from": _at_least("words"),
    "people_from": _at_least("people"),
    "rating_from": _at_least("rating"),
    "rating_to": lambda facts, most: facts.rating is not None and facts.rating <= most,
}


def importance_of(facts: ImportanceFacts, rules: ImportanceRules | None = None) -> ImportanceVerdict:
    """Add up the points of the rules that hold.

    >>> facts = ImportanceFacts(recorded_days_ago=0.5, device="cam-1", score=0.3, review_score=0.4, words=0, people=0,
    ...                         rating=None)
    >>> importance_of(facts)
    ImportanceVerdict(importance='high', points=4.0, because=('near an incident (+3)', 'recorded this week (+1)'))
    """
    rules = rules or default_importance_rules()
    held = [rule for rule in rules.rules if rule.holds(facts)]
    points = math.fsum(rule.points for rule in held)
    importance: Importance = "high" if points >= rules.high_from else "medium" if points >= rules.medium_from else "low"
    because = tuple(f"{rule.name} ({rule.points:+g})" for rule in held)
    return ImportanceVerdict(importance=importance, points=points, because=because)


def people_in(labels: Iterable[Label]) -> int:
    """Return how many people were seen at once, at least one where the film only is about them.

    >>> people_in([Label(name="Person", parents=(), confidence_max=0.9, segments=(), instances=())])
    1
    """
    sure = [label for label in labels if label.name == _PERSON and label.confidence_max >= _SURE]
    return max((max(1, len(label.instances)) for label in sure), default=0)


def rating_from(text: str | None) -> int | None:
    """Read a rating that somebody put on an object; ``None`` for anything but 1 to 5.

    >>> rating_from("4"), rating_from("best"), rating_from("9"), rating_from(None)
    (4, None, None, None)
    """
    return int(text) if text in ("1", "2", "3", "4", "5") else None


@cache
def default_importance_rules() -> ImportanceRules:
    """Return the project's rules."""
    return load_importance_rules()


def load_importance_rules(path: Path = IMPORTANCE_RULES) -> ImportanceRules:
    """Read the rules.

    :raises ImportanceRulesError: when anything in the file is not as it must be.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
        if not isinstance(content, dict):
            raise ValueError("it must be a mapping")
        _refuse_others(content, _SECTIONS)
        levels = _by_name(content, "levels", ("high", "medium"), negative=True)
        if levels["high"] <= levels["medium"]:
            raise ValueError("levels: high must be above medium")
        retention = Retention(
            keep_months=_number(content, "keep_months"),
            restore_within_h=cast(Mapping[Importance, float], _by_name(content, "restore_within_h", LEVELS)),
            restored_days=_number(content, "restored_days"),
        )
        return ImportanceRules(
            name=_text(content, "name"),
            date=_date(content, "date"),
            high_from=levels["high"],
            medium_from=levels["medium"],
            rules=_rules_from(content["rules"]),
            retention=retention,
            expected_reads_per_month=cast(
                Mapping[Importance, float], _by_name(content, "expected_reads_per_month", LEVELS)
            ),
        )
    except (OSError, yaml.YAMLError, KeyError, ValueError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ImportanceRulesError(f"{path}: {missing}") from error


def _rules_from(listed: Any) -> tuple[ImportanceRule, ...]:
    if not isinstance(listed, list) or not all(isinstance(fields, dict) for fields in listed):
        raise ValueError("rules must be a list of rules")
    rules = []
    for number, fields in enumerate(listed, 1):
        named = f"rule {fields.get('name', number)}"
        try:
            _refuse_others(fields, {"name", "points", *CONDITIONS})
            asked = {
                name: _text(fields, name) if name == "device" else _number(fields, name)
                for name in CONDITIONS
                if name in fields
            }
            if not asked:
                raise ValueError(f"it has no condition; there are {', '.join(CONDITIONS)}")
            points = _number(fields, "points", negative=True)
            rules.append(ImportanceRule(name=_text(fields, "name"), points=points, conditions=asked))
        except KeyError as error:
            raise ValueError(f"{named}: {error} is missing") from error
        except ValueError as error:
            raise ValueError(f"{named}: {error}") from error
    names = [rule.name for rule in rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two rules are called {', '.join(sorted(twice))}")
    return tuple(rules)


def _refuse_others(fields: Mapping[Any, Any], known: Iterable[str]) -> None:
    if unknown := {str(name) for name in fields} - set(known):
        raise ValueError(f"{', '.join(sorted(unknown))}: not known; there are {', '.join(sorted(known))}")


def _by_name(
    content: Mapping[str, Any], section: str, names: Iterable[str], *, negative: bool = False
) -> dict[str, float]:
    fields = content[section]
    if not isinstance(fields, dict):
        raise ValueError(f"{section} must name {', '.join(names)}")
    try:
        _refuse_others(fields, names)
        return {name: _number(fields, name, negative=negative) for name in names}
    except KeyError as error:
        raise ValueError(f"{section}: {error} is missing") from error
    except ValueError as error:
        raise ValueError(f"{section}: {error}") from error


def _number(fields: Mapping[str, Any], name: str, *, negative: bool = False) -> float:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a number, not {value!r}")
    if value < 0 and not negative:
        raise ValueError(f"{name} must be a number from 0, not {value!r}")
    return float(value)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be text, not {value!r}")
    return value


def _date(fields: Mapping[str, Any], name: str) -> date:
    value = fields[name]
    if not isinstance(value, date):
        raise ValueError(f"{name} must be a date (YYYY-MM-DD), not {value!r}")
    return value
