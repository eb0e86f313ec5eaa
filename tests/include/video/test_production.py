from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise

import cv2
import numpy as np
import pytest

from include.catalog.video import Measure, Palette, Production, Shot, Verdict
from include.video.probe import probe_media
from include.video.production import measure_production
from tests.ground import ROOT
from tests.include.video.films import RATE, by_day, by_night, flat, shifted, texture, write_film, zoomed


def shots_at(*times_s: float) -> list[Shot]:
    return [Shot(start_s=start, end_s=end, confidence=0.9) for start, end in pairwise(times_s)]


def measured(path, *, shots=(), sheet=None) -> Production:
    return measure_production(path, shots=shots, facts=probe_media(path), audio=None, sheet=sheet)


@pytest.fixture
def production(tmp_path):
    """Measures a film of the pictures given."""

    def production(pictures, *, shots=(), sheet=None) -> Production:
        return measured(write_film(tmp_path / "film.mp4", pictures), shots=shots, sheet=sheet)

    return production


WORLD = texture(900, 700)


def test_a_pan_is_one_and_its_speed_is_known(production):
    found = production(shifted(WORLD, 60 + 3 * number, 100) for number in range(75))

    assert found.camera_motion.value == "pan"
    assert found.camera_speed.value == pytest.approx(3 * RATE / 320, rel=0.05)
    assert found.scene_motion.value < 0.02
    assert found.camera_motion.confidence > 0.7


def test_a_tilt_is_one(production):
    assert production(shifted(WORLD, 100, 30 + 2 * number) for number in range(60)).camera_motion.value == "tilt"


@pytest.mark.parametrize("growth", [1.006, 1 / 1.006])
def test_a_zoom_is_one_in_or_out(production, growth):
    first = 1.0 if growth > 1 else 1.5
    assert production(zoomed(WORLD, first * growth**number) for number in range(60)).camera_motion.value == "zoom"


def test_a_shaking_hand_is_told_from_a_pan(production):
    rng = np.random.default_rng(1)
    places = 200 + cv2.GaussianBlur(rng.normal(0, 1, (100, 2)).astype(np.float32), (1, 0), 1, sigmaY=2) * 15
    assert production(shifted(WORLD, *place) for place in places).camera_motion.value == "handheld"


def test_a_still_camera_before_a_moving_scene_is_static(production):
    def picture(number: int) -> np.ndarray:
        scene = shifted(WORLD, 100, 100)
        cv2.rectangle(scene, (4 * number, 60), (4 * number + 60, 120), (250, 40, 40), -1)
        return scene

    found = production(picture(number) for number in range(60))

    assert found.camera_motion.value == "static"
    assert found.camera_speed.value < 0.005
    assert 0.01 < found.scene_motion.value < 0.2


def test_movement_is_never_measured_across_a_cut(production):
    worlds = [shifted(texture(900, 700, seed), 100, 100) for seed in range(8)]
    pictures = [worlds[number // 8] for number in range(64)]
    cuts = [number * 8 / RATE for number in range(9)]

    found = production(pictures, shots=shots_at(*cuts))

    assert (found.camera_motion.value, found.scene_motion.value) == ("static", 0)


def test_known_colours_are_the_palette_with_their_shares(production):
    picture = flat((200, 40, 40))
    picture[:, :80] = (30, 60, 190)
    picture[:, 80:120] = (240, 230, 210)

    palette = production([picture] * 10).palette

    shares = {swatch.colour: swatch.share for swatch in palette.value}
    assert list(shares.values()) == pytest.approx([5 / 8, 2 / 8, 1 / 8], abs=0.01)
    expected = ((200, 40, 40), (30, 60, 190), (240, 230, 210))
    for colour, rgb in zip(shares, expected, strict=True):
        assert tuple(bytes.fromhex(colour[1:])) == pytest.approx(rgb, abs=6)
    assert palette.confidence > 0.95


def test_warm_light_has_a_lower_temperature_than_cold(production):
    scene = shifted(WORLD, 100, 100).astype(np.float32)
    grey = np.repeat(scene.mean(axis=2, keepdims=True), 3, axis=2)
    kelvins = []
    for tint in ((1.0, 0.82, 0.58), (1.0, 0.94, 0.86), (0.8, 0.9, 1.0)):
        tinted = (grey * tint).clip(0, 255).astype(np.uint8)
        kelvins.append(production([tinted] * 5).colour_temperature_k.value)

    assert kelvins == sorted(kelvins)
    assert kelvins[0] < 4500
    assert 4500 < kelvins[1] < 6500
    assert kelvins[2] > 8000


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.repeat(shifted(WORLD, 100, 100)[:, :, :1], 3, axis=2), "black and white"),
        (flat((20, 200, 20)), "glowing bodies"),
    ],
)
def test_no_temperature_is_told_of_what_has_none(production, picture, reason):
    found = production([picture] * 5).colour_temperature_k

    assert (found.value, found.confidence) == (None, None)
    assert reason in found.method


