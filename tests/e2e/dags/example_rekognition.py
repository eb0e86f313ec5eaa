"""
# example_rekognition

Find the shots and the technical cues of a video, without a worker while Rekognition works, and count them.

| | |
|---|---|
| **Runs** | on demand, with the key of a video in the lake |
| **Reads** | `s3://<raw>/<key>` |
| **Writes** | `s3://<processed>/<key>.segment_detection.json`, beside it what the service itself said |
| **If it fails** | clear the failed task; every task may run twice and is paid for once |
"""

from __future__ import annotations

import json

from airflow.sdk import Param, dag, task

from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from aws_media.operators.rekognition import RekognitionDetectSegmentsOperator
from include.settings import SETTINGS
from media_dags.defaults import DEFAULT_ARGS
from media_lake.hooks.s3 import LakeHook


@dag(
    schedule=None,
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "key": Param(type="string", pattern=r"^[A-Za-z0-9._/-]{1,500}$", description="Key of a video in the raw bucket")
    },
    tags=["example"],
    doc_md=__doc__,
)
def example_rekognition():
    detect_segments = RekognitionDetectSegmentsOperator(
        task_id="detect_segments", bucket=SETTINGS.raw_bucket, key="{{ params.key }}", deferrable=True
    )

    @task
    def count_segments(result_key: str) -> int:
        return len(json.loads(LakeHook().read_text(SETTINGS.processed_bucket, result_key))["records"])

    cancel_leftovers = CancelLeftoverJobsOperator(task_id="cancel_leftovers").as_teardown()
    count_segments(detect_segments.output) >> cancel_leftovers


example_rekognition()
