"""Where everything lies in the lake: the one home of S3 keys.

A key is built from the run and from the asset's content-derived names, never from chance or the clock, so that a task
which runs twice writes the same object twice.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, Self

MediaType = Literal["audio", "video"]
Kind = Literal["features", "labels"]
FootageKind = Literal["analysis", "transcript", "triage", "signals"]

LONGEST_SLUG = 100
LONGEST_KEY_BYTES = 1024
"""Of S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RUN = re.compile(r"\d{8}_\d{6}")
_LONGEST_STEM = 72
_LONGEST_EXTENSION = 9


def is_slug(name: str) -> bool:
    """Say whether ``name`` may stand in a key: ``[A-Za-z0-9][A-Za-z0-9._-]{0,99}``.

    >>> is_slug("vibe_ace.ogg"), is_slug("../etc/passwd"), is_slug("")
    (True, False, False)
    """
    return _SLUG.fullmatch(name) is not None


def slug_from_name(name: str) -> str:
    """Turn any name into a slug: accents folded, everything outside the alphabet becomes one ``-``.

    A name of which nothing is left becomes ``unnamed``; the original belongs into the provenance.

    >>> slug_from_name("Café del Mar (live).mp3")
    'Cafe-del-Mar-live.mp3'
    >>> slug_from_name("../../etc/passwd")
    'etc-passwd'
    >>> slug_from_name("夜")
    'unnamed'
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    cleaned = re.sub(r"[^A-Za-z0-9._]+", "-", ascii_name)
    cleaned = re.sub(r"-*\.[-.]*", ".", cleaned)
    return cleaned.strip("._-")[:LONGEST_SLUG].rstrip("._-") or "unnamed"


def run_from_time(moment: datetime) -> str:
    """Name a run by its time in UTC: ``YYYYMMDD_HHMMSS``.

    >>> run_from_time(datetime(2026, 3, 1, 6, 30, tzinfo=UTC))
    '20260301_063000'

    :raises ValueError: for a time without a zone, which would name another run on another machine.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).strftime("%Y%m%d_%H%M%S")


def asset_id_from_source(source: str, source_id: str) -> str:
    """Identify an asset by where it comes from: the first 24 hex digits of sha256(source, source_id).

    >>> asset_id_from_source("internet-archive", "lets-go-fishin/song.ogg")
    '72dd7859ed3d483250bbd410'
    """
    return hashlib.sha256(f"{source}\n{source_id}".encode()).hexdigest()[:24]


def raw_filename(original_name: str, asset_id: str) -> str:
    """Name a landed file: its slug, eight digits of its asset id, its extension.

    The digits keep apart two items whose files share a name (``01.mp3``), and two files that differ in the extension
    alone and would else share ``<stem>_features.json``. What follows the last dot of a title is no extension when it is
    long; then the dots go, for no later look at the name may take the digits for a part of one.

    >>> raw_filename("Vibe Ace.ogg", "72dd7859ed3d483250bbd410")
    'Vibe-Ace-72dd7859.ogg'
    >>> raw_filename("Vol. 2 The Remastered", "72dd7859ed3d483250bbd410")
    'Vol-2-The-Remastered-72dd7859'
    """
    slug = slug_from_name(PurePosixPath(original_name.replace("\\", "/")).name)
    stem, dot, extension = slug.rpartition(".")
    if not dot or len(extension) > _LONGEST_EXTENSION:
        stem, dot, extension = slug.replace(".", "-"), "", ""
    return f"{stem[:_LONGEST_STEM].rstrip('._-') or 'unnamed'}-{asset_id[:8]}{dot}{extension}"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run and source in ``raw`` and in ``processed``.

    >>> folder = RunFolder("audio", "internet-archive", "jazz", "20260301_063000")
    >>> folder.raw("take-5.mp3")
    'audio/internet-archive/jazz/20260301_063000/take-5.mp3'
    >>> folder.processed("take-5.mp3", "features")
    'audio/internet-archive/jazz/20260301_063000/take-5_features.json'

    :raises ValueError: when a part is no slug, or the run no ``YYYYMMDD_HHMMSS``.
    """

    media_type: MediaType
    source: str
    campaign: str
    run: str

    def __post_init__(self) -> None:
        for part in (self.media_type, self.source, self.campaign):
            if not is_slug(part):
                raise ValueError(f"{part!r} may not stand in a key: letters, digits, '.', '_' and '-' only")
        if not _RUN.fullmatch(self.run):
            raise ValueError(f"{self.run!r} is no run: YYYYMMDD_HHMMSS in UTC")

    @property
    def prefix(self) -> str:
        return f"{self.media_type}/{self.source}/{self.campaign}/{self.run}/"

    def _key(self, name: str) -> str:
        if not is_slug(name):
            raise ValueError(f"{name!r} may not stand in a key: letters, digits, '.', '_' and '-' only")
        return self.prefix + name

    def raw(self, filename: str) -> str:
        """Key of the media file in the raw bucket."""
        return self._key(filename)

    def processed(self, filename: str, kind: Kind) -> str:
        """Key of what was found out about ``filename``, in the processed bucket."""
        return self._key(f"{_stem(filename)}_{kind}.json")

    def proxy(self, filename: str) -> str:
        """Key of the H.264 copy of ``filename`` that analyses read, in the processed bucket.

        >>> RunFolder("video", "wikimedia", "sea", "20260301_063000").proxy("waves.webm")
        'video/wikimedia/sea/20260301_063000/waves_proxy.mp4'
        """
        return self._key(f"{_stem(filename)}_proxy.mp4")

    def contact_sheet(self, filename: str) -> str:
        """Key of the picture with one frame per shot of ``filename``, in the processed bucket.

        >>> RunFolder("video", "wikimedia", "sea", "20260301_063000").contact_sheet("waves.webm")
        'video/wikimedia/sea/20260301_063000/waves_contact.jpg'
        """
        return self._key(f"{_stem(filename)}_contact.jpg")

    @property
    def summary(self) -> str:
        """Key of the run's summary in the processed bucket."""
        return self._key("summary.json")

    @property
    def candidates(self) -> str:
        """Key of what the run's search chose, in the processed bucket."""
        return self._key("candidates.json")

    @property
    def search(self) -> str:
        """Key of how far the run's search came, in the processed bucket.

        >>> RunFolder("audio", "internet-archive", "jazz", "20260301_063000").search
        'audio/internet-archive/jazz/20260301_063000/search.json'
        """
        return self._key("search.json")


