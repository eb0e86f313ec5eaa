"""Land tracks in the lake: claim, download, verify, write the provenance, and only then let the object appear."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from include.audio.errors import AudioError
from include.audio.probe import probe_audio
from include.catalog.attribution import attribution_text
from include.catalog.keys import (
    MediaType,
    RunFolder,
    asset_id_from_source,
    failure_key,
    provenance_key,
    raw_filename,
)
from include.catalog.records import Failure, Provenance, State, record_to_json
from include.settings import SETTINGS
from include.sources.errors import SourceError, SourceRefuses, Throttled, TooSlow
from include.sources.http import PoliteClient
from include.sources.source import Source, Track
from include.storage.dynamodb import now_iso
from include.storage.upload import Digest, StorageError, abort_leftovers, upload_stream
from include.video.probe import MediaError, check_video
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook

log = logging.getLogger(__name__)

LARGEST_FILE_BYTES = 4 << 30  # a catalogue's file beyond this is no single recording
LONGEST_LANDING_S = 45 * 60.0  # below the tasks' execution timeout, so that the reason is recorded
MOST_ATTEMPTS = 3
"""A file whose landing took the worker down this often, or which its source throttles this often, is given up."""

PROBES: dict[MediaType, Callable[[Path], Any]] = {"audio": probe_audio, "video": check_video}


class ChecksumMismatch(ValueError):
    """The bytes that came are not those which the source declares."""


class DuplicateContent(ValueError):
    """Another asset has the same bytes."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"the same bytes were landed as asset {owner}")
        self.owner = owner


class DuplicatePending(ValueError):
    """Another asset with the same bytes is just being landed; whether it makes it shows later."""

    retryable = True

    def __init__(self, owner: str) -> None:
        super().__init__(f"the same bytes are being landed as asset {owner}")


class NoRoom(OSError):
    """The file does not fit where it is looked at before it lands."""


class LandingDied(RuntimeError):
    """The landing of the file was begun again and again, and never came to an end."""


