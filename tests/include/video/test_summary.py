"""A clip in sentences: everything that is told stands in the record, and nothing is told of nothing."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.records import AudioFeatures
from include.catalog.video import (
    NOT_ASKED_FOR,
    ClipMedia,
    Engine,
    Measure,
    ModerationLabel,
    Palette,
    Production,
    Shot,
    Swatch,
    TechnicalCue,
    TextLine,
    TimeSpan,
    Verdict,
    VideoLabels,
)
from include.video.labels import findings_from_records
from include.video.summary import about_sound, summarise
from tests.include.video.findings import label, line, moderation

UNKNOWN = Measure(value=None, unit="", method="", confidence=None)
UNTOLD = Verdict(value=None, unit="", method="", confidence=None)
NOTHING_MEASURED = Production(
    shots_per_minute=UNKNOWN, median_shot_s=UNKNOWN, lighting_key=UNTOLD, daylight=UNTOLD,
    palette=Palette(value=(), unit="", method="", confidence=None), colour_temperature_k=UNKNOWN, contrast=UNKNOWN,
    camera_motion=UNTOLD, camera_speed=UNKNOWN, scene_motion=UNKNOWN, aspect_ratio=UNKNOWN, orientation=UNTOLD,
    loudness_lufs=UNKNOWN, speech_share=UNKNOWN,
)  # fmt: skip
MEDIA = ClipMedia(
    duration_s=60.0, width=1280, height=720, rotation_deg=0, frame_rate=25.0, codec="h264", has_audio=True
)
BARE = VideoLabels(
    asset_id="a", original_name="a.mp4", attribution_required=False, attribution_text="", media=MEDIA, labels=(),
    shots=(), cues=(), text=(), text_left_out=0, moderation=(), production=NOTHING_MEASURED, audio=None,
    summary_text="", engine=Engine(service="rekognition", model_version=None), skipped={}, contact_sheet_key=None,
    proxy_key=None, analyser_version="1",
)  # fmt: skip
SONG = AudioFeatures(
    asset_id="a", original_name="a.mp4", duration_s=60.0, sample_rate_hz=48_000, channels=2, codec="aac",
    loudness_lufs=-14.2, loudness_range_lu=5.0, true_peak_dbtp=-1.0, rms_dbfs=-17.0, silence_share=0.0, voice="mixed",
    voice_confidence=0.9, speech_share=0.4, tempo_bpm=120.0, tempo_candidates_bpm=(120.0, 60.0), tempo_confidence=0.8,
    key="A", mode="minor", key_confidence=0.7, attribution_required=False, attribution_text="", windows="whole",
    analyser_version="1",
)  # fmt: skip


def measured(value: float, confidence: float = 0.9) -> Measure:
    return Measure(value=value, unit="", method="", confidence=confidence)


def told(value: str, confidence: float = 0.9) -> Verdict:
    return Verdict(value=value, unit="", method="", confidence=confidence)


def test_of_a_clip_in_which_nothing_was_found_its_form_alone_is_told():
    assert summarise(BARE) == "The clip is in landscape format, 1280 by 720 pixels, and lasts 1 minute."


def test_a_clip_is_told_from_its_form_to_its_sound():
    found = findings_from_records(
        {
            "labels": [label("Car", moment / 2, 0.9, 0.1, 0.5, parents=("Vehicle",)) for moment in range(20)]
            + [label("Vehicle", moment / 2) for moment in range(20)],
            "text": [line("EXIT", 1.0), line("WAY OUT", 20.0)],
            "moderation": [moderation("Violence", 3.0)],
        },
        duration_s=60.0,
    )
    production = replace(
        NOTHING_MEASURED,
        median_shot_s=measured(4.0),
        lighting_key=told("low"),
        daylight=told("night", 0.6),
        palette=Palette(
            value=(Swatch(colour="#101020", share=0.7), Swatch(colour="#f08010", share=0.3)),
            unit="",
            method="",
            confidence=0.9,
        ),
        colour_temperature_k=measured(3150.0),
        camera_motion=told("pan"),
        speech_share=measured(0.4),
    )
    shots = tuple(Shot(start_s=start_s, end_s=start_s + 20, confidence=0.9) for start_s in (0.0, 20.0, 40.0))
    record = replace(
        BARE,
        media=replace(MEDIA, rotation_deg=90),
        labels=found.labels,
        text=found.text,
        moderation=found.moderation,
        shots=shots,
        cues=(TechnicalCue(cue="BlackFrames", start_s=58.0, end_s=60.0, confidence=1.0),),
        production=production,
        audio=SONG,
        skipped={"text": "AccessDeniedException: not today."},
    )
    assert summarise(record) == (
        "The clip is in portrait format, 720 by 1280 pixels, and lasts 1 minute. "
        "It has 3 shots, typically 4 seconds long. "
        "There are black frames from 0:58 to 1:00. "
        "It was probably filmed by night. "
        "The picture is dark, with few bright parts (low key). "
        "The main colours are black and orange. "
        "Its colours are warm, at about 3,200 K. "
        "The camera pans or moves sideways. "
        "It shows, in the words of the service: Car (from 0:00 to 0:10, up to 2 at once). "
        'The picture reads "EXIT" at 0:01 and "WAY OUT" at 0:20. '
        "Some viewers should be warned of: Violence (at 0:03). "
        "A voice is heard about 40% of the time, and stretches without one. "
        "The sound has a loudness of -14.2 LUFS. "
        "A beat of about 120 a minute is heard. "
        "The sound is in the key of A minor. "
        "Text was not analysed: AccessDeniedException: not today."
    )


def test_what_is_unsure_is_not_told():
    unsure = replace(
        NOTHING_MEASURED,
        daylight=told("day", 0.4),
        camera_motion=told("pan", 0.3),
        colour_temperature_k=measured(2000, 0.1),
        palette=Palette(value=(Swatch(colour="#ff0000", share=1.0),), unit="", method="", confidence=0.2),
    )
    found = findings_from_records({"labels": [label("Yeti", 1.0, 0.51)], "text": [line("I", 1.0, 0.59)]})
    record = replace(BARE, production=unsure, labels=found.labels, text=found.text)
    assert summarise(record) == summarise(BARE)


@pytest.mark.parametrize(
    ("heard", "sentences"),
    [
        ({"voice": "silent"}, ["Its sound track is silent."]),
        ({"voice_confidence": 0.6, "tempo_bpm": None, "key": None, "loudness_lufs": None},
         ["Probably a voice is heard, and stretches without one."]),
        ({"voice_confidence": 0.2, "tempo_bpm": None, "key": None, "loudness_lufs": None}, []),
    ],
)  # fmt: skip
def test_sound_is_told_as_far_as_it_is_known(heard, sentences):
    assert list(about_sound(replace(SONG, **heard), NOTHING_MEASURED)) == sentences


def test_what_nobody_asked_for_is_not_told():
    assert summarise(replace(BARE, skipped={"moderation": NOT_ASKED_FOR})) == summarise(BARE)


def test_a_silent_clip_has_no_sound_rather_than_none_that_was_analysed():
    silent = replace(BARE, media=replace(MEDIA, has_audio=False), skipped={"audio": "the clip has no sound track"})
    assert summarise(silent) == f"{summarise(BARE)} It has no sound."


def test_a_single_pixel_is_one():
    assert "square, a single pixel, and" in summarise(replace(BARE, media=replace(MEDIA, width=1, height=1)))


def test_lines_that_are_not_told_are_counted():
    shops = ("BAKER", "BUTCHER", "FISH", "SHOES", "HATS", "TEA")
    found = findings_from_records({"text": [line(name, 2.0 * number) for number, name in enumerate(shops)]})
    assert "and 2 more lines." in summarise(replace(BARE, text=found.text))
    assert "and 9 more lines." in summarise(replace(BARE, text=found.text, text_left_out=7))


@given(st.text(max_size=300), st.text(max_size=300))
def test_foreign_text_stays_on_one_line_within_its_quotes_and_short(read, reason):
    text = TextLine(text=read, start_s=0.0, end_s=2.0, confidence=0.9, box=None)
    warning = ModerationLabel(
        name=read, parent=None, level=1, confidence_max=0.9, segments=(TimeSpan(start_s=0.0, end_s=1.0),)
    )
    summary = summarise(replace(BARE, text=(text,), moderation=(warning,), skipped={"audio": reason}))
    assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in summary)
    assert len(summary) < 700
    quotes = summary.count('"')
    reason_quotes = summary.partition("Sound was")[2].count('"') + summary.partition("warned of")[2].count('"')
    assert quotes - reason_quotes <= 2
