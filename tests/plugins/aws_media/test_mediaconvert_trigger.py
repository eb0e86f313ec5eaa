from __future__ import annotations

import asyncio
import importlib

import boto3
import pytest
from airflow.sdk.serde import deserialize, serialize

from aws_media.hooks.mediaconvert import MediaConvertHook
from aws_media.triggers.mediaconvert import MediaConvertJobTrigger

EVERYTHING = {
    "job_id": "1700000000000-abcdef",
    "job_key": "b" * 64,
    "holder": "publish|manual__2026-03-01|transcode|-1|1",
    "ledger_table": "media-jobs",
    "completions_queue_url": "https://sqs.example/media-completions",
    "waiter_delay": 7,
    "waiter_max_attempts": 8,
    "cancel_on_kill": False,
    "aws_conn_id": "aws_elsewhere",
    "region_name": "eu-west-1",
    "verify": "/etc/ssl/ours.pem",
    "botocore_config": {"read_timeout": 9},
}


@pytest.mark.parametrize("arguments", [{"job_id": "1"}, EVERYTHING], ids=["least", "everything"])
def test_a_trigger_comes_back_from_the_database_as_it_went_in(arguments):
    path, stored = MediaConvertJobTrigger(operation="job", **arguments).serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(**deserialize(serialize(stored)))
    assert type(again) is MediaConvertJobTrigger
    assert again.serialize() == (path, stored)
    assert stored.items() >= arguments.items()


def test_a_trigger_asks_by_the_hook_of_its_service_which_has_a_waiter_for_the_operation():
    assert MediaConvertJobTrigger.aws_hook_class is MediaConvertHook
    assert "job_complete" in MediaConvertHook(aws_conn_id=None, region_name="us-east-1").list_waiters()


@pytest.fixture
def cancelled_job(local_aws) -> str:
    """A job on the local AWS that somebody cancelled."""
    conn = boto3.client("mediaconvert", endpoint_url=local_aws)
    settings = {
        "Inputs": [{"FileInput": "s3://media-raw/video/nobody.mp4"}],
        "OutputGroups": [
            {
                "OutputGroupSettings": {
                    "Type": "FILE_GROUP_SETTINGS",
                    "FileGroupSettings": {"Destination": "s3://media-processed/nothing/"},
                },
                "Outputs": [
                    {
                        "ContainerSettings": {"Container": "MP4"},
                        "VideoDescription": {
                            "CodecSettings": {
                                "Codec": "H_264",
                                "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 500000},
                            }
                        },
                    }
                ],
            }
        ],
    }
    conn.create_queue(Name="trigger-tests", Status="PAUSED")
    role = "arn:aws:iam::123456789012:role/media-mediaconvert"
    job_id = conn.create_job(Role=role, Queue="trigger-tests", Settings=settings)["Job"]["Id"]
    conn.cancel_job(Id=job_id)
    conn.delete_queue(Name="trigger-tests")
    return job_id


def test_alone_a_trigger_asks_the_service_and_tells_how_the_job_ended(cancelled_job):
    async def first_event() -> dict:
        trigger = MediaConvertJobTrigger(operation="job", job_id=cancelled_job, waiter_delay=1)
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    event = asyncio.run(asyncio.wait_for(first_event(), 60))
    assert (event["status"], event["state"], event["job_id"]) == ("error", "failed", cancelled_job)
