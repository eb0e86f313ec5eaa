"""Wikimedia Commons: how to search it for films, and what it tells of each.

One request searches and tells everything about what it finds: ``generator=search`` gives the files and
``prop=videoinfo`` their addresses, digests and ``extmetadata``. ``videoinfo`` is MediaWiki's ``imageinfo`` with what
films have besides (``class ApiQueryVideoInfo extends ApiQueryImageInfo`` of TimedMediaHandler): both take the same
properties and answer alike, so answers of both are read. An answer may tell a part only; ``continue`` then leads to the
rest, until ``batchcomplete``.

Sources: https://www.mediawiki.org/wiki/API:Search, https://www.mediawiki.org/wiki/API:Videoinfo,
https://www.mediawiki.org/wiki/API:Continue, https://www.mediawiki.org/wiki/Help:CirrusSearch, answers as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from include.catalog.attribution import plain_text
from include.catalog.keys import MediaType
from include.sources.commons_metadata import (
    FIELDS,
    creator_from_extmetadata,
    licence_from_extmetadata,
    require_free_use,
)
from include.sources.errors import ForbiddenUrl, Throttled
from include.sources.reading import (
    UnfitItemError,
    checked_address,
    glimpse,
    hex_from_field,
    is_usable_name,
    line_from_field,
    page_address,
    query_words,
    require_allowed,
    seconds_from_field,
    whole_from_field,
)
from include.sources.source import HostPace, ItemRef, Page, Rejection, Request, Source, SourceAnswerError, Track

PUBLIC_BASE = "https://commons.wikimedia.org"

HITS = 25
"""Files a page. Commons was seen to tell of some only, and of the others in up to as many further answers."""

SEARCH_LIMIT = 10_000
"""CirrusSearch refuses results beyond this many."""

LONGEST_QUERY = 300
"""Characters; CirrusSearch refuses longer ones."""

MAX_LAG_S = 5
"""Commons answers ``maxlag`` instead of working when its databases lag more; "noninteractive tasks should always use
it" (https://www.mediawiki.org/wiki/Manual:Maxlag_parameter)."""

_FILES_NAMESPACE = "6"
_FILM_FILTER = " filetype:video"
_INFO_PROPERTIES = "url|size|sha1|mime|mediatype|user|extmetadata"
_COME_BACK = frozenset(
    {"maxlag", "ratelimited", "readonly", "cirrussearch-backend-error", "cirrussearch-too-busy-error"}
)
"""Errors that say "please try again later"."""
_OLDER_VERSIONS = frozenset({"continue", "iistart", "vistart"})
"""What leads from the one file of a page on to its own older versions, which nobody asked for."""

_OFFSET = re.compile(r"[1-9][0-9]{0,4}")
_FILM = re.compile(r"video/[a-z0-9.+-]{1,40}|application/ogg")


