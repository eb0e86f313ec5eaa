"""Which part of the lake an object belongs to, and what that says about keeping it: ``lake_areas.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from include.catalog.triage import Importance
from include.settings import Settings

LAKE_AREAS = Path(__file__).with_name("lake_areas.yaml")

ROLES = ("ingest", "raw", "processed", "delivery", "archive", "reports")
"""The buckets of the lake, as ``Settings`` names them: ``raw`` is ``raw_bucket``."""


class AreasError(ValueError):
    """The areas cannot be used; the message names file, area and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of the lake. Either it ``keeps`` its objects where they are, or importance and prices decide."""

    name: str
    bucket: str | None = None
    prefix: str = ""
    suffixes: tuple[str, ...] = ()
    keeps: str = ""
    importance: Importance = "high"
    expected_reads_per_month: float = 0.0
    catalogue: bool = False

    @property
    def is_whole_prefix(self) -> bool:
        """Say whether a lifecycle rule, which knows prefixes and sizes alone, can speak of exactly its objects."""
        return bool(self.prefix) and not (self.suffixes or self.catalogue or self.keeps)


UNKNOWN = Area(name="unknown", keeps="it belongs to no area of lake_areas.yaml")


@dataclass(frozen=True)
class LakeAreas:
    """All areas, in the order in which they are looked through."""

    version: str
    areas: tuple[Area, ...]
    bucket_roles: Mapping[str, str]
    """The names of the buckets to their roles."""

    @classmethod
    def load(cls, settings: Settings, path: Path = LAKE_AREAS) -> LakeAreas:
        """Read the areas for the buckets of ``settings``.

        :raises AreasError: when the file is no YAML, or an area says something that is not known.
        """
        import yaml

        try:
            content = yaml.safe_load(path.read_text())
            areas = tuple(_area_from(fields) for fields in content["areas"])
            version = str(content["version"])
        except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
            missing = f"{error} is missing" if isinstance(error, KeyError) else error
            raise AreasError(f"{path}: {missing}") from error
        return cls(version, areas, {getattr(settings, f"{role}_bucket"): role for role in ROLES})

    @cached_property
    def _by_bucket(self) -> dict[str, tuple[Area, ...]]:
        return {
            bucket: tuple(area for area in self.areas if area.bucket in (None, role))
            for bucket, role in self.bucket_roles.items()
        }

    def area_of(self, bucket: str, key: str) -> Area:
        """Return the area of an object.

        >>> areas = LakeAreas.load(Settings())
        >>> areas.area_of("media-raw", "video/wikimedia/sea/20260301_063000/waves.mp4").name
        'raw video'
        >>> areas.area_of("media-raw", "video/wikimedia/sea/20260301_063000/waves.mp4.provenance.json").name
        'records'
        >>> areas.area_of("somebodys-bucket", "video/waves.mp4").keeps
        'it belongs to no area of lake_areas.yaml'
        """
        for area in self._by_bucket.get(bucket, ()):
            if key.startswith(area.prefix) and (not area.suffixes or key.endswith(area.suffixes)):
                return area
        return UNKNOWN


def _area_from(fields: Mapping[str, Any]) -> Area:
    name = fields["name"]
    try:
        known = Area.__dataclass_fields__.keys()
        if unknown := fields.keys() - known:
            raise ValueError(f"{', '.join(sorted(unknown))}: not a field of an area, which has {', '.join(known)}")
        area = Area(**{**fields, "suffixes": tuple(fields.get("suffixes", ()))})
        if area.bucket not in (None, *ROLES):
            raise ValueError(f"bucket must be one of {', '.join(ROLES)}, not {area.bucket!r}")
        if bool(area.keeps) == ("importance" in fields):
            raise ValueError("either keeps, with the reason, or importance")
        if area.importance not in get_args(Importance):
            raise ValueError(f"importance must be one of {', '.join(get_args(Importance))}, not {area.importance!r}")
        if not isinstance(area.expected_reads_per_month, int | float) or area.expected_reads_per_month < 0:
            raise ValueError(f"expected_reads_per_month must be a number from 0, not {area.expected_reads_per_month!r}")
    except (TypeError, ValueError) as error:
        raise ValueError(f"area {name!r}: {error}") from error
    return area
