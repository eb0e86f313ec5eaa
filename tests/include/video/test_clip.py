from __future__ import annotations

import struct

import pytest

from include.video.clip import Analyses, Clip, describe_clip, probe_clip
from include.video.probe import NoPicture, probe_media
from tests.include.audio.signals import sine, wav_bytes
from tests.include.video.films import by_day, write_film

CLIP = Clip(
    asset_id="a",
    original_name="a.mp4",
    attribution_required=False,
    attribution_text="",
    contact_sheet_key="sheet",
    proxy_key=None,
)
NOTHING_FOUND = Analyses(records={}, model_versions={}, refused={})


@pytest.fixture
def boaster(tmp_path):
    """A film of two seconds whose header claims a thousand million."""
    path = write_film(tmp_path / "film.mkv", [by_day()] * 50)
    content = bytearray(path.read_bytes())
    duration_at = content.index(b"\x44\x89\x88") + 3  # Matroska's Duration, a double, in milliseconds
    content[duration_at : duration_at + 8] = struct.pack(">d", 1e12)
    path.write_bytes(content)
    return path


def test_a_film_that_is_too_small_for_its_length_is_measured(boaster, tmp_path):
    assert probe_media(boaster).duration_s == 1e9
    assert probe_clip(boaster).duration_s == pytest.approx(2, abs=0.05)
    record = describe_clip(boaster, tmp_path / "sheet.jpg", CLIP, NOTHING_FOUND)
    assert "and lasts 2 seconds." in record.summary_text
    assert record.production.camera_motion.value == "static"


def test_sound_without_pictures_is_no_clip(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(wav_bytes(sine(440, 0.5)))
    with pytest.raises(NoPicture, match=r"sound\.wav has no picture"):
        describe_clip(path, tmp_path / "sheet.jpg", CLIP, NOTHING_FOUND)
    assert not (tmp_path / "sheet.jpg").exists()
