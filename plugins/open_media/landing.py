"""Land tracks in the lake: claim, download, verify, write the provenance, and only then let the object appear."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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
from include.sources.errors import SourceError, SourceRefuses, Throttled
from include.sources.http import PoliteClient
from include.sources.source import Source, Track
from include.storage.upload import Digest, KeyTaken, abort_leftovers, upload_stream
from media_lake.hooks.dynamodb import AssetCatalogueHook, now_iso
from media_lake.hooks.s3 import LakeHook

log = logging.getLogger(__name__)

LARGEST_FILE_BYTES = 20 << 30  # a catalogue's file beyond this is no single recording
PROBES: dict[MediaType, Callable[[Path], Any]] = {"audio": probe_audio}


class ChecksumMismatch(ValueError):
    """The bytes that came are not those which the source declares."""


class DuplicateContent(ValueError):
    """Another asset has the same bytes."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"the same bytes were landed as asset {owner}")
        self.owner = owner


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
        if self._stands(asset_id, raw_key):
            return "landed"
        try:
            provenance = self._transfer(track, asset_id, raw_key, retrieved_at=item["claimed_at"])
        except DuplicateContent as error:
            failure = Failure(stage="land", error="DuplicateContent", message=str(error), retryable=False)
            self.catalogue.mark(asset_id, "duplicate", failure=failure, duplicate_of=error.owner)
            log.info("%s: %s", track.source_id, error)
            return "duplicate"
        except (Throttled, SourceRefuses):
            raise
        except (SourceError, AudioError, ChecksumMismatch, KeyTaken) as error:
            self._record_failure(asset_id, raw_key, error)
            log.warning("%s is bad: %s: %s", track.source_id, type(error).__name__, error)
            return "failed"
        self._mark_landed(asset_id, raw_key, provenance.sha256, provenance.bytes)
        if item["state"] == "failed":
            self.lake.delete(SETTINGS.processed_bucket, failure_key(raw_key))
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
        size_bytes = self.lake.size_bytes(SETTINGS.raw_bucket, raw_key)
        text = self.lake.read_text(SETTINGS.raw_bucket, provenance_key(raw_key)) if size_bytes is not None else None
        if text is None:
            return False
        provenance = json.loads(text)
        self._mark_landed(asset_id, raw_key, provenance["sha256"], provenance["bytes"])
        return True

    def _transfer(self, track: Track, asset_id: str, raw_key: str, *, retrieved_at: str) -> Provenance:
        written: list[Provenance] = []
        abort_leftovers(self.lake.conn, SETTINGS.raw_bucket, raw_key)  # of a try that was killed
        with (
            tempfile.TemporaryDirectory(prefix="landing-") as folder,
            (Path(folder) / "media").open("w+b") as spool,
            self.client.stream(track.download_url, max_bytes=LARGEST_FILE_BYTES) as download,
        ):

            def verify(digest: Digest) -> None:
                self._check(track, asset_id, digest, spool, Path(spool.name))
                provenance = self._provenance(track, asset_id, digest, retrieved_at)
                key = provenance_key(raw_key)
                self.lake.write_text(SETTINGS.raw_bucket, key, record_to_json(provenance))
                written.append(provenance)

            upload_stream(
                self.lake.conn,
                SETTINGS.raw_bucket,
                raw_key,
                download.chunks,
                content_type=download.content_type or "application/octet-stream",
                metadata={"asset-id": asset_id},
                before_commit=verify,
                spool=spool,
                size_bytes=download.content_length,
            )
        return written[0]

    def _check(self, track: Track, asset_id: str, digest: Digest, spool: IO[bytes], path: Path) -> None:
        if track.md5 is not None and digest.md5 != track.md5:
            raise ChecksumMismatch(f"the source declares md5 {track.md5}, what came has {digest.md5}")
        if track.size_bytes is not None and digest.size_bytes != track.size_bytes:
            raise ChecksumMismatch(f"the source declares {track.size_bytes} bytes, {digest.size_bytes} came")
        spool.flush()
        PROBES[self.folder.media_type](path)
        owner = self.catalogue.claim_content(digest.sha256, asset_id)
        if owner != asset_id:
            raise DuplicateContent(owner)

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

    def _record_failure(self, asset_id: str, raw_key: str, error: Exception) -> None:
        failure = Failure(
            stage="land",
            error=type(error).__name__,
            message=str(error),
            retryable=bool(getattr(error, "retryable", False)),
        )
        self.catalogue.mark_failed(asset_id, failure)
        self.lake.write_text(SETTINGS.processed_bucket, failure_key(raw_key), record_to_json(failure))
