"""The stock: every item with its files and its metadata, in the archive's shapes, ready to be served."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from sources_emulator.catalogue import Fault, Item, Track, file_stem
from sources_emulator.rendering import AnyOrder, Order, Rendering

FORMATS = {  # the archive's names for file endings
    "mp3": "VBR MP3",
    "ogg": "Ogg Vorbis",
    "oga": "Ogg Vorbis",
    "opus": "Opus",
    "flac": "Flac",
    "wav": "WAVE",
    "m4a": "MPEG-4 Audio",
    "mp4": "MPEG4",
    "aif": "AIFF",
    "aiff": "AIFF",
    "png": "PNG",
    "mkv": "Matroska",
    "webm": "WebM",
    "mov": "QuickTime",
    "avi": "Cinepack",
}
CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/x-wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "aif": "audio/x-aiff",
    "aiff": "audio/x-aiff",
    "amr": "audio/amr",
    "wma": "audio/x-ms-wma",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "ogv": "video/ogg",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "3gp": "video/3gpp",
    "flv": "video/x-flv",
    "wmv": "video/x-ms-wmv",
    "ts": "video/mp2t",
    "mts": "video/mp2t",
    "png": "image/png",
    "xml": "application/xml",
    "txt": "text/plain; charset=utf-8",
}
BORN = datetime(2012, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ShelfFile:
    """A file as it is served. `entry` is its element of `files[]`; the bytes are at `path` or in `data`."""

    entry: dict[str, str]
    path: Path | None = None
    data: bytes = b""
    private: bool = False

    @property
    def name(self) -> str:
        return self.entry["name"]

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES.get(self.name.rpartition(".")[2].lower(), "application/octet-stream")


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """An item as it is served: `metadata` and `files` as in `/metadata/<id>`, `document` as in the search index."""

    identifier: str
    campaign: str
    metadata: dict[str, Any]
    document: dict[str, Any]
    files: dict[str, ShelfFile]
    truth: tuple[dict[str, Any], ...] = ()
    fault: Fault | None = None
    good: bool = True


@dataclass(slots=True)
class Shelf:
    """All items, by identifier, in the catalogue's order."""

    items: dict[str, ShelfItem] = field(default_factory=dict)

    def add(self, items: Iterable[ShelfItem]) -> None:
        for item in items:
            if item.identifier in self.items:
                raise ValueError(f"{item.identifier} stands on the shelf twice")
            self.items[item.identifier] = item

    def campaigns(self) -> dict[str, int]:
        """Number of items of each campaign, in order of appearance."""
        counts: dict[str, int] = {}
        for item in self.items.values():
            counts[item.campaign] = counts.get(item.campaign, 0) + 1
        return counts


def orders_for(item: Item) -> list[Order]:
    """What has to be rendered for an item, one order a track."""
    artist = item.creator if isinstance(item.creator, str) else ";".join(item.creator)
    return [Order(track.piece, item.formats, track.title, artist) for track in item.tracks]


def shelved(item: Item, rendered: Mapping[AnyOrder, Mapping[str, Rendering]], downloads: int) -> ShelfItem:
    """Put an item of the catalogue with its renderings on the shelf; `downloads` is how popular the search finds it."""
    files: dict[str, ShelfFile] = {}
    truth = []
    added = _added(item.identifier)
    for number, (track, order) in enumerate(zip(item.tracks, orders_for(item), strict=True), start=1):
        made = [
            *_track_files(item, track, rendered[order], number if len(item.tracks) > 1 else None, added),
        ]
        files |= {file.name: file for file in made}
        truth.append(_truth(item, track, [file.name for file in made if file.entry["format"] != "PNG"]))
    metadata = _metadata(item, added)
    finish_files(item.identifier, metadata, files, added)
    document = search_document(metadata, files, added, licence=item.index_licence, downloads=downloads)
    return ShelfItem(item.identifier, item.campaign, metadata, document, files, tuple(truth), item.fault, item.good)


def finish_files(identifier: str, metadata: dict[str, Any], files: dict[str, ShelfFile], added: datetime) -> None:
    """Add `<id>_meta.xml` and `<id>_files.xml`; the second declares an md5 of itself, which can never match."""
    meta = _data_file(f"{identifier}_meta.xml", _meta_xml(metadata), added)
    files[meta.name] = meta
    listing = _files_xml(files)
    name = f"{identifier}_files.xml"
    entry = {
        "name": name,
        "source": "original",
        "format": "Metadata",
        "md5": hashlib.md5(b"self", usedforsecurity=False).hexdigest(),
    }
    files[name] = ShelfFile(entry, data=listing)


def search_document(
    metadata: dict[str, Any], files: Mapping[str, ShelfFile], added: datetime, licence: str | None, downloads: int
) -> dict[str, Any]:
    """The item as the search index holds it: other types than in the metadata, and the licence of the last indexing."""
    document = {name: value for name, value in metadata.items() if name not in ("licenseurl", "uploader", "addeddate")}
    document |= {
        "date": f"{metadata['date']}T00:00:00Z",
        "year": metadata["date"][:4],
        "publicdate": added.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "addeddate": added.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "downloads": downloads,
        "item_size": sum(int(file.entry.get("size", 0)) for file in files.values()),
        "format": sorted({file.entry["format"] for file in files.values()}),
    }
    if licence:
        document["licenseurl"] = licence
    return dict(sorted(document.items()))


