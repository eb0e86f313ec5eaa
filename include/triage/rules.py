"""The incident rules as data: read, checked, versioned.

The file holds ``name`` and ``date`` of the rules, ``thresholds``, ``merge_moments_within_s``, the thresholds of the
cheap look under ``screen``, the ``rules`` and the ``exclusions``; see ``docs/incident_rules.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Self

from include.triage.conditions import KINDS, Condition, Invalid, Together, number, share

INCIDENT_RULES = Path(__file__).with_name("incident_rules.yaml")
_SECTIONS = ("name", "date", "thresholds", "merge_moments_within_s", "screen", "rules", "exclusions")
_MOST_RULES = 500
_MOST_NAMED = 5


class RulesError(ValueError):
    """The rules cannot be used; the message names file, rule, field and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A condition, and what it is worth when it is met; a negative weight speaks against an incident."""

    name: str
    weight: float
    condition: Condition


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """A condition under which rules do not count; ``excludes`` names them, ``None`` means all."""

    name: str
    excludes: frozenset[str] | None
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenThresholds:
    """From where on the cheap look has an upload analysed; what the file leaves out keeps its default."""

    motion: float = 0.12
    """Frame widths a second by which the camera's motion changes at once."""
    loudness_lu: float = 10.0
    """LU above the film's own level."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a decision follows."""

    name: str
    date: date
    digest: str
    """Of the file, the first eight hex digits of its sha256."""
    incident: float
    """A score from here on is an incident,"""
    review: float
    """and one from here on, below that, is looked at by a person."""
    merge_moments_within_s: float
    rules: tuple[Rule, ...]
    exclusions: tuple[Exclusion, ...]
    screen: ScreenThresholds = ScreenThresholds()

    @property
    def version(self) -> str:
        return f"{self.name} {self.date.isoformat()} {self.digest}"

    @classmethod
    def load(cls, path: Path = INCIDENT_RULES) -> Self:
        """Read the rules.

        :raises RulesError: when anything in the file is not as it must be.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RulesError(f"{path}: cannot be read: {error.strerror}") from error
        return cls.from_yaml(content, path.name)

    @classmethod
    def from_yaml(cls, content: bytes, file: str = "rules") -> Self:
        """Read the rules from the text of a file.

        :param file: its name, for the errors.
        :raises RulesError: when anything is not as it must be.
        """
        import yaml

        try:
            document = yaml.load(content, Loader=_strict_loader())  # noqa: S506  (a SafeLoader)
        except RecursionError as error:
            raise RulesError(f"{file}: is no YAML: it is nested too deep") from error
        except (yaml.YAMLError, ValueError, KeyError) as error:  # those are of values: a 13th month, no such bool
            raise RulesError(f"{file}: is no YAML: {' '.join(str(error).split())}") from error
        try:
            return cls._from_document(document, hashlib.sha256(content).hexdigest()[:8])
        except Invalid as error:
            raise RulesError(f"{file}: {error}") from error

    @classmethod
    def _from_document(cls, document: Any, digest: str) -> Self:
        content = _Fields(document, "", _SECTIONS)
        limits = _Fields(content.take("thresholds", _mapping), "thresholds: ", ("incident", "review"))
        incident, review = limits.take("incident", share), limits.take("review", share)
        if not 0 < review < incident:
            raise Invalid(f"thresholds: review must be above 0 and below incident, not {review:g} and {incident:g}")
        rules = tuple(_rule(entry, index) for index, entry in enumerate(content.take("rules", _rules), start=1))
        known = _distinct("rules", [rule.name for rule in rules])
        entries = content.take("exclusions", _entries, default=[])
        exclusions = tuple(_exclusion(entry, index, known) for index, entry in enumerate(entries, start=1))
        _distinct("exclusions", [exclusion.name for exclusion in exclusions])
        return cls(
            name=content.take("name", _name),
            date=content.take("date", _day),
            digest=digest,
            incident=incident,
            review=review,
            merge_moments_within_s=content.take("merge_moments_within_s", number),
            rules=rules,
            exclusions=exclusions,
            screen=content.take("screen", _screen, default=ScreenThresholds()),
        )


@cache
def default_rules() -> Rules:
    """Return the project's rules."""
    return Rules.load()


class _Fields:
    """The fields of one place in the file, each read once by a check."""

    def __init__(self, values: Any, where: str, allowed: Collection[str]) -> None:
        self.where = where
        self.values = _checked(where, _mapping, values)
        unknown = [_shortly(name) for name in self.values if name not in allowed]
        if unknown:
            named = ", ".join(unknown[:_MOST_NAMED]) + (", ..." if len(unknown) > _MOST_NAMED else "")
            raise Invalid(f"{where}{named}: no such field; there are {', '.join(allowed)}")

    def take(self, name: str, check: Callable[[Any], Any], **default: Any) -> Any:
        if name not in self.values:
            if "default" in default:
                return default["default"]
            raise Invalid(f"{self.where}{name}: is missing")
        return _checked(f"{self.where}{name}: ", check, self.values[name])


