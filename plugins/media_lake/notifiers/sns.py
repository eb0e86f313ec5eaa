"""Tell people over SNS that a run failed, or is late: once a run, with what failed and where to look."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.sdk import BaseNotifier, Context

from include.settings import SETTINGS
from include.triage.alert import LONGEST_SUBJECT
from media_lake.hooks.dynamodb import OnceHook

_REPORTER = "report_failure"  # the task that fails because others did, so that the run fails


def run_url(dag_id: str, run_id: str) -> str:
    """Return the address of a DAG run in the Airflow UI.

    >>> run_url("curate_audio", "manual__2026-03-01T06:30:00+00:00")
    'http://127.0.0.1:8080/dags/curate_audio/runs/manual__2026-03-01T06%3A30%3A00%2B00%3A00'
    """
    return f"{SETTINGS.airflow_url}/dags/{dag_id}/runs/{quote(run_id, safe='')}"


class RunAlertNotifier(BaseNotifier):
    """Publish one alert a run and kind to the alerts topic; without a topic the alert only stands in the log.

    :param kind: what happened: ``failed`` or ``late``
    :param topic_arn: topic to publish to
    :param aws_conn_id: connection of topic and ledger
    """

    template_fields = ("topic_arn",)

    def __init__(
        self,
        *,
        kind: str,
        topic_arn: str = SETTINGS.alerts_topic_arn,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.topic_arn = topic_arn
        self.aws_conn_id = aws_conn_id

    def notify(self, context: Context) -> None:
        alert = self.alert_from_context(context)
        if not self.topic_arn:
            self.log.warning("no alerts topic is set (MEDIA_ALERTS_TOPIC_ARN); the alert is: %s", alert)
            return
        once = OnceHook(aws_conn_id=self.aws_conn_id)
        job_key = hashlib.sha256("\n".join(["sns", "publish", self.kind, alert["dag_id"], alert["run_id"]]).encode())
        if once.recall(job_key.hexdigest()) is not None:
            self.log.info("run %s was alerted already", alert["run_id"])
            return
        SnsHook(aws_conn_id=self.aws_conn_id).publish_to_target(
            target_arn=self.topic_arn,
            subject=f"{alert['dag_id']} {self.kind}: {alert['run_id']}"[:LONGEST_SUBJECT],
            message=json.dumps(alert, ensure_ascii=False, indent=2),
        )
        once.remember(job_key.hexdigest(), alert)

    async def async_notify(self, context: Context) -> None:
        from asgiref.sync import sync_to_async

        await sync_to_async(self.notify)(context)

    def alert_from_context(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Say what happened to which run, what of it failed and where to look."""
        dag_run = context.get("dag_run")
        dag_id = _field(dag_run, "dag_id") or _field(context.get("dag"), "dag_id")
        run_id = _field(dag_run, "run_id") or _field(dag_run, "dag_run_id") or context.get("run_id", "")
        return {
            "kind": self.kind,
            "dag_id": dag_id,
            "run_id": run_id,
            "reason": context.get("reason"),
            "failed_tasks": failed_tasks(context, dag_id, run_id),
            "url": run_url(dag_id, run_id),
        }


def failed_tasks(context: Mapping[str, Any], dag_id: str, run_id: str) -> list[str]:
    """Return the ids of a run's failed tasks, a mapped one with its number as Airflow writes it: ``land_audio_3``."""
    instance = context.get("ti")
    if instance is None:
        return []
    states = instance.get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
    return sorted(task for task, state in states.items() if state == "failed" and task != _REPORTER)


def _field(record: Any, name: str) -> str:
    """Read a name from a record that is a mapping in the triggerer and an object in the DAG processor."""
    return str((record.get(name) if isinstance(record, Mapping) else getattr(record, name, None)) or "")