class WikimediaCommons(Source):
    """https://commons.wikimedia.org as a source of films."""

    name = "wikimedia"
    title = "Wikimedia Commons"
    conn_id = "wikimedia_default"
    hosts: ClassVar[Mapping[str, HostPace]] = {
        # 200 requests a minute for clients whose User-Agent says whom to write to, 10 for others:
        # https://www.mediawiki.org/wiki/Wikimedia_APIs/Rate_limits; 0.4 s leaves room for 50 of somebody's own.
        "commons.wikimedia.org": HostPace(seconds_between_requests=0.4),
        # "A total concurrency of at most 2", which the Airflow pool keeps, and "25 Mbps (as measured over 10 second
        # intervals)": https://wikitech.wikimedia.org/wiki/Robot_policy
        "upload.wikimedia.org": HostPace(seconds_between_requests=0.4, bytes_per_s=25e6 / 8),
    }

    def search_request(self, words: str, media_type: MediaType, cursor: str | None) -> Request:
        """Ask for a page of films that match all ``words``, or the first of them that fit a query.

        >>> dict(WIKIMEDIA.search_request("insource:night AND day", "video", None).params)["gsrsearch"]
        'insource night and day filetype:video'

        :raises ValueError: for words without a letter or digit, for audio, for a cursor that this source never gave.
        """
        if media_type != "video":
            raise ValueError(f"{self.title} is a source of video here, not of {media_type}")
        offset = _parsed_cursor(cursor)
        asked = query_words(words, longest=LONGEST_QUERY - len(_FILM_FILTER))
        return Request(
            "/w/api.php",
            (
                ("action", "query"),
                ("format", "json"),
                ("formatversion", "2"),
                ("maxlag", str(MAX_LAG_S)),
                ("generator", "search"),
                ("gsrsearch", " ".join(asked) + _FILM_FILTER),
                ("gsrnamespace", _FILES_NAMESPACE),
                ("gsrlimit", str(HITS)),
                *([("gsroffset", str(offset))] if offset else []),
                ("prop", "videoinfo"),
                ("viprop", _INFO_PROPERTIES),
                ("viextmetadatafilter", "|".join(FIELDS)),
            ),
        )

    def check_answer(self, answer: object) -> None:
        """Raise what Commons reports when it is too busy, which it does with status 200.

        :raises Throttled: when it wants to be asked later.
        """
        error = _reported_error(answer)
        if isinstance(error, Mapping) and line_from_field(error.get("code")) in _COME_BACK:
            raise Throttled(f"Wikimedia Commons wants to be asked later: {glimpse(error)}", retry_after_s=MAX_LAG_S)

    def further_request(self, request: Request, answer: object) -> Request | None:
        """Ask for the rest of a page: the first request with everything that ``continue`` holds now.

        :raises SourceAnswerError: when the answer leads back to where it came from.
        """
        going_on = _going_on(answer)
        if _is_complete(answer) or set(going_on) <= _OLDER_VERSIONS:
            return None
        values = {name: line_from_field(value) for name, value in going_on.items()}
        first = (
            (name, value) for name, value in request.params if name not in values and not name.endswith("continue")
        )
        params = (*first, *values.items())
        if set(params) == set(request.params):
            raise SourceAnswerError(f"{self.title} does not go on from {glimpse(values)}")
        return Request(request.path, params)

    def page_from_answers(self, answers: Sequence[object], cursor: str | None) -> Page:
        """Read a page: the files in the order of the search, each with all that the answers tell of it.

        :raises SourceAnswerError: when Commons reports an error, or the shape is another.
        """
        offset = _parsed_cursor(cursor)
        if not answers:
            raise SourceAnswerError(f"{self.title} gave no answer")
        found = sorted(merged_pages(answers).items(), key=_rank)
        following = whole_from_field(_going_on(answers[-1]).get("gsroffset"))
        if following is not None and following <= offset:
            raise SourceAnswerError(f"{self.title}'s search does not go on from result {following}")
        if following is None or not found or following + HITS > SEARCH_LIMIT:
            return Page(items=_refs(found), next=None, total=None)
        return Page(items=_refs(found), next=str(following), total=None)

    def tracks_from_answer(
        self, answer: object, ref: ItemRef, *, families: Collection[str], download_base: str
    ) -> tuple[Track | Rejection, ...]:
        """Read a file of a page, of which the current version alone counts.

        :raises SourceAnswerError: when the answer is no file at all.
        :raises ValueError: for a licence family that does not exist.
        """
        if not isinstance(answer, Mapping):
            raise SourceAnswerError(f"{self.title} told no file: {glimpse(answer)}")
        try:
            return (self._track(answer, ref, families, download_base),)
        except UnfitItemError as unfit:
            return (unfit.rejection(ref),)

    def _track(self, page: Mapping[str, Any], ref: ItemRef, families: Collection[str], download_base: str) -> Track:
        info = _current_version(page)
        metadata = _extmetadata(info)
        require_free_use(metadata)
        licence = licence_from_extmetadata(metadata)
        require_allowed(licence, families)
        _require_film(info)
        name = _file_name(page)
        return Track(
            source=self.name,
            source_id=ref.id,
            item_id=ref.id,
            source_url=page_address(
                info.get("descriptionurl"),
                self.hosts,
                download_base,
                otherwise=f"{PUBLIC_BASE}/w/index.php?curid={ref.id}",
            ),
            download_url=self._file_address(info, download_base),
            title=_title(name) or ref.id,
            creator=creator_from_extmetadata(metadata, line_from_field(info.get("user"))),
            licence_raw=licence.raw,
            licence=licence,
            original_name=name,
            size_bytes=whole_from_field(info.get("size")) or None,
            md5=None,
            sha1=hex_from_field(info.get("sha1"), digits=40),
            duration_s=seconds_from_field(info.get("duration")),
            media_type="video",
        )

    def _file_address(self, info: Mapping[str, Any], base: str) -> str:
        address = info.get("url")
        if not isinstance(address, str) or not address:
            raise UnfitItemError("NoMediaFile", "Wikimedia Commons gives no address of the file")
        try:
            return checked_address(address, self.hosts, base)
        except ForbiddenUrl as error:
            raise UnfitItemError("NoMediaFile", f"the file may not be fetched: {error}") from error


WIKIMEDIA: Source = WikimediaCommons()


def merged_pages(answers: Iterable[object]) -> dict[str, dict[str, Any]]:
    """Put together, by page id, what several answers to one query tell of its pages.

    Lists are told in pieces and joined, anything else is told once. Pages stand in a list (``formatversion=2``) or in
    an object by their id.

    >>> merged_pages([{"query": {"pages": [{"pageid": 7, "a": [1]}]}}, {"query": {"pages": {"7": {"a": [2], "b": 3}}}}])
    {'7': {'pageid': 7, 'a': [1, 2], 'b': 3}}

    :raises SourceAnswerError: when an answer is an error or none of a query.
    """
    merged: dict[str, dict[str, Any]] = {}
    for answer in answers:
        for page_id, page in _pages(_query_answer(answer)):
            whole = merged.setdefault(page_id, {})
            for name, value in page.items():
                known = whole.get(name)
                if isinstance(value, list) and isinstance(known, list):
                    whole[name] = known + value
                else:
                    whole.setdefault(name, value)
    return merged


