"""Runs whole DAGs in this process, on the local AWS and the stand-in sources."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from include.catalog.keys import MediaType, RunFolder, run_from_time
from include.settings import SETTINGS
from tests.ground import ROOT

SOURCES: dict[str, tuple[MediaType, tuple[str, ...]]] = {
    "curate_audio": ("audio", ("internet-archive",)),
    "curate_video": ("video", ("wikimedia", "pixabay")),
}


@dataclass(frozen=True, slots=True)
class Execution:
    """A run that has ended: when it was due, its state and those of its tasks."""

    at: datetime
    state: str
    task_states: dict[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left: its state, its plan and the summaries that it wrote, by source."""

    state: str
    campaign: str
    run: str
    media_type: MediaType
    summaries: dict[str, dict[str, Any]]
    task_states: dict[tuple[str, int], str]

    @property
    def summary(self) -> dict[str, Any]:
        """The summary of the source that was asked first."""
        return next(iter(self.summaries.values()))

    @property
    def prefix(self) -> str:
        """Where the run's objects of that source lie."""
        return RunFolder(self.media_type, next(iter(self.summaries)), self.campaign, self.run).prefix

    def assets(self, *states: str) -> list[dict[str, Any]]:
        return [asset for one in self.summaries.values() for asset in one["assets"] if asset["state"] in states]


@pytest.fixture(scope="session")
def bag(airflow_database):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(scope="session")
def s3(local_aws):
    from media_lake.hooks.s3 import LakeHook

    return LakeHook().conn


@pytest.fixture
def etags(s3):
    """Lists what lies under a prefix of a bucket: key to ETag."""

    def etags(bucket: str, prefix: str) -> dict[str, str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}

    return etags


@pytest.fixture
def read_json(s3):
    def read_json(bucket: str, key: str) -> Any:
        return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    return read_json


@pytest.fixture(scope="session")
def execute(bag, local_aws):
    """Runs a DAG to its end, without waiting between retries: its moment, state and the states of its tasks."""
    # dag.test() leaves a run's conf in the DAG's params, so every run states them all
    defaults = {dag_id: json.loads(json.dumps(dag.params.dump())) for dag_id, dag in bag.dags.items()}
    moments = iter(datetime(2026, 3, 1, 6, 30, tzinfo=UTC) + timedelta(seconds=n) for n in range(10_000))

    def execute(dag_id: str, *, at: datetime | None = None, **conf: Any) -> Execution:
        dag = bag.get_dag(dag_id)
        dag.deadline = None  # dag.test() of Airflow 3.3.2 breaks on a deadline; the tests on the stack have it
        for task in dag.tasks:
            (task.partial_kwargs if task.is_mapped else task.__dict__)["retry_delay"] = timedelta(0)
            if hasattr(task, "waiter_delay"):
                task.waiter_delay = 1  # seconds between two looks at a job
        at = at or next(moments)
        dag_run = dag.test(logical_date=at, run_after=at, run_conf=defaults[dag_id] | conf)
        states = {(ti.task_id, ti.map_index): str(ti.state) for ti in dag_run.get_task_instances()}
        return Execution(at, str(dag_run.state), states)

    return execute


@pytest.fixture(scope="session")
def run_dag(execute, sources, s3):
    """Runs a curation to its end and returns its outcome."""

    def run_dag(dag_id: str, *, campaign: str, at: datetime | None = None, **conf: Any) -> Outcome:
        done = execute(dag_id, at=at, **{"persist_campaign": False, "campaign": campaign} | conf)
        run = run_from_time(done.at)
        media_type, sources = SOURCES[dag_id]
        summaries = {}
        for source in sources:
            with suppress(s3.exceptions.NoSuchKey):
                key = RunFolder(media_type, source, campaign, run).summary
                summaries[source] = json.loads(s3.get_object(Bucket=SETTINGS.processed_bucket, Key=key)["Body"].read())
        return Outcome(done.state, campaign, run, media_type, summaries, done.task_states)

    return run_dag


@pytest.fixture
def requests_seen(sources):
    """Returns what was asked of the stand-in sources since the test began."""
    httpx.delete(f"{sources}/_requests", trust_env=False).raise_for_status()

    def requests_seen() -> list[dict[str, Any]]:
        return httpx.get(f"{sources}/_requests", trust_env=False).raise_for_status().json()["requests"]

    return requests_seen


@pytest.fixture
def jobs_bought(local_aws):
    """Counts the paid jobs in the ledger: job key to generation."""
    from media_lake.hooks.dynamodb import AssetCatalogueHook

    def jobs_bought() -> dict[str, int]:
        table = AssetCatalogueHook().conn.Table(SETTINGS.jobs_table)
        items = table.scan(ConsistentRead=True)["Items"]
        return {item["job_key"]: int(item["generation"]) for item in items if "generation" in item}

    return jobs_bought