FOOTAGE_PREFIX = "footage/"
"""Where dash cams upload to, in the ingest bucket: ``footage/<device>/<YYYYMMDD>/<name>``."""
_DAY = re.compile(r"\d{8}")


def footage_key(device: str, day: str, name: str) -> str:
    """Key in the ingest bucket of what ``device`` filmed on ``day`` (``YYYYMMDD``), as its uploader writes it.

    >>> footage_key("cam-1", "20260301", "drive.mp4")
    'footage/cam-1/20260301/drive.mp4'
    """
    if not (is_slug(device) and _DAY.fullmatch(day) and is_slug(name)):
        raise ValueError(f"{device!r}, {day!r}, {name!r} may not stand in a key")
    return f"{FOOTAGE_PREFIX}{device}/{day}/{name}"


@dataclass(frozen=True, slots=True)
class FootageFolder:
    """What is found out about one upload, in the processed bucket; ``stem`` is the catalogue's, unique in the folder.

    >>> drive = FootageFolder("cam-1", "20260301", "drive")
    >>> drive.record("triage"), drive.media("web.mp4")
    ('video/footage/cam-1/20260301/drive_triage.json', 'video/footage/cam-1/20260301/drive_web.mp4')
    >>> analysis_key(drive.base, "label_detection")
    'video/footage/cam-1/20260301/drive.label_detection.json'

    :raises ValueError: when a part is no slug, or the day no ``YYYYMMDD``.
    """

    device: str
    day: str
    stem: str

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """Return the folder of an upload by its item of the catalogue."""
        return cls(item["device"], item["day"], item["stem"])

    def __post_init__(self) -> None:
        for part in (self.device, self.stem):
            if not is_slug(part):
                raise ValueError(f"{part!r} may not stand in a key: letters, digits, '.', '_' and '-' only")
        if not _DAY.fullmatch(self.day):
            raise ValueError(f"{self.day!r} is no day: YYYYMMDD")

    @property
    def base(self) -> str:
        """What the keys of the analyses begin with: ``analysis_key(base, ...)``, ``raw_analysis_key(base, ...)``."""
        return f"video/footage/{self.device}/{self.day}/{self.stem}"

    def record(self, kind: FootageKind) -> str:
        """Key of a record about the upload."""
        return f"{self.base}_{kind}.json"

    def media(self, name: str) -> str:
        """Key of something made of the upload: ``web.mp4``, ``evidence_1.mp4``, ``moment.jpg``, ``audio.flac``."""
        return f"{self.base}_{name}"

    def original(self, ingest_key: str) -> str:
        """Key of a copy of the upload, for who cannot be told to read an older version of ``ingest_key``.

        >>> FootageFolder("cam-1", "20260301", "FILE0001-72dd7859").original("footage/cam-1/20260301/FILE0001.MP4")
        'video/footage/cam-1/20260301/FILE0001-72dd7859_original.MP4'
        """
        extension = PurePosixPath(ingest_key).suffix
        plain = is_slug(extension[1:]) and len(extension) <= _LONGEST_EXTENSION + 1
        return self.media(f"original{extension if plain else ''}")


