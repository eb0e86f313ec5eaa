"""The record of what is known of a video clip: ``<stem>_labels.json``.

Times are seconds from the first frame, confidences go from 0 to 1, boxes are shares of the frame as analysed.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.catalog.records import AudioFeatures

NOT_ASKED_FOR = "not asked for"
"""The reason, in ``skipped``, of an analysis that nobody wanted: nothing that a reader has to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """A stretch of the clip."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in the frame, as shares of its width and height from the top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelInstance:
    """One thing seen at one moment."""

    at_s: float
    confidence: float
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Something seen in the clip."""

    name: str
    parents: tuple[str, ...]
    confidence_max: float
    segments: tuple[TimeSpan, ...]
    """When it was seen; sightings that follow each other closely are one stretch."""
    instances: tuple[LabelInstance, ...]
    """The things themselves at the one moment that shows the most of them; empty where only the scene is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What lies between two cuts: ``start_s`` belongs to it, ``end_s`` does not, for there the next shot begins.

    The last one ends with the film, or where its pictures end.
    """

    start_s: float
    end_s: float
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnicalCue:
    """A stretch that an editor treats on its own: ``BlackFrames``, ``ColorBars``, ``EndCredits``, ``Content``, ...

    ``start_s`` belongs to it, ``end_s`` does not.
    """

    cue: str
    start_s: float
    end_s: float
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLine:
    """A line of text in the picture, with the box of its surest sighting."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    box: Box | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationLabel:
    """Content that some audiences should not meet unwarned; ``level`` 1 is the coarsest of the taxonomy."""

    name: str
    parent: str | None
    level: int | None
    confidence_max: float
    segments: tuple[TimeSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number about the clip, and how far it may be trusted."""

    value: float | None
    unit: str
    method: str
    confidence: float | None
    """From 0 to 1; ``None`` with an unknown value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A word about the clip, and how far it may be trusted."""

    value: str | None
    unit: str
    """The words it may be, as ``high | low | normal``."""
    method: str
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """A colour of the palette: sRGB as ``#rrggbb``, and which share of the picture it covers."""

    colour: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The main colours, the largest first."""

    value: tuple[Swatch, ...]
    unit: str
    method: str
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What an editor asks of a clip before looking at it."""

    shots_per_minute: Measure
    median_shot_s: Measure
    lighting_key: Verdict
    daylight: Verdict
    palette: Palette
    colour_temperature_k: Measure
    contrast: Measure
    camera_motion: Verdict
    camera_speed: Measure
    scene_motion: Measure
    aspect_ratio: Measure
    orientation: Verdict
    loudness_lufs: Measure
    speech_share: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipMedia:
    """The clip as a file; width and height in pixels as coded, before the rotation."""

    duration_s: float | None
    width: int
    height: int
    rotation_deg: int
    frame_rate: float | None
    codec: str
    has_audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Who looked: the service and its model versions, one for all analyses or ``labels 3.0, text 3.1``."""

    service: str
    model_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLabels:
    """What was seen and heard in a clip, and what an editor wants to know of it."""

    asset_id: str
    original_name: str
    attribution_required: bool
    attribution_text: str
    media: ClipMedia
    labels: tuple[Label, ...]
    shots: tuple[Shot, ...]
    cues: tuple[TechnicalCue, ...]
    text: tuple[TextLine, ...]
    text_left_out: int
    """Further lines of text, each of which stood no longer than those in ``text``."""
    moderation: tuple[ModerationLabel, ...]
    production: Production | None
    """``None`` when the pictures cannot be decoded here, see ``skipped``."""
    audio: AudioFeatures | None
    """What was heard; ``None`` when the clip has no sound that can be heard, see ``skipped``."""
    summary_text: str
    """All this in a few plain sentences."""
    engine: Engine
    skipped: dict[str, str]
    """What was not looked at, and why: ``labels``, ``shots``, ``text``, ``moderation``, ``production``, ``audio`` to a
    reason."""
    contact_sheet_key: str | None
    """Key, in the processed bucket, of a JPEG with one frame per shot."""
    proxy_key: str | None
    """Key, in the processed bucket, of the H.264 copy that was analysed; ``None`` when the raw file itself was."""
    analyser_version: str
    """Version of the production cues and of the merging; the services' own stand in ``engine``."""
