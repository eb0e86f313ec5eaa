"""Pixabay: how to search it for films, and what it tells of each.

A search tells everything about its hits, among them the same film in up to four sizes. The documentation calls their
bytes approximate, so they are not held against what comes. Nothing here is under Creative Commons, whatever an answer
may say: Pixabay offers all of it under terms of its own.

Its rules for the API: at most 100 requests a minute with a key, answers kept for a day, files fetched and not linked
to, no systematic mass downloads, and people are shown where a film is from.

Sources: https://pixabay.com/api/docs/, https://pixabay.com/service/terms/, answers as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from include.catalog.attribution import plain_text
from include.catalog.keys import MediaType
from include.catalog.licences import PIXABAY_LICENCE
from include.sources.errors import ForbiddenUrl
from include.sources.reading import (
    UnfitItemError,
    checked_address,
    glimpse,
    line_from_field,
    page_address,
    query_words,
    require_allowed,
    seconds_from_field,
    whole_from_field,
)
from include.sources.source import HostPace, ItemRef, Page, Rejection, Request, Source, SourceAnswerError, Track

PUBLIC_BASE = "https://pixabay.com"

HITS = 50
"""Films a page; 3 to 200 may be asked for. As answers are kept for a day, small pages cost no more requests."""

SEARCH_LIMIT = 500
"""The API gives this many hits of a query at most."""

LONGEST_QUERY = 100
"""Characters that the API allows a query."""

ENOUGH_LINES = 1080
"""The largest picture that is fetched where there is a choice, by its short side.

What looks at the films scales them down anyway and is paid by the minute, renditions go up to 1080 lines, and the next
size has two to four times the bytes.
"""

_RENDITIONS = ("large", "medium", "small", "tiny")
_TITLE_TAGS = 3
_PAGE = re.compile(r"[1-9][0-9]?")
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class _Rendition:
    """A film in one of its sizes."""

    address: str
    lines: int
    """Short side of the picture in pixels, 0 when it is not told."""

    @property
    def order(self) -> tuple[bool, bool, int]:
        """Sorts the best first: the largest of those that are not too large, else the smallest."""
        too_large = self.lines > ENOUGH_LINES
        return (self.lines == 0, too_large, self.lines if too_large else -self.lines)


class Pixabay(Source):
    """https://pixabay.com as a source of films."""

    name = "pixabay"
    title = "Pixabay"
    conn_id = "pixabay"
    key_param = "key"
    keep_answers_s = 86_400.0
    hosts: ClassVar[Mapping[str, HostPace]] = {
        # "Up to 100 requests per 60 seconds", counted by key: https://pixabay.com/api/docs/#api_rate_limit
        "pixabay.com": HostPace(seconds_between_requests=0.65),
        # Nothing is published about the files' host but the ban on mass downloads: no faster than the API.
        "cdn.pixabay.com": HostPace(seconds_between_requests=0.65),
    }

    def search_request(self, words: str, media_type: MediaType, cursor: str | None) -> Request:
        """Ask for a page of films that match all ``words``, or the first of them that fit a query.

        >>> PIXABAY.search_request("night, day", "video", None).params
        (('q', 'night day'), ('per_page', '50'), ('page', '1'), ('safesearch', 'true'))

        :raises ValueError: for words without a letter or digit, for audio, for a cursor that this source never gave.
        """
        if media_type != "video":
            raise ValueError(f"{self.title} is a source of video here, not of {media_type}")
        asked = " ".join(query_words(words, longest=LONGEST_QUERY))
        page = _parsed_cursor(cursor)
        return Request(
            "/api/videos/", (("q", asked), ("per_page", str(HITS)), ("page", str(page)), ("safesearch", "true"))
        )

    def page_from_answers(self, answers: Sequence[object], cursor: str | None) -> Page:
        """Read a page, with its envelope (``total``, ``totalHits``) or as a bare list of hits.

        A hit without a usable id is left out: nothing could be said about it.

        :raises SourceAnswerError: when the answer is no page.
        """
        page = _parsed_cursor(cursor)
        answer = answers[0] if answers else None
        hits = answer.get("hits") if isinstance(answer, Mapping) else answer
        if not isinstance(hits, list):
            raise SourceAnswerError(f"{self.title} answered a search without hits: {glimpse(answer)}")
        total = whole_from_field(answer.get("totalHits")) if isinstance(answer, Mapping) else None
        reachable = min(SEARCH_LIMIT, total if total is not None else SEARCH_LIMIT)
        more = bool(hits) and page * HITS < reachable and (total is not None or len(hits) >= HITS)
        return Page(items=_refs(hits), next=str(page + 1) if more else None, total=total)

    def tracks_from_answer(
        self, answer: object, ref: ItemRef, *, families: Collection[str], download_base: str
    ) -> tuple[Track | Rejection, ...]:
        """Read a hit: the one of its renditions that is worth fetching.

        :raises SourceAnswerError: when the answer is no hit at all.
        :raises ValueError: for a licence family that does not exist.
        """
        if not isinstance(answer, Mapping):
            raise SourceAnswerError(f"{self.title} told no film: {glimpse(answer)}")
        try:
            require_allowed(PIXABAY_LICENCE, families)
            address = self._file_address(answer, download_base)
        except UnfitItemError as unfit:
            return (unfit.rejection(ref),)
        track = Track(
            source=self.name,
            source_id=ref.id,
            item_id=ref.id,
            source_url=page_address(
                answer.get("pageURL"), self.hosts, download_base, otherwise=f"{PUBLIC_BASE}/videos/id-{ref.id}/"
            ),
            download_url=address,
            title=_title(answer, ref.id),
            creator=line_from_field(answer.get("user")) or None,
            licence_raw=PIXABAY_LICENCE.raw,
            licence=PIXABAY_LICENCE,
            original_name=_file_name(address, ref.id),
            size_bytes=None,
            md5=None,
            duration_s=seconds_from_field(answer.get("duration")),
            media_type="video",
        )
        return (track,)

    def _file_address(self, hit: Mapping[str, Any], base: str) -> str:
        """Return where the best rendition lies that may be fetched."""
        refused = ""
        for rendition in sorted(_renditions(hit), key=lambda rendition: rendition.order):
            try:
                return checked_address(rendition.address, self.hosts, base)
            except ForbiddenUrl as error:
                refused = refused or str(error)
        if refused:
            raise UnfitItemError("NoMediaFile", f"the film may not be fetched: {refused}")
        raise UnfitItemError("NoMediaFile", "Pixabay offers the film in no size")


