"""One whole stack for the session, on ports and in a state folder of its own, as `make up` starts it."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from include.settings import SETTINGS, Settings
from local_stack import supervisor
from local_stack.airflow_api import AirflowApi
from tests.ground import CACHE, PATIENCE_S, ROOT, free_port

DAG_FOLDERS = {"dags-folder": ROOT / "dags", "examples": ROOT / "tests" / "e2e" / "dags"}
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
FOR_TESTS = {
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
        [
            {"name": name, "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(folder)}}
            for name, folder in DAG_FOLDERS.items()
        ]
    ),
    # another triggerer takes over from one that died after these seconds, not after 30
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    # the task of a killed worker is taken up again after these seconds, not after a minute
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
}


@pytest.fixture(scope="session")
def stack_settings(tmp_path_factory) -> Settings:
    state_dir = tmp_path_factory.mktemp("stack")
    for name in ("sources", "numba"):  # rendered media and compiled functions depend on the code alone
        (CACHE / name).mkdir(parents=True, exist_ok=True)
        (state_dir / name).symlink_to(CACHE / name)
    return dataclasses.replace(
        SETTINGS,
        local_aws_port=free_port(),
        local_sources_port=free_port(),
        airflow_port=free_port(),
        state_dir=state_dir,
        alerts_topic_arn="",
    )


@pytest.fixture(scope="session")
def stack(stack_settings, restart_what_died) -> Iterator[supervisor.Endpoints]:
    try:
        yield restart_what_died()
    finally:
        supervisor.stop(stack_settings)


@pytest.fixture(scope="session")
def restart_what_died(stack_settings) -> Callable[[], supervisor.Endpoints]:
    """Starts the components that do not run."""
    return lambda: supervisor.start(stack_settings, extra_environment=FOR_TESTS)


@pytest.fixture(scope="session")
def airflow(stack, stack_settings) -> Iterator[AirflowApi]:
    with AirflowApi.of(stack_settings) as api:
        api.unpause("curate_audio")
        yield api


@pytest.fixture(scope="session")
def client(stack) -> Callable[[str], Any]:
    """Makes boto3 clients of the stack's local AWS."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=stack.aws_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    return client


@pytest.fixture
def objects(client):
    """Lists the objects under a prefix of a bucket: key to (ETag, last modified)."""

    def objects(bucket: str, prefix: str = "") -> dict[str, tuple[str, Any]]:
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {
            entry["Key"]: (entry["ETag"], entry["LastModified"]) for page in pages for entry in page.get("Contents", [])
        }

    return objects


@pytest.fixture(scope="session")
def wait_until():
    """Waits for something to come true and returns it."""

    def wait_until(true: Callable[[], Any], what: str = "it") -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not (found := true()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} did not happen within {PATIENCE_S} s")
            time.sleep(0.2)
        return found

    return wait_until


@pytest.fixture
def process_of(stack_settings):
    """Finds the process that executes a task instance, by the id in its title; None when there is none."""

    def process_of(task_instance: dict[str, Any]) -> int | None:
        for pid in supervisor.leftovers(stack_settings):
            try:
                title = Path(f"/proc/{pid}/cmdline").read_text()
            except OSError:
                continue
            if task_instance["id"] in title:
                return pid
        return None

    return process_of


@pytest.fixture
def process_id(stack_settings) -> Callable[[str], int]:
    def process_id(component: str) -> int:
        (pid,) = (status.pid for status in supervisor.status(stack_settings) if status.name == component)
        assert pid is not None, f"{component} does not run"
        return pid

    return process_id


@pytest.fixture
def kill(process_id) -> Callable[[str], None]:
    def kill(component: str) -> None:
        """Kill a component and wait until it is gone: till then the stack takes it for running."""
        main = psutil.Process(process_id(component))
        os.killpg(main.pid, signal.SIGKILL)
        psutil.wait_procs([main], timeout=30)

    return kill


@pytest.fixture
def unfinished_jobs(process_id):
    """Keeps the local AWS from ending any media job: its workers are stopped as they come, and go on afterwards."""

    @contextmanager
    def unfinished_jobs() -> Iterator[Callable[[], None]]:
        service = psutil.Process(process_id("aws"))
        stopped: set[psutil.Process] = set()

        def stop_new_workers() -> None:
            for worker in set(service.children(recursive=True)) - stopped:
                worker.suspend()
                stopped.add(worker)

        try:
            yield stop_new_workers
        finally:
            for worker in stopped:
                worker.resume()

    return unfinished_jobs


@pytest.fixture
def told_by_rekognition(client):
    """What Rekognition itself announces about the films under a prefix, in a queue that nobody else reads."""
    queue = client("sqs").create_queue(QueueName=f"watch-{uuid.uuid4().hex}")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (topic,) = (
        topic["TopicArn"]
        for topic in client("sns").list_topics()["Topics"]
        if topic["TopicArn"].endswith(":AmazonRekognition-media")
    )
    subscription = client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )

    def told_by_rekognition(prefix: str) -> list[dict]:
        told: list[dict] = []
        while messages := client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            told += [json.loads(message["Body"]) for message in messages]
        return [message for message in told if message["Video"]["S3ObjectName"].startswith(prefix)]

    yield told_by_rekognition
    client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])  # a missing queue would stop the others'
    client("sqs").delete_queue(QueueUrl=queue)
