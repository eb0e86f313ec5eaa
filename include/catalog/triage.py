"""The record of what became of a dash-cam upload: ``<stem>_triage.json``, and what it is decided on.

Times are seconds from the first frame, confidences and weights go from 0 to 1 unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from include.catalog.records import Failure, State
from include.catalog.video import Engine, Label, Shot, TechnicalCue, TextLine

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
    """Sounds far above the film's own level, in LU above its median momentary loudness."""
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
    excluded: tuple[str, ...] = ()
    """Why rules that were met did not count: what spoke for something harmless, and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageAnalysis:
    """What the paid analyses saw in an upload: ``<stem>_analysis.json``."""

    asset_id: str
    original_name: str
    duration_s: float | None
    labels: tuple[Label, ...]
    shots: tuple[Shot, ...]
    cues: tuple[TechnicalCue, ...]
    text: tuple[TextLine, ...]
    text_left_out: int
    """Further lines of text, each of which stood no longer than those in ``text``."""
    engine: Engine
    skipped: dict[str, str]
    """``labels``, ``segments`` or ``text`` to the reason why it was not looked at."""
    analyser_version: str
    """Version of the merging of what the services answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word as it was heard; the confidence of one that was redacted is not known."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """How something was said; the four shares make 1."""

    positive: float
    negative: float
    neutral: float
    mixed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What one speaker said without a long pause: about a sentence."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None
    """The mean over its words."""
    speaker: str | None
    words: tuple[Word, ...]
    sentiment: Sentiment | None
    """Of a long utterance, that of its most negative part; ``None`` when nobody said, see ``skipped``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said in an upload, and how: ``<stem>_transcript.json``. Nobody speaking is a transcript, too."""

    asset_id: str
    original_name: str
    job_id: str | None
    """The transcription that it is from; ``None`` when there was none, see ``skipped``."""
    language: str | None
    text: str
    utterances: tuple[Utterance, ...]
    sentiment_usd: float
    """What the sentiment of the utterances cost by the rate card."""
    skipped: dict[str, str]
    """``transcript`` or ``sentiment`` to the reason why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOutcome:
    """One upload in a run's summary."""

    asset_id: str
    title: str
    original_name: str
    state: State
    decision: Decision | None = None
    score: float | None = None
    moments_s: tuple[float, ...] = ()
    decided_by: str | None = None
    screened_out: bool = False
    storage_class: str | None = None
    triage_key: str | None = None
    duplicate_of: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageRunSummary:
    """What one run of ``triage_footage`` made of the uploads that it took: ``summary.json``."""

    dag_id: str
    run_id: str
    run: str
    taken: int
    analysed: int
    failed: int
    duplicates: int
    unfinished: int
    """Taken, and neither decided nor failed: a task broke."""
    incidents: int
    reviews: int
    normal: int
    screened_out: int
    """Uploads in which the cheap look saw nothing."""
    quoted_usd: float | None
    """What the analyses were to cost by the rate card before they began."""
    saved_usd: float | None
    """What the analyses of the uploads that were screened out would have cost."""
    paid_usd: float | None
    """What the paid jobs that this run started cost by the rate card, sentiment included."""
    uploads: tuple[UploadOutcome, ...]


def incident_id(asset_id: str) -> str:
    """Name the incident that an upload shows: one alert is sent of it, however often it is decided on.

    >>> incident_id("72dd7859ed3d483250bbd410")
    'inc-72dd7859ed3d483250bbd410'
    """
    return f"inc-{asset_id}"
