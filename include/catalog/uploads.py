"""What S3 tells of uploads: messages read, each upload identified, and its names in the lake made of its key.

Keys are chosen by whoever uploads, so nothing here trusts them: what goes into a key of the lake becomes a slug.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote_plus

from include.catalog.keys import FOOTAGE_PREFIX, LONGEST_KEY_BYTES, FootageFolder, asset_id_from_source, slug_from_name

FOOTAGE_SOURCE = "footage"
"""Source and campaign of uploads in the catalogue."""

METADATA_DEVICE, METADATA_CAPTURED_AT, METADATA_SHA256 = "device", "captured-at", "sha256"
"""What the uploader notes on the object (S3 user metadata): who filmed, when (ISO 8601 with zone), hex digest."""

UNKNOWN_DEVICE = "unknown"

_LONGEST_STEM = 72
_LONGEST_EXTENSION = 9
_LONGEST_TITLE = 120
_MOST_ENVELOPES = 3


class UnreadableMessage(ValueError):
    """A message from which nobody can tell what was uploaded; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One object as it was uploaded.

    ``version_id`` is ``None`` without versioning; ``etag`` has no quotes; ``sequencer`` orders the events of one key
    (hexadecimal, shorter ones padded with zeros on the right) and is empty where S3 tells none.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size_bytes: int
    uploaded_at: str
    sequencer: str = ""

    @property
    def is_folder(self) -> bool:
        """Say whether it is no file but the mark that consoles write for an empty folder."""
        return self.key.endswith("/") and self.size_bytes == 0

    @classmethod
    def from_fields(cls, fields: Any) -> Self:
        """Check what an event or a person says of an upload.

        :raises UnreadableMessage: when a field is missing, of another type, or no S3 object can have it.
        """
        if not isinstance(fields, Mapping):
            raise UnreadableMessage("an upload is described by no object")
        bucket, key = _text(fields, "bucket"), _text(fields, "key")
        version_id, etag = fields.get("version_id"), _text(fields, "etag").strip('"')
        if not bucket or not key:
            raise UnreadableMessage("bucket or key is empty")
        if not etag:
            raise UnreadableMessage("the etag is empty")
        if len(_encoded(key)) > LONGEST_KEY_BYTES:
            raise UnreadableMessage(f"the key has more than {LONGEST_KEY_BYTES} bytes")
        if version_id is not None and not isinstance(version_id, str):
            raise UnreadableMessage("version_id is no text")
        size_bytes = fields.get("size_bytes")
        if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 0:
            raise UnreadableMessage("size_bytes is no whole number from 0")
        sequencer = fields.get("sequencer") or ""
        for text in (bucket, etag, version_id or "", str(sequencer)):
            _encoded(text)
        return cls(
            bucket=bucket,
            key=key,
            version_id=known_version(version_id),
            etag=etag,
            size_bytes=size_bytes,
            uploaded_at=_utc(fields.get("uploaded_at")),
            sequencer=str(sequencer),
        )


def known_version(version_id: str | None) -> str | None:
    """Return the version id, or ``None`` for the ways in which S3 says that there is none.

    >>> known_version("null"), known_version(""), known_version("3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")
    (None, None, '3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY')
    """
    return None if version_id in {None, "", "null"} else version_id


def asset_id_of(upload: Upload) -> str:
    """Identify an upload by bucket, key and version, without versioning by its etag.

    >>> upload = Upload(bucket="media-ingest", key="footage/a.mp4", version_id=None, etag="e1", size_bytes=1,
    ...                 uploaded_at="2026-03-01T06:30:00Z")
    >>> asset_id_of(upload) == asset_id_from_source("footage", "media-ingest/footage/a.mp4#e1")
    True
    """
    return asset_id_from_source(FOOTAGE_SOURCE, source_id_of(upload))


def source_id_of(upload: Upload) -> str:
    """Name an upload for people and for the catalogue: ``<bucket>/<key>#<version or etag>``."""
    return f"{upload.bucket}/{upload.key}#{upload.version_id or upload.etag}"


# --- names -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageName:
    """What an upload is called in the lake (slugs, a day), and by people."""

    device: str
    day: str
    stem: str
    original_name: str
    title: str


