"""The platform's own sources crawl the stand-in: every good film can be had, every other fails for its own reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from include.catalog.licences import DEFAULT_FAMILIES
from include.sources.pixabay import PIXABAY
from include.sources.source import Rejection, Request, Source, Track
from include.sources.wikimedia import WIKIMEDIA
from include.video.probe import NoPicture, check_video
from sources_emulator.filming.film import Catalogue, Film
from sources_emulator.filming.films import FILMS

FAMILIES = (*DEFAULT_FAMILIES, "pixabay")
KEY = "20000000-crawler"
SOURCES: dict[Catalogue, Source] = {Catalogue.WIKIMEDIA: WIKIMEDIA, Catalogue.PIXABAY: PIXABAY}
CAMPAIGNS = tuple(dict.fromkeys(film.campaign for film in FILMS))
REASONS = {
    "Backstage at the Lantern": "LicenceNotAllowed",
    "Encore in F": "another digest",
    "Under Ice, the Film": "cut short",
    "Letters Never Sent, Reel Two": "LicenceMissing",
    "Night Bus Geometry": "text/html; charset=utf-8",
    "Subway Cathedral, Excerpt": "LicenceNotAllowed",
    "Salt Road": "no picture",
    "Over the Weir": "LicenceUnknown",
    "Dawn Chorus at Alder Wood": "status 404",
    "Night Heath": "LicenceMissing",
    "Siren on Ninth": "LicenceUnknown",
    "Ambulance Passing": "cut short",
    "Service unavailable": "status 503",
    "Round and round": "status 302",
    "Through the back door": "status 302",
    "Ten terabytes": "too large",
    "Documentation licence alone": "LicenceUnknown",
    "Pixabay cut short": "cut short",
    "Pixabay gone": "status 404",
}
BYTES_TWICE = {"Moving pictures called sound", "Market street again"}  # sound as they are; flawed as somebody's twin


def answered(archive: httpx.Client, source: Source, request: Request) -> object:
    key = ((source.key_param, KEY),) if source.key_param else ()
    answer = archive.get(request.path, params=[*request.params, *key]).raise_for_status()
    return answer.json()


def crawled(archive: httpx.Client, source: Source, words: str) -> Iterator[Track | Rejection]:
    """Everything that a search finds, page after page, as the source reads it."""
    cursor = None
    while True:
        request: Request | None = source.search_request(words, "video", cursor)
        answers = []
        while request is not None:
            answers.append(answered(archive, source, request))
            request = source.further_request(request, answers[-1])
        page = source.page_from_answers(answers, cursor)
        for ref in page.items:
            assert source.item_request(ref) is None
            yield from source.tracks_from_answer(
                ref.answer, ref, families=FAMILIES, download_base=str(archive.base_url).rstrip("/")
            )
        if page.next is None:
            return
        cursor = page.next


def fate(archive: httpx.Client, track: Track, folder: Path) -> str:
    """What becomes of a film that is fetched three times at most: "landed", or why not."""
    said = ""
    for _ in range(3):
        with archive.stream("GET", track.download_url) as answer:
            if int(answer.headers.get("content-length", 0)) > 100_000_000:
                return "too large"
            said = f"status {answer.status_code}"
            try:
                body = answer.read()
            except httpx.RemoteProtocolError:
                said = "cut short"
                continue
        if answer.status_code == 200:
            break
    if said != "status 200":
        return said
    if not answer.headers["content-type"].startswith(("video/", "audio/ogg")):
        return str(answer.headers["content-type"])
    if track.sha1 and hashlib.sha1(body).hexdigest() != track.sha1:
        return "another digest"
    path = folder / f"{track.source_id}.{track.original_name.rpartition('.')[2]}"
    path.write_bytes(body)
    try:
        facts = check_video(path)
    except NoPicture:
        return "no picture"
    assert facts.duration_s == pytest.approx(track.duration_s, abs=0.6)
    return "landed"


def expected(film: Film) -> str:
    assert film.good or film.title in REASONS or film.title in BYTES_TWICE, f"say what becomes of {film.title!r}"
    return REASONS.get(film.title, "landed")


@pytest.mark.parametrize("campaign", CAMPAIGNS)
@pytest.mark.parametrize("catalogue", Catalogue)
def test_every_film_of_a_campaign_lands_or_fails_for_its_own_reason(archive, tmp_path, catalogue, campaign):
    source = SOURCES[catalogue]
    ids = {film["source_id"]: film["name"] for film in archive.get("/_truth").json()["films"]}
    fates = {}
    for found in crawled(archive, source, campaign.replace("-", " ")):
        outcome = found.error if isinstance(found, Rejection) else fate(archive, found, tmp_path)
        fates[ids[found.source_id]] = outcome
    films = [film for film in FILMS if (film.catalogue, film.campaign) == (catalogue, campaign)]
    assert fates == {film.name: expected(film) for film in films}


def test_a_film_of_ones_own_is_found_by_the_words_my_media(archive, tmp_path):
    found = {
        track.original_name: track for track in crawled(archive, WIKIMEDIA, "my media") if isinstance(track, Track)
    }
    film = found["Ebb tide -2.mp4"]
    assert (film.licence.id, film.creator) == ("CC0-1.0", "declared by whoever runs it")
    assert fate(archive, film, tmp_path) == "landed"
