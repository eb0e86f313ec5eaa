"""The catalogue of films: what each campaign offers, and that every entry can be drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aws_emulator.services.rekognition.text import read_lines
from sources_emulator.campaigns import CAMPAIGNS
from sources_emulator.catalogue import Fault
from sources_emulator.filming.camera import MOVES
from sources_emulator.filming.film import Catalogue, Footage, Format, Shot
from sources_emulator.filming.films import FILMS
from sources_emulator.filming.palette import LIGHTS
from sources_emulator.filming.render import truth_of
from sources_emulator.filming.scenes import SCENES, pictures

FOOTAGES = tuple(dict.fromkeys(film.footage for film in FILMS))
SHOTS = tuple(dict.fromkeys((footage.width, footage.height, shot) for footage in FOOTAGES for shot in footage.shots))
SIGNED = [told for told in SHOTS if told[2].signs]


def sign_id(told: tuple[int, int, Shot]) -> str:
    width, height, shot = told
    return f"{shot.scene}-{shot.light}-{shot.camera}-{shot.signs[0]}-{width}x{height}"


def offered(campaign: str, catalogue: Catalogue):
    return [film for film in FILMS if film.campaign == campaign and film.catalogue is catalogue]


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_a_campaign_has_bad_films_on_top_and_enough_good_ones_in_both_catalogues(campaign):
    commons, pixabay = offered(campaign, Catalogue.WIKIMEDIA), offered(campaign, Catalogue.PIXABAY)
    assert len(commons) >= 3
    assert [film.good for film in commons[:2]] == [False, False]
    assert any(film.good for film in commons)
    assert any(film.good for film in pixabay)
    assert sum(film.good for film in (*commons, *pixabay)) >= 3


def test_one_campaign_needs_the_second_catalogue_for_a_pair():
    good = {campaign: sum(film.good for film in offered(campaign, Catalogue.WIKIMEDIA)) for campaign in CAMPAIGNS}
    assert [campaign for campaign, count in good.items() if count < 2] == ["electronic"]


def test_no_two_films_share_a_name_or_a_file_name():
    commons = [film for film in FILMS if film.catalogue is Catalogue.WIKIMEDIA]
    assert len({film.name for film in FILMS}) == len(FILMS)
    assert len({film.file_name for film in commons}) == len(commons)


def test_good_films_hold_bytes_of_their_own():
    good = [film.footage for film in FILMS if film.good]
    assert len(set(good)) == len(good)


def test_the_films_show_every_format_light_move_and_scene_and_both_orientations():
    shots = [shot for footage in FOOTAGES for shot in footage.shots]
    assert {footage.format for footage in FOOTAGES} == set(Format)
    assert {shot.light for shot in shots} == set(LIGHTS)
    assert {shot.camera for shot in shots} == set(MOVES)
    assert {shot.scene for shot in shots} == set(SCENES)
    assert {footage.height > footage.width for footage in FOOTAGES} == {True, False}
    assert {footage.turned for footage in FOOTAGES} == {True, False}
    assert {footage.sound is None for footage in FOOTAGES if footage.frames} == {True, False}


def test_only_commons_states_licences_and_pixabay_never_does():
    assert {film.licence is None for film in FILMS if film.catalogue is Catalogue.PIXABAY} == {True}
    assert {film.licence is None for film in FILMS if film.catalogue is Catalogue.WIKIMEDIA} == {False}


def test_no_good_film_has_a_licence_that_forbids_or_is_not_told():
    for film in (film for film in FILMS if film.good and film.licence is not None):
        address = film.licence.url or ""
        assert film.licence.code == "pd" or "creativecommons.org/" in address
        assert "-nd" not in address


def test_films_are_short_and_their_pictures_even():
    for footage in FOOTAGES:
        assert 2 <= footage.seconds <= 12
        assert footage.width % 2 == footage.height % 2 == 0
        assert all(shot.frames >= 10 for shot in footage.shots if shot.scene != "black")


def test_a_fault_that_passes_leaves_a_film_good_and_one_that_stays_does_not():
    faults = {film.fault: film.good for film in FILMS if film.flaw is None}
    assert faults[Fault.RATE_LIMITED_TWICE]
    assert faults[Fault.TRUNCATED_ONCE]
    assert not faults[Fault.TRUNCATED]
    assert not faults[Fault.GONE]


@pytest.mark.parametrize("told", SIGNED, ids=sign_id)
def test_a_sign_stands_whole_in_every_picture_of_its_shot(told):
    width, height, shot = told
    size = {"width": width // 4 * 2, "height": height // 4 * 2}
    plain = replace(shot, fade_in=0, fade_out=0)
    with_sign = Footage((plain,), Format.MP4_H264, **size)
    without = replace(with_sign, shots=(replace(plain, signs=()),))
    seen = 0
    for signed, bare in zip(pictures(with_sign), pictures(without), strict=True):
        rows, columns = np.nonzero((np.asarray(signed) != np.asarray(bare)).any(axis=2))
        assert 0 < rows.min() <= rows.max() < size["height"] - 1
        assert 0 < columns.min() <= columns.max() < size["width"] - 1
        seen += 1
    assert seen == shot.frames


@pytest.mark.parametrize("told", SIGNED[::4], ids=sign_id)
def test_a_sign_can_be_read(told):
    width, height, shot = told
    footage = Footage((replace(shot, fade_in=0, fade_out=0),), Format.MP4_H264, width=width, height=height)
    picture = np.ascontiguousarray(np.asarray(next(pictures(footage)))[:, :, ::-1])  # BGR
    assert set(shot.signs) <= {line.line.text for line in read_lines(picture)}


def test_more_signs_than_a_scene_has_places_for_are_refused():
    footage = Footage((Shot("train", 10, signs=("ONE", "TWO")),), Format.MP4_H264)
    with pytest.raises(ValueError, match="no place for the sign 'TWO'"):
        next(pictures(footage))


def test_the_truth_counts_a_dip_to_black_as_one_boundary():
    (film,) = (film for film in FILMS if film.title == "The Bass Player's Corner")
    truth = truth_of(film)
    assert [(cut["frame"], cut["kind"]) for cut in truth["cuts"]] == [(45, "cut"), (115, "fade")]
    assert truth["black"] == [[105, 114], [175, 182]]
    assert truth["texts"] == ["SLOW BALLAD", "CORNER BAR", "TAXI"]
    assert [shot["night"] for shot in truth["shots"]] == [False, False, False, True, False]
