"""Analyse one landed asset: its bytes verified, its attempts counted, its end recorded, whatever it is."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from airflow.sdk.exceptions import AirflowSkipException

from include.audio.errors import AudioError
from include.catalog.keys import MediaType, RunFolder, failure_key
from include.catalog.records import Failure, record_to_json
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from include.video.probe import MediaError
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""An asset whose analysis took the worker down this often is given up, so that its neighbours can go on."""

Found = TypeVar("Found")


class AnalyserDied(RuntimeError):
    """The analysis of a file ended the process again and again: a crash, a kill for memory, a time-out."""

    def __init__(self) -> None:
        super().__init__(
            f"the analysis died {MOST_ATTEMPTS} times on this file: look for a crash in the task's earlier logs"
        )


class BadAsset(Exception):
    """The asset cannot be analysed, and that is recorded."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.error}: {failure.message}")
        self.failure = failure


def landed_item(catalogue: AssetCatalogueHook, asset_id: str) -> dict[str, Any]:
    """Return the catalogue's item of an asset that has landed.

    :raises AirflowSkipException: when there is none.
    """
    item = catalogue.read(asset_id)
    if item is None or "raw_key" not in item:
        raise AirflowSkipException(f"the catalogue holds no landed asset {asset_id}: there is nothing to do")
    return item


@dataclass(frozen=True, slots=True)
class AssetAnalysis:
    """The analysis of one asset.

    :param item: its item of the catalogue, of an asset in state ``landed`` or ``analysed``
    :param version: of the analysers; an asset that was analysed by the same is left as it is
    :param tries: grows when a person clears the task: then a file that was given up is tried anew
    :param stage: what stands in the record of a failure
    """

    catalogue: AssetCatalogueHook
    lake: LakeHook
    media_type: MediaType
    item: Mapping[str, Any]
    version: str
    tries: int
    stage: str = "analyse"

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.media_type, self.item["source"], self.item["campaign"], self.item["run"])

    @property
    def name(self) -> str:
        """Name of the file in the lake."""
        return Path(self.item["raw_key"]).name

    def stands(self, key: str, **found: Any) -> bool:
        """Say whether these analysers wrote ``key`` already, and noted ``found`` of it."""
        noted = {"state": "analysed", "analyser_version": self.version, **found}
        if any(self.item.get(name) != value for name, value in noted.items()):
            return False
        return self.lake.size_bytes(SETTINGS.processed_bucket, key) is not None

    def run(self, analyse: Callable[[Path], Found]) -> Found:
        """Return what ``analyse`` makes of a copy of the file, which is gone afterwards.

        :raises BadAsset: when it can make nothing of it, or is broken itself; then that is recorded.
        """
        with tempfile.TemporaryDirectory(prefix="analysis-") as temporary:
            path = Path(temporary) / self.name
            with self.recorded():
                self.lake.fetch(self.item["raw_bucket"], self.item["raw_key"], path, sha256=self.item["sha256"])
                with self.attempt():
                    found = analyse(path)
        return found

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record what goes wrong with this one asset.

        :raises BadAsset: then.
        """
        try:
            yield
        except (AnalyserDied, AudioError, ContentChanged, MediaError, ObjectMissing) as error:
            raise self.failed(error) from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # a defect of the analysis must not cost the neighbours their records
            log.exception("the analysis broke on %s", self.item["original_name"])
            raise self.failed(error) from error

    def finish(self, **found: Any) -> None:
        """Note that the asset is analysed, and what was found; an earlier failure is forgotten."""
        self.lake.delete(SETTINGS.processed_bucket, failure_key(self.item["raw_key"]))
        noted = {"analyser_version": self.version, "analysed_at": now_iso(), **found}
        self.catalogue.mark(self.item["asset_id"], "analysed", **noted)

    def failed(self, error: Exception) -> BadAsset:
        """Record why the asset cannot be analysed, in catalogue and lake, and return what to raise."""
        failure = Failure(stage=self.stage, error=type(error).__name__, message=str(error), retryable=False)
        log.warning("%s is bad: %s: %s", self.item["original_name"], failure.error, failure.message)
        self.lake.write_text(SETTINGS.processed_bucket, failure_key(self.item["raw_key"]), record_to_json(failure))
        self.catalogue.mark_failed(self.item["asset_id"], failure)
        return BadAsset(failure)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Count an analysis that begins, and forget it when it ends by itself: what stays counted killed the process.

        Lack of memory and Airflow's time-out, which is no ``Exception``, count as a death too.

        :raises AnalyserDied: when that happened ``MOST_ATTEMPTS`` times already.
        """
        asset_id, work = self.item["asset_id"], f"analysis {self.version} of {self.tries} tries"
        if self.catalogue.count_attempt(asset_id, work) > MOST_ATTEMPTS:
            raise AnalyserDied
        try:
            yield
        except MemoryError:
            raise
        except Exception:
            self.catalogue.forget_attempts(asset_id, work)
            raise
        self.catalogue.forget_attempts(asset_id, work)
