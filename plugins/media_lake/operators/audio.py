"""Hear what landed: several files a task, so that the cold start of the analysis libraries is paid once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from include.audio.errors import AudioError
from include.catalog.keys import RunFolder, failure_key
from include.catalog.records import AudioFeatures, Failure, record_to_json
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing

MOST_ATTEMPTS = 3
"""An asset whose analysis took the worker down this often is given up, so that its neighbours can go on."""


class AnalyserDied(RuntimeError):
    """The analysis of a file ended the process again and again: a crash, a kill for memory, a time-out."""

    def __init__(self) -> None:
        super().__init__(
            f"the analysis died {MOST_ATTEMPTS} times on this file: look for a crash in the task's earlier logs"
        )


class AudioAnalyseAssetsOperator(BaseOperator):
    """Analyse landed audio files and write ``<stem>_features.json`` for each.

    A file that cannot be analysed is recorded as failed with its reason, and its neighbours go on. An asset that has
    been analysed by this version of the analyser already is left as it is. Returns the ids of the analysed assets.

    :param asset_ids: assets of the catalogue, in state ``landed`` or ``analysed``
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_ids",)

    def __init__(self, *, asset_ids: list[str], aws_conn_id: str | None = SETTINGS.aws_conn_id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asset_ids = asset_ids
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        items = catalogue.read_many(self.asset_ids)
        names = _names([items[asset_id]["title"] for asset_id in self.asset_ids])
        context["names"] = names  # type: ignore[typeddict-unknown-key]
        analysed = []
        # grows when a person clears the task: then a file that was given up is tried anew
        tries = context["ti"].max_tries
        for number, asset_id in enumerate(self.asset_ids, start=1):
            self.log.info("%d/%d %s", number, len(self.asset_ids), items[asset_id]["original_name"])
            if self._analyse(catalogue, lake, items[asset_id], tries):
                analysed.append(asset_id)
        return analysed

    def _analyse(self, catalogue: AssetCatalogueHook, lake: LakeHook, item: dict[str, Any], tries: int) -> bool:
        from include.audio.analyse import ANALYSER_VERSION, analyse_audio

        folder = RunFolder("audio", item["source"], item["campaign"], item["run"])
        features_key = folder.processed(Path(item["raw_key"]).name, "features")
        if (
            item["state"] == "analysed"
            and item.get("analyser_version") == ANALYSER_VERSION
            and lake.size_bytes(SETTINGS.processed_bucket, features_key) is not None
        ):
            self.log.info("analysed already: s3://%s/%s", SETTINGS.processed_bucket, features_key)
            return True
        with tempfile.TemporaryDirectory(prefix="analysis-") as temporary:
            path = Path(temporary) / Path(item["raw_key"]).name
            try:
                lake.fetch(item["raw_bucket"], item["raw_key"], path, sha256=item["sha256"])
                with _attempt(catalogue, item["asset_id"], f"analysis {ANALYSER_VERSION} of {tries} tries"):
                    features = analyse_audio(
                        path,
                        asset_id=item["asset_id"],
                        original_name=item["original_name"],
                        attribution_required=item["attribution_required"],
                        attribution_text=item["attribution_text"],
                    )
            except (AnalyserDied, AudioError, ContentChanged, ObjectMissing) as error:
                self._fail(catalogue, lake, item, _failure(error))
                return False
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                # a defect of the analysis must not cost the neighbours their records
                self.log.exception("the analysis broke on %s", item["original_name"])
                self._fail(catalogue, lake, item, _failure(error))
                return False
        lake.write_text(SETTINGS.processed_bucket, features_key, record_to_json(features))
        lake.delete(SETTINGS.processed_bucket, failure_key(item["raw_key"]))  # of an earlier try
        catalogue.mark(
            item["asset_id"], "analysed", features_key=features_key, analysed_at=now_iso(), **_found(features)
        )
        self.log.info("%s", _line(features))
        return True

    def _fail(self, catalogue: AssetCatalogueHook, lake: LakeHook, item: dict[str, Any], failure: Failure) -> None:
        self.log.warning("%s is bad: %s: %s", item["original_name"], failure.error, failure.message)
        lake.write_text(SETTINGS.processed_bucket, failure_key(item["raw_key"]), record_to_json(failure))
        catalogue.mark_failed(item["asset_id"], failure)


@contextmanager
def _attempt(catalogue: AssetCatalogueHook, asset_id: str, work: str) -> Iterator[None]:
    """Count an analysis that begins, and forget it when it ends by itself: what stays counted took the process down.

    Lack of memory and Airflow's time-out, which is no ``Exception``, count as a death too.

    :raises AnalyserDied: when that happened ``MOST_ATTEMPTS`` times already.
    """
    if catalogue.count_attempt(asset_id, work) > MOST_ATTEMPTS:
        raise AnalyserDied
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        catalogue.forget_attempts(asset_id, work)
        raise
    catalogue.forget_attempts(asset_id, work)


def _failure(error: Exception) -> Failure:
    return Failure(stage="analyse", error=type(error).__name__, message=str(error), retryable=False)


def _found(features: AudioFeatures) -> dict[str, Any]:
    """Return what the catalogue keeps of the features."""
    names = ("duration_s", "loudness_lufs", "tempo_bpm", "key", "mode", "voice", "analyser_version")
    return {name: getattr(features, name) for name in names}


def _line(features: AudioFeatures) -> str:
    """Say in one line what was heard."""

    def shown(value: float | None, unit: str) -> str:
        return f"no {unit}" if value is None else f"{value:.1f} {unit}"

    key = f"{features.key} {features.mode}" if features.key else "no key"
    return (
        f"{features.original_name}: {features.duration_s:.2f} s, {shown(features.loudness_lufs, 'LUFS')}, "
        f"{shown(features.tempo_bpm, 'BPM')}, {key}, {features.voice}"
    )


def _names(titles: list[str]) -> str:
    """Name a group of assets.

    >>> _names(["Blue", "Green", "Red"])
    'Blue + 2'
    """
    return titles[0] if len(titles) == 1 else f"{titles[0]} + {len(titles) - 1}"