def test_day_is_day_and_night_is_night(production):
    day, night, wall = (production([picture] * 5) for picture in (by_day(), by_night(), flat((150, 140, 130))))

    assert day.daylight.value == "day"
    assert (night.daylight.value, night.lighting_key.value) == ("night", "low")
    assert wall.lighting_key.value == "normal"
    assert (wall.daylight.value, wall.daylight.confidence) == (None, None)
    assert production([flat((225, 225, 220))] * 5).lighting_key.value == "high"


@pytest.mark.parametrize("colour", [(0, 0, 255), (0, 0, 0), (28, 28, 30)], ids=["blue", "black", "dark grey"])
def test_a_card_with_text_on_it_is_no_night(production, colour):
    card = flat(colour)
    cv2.putText(card, "CHAPTER ONE", (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
    assert production([card] * 5).daylight.value is None


def test_a_counter_on_a_card_does_not_move_the_camera(production):
    def picture(number: int) -> np.ndarray:
        card = flat((84, 94, 106))
        cv2.putText(card, f"Frame = {number}", (60, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
        return card

    camera = production(picture(number) for number in range(50)).camera_motion
    assert (camera.value, camera.confidence) == (None, None) or camera.value == "static"


def test_what_is_too_unsure_is_unknown_and_says_what_is_likeliest(production):
    key = production([flat((level, level, level)) for level in (230, 130, 20) for _ in range(25)]).lighting_key
    assert (key.value, key.confidence) == (None, None)
    assert "is likeliest (0." in key.method


def test_black_bars_are_no_part_of_the_picture(production):
    picture = flat((150, 140, 130))
    framed = picture.copy()
    framed[:25] = framed[-25:] = 0

    found = production([framed] * 5)

    assert len(found.palette.value) == 1
    assert (found.contrast.value, found.lighting_key.value) == (pytest.approx(0, abs=0.02), "normal")


def test_contrast_is_the_span_of_luma(production):
    picture = flat((26, 26, 26))
    picture[:, 160:] = 230
    assert production([picture] * 5).contrast.value == pytest.approx(204 / 255, abs=0.02)


def test_the_pace_of_cutting(production):
    found = production([flat((90, 90, 90))] * 100, shots=shots_at(0, 1, 2.5, 4))

    assert (found.shots_per_minute.value, found.shots_per_minute.confidence) == (45, 0.9)
    assert found.median_shot_s.value == 1.5
    unknown = production([flat((90, 90, 90))] * 5)
    assert (unknown.shots_per_minute.value, unknown.median_shot_s.value) == (None, None)


@pytest.mark.parametrize(
    ("turn", "ratio", "orientation"), [(0, 16 / 9, "landscape"), (90, 9 / 16, "portrait"), (180, 16 / 9, "landscape")]
)
def test_shape_is_told_upright(tmp_path, turn, ratio, orientation):
    import imageio_ffmpeg

    film, turned = write_film(tmp_path / "film.mp4", [by_day()] * 5), tmp_path / "turned.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", str(turn), "-i", str(film)]
    subprocess.run([*command, "-c", "copy", str(turned)], check=True)

    found = measured(turned)

    assert found.aspect_ratio.value == pytest.approx(ratio, abs=0.001)
    assert found.orientation.value == orientation


def cues_of(found: Production) -> dict[str, Measure | Verdict | Palette]:
    return {name: getattr(found, name) for name in asdict(found)}


@pytest.mark.parametrize("kind", ["noise", "black", "white", "grey", "one pixel", "one frame", "a line"])
def test_every_measure_of_the_oddest_film_lies_within_its_range(tmp_path, kind):
    rng = np.random.default_rng(0)
    size = {"one pixel": (1, 1), "a line": (320, 2)}.get(kind, (96, 64))
    pictures = {
        "noise": [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(12)],
        "one pixel": [flat((200, 30, 30), size)] * 5,
        "one frame": [by_day()],
        "black": [flat((0, 0, 0), size)] * 12,
        "white": [flat((255, 255, 255), size)] * 12,
        "grey": [flat((128, 128, 128), size)] * 12,
        "a line": [flat((99, 120, 30), size)] * 12,
    }[kind]
    codec = "ffv1" if kind == "one pixel" else "libx264"

    found = measured(write_film(tmp_path / "odd.mkv", pictures, codec=codec), sheet=tmp_path / "sheet.jpg")

    for cue in cues_of(found).values():
        assert cue.unit
        assert cue.method
        assert cue.confidence is None or 0 <= cue.confidence <= 1
        assert cue.value is not None or cue.confidence is None
    for share in (found.contrast, found.scene_motion):
        assert share.value is None or 0 <= share.value <= 1
    assert sum(swatch.share for swatch in found.palette.value) == pytest.approx(1, abs=0.001)
    temperature_k = found.colour_temperature_k.value
    assert temperature_k is None or 1667 <= temperature_k <= 25000
    assert (tmp_path / "sheet.jpg").stat().st_size > 500


def test_a_clip_without_sound_says_so(production):
    found = production([by_day()] * 3)
    assert (found.loudness_lufs.value, found.loudness_lufs.method) == (None, "no sound")
    assert (found.speech_share.value, found.speech_share.method) == (None, "no sound")


# --- the contact sheet ------------------------------------------------------------------------------------------------


def test_the_sheet_shows_the_middle_of_each_shot_and_is_the_same_each_time(tmp_path):
    colours = [(200, 30, 30), (30, 180, 40), (40, 60, 200)]
    pictures = [flat((250, 250, 250) if number % 25 in (0, 24) else colours[number // 25]) for number in range(75)]
    film, sheet = write_film(tmp_path / "film.mp4", pictures), tmp_path / "sheet.jpg"

    measured(film, shots=shots_at(0, 1, 2, 3), sheet=sheet)
    drawn = cv2.cvtColor(cv2.imread(str(sheet)), cv2.COLOR_BGR2RGB)
    first = sheet.read_bytes()
    measured(film, shots=shots_at(0, 1, 2, 3), sheet=sheet)

    assert sheet.read_bytes() == first
    for index, colour in enumerate(colours):
        assert drawn[120, 12 + index * 332 + 160].tolist() == pytest.approx(colour, abs=8)


def test_without_shots_the_sheet_shows_nine_pictures(tmp_path):
    film = write_film(tmp_path / "film.mp4", [flat((200, 30, 30))] * 150)
    measured(film, sheet=tmp_path / "sheet.jpg")

    red = cv2.imread(str(tmp_path / "sheet.jpg"))[:, :, 2] > 150
    assert cv2.connectedComponents(cv2.erode(red.astype(np.uint8), np.ones((20, 20))))[0] - 1 == 9


def test_a_shot_of_which_nothing_can_be_decoded_borrows_the_nearest_picture(tmp_path):
    film = write_film(tmp_path / "film.mp4", [flat((200, 30, 30))] * 25)
    measured(film, shots=shots_at(0, 1, 9), sheet=tmp_path / "sheet.jpg")

    assert cv2.imread(str(tmp_path / "sheet.jpg"))[120, 12 + 332 + 160, 2] > 150


def test_importing_the_cues_loads_nothing_heavy():
    code = (
        "import sys, include.video.production;print(sorted({'av', 'numpy', 'cv2', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
