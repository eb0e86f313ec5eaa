"""Named things that are listed page by page: queues, job templates, presets."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aws_emulator.services.mediaconvert.exceptions import (
    BadRequestException,
    ConflictException,
    NotFoundException,
)

PAGE = 20  # "up to twenty, that will be returned at one time"


class Shelf:
    """Things of one kind, by name. ``kind`` is how the ARN calls it, ``called`` how a message does."""

    def __init__(self, kind: str, called: str, arn: Callable[[str], str]) -> None:
        self.kind = kind
        self.called = called
        self._arn = arn
        self._things: dict[str, dict[str, Any]] = {}

    def create(self, name: str, described: Mapping[str, Any], type_: str = "CUSTOM") -> dict[str, Any]:
        """Add one. Raises ``ConflictException`` when the name is taken."""
        if name in self._things:
            raise ConflictException(f"A {self.called} named {name} already exists.")
        now = int(time.time())
        self._things[name] = {
            "Arn": self._arn(f"{self.kind}/{name}"),
            "CreatedAt": now,
            "LastUpdated": now,
            "Name": name,
            "Type": type_,
            **copy.deepcopy(dict(described)),
        }
        return self._things[name]

    def find(self, name: str) -> dict[str, Any]:
        """The one with this name or ARN. Raises ``NotFoundException``."""
        bare = name.rsplit("/", 1)[-1] if name.startswith("arn:") else name
        if bare not in self._things:
            raise NotFoundException(f"The {self.called} {name} does not exist.")
        return self._things[bare]

    def update(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change what ``changes`` names and keep the rest. Raises ``NotFoundException``."""
        thing = self.find(name)
        thing.update(copy.deepcopy(dict(changes)))
        thing["LastUpdated"] = int(time.time())
        return thing

    def delete(self, name: str) -> None:
        """Remove one. Raises ``NotFoundException``; ``BadRequestException`` for what AWS built in."""
        thing = self.find(name)
        if thing["Type"] == "SYSTEM":
            raise BadRequestException(f"The {self.called} {name} is a system {self.called} and cannot be deleted.")
        del self._things[thing["Name"]]

    def listed(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Those of ``Category``, ordered as ``ListBy`` and ``Order`` ask: by name, newest last, system ones apart."""
        by = params.get("ListBy", "NAME")
        things = [thing for thing in self if not params.get("Category") or thing.get("Category") == params["Category"]]
        if by == "SYSTEM":
            things = [thing for thing in things if thing["Type"] == "SYSTEM"]
        things.sort(key=lambda thing: (thing["CreatedAt"], thing["Name"]) if by == "CREATION_DATE" else thing["Name"])
        return things[::-1] if params.get("Order") == "DESCENDING" else things

    def __iter__(self) -> Any:
        return iter(list(self._things.values()))


def page(things: Iterable[Any], params: Mapping[str, Any], operation: str) -> tuple[list[Any], str | None]:
    """The page that ``NextToken`` and ``MaxResults`` ask for, and the token of the next one.

    A token counts for the question it was given for. Raises ``BadRequestException`` for any other.
    """
    asked = {name: value for name, value in params.items() if name not in {"NextToken", "MaxResults"}}
    question = [operation, asked]
    start = 0
    if token := params.get("NextToken"):
        try:
            start, of = json.loads(base64.urlsafe_b64decode(token.encode()))
        except (binascii.Error, RecursionError, TypeError, ValueError) as error:
            raise BadRequestException(f"The pagination token is not valid: {token}") from error
        if of != question or not isinstance(start, int) or start < 0:
            raise BadRequestException(f"The pagination token is not valid for this request: {token}")
    given = list(things)
    end = start + int(params.get("MaxResults") or PAGE)
    following = base64.urlsafe_b64encode(json.dumps([end, question]).encode()).decode() if end < len(given) else None
    return given[start:end], following
