from __future__ import annotations

import subprocess

import av
import imageio_ffmpeg
import numpy as np
import pytest

from include.video import frames
from include.video.frames import PAIR_GAP_S, PICTURE_SIDE, Footage
from include.video.probe import MediaError, NoPicture, probe_media
from tests.include.audio.signals import sine, wav_bytes
from tests.include.video.films import RATE, flat, texture, write_film

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def views(path, **kwargs) -> list[frames.View]:
    return list(Footage(path, probe_media(path), **kwargs))


def greys(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Pictures each of which tells its number by how light it is."""
    return [flat((20 + number % 200,) * 3, size) for number in range(count)]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Eight seconds of 64 x 48."""
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4", greys(200))


def test_pictures_are_spread_evenly_each_with_the_one_a_tenth_of_a_second_later(film):
    seen = views(film)

    assert len(seen) == pytest.approx(16, abs=2)
    assert seen[0].time_s == 0
    assert np.diff([view.time_s for view in seen]) == pytest.approx(0.5, abs=0.05)
    for view in seen[:-1]:
        assert view.gap_s == pytest.approx(PAIR_GAP_S, abs=1 / RATE)
        lighter = float(view.later.mean() - view.picture.mean())
        assert lighter == pytest.approx(view.gap_s * RATE, abs=1.2)


def test_a_picture_is_the_one_of_its_time(film):
    for view in views(film):
        assert float(view.picture.mean()) == pytest.approx(20 + view.time_s * RATE, abs=1.5)


def test_a_moment_that_is_asked_for_is_seen_besides(film):
    times = [round(view.time_s, 2) for view in views(film, moments=[3.3, 7.77])]

    assert {3.32, 7.8} <= set(times)  # the first frames from there on


def test_a_clip_of_a_second_is_looked_at_more_often(tmp_path):
    assert len(views(write_film(tmp_path / "short.mp4", greys(25)))) >= 6


def test_a_large_film_is_scaled_down_and_a_small_one_is_not(tmp_path, film):
    large = write_film(tmp_path / "large.mp4", greys(5, (960, 720)))

    assert views(large)[0].picture.shape == (240, PICTURE_SIDE, 3)
    assert views(film)[0].picture.shape == (48, 64, 3)


@pytest.fixture(scope="module")
def corner(tmp_path_factory):
    """A film whose upper left corner is red."""
    picture = flat((30, 30, 30), (96, 64))
    picture[:16, :16] = (220, 20, 20)
    return write_film(tmp_path_factory.mktemp("films") / "corner.mp4", [picture] * 6)


@pytest.mark.parametrize(
    ("counterclockwise", "shape", "red"),
    [(0, (64, 96), (0, 0)), (90, (96, 64), (1, 0)), (180, (64, 96), (1, 1)), (270, (96, 64), (0, 1))],
)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_film_is_turned_upright_as_its_container_says(tmp_path, corner, container, counterclockwise, shape, red):
    path = tmp_path / f"turned.{container}"
    turn = ("-display_rotation", str(counterclockwise))
    subprocess.run([FFMPEG, "-v", "error", *turn, "-i", str(corner), "-c", "copy", str(path)], check=True)

    picture = views(path)[0].picture

    assert picture.shape[:2] == shape
    corners = picture[:: shape[0] - 1, :: shape[1] - 1]
    reds = np.argwhere(corners[:, :, 0].astype(int) - corners[:, :, 1] > 100)
    assert reds.tolist() == [list(red)]


def test_pixels_that_are_no_squares_are_made_squares(tmp_path, corner):
    path = tmp_path / "wide.mp4"
    subprocess.run([FFMPEG, "-v", "error", "-i", str(corner), "-vf", "setsar=2", str(path)], check=True)
    footage = Footage(path, probe_media(path))

    assert next(iter(footage)).picture.shape[:2] == (64, 192)
    assert footage.aspect_ratio == 3


@pytest.mark.parametrize("colours", ["bt601", "bt709"])
@pytest.mark.parametrize("span", ["tv", "pc"])
def test_matrix_and_range_of_the_colours_are_undone(tmp_path, colours, span):
    path = tmp_path / "coloured.mkv"
    matrix = {"bt601": "smpte170m", "bt709": "bt709"}[colours]
    convert = f"scale=out_color_matrix={colours}:out_range={span},format=yuv444p"
    source = ["-f", "lavfi", "-i", "color=0xC83214:size=64x48:duration=0.4", "-vf", convert]
    marks = ["-colorspace", matrix, "-color_range", span]
    subprocess.run([FFMPEG, "-v", "error", *source, *marks, "-c:v", "ffv1", str(path)], check=True)

    assert views(path)[0].picture[20, 20].tolist() == pytest.approx([200, 50, 20], abs=4)


def test_what_is_left_of_a_damaged_film_is_seen(tmp_path):
    whole = write_film(tmp_path / "whole.mp4", (texture(160, 96, seed) for seed in range(100)), key_every=25)
    content = bytearray(whole.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)

    times = [view.time_s for view in views(damaged)]

    assert times[0] == 0
    assert times[-1] > 3.5
    assert len(times) >= 8


def test_a_film_that_breaks_off_is_seen_up_to_there(tmp_path):
    path = tmp_path / "cut.mkv"
    whole = write_film(tmp_path / "whole.mkv", (texture(160, 96, seed) for seed in range(100)), key_every=25)
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    footage = Footage(path, probe_media(path))

    assert len(list(footage)) >= 4
    assert 1.5 < footage.seen_until_s < 2.5


def test_a_film_that_changes_its_size_on_the_way_keeps_one_size_of_pictures(tmp_path):
    parts = [write_film(tmp_path / f"{side}.ts", greys(25, (side, 48)), codec="mpeg2video") for side in (64, 96)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    assert {view.picture.shape for view in views(joined)} == {(48, 64, 3)}


def test_one_pixel_is_a_picture(tmp_path):
    path = write_film(tmp_path / "pixel.mkv", [flat((200, 30, 30), (1, 1))] * 5, codec="ffv1")
    assert views(path)[0].picture.shape == (1, 1, 3)


# --- long films -------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_films(monkeypatch):
    """Films of more than three seconds of 64 x 48 are long."""
    monkeypatch.setattr(frames, "WHOLE_PIXELS", 64 * 48 * RATE * 3.0)
    monkeypatch.setattr(frames, "PATIENT_PIXELS", 64 * 48 * RATE * 30.0)
    monkeypatch.setattr(frames, "BURSTS", 8)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """Forty seconds with a key frame each second."""
    return write_film(tmp_path_factory.mktemp("films") / "long.mp4", greys(1000), key_every=25)


def decoded_frames(footage: Footage) -> int:
    return round(footage._spent_pixels / (64 * 48))


def test_of_a_long_film_only_bursts_are_decoded_and_they_span_it(long_films, long_film):
    footage = Footage(long_film, probe_media(long_film))
    seen = list(footage)

    assert not footage.whole
    assert decoded_frames(footage) < 1000 / 4
    assert len({int(view.time_s) for view in seen}) == 8
    assert seen[-1].time_s > 34
    assert len({int(view.time_s) for view in seen if view.later is not None}) == 8
    for view in seen:
        assert view.later is None or view.gap_s == pytest.approx(PAIR_GAP_S, abs=1 / RATE)
        assert float(view.picture.mean()) == pytest.approx(20 + round(view.time_s * RATE) % 200, abs=1.5)


def test_a_long_film_that_does_not_say_how_long_it_is_ends_in_bursts(long_films, long_film, tmp_path):
    path = tmp_path / "live.mkv"
    piped = [FFMPEG, "-v", "error", "-i", str(long_film), "-c", "copy", "-f", "matroska", "-live", "1", "-"]
    path.write_bytes(subprocess.run(piped, check=True, capture_output=True).stdout)
    facts = probe_media(path)
    assert facts.duration_s is None
    footage = Footage(path, facts)

    seen = list(footage)

    assert seen[-1].time_s > 36
    assert not footage.whole
    assert decoded_frames(footage) < 600


def test_a_long_film_with_one_key_frame_is_decoded_from_its_start(long_films, monkeypatch, tmp_path):
    monkeypatch.setattr(frames, "LONGEST_REST_S", 5.0)
    path = write_film(tmp_path / "one_key.mp4", greys(500), key_every=10_000)
    footage = Footage(path, probe_media(path))

    seen = list(footage)

    assert seen[-1].time_s > 18
    for view in seen:
        assert float(view.picture.mean()) == pytest.approx(20 + round(view.time_s * RATE) % 200, abs=1.5)


def test_decoding_a_long_film_with_one_key_frame_comes_to_an_end(long_films, monkeypatch, tmp_path):
    monkeypatch.setattr(frames, "LONGEST_REST_S", 5.0)
    monkeypatch.setattr(frames, "PATIENT_PIXELS", 64 * 48 * 300)
    path = write_film(tmp_path / "one_key.mp4", greys(500), key_every=10_000)
    footage = Footage(path, probe_media(path))

    list(footage)

    assert decoded_frames(footage) <= 302


@pytest.mark.parametrize("moment_s", [0.0, 12.5, 12.98, 39.9, 60.0])
def test_a_moment_of_a_long_film_can_be_fetched(long_films, long_film, moment_s):
    footage = Footage(long_film, probe_media(long_film))
    list(footage)

    view = footage.near(moment_s)

    assert view.time_s == pytest.approx(min(moment_s, 39.96), abs=0.041)
    assert float(view.picture.mean()) == pytest.approx(20 + round(view.time_s * RATE) % 200, abs=1.5)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(wav_bytes(sine(440, 0.5)))
    with pytest.raises(NoPicture, match=r"sound\.wav has no picture"):
        views(path)


def test_a_playlist_that_calls_itself_a_film_reads_no_other_file(tmp_path, film):
    path = tmp_path / "playlist.mp4"
    path.write_text(f"#EXTM3U\n#EXTINF:8,\n{film}\n")
    with pytest.raises(MediaError, match="no media file"):
        list(Footage(path, probe_media(film)))


def test_pictures_beyond_the_limit_are_not_decoded(tmp_path, monkeypatch, film):
    monkeypatch.setattr(frames, "MOST_PIXELS", 32 * 32)
    assert views(film) == []


def test_the_decoder_is_given_a_bounded_number_of_threads(monkeypatch, film):
    monkeypatch.setattr(frames.os, "cpu_count", lambda: 96)
    with frames.opened_film(film) as (_, stream):
        assert stream.codec_context.thread_count == frames.MOST_THREADS
        assert isinstance(stream, av.video.stream.VideoStream)
