"""One upload on the worker: its object and metadata verified, its bytes brought once, motion and loudness measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from aws_media.media_object import MediaObject
from aws_media.operators.transcribe import CONTAINERS, LARGEST_BYTES, UNREAD_EXTENSIONS
from include.catalog.upload_metadata import UploadMetadata, checked_metadata
from include.video.probe import MediaError, MediaFacts, NoPicture, check_video, probe_media
from media_lake.footage import GONE
from media_lake.hooks.s3 import LakeHook, ObjectMissing
from media_lake.memory import bounded_memory

if TYPE_CHECKING:
    from include.catalog.triage import Signals


READ_SOUND = {"mov": frozenset({"aac", "mp3"}), "matroska": frozenset({"opus", "vorbis"})}
"""Sound codecs that Transcribe reads in MP4 and WebM."""
MOST_CHANNELS = 2
"""Of a recording for Transcribe: https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html."""


class UploadGone(RuntimeError):
    """An upload was deleted, or written over where nothing keeps versions, before anybody looked at it."""


class UploadArchived(MediaError):
    """An upload stands in a storage class that cannot be read."""


class ChecksumMismatch(MediaError):
    """What arrived is not what the camera sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedUpload:
    """An upload whose bytes are on the worker."""

    metadata: UploadMetadata
    sha256: str
    size_bytes: int


def object_of(item: Mapping[str, Any]) -> MediaObject:
    """Return the object of an upload, in the very version that was uploaded."""
    return MediaObject(bucket=item["bucket"], key=item["key"], version_id=item["version_id"])


def receive(lake: LakeHook, item: Mapping[str, Any], path: Path) -> ReceivedUpload:
    """Bring the bytes of an upload into a file, and hold them and the object's metadata against what is known.

    :raises UploadGone: when that version is not there any more.
    :raises UploadArchived: when it cannot be read where it is.
    :raises ChecksumMismatch: when the camera noted another sha256.
    """
    media = object_of(item)
    try:
        head = lake.conn.head_object(**media.address)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        raise UploadGone(f"{media} was deleted before it was inspected") from error
    if media.version_id is None and head["ETag"].strip('"') != item["etag"]:
        raise UploadGone(f"{media} was written over before it was inspected; what stands there is another upload")
    metadata = checked_metadata(
        head["Metadata"], device=item["device"], day=item["day"], uploaded_at=item["uploaded_at"]
    )
    try:
        sha256 = lake.download(media.bucket, media.key, path, version_id=media.version_id)
    except ObjectMissing as error:
        raise UploadGone(f"{media} was deleted while it was inspected") from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidObjectState":
            raise
        raise UploadArchived(f"{media} is archived ({head.get('StorageClass')}): restore it and clear") from error
    if metadata.sha256 not in (None, sha256):
        raise ChecksumMismatch(
            f"{media} has sha256 {sha256}, the camera noted {metadata.sha256}: it was damaged on the way, send it again"
        )
    return ReceivedUpload(metadata=metadata, sha256=sha256, size_bytes=path.stat().st_size)


def look_at(path: Path) -> tuple[MediaFacts, Signals]:
    """Tell what a file holds, and measure it.

    :raises MediaError: when it is no media, or holds neither a picture that can be decoded nor sound.
    :raises MemoryError: when it takes more memory than any film of a camera.
    """
    from include.triage.screen import measure_signals

    with bounded_memory():
        facts = probe_media(path)
        if facts.video is not None:
            check_video(path)
        elif not facts.audio:
            raise NoPicture(f"{path.name} holds neither picture nor sound: drop it")
        return facts, measure_signals(path, facts)


def is_read_by_transcribe(facts: MediaFacts, key: str) -> bool:
    """Say whether Transcribe takes a film as it is, by container, name, size and the first sound track.

    >>> from include.video.probe import AudioTrack
    >>> sound = AudioTrack(codec="aac", channels=2, sample_rate_hz=48000)
    >>> film = MediaFacts(probed=True, container="mov", audio=(sound,))
    >>> is_read_by_transcribe(film, "drive.mp4"), is_read_by_transcribe(film, "drive.MOV")
    (True, False)
    """
    if PurePosixPath(key).suffix.lower() in UNREAD_EXTENSIONS or facts.container not in CONTAINERS:
        return False
    if facts.size_bytes is not None and facts.size_bytes > LARGEST_BYTES:
        return False
    codecs = READ_SOUND.get(facts.container or "")
    first = facts.audio[0]
    return first.channels <= MOST_CHANNELS and (codecs is None or first.codec in codecs)
