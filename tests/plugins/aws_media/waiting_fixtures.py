"""Fixtures of the tests of waiting; a test module names this file in ``pytest_plugins``."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress

import boto3
import pytest

from aws_media.triggers import completions, status_checks, waiting
from tests.plugins.aws_media.waiting_ground import JobService, Queue


@pytest.fixture
def service(local_aws, monkeypatch):
    """A service of jobs, and the connection ``aws_jobs`` that leads to it, and to the local AWS for the rest."""
    service = JobService()
    extra = {
        "region_name": "us-east-1",
        "endpoint_url": local_aws,
        "service_config": {"transcribe": {"endpoint_url": service.url}},
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_JOBS", json.dumps(connection))
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def queue(local_aws):
    sqs = boto3.client("sqs", endpoint_url=local_aws)
    name = f"completions-{uuid.uuid4().hex[:8]}"
    dead_letters_url = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead_letters_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
    yield Queue(sqs, url, dead_letters_url)
    with suppress(sqs.exceptions.QueueDoesNotExist):
        sqs.delete_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=dead_letters_url)


@pytest.fixture
def hurry(monkeypatch):
    """Shorten the pauses, so that a test of waiting need not wait. What is measured in minutes stays out of sight."""
    monkeypatch.setattr(completions, "LONG_POLL_S", 1)
    monkeypatch.setattr(completions, "GATHER_S", 0.05)
    monkeypatch.setattr(completions, "TELL_EVERY_S", 0.02)
    monkeypatch.setattr(completions, "DELETE_WITHIN_S", 0.1)
    monkeypatch.setattr(completions, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(status_checks, "TICK_S", 0.02)
    monkeypatch.setattr(status_checks, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(waiting, "FIRST_CHECK_WITHIN_S", 0.1)
