"""What analyses may have found, as flat records."""

from __future__ import annotations

from typing import Any


def label(name: str, at_s: float, confidence: float = 0.9, *boxes: float, parents: tuple[str, ...] = ()) -> dict:
    """A sighting of a label, with a thing at each of ``boxes``, which says how far it is from the left."""
    instances = [{"confidence": confidence, "box": box(left=left)} for left in boxes]
    return {
        "name": name,
        "parents": list(parents),
        "start_s": at_s,
        "end_s": at_s,
        "confidence": confidence,
        "instances": instances,
    }


def line(text: str, at_s: float, confidence: float = 0.9, *, kind: str = "line", **where: float) -> dict[str, Any]:
    return {
        "text": text,
        "kind": kind,
        "id": 0,
        "parent_id": None,
        "start_s": at_s,
        "end_s": at_s,
        "confidence": confidence,
        "box": box(**where),
    }


def moderation(name: str, at_s: float, parent: str | None = None, level: int = 1) -> dict[str, Any]:
    return {
        "name": name,
        "parent": parent,
        "level": level,
        "start_s": at_s,
        "end_s": at_s,
        "confidence": 0.9,
        "content_types": [],
    }


def shot(start_s: float, end_s: float) -> dict[str, Any]:
    return {"kind": "shot", "index": 0, "start_s": start_s, "end_s": end_s, "confidence": 0.98}


def box(left: float = 0.1, top: float = 0.1, width: float = 0.2, height: float = 0.1) -> dict[str, float]:
    return {"left": left, "top": top, "width": width, "height": height}
