"""What there is to look at of an incident: the film for the web, clips around its moments, a picture; links to them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from aws_media.errors import PaidJobError
from aws_media.media_object import MediaObject, StoredMedia
from include.catalog.keys import FootageFolder
from include.settings import SETTINGS
from include.storage.upload import KeyTaken, StorageError, upload_stream
from include.triage.alert import Show
from include.video.evidence import clips_around
from include.video.frames import Footage
from include.video.probe import MediaError
from media_lake.hooks.cloudfront import CloudFrontUrlHook, DeliveryNotConfigured
from media_lake.hooks.s3 import LakeHook
from media_lake.memory import bounded_memory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

PICTURE_SIDE = 1280
"""Pixels of the picture's longer side, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something to look at, in the processed bucket; without a key there is none, and ``why_not`` says why."""

    name: str
    key: str | None
    why_not: str = ""
    start_s: float | None = None
    end_s: float | None = None


class NoPictureOfIt(Exception):
    """No picture of a moment can be had; says why."""


def film_and_clips(
    lake: LakeHook, item: Mapping[str, Any], moments_s: Sequence[float], why_not: Callable[[str], str]
) -> list[Piece]:
    """List the film and the clips of an upload, in the order of ``clips_around``, as far as they stand.

    :param why_not: tells of a task by its name (``make_rendition``, ``cut_evidence_1``) why it made nothing
    """
    folder = FootageFolder.of(item)

    def piece(name: str, media: str, task: str, **times: float) -> Piece:
        key = folder.media(media)
        stands = lake.size_bytes(SETTINGS.processed_bucket, key) is not None
        return Piece(name=name, key=key if stands else None, why_not="" if stands else why_not(task), **times)

    return [
        piece("Film", "web.mp4", "make_rendition"),
        *(
            piece(f"Clip {n}", f"evidence_{n}.mp4", f"cut_evidence_{n}", start_s=start_s, end_s=end_s)
            for n, (start_s, end_s) in enumerate(clips_around(moments_s, item.get("duration_s")), start=1)
        ),
    ]


def keep_picture(lake: LakeHook, item: Mapping[str, Any], film_key: str | None, moment_s: float) -> str:
    """Keep a picture of a moment as JPEG unless one stands, and return its key.

    It comes from the film for the web where that stands, which reads less; else from the upload itself.

    :raises NoPictureOfIt: when none can be had.
    """
    key = FootageFolder.of(item).media("moment.jpg")
    if lake.size_bytes(SETTINGS.processed_bucket, key) is not None:
        return key
    source = (
        MediaObject(bucket=SETTINGS.processed_bucket, key=film_key)
        if film_key
        else MediaObject(bucket=item["bucket"], key=item["key"], version_id=item.get("version_id"))
    )
    try:
        with bounded_memory():
            picture = _picture_of(lake.conn, source, moment_s)
        upload_stream(lake.conn, SETTINGS.processed_bucket, key, [picture], content_type="image/jpeg")
    except KeyTaken:
        log.info("another execution kept a picture of it meanwhile")
    except (BotoCoreError, ClientError, MediaError, MemoryError, OSError, PaidJobError, StorageError) as error:
        raise NoPictureOfIt(f"{type(error).__name__}: {error}") from error
    return key


def _picture_of(s3: S3Client, source: MediaObject, moment_s: float) -> bytes:
    from include.video.contact_sheet import jpeg_from_picture

    film = StoredFilm(s3, StoredMedia.look_up(s3, source, service="s3"))
    view = Footage(film, film.stored.probe(s3), side=PICTURE_SIDE).near(moment_s)
    if view is None:
        raise NoPictureOfIt(f"nothing of {source} can be decoded at {moment_s:.1f} s")
    return jpeg_from_picture(view.picture)


@dataclass(frozen=True, slots=True)
class StoredFilm:
    """A film in S3, as ``Footage`` opens one."""

    s3: S3Client
    stored: StoredMedia

    @property
    def name(self) -> str:
        return str(self.stored.object)

    def open(self, mode: str) -> BinaryIO:  # noqa: ARG002  (as a path is opened)
        return self.stored.opened(self.s3)


def sign_all(
    pieces: Sequence[Piece], expires_at: datetime, *, aws_conn_id: str | None
) -> tuple[list[Show], datetime | None]:
    """Sign a link to each piece that stands; return what to show, and until when the links play.

    Where no link can be signed, what is shown says why: news without a link is better than none. The links are secrets.
    """
    hook = CloudFrontUrlHook(aws_conn_id=aws_conn_id)
    expires_in = expires_at - datetime.now(UTC)
    why_not = ""
    urls: dict[str, str] = {}
    try:
        urls = {piece.key: hook.sign(piece.key, expires_in=expires_in).url for piece in pieces if piece.key}
    except DeliveryNotConfigured as error:
        log.warning("no links: %s", error)
        why_not = "no link could be signed: the delivery is not set up, see the task's log"
    except Exception as error:
        log.exception("no links; mend it, then print some by: python -m media_lake.sign <asset id>")
        why_not = f"no link could be signed: {type(error).__name__}, see the task's log"
    shows = [
        Show(
            name=piece.name,
            url=urls.get(piece.key or ""),
            why_not=piece.why_not or why_not,
            start_s=piece.start_s,
            end_s=piece.end_s,
        )
        for piece in pieces
    ]
    return shows, expires_at if urls else None
