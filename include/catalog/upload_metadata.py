"""What the edge uploader noted on an object, held against what the key says. None of it is to be relied on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from include.catalog.keys import slug_from_name
from include.catalog.uploads import METADATA_CAPTURED_AT, METADATA_DEVICE, METADATA_SHA256, UNKNOWN_DEVICE, iso_utc

_SHA256 = re.compile(r"[0-9a-f]{64}")
CLOCK_ERROR = timedelta(days=1)
"""By how much the clock of a camera, or its zone, may be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadMetadata:
    """What is believed of the metadata, and in words what is missing or contradicts the key."""

    captured_at: str | None
    """In UTC, to the second."""
    sha256: str | None
    problems: tuple[str, ...]


def checked_metadata(metadata: Mapping[str, str], *, device: str, day: str, uploaded_at: str) -> UploadMetadata:
    """Read the user metadata of an upload.

    :param device: as the key has it, a slug.
    :param day: ``YYYYMMDD``, as the key has it.
    :param uploaded_at: ISO 8601 with a zone.

    >>> noted = {"device": "cam 1", "captured-at": "2026-03-01T07:30:00+01:00", "sha256": "ab"}
    >>> checked_metadata(noted, device="cam-1", day="20260301", uploaded_at="2026-03-01T09:00:00Z")
    UploadMetadata(captured_at='2026-03-01T06:30:00Z', sha256=None, problems=('sha256 in the metadata is no sha256',))
    """
    problems = []
    if METADATA_DEVICE not in metadata:
        problems.append("no device in the metadata")
    elif (said := slug_from_name(metadata[METADATA_DEVICE])) != device:
        in_key = "none" if device == UNKNOWN_DEVICE else device
        problems.append(f"the metadata says device {said}, the key says {in_key}")
    captured, problem = _captured(metadata.get(METADATA_CAPTURED_AT), day, datetime.fromisoformat(uploaded_at))
    problems += [problem] if problem else []
    sha256 = metadata.get(METADATA_SHA256, "").strip().lower()
    if not _SHA256.fullmatch(sha256):
        problems.append("sha256 in the metadata is no sha256" if sha256 else "no sha256 in the metadata")
        sha256 = ""
    return UploadMetadata(
        captured_at=iso_utc(captured) if captured else None,
        sha256=sha256 or None,
        problems=tuple(problems),
    )


def _captured(text: str | None, day: str, uploaded: datetime) -> tuple[datetime | None, str | None]:
    if not text:
        return None, "no captured-at in the metadata"
    try:
        local = datetime.fromisoformat(text.strip())
        captured = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None, "captured-at in the metadata is no time"
    if local.tzinfo is None:
        return None, "captured-at in the metadata has no time zone"
    if captured > uploaded + CLOCK_ERROR:
        return captured, f"captured at {text.strip()}, after the upload at {uploaded.isoformat()}"
    if abs(local.date() - datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()) > CLOCK_ERROR:
        return captured, f"captured on {local.date().isoformat()}, the key says {day}"
    return captured, None