def popularity(rank: int, identifier: str) -> int:
    """Downloads, made up, that fall with the rank: the most popular item is the catalogue's first.

    >>> popularity(0, "a") > popularity(1, "b") > popularity(5_000, "c") == 0
    True
    """
    return max(0, 90_000 - 97 * rank - zlib.crc32(identifier.encode()) % 97)


def _added(identifier: str) -> datetime:
    """When an item was uploaded: made up, but the same in every run."""
    return BORN + timedelta(seconds=zlib.crc32(identifier.encode()) % 300_000_000)


def _metadata(item: Item, added: datetime) -> dict[str, Any]:
    def listed(value: str | tuple[str, ...]) -> str | list[str]:
        return list(value) if isinstance(value, tuple) else value

    metadata = {
        "identifier": item.identifier,
        "mediatype": item.mediatype,
        "collection": ["opensource_audio", f"stand-in-{item.campaign}"],
        "creator": listed(item.creator),
        "date": item.date,
        "description": listed(item.description),
        "language": "eng",
        "subject": listed(item.subject),
        "title": item.title,
        "licenseurl": item.licence,
        "publicdate": added.strftime("%Y-%m-%d %H:%M:%S"),
        "addeddate": added.strftime("%Y-%m-%d %H:%M:%S"),
        "uploader": "stand-in@example.org",
    }
    return {name: value for name, value in metadata.items() if value is not None}


def _track_files(
    item: Item, track: Track, made: Mapping[str, Rendering], number: int | None, added: datetime
) -> Iterable[ShelfFile]:
    """The original, its derivatives and the picture of its waveform."""
    original = track.file_name or f"{file_stem(track.title)}.{item.formats[0]}"
    stem = original.rpartition(".")[0] or original
    for ending, rendering in made.items():
        is_original = ending == item.formats[0]
        entry = {
            "name": original if is_original else f"{stem}.{ending}",
            "source": "original" if is_original else "derivative",
            "format": FORMATS.get(ending, "Unknown"),
            "mtime": str(int(added.timestamp())),
            "size": str(rendering.size),
            "md5": rendering.md5,
            "crc32": rendering.crc32,
            "sha1": rendering.sha1,
        }
        if not is_original:
            entry["original"] = original
        if item.fault is Fault.WRONG_MD5 and ending != "png":
            entry["md5"] = hashlib.md5(rendering.md5.encode(), usedforsecurity=False).hexdigest()
            entry["sha1"] = hashlib.sha1(rendering.sha1.encode(), usedforsecurity=False).hexdigest()
        if rendering.length_s is not None:
            entry |= {"length": _length(ending, rendering.length_s), "height": "0", "width": "0", "title": track.title}
        if number is not None and ending != "png":
            entry |= {"track": f"{number:02d}" if ending == "flac" else str(number), "album": item.title}
        private = item.private_original and is_original
        if private:
            entry["private"] = "true"
        yield ShelfFile(entry, path=rendering.path, private=private)


def _length(ending: str, length_s: float) -> str:
    """The archive writes lengths in two ways: minutes and seconds for mp3, seconds for the rest.

    >>> _length("mp3", 337.2), _length("flac", 337.2)
    ('05:37', '337.20')
    """
    return f"{int(length_s) // 60:02d}:{int(length_s) % 60:02d}" if ending == "mp3" else f"{length_s:.2f}"


def _truth(item: Item, track: Track, names: list[str]) -> dict[str, Any]:
    piece = track.piece
    return {
        "identifier": item.identifier,
        "campaign": item.campaign,
        "title": track.title,
        "files": names,
        "style": piece.style,
        "tempo_bpm": piece.tempo_bpm,
        "key": piece.key,
        "mode": piece.mode,
        "good": item.good,
        "fault": item.fault.value if item.fault else None,
        "flaw": item.flaw,
    }


def _data_file(name: str, data: bytes, added: datetime) -> ShelfFile:
    entry = {
        "name": name,
        "source": "original",
        "format": "Metadata",
        "mtime": str(int(added.timestamp())),
        "size": str(len(data)),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "crc32": f"{zlib.crc32(data):08x}",
        "sha1": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
    }
    return ShelfFile(entry, data=data)


def _meta_xml(metadata: Mapping[str, Any]) -> bytes:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<metadata>"]
    for name, value in metadata.items():
        for one in value if isinstance(value, list) else [value]:
            lines += [f"  <{name}>{escape(str(one))}</{name}>"]
    return "\n".join([*lines, "</metadata>", ""]).encode()


def _files_xml(files: Mapping[str, ShelfFile]) -> bytes:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<files>"]
    for file in files.values():
        lines.append(f"  <file name={quoteattr(file.name)} source={quoteattr(file.entry['source'])}>")
        lines += [
            f"    <{key}>{escape(value)}</{key}>" for key, value in file.entry.items() if key not in ("name", "source")
        ]
        lines.append("  </file>")
    return "\n".join([*lines, "</files>", ""]).encode()
