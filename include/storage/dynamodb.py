"""How values stand in DynamoDB, which knows decimals but no floats."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


def now_iso() -> str:
    """Return the present time in UTC, to the second, as the records write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_dynamodb(value: Any) -> Any:
    """Make a JSON-like value fit for DynamoDB.

    >>> to_dynamodb({"loudness_lufs": -14.5, "tags": ("a", "b")})
    {'loudness_lufs': Decimal('-14.5'), 'tags': ['a', 'b']}
    """
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: to_dynamodb(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_dynamodb(part) for part in value]
    return value


def from_dynamodb(value: Any) -> Any:
    """Undo ``to_dynamodb``: whole decimals become ``int``, the others ``float``.

    >>> from_dynamodb({"bytes": Decimal("3"), "loudness_lufs": Decimal("-14.5")})
    {'bytes': 3, 'loudness_lufs': -14.5}
    """
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: from_dynamodb(part) for name, part in value.items()}
    if isinstance(value, list):
        return [from_dynamodb(part) for part in value]
    return value
