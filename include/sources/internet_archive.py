"""The Internet Archive: how to search it for audio under Creative Commons, and what its items hold.

A search goes through ``advancedsearch.php``, which stops at 10,000 results, and from there on through the scrape API,
whose cursor knows no end but starts anew at the first result: whoever reads it drops the items that were seen before.
Any field may be a string, a list or absent. An item holds files of many kinds; of each recording one is taken, the
original if common decoders read it, else the best derivative.

Sources: https://archive.org/developers/md-read.html, https://archive.org/help/aboutsearch.htm, answers as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from include.catalog.attribution import plain_text
from include.catalog.keys import MediaType
from include.catalog.licences import claims_from_field, licence_from_url
from include.catalog.records import Licence
from include.sources.archive_files import recordings_from_files, track_creator, track_titles
from include.sources.reading import (
    UnfitItemError,
    glimpse,
    hex_from_field,
    is_true,
    line_from_field,
    query_words,
    require_allowed,
    whole_from_field,
)
from include.sources.source import HostPace, ItemRef, Page, Rejection, Request, Source, SourceAnswerError, Track

PUBLIC_BASE = "https://archive.org"

ROWS = 50
SEARCH_LIMIT = 10_000
"""``advancedsearch.php`` refuses pages beyond this many results."""

FIELDS = ("identifier", "title", "creator", "licenseurl", "mediatype")

SORTS = ("downloads desc", "identifier asc")
"""What many people fetched comes first, and the unique, unchanging identifier decides among equals.

