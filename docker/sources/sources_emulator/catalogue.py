"""What an item of the catalogue is. The items themselves stand in `campaigns.py` and `trouble_campaign.py`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from sources_emulator.composing.piece import Piece

NOMINAL_SECONDS = 30.0  # the catalogue's lengths are written for this; `--seconds` scales them all
DERIVATIVES_FORBIDDEN = re.compile(r"creativecommons\.org/licenses/by(-nc)?-nd/", re.IGNORECASE)
CREATIVE_COMMONS = re.compile(
    r"^https?://creativecommons\.org/((licenses|publicdomain)/[a-z-]+/\d|licenses/publicdomain/)", re.IGNORECASE
)


class Fault(StrEnum):
    """What goes wrong with an item when somebody asks for it."""

    RATE_LIMITED_TWICE = "429 with Retry-After for the first two requests, then fine"
    UNAVAILABLE_TWICE = "503 for the first two requests, then fine"
    UNAVAILABLE = "503 always"
    TRUNCATED = "body shorter than its Content-Length, always"
    TRUNCATED_ONCE = "body shorter than its Content-Length once, then fine"
    WRONG_MD5 = "the declared md5 is not that of the bytes"
    HTML_PAGE = "an html page instead of audio"
    REDIRECT_LOOP = "redirects to itself"
    REDIRECT_PRIVATE = "redirects to a link-local address"
    REDIRECT_LOOPBACK = "redirects to another port of the loopback address"
    REDIRECT_SCHEME = "redirects to a file: address"
    TRICKLE = "a few bytes a second"
    OVERSIZED = "a Content-Length of ten terabytes"
    GONE = "in the search index, but its metadata is {}"


@dataclass(frozen=True, slots=True)
class Track:
    """One recording of an item. `file_name` is the original's name; without it the title gives one."""

    piece: Piece
    title: str
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the catalogue.

    `formats` are file endings: the first is the uploaded original, the others are derived from it. `licence` is the
    `licenseurl` of the metadata, `index_licence` the one that the search index claims: they differ when the index is
    stale. `flaw` says in words why nobody should land the item although its bytes are served well.
    """

    identifier: str
    campaign: str
    title: str
    creator: str | tuple[str, ...]
    licence: str | None
    tracks: tuple[Track, ...]
    formats: tuple[str, ...] = ("mp3",)
    subject: str | tuple[str, ...] = ()
    description: str | tuple[str, ...] = ""
    date: str = "2019-05-04"
    mediatype: str = "audio"
    index_licence: str | None = None
    fault: Fault | None = None
    flaw: str | None = None
    private_original: bool = False

    @property
    def good(self) -> bool:
        """Whether a careful reader who may not publish derivatives of ND works can land it."""
        recovers = (None, Fault.RATE_LIMITED_TWICE, Fault.UNAVAILABLE_TWICE, Fault.TRUNCATED_ONCE)
        usable = bool(self.licence and CREATIVE_COMMONS.match(self.licence))
        return (
            usable and not DERIVATIVES_FORBIDDEN.search(self.licence or "") and self.fault in recovers and not self.flaw
        )


def file_stem(title: str) -> str:
    """A file name as uploaders write them: the title, without what a file system forbids.

    >>> file_stem("Rain / Roof: part 1")
    'Rain Roof part 1'
    """
    return re.sub(r"\s+", " ", re.sub(r'[/\\:*?"<>|\x00-\x1f]', " ", title)).strip() or "untitled"


def slug(text: str) -> str:
    """Lower-case ASCII words joined by '-'.

    >>> slug("Café del Río!")
    'cafe-del-rio'
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")


def scaled(items: Iterable[Item], seconds: float) -> tuple[Item, ...]:
    """The same items with every piece's length multiplied by `seconds` / 30, never below two seconds of sound.

    Silence and single samples keep what makes them odd.
    """
    factor = seconds / NOMINAL_SECONDS

    def shorter(track: Track) -> Track:
        return replace(track, piece=replace(track.piece, seconds=max(2.0, track.piece.seconds * factor)))

    return tuple(replace(item, tracks=tuple(shorter(track) for track in item.tracks)) for item in items)


def checked(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items, if no identifier stands twice and none breaks the catalogue's own rules; else ValueError."""
    seen: set[str] = set()
    listed = tuple(items)
    for item in listed:
        if item.identifier in seen:
            raise ValueError(
                f"{item.identifier} stands twice in the catalogue: give each item an identifier of its own"
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", item.identifier):
            raise ValueError(f"{item.identifier!r} is no identifier: letters, digits, '.', '_' and '-', 100 at most")
        seen.add(item.identifier)
    return listed
