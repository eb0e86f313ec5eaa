"""What a service's trigger declares, and that it comes out of the database as it went in."""

from __future__ import annotations

import importlib

import pytest
from airflow.sdk.serde import deserialize, serialize

from aws_media.hooks.rekognition import ANALYSES, RekognitionHook
from aws_media.hooks.transcribe import TranscribeHook
from aws_media.operators.rekognition import RekognitionAnalysisOperator
from aws_media.operators.transcribe import TranscribeStartTranscriptionJobOperator
from aws_media.triggers.rekognition import RekognitionJobTrigger
from aws_media.triggers.transcribe import TranscribeJobTrigger

TRIGGERS = [
    *((RekognitionJobTrigger, RekognitionHook, operation) for operation in sorted(ANALYSES)),
    (TranscribeJobTrigger, TranscribeHook, "transcription_job"),
]
EVERYTHING = {
    "job_id": "a" * 64,
    "job_key": "b" * 64,
    "holder": "triage|manual__2026-03-01|detect|-1|1",
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


@pytest.mark.parametrize(("trigger", "hook", "operation"), TRIGGERS)
@pytest.mark.parametrize("arguments", [{"job_id": "a"}, EVERYTHING], ids=["least", "everything"])
def test_a_trigger_comes_back_from_the_database_as_it_went_in(trigger, hook, operation, arguments):
    path, stored = trigger(operation=operation, **arguments).serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(**deserialize(serialize(stored)))
    assert type(again) is trigger
    assert again.serialize() == (path, stored)
    assert stored.items() >= arguments.items()


@pytest.mark.parametrize(("trigger", "hook", "operation"), TRIGGERS)
def test_a_trigger_asks_by_the_hook_of_its_service_which_has_a_waiter_for_the_operation(trigger, hook, operation):
    assert trigger.aws_hook_class is hook
    assert f"{operation}_complete" in hook(aws_conn_id=None, region_name="us-east-1").list_waiters()


@pytest.mark.parametrize("operator", [RekognitionAnalysisOperator, TranscribeStartTranscriptionJobOperator])
def test_operator_and_trigger_are_of_one_service(operator):
    assert operator.trigger_class.aws_hook_class is operator.aws_hook_class
    assert [type(link) for link in operator.operator_extra_links] == [operator.link_class]
