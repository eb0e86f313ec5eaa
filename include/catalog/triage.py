"""The record of what became of a dash-cam upload: ``<stem>_triage.json``, and what it is decided on.

Times are seconds from the first frame, confidences and weights go from 0 to 1 unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Decision = Literal["incident", "review", "normal"]
Importance = Literal["high", "medium", "low"]
StorageClass = Literal["STANDARD", "STANDARD_IA", "DEEP_ARCHIVE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """A moment at which a signal stands out from what surrounds it."""

    at_s: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the cheap look at an upload measured, before anything is paid: ``<stem>_signals.json``."""

    duration_s: float | None
    has_video: bool
    has_audio: bool
    motion_peaks: tuple[Peak, ...]
    """Sudden changes of the camera's motion (braking, impact), in frame widths a second."""
    loudness_peaks: tuple[Peak, ...]
    """Sounds far above the film's own level, in LU above its median short-term loudness."""
    loudness_lufs: float | None
    analyser_version: str
    notes: tuple[str, ...] = ()
    """What could not be measured, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiredRule:
    """A rule that was met, and the moment at which it was."""

    rule: str
    weight: float
    evidence: str
    """What was seen or heard, in words for people."""
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where an upload is kept from now on, and why; dollars a month by the rate card."""

    storage_class: StorageClass
    reason: str
    monthly_usd_before: float
    monthly_usd_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """The decision about one upload."""

    asset_id: str
    original_name: str
    decision: Decision
    score: float
    rules_version: str
    fired: tuple[FiredRule, ...]
    moments_s: tuple[float, ...]
    """When it happened: one moment for rules that fired close together, the heaviest first."""
    decided_by: str
    """``rules``, or the name of the person who reviewed it, or ``default after the deadline``."""
    screened_out: bool
    """The cheap look saw nothing, so that no analysis was bought."""
    importance: Importance | None
    alert_id: str | None
    playback_url_expires_at: str | None
    storage: Storage | None
    skipped: dict[str, str]
    """Analyses that are missing from the decision, with the reason: no sound, refused, not asked for."""
