"""How what was found is handed out: sorted, aggregated, and page by page."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

MOST_RESULTS = 1000
KEY = secrets.token_bytes(16)  # of this process: a token of another is none

Item = dict[str, Any]


def sorted_by_name(items: Iterable[Item], entry: str) -> list[Item]:
    """By label, and the surest first within each; ``entry`` is where the label stands in an item."""
    return sorted(items, key=lambda item: (item[entry]["Name"], -item[entry]["Confidence"]))


def aggregated(items: Iterable[Item], entry: str, samples_ms: Sequence[int], end_ms: int) -> list[Item]:
    """Stretches of time in which a label was seen without a break, as sure as where it was surest, without instances.

    ``samples_ms`` is when the video was looked at; what is seen then is taken to last until it is looked at again.

    >>> items = [{"Timestamp": ms, "Label": {"Name": "Car", "Confidence": 60 + ms / 100}} for ms in (0, 500, 2000)]
    >>> [(s["StartTimestampMillis"], s["EndTimestampMillis"], s["Label"]["Confidence"]) for s in
    ...  aggregated(items, "Label", [0, 500, 1000, 1500, 2000], 2400)]
    [(0, 1000, 65.0), (2000, 2400, 80.0)]
    """
    of_name: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        of_name[item[entry]["Name"]].append(item)
    stretches = []
    for seen in of_name.values():
        group: list[Item] = []
        for item in sorted(seen, key=lambda item: item["Timestamp"]):
            if group and item["Timestamp"] > _next(samples_ms, group[-1]["Timestamp"], end_ms):
                stretches.append(_stretch(group, entry, samples_ms, end_ms))
                group = []
            group.append(item)
        stretches.append(_stretch(group, entry, samples_ms, end_ms))
    return sorted(stretches, key=lambda item: (item["StartTimestampMillis"], item[entry]["Name"]))


def _next(samples_ms: Sequence[int], ms: int, end_ms: int) -> int:
    place = bisect_right(samples_ms, ms)
    return samples_ms[place] if place < len(samples_ms) else max(ms, end_ms)


def _stretch(group: list[Item], entry: str, samples_ms: Sequence[int], end_ms: int) -> Item:
    start, end = group[0]["Timestamp"], _next(samples_ms, group[-1]["Timestamp"], end_ms)
    surest = max((item[entry] for item in group), key=lambda label: label["Confidence"])
    label = {name: value for name, value in surest.items() if name != "Instances"}
    return {
        "Timestamp": start,
        "StartTimestampMillis": start,
        "EndTimestampMillis": end,
        "DurationMillis": end - start,
        entry: label,
    }


def token_for(offset: int, binding: Sequence[str]) -> str:
    """A NextToken: opaque, and good only for the job and the parameters that ``binding`` names.

    >>> offset_of(token_for(1000, ("job", "NAME")), ("job", "NAME"))
    1000
    >>> offset_of(token_for(1000, ("job", "NAME")), ("job", "TIMESTAMP")), offset_of("x", ("job", "NAME"))
    (None, None)
    """
    place = offset.to_bytes(8)
    return base64.urlsafe_b64encode(place + _seal(place, binding)).decode()


def offset_of(token: str, binding: Sequence[str]) -> int | None:
    """Where the page of a token begins; None if it was not given out for this ``binding``."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        return None
    place, seal = raw[:8], raw[8:]
    return int.from_bytes(place) if hmac.compare_digest(seal, _seal(place, binding)) else None


def _seal(place: bytes, binding: Sequence[str]) -> bytes:
    return hmac.digest(KEY, place + json.dumps(list(binding)).encode(), "sha256")
