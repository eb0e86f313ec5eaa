"""What is bought in these tests: jobs of a service in memory, on real objects, with a real ledger on the local AWS."""

from __future__ import annotations

import io
import json
import uuid
import wave
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from include.settings import SETTINGS


@pytest.fixture(scope="session", autouse=True)
def model_files_read_once():
    """Parse each of botocore's service models once, not once for every client: that is most of these tests' time."""
    load = cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: load(path))
        yield


@pytest.fixture
def studio():
    from tests.plugins.aws_media.studio import open_studio

    with open_studio() as studio:
        yield studio


@pytest.fixture(scope="session")
def clients(local_aws):
    """Clients of S3 and DynamoDB, made once: to make them costs more than what most tests do with them."""
    from aws_media.hooks.ledger import JobLedgerHook
    from media_lake.hooks.s3 import LakeHook

    return SimpleNamespace(s3=LakeHook().conn, dynamodb=JobLedgerHook().conn)


@pytest.fixture
def shared_clients(clients, monkeypatch) -> None:
    """Let every hook of these services use them."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from aws_media.hooks.ledger import JobLedgerHook
    from media_lake.hooks.s3 import LakeHook

    monkeypatch.setattr(S3Hook, "conn", clients.s3)
    monkeypatch.setattr(LakeHook, "conn", clients.s3)
    monkeypatch.setattr(JobLedgerHook, "conn", clients.dynamodb)


@pytest.fixture
def ledger(shared_clients):
    from aws_media.hooks.ledger import JobLedgerHook

    return JobLedgerHook()


@pytest.fixture
def narration(clients) -> str:
    """Key of 90 s of sound in the raw bucket, which no other test uses."""
    key = f"audio/{uuid.uuid4().hex}.wav"
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(90_000))
    clients.s3.put_object(Bucket=SETTINGS.raw_bucket, Key=key, Body=sound.getvalue())
    return key


class FakeTaskInstance(SimpleNamespace):
    """As much of a task instance as an operator asks for."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def get_task_states(self, **_: Any) -> dict[str, dict[str, str]]:
        return {self.run_id: {self.task_id: self.state}}


class FakeStateStore:
    """Keeps values as Airflow does: as JSON."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self._values[key]) if key in self._values else None

    def set(self, key: str, value: Any) -> None:
        self._values[key] = json.dumps(value)


@pytest.fixture
def a_task():
    """Makes the context of a task instance's try."""

    def a_task(
        task_id: str = "detect", *, run_id: str = "manual__2026-03-01", map_index: int = -1, try_number: int = 1
    ) -> dict[str, Any]:
        instance = FakeTaskInstance(
            dag_id="triage",
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            try_number=try_number,
            max_tries=2,
            state="running",
            xcoms={},
        )
        return {"ti": instance, "task_state_store": FakeStateStore()}

    return a_task


@pytest.fixture
def detect(shared_clients, studio, narration):
    """Makes an operator that has ``narration`` analysed."""
    from tests.plugins.aws_media.studio import StudioOperator

    def detect(**parameters: Any) -> StudioOperator:
        parameters = {"task_id": "detect", "bucket": SETTINGS.raw_bucket, "key": narration} | parameters
        return StudioOperator(**{"waiter_delay": 0, "waiter_max_attempts": 2} | parameters)

    return detect


@pytest.fixture
def entry_of(ledger):
    """Returns the ledger's entry of what an operator buys."""

    def entry_of(operator: Any, context: dict[str, Any]) -> Any:
        return ledger.read(operator._identity(context).job_key)

    return entry_of