def _checked(where: str, check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except Invalid as error:
        raise Invalid(f"{where}{error}, not {_shortly(value)}") from error


def _rule(entry: Any, index: int) -> Rule:
    name, where = _named(entry, "rule", index)
    condition, given = _condition(entry, where, ("name", "weight"))
    return Rule(name=name, weight=given.take("weight", _weight), condition=condition)


def _exclusion(entry: Any, index: int, rules: Collection[str]) -> Exclusion:
    name, where = _named(entry, "exclusion", index)
    condition, given = _condition(entry, where, ("name", "excludes"))
    excludes = given.take("excludes", _excluded)
    unknown = sorted(set(excludes or ()) - set(rules))
    if unknown:
        raise Invalid(f"{where}excludes: no such rule: {', '.join(unknown)}; there are {', '.join(sorted(rules))}")
    return Exclusion(name=name, excludes=excludes, condition=condition)


def _named(entry: Any, what: str, index: int) -> tuple[str, str]:
    """Return the name of a rule or exclusion, and how errors begin that are about it."""
    name = _checked(f"{what} {index}: name: ", _name, _checked(f"{what} {index}: ", _mapping, entry).get("name"))
    return name, f"{what} {name!r}: "


def _condition(entry: Any, where: str, beside: tuple[str, ...]) -> tuple[Condition, _Fields]:
    """Read the condition that stands in an entry, ``beside`` other fields; these are returned to be read."""
    kind = _checked(f"{where}kind: ", _kind, _checked(where, _mapping, entry).get("kind"))
    own = {one.name: one for one in fields(KINDS[kind])}  # type: ignore[arg-type]  # each is a dataclass
    given = _Fields(entry, where, (*beside, "kind", *own))
    values: dict[str, Any] = {}
    if KINDS[kind] is Together:
        parts = given.take("all", _parts)
        values["all"] = tuple(
            _condition(part, f"{where}all: {index}: ", ())[0] for index, part in enumerate(parts, start=1)
        )
        del own["all"]
    for name, one in own.items():
        default = {} if one.default is MISSING else {"default": one.default}
        values[name] = given.take(name, one.metadata["check"], **default)
    return KINDS[kind](**values), given


def _distinct(what: str, names: list[str]) -> set[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(f"{what}: each needs a name of its own; twice there: {', '.join(twice)}")
    return set(names)


def _screen(value: Any) -> ScreenThresholds:
    given = _Fields(value, "", [one.name for one in fields(ScreenThresholds)])
    return ScreenThresholds(**{name: given.take(name, _above_0) for name in given.values})


def _above_0(value: Any) -> float:
    if number(value) == 0:
        raise Invalid("must be a number above 0")
    return float(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid("must be fields with values")
    return value


def _rules(value: Any) -> list[Any]:
    if not _entries(value):
        raise Invalid("must be a list of at least one rule, without which all is normal")
    return value


def _entries(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST_RULES:
        raise Invalid(f"must be a list of at most {_MOST_RULES} entries")
    return value


def _parts(value: Any) -> list[Any]:
    if not isinstance(value, list) or not 2 <= len(value) <= 5:
        raise Invalid("must be a list of 2 to 5 conditions, each with a kind and its fields")
    for part in value:
        if isinstance(part, Mapping) and part.get("kind") == Together.kind:
            raise Invalid("must hold conditions of other kinds")
    return value


def _name(value: Any) -> str:
    allowed = isinstance(value, str) and 1 <= len(value) <= 60 and value.replace("_", "").replace("-", "").isalnum()
    if not allowed:
        raise Invalid("must be a name of 1 to 60 letters, digits, '_' and '-'")
    return str(value)


def _day(value: Any) -> date:
    if type(value) is not date:
        raise Invalid("must be a date (YYYY-MM-DD)")
    return value


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1 <= value <= 1:
        raise Invalid("must be a number from -1 to 1")
    return float(value)


def _kind(value: Any) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise Invalid(f"must be one of {', '.join(KINDS)}")
    return value


def _excluded(value: Any) -> frozenset[str] | None:
    if value == "all":
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise Invalid("must be 'all' or a list of names of rules")
    return frozenset(value)


def _shortly(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:79]}…"


@cache
def _strict_loader() -> type:
    """Return a loader of plain values that takes no field twice and no references, which may grow without bounds."""
    import yaml

    class StrictLoader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                event = self.peek_event()
                raise yaml.constructor.ConstructorError(None, None, "references (*name) are not read", event.start_mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(None, None, "a field has no name", key.start_mark)
                if key.value in seen:
                    mark = key.start_mark
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands there twice", mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    return StrictLoader
