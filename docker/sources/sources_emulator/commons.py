"""Files of Wikimedia Commons: what their description pages and MediaWiki tell about them."""

from __future__ import annotations

import hashlib
import html
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources_emulator.catalogue import Fault
from sources_emulator.filming.film import Film, StatedLicence
from sources_emulator.rendering import Rendering
from sources_emulator.shelf import CONTENT_TYPES, ShelfFile

FIRST_UPLOAD = datetime(2022, 1, 1, tzinfo=UTC)
OWN_WORK = '<span class="int-own-work" lang="en">Own work</span>'


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonsFile:
    """A file of Commons."""

    page_id: int
    name: str
    """Without `File:`, with spaces, as MediaWiki writes it: the first letter is a capital."""
    campaign: str
    file: ShelfFile
    mime: str
    mediatype: str
    """`VIDEO` or `AUDIO`."""
    width: int
    height: int
    duration_s: float
    size: int
    sha1: str
    """In lower-case hex, as the index has it."""
    user: str
    uploaded: datetime
    extmetadata: Mapping[str, Mapping[str, Any]]
    fault: Fault | None = None

    @property
    def title(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def url_name(self) -> str:
        return self.name.replace(" ", "_")

    @property
    def folders(self) -> tuple[str, str]:
        """The first digits of the md5 of the name, below which the file lies."""
        digest = hashlib.md5(self.url_name.encode(), usedforsecurity=False).hexdigest()
        return digest[0], digest[:2]

    @property
    def path(self) -> str:
        return f"/wikipedia/commons/{'/'.join(self.folders)}/{quote(self.url_name, safe='')}"

    @property
    def page_path(self) -> str:
        return f"/wiki/File:{quote(self.url_name, safe='')}"

    def told(self, field: str) -> str:
        """What the description page says under a field of `extmetadata`, as plain text."""
        return html.unescape(re.sub(r"<[^>]*>", "", str(self.extmetadata.get(field, {}).get("value", ""))))

    @property
    def categories(self) -> list[str]:
        return [name for name in self.told("Categories").split("|") if name]

    @property
    def text(self) -> str:
        """What a search looks through; a line break keeps a phrase from running over the end of a part."""
        return "\n".join((self.title, self.told("ImageDescription"), *self.categories))


def file_title(name: str) -> str:
    """A file's name as MediaWiki writes it: spaces for `_`, a capital first, `-` for what a title must not hold.

    >>> file_title("street_bikes #2.mp4"), file_title("a/b: c.webm")
    ('Street bikes -2.mp4', 'A-b- c.webm')
    """
    title = re.sub(r"\s+", " ", re.sub(r"[#<>\[\]|{}/\\:\x00-\x1f\x7f\ufffd]", "-", name).replace("_", " ")).strip()
    return title[:1].upper() + title[1:200]


def mime_type(name: str) -> str:
    """What MediaWiki takes a film of this name for; an Ogg's type says nothing about what is in it.

    >>> mime_type("A.webm"), mime_type("A.ogg"), mime_type("A.vob")
    ('video/webm', 'application/ogg', 'video/x-vob')
    """
    ending = name.rpartition(".")[2].lower()
    return "application/ogg" if ending == "ogg" else CONTENT_TYPES.get(ending, f"video/x-{ending}")


def commons_file(film: Film, rendering: Rendering) -> CommonsFile:
    """A film of the catalogue as Commons offers it."""
    number = zlib.crc32(film.name.encode())
    added = FIRST_UPLOAD + timedelta(seconds=number % 60_000_000)
    entry = {"name": film.file_name, "mtime": str(int(added.timestamp()))}
    wrong = film.fault is Fault.WRONG_MD5
    return CommonsFile(
        page_id=40_000_000 + number % 100_000_000,
        name=file_title(film.file_name),
        campaign=film.campaign,
        file=ShelfFile(entry, path=rendering.path),
        mime=mime_type(film.file_name),
        mediatype="VIDEO",
        width=film.footage.width,
        height=film.footage.height,
        duration_s=round(film.footage.seconds, 3),
        size=rendering.size,
        sha1=hashlib.sha1(b"another file", usedforsecurity=False).hexdigest() if wrong else rendering.sha1,
        user=film.creator,
        uploaded=added,
        extmetadata=extmetadata(
            title=film.title,
            artist=linked_artist(film.creator),
            description=html.escape(film.description),
            date=film.date,
            categories=(*film.categories, "Self-published work"),
            licence=film.licence or StatedLicence(),
            added=added,
        ),
        fault=film.fault,
    )


def linked_artist(creator: str) -> str:
    """The field Artist as most pages have it: a link to the user's page."""
    page = quote(creator.replace(" ", "_"))
    name = html.escape(creator)
    return f'<a href="//commons.wikimedia.org/wiki/User:{page}" title="User:{name}">{name}</a>'


def extmetadata(
    *,
    title: str,
    artist: str,
    description: str,
    date: str,
    categories: Iterable[str],
    licence: StatedLicence,
    added: datetime,
    credit: str = OWN_WORK,
) -> dict[str, dict[str, Any]]:
    """The fields of a description page in MediaWiki's shape. Texts may hold HTML, as people write it."""
    page, hidden = {"source": "commons-desc-page"}, {"hidden": ""}
    told: dict[str, tuple[Any, dict[str, str]]] = {
        "Artist": (artist, page),
        "Assessments": ("", {"source": "commons-categories"} | hidden),
        "AttributionRequired": (str(licence.attribution_required).lower(), page | hidden),
        "Categories": ("|".join(categories), {"source": "commons-categories"} | hidden),
        "CommonsMetadataExtension": (1.2, {"source": "extension"} | hidden),
        "Copyrighted": (str(licence.copyrighted), page | hidden),
        "Credit": (credit, page | hidden),
        "DateTime": (f"{added:%Y-%m-%d %H:%M:%S}", {"source": "mediawiki-metadata"} | hidden),
        "DateTimeOriginal": (date, page),
        "ImageDescription": (description, page),
        "License": (licence.code, {"source": "commons-templates"} | hidden),
        "LicenseShortName": (licence.short_name, page | hidden),
        "LicenseUrl": (licence.url, page | hidden),
        "NonFree": ("true" if licence.non_free else None, page | hidden),
        "ObjectName": (html.escape(title), {"source": "mediawiki-metadata"} | hidden),
        "Restrictions": ("", page | hidden),
        "UsageTerms": (licence.terms, page | hidden),
    }
    return {
        name: dict(sorted((facts | {"value": value}).items()))
        for name, (value, facts) in told.items()
        if value is not None
    }
