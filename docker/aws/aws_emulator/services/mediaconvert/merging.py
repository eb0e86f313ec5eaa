"""What a job says goes over what its template says; what an output says goes over what its preset says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any


def merged(below: Any, above: Any) -> Any:
    """Lay ``above`` over ``below``: structures member by member, lists of structures place by place, else ``above``.

    So a job that gives only the destination of its first output group keeps the outputs of its template. An empty list
    takes nothing away.

    >>> merged({"Outputs": [{"NameModifier": "_a"}, {"NameModifier": "_b"}]}, {"Outputs": [{"Extension": "mp4"}]})
    {'Outputs': [{'NameModifier': '_a', 'Extension': 'mp4'}, {'NameModifier': '_b'}]}
    >>> merged({"Tracks": [1, 2]}, {"Tracks": [3]})
    {'Tracks': [3]}
    """
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {
            name: merged(below[name], above[name])
            if name in below and name in above
            else copy.deepcopy(above.get(name, below.get(name)))
            for name in {**below, **above}
        }
    if isinstance(below, list) and isinstance(above, list):
        if not all(isinstance(item, Mapping) for item in (*below, *above)):
            return copy.deepcopy(above)
        longer = below if len(below) > len(above) else above
        shared = min(len(below), len(above))
        laid = [merged(low, high) for low, high in zip(below, above, strict=False)]
        return laid + copy.deepcopy(longer[shared:])
    return copy.deepcopy(above)


def with_template(template: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a job made from a template; the template's one input stands under each of the job's."""
    inputs = settings.get("Inputs", [])
    model = (template.get("Inputs") or [{}])[0]
    below = {**template, "Inputs": [(template.get("Inputs", [])[i : i + 1] or [model])[0] for i in range(len(inputs))]}
    return dict(merged(below, settings))


def with_presets(settings: Mapping[str, Any], preset: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """The settings with each output's preset put under what the output says itself; ``preset`` finds one by name."""
    result = copy.deepcopy(dict(settings))
    for group in result.get("OutputGroups", []):
        group["Outputs"] = [
            merged(preset(output["Preset"]), {name: value for name, value in output.items() if name != "Preset"})
            if output.get("Preset")
            else output
            for output in group.get("Outputs", [])
        ]
    return result