Without the second key equals come in an order of chance that differs from page to page, so that items show up twice and
others never. The first key changes too, but only as the index is refreshed; an item that crosses the border of two
pages at that moment comes twice (and is dropped) or in the next run.
"""

_FIRST_PAGE, _FIRST_SCRAPE = "page:1", "scrape:"
_MOST_PAGES = SEARCH_LIMIT // ROWS
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_MEDIA_TYPES = ("audio", "etree")

_DIGITS = re.compile(r"[0-9]{1,18}")
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,18})?")


class InternetArchive(Source):
    """https://archive.org as a source of audio."""

    name = "internet-archive"
    title = "Internet Archive"
    conn_id = "internet_archive_default"
    hosts: ClassVar[Mapping[str, HostPace]] = {"archive.org": HostPace(seconds_between_requests=0.2)}

    def search_request(self, words: str, media_type: MediaType, cursor: str | None) -> Request:
        """Ask for a page of Creative Commons audio that matches all ``words``.

        Words are letters and digits; everything else, which could steer the query, separates them.

        >>> INTERNET_ARCHIVE.search_request("nature sounds", "audio", None).params[0][1]
        '(nature AND sounds) AND mediatype:(audio OR etree) AND licenseurl:*creativecommons*'

        :raises ValueError: for words without a letter or digit, for video, for a cursor that this source never gave.
        """
        if media_type != "audio":
            raise ValueError(f"the {self.title} is a source of audio here, not of {media_type}")
        asked = " AND ".join(query_words(words))
        query = f"({asked}) AND mediatype:({' OR '.join(_MEDIA_TYPES)}) AND licenseurl:*creativecommons*"
        page, scrape = _parsed_cursor(cursor)
        if page is None:
            # No count: the Archive was seen to ignore the cursor beside one. Its default is some thousands.
            params = [("q", query), ("fields", ",".join(FIELDS)), ("sorts", ",".join(SORTS))]
            return Request("/services/search/v1/scrape", (*params, *([("cursor", scrape)] if scrape else [])))
        return Request(
            "/advancedsearch.php",
            (
                ("q", query),
                *(("fl[]", field) for field in FIELDS),
                *(("sort[]", sort) for sort in SORTS),
                ("rows", str(ROWS)),
                ("page", str(page)),
                ("output", "json"),
            ),
        )

    def page_from_answers(self, answers: Sequence[object], cursor: str | None) -> Page:
        """Read a page of a search. An entry without a usable identifier is left out: nothing could be asked about it.

        :raises SourceAnswerError: when the Archive reports an error, the shape is another, or a cursor leads nowhere.
        """
        page, scrape = _parsed_cursor(cursor)
        answer = _answer_object(answers[0], "search")
        if page is None:
            return _page_from_scrape(answer, scrape)
        response = answer.get("response")
        docs = response.get("docs") if isinstance(response, Mapping) else None
        if not isinstance(response, Mapping) or not isinstance(docs, list):
            raise SourceAnswerError(f"the {self.title} answered a search without response.docs: {glimpse(answer)}")
        total = whole_from_field(response.get("numFound"))
        more = bool(docs) and (page * ROWS < total if total is not None else len(docs) >= ROWS)
        following = f"page:{page + 1}" if page < _MOST_PAGES else _FIRST_SCRAPE
        return Page(items=_refs(docs), next=following if more else None, total=total)

    def item_request(self, ref: ItemRef) -> Request:
        """Ask for everything that is known of an item.

        >>> INTERNET_ARCHIVE.item_request(ItemRef(id="vibe-ace", title="", licence_raw=None)).path
        '/metadata/vibe-ace'
        """
        return Request(f"/metadata/{quote(ref.id, safe='')}")

    def tracks_from_answer(
        self, answer: object, ref: ItemRef, *, families: Collection[str], download_base: str
    ) -> tuple[Track | Rejection, ...]:
        """Read an item: its recordings in the order of their track numbers, or why there is none.

        :raises SourceAnswerError: when the Archive reports an error, or the answer is no object.
        :raises ValueError: for a licence family that does not exist.
        """
        if answer == []:  # an empty object, as PHP writes it
            answer = {}
        item = _answer_object(answer, f"metadata of {ref.id}")
        try:
            metadata, files = _metadata_and_files(item, ref)
            licence = _licence(metadata.get("licenseurl"), families)
            recordings = recordings_from_files(files, ref)
        except UnfitItemError as unfit:
            return (unfit.rejection(ref),)
        item_title = line_from_field(metadata.get("title")) or plain_text(ref.title) or ref.id
        item_creator = line_from_field(metadata.get("creator"), separator=", ") or None
        return tuple(
            Track(
                source=self.name,
                source_id=f"{ref.id}/{best.name}",
                item_id=ref.id,
                source_url=f"{PUBLIC_BASE}/details/{quote(ref.id, safe='')}",
                download_url=f"{download_base.rstrip('/')}/download/{quote(ref.id, safe='')}/{_quoted(best.name)}",
                title=title,
                creator=track_creator(recording) or item_creator,
                licence_raw=licence.raw,
                licence=licence,
                original_name=best.name,
                size_bytes=best.size_bytes,
                md5=hex_from_field(best.fields.get("md5"), digits=32),
                duration_s=next(filter(None, (_duration_s(file.fields.get("length")) for file in recording)), None),
                media_type="audio",
            )
            for recording, title in zip(recordings, track_titles(item_title, recordings), strict=True)
            for best in recording[:1]
        )


INTERNET_ARCHIVE: Source = InternetArchive()


def _parsed_cursor(cursor: str | None) -> tuple[int | None, str]:
    """Return the page number, or ``None`` and the scrape API's own cursor (empty for its first answer)."""
    kind, _, value = (cursor or _FIRST_PAGE).partition(":")
    if kind == "scrape":
        return None, value
    if kind == "page" and _DIGITS.fullmatch(value) and 1 <= int(value) <= _MOST_PAGES:
        return int(value), ""
    raise ValueError(f"{cursor!r} is no cursor of this source")


def _answer_object(answer: object, what: str) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise SourceAnswerError(f"the Internet Archive answered the {what} with no object: {glimpse(answer)}")
    if answer.get("error"):
        raise SourceAnswerError(f"the Internet Archive refused the {what}: {glimpse(answer['error'])}")
    return answer


