"""
# example_mediaconvert

Transcode a video for the web, without a worker while MediaConvert works, and list what was written.

| | |
|---|---|
| **Runs** | on demand, with the key of a video in the lake |
| **Reads** | `s3://<raw>/<key>` |
| **Writes** | `s3://<processed>/examples/mediaconvert/<stem>_<height>p.mp4` and a poster |
| **If it fails** | clear the failed task; every task may run twice and is paid for once |
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task

from aws_media.hooks.mediaconvert import MediaConvertHook
from aws_media.operators.leftover_jobs import CancelLeftoverJobsOperator
from aws_media.operators.mediaconvert import MediaConvertCreateJobOperator
from include.settings import SETTINGS
from media_dags.defaults import DEFAULT_ARGS

DESTINATION = f"s3://{SETTINGS.processed_bucket}/examples/mediaconvert/"


def rendition(height: int, max_bitrate: int, quality: int) -> dict:
    return {
        "NameModifier": f"_{height}p",
        "ContainerSettings": {"Container": "MP4"},
        "VideoDescription": {
            "Height": height,
            "CodecSettings": {
                "Codec": "H_264",
                "H264Settings": {
                    "RateControlMode": "QVBR",
                    "MaxBitrate": max_bitrate,
                    "QvbrSettings": {"QvbrQualityLevel": quality},
                    "QualityTuningLevel": "SINGLE_PASS_HQ",
                    "FramerateControl": "INITIALIZE_FROM_SOURCE",
                },
            },
        },
        "AudioDescriptions": [
            {
                "CodecSettings": {
                    "Codec": "AAC",
                    "AacSettings": {"Bitrate": 96000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48000},
                },
            },
        ],
    }


POSTER = {
    "NameModifier": "_poster",
    "ContainerSettings": {"Container": "RAW"},
    "VideoDescription": {
        "CodecSettings": {
            "Codec": "FRAME_CAPTURE",
            "FrameCaptureSettings": {"FramerateNumerator": 1, "FramerateDenominator": 7, "MaxCaptures": 2},
        },
    },
}
FILES = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": DESTINATION}}


@dag(
    schedule=None,
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "key": Param(
            type="string", pattern=r"^[A-Za-z0-9._/-]{1,500}$", description="Key of a video in the raw bucket"
        ),
        "queue": Param(
            None, type=["null", "string"], description="Name of a MediaConvert queue; none: the default one"
        ),
    },
    tags=["example"],
    doc_md=__doc__,
)
def example_mediaconvert():
    transcode = MediaConvertCreateJobOperator(
        task_id="transcode",
        settings={
            "Inputs": [
                {
                    "FileInput": f"s3://{SETTINGS.raw_bucket}/{{{{ params.key }}}}",
                    "TimecodeSource": "ZEROBASED",
                    "VideoSelector": {"Rotate": "AUTO"},
                    "AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}},
                }
            ],
            "OutputGroups": [
                {
                    "Name": "web",
                    "OutputGroupSettings": FILES,
                    "Outputs": [rendition(360, 1_500_000, 7), rendition(720, 5_000_000, 8), POSTER],
                }
            ],
        },
        queue_arn="{{ params.queue or '' }}",
        deferrable=True,
    )

    @task
    def list_renditions(job_id: str) -> list[str]:
        return [file.path for file in MediaConvertHook().files_written(job_id)]

    cancel_leftovers = CancelLeftoverJobsOperator(task_id="cancel_leftovers").as_teardown()
    list_renditions(transcode.output) >> cancel_leftovers


example_mediaconvert()
