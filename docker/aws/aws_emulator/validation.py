r"""A request's parameters against the constraints of AWS's own service model, in AWS's own words.

botocore checks types, required members and minima before it sends; lengths, ranges, enums and patterns only the server
checks. Another client, or none, checks nothing.

    check_members("transcribe", "StartTranscriptionJob", self._get_params(), BadRequestException)

The patterns are Java's. Python reads them but for Unicode properties (``\p{L}``), which are spelled out here.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

NUMBERS = frozenset({"integer", "long", "float", "double"})
LAST_CODE_POINT = 0x10FFFF
PROPERTY = re.compile(r"\\([pP])\{(\w+)\}")


def check_members(
    service: str, operation: str, params: Mapping[str, Any], error: Callable[[str], Exception], most: int = 10
) -> None:
    """Raise ``error(message)`` if ``params`` break constraints of the operation's input; it names ``most`` of them."""
    shape = _service_model(service).operation_model(operation).input_shape
    violations = list(_iter_violations(shape, params, "")) if shape is not None else []
    if violations:
        named = "; ".join(violations[:most])
        counted = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
        raise error(f"{counted} detected: {named}")


@cache
def _service_model(service: str) -> ServiceModel:
    loader = botocore.session.Session().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def _iter_violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What is wrong with ``value`` and everything in it; ``path`` is how AWS names it: ``media.mediaFileUri``."""
    kind: str = shape.type_name
    if not _is_of(kind, value):
        yield _violated(value, path, f"Member must be of type {kind}")
    elif kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield _violated(None, _below(path, name), "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _iter_violations(member, value[name], _below(path, name))
    elif kind == "list":
        yield from _iter_outside(shape, value, len(value), path, "length")
        for number, item in enumerate(value, 1):
            yield from _iter_violations(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        yield from _iter_outside(shape, value, len(value), path, "length")
        for key, item in value.items():
            yield from _iter_violations(shape.key, key, f"{path}.key")
            yield from _iter_violations(shape.value, item, f"{path}.{key}.member")
    elif kind in NUMBERS:
        yield from _iter_outside(shape, value, value, path, "value")
    elif kind in ("string", "blob"):
        yield from _iter_outside(shape, value, len(value), path, "length")
        if kind == "string":
            yield from _iter_unmatched(shape, value, path)


def _is_of(kind: str, value: Any) -> bool:
    types: dict[str, tuple[type, ...]] = {
        "structure": (dict,),
        "map": (dict,),
        "list": (list, tuple),
        "string": (str,),
        "boolean": (bool,),
        "blob": (bytes, bytearray, str),
    }
    if kind in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, types.get(kind, (object,)))


def _iter_outside(shape: Any, value: Any, size: float, path: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _violated(value, path, f"Member must have {what} greater than or equal to {least}")
    if most is not None and size > most:
        yield _violated(value, path, f"Member must have {what} less than or equal to {most}")


def _iter_unmatched(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _violated(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not _matches(pattern, value):
        yield _violated(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _violated(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _below(path: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered


def _matches(pattern: str, value: str) -> bool:
    """Whether the whole value satisfies a pattern, as in Java's ``String.matches``; few patterns end with ``$``."""
    return compiled(pattern).fullmatch(value) is not None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""A pattern of a service model as Python's. Raises ``re.error`` for one that Python cannot read.

    >>> bool(compiled(r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$").fullmatch("größe 7"))
    True
    >>> bool(compiled(r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$").fullmatch("aws:x"))
    False
    """

    def spell_out(found: re.Match[str]) -> str:
        inside = pattern[: found.start()].count("[") > pattern[: found.start()].count("]")
        text = _property(found[2], found[1] == "P")
        return text if inside else f"[{text}]"

    return re.compile(PROPERTY.sub(spell_out, pattern))


@cache
def _property(name: str, negated: bool) -> str:
    """The characters of a Unicode category (``L``, ``Zs``) or of ASCII, as ranges within a character class."""
    if name == "ASCII":
        ranges = [(128, LAST_CODE_POINT)] if negated else [(0, 127)]
    else:
        ranges = [(first, last) for first, last, category in _runs() if category.startswith(name) is not negated]
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


@cache
def _runs() -> list[tuple[int, int, str]]:
    """All of Unicode as runs of code points of the same category: first, last, category."""
    runs, first = [], 0
    for category, run in itertools.groupby(map(unicodedata.category, map(chr, range(LAST_CODE_POINT + 1)))):
        length = sum(1 for _ in run)
        runs.append((first, first + length - 1, category))
        first += length
    return runs