def _page_from_scrape(answer: Mapping[str, Any], asked: str) -> Page:
    items = answer.get("items")
    if not isinstance(items, list):
        raise SourceAnswerError(f"the Internet Archive answered a scrape without items: {glimpse(answer)}")
    cursor = answer.get("cursor")
    if not isinstance(cursor, str) or not cursor or not items:
        return Page(items=_refs(items), next=None, total=whole_from_field(answer.get("total")))
    if cursor == asked or not cursor.isascii():
        raise SourceAnswerError(f"the Internet Archive's scrape does not go on from cursor {glimpse(cursor)}")
    return Page(items=_refs(items), next=f"scrape:{cursor}", total=whole_from_field(answer.get("total")))


def _refs(docs: Iterable[object]) -> tuple[ItemRef, ...]:
    refs = []
    for doc in docs:
        identifier = doc.get("identifier") if isinstance(doc, Mapping) else None
        if isinstance(identifier, list) and len(identifier) == 1:
            identifier = identifier[0]
        if isinstance(doc, Mapping) and isinstance(identifier, str) and _IDENTIFIER.fullmatch(identifier):
            licence_raw = " | ".join(claims_from_field(doc.get("licenseurl"))) or None
            refs.append(
                ItemRef(id=identifier, title=line_from_field(doc.get("title")) or identifier, licence_raw=licence_raw)
            )
    return tuple(refs)


def _metadata_and_files(item: Mapping[str, Any], ref: ItemRef) -> tuple[Mapping[str, Any], list[object]]:
    if not item:
        raise UnfitItemError("ItemUnavailable", f"the Internet Archive has no item {ref.id}, or withdrew it")
    if is_true(item.get("is_dark")):
        raise UnfitItemError("ItemUnavailable", f"the Internet Archive withdrew the item {ref.id}")
    metadata, files = item.get("metadata"), item.get("files")
    if not isinstance(metadata, Mapping) or not isinstance(files, list):
        raise UnfitItemError("MalformedItem", f"the item {ref.id} has no metadata or no list of files")
    if line_from_field(metadata.get("identifier")) not in ("", ref.id):
        raise UnfitItemError(
            "MalformedItem", f"asked for the item {ref.id}, got {line_from_field(metadata.get('identifier'))}"
        )
    if is_true(item.get("nodownload")) or is_true(metadata.get("access-restricted-item")):
        raise UnfitItemError("ItemUnavailable", f"the item {ref.id} may be looked at, not downloaded")
    media_type = line_from_field(metadata.get("mediatype"))
    if media_type and media_type not in _MEDIA_TYPES:
        raise UnfitItemError("NoMediaFile", f"the item {ref.id} is no audio but {media_type}")
    return metadata, files


def _licence(raw: object, families: Collection[str]) -> Licence:
    claims = claims_from_field(raw)
    licence = licence_from_url(list(claims))
    if not claims:
        raise UnfitItemError("LicenceMissing", "the item names no licence")
    if licence is None:
        raise UnfitItemError("LicenceUnknown", f"no single licence that is known: {glimpse(' | '.join(claims))}")
    require_allowed(licence, families)
    return licence


def _quoted(name: str) -> str:
    """Encode a file's name for a URL's path, so that no client takes a part of it for a step up or a host.

    >>> _quoted("disc 1/01 #1.mp3"), _quoted("../../etc/passwd")
    ('disc%201/01%20%231.mp3', '..%2F..%2Fetc%2Fpasswd')
    """
    is_plain = all(segment not in ("", ".", "..") for segment in name.split("/"))
    return quote(name, safe="/" if is_plain else "")


def _duration_s(value: object) -> float | None:
    """Read a length in seconds, ``mm:ss`` or ``hh:mm:ss``; zero, which stands for unknown, is ``None``.

    >>> _duration_s("05:37"), _duration_s("1:02:03"), _duration_s("167.25"), _duration_s("0")
    (337.0, 3723.0, 167.25, None)
    """
    text = line_from_field(value)
    if _SECONDS.fullmatch(text):
        return float(text) or None
    clock = _CLOCK.fullmatch(text)
    if not clock:
        return None
    return float(int(clock[1] or 0) * 3600 + int(clock[2]) * 60) + float(clock[3]) or None