def _reported_error(answer: object) -> object:
    """Return the error that an answer is, the first of several; nothing that is true otherwise."""
    if not isinstance(answer, Mapping):
        return None
    errors = answer.get("error") or answer.get("errors")
    return errors[0] if isinstance(errors, list) and errors else errors


def _query_answer(answer: object) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise SourceAnswerError(f"Wikimedia Commons answered a query with no object: {glimpse(answer)}")
    if error := _reported_error(answer):
        raise SourceAnswerError(f"Wikimedia Commons refused the query: {glimpse(error)}")
    query = answer.get("query", {})
    if not isinstance(query, Mapping) or not ("query" in answer or "batchcomplete" in answer):
        raise SourceAnswerError(f"Wikimedia Commons answered a query with something else: {glimpse(answer)}")
    return query


def _pages(query: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the pages with their ids. One without an id is left out: nothing could be said about it."""
    pages = query.get("pages", [])
    if isinstance(pages, Mapping):
        named = [(whole_from_field(page_id), page) for page_id, page in pages.items()]
    elif isinstance(pages, list):
        named = [(whole_from_field(page.get("pageid")) if isinstance(page, Mapping) else None, page) for page in pages]
    else:
        raise SourceAnswerError(f"Wikimedia Commons answered a query without pages: {glimpse(query)}")
    return [(str(page_id), page) for page_id, page in named if page_id and isinstance(page, Mapping)]


def _going_on(answer: object) -> Mapping[str, Any]:
    going_on = answer.get("continue") if isinstance(answer, Mapping) else None
    return going_on if isinstance(going_on, Mapping) else {}


def _is_complete(answer: object) -> bool:
    """Say whether all properties of the page's files are told; the old shape writes true as an empty string."""
    return isinstance(answer, Mapping) and answer.get("batchcomplete", False) is not False


def _parsed_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not _OFFSET.fullmatch(cursor) or int(cursor) + HITS > SEARCH_LIMIT:
        raise ValueError(f"{cursor!r} is no cursor of this source")
    return int(cursor)


def _rank(found: tuple[str, Mapping[str, Any]]) -> int:
    """Return the place among what the search found, which answers do not keep in their order."""
    rank = whole_from_field(found[1].get("index"))
    return SEARCH_LIMIT if rank is None else rank


def _refs(pages: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[ItemRef, ...]:
    titled = ((page_id, _title(line_from_field(page.get("title"))), page) for page_id, page in pages)
    return tuple(
        ItemRef(id=page_id, title=title or page_id, licence_raw=None, answer=page) for page_id, title, page in titled
    )


def _current_version(page: Mapping[str, Any]) -> Mapping[str, Any]:
    if "missing" in page:
        raise UnfitItemError("ItemUnavailable", "Wikimedia Commons has deleted the file")
    versions = page.get("videoinfo") or page.get("imageinfo")
    if not isinstance(versions, list) or not versions or not isinstance(versions[0], Mapping):
        raise UnfitItemError("MalformedItem", "Wikimedia Commons tells nothing of the file")
    info: Mapping[str, Any] = versions[0]
    if info.get("filehidden", False) is not False or "filemissing" in info:
        raise UnfitItemError("ItemUnavailable", "Wikimedia Commons has hidden or lost the file")
    return info


def _extmetadata(info: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = info.get("extmetadata")
    if isinstance(metadata, list) and not metadata:  # an empty object, as PHP writes it
        metadata = {}
    if not isinstance(metadata, Mapping):
        raise UnfitItemError("LicenceMissing", "Wikimedia Commons tells nothing of the file's licence")
    return metadata


def _require_film(info: Mapping[str, Any]) -> None:
    """Let pass what Commons takes for a film. Ogg may hold sound alone all the same: the download will show."""
    mime, kind = line_from_field(info.get("mime")).lower(), line_from_field(info.get("mediatype")).upper()
    if kind not in ("VIDEO", "") or not _FILM.fullmatch(mime) or (mime == "application/ogg" and not kind):
        raise UnfitItemError(
            "NoMediaFile", f"the file is no film but {kind or 'of unknown kind'} ({mime or 'no type'})"
        )
    if whole_from_field(info.get("width")) == 0 and whole_from_field(info.get("height")) == 0:
        raise UnfitItemError("NoMediaFile", "the file has no picture")


def _file_name(page: Mapping[str, Any]) -> str:
    title = page.get("title")
    name = title.partition(":")[2] if isinstance(title, str) else ""
    if not is_usable_name(name):
        raise UnfitItemError("MalformedItem", f"the file has no usable name: {glimpse(title)}")
    return name


def _title(name: str) -> str:
    """Take the namespace and the extension off a name.

    >>> _title("File:Ebb tide, St. Ives (2019).webm")
    'Ebb tide, St. Ives (2019)'
    """
    stem, dot, extension = name.removeprefix("File:").rpartition(".")
    return plain_text(stem if dot and stem and len(extension) <= 5 and " " not in extension else name)
