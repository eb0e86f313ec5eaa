"""What a run's search chose from one source, and how far it came there, beside each other in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from include.catalog.keys import RunFolder, asset_id_from_source
from include.settings import SETTINGS
from include.sources.source import Track, track_from_json, track_to_json
from media_lake.hooks.s3 import LakeHook
from open_media.search import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The content of ``candidates.json``."""

    asked: int
    """How many tracks were still wanted when the source's turn came."""
    licences: list[str]
    batch: list[Track]
    unavailable: str | None
    """Why the source was passed over; its batch is empty then."""

    def track(self, asset_id: str) -> Track | None:
        """Return the chosen track with this asset id."""
        return next((t for t in self.batch if asset_id_from_source(t.source, t.source_id) == asset_id), None)


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """The two records of one source in a run: written once, read by every later task and by a second execution."""

    lake: LakeHook
    folder: RunFolder
    claimed_by: str

    def read(self) -> Candidates | None:
        """Return what was chosen, ``None`` when the search did not come to this source.

        :raises AirflowFailException: when it was chosen by another run, for another try brings nothing.
        """
        text = self.lake.read_text(SETTINGS.processed_bucket, self.folder.candidates)
        if text is None:
            return None
        record = json.loads(text)
        if record["claimed_by"] != self.claimed_by:
            raise AirflowFailException(
                f"run {self.folder.run} of campaign {self.folder.campaign} belongs to {record['claimed_by']}, which"
                " began in the same second: trigger this one again"
            )
        return Candidates(
            asked=record["asked"],
            licences=record["licences"],
            batch=[track_from_json(value) for value in record["batch"]],
            unavailable=record.get("unavailable"),
        )

    def read_written(self) -> Candidates:
        """Return what was chosen; fail at once when there is nothing, for another try brings nothing."""
        candidates = self.read()
        if candidates is None:
            raise AirflowFailException(f"{self.folder.candidates} is missing: the search of this run must run first")
        return candidates

    def write(self, asked: int, licences: Sequence[str], batch: Sequence[Track], progress: Progress) -> None:
        """Keep what was chosen and how far the search came, unless something is kept already.

        In this order, so that of two executions the one whose choice stands tells its progress.
        """
        if self._write_candidates(asked, licences, batch=[track_to_json(track) for track in batch]):
            self.lake.write_text(SETTINGS.processed_bucket, self.folder.search, _json(progress.to_json()))

    def write_unavailable(self, asked: int, licences: Sequence[str], reason: str) -> None:
        """Keep why nothing was chosen, unless something is kept already."""
        self._write_candidates(asked, licences, batch=[], unavailable=reason)

    def _write_candidates(self, asked: int, licences: Sequence[str], **rest: Any) -> bool:
        """Write the record unless one is there; say whether it is this one that stands."""
        record = _json({"claimed_by": self.claimed_by, "asked": asked, "licences": list(licences), **rest})
        return self.lake.write_text_once(SETTINGS.processed_bucket, self.folder.candidates, record) == record

    def progress(self) -> Progress:
        """Return how far the search came that chose the batch; its beginning when it died before it could tell.

        From there it finds the same again, and what of it is taken already is known to the catalogue.
        """
        text = self.lake.read_text(SETTINGS.processed_bucket, self.folder.search)
        return Progress() if text is None else Progress.from_json(json.loads(text))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
