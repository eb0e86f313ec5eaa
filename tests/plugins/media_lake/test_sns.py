from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from media_lake.notifiers.sns import RunAlertNotifier


class Run:
    """What a callback's context holds of a run, and of one of its tasks."""

    dag_id = "curate_audio"

    def __init__(self) -> None:
        self.run_id = f"manual__{uuid.uuid4()}"

    def get_task_states(self, *, dag_id, run_ids):
        assert (dag_id, run_ids) == (self.dag_id, [self.run_id])
        states = {"search_items": "success", "land_audio_3": "failed", "complete_batch": "failed"}
        return {self.run_id: states | {"report_failure": "failed"}}


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def context(run):
    return {"dag_run": run, "ti": run, "reason": "task_failure"}


@pytest.fixture
def inbox(local_aws):
    """Reads the alerts about a run from the queue behind the alerts topic."""
    from airflow.providers.amazon.aws.hooks.sqs import SqsHook

    client = SqsHook().conn
    url = client.get_queue_url(QueueName="media-alerts-inbox")["QueueUrl"]

    def alerts(run_id: str) -> list[dict]:
        found = []
        while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return [alert for alert in found if alert.get("run_id") == run_id]

    return alerts


def test_a_failed_run_is_alerted_once_with_what_failed_and_a_link(run, context, inbox):
    for _ in range(3):
        RunAlertNotifier(kind="failed")(context)
    (alert,) = inbox(run.run_id)
    assert alert["failed_tasks"] == ["complete_batch", "land_audio_3"]
    assert alert["reason"] == "task_failure"
    assert alert["url"].endswith(f"/dags/curate_audio/runs/{run.run_id}")


def test_a_late_run_is_alerted_from_the_triggerer(run, inbox):
    dag_run = {"dag_id": run.dag_id, "dag_run_id": run.run_id}

    async def alert() -> None:
        await RunAlertNotifier(kind="late", context={"dag_run": dag_run})

    asyncio.run(alert())
    (alert,) = inbox(run.run_id)
    assert alert["kind"] == "late"
    assert alert["failed_tasks"] == []


def test_without_a_topic_the_alert_stands_in_the_log_alone(run, context, inbox, capsys, caplog):
    RunAlertNotifier(kind="failed", topic_arn="")(context)
    assert inbox(run.run_id) == []
    assert "MEDIA_ALERTS_TOPIC_ARN" in caplog.text + capsys.readouterr().out
