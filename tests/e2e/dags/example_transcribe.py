"""
# example_transcribe

Write down what is said in a video, without a worker while Transcribe works, and count the words.

| | |
|---|---|
| **Runs** | on demand, with the key of a recording or a video in the lake |
| **Reads** | `s3://<raw>/<key>` |
| **Writes** | `s3://<processed>/<key>.transcript.json`, beside it the service's own transcript and subtitles |
| **If it fails** | clear the failed task; every task may run twice and is paid for once |
"""

from __future__ import annotations

import json

from airflow.sdk import Param, dag, task

from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from aws_media.operators.transcribe import TranscribeStartTranscriptionJobOperator
from include.settings import SETTINGS
from media_dags.defaults import DEFAULT_ARGS
from media_lake.hooks.s3 import LakeHook


@dag(
    schedule=None,
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "key": Param(type="string", pattern=r"^[A-Za-z0-9._/-]{1,500}$", description="Key of media in the raw bucket")
    },
    tags=["example"],
    doc_md=__doc__,
)
def example_transcribe():
    transcribe = TranscribeStartTranscriptionJobOperator(
        task_id="transcribe",
        bucket=SETTINGS.raw_bucket,
        key="{{ params.key }}",
        language_code="en-US",
        subtitle_formats=["vtt"],
        deferrable=True,
    )

    @task
    def count_words(result_key: str) -> int:
        return len(json.loads(LakeHook().read_text(SETTINGS.processed_bucket, result_key))["text"].split())

    cancel_leftovers = CancelLeftoverJobsOperator(task_id="cancel_leftovers").as_teardown()
    count_words(transcribe.output) >> cancel_leftovers


example_transcribe()