def footage_name(key: str, uploaded_at: str) -> FootageName:
    """Name an upload by its key, ``footage/<device>/<YYYYMMDD>/<name>``; what the key does not tell is made up for.

    Without a device it is ``unknown``, without a day it is the day of the upload (UTC).

    >>> name = footage_name("footage/cam 1/20260301/Drive (2).mp4", "2026-03-02T06:30:00Z")
    >>> name.device, name.day, name.stem, name.title
    ('cam-1', '20260301', 'Drive-2', 'cam-1 Drive (2).mp4')
    >>> footage_name("footage/../../etc/passwd", "2026-03-02T06:30:00Z").stem
    'passwd'
    """
    parts = key.removeprefix(FOOTAGE_PREFIX).split("/")
    original_name = next((part for part in reversed(parts) if part), "")
    folders = parts[: len(parts) - 1 - parts[::-1].index(original_name)]
    device = slug_from_name(folders[0]) if folders and folders[0].strip(". ") else UNKNOWN_DEVICE
    day = folders[1] if len(folders) > 1 and _is_day(folders[1]) else uploaded_at[:10].replace("-", "")
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in original_name)
    return FootageName(
        device=device,
        day=day,
        stem=_stem(original_name),
        original_name=original_name,
        title=f"{device} {shown}"[:_LONGEST_TITLE].rstrip(),
    )


def stems_for(stem: str, asset_id: str) -> tuple[str, str, str]:
    """Return the names in a folder that an upload may have, the first that is free counts.

    >>> stems_for("drive", "72dd7859ed3d483250bbd410")
    ('drive', 'drive-72dd7859', 'drive-72dd7859ed3d483250bbd410')
    """
    return stem, f"{stem}-{asset_id[:8]}", f"{stem}-{asset_id}"


def stem_addition(item: Mapping[str, Any]) -> str:
    """Return what the stem of an upload has that its name has not, because others in its folder have that name too.

    :param item: of the catalogue

    >>> item = {"key": "footage/cam-1/20260301/drive.mp4", "uploaded_at": "2026-03-01T06:30:00Z", "stem": "drive"}
    >>> stem_addition(item), stem_addition(item | {"stem": "drive-72dd7859"})
    ('', '-72dd7859')
    """
    return str(item["stem"]).removeprefix(footage_name(item["key"], item["uploaded_at"]).stem)


def attributes_of(upload: Upload, stem: str, *, run: str) -> dict[str, Any]:
    """Return what the catalogue notes of an upload when a run takes it.

    :param stem: its own name in its folder, which no other upload has
    """
    name = footage_name(upload.key, upload.uploaded_at)
    FootageFolder(name.device, name.day, stem)  # refuses what may not stand in a key
    return {
        "source": FOOTAGE_SOURCE,
        "source_id": source_id_of(upload),
        "campaign": FOOTAGE_SOURCE,
        "run": run,
        "bucket": upload.bucket,
        "key": upload.key,
        "version_id": upload.version_id,
        "etag": upload.etag,
        "size_bytes": upload.size_bytes,
        "uploaded_at": upload.uploaded_at,
        "device": name.device,
        "day": name.day,
        "stem": stem,
        "title": name.title,
        "original_name": name.original_name,
    }


def _stem(original_name: str) -> str:
    """Return the slug of a name without its extension; what follows the last dot of a title is none when it is long."""
    stem, dot, extension = original_name.rpartition(".")
    if not dot or not stem or len(extension) > _LONGEST_EXTENSION:
        stem = original_name.replace(".", "-")
    return slug_from_name(stem)[:_LONGEST_STEM].rstrip("._-") or "unnamed"


def _is_day(text: str) -> bool:
    try:
        return len(text) == 8 and text.isascii() and text.isdigit() and bool(datetime.strptime(text, "%Y%m%d"))
    except ValueError:
        return False


# --- messages --------------------------------------------------------------------------------------------------------


def uploads_from_message(body: str) -> list[Upload]:
    """Read the body of a message: an EventBridge event or a notification of S3, bare or in envelopes of SNS.

    A test event and events about anything but a new object (deleted, tagged, replicated, by lifecycle, ...) tell of no
    upload. A notification has its keys URL-encoded, an EventBridge event has not.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

    >>> uploads_from_message('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "media-ingest"}')
    []
    >>> uploads_from_message('{"hello": "world"}')
    Traceback (most recent call last):
    include.catalog.uploads.UnreadableMessage: no event of S3: it has the fields hello

    :raises UnreadableMessage: with the reason, for anything else.
    """
    return list(_uploads_in(_json(body), _MOST_ENVELOPES))


