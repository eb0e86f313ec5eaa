"""Hear what landed: several files a task, so that the cold start of the analysis libraries is paid once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from include.catalog.records import AudioFeatures, record_to_json
from include.settings import SETTINGS
from media_lake.analysis import AssetAnalysis, BadAsset
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook


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
        from include.audio.analyse import ANALYSER_VERSION

        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        items = catalogue.read_many(self.asset_ids)
        names = _names([items[asset_id]["title"] for asset_id in self.asset_ids])
        context["names"] = names  # type: ignore[typeddict-unknown-key]
        analysed = []
        for number, asset_id in enumerate(self.asset_ids, start=1):
            item = items[asset_id]
            self.log.info("%d/%d %s", number, len(self.asset_ids), item["original_name"])
            tries = context["ti"].max_tries
            analysis = AssetAnalysis(catalogue, lake, "audio", item, version=ANALYSER_VERSION, tries=tries)
            if self._analyse(analysis):
                analysed.append(asset_id)
        return analysed

    def _analyse(self, analysis: AssetAnalysis) -> bool:
        from include.audio.analyse import analyse_audio

        item = analysis.item
        features_key = analysis.folder.processed(analysis.name, "features")
        if analysis.stands(features_key):
            self.log.info("analysed already: s3://%s/%s", SETTINGS.processed_bucket, features_key)
            return True

        def features_of(path: Path) -> AudioFeatures:
            return analyse_audio(
                path,
                asset_id=item["asset_id"],
                original_name=item["original_name"],
                attribution_required=item["attribution_required"],
                attribution_text=item["attribution_text"],
            )

        try:
            features = analysis.run(features_of)
        except BadAsset:
            return False
        analysis.lake.write_text(SETTINGS.processed_bucket, features_key, record_to_json(features))
        analysis.finish(features_key=features_key, **_found(features))
        self.log.info("%s", _line(features))
        return True


def _found(features: AudioFeatures) -> dict[str, Any]:
    """Return what the catalogue keeps of the features."""
    names = ("duration_s", "loudness_lufs", "tempo_bpm", "key", "mode", "voice")
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
