"""The records as JSON Schema (draft 2020-12), derived from their dataclasses so that the two cannot disagree."""

from __future__ import annotations

import ast
import inspect
import itertools
import math
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from jsonschema import Draft202012Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_MOST_PROBLEMS_TOLD = 5

Record = TypeVar("Record")


class RecordError(ValueError):
    """A record does not have the shape that its dataclass declares."""


def schema_of(cls: type) -> dict[str, Any]:
    """Describe the JSON that a record of the dataclass ``cls`` is written as.

    Every field is required, also one with a default: what cannot be known is written as ``null``, never left out.
    Unknown fields are refused. Descriptions come from the class docstring and from the string after a field, or from
    the field's metadata ``description``.

    :raises TypeError: when ``cls`` is no dataclass, or a field has a type that JSON cannot hold.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Span:
    ...     start_s: float
    ...     label: Literal["shot", "scene"] | None = None
    >>> schema_of(Span)["properties"]["label"]
    {'anyOf': [{'enum': ['shot', 'scene']}, {'type': 'null'}], 'default': None}
    """
    definitions: dict[str, Any] = {}
    body = _object_schema(cls, definitions)
    schema: dict[str, Any] = {"$schema": DIALECT} | body
    if definitions:
        schema["$defs"] = dict(sorted(definitions.items()))
    return schema


def check(record: Mapping[str, Any], cls: type) -> None:
    """Check a record, as read from or about to be written to JSON, against the dataclass ``cls``.

    :raises RecordError: with the path and the fault of up to five problems. NaN and infinity are faults: JSON has none.

    >>> from include.catalog.records import Failure
    >>> check({"stage": "land", "error": "E", "message": "m", "retryable": "no", "job_id": None}, Failure)
    Traceback (most recent call last):
        ...
    include.catalog.schemas.RecordError: Failure: retryable: 'no' is not of type 'boolean'
    """
    plain = _plain(record)
    problems = [f"{path or '(record)'}: {number} is no JSON number" for path, number in _not_finite(plain)]
    errors = sorted(
        Draft202012Validator(schema_of(cls)).iter_errors(plain), key=lambda error: list(map(str, error.path))
    )
    problems += [f"{_path(error.path) or '(record)'}: {error.message}" for error in errors]
    if problems:
        told = "; ".join(problems[:_MOST_PROBLEMS_TOLD])
        more = f"; and {len(problems) - _MOST_PROBLEMS_TOLD} more" if len(problems) > _MOST_PROBLEMS_TOLD else ""
        raise RecordError(f"{cls.__name__}: {told}{more}")


def record_from(cls: type[Record], plain: Mapping[str, Any]) -> Record:
    """Read a record of the dataclass ``cls`` back from its JSON; a field that is not there has its default.

    Values are taken as they are: use ``check`` on what others wrote.

    :raises RecordError: when a field without a default is missing, or there is one that the dataclass lacks.

    >>> from include.catalog.triage import Peak
    >>> record_from(Peak, {"at_s": 1.5, "value": 12.0})
    Peak(at_s=1.5, value=12.0)
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # a class can be hashed
    try:
        return cls(**{name: _read_as(hints[name], value) for name, value in plain.items()})
    except (AttributeError, KeyError, TypeError) as error:
        raise RecordError(f"{cls.__name__}: is not in the shape of this version: {error}") from error


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls)


def _read_as(hint: Any, value: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _read_as(next((one for one in arguments if one is not type(None)), hint), value)
    if origin in (list, tuple):
        return origin(_read_as(arguments[0], member) for member in value)
    return record_from(hint, value) if isinstance(hint, type) and is_dataclass(hint) else value


def _object_schema(cls: type, definitions: dict[str, Any]) -> dict[str, Any]:
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise TypeError(f"{cls!r} is no dataclass, so it has no schema")
    hints = get_type_hints(cls)
    told = _attribute_docstrings(cls)
    properties: dict[str, Any] = {}
    for field in fields(cls):
        try:
            schema = _schema_of_type(hints[field.name], definitions)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}.{field.name}: {error}") from error
        description = field.metadata.get("description") or told.get(field.name)
        if description:
            schema = schema | {"description": description}
        if field.default is not MISSING:
            schema = schema | {"default": _plain(field.default)}
        properties[field.name] = schema
    described: dict[str, Any] = {"title": cls.__name__}
    docstring = inspect.cleandoc(cls.__doc__ or "")
    if docstring and not docstring.startswith(f"{cls.__name__}("):  # dataclass() writes a signature where none stands
        described["description"] = " ".join(docstring.split("\n\n")[0].split())
    return described | {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema_of_type(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint is Any:
        return {}
    if isinstance(hint, type) and hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    if hint is datetime:
        return {"type": "string", "format": "date-time"}
    if isinstance(hint, type) and is_dataclass(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # holds the place, should the record contain itself
            definitions[hint.__name__] = _object_schema(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _schema_of_union([_schema_of_type(argument, definitions) for argument in arguments])
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        members = [_schema_of_type(argument, definitions) for argument in arguments]
        return {"type": "array", "prefixItems": members, "minItems": len(members), "maxItems": len(members)}
    if origin in (list, tuple):
        return {"type": "array", "items": _schema_of_type(arguments[0], definitions)}
    if origin is dict and arguments[0] is str:
        return {"type": "object", "additionalProperties": _schema_of_type(arguments[1], definitions)}
    raise TypeError(f"{hint!r} has no JSON Schema here; use a simple type, Literal, list, tuple, dict or a record")


def _schema_of_union(members: list[dict[str, Any]]) -> dict[str, Any]:
    if all(member.keys() == {"type"} for member in members):
        return {"type": [member["type"] for member in members]}
    return {"anyOf": members}


def _attribute_docstrings(cls: type) -> dict[str, str]:
    """Map each field of ``cls`` to the string that stands right after it, if one does."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # made at run time: no source to read
        return {}
    body = next(node.body for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    told = {}
    for field, after in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            told[field.target.id] = " ".join(after.value.value.split())
    return told


def _plain(value: Any) -> Any:
    """Turn tuples into lists and mappings into dicts, as a way through JSON would."""
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value


def _not_finite(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _not_finite(member, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _not_finite(member, f"{path}[{index}]")


def _path(parts: Any) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
