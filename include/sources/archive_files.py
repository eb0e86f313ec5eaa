"""Which files of an Internet Archive item are worth taking, and which of them are the same recording.

An item holds what was uploaded and what the Archive made of it: several files per recording, and others that only look
like sound. Each file tells its format in words, of which there is no closed list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.catalog.attribution import plain_text
from include.sources.reading import UnfitItemError, is_true, is_usable_name, line_from_field, whole_from_field
from include.sources.source import ItemRef

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

_TRACK_NUMBER = re.compile(r"\s*([0-9]{1,6})(?:\s*(?:/|of)\s*[0-9]{1,6})?\s*")
_NOBODY = frozenset({"unknown", "unknown artist", "[unknown]", "artist", "various", "various artists"})


@dataclass(frozen=True, slots=True)
class ArchiveFile:
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


def recordings_from_files(files: list[object], ref: ItemRef) -> list[list[ArchiveFile]]:
    """Group the audio files by what they are recordings of, the best file of each first, in the order of the tracks."""
    usable = [fields for fields in files if isinstance(fields, Mapping) and is_usable_name(fields.get("name"))]
    originals = {fields["name"]: _original(fields.get("original")) for fields in usable}
    groups: dict[str, list[ArchiveFile]] = {}
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


def _place(recording: list[ArchiveFile]) -> tuple[float, str]:
    """Sort by track number, what has none last, and by name."""
    number = _track_number(recording)
    return (math.inf if number is None else number, recording[0].name)


def _audio_file(fields: Mapping[str, Any], originals: Mapping[str, str]) -> ArchiveFile | None:
    name: str = fields["name"]
    kind = _kind(name, line_from_field(fields.get("format")).lower())
    size_bytes = whole_from_field(fields.get("size"))
    if kind is None or size_bytes == 0 or is_true(fields.get("private")) or fields.get("source") == "metadata":
        return None
    if name.endswith("_files.xml") or _SAMPLE_NAME.search(name):
        return None
    is_original = fields.get("source") != "derivative"
    root = name if is_original else _root(name, originals)
    recording = _stem(root) if root != name or is_original else _BITRATE_SUFFIX.sub("", _stem(name))
    return ArchiveFile(
        name=name, kind=kind, original=is_original, recording=recording, size_bytes=size_bytes, fields=fields
    )


def _maybe_audio_file(fields: Mapping[str, Any]) -> ArchiveFile | None:
    """Return an original that may hold sound, or that should and is empty: the download then says what is wrong."""
    name: str = fields["name"]
    extension = name.rpartition(".")[2].lower()
    size_bytes = whole_from_field(fields.get("size"))
    if extension not in _LAST_CHANCE and not (extension in _KIND_OF_EXTENSION and size_bytes == 0):
        return None
    if fields.get("source") != "original" or is_true(fields.get("private")) or _SAMPLE_NAME.search(name):
        return None
    return ArchiveFile(name, _KINDS[-1][0], original=True, recording=name, size_bytes=size_bytes, fields=fields)


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


def _track_number(recording: list[ArchiveFile]) -> int | None:
    for file in recording:
        match = _TRACK_NUMBER.fullmatch(line_from_field(file.fields.get("track")))
        if match:
            return int(match[1])
    return None


def track_titles(item_title: str, recordings: list[list[ArchiveFile]]) -> list[str]:
    """Name each recording: by its own title, else by the item's, with what tells it from the item's others."""
    numbers = [_track_number(recording) for recording in recordings]
    titles = []
    for recording, number in zip(recordings, numbers, strict=True):
        title = next(filter(None, (line_from_field(file.fields.get("title")) for file in recording)), None)
        if not title and len(recordings) > 1:
            stem = plain_text(_stem(recording[0].name).rpartition("/")[2])
            part = f"track {number}" if number is not None and numbers.count(number) == 1 else stem
            title = plain_text(f"{item_title}, {part}") if part else None
        titles.append(title or item_title)
    return titles


def track_creator(recording: list[ArchiveFile]) -> str | None:
    """Return who made this recording, where the files themselves say so; tags that name nobody do not count."""
    fields = (file.fields.get(field) for file in recording for field in ("creator", "artist"))
    names = (
        ", ".join(filter(None, map(str.strip, line_from_field(field, separator=";").split(";")))) for field in fields
    )
    return next((name for name in names if name and name.lower() not in _NOBODY), None)
