"""Labels of a video: what was seen in its sampled pictures, with parents, aliases and categories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aws_emulator.services.rekognition.people import Sighting
from aws_emulator.services.rekognition.taxonomy import label_named, with_ancestors

DEFAULT_CONFIDENCE = 50.0  # as documented for StartLabelDetection


def labels_of_frame(
    ms: int, sightings: Iterable[Sighting], scenery: Mapping[str, float], least: float, filters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One frame's part of GetLabelDetection's ``Labels``, by name, without what the filters leave out.

    An ancestor is a label of its own, as sure as the surest of its kind, without instances.
    """
    instances: dict[str, list[Sighting]] = defaultdict(list)
    confidence: dict[str, float] = dict(scenery)
    for sighting in sightings:
        label = label_named(sighting.name)
        if sighting.confidence >= least:
            instances[label.name].append(sighting)
        for name in with_ancestors([label.name]):
            confidence[name] = max(confidence.get(name, 0.0), sighting.confidence)
    return [
        {"Timestamp": ms, "Label": _label(name, confidence[name], instances[name])}
        for name in sorted(confidence)
        if confidence[name] >= least and passes(name, filters)
    ]


def _label(name: str, confidence: float, instances: Iterable[Sighting]) -> dict[str, Any]:
    label = label_named(name)
    return {
        "Name": name,
        "Confidence": confidence,
        "Instances": [
            {"BoundingBox": instance.box.to_api(), "Confidence": instance.confidence} for instance in instances
        ],
        "Parents": [{"Name": parent} for parent in label.parents],
        "Aliases": [{"Name": alias} for alias in label.aliases],
        "Categories": [{"Name": category} for category in label.categories],
    }


def passes(name: str, filters: Mapping[str, Any]) -> bool:
    """Whether a label passes the filters of ``Settings.GeneralLabels``: included by any, excluded by none.

    >>> passes("Car", {"LabelCategoryInclusionFilters": ["Vehicles and Automotive"], "LabelExclusionFilters": ["Bus"]})
    True
    >>> passes("Bus", {"LabelInclusionFilters": ["Car"]}), passes("Car", {"LabelExclusionFilters": ["Car"]})
    (False, False)
    """
    names = {name}
    categories = set(label_named(name).categories)
    included = [
        (names, filters.get("LabelInclusionFilters")),
        (categories, filters.get("LabelCategoryInclusionFilters")),
    ]
    wanted = [bool(own & set(given)) for own, given in included if given]
    unwanted = names & set(filters.get("LabelExclusionFilters", ())) or categories & set(
        filters.get("LabelCategoryExclusionFilters", ())
    )
    return (any(wanted) or not wanted) and not unwanted