def _uploads_in(message: Any, envelopes: int) -> Iterator[Upload]:
    if not isinstance(message, Mapping):
        raise UnreadableMessage(f"the message is a JSON {type(message).__name__}, not an object")
    if message.get("Type") == "Notification":
        yield from _uploads_in(_inner(message, envelopes), envelopes - 1)
    elif message.get("Event") == "s3:TestEvent":
        return
    elif isinstance(message.get("Records"), list):
        for record in message["Records"]:
            yield from _uploads_in_record(record, envelopes)
    elif "detail-type" in message:
        yield from _uploads_in_event(message)
    else:
        names = ", ".join(sorted(map(str, message))[:8]) or "none"
        raise UnreadableMessage(f"no event of S3: it has the fields {names}")


def _uploads_in_record(record: Any, envelopes: int) -> Iterator[Upload]:
    """Read one record of a notification; SNS hands its messages to functions in such records too."""
    if not isinstance(record, Mapping):
        raise UnreadableMessage("a record of the notification is no object")
    if record.get("EventSource") == "aws:sns":
        yield from _uploads_in(_inner(record.get("Sns"), envelopes), envelopes - 1)
        return
    name = str(record.get("eventName", ""))
    if record.get("eventSource") != "aws:s3":
        raise UnreadableMessage(f"a record comes from {record.get('eventSource')!r}, not from S3")
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        return
    bucket, stored = _part(record, "s3", "bucket"), _part(record, "s3", "object")
    try:
        key = unquote_plus(_text(stored, "key"), errors="strict")
    except UnicodeDecodeError as error:
        raise UnreadableMessage("the key is no URL-encoded UTF-8") from error
    yield Upload.from_fields(
        {
            "bucket": bucket.get("name"),
            "key": key,
            "version_id": stored.get("versionId"),
            "etag": stored.get("eTag"),
            "size_bytes": stored.get("size"),
            "uploaded_at": record.get("eventTime"),
            "sequencer": stored.get("sequencer"),
        }
    )


def _uploads_in_event(event: Mapping[str, Any]) -> Iterator[Upload]:
    kind = str(event["detail-type"])
    if event.get("source") != "aws.s3" or not kind.startswith("Object "):
        raise UnreadableMessage(f"an event {kind!r} of {event.get('source')!r}, not one of S3 about an object")
    if kind != "Object Created":
        return
    bucket, stored = _part(event, "detail", "bucket"), _part(event, "detail", "object")
    yield Upload.from_fields(
        {
            "bucket": bucket.get("name"),
            "key": stored.get("key"),
            "version_id": stored.get("version-id"),
            "etag": stored.get("etag", stored.get("eTag")),  # moto's S3 writes it as in notifications
            "size_bytes": stored.get("size"),
            "uploaded_at": event.get("time"),
            "sequencer": stored.get("sequencer"),
        }
    )


def _inner(envelope: Any, envelopes: int) -> Any:
    if envelopes == 0:
        raise UnreadableMessage("too many envelopes of SNS, one in another")
    if not isinstance(envelope, Mapping):
        raise UnreadableMessage("an envelope of SNS without a message")
    return _json(envelope.get("Message"))


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnreadableMessage(f"no JSON: {error}") from error


def _part(outer: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    part: Any = outer
    for name in names:
        part = part.get(name) if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping):
        raise UnreadableMessage(f"{'.'.join(names)} is missing")
    return part


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise UnreadableMessage(f"{name} is missing or no text")
    return value


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableMessage("half a character (a lone surrogate), which no key of S3 has") from error


def _utc(moment: Any) -> str:
    """Write a moment as the catalogue does, from ISO 8601 or, as moto's S3 tells it, seconds since the epoch.

    >>> _utc("2019-09-03T19:37:27.192Z"), _utc(1567539447.2)
    ('2019-09-03T19:37:27Z', '2019-09-03T19:37:27Z')
    """
    try:
        if isinstance(moment, int | float) and not isinstance(moment, bool):
            return iso_utc(datetime.fromtimestamp(moment, UTC))
        return iso_utc(datetime.fromisoformat(moment))
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise UnreadableMessage(f"{moment!r} is no moment with a time zone") from error


def iso_utc(moment: datetime) -> str:
    """Write a moment as the catalogue does.

    :raises ValueError: for a moment without a zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
