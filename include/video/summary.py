"""A clip in a few plain sentences, made of nothing but what stands in its record.

What was not found, is too unsure to be said, or was not asked for is not mentioned; what could not be looked at is,
with the reason. Text that was read in the picture and reasons are foreign: they are shortened to one printable line,
and text is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from include.catalog.attribution import plain_text
from include.catalog.records import AudioFeatures
from include.catalog.video import (
    NOT_ASKED_FOR,
    ClipMedia,
    Label,
    Measure,
    ModerationLabel,
    Production,
    Shot,
    TechnicalCue,
    TextLine,
    TimeSpan,
    Verdict,
    VideoLabels,
)
from include.video.verdict import LEAST_CONFIDENCE
from include.video.wording import counted, joined, named_colours, quoted, spelled_duration, spelled_times

SURE_CONFIDENCE = 0.75
"""From here on a finding is told without a proviso. Below it a label or a line of text is not told."""
LIKE_LINES = 3
"""So many lines of text that differ in their digits alone are a counter or a clock, told once."""
NEARLY_ALL, HARDLY_ANY = 0.95, 0.05
"""Shares of the time."""
MOST_LABELS = 6
MOST_LINES = 4
LONGEST_REASON = 240
WARM_BELOW_K, COOL_ABOVE_K = 4000, 8000

_CUES = {
    "BlackFrames": "black frames",
    "ColorBars": "colour bars",
    "EndCredits": "end credits",
    "OpeningCredits": "opening credits",
    "Slate": "a slate",
    "StudioLogo": "a studio logo",
}
_LIGHT = {"high": "bright, with few shadows (high key)", "low": "dark, with few bright parts (low key)"}
_DAYLIGHT = {"day": "filmed by day", "night": "filmed by night"}
_CAMERA = {
    "static": "stands still",
    "pan": "pans or moves sideways",
    "tilt": "tilts, rises or sinks",
    "zoom": "zooms, or moves forward or back",
    "handheld": "is held by hand",
}
_VOICES = {
    "voice": "somebody speaks or sings{when}",
    "instrumental": "no voice is heard",
    "mixed": "a voice is heard{when}, and stretches without one",
}
_UNSEEN = {
    "labels": "things and scenes",
    "shots": "shots",
    "text": "text",
    "moderation": "content to be warned of",
    "production": "light, colour and motion",
    "audio": "sound",
}
_DIGITS = re.compile(r"\d+")
_SINGULAR = frozenset({"text", "moderation", "audio"})


def summarise(record: VideoLabels) -> str:
    """Tell what is known of a clip; ``summary_text`` of the record itself is not looked at."""
    return " ".join(_sentences(record))


def _sentences(record: VideoLabels) -> Iterator[str]:
    duration_s = record.media.duration_s
    yield about_media(record.media)
    yield from about_shots(record.shots, record.production)
    yield from about_cues(record.cues, duration_s)
    if record.production is not None:
        yield from about_production(record.production)
    yield from about_labels(record.labels, duration_s)
    yield from about_text(record.text, duration_s, left_out=record.text_left_out)
    yield from about_moderation(record.moderation, duration_s)
    if record.audio is not None:
        yield from about_sound(record.audio, record.production)
    elif not record.media.has_audio:
        yield "It has no sound."
    yield from about_skipped(
        {name: why for name, why in record.skipped.items() if name != "audio" or record.media.has_audio}
    )


def about_media(media: ClipMedia) -> str:
    """Say how long the clip is, which way up, and how large.

    >>> about_media(ClipMedia(duration_s=65, width=1920, height=1080, rotation_deg=90, frame_rate=25.0, codec="h264",
    ...     has_audio=True))
    'The clip is in portrait format, 1080 by 1920 pixels, and lasts 1 minute 5 seconds.'
    """
    width, height = (media.width, media.height) if media.rotation_deg % 180 == 0 else (media.height, media.width)
    shape = "square" if width == height else f"in {'landscape' if width > height else 'portrait'} format"
    lasting = "" if media.duration_s is None else f", and lasts {spelled_duration(media.duration_s)}"
    size = "a single pixel" if width == height == 1 else f"{width} by {height} pixels"
    return f"The clip is {shape}, {size}{lasting}."


def about_shots(shots: Sequence[Shot], production: Production | None) -> Iterator[str]:
    """Say how many shots there are, and how long one typically is: the median.

    >>> list(about_shots([Shot(start_s=0.0, end_s=8.0, confidence=0.9)], None))
    ['It is a single shot without a cut.']
    """
    if len(shots) == 1:
        yield "It is a single shot without a cut."
    elif shots:
        median_s = None if production is None else _known(production.median_shot_s)
        lasting = "" if median_s is None else f", typically {spelled_duration(median_s)} long"
        yield f"It has {counted(len(shots), 'shot')}{lasting}."


def about_cues(cues: Sequence[TechnicalCue], duration_s: float | None) -> Iterator[str]:
    """Say which stretches are no content.

    >>> list(about_cues([TechnicalCue(cue="BlackFrames", start_s=0.0, end_s=1.5, confidence=1.0)], 60.0))
    ['There are black frames from 0:00 to 0:02.']
    """
    spans: dict[str, list[TimeSpan]] = {}
    for cue in cues:
        if cue.cue in _CUES:
            spans.setdefault(_CUES[cue.cue], []).append(TimeSpan(start_s=cue.start_s, end_s=cue.end_s))
    if spans:
        told = [f"{name} {spelled_times(when, duration_s)}" for name, when in spans.items()]
        verb = "is" if next(iter(spans)).startswith("a ") else "are"
        yield f"There {verb} {joined(told)}."


def about_production(production: Production) -> Iterator[str]:
    """Say what an editor wants to know of light, colour and camera."""
    daylight = _told(production.daylight, _DAYLIGHT, unsure="probably")
    light = _told(production.lighting_key, _LIGHT, unsure="mostly")
    if daylight:
        yield f"It was {daylight}."
    if light:
        yield f"The picture is {light}."
    colours = named_colours((swatch.colour, swatch.share) for swatch in production.palette.value)
    if colours and _sure_enough(production.palette.confidence):
        is_one = len(colours) == 1 and " of " not in colours[0]
        yield f"The main colour{' is' if is_one else 's are'} {joined(colours)}."
    temperature_k = _known(production.colour_temperature_k)
    if temperature_k is not None and not WARM_BELOW_K <= temperature_k <= COOL_ABOVE_K:
        cast = "warm" if temperature_k < WARM_BELOW_K else "cool"
        yield f"Its colours are {cast}, at about {round(temperature_k, -2):,.0f} K."
    camera = _told(production.camera_motion, _CAMERA, unsure="mostly")
    if camera:
        yield f"The camera {camera}."


def about_labels(labels: Sequence[Label], duration_s: float | None) -> Iterator[str]:
    """Say what is seen and when; of a car and a vehicle only the car, unless the vehicle has a box of its own.

    >>> def label(name, *parents, end_s=9.0):
    ...     return Label(name=name, parents=parents, confidence_max=0.9,
    ...         segments=(TimeSpan(start_s=0.0, end_s=end_s),), instances=())
    >>> list(about_labels([label("Vehicle"), label("Car", "Vehicle"), label("Tree", end_s=2.0)], 9.0))
    ['It shows, in the words of the service: Car (throughout) and Tree (from 0:00 to 0:02).']
    """
    sure = [label for label in labels if label.confidence_max >= SURE_CONFIDENCE]
    told_by_others = {parent for label in sure for parent in label.parents}
    own = [label for label in sure if label.instances or label.name not in told_by_others]
    if not own:
        return
    told = []
    for label in own[:MOST_LABELS]:
        together = f", up to {len(label.instances)} at once" if len(label.instances) > 1 else ""
        told.append(f"{plain_text(label.name, 60)} ({spelled_times(label.segments, duration_s)}{together})")
    if len(own) > MOST_LABELS:
        told.append(f"{len(own) - MOST_LABELS} more")
    yield f"It shows, in the words of the service: {joined(told)}."


def about_text(lines: Sequence[TextLine], duration_s: float | None, *, left_out: int = 0) -> Iterator[str]:
    """Say what can be read in the picture, the lines that stand longest; of a counter or a clock one line.

    >>> line = TextLine(text="EXIT", start_s=1.0, end_s=4.0, confidence=0.99, box=None)
    >>> list(about_text([line], 60.0))
    ['The picture reads "EXIT" from 0:01 to 0:04.']
    >>> from dataclasses import replace
    >>> clock = [replace(line, text=f"12:00:0{second}", start_s=second, end_s=second + 1.0) for second in range(5)]
    >>> list(about_text(clock, 60.0))
    ['The picture reads changing digits such as "12:00:00" from 0:00 to 0:05.']
    """
    like: dict[str, dict[str, list[TimeSpan]]] = {}
    for line in lines:
        if line.confidence >= SURE_CONFIDENCE and plain_text(line.text):
            alike = like.setdefault(_DIGITS.sub("0", line.text), {})
            alike.setdefault(quoted(line.text), []).append(TimeSpan(start_s=line.start_s, end_s=line.end_s))
    when: dict[str, list[TimeSpan]] = {}
    for alike in like.values():
        if len(alike) < LIKE_LINES:
            when.update(alike)
            continue
        spans = [span for spans in alike.values() for span in spans]
        seen = TimeSpan(start_s=min(span.start_s for span in spans), end_s=max(span.end_s for span in spans))
        when[f"changing digits such as {next(iter(alike))}"] = [seen]
    if not when:
        return
    longest = sorted(when, key=lambda text: -sum(span.end_s - span.start_s for span in when[text]))[:MOST_LINES]
    told = [f"{text} {spelled_times(when[text], duration_s)}" for text in when if text in longest]
    further = len(when) - len(longest) + left_out
    if further:
        told.append(counted(further, "more line"))
    yield f"The picture reads {joined(told)}."


def about_moderation(found: Sequence[ModerationLabel], duration_s: float | None) -> Iterator[str]:
    """Say what some viewers should be warned of, by the finest names of the taxonomy.

    >>> seen = (TimeSpan(start_s=2.0, end_s=2.5),)
    >>> violence = ModerationLabel(name="Violence", parent=None, level=1, confidence_max=0.9, segments=seen)
    >>> weapon = ModerationLabel(name="Weapon Violence", parent="Violence", level=2, confidence_max=0.9, segments=seen)
    >>> list(about_moderation([violence, weapon], 60.0))
    ['Some viewers should be warned of: Weapon Violence (at 0:02).']
    """
    told_by_others = {label.parent for label in found}
    own = [label for label in found if label.name not in told_by_others]
    if own:
        told = [f"{plain_text(label.name, 60)} ({spelled_times(label.segments, duration_s)})" for label in own]
        yield f"Some viewers should be warned of: {joined(told)}."


def about_sound(audio: AudioFeatures, production: Production | None) -> Iterator[str]:
    """Say what is heard: whether there are voices, how loud, how fast and in which key."""
    if audio.voice == "silent":
        yield "Its sound track is silent."
        return
    if audio.voice_confidence >= LEAST_CONFIDENCE:
        heard = ("" if audio.voice_confidence >= SURE_CONFIDENCE else "probably ") + _VOICES[audio.voice]
        share = None if production is None else _known(production.speech_share)
        heard = heard.format(when="" if share is None else f" {_share_of_time(share)}")
        yield f"{heard[:1].upper()}{heard[1:]}."
    if audio.loudness_lufs is not None:
        yield f"The sound has a loudness of {audio.loudness_lufs:.1f} LUFS."
    if audio.tempo_bpm is not None and audio.tempo_confidence >= LEAST_CONFIDENCE:
        yield f"A beat of about {audio.tempo_bpm:.0f} a minute is heard."
    if audio.key is not None and audio.key_confidence >= LEAST_CONFIDENCE:
        yield f"The sound is in the key of {audio.key} {audio.mode}."


def about_skipped(skipped: Mapping[str, str]) -> Iterator[str]:
    """Say what was not looked at though it was asked for, and why; what has the same reason stands together.

    >>> list(about_skipped({"text": "denied", "audio": "it cannot be decoded.", "shots": "denied"}))
    ['Text and shots were not analysed: denied.', 'Sound was not analysed: it cannot be decoded.']
    >>> list(about_skipped({"moderation": NOT_ASKED_FOR}))
    []
    """
    features_of: dict[str, list[str]] = {}
    for feature, reason in skipped.items():
        if reason != NOT_ASKED_FOR:
            features_of.setdefault(plain_text(reason, LONGEST_REASON).rstrip("."), []).append(feature)
    for reason, features in features_of.items():
        names = joined([_UNSEEN.get(feature, plain_text(feature)) for feature in features])
        verb = "was" if len(features) == 1 and features[0] in _SINGULAR else "were"
        yield f"{names[:1].upper()}{names[1:]} {verb} not analysed: {reason}."


def _told(verdict: Verdict, words: Mapping[str, str], *, unsure: str) -> str | None:
    """Put a verdict into words; ``None`` when it is unknown, too unsure, or not worth a sentence."""
    told = words.get(verdict.value or "")
    if told is None or verdict.confidence is None or verdict.confidence < LEAST_CONFIDENCE:
        return None
    return told if verdict.confidence >= SURE_CONFIDENCE else f"{unsure} {told}"


def _known(measure: Measure) -> float | None:
    return measure.value if _sure_enough(measure.confidence) else None


def _share_of_time(share: float) -> str:
    """Write how much of the time something is heard.

    >>> _share_of_time(0.99), _share_of_time(0.43), _share_of_time(0.01)
    ('nearly all the time', 'about 43% of the time', 'hardly ever')
    """
    if share >= NEARLY_ALL:
        return "nearly all the time"
    return f"about {share:.0%} of the time" if share > HARDLY_ANY else "hardly ever"


def _sure_enough(confidence: float | None) -> bool:
    return confidence is not None and confidence >= LEAST_CONFIDENCE
