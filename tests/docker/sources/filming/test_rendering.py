"""A film's file holds what its truth tells, and the same bytes every time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from sources_emulator.composing.piece import Piece
from sources_emulator.filming.camera import seen
from sources_emulator.filming.encoding import SOUND_RATE
from sources_emulator.filming.film import Footage, Format, Shot
from sources_emulator.filming.films import FILMS, SOUND_ONLY
from sources_emulator.filming.render import render_film, render_footage, truth_of
from sources_emulator.filming.scenes import pictures
from sources_emulator.rendering import FilmOrder, film_orders, open_cache, render
from sources_emulator.workshop import Workshop, WorkshopError

SOURCES = Path(__file__).resolve().parents[4] / "docker" / "sources"
BY_TITLE = {film.title: film for film in FILMS}
TRIED = ("Lantern Club, Late Set", "The Bass Player's Corner", "Road to the Barn Dance", "Machine Room")
SHORT = Footage(
    (Shot("sea", 8, camera="pan right"), Shot("card", 8, "warm", signs=("SHORT",))),
    Format.MP4_H264,
    Piece("rain", 0.64, seed="test"),
    width=160,
    height=90,
)
CODECS = {
    Format.WEBM_VP8: ("vp8", "yuv420p", "vorbis"),
    Format.WEBM_VP9: ("vp9", "yuv420p", "opus"),
    Format.MP4_H264: ("h264", "yuv420p", "aac"),
    Format.MP4_H264_10: ("h264", "yuv420p10le", "aac"),
    Format.MP4_HEVC: ("hevc", "yuv420p", "aac"),
    Format.OGV_THEORA: ("theora", "yuv420p", "vorbis"),
}


def decoded(path: Path) -> np.ndarray:
    """Every picture as stored, small, RGB: shape (frames, 90, 160, 3)."""
    with av.open(str(path)) as media:
        return np.stack([frame.to_ndarray(width=160, height=90, format="rgb24") for frame in media.decode(video=0)])


@pytest.mark.parametrize("title", TRIED)
def test_a_picture_differs_most_from_the_one_before_it_where_the_truth_knows_a_cut(title, rendered):
    truth = truth_of(BY_TITLE[title])
    films = decoded(rendered(BY_TITLE[title].footage)).astype(int)
    assert len(films) == truth["frames"]
    change = np.abs(np.diff(films, axis=0)).mean(axis=(1, 2, 3))  # number n is from picture n to n + 1
    cuts = [cut["frame"] for cut in truth["cuts"] if cut["kind"] == "cut"]
    strongest = sorted(int(number) + 1 for number in np.argsort(change)[-len(cuts) :])
    assert strongest == cuts


def test_stretches_of_black_are_black_and_what_comes_after_begins_to_show(rendered):
    film = BY_TITLE["The Bass Player's Corner"]
    pictures_seen = decoded(rendered(film.footage))
    black = {frame for first, last in truth_of(film)["black"] for frame in range(first, last + 1)}
    assert pictures_seen[sorted(black)].max() < 24
    (fade,) = (cut["frame"] for cut in truth_of(film)["cuts"] if cut["kind"] == "fade")
    assert fade - 1 in black
    assert pictures_seen[fade + 2].mean() > pictures_seen[fade - 1].mean()


@pytest.mark.parametrize("form", CODECS, ids=lambda form: form.value)
def test_every_format_holds_its_codecs_and_all_its_pictures_and_its_sound_is_as_long(form, rendered):
    with av.open(str(rendered(replace(SHORT, format=form)))) as media:
        video, audio = media.streams.video[0], media.streams.audio[0]
        names = (video.codec_context.codec.canonical_name, video.codec_context.format.name)
        assert (*names, audio.codec_context.codec.canonical_name) == CODECS[form]
        assert (video.width, video.height, audio.rate) == (160, 90, SOUND_RATE)
        frames = list(media.decode(video=0))
        times = [round(frame.time * SHORT.frames_per_s) for frame in frames]
    assert times == list(range(SHORT.frames))
    with av.open(str(rendered(replace(SHORT, format=form)))) as media:
        seconds = sum(frame.samples for frame in media.decode(audio=0)) / SOUND_RATE
    assert seconds == pytest.approx(SHORT.seconds, abs=0.06)


def test_a_silent_film_has_no_sound_track_and_a_lying_ogg_no_pictures(rendered):
    with av.open(str(rendered(replace(SHORT, sound=None)))) as silent:
        assert not silent.streams.audio
    with av.open(str(rendered(SOUND_ONLY))) as lying:
        assert not lying.streams.video
        seconds = sum(frame.samples for frame in lying.decode(audio=0)) / SOUND_RATE
    assert seconds == pytest.approx(SOUND_ONLY.seconds, abs=0.06)


def test_a_turned_film_is_stored_on_its_side_and_asks_to_be_turned_upright(rendered):
    upright = replace(SHORT, width=90, height=160)
    turned = replace(upright, turned=True)
    with av.open(str(rendered(turned))) as media:
        (first, *_) = media.decode(video=0)
    assert (first.width, first.height, first.rotation) == (160, 90, -90)  # PyAV counts anticlockwise
    stored = np.rot90(first.to_ndarray(format="gray"), k=-1).astype(int)
    drawn = np.asarray(next(pictures(upright)).convert("L")).astype(int)
    assert np.abs(stored - drawn).mean() < 12


def test_two_processes_render_the_same_bytes_in_every_format(tmp_path, rendered):
    script = (
        "import hashlib, json, pickle, sys\nfrom pathlib import Path\n"
        "from sources_emulator.filming.render import render_footage\n"
        "told = []\n"
        "for number, footage in enumerate(pickle.loads(bytes.fromhex(sys.argv[2]))):\n"
        "    path = Path(sys.argv[1]) / str(number)\n"
        "    render_footage(footage, path)\n"
        "    told.append(hashlib.sha256(path.read_bytes()).hexdigest())\n"
        "print(json.dumps(told))"
    )
    footages = [replace(SHORT, format=form) for form in Format]
    command = [sys.executable, "-c", script, str(tmp_path), pickle.dumps(footages).hex()]
    there = json.loads(subprocess.run(command, cwd=SOURCES, capture_output=True, check=True).stdout)
    here = [hashlib.sha256(rendered(footage).read_bytes()).hexdigest() for footage in footages]
    assert there == here
    assert len(set(here)) == len(Format)


def test_a_pan_to_the_right_moves_what_it_shows_to_the_left():
    (stage,) = pictures(Footage((Shot("street", 1),), Format.MP4_H264, width=800, height=450))
    first, last = (np.asarray(seen(stage, (640, 360), "pan right", frame, 10)).astype(int) for frame in (0, 9))
    assert np.abs(first[:, 160:] - last[:, :480]).max() == 0
    assert np.abs(first - last).mean() > 5


def test_a_zoom_in_shows_less_and_less_of_the_middle():
    (stage,) = pictures(Footage((Shot("street", 1),), Format.MP4_H264, width=800, height=450))
    first, last = (np.asarray(seen(stage, (640, 360), "zoom in", frame, 10)) for frame in (0, 9))
    assert np.array_equal(first, np.asarray(stage.crop((80, 45, 720, 405))))
    middle = stage.resize((640, 360), box=(128, 72, 672, 378), resample=2)
    assert np.array_equal(last, np.asarray(middle))


def test_films_of_one_footage_are_one_order_and_pixabay_has_a_smaller_rendition():
    commons, again = BY_TITLE["Siren on Ninth"], BY_TITLE["Market street again"]
    assert film_orders(commons)["original"] == film_orders(again)["medium"]
    tiny = film_orders(again)["tiny"].footage
    assert (tiny.width, tiny.height) == (320, 180)


def test_an_order_is_rendered_once_and_its_facts_are_those_of_the_file(tmp_path):
    order, home = FilmOrder(SHORT, "Short"), open_cache(tmp_path)
    made = render(order, home)["mp4"]
    born = made.path.stat().st_mtime_ns
    assert render(order, home)["mp4"] == made
    assert made.path.stat().st_mtime_ns == born
    data = made.path.read_bytes()
    assert (made.sha1, made.size) == (hashlib.sha1(data, usedforsecurity=False).hexdigest(), len(data))
    assert made.length_s == pytest.approx(0.64)


def test_the_workshop_renders_films_in_its_workers_as_they_would_be_here(tmp_path, rendered):
    workshop = Workshop(tmp_path, workers=1)
    order = FilmOrder(SHORT, "Short")
    made = workshop.render_all([order, FilmOrder(SHORT, "The same")], lambda done, total: None)
    assert made[order]["mp4"].path.read_bytes() == rendered(SHORT).read_bytes()


def test_what_another_program_renders_at_the_time_is_waited_for_and_taken(tmp_path):
    order, home = FilmOrder(SHORT, "Short"), open_cache(tmp_path / "ours")
    made = render(order, open_cache(tmp_path / "theirs"))["mp4"].path
    with ThreadPoolExecutor() as pool:
        with (home / f".{order.key()}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the other program is at work on it
            ours = pool.submit(render, order, home)
            time.sleep(0.3)
            assert not ours.done()
            assert not list(home.glob("*.mp4"))
            for path in (made, made.with_name(made.name + ".json")):
                path.rename(home / path.name)
            born = (home / made.name).stat().st_mtime_ns
        assert ours.result(30)["mp4"].path.stat().st_mtime_ns == born


def test_a_film_that_cannot_be_drawn_stops_the_workshop_with_its_title(tmp_path):
    order = FilmOrder(replace(SHORT, shots=(Shot("no-such-scene", 5),)), "A mistake")
    with pytest.raises(WorkshopError, match=r"'A mistake': KeyError: 'no-such-scene'"):
        Workshop(tmp_path, workers=1).render_all([order], lambda done, total: None)


def test_theora_that_cannot_be_written_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"could not write Ogg Theora: .*No such file or directory"):
        render_footage(replace(SHORT, format=Format.OGV_THEORA), tmp_path / "nowhere" / "film.ogv")


def test_render_film_writes_the_larger_rendition(tmp_path):
    film = BY_TITLE["Pixabay without trouble"]
    render_film(film, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as media:
        assert (media.streams.video[0].width, media.streams.video[0].height) == (320, 180)
