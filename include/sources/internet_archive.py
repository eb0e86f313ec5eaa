"""The Internet Archive: how to search it for audio under Creative Commons, and what its items hold.

A search goes through ``advancedsearch.php``, which stops at 10,000 results, and from there on through the scrape API,
whose cursor knows no end but starts anew at the first result: whoever reads it drops the items that were seen before.
Any field may be a string, a list or absent. An item holds files of many kinds; of each recording one is taken, the
original if common decoders read it, else the best derivative.

Sources: https://archive.org/developers/md-read.html, https://archive.org/help/aboutsearch.htm, answers as recorded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from include.catalog.attribution import plain_text
from include.catalog.keys import MediaType
from include.catalog.licences import claims_from_field, licence_from_url
from include.catalog.records import Licence
from include.sources.reading import (
    UnfitItemError,
    glimpse,
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

# Kind of audio file, best first -> extensions, and the format as the Archive names it.
_KINDS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("flac", ("flac",), re.compile(r"(24bit )?flac")),
    ("wave", ("wav", "wave"), re.compile(r"(24bit )?wave?")),
    ("aiff", ("aif", "aiff", "aifc"), re.compile(r"aiff")),
    ("alac", (), re.compile(r"apple lossless audio")),
    ("mp3", ("mp3",), re.compile(r"((vbr|\d+kbps) )?mp3")),
    ("vorbis", ("ogg", "oga"), re.compile(r"ogg vorbis")),
    ("opus", ("opus",), re.compile(r"opus")),
    ("aac", ("m4a", "aac"), re.compile(r"(advanced audio coding|aac|mpeg-?4 audio|m4a)")),
    ("wavpack", ("wv",), re.compile(r"wavpack")),
    ("windows", ("wma",), re.compile(r"windows media audio")),
    ("monkey", ("ape",), re.compile(r"monkey'?s audio")),
    ("shorten", ("shn",), re.compile(r"shorten")),
)
_RANKS = {kind: rank for rank, (kind, _, _) in enumerate(_KINDS)}
_KIND_OF_EXTENSION = {extension: kind for kind, extensions, _ in _KINDS for extension in extensions}
_LAST_RESORT = frozenset({"wavpack", "windows", "monkey", "shorten"})
"""Not every decoder reads these, so any derivative is preferred to them."""

_LAST_CHANCE = frozenset({
    "mp4", "m4v", "mov", "mkv", "mka", "webm", "ogv", "ogx", "avi", "wmv", "flv", "mpg", "mpeg", "ts", "mts", "m2ts",
    "3gp", "3g2", "amr", "au", "caf", "ac3", "spx", "raw", "pcm",
})  # fmt: skip
"""Extensions of files that may hold sound. They are taken when an item has no audio file; the download will show."""

# Formats that belong to files with an audio file's extension without being one, or being only a part of one.
_NO_AUDIO = re.compile(r"sample|video|metadata|text|playlist|m3u|zip|torrent|peaks|spectrogram|fingerprint|checksum")
_SAMPLE_NAME = re.compile(r"[_-]sample\.[a-z0-9]+$", re.IGNORECASE)
_BITRATE_SUFFIX = re.compile(r"_(vbr|\d+kb)$", re.IGNORECASE)
_LONGEST_NAME_BYTES = 800
"""With the identifier before it, a name stays below the 1,024 bytes that stores allow a key."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_DIGITS = re.compile(r"[0-9]{1,18}")
_CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,18})?")
_TRACK_NUMBER = re.compile(r"\s*([0-9]{1,6})(?:\s*(?:/|of)\s*[0-9]{1,6})?\s*")
_NOBODY = frozenset({"unknown", "unknown artist", "[unknown]", "artist", "various", "various artists"})


@dataclass(frozen=True, slots=True)
class _File:
    """An audio file of an item."""

    name: str
    kind: str
    original: bool
    recording: str
    """What the files of one recording share: the name of its first original without extension."""
    size_bytes: int | None
    fields: Mapping[str, Any]

    @property
    def order(self) -> tuple[bool, bool, int, int, str]:
        """Sorts the best file of a recording first; among equals the larger one, which was compressed less."""
        return (
            self.kind in _LAST_RESORT, not self.original, _RANKS[self.kind], -(self.size_bytes or 0), self.name,
        )  # fmt: skip


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
            recordings = _recordings(files, ref)
        except UnfitItemError as unfit:
            return (unfit.rejection(ref.id, plain_text(ref.title) or ref.id),)
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
                creator=_track_creator(recording) or item_creator,
                licence_raw=licence.raw,
                licence=licence,
                original_name=best.name,
                size_bytes=best.size_bytes,
                md5=_md5(best.fields.get("md5")),
                duration_s=_first(_duration_s(file.fields.get("length")) for file in recording),
                media_type="audio",
            )
            for recording, title in zip(recordings, _track_titles(item_title, recordings), strict=True)
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
    if _is_true(item.get("is_dark")):
        raise UnfitItemError("ItemUnavailable", f"the Internet Archive withdrew the item {ref.id}")
    metadata, files = item.get("metadata"), item.get("files")
    if not isinstance(metadata, Mapping) or not isinstance(files, list):
        raise UnfitItemError("MalformedItem", f"the item {ref.id} has no metadata or no list of files")
    if line_from_field(metadata.get("identifier")) not in ("", ref.id):
        raise UnfitItemError(
            "MalformedItem", f"asked for the item {ref.id}, got {line_from_field(metadata.get('identifier'))}"
        )
    if _is_true(item.get("nodownload")) or _is_true(metadata.get("access-restricted-item")):
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


