"""From a clip and what its analyses found to its record: pictures and sound are measured here, the rest is merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from include.audio.analyse import ANALYSER_VERSION as AUDIO_VERSION
from include.audio.analyse import analyse_audio
from include.audio.errors import AudioError
from include.catalog.records import AudioFeatures
from include.catalog.video import ClipMedia, Engine, Production, VideoLabels
from include.video.labels import MERGING_VERSION, Findings, Record, findings_from_records
from include.video.probe import MediaError, MediaFacts, NoPicture, PictureUndecodable, measured_duration_s, probe_media
from include.video.production import PRODUCTION_VERSION, measure_production
from include.video.summary import summarise

ANALYSER_VERSION = f"merging {MERGING_VERSION}, production {PRODUCTION_VERSION}, audio {AUDIO_VERSION}"
SKIPPED_AS = {"labels": "labels", "segments": "shots", "text": "text", "moderation": "moderation"}
"""What the record calls an analysis that was not made."""
LEAST_BITS_PER_S = 8000
"""A film that is smaller for its length may lie about it; if not, measuring says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What is known of a clip before it is looked at."""

    asset_id: str
    original_name: str
    attribution_required: bool
    attribution_text: str
    contact_sheet_key: str
    proxy_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyses:
    """What Rekognition found in a clip, by analysis: ``labels``, ``segments``, ``text``, ``moderation``.

    Each is in ``records`` with its model in ``model_versions``, or in ``refused`` with the reason.
    """

    records: Mapping[str, Iterable[Record]]
    """Flat records, which can be read anew."""
    model_versions: Mapping[str, str | None]
    refused: Mapping[str, str]


def describe_clip(path: Path, sheet: Path, clip: Clip, analyses: Analyses) -> VideoLabels:
    """Return the record of a clip, and write its contact sheet.

    What cannot be found out stands in the record's ``skipped`` with its reason.

    :param path: the clip as it came.
    :param sheet: where the contact sheet goes; nothing is there when the record names none.
    :raises MediaError: when its pictures cannot be decoded, and no analysis by others says anything either.
    """
    facts = probe_clip(path)
    media = media_from_facts(facts, path.name)
    findings = findings_from_records(analyses.records, duration_s=media.duration_s)
    skipped = {
        name: analyses.refused[analysis] for analysis, name in SKIPPED_AS.items() if analysis in analyses.refused
    }
    if "segments" in analyses.records and not findings.shots:
        skipped["shots"] = "the analysis found none"
    audio = _audio(path, clip, facts, skipped)
    production = _production(path, sheet, findings, facts, audio, skipped, is_all=not analyses.records)
    record = VideoLabels(
        asset_id=clip.asset_id,
        original_name=clip.original_name,
        attribution_required=clip.attribution_required,
        attribution_text=clip.attribution_text,
        media=media,
        labels=findings.labels,
        shots=findings.shots,
        cues=findings.cues,
        text=findings.text,
        text_left_out=findings.lines_left_out,
        moderation=findings.moderation,
        production=production,
        audio=audio,
        summary_text="",
        engine=Engine(service="rekognition", model_version=one_version(analyses.model_versions)),
        skipped=skipped,
        contact_sheet_key=clip.contact_sheet_key if production is not None else None,
        proxy_key=clip.proxy_key,
        analyser_version=ANALYSER_VERSION,
    )
    return replace(record, summary_text=summarise(record))


def probe_clip(path: Path) -> MediaFacts:
    """Tell what a clip holds; a length that its header does not tell, or that its size belies, is measured.

    :raises NotMedia, HeaderBroken: when it is no media.
    """
    facts = probe_media(path)
    if facts.duration_s is None or 8 * (facts.size_bytes or 0) < LEAST_BITS_PER_S * facts.duration_s:
        with path.open("rb") as file:
            return replace(facts, duration_s=measured_duration_s(file, name=path.name))
    return facts


def media_from_facts(facts: MediaFacts, name: str) -> ClipMedia:
    """Return what the record says of a film as a file.

    :raises NoPicture: when there is no video stream.
    """
    if facts.video is None:
        raise NoPicture(f"{name} has no picture: it is no clip")
    duration_s = facts.duration_s
    return ClipMedia(
        duration_s=None if duration_s is None else round(duration_s, 3),
        width=facts.video.width,
        height=facts.video.height,
        rotation_deg=facts.video.rotation_deg,
        frame_rate=None if facts.video.frame_rate is None else round(facts.video.frame_rate, 3),
        codec=facts.video.codec,
        has_audio=bool(facts.audio),
    )


def one_version(versions: Mapping[str, Any]) -> str | None:
    """Write the model versions of several analyses, once if they are all the same.

    >>> one_version({"labels": "3.0", "text": "3.0"}), one_version({"text": "3.1", "labels": "3.0"}), one_version({})
    ('3.0', 'labels 3.0, text 3.1', None)
    """
    told = {analysis: str(version) for analysis, version in sorted(versions.items()) if version is not None}
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), None)
    return ", ".join(f"{analysis} {version}" for analysis, version in told.items())


def _audio(path: Path, clip: Clip, facts: MediaFacts, skipped: dict[str, str]) -> AudioFeatures | None:
    if not facts.audio:
        skipped["audio"] = "the clip has no sound track"
        return None
    try:
        return analyse_audio(
            path,
            asset_id=clip.asset_id,
            original_name=clip.original_name,
            attribution_required=clip.attribution_required,
            attribution_text=clip.attribution_text,
        )
    except AudioError as error:
        skipped["audio"] = str(error)
        return None


def _production(
    path: Path,
    sheet: Path,
    findings: Findings,
    facts: MediaFacts,
    audio: AudioFeatures | None,
    skipped: dict[str, str],
    *,
    is_all: bool,
) -> Production | None:
    """Measure the pictures. Where none can be decoded there is no sheet, which is an error when it ``is_all`` there is.

    :raises MediaError: then.
    """
    import cv2

    try:
        try:
            production = measure_production(path, shots=findings.shots, facts=facts, audio=audio, sheet=sheet)
        except cv2.error as error:
            raise PictureUndecodable(f"{path.name}: its pictures cannot be measured ({error})") from error
        if not sheet.exists():
            raise PictureUndecodable(f"{path.name}: not one of its pictures can be decoded")
    except MediaError as error:
        if is_all:
            raise
        skipped["production"] = str(error)
        return None
    return production
