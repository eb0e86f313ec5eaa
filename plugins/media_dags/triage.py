"""What is bought of an upload, and what is done once it is decided on, whoever decided: the rules or a person."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TriggerRule

from aws_media.operators.mediaconvert import MediaConvertCreateJobOperator
from aws_media.operators.rekognition import (
    RekognitionDetectLabelsOperator,
    RekognitionDetectSegmentsOperator,
    RekognitionDetectTextOperator,
)
from aws_media.operators.transcribe import TranscribeStartTranscriptionJobOperator
from include.catalog.keys import analysis_key, raw_analysis_key
from include.video.evidence import MOST_CLIPS
from media_dags.siblings import of_sibling, only_if
from media_lake.operators.alerts import FootageAlertOperator
from media_lake.operators.storing import FootageStoreOperator

MADE = {"make_rendition": "rendition_settings"} | {
    f"cut_evidence_{number}": f"evidence_{number}_settings" for number in range(1, MOST_CLIPS + 1)
}
"""What is made of an incident, and the XCom with its settings."""
DETECT: dict[str, Any] = {
    "detect_labels": RekognitionDetectLabelsOperator,
    "detect_segments": RekognitionDetectSegmentsOperator,
    "detect_text": RekognitionDetectTextOperator,
}
PAID_TASKS = ("make_proxy", *DETECT, "transcribe", *MADE)

NEEDS_PROXY = (lambda context: context["task"].settings, "Rekognition takes the file as it is")
IS_PREPARED = (lambda context: context["task"].key, "the upload could not be prepared")
IS_HEARD = (lambda context: context["task"].key, "there is nothing to hear")
IS_WANTED = (lambda context: context["task"].settings, "there is nothing to show of it")


def look_and_listen(group: str, prepare_upload: Any) -> list[Any]:
    """Have Rekognition look at an upload, or at its proxy, and Transcribe listen; returns the tasks, in their order."""
    prepared = of_sibling(group, prepare_upload.task_id.rpartition(".")[2])
    base = prepared("base")
    paid: dict[str, Any] = {"map_index_template": prepared("name"), "soft_fail": True, "deferrable": True}
    make_proxy = MediaConvertCreateJobOperator(
        task_id="make_proxy",
        settings=prepare_upload.output["proxy_settings"],
        pre_execute=only_if(NEEDS_PROXY),
        **paid,
    )
    paid["duration_s"] = prepared("duration_s")
    detect = [
        operator(
            task_id=task_id,
            bucket=prepared("bucket"),
            key=prepared("key"),
            version_id=prepared("version_id"),
            output_key=analysis_key(base, operator.operation),
            raw_output_key=raw_analysis_key(base, operator.operation),
            pre_execute=only_if(IS_PREPARED),
            trigger_rule=TriggerRule.NONE_FAILED,  # with MIN_ONE_SUCCESS an upload waits for all proxies
            **paid,
        )
        for task_id, operator in DETECT.items()
    ]
    transcribe = TranscribeStartTranscriptionJobOperator(
        task_id="transcribe",
        bucket=prepared("audio_bucket"),
        key=prepared("audio_key"),
        output_key=analysis_key(base, "transcript"),
        raw_output_key=prepared("raw_transcript_key"),
        language_code="{{ params.language }}",
        pre_execute=only_if(IS_HEARD),
        **paid,
    )
    prepare_upload >> [make_proxy, transcribe]
    make_proxy >> detect
    return [make_proxy, *detect, transcribe]


def act_on(decided: Any, *, asset_id: Any, name: str) -> list[Any]:
    """Publish and alert about an incident, and put the upload where it costs least; returns the tasks.

    :param decided: the task that decided; its XComs ``rendition_settings`` and ``evidence_<n>_settings`` are those of
        MediaConvert jobs, ``{}`` where there is nothing to make.
    :param name: template of the upload's name, for the grid.
    """
    named: dict[str, Any] = {"map_index_template": name}
    make = [
        MediaConvertCreateJobOperator(
            task_id=task_id,
            settings=decided.output[settings],
            pre_execute=only_if(IS_WANTED),
            soft_fail=True,
            deferrable=True,
            **named,
        )
        for task_id, settings in MADE.items()
    ]
    last: dict[str, Any] = {"asset_id": asset_id, "trigger_rule": TriggerRule.ALL_DONE} | named
    send_alert = FootageAlertOperator(task_id="send_alert", **last)
    store_upload = FootageStoreOperator(task_id="store_upload", **last)
    decided >> make >> send_alert >> store_upload
    return [*make, send_alert, store_upload]
