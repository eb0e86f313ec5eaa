"""Boxes and polygons as shares of a picture's width and height, as Rekognition gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Point = dict[str, float]  # {"X": 0..1, "Y": 0..1}


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def from_api(cls, box: Mapping[str, float]) -> Self:
        """Read a BoundingBox; what is missing is 0."""
        return cls(*(float(box.get(name, 0)) for name in ("Left", "Top", "Width", "Height")))

    @classmethod
    def from_pixels(cls, corners: Sequence[float], size: tuple[int, int]) -> Self:
        """The part of a rectangle (left, top, right, bottom) in pixels within a picture of ``size`` (width, height)."""
        left, top, right, bottom = corners
        width, height = size
        left, right = (min(max(x / width, 0.0), 1.0) for x in (left, right))
        top, bottom = (min(max(y / height, 0.0), 1.0) for y in (top, bottom))
        return cls(left, top, right - left, bottom - top)

    @classmethod
    def around(cls, polygon: Iterable[Point]) -> Self:
        """The smallest box around a polygon.

        >>> Box.around([{"X": 0.25, "Y": 0.5}, {"X": 0.75, "Y": 0.25}])
        Box(left=0.25, top=0.25, width=0.5, height=0.25)
        """
        points = list(polygon)
        left, top = min(point["X"] for point in points), min(point["Y"] for point in points)
        right, bottom = max(point["X"] for point in points), max(point["Y"] for point in points)
        return cls(left, top, right - left, bottom - top)

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    @property
    def area(self) -> float:
        """As a share of the picture."""
        return self.width * self.height

    @property
    def corners(self) -> list[Point]:
        """Clockwise from the upper left."""
        return [
            {"X": x, "Y": y}
            for x, y in (
                (self.left, self.top),
                (self.right, self.top),
                (self.right, self.bottom),
                (self.left, self.bottom),
            )
        ]

    def to_api(self) -> dict[str, Any]:
        """A BoundingBox."""
        names = {"Left": self.left, "Top": self.top, "Width": self.width, "Height": self.height}
        return {name: round(value, 5) for name, value in names.items()}


def overlap(a: Box, b: Box) -> float:
    """Intersection over union.

    >>> overlap(Box(0, 0, 1, 1), Box(0, 0.5, 1, 1))
    0.3333333333333333
    """
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a.area + b.area - width * height)


def polygon_area(corners: Sequence[Point]) -> float:
    """The area of a polygon that does not cross itself, by the shoelace formula."""
    following = [*corners[1:], *corners[:1]]
    twice = sum(a["X"] * b["Y"] - b["X"] * a["Y"] for a, b in zip(corners, following, strict=True))
    return abs(twice) / 2


def share_within(box: Box, region: Sequence[Point]) -> float:
    """How much of a box lies within a convex or concave polygon: the polygon cut by the box's four edges.

    >>> half = Box(0, 0, 0.5, 1).corners
    >>> share_within(Box(0.25, 0, 0.5, 0.5), half), share_within(Box(0.6, 0, 0.2, 0.2), half)
    (0.5, 0.0)
    """
    if not box.area:
        return 0.0
    part = list(region)
    for axis, edge, keep_below in (
        ("X", box.left, False),
        ("X", box.right, True),
        ("Y", box.top, False),
        ("Y", box.bottom, True),
    ):
        part = _cut(part, axis, edge, keep_below)
    return polygon_area(part) / box.area


def _cut(corners: Sequence[Point], axis: str, edge: float, keep_below: bool) -> list[Point]:
    """One step of Sutherland and Hodgman's clipping: what lies on one side of an upright or level line."""
    other = "Y" if axis == "X" else "X"
    kept: list[Point] = []
    for a, b in zip(corners, [*corners[1:], *corners[:1]], strict=True):
        a_in, b_in = ((p[axis] <= edge) if keep_below else (p[axis] >= edge) for p in (a, b))
        if a_in:
            kept.append(a)
        if a_in != b_in:
            share = (edge - a[axis]) / (b[axis] - a[axis])
            kept.append({axis: edge, other: a[other] + share * (b[other] - a[other])})
    return kept


def corners_of(region: Mapping[str, Any]) -> list[Point]:
    """The corners of a RegionOfInterest."""
    if "BoundingBox" in region:
        return Box.from_api(region["BoundingBox"]).corners
    return list(region.get("Polygon", ()))


def is_region(region: Mapping[str, Any]) -> bool:
    """Whether a RegionOfInterest is a box or a polygon, not both, with an area, within the picture.

    >>> is_region({"BoundingBox": {"Left": 0.5, "Top": 0, "Width": 0.5, "Height": 1}}), is_region({"Polygon": []})
    (True, False)
    """
    if ("BoundingBox" in region) == ("Polygon" in region):
        return False
    corners = corners_of(region)
    inside = all(0 <= corner.get(axis, -1) <= 1 for corner in corners for axis in ("X", "Y"))
    return inside and polygon_area(corners) > 0