@dataclass(frozen=True, slots=True)
class Landing:
    """What it takes to land the tracks of one run."""

    source: Source
    client: PoliteClient
    catalogue: AssetCatalogueHook
    lake: LakeHook
    folder: RunFolder
    claimed_by: str

    def land(self, track: Track) -> State | None:
        """Bring one track into the lake and return what became of it; ``None`` when another run has it.

        A second call changes nothing. A bad file ends as ``failed`` or ``duplicate`` with its reason in the catalogue.

        :raises Throttled, SourceRefuses: when the source as a whole asks to be left alone; try again later.
        """
        asset_id = asset_id_from_source(track.source, track.source_id)
        raw_key = self.folder.raw(raw_filename(track.original_name, asset_id))
        item = self.catalogue.claim(asset_id, claimed_by=self.claimed_by, attributes=self._attributes(track))
        if item is None:
            return None
        if item["state"] in ("landed", "analysed"):
            return item["state"]
        self._forget_failure_of(item.get("previous"))
        if self._stands(asset_id, raw_key):
            return "landed"
        try:
            if self.catalogue.count_attempt(asset_id, "land") > MOST_ATTEMPTS:
                raise LandingDied(f"the landing broke off {MOST_ATTEMPTS} times; look for a crash in the earlier logs")
            provenance = self._transfer(track, asset_id, raw_key, retrieved_at=item["claimed_at"])
        except DuplicateContent as error:
            return self._record_failure(asset_id, raw_key, error, "duplicate", duplicate_of=error.owner)
        except (Throttled, SourceRefuses) as error:
            self.catalogue.forget_attempts(asset_id, "land")  # this one ended orderly
            if self.catalogue.count_attempt(asset_id, "throttled") < MOST_ATTEMPTS:
                raise
            return self._record_failure(asset_id, raw_key, error)
        except (SourceError, AudioError, MediaError, StorageError, LandingDied, OSError, ValueError) as error:
            return self._record_failure(asset_id, raw_key, error)
        self._mark_landed(asset_id, raw_key, provenance.sha256, provenance.bytes)
        log.info("%s landed: s3://%s/%s, %d bytes", track.source_id, SETTINGS.raw_bucket, raw_key, provenance.bytes)
        return "landed"

    def _attributes(self, track: Track) -> dict[str, Any]:
        return {
            "source": track.source,
            "source_id": track.source_id,
            "source_url": track.source_url,
            "title": track.title,
            "creator": track.creator,
            "original_name": track.original_name,
            "media_type": track.media_type,
            "licence": track.licence.id,
            "attribution_required": track.licence.attribution_required,
            "attribution_text": self._attribution(track),
            "campaign": self.folder.campaign,
            "run": self.folder.run,
        }

    def _attribution(self, track: Track) -> str:
        return attribution_text(track.title, track.creator, self.source.title, track.source_url, track.licence)

    def _stands(self, asset_id: str, raw_key: str) -> bool:
        """Say whether an earlier try got as far as the object and died before it could tell the catalogue."""
        text = self.lake.read_text(SETTINGS.raw_bucket, provenance_key(raw_key))
        provenance = json.loads(text) if text else None
        if provenance is None or not self._holds(raw_key, provenance["sha256"], provenance["bytes"]):
            return False
        self._mark_landed(asset_id, raw_key, provenance["sha256"], provenance["bytes"])
        return True

    def _holds(self, raw_key: str, sha256: str, size_bytes: int) -> bool:
        """Say whether an object stands at the key that has these bytes, as far as its head tells."""
        if self.lake.size_bytes(SETTINGS.raw_bucket, raw_key) != size_bytes:
            return False
        head = self.lake.conn.head_object(Bucket=SETTINGS.raw_bucket, Key=raw_key)
        return head["Metadata"].get("sha256", sha256) == sha256

    def _transfer(self, track: Track, asset_id: str, raw_key: str, *, retrieved_at: str) -> Provenance:
        written: list[tuple[Provenance, str | None]] = []
        abort_leftovers(self.lake.conn, SETTINGS.raw_bucket, raw_key)  # of a try that was killed
        with (
            tempfile.TemporaryDirectory(prefix="landing-") as folder,
            (Path(folder) / PurePosixPath(raw_key).name).open("w+b") as spool,
            self.client.stream(track.download_url, max_bytes=LARGEST_FILE_BYTES) as download,
        ):
            _check_room(folder, download.content_length)

            def verify(digest: Digest) -> None:
                self._check(track, asset_id, digest, spool, Path(spool.name))
                provenance = self._provenance(track, asset_id, digest, retrieved_at)
                key = provenance_key(raw_key)
                earlier = self.lake.read_text(SETTINGS.raw_bucket, key)
                self.lake.write_text(SETTINGS.raw_bucket, key, record_to_json(provenance))
                written.append((provenance, earlier))

            try:
                upload_stream(
                    self.lake.conn,
                    SETTINGS.raw_bucket,
                    raw_key,
                    _in_time(download.chunks),
                    content_type=download.content_type or "application/octet-stream",
                    metadata={"asset-id": asset_id},
                    before_commit=verify,
                    spool=spool,
                    size_bytes=download.content_length,
                    with_sha1=track.sha1 is not None,
                )
            except StorageError:
                for provenance, earlier in written:
                    self._withdraw(raw_key, provenance, earlier)
                raise
        return written[0][0]

    def _withdraw(self, raw_key: str, provenance: Provenance, earlier: str | None) -> None:
        """Take back a provenance whose object did not come to be, so that it describes no other bytes."""
        if self._holds(raw_key, provenance.sha256, provenance.bytes):
            return
        key = provenance_key(raw_key)
        if earlier is not None and self.lake.size_bytes(SETTINGS.raw_bucket, raw_key) is not None:
            self.lake.write_text(SETTINGS.raw_bucket, key, earlier)
        else:
            self.lake.delete(SETTINGS.raw_bucket, key)

    def _check(self, track: Track, asset_id: str, digest: Digest, spool: IO[bytes], path: Path) -> None:
        for name, declared, found in (("md5", track.md5, digest.md5), ("sha1", track.sha1, digest.sha1)):
            if declared is not None and declared != found:
                raise ChecksumMismatch(f"the source declares {name} {declared}, what came has {found}")
        if track.size_bytes is not None and digest.size_bytes != track.size_bytes:
            raise ChecksumMismatch(f"the source declares {track.size_bytes} bytes, {digest.size_bytes} came")
        spool.flush()
        PROBES[self.folder.media_type](path)
        owner = self.catalogue.claim_content(digest.sha256, asset_id)
        if owner != asset_id:
            landed = "raw_key" in (self.catalogue.read(owner) or {})
            raise DuplicateContent(owner) if landed else DuplicatePending(owner)

    def _provenance(self, track: Track, asset_id: str, digest: Digest, retrieved_at: str) -> Provenance:
        return Provenance(
            asset_id=asset_id,
            source=track.source,
            source_id=track.source_id,
            source_url=track.source_url,
            download_url=track.download_url,
            title=track.title,
            creator=track.creator,
            licence=track.licence,
            attribution_required=track.licence.attribution_required,
            attribution_text=self._attribution(track),
            allows_derivatives=track.licence.allows_derivatives,
            allows_commercial=track.licence.allows_commercial,
            retrieved_at=retrieved_at,
            sha256=digest.sha256,
            bytes=digest.size_bytes,
            media_type=self.folder.media_type,
            original_name=track.original_name,
        )

    def _mark_landed(self, asset_id: str, raw_key: str, sha256: str, size_bytes: int) -> None:
        self.catalogue.mark(
            asset_id,
            "landed",
            raw_bucket=SETTINGS.raw_bucket,
            raw_key=raw_key,
            provenance_key=provenance_key(raw_key),
            sha256=sha256,
            bytes=size_bytes,
            landed_at=now_iso(),
        )
        self.lake.delete(SETTINGS.processed_bucket, failure_key(raw_key))  # of an earlier try

    def _forget_failure_of(self, item: Mapping[str, Any] | None) -> None:
        """Remove the record of why an earlier claim failed, which this one takes over."""
        if item is not None and item["state"] == "failed":
            folder = RunFolder(item["media_type"], item["source"], item["campaign"], item["run"])
            raw_key = folder.raw(raw_filename(item["original_name"], item["asset_id"]))
            self.lake.delete(SETTINGS.processed_bucket, failure_key(raw_key))

    def _record_failure(
        self, asset_id: str, raw_key: str, error: Exception, state: State = "failed", **attributes: Any
    ) -> State | None:
        """Note why the asset did not land, and return the state that holds now: a twin of this task may have won."""
        failure = Failure(
            stage="land",
            error=type(error).__name__,
            message=str(error),
            retryable=bool(getattr(error, "retryable", isinstance(error, OSError))),
        )
        if not self.catalogue.mark_unlanded(asset_id, state, failure, claimed_by=self.claimed_by, **attributes):
            item = self.catalogue.read(asset_id) or {}
            return item["state"] if item.get("claimed_by") == self.claimed_by else None
        self.catalogue.forget_attempts(asset_id, "land")  # it ended, and a person may clear it for a fresh start
        self.lake.write_text(SETTINGS.processed_bucket, failure_key(raw_key), record_to_json(failure))
        log.warning("%s did not land: %s: %s", asset_id, failure.error, failure.message, exc_info=_unforeseen(error))
        return state


def _unforeseen(error: Exception) -> bool:
    """Say whether an error is none of those that a bad file or source brings, so that its traceback tells more."""
    of_the_file = (AudioError, MediaError, ChecksumMismatch, DuplicateContent, DuplicatePending)
    return not isinstance(error, (*of_the_file, SourceError, StorageError, NoRoom, LandingDied))


def _check_room(folder: str, size_bytes: int | None) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if size_bytes is not None and size_bytes > free_bytes:
        raise NoRoom(f"the file has {size_bytes} bytes, {folder} has room for {free_bytes}: free some, then try again")


def _in_time(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass chunks on until the file has taken too long as a whole, however steadily it trickles."""
    deadline = time.monotonic() + LONGEST_LANDING_S
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise TooSlow(f"the file was not here after {LONGEST_LANDING_S / 60:.0f} minutes: try again later")
        yield chunk
