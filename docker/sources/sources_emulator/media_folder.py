"""A folder of somebody's own media as the campaign `my-media`: each file becomes an item, served from where it lies."""

from __future__ import annotations

import hashlib
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sources_emulator.campaigns import CC0
from sources_emulator.catalogue import slug
from sources_emulator.shelf import FORMATS, ShelfFile, ShelfItem, finish_files, search_document

CAMPAIGN = "my-media"
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


def shelve_folder(folder: Path, progress: Callable[[int, int], None]) -> list[ShelfItem]:
    """The folder's files as items. Every byte is read once, for the checksums; what cannot be read is left out."""
    root, paths, items = folder.resolve(), media_files(folder), []
    for done, path in enumerate(paths, start=1):
        try:
            items.append(_shelved(path, root))
        except OSError as error:
            log.warning("left out %s: %s", path, error.strerror)
        progress(done, len(paths))
    return items


def _shelved(path: Path, root: Path) -> ShelfItem:
    relative = path.relative_to(root)
    name = os.fsencode(path.name).decode("utf-8", "replace")
    title = os.fsencode(path.stem).decode("utf-8", "replace")
    digest = hashlib.sha256(os.fsencode(relative.as_posix())).hexdigest()[:8]
    identifier = "-".join(part for part in (CAMPAIGN, slug(title)[:60].strip("-"), digest) if part)
    state = path.stat()
    added = datetime.fromtimestamp(int(state.st_mtime), UTC)
    md5, sha1, crc32, size = _checksums(path)
    entry = {
        "name": name,
        "source": "original",
        "format": FORMATS.get(path.suffix.lower().lstrip("."), path.suffix.lstrip(".").upper()),
        "mtime": str(int(state.st_mtime)),
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
        "creator": "declared by whoever runs it",
        "date": added.strftime("%Y-%m-%d"),
        "description": "A file of the media folder.",  # no words of its own, else it would turn up in other campaigns
        "source": os.fsencode(relative.as_posix()).decode("utf-8", "replace"),
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


def _checksums(path: Path) -> tuple[str, str, str, int]:
    md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
    crc, size = 0, 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            md5.update(chunk)
            sha1.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return md5.hexdigest(), sha1.hexdigest(), f"{crc:08x}", size
