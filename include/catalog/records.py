"""The records that the platform writes, one frozen dataclass each; ``docs/schemas/`` holds them as JSON Schema.

Every value carries its unit in its name and is ``None`` when it cannot be known. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Voice = Literal["voice", "instrumental", "mixed", "silent"]
Mode = Literal["major", "minor"]
State = Literal["claimed", "landed", "analysed", "failed", "duplicate", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence as the closed table knows it, with what the source said as evidence."""

    id: str
    version: str | None
    url: str
    raw: str
    attribution_required: bool
    allows_derivatives: bool
    allows_commercial: bool
    share_alike: bool
    allows_redistribution: bool = True
    """Whether the work may be passed on as it came, alone. All of Creative Commons allows it, some stock media do not:
    there only what is made with the work may be published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a raw file comes from and what may be done with it; stands beside every object in the raw bucket."""

    asset_id: str
    source: str
    source_id: str
    source_url: str
    download_url: str
    title: str
    creator: str | None
    licence: Licence
    attribution_required: bool
    attribution_text: str
    allows_derivatives: bool
    allows_commercial: bool
    retrieved_at: str
    sha256: str
    bytes: int
    media_type: str
    original_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFeatures:
    """What was heard in an audio file."""

    asset_id: str
    original_name: str
    duration_s: float
    sample_rate_hz: int
    channels: int
    codec: str
    loudness_lufs: float | None
    loudness_range_lu: float | None
    true_peak_dbtp: float | None
    rms_dbfs: float | None
    silence_share: float
    voice: Voice
    voice_confidence: float
    speech_share: float | None
    """Share of the whole duration in which somebody speaks or sings, 0 to 1; 0 when it is silent."""
    tempo_bpm: float | None
    tempo_candidates_bpm: tuple[float, ...]
    tempo_confidence: float
    key: str | None
    mode: Mode | None
    key_confidence: float
    attribution_required: bool
    attribution_text: str
    windows: Literal["whole", "sampled"]
    analyser_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an asset did not make it: at which stage, and whether another try may help."""

    stage: str
    error: str
    message: str
    retryable: bool
    job_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOutcome:
    """One asset in a run's summary."""

    asset_id: str
    source_id: str
    title: str
    state: State
    original_name: str
    licence: str | None = None
    raw_key: str | None = None
    features_key: str | None = None
    labels_key: str | None = None
    contact_sheet_key: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What one run brought from one source."""

    dag_id: str
    run_id: str
    run: str
    media_type: str
    source: str
    campaign: str
    asked: int
    landed: int
    analysed: int
    failed: int
    duplicates: int
    rejected: int
    exhausted: bool
    """The catalogue had no further candidate, so that ``landed`` may be below ``asked``."""
    quoted_usd: float | None = None
    """What the run's paid jobs, on the assets of every source, were to cost by the rate card before they began."""
    paid_usd: float | None = None
    """What the paid jobs that this run started cost by the rate card; what others paid for before costs nothing."""
    assets: tuple[AssetOutcome, ...]


def record_to_json(record: Any) -> str:
    """Write a record as JSON, fields in the order of their declaration, so that equal records give equal bytes.

    >>> print(record_to_json(Failure(stage="land", error="EmptyFile", message="0 bytes", retryable=False)), end="")
    {
      "stage": "land",
      "error": "EmptyFile",
      "message": "0 bytes",
      "retryable": false,
      "job_id": null
    }

    :raises ValueError: for NaN or infinity, which JSON does not know.
    """
    return json.dumps(asdict(record), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
