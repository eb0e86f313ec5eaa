"""Write down what is known of a clip, whatever became of its analyses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from include.catalog.records import record_to_json
from include.catalog.video import NOT_ASKED_FOR
from include.costs.analyses import ANALYSES, OPERATIONS, analysis_names
from include.settings import SETTINGS
from media_lake.analysis import AssetAnalysis, BadAsset, landed_item
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.rekognition import KeptAnalysis, ResultGone

if TYPE_CHECKING:
    from include.catalog.video import VideoLabels

BEFORE = ("make_proxy", "prepare_video")
"""Tasks of the group without which no analysis begins: when one was refused, that is why."""
MOST_LABELS_NOTED = 10


class VideoWriteLabelsOperator(BaseOperator):
    """Write ``<stem>_labels.json`` and the contact sheet of one clip; returns the key of the record.

    It closes a task group that is mapped over clips: the sibling tasks ``detect_labels``, ``detect_segments``,
    ``detect_text`` and ``detect_moderation`` return the key of their result, or push as ``refusal`` why there is none.
    What was refused stands under ``skipped`` in the record, and the rest is written. A clip of which nothing can be
    told is recorded as failed with its reason, and the task is skipped. A clip that the same analysers described from
    the same jobs is left as it is.

    :param asset_id: asset of the catalogue, in state ``landed`` or ``analysed``. (templated)
    :param group: id of the task group
    :param analyses: those that were asked for, of ``labels``, ``segments``, ``text`` and ``moderation``; a string holds
        them with commas between. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id", "analyses")

    def __init__(
        self,
        *,
        asset_id: str,
        group: str,
        analyses: Sequence[str] | str = ANALYSES,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.group = group
        self.analyses = analyses
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        from include.video.clip import ANALYSER_VERSION, Analyses, Clip, describe_clip

        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        item = landed_item(catalogue, self.asset_id)
        context["names"] = item["title"]  # type: ignore[typeddict-unknown-key]
        tries = context["ti"].max_tries
        analysis = AssetAnalysis(catalogue, lake, "video", item, version=ANALYSER_VERSION, tries=tries)
        kept, refused = self._kept_and_refused(lake, context)
        job_ids = {name: result.job_id for name, result in kept.items()}
        labels_key = analysis.folder.processed(analysis.name, "labels")
        if analysis.stands(labels_key, analysis_jobs=job_ids):
            self.log.info("described already: s3://%s/%s", SETTINGS.processed_bucket, labels_key)
            return labels_key
        proxy_key = analysis.folder.proxy(analysis.name)
        clip = Clip(
            asset_id=item["asset_id"],
            original_name=item["original_name"],
            attribution_required=item["attribution_required"],
            attribution_text=item["attribution_text"],
            contact_sheet_key=analysis.folder.contact_sheet(analysis.name),
            proxy_key=proxy_key if lake.size_bytes(SETTINGS.processed_bucket, proxy_key) is not None else None,
        )
        models = {name: result.model_version for name, result in kept.items()}

        def described(path: Path) -> tuple[VideoLabels, bytes | None]:
            sheet = path.with_name("contact-sheet.jpg")
            record = describe_clip(path, sheet, clip, Analyses(records=kept, model_versions=models, refused=refused))
            return record, sheet.read_bytes() if record.contact_sheet_key else None

        try:
            record, sheet = analysis.run(described)
        except BadAsset as error:
            raise AirflowSkipException(f"{item['original_name']}: {error}") from error
        if sheet is not None:
            bucket, key = SETTINGS.processed_bucket, clip.contact_sheet_key
            lake.conn.put_object(Bucket=bucket, Key=key, Body=sheet, ContentType="image/jpeg")
        lake.write_text(SETTINGS.processed_bucket, labels_key, record_to_json(record))
        analysis.finish(labels_key=labels_key, analysis_jobs=job_ids, **_found(record))
        self.log.info("%s: %s", record.original_name, record.summary_text)
        return labels_key

    def _kept_and_refused(self, lake: LakeHook, context: Context) -> tuple[dict[str, KeptAnalysis], dict[str, str]]:
        """Return the results of the siblings, and why there is none, by analysis."""
        asked = analysis_names(self.analyses)
        kept, refused = {}, {}
        for name, operation in OPERATIONS.items():
            task = f"detect_{name}"
            result_key = self._told(context, task, "return_value")
            if name not in asked:
                refused[name] = NOT_ASKED_FOR
            elif result_key is None:
                refused[name] = self._refusal(context, task)
            else:
                try:
                    bucket = SETTINGS.processed_bucket
                    kept[name] = KeptAnalysis.found(lake.conn, bucket, result_key, operation)
                except ResultGone as error:
                    refused[name] = str(error)
            if name in refused:
                self.log.info("%s: skipped: %s", name, refused[name])
        return kept, refused

    def _refusal(self, context: Context, task: str) -> str:
        for sibling in (*BEFORE, task):
            refusal = self._told(context, sibling, "refusal")
            if refusal:
                return str(refusal)
        return f"{self.group}.{task} ended without a result: its log tells why"

    def _told(self, context: Context, task: str, key: str) -> Any:
        """Return what the sibling of the same map index pushed, ``None`` when it pushed nothing."""
        ti = context["ti"]
        return ti.xcom_pull(task_ids=f"{self.group}.{task}", key=key, map_indexes=ti.map_index)


def _found(record: VideoLabels) -> dict[str, Any]:
    """Return what the catalogue keeps of the record."""
    return {
        "contact_sheet_key": record.contact_sheet_key,
        "proxy_key": record.proxy_key,
        "duration_s": record.media.duration_s,
        "width": record.media.width,
        "height": record.media.height,
        "labels": [label.name for label in record.labels[:MOST_LABELS_NOTED]],
        "shots": len(record.shots),
        "text_lines": len(record.text) + record.text_left_out,
        "moderation": [label.name for label in record.moderation],
        "skipped": record.skipped,
    }
