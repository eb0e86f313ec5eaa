"""What an editor asks of a clip before looking at it, in one decoding pass that leaves a contact sheet behind, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from include.catalog.records import AudioFeatures
from include.catalog.video import Measure, Production, Shot, Verdict
from include.video.colour import ColourMeter
from include.video.contact_sheet import ContactSheet
from include.video.frames import Footage
from include.video.motion import MotionMeter
from include.video.probe import MediaFacts

PRODUCTION_VERSION = "2"
"""Raise it whenever the same clip would get other measures."""
SQUARE_WITHIN = 0.02
"""How far width through height may be from 1 in a square picture."""


def measure_production(
    path: Path, *, shots: Sequence[Shot], facts: MediaFacts, audio: AudioFeatures | None, sheet: Path | None
) -> Production:
    """Measure a clip, and draw its contact sheet.

    It is decoded once, in memory that does not grow with its length; see ``include.video.frames`` for what is looked at
    of a long one. Whatever of a damaged clip can be decoded counts. When nothing can, the measures of the picture are
    unknown and no sheet is written.

    :param shots: what lies between its cuts; empty when that is not known.
    :param facts: what ``probe_media`` said of it.
    :param audio: what was heard; ``None`` when the clip has no sound.
    :param sheet: where the contact sheet goes, a JPEG; ``None`` for none.
    :raises MediaError: when it cannot be opened, has no picture, or is of a codec that is not decoded.
    :raises OSError: when it cannot be read, or the sheet cannot be written.
    """
    shots = sorted(shots, key=lambda shot: shot.start_s)
    tiles = ContactSheet(shots)
    footage = Footage(path, facts, moments=tiles.moments if sheet else ())
    colours, motion = ColourMeter(), MotionMeter([shot.start_s for shot in shots[1:]])
    for view in footage:
        if view.sampled:
            colours.add(view.picture)
            motion.add(view)
        if sheet:
            tiles.offer(view)
    if sheet:
        _fill(tiles, footage)
        tiles.write(sheet)
    looks = colours.colours()
    return Production(
        shots_per_minute=shots_per_minute(shots, facts.duration_s or footage.seen_until_s),
        median_shot_s=median_shot(shots),
        lighting_key=looks.lighting_key(),
        daylight=looks.daylight(),
        palette=looks.palette(),
        colour_temperature_k=looks.temperature(),
        contrast=looks.contrast(),
        camera_motion=motion.camera(),
        camera_speed=motion.speed(),
        scene_motion=motion.scene(),
        aspect_ratio=_aspect(footage.aspect_ratio),
        orientation=orientation_of(footage.aspect_ratio),
        loudness_lufs=_loudness(audio),
        speech_share=_speech(audio),
    )


def _fill(tiles: ContactSheet, footage: Footage) -> None:
    """Look once more for the shots of a long film of which no picture was decoded."""
    if footage.whole:
        return
    for tile in tiles.tiles:
        if not tile.is_shown and (view := footage.near(tile.middle_s)):
            tile.offer(view)


def shots_per_minute(shots: Sequence[Shot], duration_s: float) -> Measure:
    """Tell the pace of cutting; its confidence is that of the shots, on average.

    >>> cut = [Shot(start_s=0, end_s=10, confidence=0.9), Shot(start_s=10, end_s=30, confidence=0.7)]
    >>> pace = shots_per_minute(cut, 30.0)
    >>> pace.value, pace.confidence
    (4.0, 0.8)
    """
    unit = "shots a minute"
    duration_s = max([duration_s, *(shot.end_s for shot in shots)])
    if not shots or duration_s <= 0:
        return Measure(value=None, unit=unit, method="no shots known", confidence=None)
    value = round(len(shots) * 60 / duration_s, 2)
    return Measure(value=value, unit=unit, method="shots through duration", confidence=_confidence(shots))


def median_shot(shots: Sequence[Shot]) -> Measure:
    """Tell how long a shot is: the median."""
    if not shots:
        return Measure(value=None, unit="s", method="no shots known", confidence=None)
    value = round(median(max(0.0, shot.end_s - shot.start_s) for shot in shots), 3)
    return Measure(value=value, unit="s", method="median of the shots' lengths", confidence=_confidence(shots))


def orientation_of(aspect_ratio: float | None) -> Verdict:
    """Name the shape of the picture.

    >>> [orientation_of(ratio).value for ratio in (16 / 9, 9 / 16, 1.01, None)]
    ['landscape', 'portrait', 'square', None]
    """
    unit = "landscape | portrait | square"
    if aspect_ratio is None:
        return Verdict(value=None, unit=unit, method="no picture", confidence=None)
    value = "landscape" if aspect_ratio > 1 else "portrait"
    value = "square" if abs(aspect_ratio - 1) <= SQUARE_WITHIN else value
    return Verdict(value=value, unit=unit, method="width through height, upright", confidence=1.0)


def _aspect(aspect_ratio: float | None) -> Measure:
    unit = "width / height"
    if aspect_ratio is None:
        return Measure(value=None, unit=unit, method="no picture", confidence=None)
    method = "size of the picture, upright, with the shape of its pixels"
    return Measure(value=round(aspect_ratio, 4), unit=unit, method=method, confidence=1.0)


def _loudness(audio: AudioFeatures | None) -> Measure:
    if audio is None or audio.loudness_lufs is None:
        method = "no sound" if audio is None else "nothing loud enough to be measured"
        return Measure(value=None, unit="LUFS", method=method, confidence=None)
    method = "integrated loudness, ITU-R BS.1770-4"
    return Measure(value=audio.loudness_lufs, unit="LUFS", method=method, confidence=1.0)


def _speech(audio: AudioFeatures | None) -> Measure:
    unit = "share of the duration"
    if audio is None or audio.speech_share is None:
        method = "no sound" if audio is None else "not measured"
        return Measure(value=None, unit=unit, method=method, confidence=None)
    method = "stretches of 6 s in which a voice is heard, speaking or singing"
    return Measure(value=audio.speech_share, unit=unit, method=method, confidence=audio.voice_confidence)


def _confidence(shots: Sequence[Shot]) -> float | None:
    """Return the mean confidence of the shots that have one; ``None`` when none has."""
    known = [shot.confidence for shot in shots if shot.confidence is not None]
    return round(sum(known) / len(known), 3) if known else None