def _recordings(files: list[object], ref: ItemRef) -> list[list[_File]]:
    """Group the audio files by what they are recordings of, the best file of each first, in the order of the tracks."""
    usable = [fields for fields in files if isinstance(fields, Mapping) and _is_usable_name(fields.get("name"))]
    originals = {fields["name"]: _original(fields.get("original")) for fields in usable}
    groups: dict[str, list[_File]] = {}
    for fields in usable:
        file = _audio_file(fields, originals)
        if file:
            groups.setdefault(file.recording, []).append(file)
    if not groups:
        groups = {file.recording: [file] for fields in usable if (file := _maybe_audio_file(fields))}
    if not groups:
        raise UnfitItemError(
            "NoMediaFile", f"none of the {len(files)} files of the item {ref.id} is audio that may be fetched"
        )
    recordings = [sorted(group, key=lambda file: file.order) for group in groups.values()]
    return sorted(recordings, key=_place)


def _place(recording: list[_File]) -> tuple[float, str]:
    """Sort by track number, what has none last, and by name."""
    number = _track_number(recording)
    return (math.inf if number is None else number, recording[0].name)


def _is_usable_name(name: object) -> bool:
    if not isinstance(name, str) or name in ("", ".", ".."):
        return False
    try:
        return len(name.encode()) <= _LONGEST_NAME_BYTES
    except UnicodeEncodeError:  # half a surrogate has no place in a URL
        return False


def _audio_file(fields: Mapping[str, Any], originals: Mapping[str, str]) -> _File | None:
    name: str = fields["name"]
    kind = _kind(name, line_from_field(fields.get("format")).lower())
    size_bytes = whole_from_field(fields.get("size"))
    if kind is None or size_bytes == 0 or _is_true(fields.get("private")) or fields.get("source") == "metadata":
        return None
    if name.endswith("_files.xml") or _SAMPLE_NAME.search(name):
        return None
    is_original = fields.get("source") != "derivative"
    root = name if is_original else _root(name, originals)
    recording = _stem(root) if root != name or is_original else _BITRATE_SUFFIX.sub("", _stem(name))
    return _File(name=name, kind=kind, original=is_original, recording=recording, size_bytes=size_bytes, fields=fields)


def _maybe_audio_file(fields: Mapping[str, Any]) -> _File | None:
    """Return an original that may hold sound, or that should and is empty: the download then says what is wrong."""
    name: str = fields["name"]
    extension = name.rpartition(".")[2].lower()
    size_bytes = whole_from_field(fields.get("size"))
    if extension not in _LAST_CHANCE and not (extension in _KIND_OF_EXTENSION and size_bytes == 0):
        return None
    if fields.get("source") != "original" or _is_true(fields.get("private")) or _SAMPLE_NAME.search(name):
        return None
    return _File(name, _KINDS[-1][0], original=True, recording=name, size_bytes=size_bytes, fields=fields)


def _kind(name: str, format_name: str) -> str | None:
    if _NO_AUDIO.search(format_name):
        return None
    by_format = next((kind for kind, _, pattern in _KINDS if pattern.fullmatch(format_name)), None)
    return by_format or _KIND_OF_EXTENSION.get(name.rpartition(".")[2].lower())


def _original(value: object) -> str:
    """Return the name that a derivative gives as its original, letter by letter."""
    names = value if isinstance(value, list) else [value]
    return next((name for name in names if isinstance(name, str)), "")


def _root(name: str, originals: Mapping[str, str]) -> str:
    """Follow a derivative to the file that it was first made of; files that name each other in a ring end it."""
    seen = {name}
    while (parent := originals.get(name)) and parent not in seen:
        seen.add(parent)
        name = parent
    return name


def _stem(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return stem if dot and stem and "/" not in extension else name


def _track_number(recording: list[_File]) -> int | None:
    for file in recording:
        match = _TRACK_NUMBER.fullmatch(line_from_field(file.fields.get("track")))
        if match:
            return int(match[1])
    return None


def _track_titles(item_title: str, recordings: list[list[_File]]) -> list[str]:
    """Name each recording: by its own title, else by the item's, with what tells it from the item's others."""
    numbers = [_track_number(recording) for recording in recordings]
    titles = []
    for recording, number in zip(recordings, numbers, strict=True):
        title = _first(line_from_field(file.fields.get("title")) for file in recording)
        if not title and len(recordings) > 1:
            stem = plain_text(_stem(recording[0].name).rpartition("/")[2])
            part = f"track {number}" if number is not None and numbers.count(number) == 1 else stem
            title = plain_text(f"{item_title}, {part}") if part else None
        titles.append(title or item_title)
    return titles


def _track_creator(recording: list[_File]) -> str | None:
    """Return who made this recording, where the files themselves say so; tags that name nobody do not count."""
    fields = (file.fields.get(field) for file in recording for field in ("creator", "artist"))
    names = (
        ", ".join(filter(None, map(str.strip, line_from_field(field, separator=";").split(";")))) for field in fields
    )
    return _first(name for name in names if name.lower() not in _NOBODY)


def _quoted(name: str) -> str:
    """Encode a file's name for a URL's path, so that no client takes a part of it for a step up or a host.

    >>> _quoted("disc 1/01 #1.mp3"), _quoted("../../etc/passwd")
    ('disc%201/01%20%231.mp3', '..%2F..%2Fetc%2Fpasswd')
    """
    is_plain = all(segment not in ("", ".", "..") for segment in name.split("/"))
    return quote(name, safe="/" if is_plain else "")


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value), None)


def _is_true(value: object) -> bool:
    return value is True or line_from_field(value).lower() in ("true", "1")


def _md5(value: object) -> str | None:
    digest = line_from_field(value).lower()
    return digest if _MD5.fullmatch(digest) else None


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
