"""Folders of somebody's own media as the campaign `my-media`, served from where the files lie.

By its name's ending a file is a sound, and becomes an item of the Internet Archive, or a film, and goes to Commons.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import av

from sources_emulator.campaigns import CC0
from sources_emulator.catalogue import slug
from sources_emulator.commons import CommonsFile, extmetadata, file_title, mime_type
from sources_emulator.filming.films import CC0 as FILMS_CC0
from sources_emulator.shelf import FORMATS, ShelfFile, ShelfItem, finish_files, search_document

CAMPAIGN = "my-media"
CREATOR = "declared by whoever runs it"
DESCRIPTION = "A file of the media folder."  # no words of its own, else it would turn up in other campaigns
# By the name alone: an empty file or a text called .mp3 is an item too, and the pipeline says what is wrong with it.
# fmt: off
AUDIO_ENDINGS = frozenset({
    "aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "au", "caf", "dts", "eac3", "flac", "gsm", "m4a", "m4b",
    "mka", "mp2", "mp3", "mpc", "oga", "ogg", "opus", "raw", "snd", "spx", "tta", "voc", "w64", "wav", "wma", "wv"
})
VIDEO_ENDINGS = frozenset({
    "3g2", "3gp", "asf", "avi", "divx", "f4v", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts",
    "mxf", "ogv", "ts", "vob", "webm", "wmv"
})
# fmt: on
MEDIA_ENDINGS = AUDIO_ENDINGS | VIDEO_ENDINGS
CHUNK_BYTES = 1 << 20

log = logging.getLogger("sources_emulator")


def media_files(folder: Path) -> list[Path]:
    """Every media file below a folder, sorted by its path.

    Hidden files and folders are left out, and so is what a symbolic link brings in from outside. Each file appears once
    however many links lead to it from inside.
    """
    root = folder.resolve()
    found: dict[Path, Path] = {}
    for path in sorted(_walk(root, root)):
        found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        log.warning("left out %s: %s", folder, error.strerror)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            target = path.resolve()
            if not target.is_relative_to(root) or target.is_dir():  # outside, or a folder that is walked anyway
                continue
        if entry.is_dir():
            yield from _walk(path, root)
        elif entry.is_file() and path.suffix.lower().lstrip(".") in MEDIA_ENDINGS:
            yield path


@dataclass(frozen=True, slots=True)
class OwnMedia:
    """What the folders hold: sound as items of the Internet Archive, films as files of Wikimedia Commons."""

    items: tuple[ShelfItem, ...] = ()
    films: tuple[CommonsFile, ...] = ()


def shelve_folders(
    folders: Sequence[Path], progress: Callable[[int, int], None], taken: Collection[str] = ()
) -> OwnMedia:
    """The folders' files. Every byte is read once, for the checksums; what cannot be read is left out.

    `taken` are names of Commons that are given away already.
    """
    places = {path.resolve(): (path, folder.resolve()) for folder in folders for path in media_files(folder)}
    items: list[ShelfItem] = []
    films: list[CommonsFile] = []
    names = set(taken)
    for done, (path, root) in enumerate(sorted(places.values()), start=1):
        try:
            if path.suffix.lower().lstrip(".") in VIDEO_ENDINGS:
                films.append(_film(path, names))
                names.add(films[-1].name)
            else:
                items.append(_item(path, root))
        except OSError as error:
            log.warning("left out %s: %s", path, error.strerror)
        progress(done, len(places))
    return OwnMedia(tuple(items), tuple(films))


def _film(path: Path, taken: Collection[str]) -> CommonsFile:
    name, digest = file_title(_text(path.name)), _digest(path)
    if name in taken:
        stem, _, ending = name.rpartition(".")
        name = f"{stem} ({digest}).{ending}"
    added = _changed(path)
    _, sha1, _, size = _checksums(path)
    width, height, duration_s = _picture(path)
    return CommonsFile(
        page_id=int(digest, 16),
        name=name,
        campaign=CAMPAIGN,
        file=ShelfFile({"name": name, "mtime": str(int(added.timestamp()))}, path=path),
        mime=mime_type(name),
        mediatype="VIDEO",
        width=width,
        height=height,
        duration_s=duration_s,
        size=size,
        sha1=sha1,
        user="stand-in@example.org",
        uploaded=added,
        extmetadata=extmetadata(
            title=name.rpartition(".")[0],
            artist=CREATOR,
            description=DESCRIPTION,
            date=f"{added:%Y-%m-%d}",
            categories=("My media",),
            licence=FILMS_CC0,
            added=added,
            credit="declared by whoever runs it",
        ),
    )


def _picture(path: Path) -> tuple[int, int, float]:
    """Width and height in pixels and length in seconds as the file's header tells them; zeros where it does not."""
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as media:
            duration_s = (media.duration or 0) / av.time_base
            video = next(iter(media.streams.video), None)
            return (video.width, video.height, duration_s) if video else (0, 0, duration_s)
    except (av.FFmpegError, OSError, ValueError):
        return 0, 0, 0.0


def _item(path: Path, root: Path) -> ShelfItem:
    name, title = _text(path.name), _text(path.stem)
    identifier = "-".join(part for part in (CAMPAIGN, slug(title)[:60].strip("-"), _digest(path)) if part)
    added = _changed(path)
    md5, sha1, crc32, size = _checksums(path)
    entry = {
        "name": name,
        "source": "original",
        "format": FORMATS.get(path.suffix.lower().lstrip("."), path.suffix.lstrip(".").upper()),
        "mtime": str(int(added.timestamp())),
        "size": str(size),
        "md5": md5,
        "crc32": crc32,
        "sha1": sha1,
    }
    files = {name: ShelfFile(entry, path=path)}
    metadata = {
        "identifier": identifier,
        "mediatype": "audio",
        "collection": ["my-media"],
        "creator": CREATOR,
        "date": added.strftime("%Y-%m-%d"),
        "description": DESCRIPTION,
        "source": _text(path.relative_to(root).as_posix()),
        "subject": [CAMPAIGN, "my media"],
        "title": title,
        "licenseurl": CC0,
        "publicdate": added.strftime("%Y-%m-%d %H:%M:%S"),
        "addeddate": added.strftime("%Y-%m-%d %H:%M:%S"),
        "uploader": "stand-in@example.org",
    }
    finish_files(identifier, metadata, files, added)
    document = search_document(metadata, files, added, licence=CC0, downloads=0)
    return ShelfItem(identifier, CAMPAIGN, metadata, document, files)


def _text(name: str) -> str:
    """A name as Unicode, whatever bytes the file system holds."""
    return os.fsencode(name).decode("utf-8", "replace")


def _digest(path: Path) -> str:
    """Eight hex digits for the place of a file: the same in every run, others for its namesake elsewhere."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


def _checksums(path: Path) -> tuple[str, str, str, int]:
    md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
    crc, size = 0, 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            md5.update(chunk)
            sha1.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return md5.hexdigest(), sha1.hexdigest(), f"{crc:08x}", size
