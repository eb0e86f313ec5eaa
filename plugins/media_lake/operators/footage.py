"""Prepare a landed film for its analyses: what they read, and the copy that has to be made first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from include.settings import SETTINGS
from include.video.probe import MediaError
from include.video.proxy import proxy_reason, proxy_settings
from media_lake.analysis import AssetAnalysis, landed_item
from media_lake.footage import probe_landed
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing


class VideoPrepareOperator(BaseOperator):
    """Look at the header of a landed film and tell, by XCom, what its analyses read.

    ``bucket`` and ``key``: the raw object, or the H.264 proxy where Rekognition cannot take that. ``proxy_settings``:
    those of the MediaConvert job that makes the proxy, ``{}`` when none is needed, and ``proxy_reason``: why.
    ``duration_s``: of the film, ``None`` where it cannot be told. ``name``: of the film, for people.

    A film that is gone or no film is recorded as failed with its reason, and the task is skipped.

    :param asset_id: asset of the catalogue, in state ``landed`` or ``analysed``. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(self, *, asset_id: str, aws_conn_id: str | None = SETTINGS.aws_conn_id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        item = landed_item(catalogue, self.asset_id)
        context["name"] = item["title"]  # type: ignore[typeddict-unknown-key]  # for ``map_index_template``
        context["ti"].xcom_push(key="name", value=item["title"])
        analysis = AssetAnalysis(catalogue=catalogue, lake=lake, media_type="video", item=item, version="", tries=0)
        try:
            facts = probe_landed(lake.conn, item)
        except (ContentChanged, MediaError, ObjectMissing) as error:
            raise AirflowSkipException(str(analysis.failed(error))) from error
        reason = proxy_reason(facts)
        bucket, key, settings = item["raw_bucket"], item["raw_key"], {}
        if reason:
            source_uri = f"s3://{bucket}/{key}"
            bucket, key = SETTINGS.processed_bucket, analysis.folder.proxy(analysis.name)
            settings = proxy_settings(
                facts, source_uri=source_uri, destination_uri=f"s3://{bucket}/{key.removesuffix('.mp4')}"
            )
            self.log.info("%s needs a proxy: %s", item["title"], reason)
        prepared = {
            "bucket": bucket,
            "key": key,
            "proxy_settings": settings,
            "proxy_reason": reason,
            "duration_s": facts.duration_s,
        }
        for name, value in prepared.items():
            context["ti"].xcom_push(key=name, value=value)
        return key
