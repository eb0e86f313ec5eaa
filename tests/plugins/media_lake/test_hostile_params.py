"""Params that pass a form, or come past it, and mean harm: no effect without a limit, none counted twice."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.settings import SETTINGS
from media_lake.operators.restoring import S3FindArchivedOperator
from media_lake.operators.tiering import LakeApplyTieringOperator, LakePlanTieringOperator
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")
REPORTS = SETTINGS.reports_bucket


def execute(operator):
    dag_run = SimpleNamespace(logical_date=datetime(2026, 3, 1, 4, tzinfo=UTC), run_after=None)
    return operator.execute({"ti": Notes(), "dag_run": dag_run})


def test_a_limit_that_is_no_number_moves_nothing(lake):
    report_key = f"tests/{uuid.uuid4().hex}.json"
    step = {
        "way": "lifecycle", "bucket": SETTINGS.raw_bucket, "area": "raw", "prefix": "video/", "to_class": "STANDARD_IA",
        "objects": 3, "usd": 0.01, "above_bytes": 1000,
    }  # fmt: skip
    report = {"steps": [step], "plan": {"key": "tests/none.csv", "sha256": ""}}
    lake.conn.put_object(Bucket=REPORTS, Key=report_key, Body=json.dumps(report).encode())
    apply = LakeApplyTieringOperator(task_id="apply", report_key=report_key, max_moves="1", max_cost_usd="nan")
    with pytest.raises(AirflowFailException, match="max_cost_usd is nan"):
        execute(apply)


def test_a_limit_that_is_no_number_restores_nothing(lake):
    key = f"footage/cam-{uuid.uuid4().hex}/20260301/drive.mp4"
    lake.conn.put_object(Bucket=SETTINGS.archive_bucket, Key=key, Body=b"archived", StorageClass="DEEP_ARCHIVE")
    find = S3FindArchivedOperator(
        task_id="find", bucket=SETTINGS.archive_bucket, keys=key, days="1", tier="Bulk", max_cost_usd="nan"
    )
    with pytest.raises(AirflowFailException, match="max_cost_usd is nan"):
        execute(find)


def test_a_bucket_that_is_named_twice_is_planned_once(lake):
    plan = LakePlanTieringOperator(task_id="plan", buckets="delivery,delivery", keep_months="36", max_moves="1")
    report = json.loads(lake.read_text(REPORTS, execute(plan)))
    assert [origin["bucket"] for origin in report["buckets"]] == [SETTINGS.delivery_bucket]
