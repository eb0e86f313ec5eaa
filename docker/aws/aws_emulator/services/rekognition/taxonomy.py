"""Names of labels with their parents, aliases and categories, in the manner of Rekognition's own list of labels.

It covers what this engine can see: faces, the properties of pictures, and the 80 classes of COCO, on which the common
detectors are trained. A detector's class that is not here keeps its own name, and has neither parent nor category.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("taxonomy.csv")


@dataclass(frozen=True, slots=True)
class Label:
    """A label. ``parents`` are all its ancestors, the nearest first; ``names`` what detectors call it."""

    name: str
    parents: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@cache
def _table() -> dict[str, Label]:
    labels = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            parents, aliases, categories = (
                tuple(part for part in row[column].split("|") if part)
                for column in ("parents", "aliases", "categories")
            )
            labels[row["name"].lower()] = Label(row["name"], parents, aliases, categories)
    return labels


@cache
def label_named(name: str) -> Label:
    """The label of a detector's class or of an ancestor's name.

    >>> label_named("car").parents, label_named("Car").categories, label_named("cell phone").name
    (('Vehicle', 'Transportation'), ('Vehicles and Automotive',), 'Mobile Phone')
    >>> label_named("left widget")
    Label(name='Left Widget', parents=(), aliases=(), categories=())
    """
    table = _table()
    key = name.strip().lower()
    key = COCO_NAMES.get(key, key)
    return table.get(key) or Label(name.strip().title())


def with_ancestors(labels: Iterable[str]) -> set[str]:
    """The names and those of all their ancestors, each of which Rekognition reports as a label of its own.

    >>> sorted(with_ancestors(["Car", "Bus"]))
    ['Bus', 'Car', 'Transportation', 'Vehicle']
    """
    names = set(labels)
    return names.union(*(label_named(name).parents for name in names))


COCO_NAMES = {  # COCO's name -> Rekognition's, lower case, where they differ
    "aeroplane": "airplane",
    "cell phone": "mobile phone",
    "cow": "cattle",
    "hair drier": "hair dryer",
    "keyboard": "computer keyboard",
    "motorbike": "motorcycle",
    "mouse": "computer mouse",
    "pottedplant": "potted plant",
    "remote": "remote control",
    "skis": "skiing equipment",
    "sofa": "couch",
    "sports ball": "ball",
    "suitcase": "luggage",
    "tie": "necktie",
    "tv": "television",
    "tvmonitor": "television",
}