PIXABAY: Source = Pixabay()


def _parsed_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 1
    if not _PAGE.fullmatch(cursor) or (int(cursor) - 1) * HITS >= SEARCH_LIMIT:
        raise ValueError(f"{cursor!r} is no cursor of this source")
    return int(cursor)


def _refs(hits: list[object]) -> tuple[ItemRef, ...]:
    refs = []
    for hit in hits:
        number = whole_from_field(hit.get("id")) if isinstance(hit, Mapping) else None
        if isinstance(hit, Mapping) and number:
            hit_id = str(number)
            refs.append(ItemRef(id=hit_id, title=_title(hit, hit_id), licence_raw=None, answer=hit))
    return tuple(refs)


def _renditions(hit: Mapping[str, Any]) -> list[_Rendition]:
    """Return the sizes that exist: of one that does not, the address is empty and the number of bytes zero."""
    videos = hit.get("videos")
    if not isinstance(videos, Mapping):
        raise UnfitItemError("MalformedItem", "Pixabay tells nothing of the film's files")
    found = []
    for name in _RENDITIONS:
        told = videos.get(name)
        if not isinstance(told, Mapping) or whole_from_field(told.get("size")) == 0:
            continue
        address, sides = told.get("url"), [whole_from_field(told.get(side)) or 0 for side in ("width", "height")]
        if isinstance(address, str) and address.strip():
            found.append(_Rendition(address, min(sides)))
    return found


def _title(hit: Mapping[str, Any], hit_id: str) -> str:
    """Name a film, which has no title at Pixabay, by its first tags.

    >>> _title({"tags": "night, city, city lights, lights, blurry"}, "28860")
    'night, city, city lights'
    """
    tags = (tag.strip() for tag in line_from_field(hit.get("tags")).split(","))
    return ", ".join([tag for tag in tags if tag][:_TITLE_TAGS]) or f"Pixabay video {hit_id}"


def _file_name(address: str, hit_id: str) -> str:
    name = plain_text(unquote(urlsplit(address).path).rpartition("/")[2], _LONGEST_NAME)
    return name if name.strip(".") else f"{hit_id}.mp4"