def footage_run_summary_key(run: str) -> str:
    """Key, in the processed bucket, of what a run of ``triage_footage`` made of its uploads.

    >>> footage_run_summary_key("20260301_063000")
    'video/footage/_runs/20260301_063000/summary.json'
    """
    if not _RUN.fullmatch(run):
        raise ValueError(f"{run!r} is no run: YYYYMMDD_HHMMSS in UTC")
    return f"video/footage/_runs/{run}/summary.json"


def archive_key(ingest_key: str, addition: str = "") -> str:
    """Key in the archive bucket of what stood under ``ingest_key`` in the ingest bucket.

    Cameras use names again: each upload has a key of its own, for an older version is soon cleared away.

    :param addition: what the upload's stem has that its name has not, where others have that name too

    >>> archive_key("footage/cam-1/20260301/drive.mp4")
    'footage/cam-1/20260301/drive.mp4'
    >>> archive_key("footage/cam-1/20260301/drive.mp4", "-72dd7859")
    'footage/cam-1/20260301/drive-72dd7859.mp4'
    """
    extension = PurePosixPath(ingest_key).suffix
    if len(extension) > _LONGEST_EXTENSION + 1:
        extension = ""
    return _fitted(ingest_key.removesuffix(extension), f"{addition}{extension}")


def tiering_key(day: str, name: str) -> str:
    """Key in the reports bucket of a file of the tiering report of ``day`` (``YYYYMMDD``).

    >>> tiering_key("20260301", "report.json")
    'tiering/20260301/report.json'
    """
    if not (_DAY.fullmatch(day) and is_slug(name)):
        raise ValueError(f"{day!r}, {name!r} may not stand in a key")
    return f"tiering/{day}/{name}"


def _stem(filename: str) -> str:
    return filename.rpartition(".")[0] or filename


def provenance_key(raw_key: str) -> str:
    """Key of the provenance beside a raw file, in the same bucket.

    >>> provenance_key("audio/internet-archive/jazz/20260301_063000/take-5.mp3")
    'audio/internet-archive/jazz/20260301_063000/take-5.mp3.provenance.json'
    """
    return f"{raw_key}.provenance.json"


def failure_key(key: str) -> str:
    """Key, in the processed bucket, of why the asset failed whose media file has (or would have had) ``key``.

    >>> failure_key("audio/internet-archive/jazz/20260301_063000/take-5.mp3")
    'failed/audio/internet-archive/jazz/20260301_063000/take-5.mp3.json'
    """
    return _fitted(f"failed/{key}", ".json")


def _fitted(start: str, end: str) -> str:
    """Join two parts of a key; where that is too long for S3, the start is cut, and its digest tells it from others.

    >>> len(_fitted("failed/" + "n" * 1024, ".json")), _fitted("failed/a.mp4", ".json")
    (1024, 'failed/a.mp4.json')
    """
    room = LONGEST_KEY_BYTES - len(end.encode())
    if len(start.encode()) <= room:
        return start + end
    mark = f"-{hashlib.sha256(start.encode()).hexdigest()[:24]}"
    return start.encode()[: room - len(mark)].decode(errors="ignore") + mark + end


def answer_key(source: str, request_sha256: str) -> str:
    """Key, in the processed bucket, of a catalogue's answer that may not be asked for again within a day.

    >>> answer_key("pixabay", "0" * 64) == f"answers/pixabay/{'0' * 64}.json"
    True
    """
    return f"answers/{source}/{request_sha256}.json"


def analysis_key(key: str, analysis: str) -> str:
    """Key of the flat records that ``analysis`` found in the media object ``key``, in the processed bucket.

    The whole name is kept, so that ``a.mp4`` and ``a.mov`` do not share a result.

    >>> analysis_key("video/pixabay/sea/20260301_063000/waves.mp4", "label_detection")
    'video/pixabay/sea/20260301_063000/waves.mp4.label_detection.json'
    """
    return f"{key}.{analysis}.json"


def raw_analysis_key(key: str, analysis: str) -> str:
    """Key of what the service itself answered, page for page, one a line.

    >>> raw_analysis_key("video/pixabay/sea/20260301_063000/waves.mp4", "label_detection")
    'video/pixabay/sea/20260301_063000/waves.mp4.label_detection.raw.jsonl'
    """
    return f"{key}.{analysis}.raw.jsonl"


def raw_transcript_key(key: str) -> str:
    """Key of the transcript file that Transcribe itself writes, in the alphabet that it takes.

    Another key is written with ``-`` for each foreign letter, and with eight digits of its own against namesakes.

    >>> raw_transcript_key("audio/interview.mp3")
    'audio/interview.mp3.transcript.raw.json'
    >>> raw_transcript_key("audio/interview & talk.mp3")
    'audio/interview---talk.mp3-6b58c979.transcript.raw.json'
    """
    safe = re.sub(r"[^a-zA-Z0-9._!*'()/-]", "-", key)
    if safe != key:
        safe += f"-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return f"{safe}.transcript.raw.json"
