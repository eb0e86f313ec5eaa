"""A worker that dies after any effect, and two that do the same at once: what is left is what one would have left.

The tasks of an upload that is screened out, from its claim to its place in the archive, on the local AWS.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.settings import SETTINGS
from media_lake import inspection
from media_lake.hooks.dynamodb import OnceHook
from media_lake.operators import storing
from media_lake.operators.inspection import FootageInspectOperator, FootagePrepareOperator
from media_lake.operators.storing import FootageStoreOperator
from media_lake.operators.triage import FootageDecideOperator
from media_lake.operators.uploads import FootageClaimUploadsOperator
from tests.plugins.media_lake.dash_cam import drive, noted
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")

EFFECTS = {
    "s3": ("PutObject", "CopyObject", "DeleteObject", "CreateMultipartUpload", "CompleteMultipartUpload"),
    "dynamodb": ("PutItem", "UpdateItem", "DeleteItem"),
}
MOST_EFFECTS = 12
OF_THIS_UPLOAD_ALONE = {
    "claimed_at", "claimed_by", "decided_at", "stored_at", "uploaded_at", "etag", "version_id", "sha256", "source_id",
    "size_bytes", "bytes",
}  # fmt: skip


class Died(BaseException):
    """The worker is gone."""


@cache
def film() -> bytes:
    return drive(1.0, container="mkv")  # whose sound is extracted for Transcribe


def upload_one(lake) -> str:
    """Put an upload of a device of its own, large enough to be archived; returns the device."""
    device = f"cam-{uuid.uuid4().hex[:12]}"
    content = film() + uuid.uuid4().bytes + bytes(200_000)
    key = f"footage/{device}/20260301/drive.mkv"
    lake.conn.put_object(Bucket=SETTINGS.ingest_bucket, Key=key, Body=content, Metadata=noted(content, device))
    return device


def tasks_of(device: str) -> Iterator[Callable[[], Any]]:
    """Yield the tasks of a run that takes the uploads of a device, each to be executed once before the next."""
    run = SimpleNamespace(
        dag_id="triage_footage",
        run_id=f"test__{device}",
        run_type="manual",
        logical_date=None,
        run_after=datetime(2026, 3, 1, tzinfo=UTC),
    )
    taken: list[str] = []

    def claim() -> None:
        context = {"dag_run": run, "triggering_asset_events": {}}
        operator = FootageClaimUploadsOperator(task_id="claim_uploads", prefix=f"footage/{device}/")
        taken[:] = operator.execute(context)

    def executed(operator_class, **parameters) -> Callable[[], Any]:
        def execute() -> None:
            notes = Notes()
            notes.max_tries = 4
            operator_class(task_id="task", asset_id=taken[0], **parameters).execute({"ti": notes, "dag_run": run})

        return execute

    yield claim
    yield executed(FootageInspectOperator)
    yield executed(FootagePrepareOperator)
    yield executed(FootageDecideOperator, group=None)
    yield executed(FootageStoreOperator)


@pytest.fixture
def left(catalogue, lake):
    """Tells what the tasks left of an upload: its catalogue item and objects, without what differs of each upload."""

    def left(device: str) -> dict[str, Any]:
        (item,) = [item for item in catalogue.iter_run("footage", "20260301_000000") if item["device"] == device]
        objects = {
            f"{bucket}/{entry['Key']}"
            for bucket in (SETTINGS.ingest_bucket, SETTINGS.processed_bucket, SETTINGS.archive_bucket)
            for prefix in (f"footage/{device}/", f"video/footage/{device}/", f"failed/footage/{device}/")
            for entry in lake.conn.list_object_versions(Bucket=bucket, Prefix=prefix).get("Versions", ())
        }
        alike = {name: value for name, value in item.items() if name not in OF_THIS_UPLOAD_ALONE}
        told = json.dumps([alike, sorted(objects)], default=str, sort_keys=True)
        return json.loads(told.replace(device, "<device>").replace(item["asset_id"], "<id>"))

    return left


@pytest.fixture
def dying(lake_clients, monkeypatch):
    """Lets this process die just after its nth effect, of those that it yields."""
    monkeypatch.setattr(OnceHook, "conn", lake_clients.dynamodb)
    clients = {"s3": lake_clients.s3, "dynamodb": lake_clients.dynamodb.meta.client}

    @contextmanager
    def dying(nth: int) -> Iterator[list[str]]:
        seen: list[str] = []

        def die(model, **_: Any) -> None:
            seen.append(model.name)
            if len(seen) == nth:
                raise Died

        events = [
            (client.meta.events, f"after-call.{name}.{effect}")
            for name, client in clients.items()
            for effect in EFFECTS[name]
        ]
        for registry, event in events:
            registry.register(event, die, unique_id=f"die {event}")
        try:
            yield seen
        finally:
            for registry, event in events:
                registry.unregister(event, unique_id=f"die {event}")

    return dying


@pytest.fixture(autouse=True)
def looked_at_once(monkeypatch) -> None:
    """Look at the film once: it is the same in all uploads."""
    monkeypatch.setattr("media_lake.operators.inspection.look_at", lambda _: look_at_film())


@cache
def look_at_film() -> Any:
    with tempfile.NamedTemporaryFile(suffix=".mkv") as file:
        file.write(film())
        file.flush()
        return inspection.look_at(Path(file.name))


@pytest.fixture
def undisturbed(lake, left) -> dict[str, Any]:
    device = upload_one(lake)
    for task in tasks_of(device):
        task()
    return left(device)


def test_a_worker_that_dies_after_any_effect_leaves_what_the_next_try_makes_good(lake, left, dying, undisturbed):
    for nth in range(1, MOST_EFFECTS):
        device, died_after = upload_one(lake), []
        for task in tasks_of(device):
            with dying(nth) as seen, suppress(Died):
                task()
                continue
            died_after.append(seen[-1])
            task()
        assert left(device) == undisturbed, f"died after effect {nth} of a task: {died_after}"
        if not died_after:
            return
    raise AssertionError("a task has more effects than were tried")


def test_two_executions_at_once_leave_what_one_does(lake, left, undisturbed):
    def tried_again(task: Callable[[], Any]) -> None:
        with suppress(ClientError):  # what the one looked at the other has moved away
            task()
            return
        task()

    device = upload_one(lake)
    with ThreadPoolExecutor(2) as pool:
        for task in tasks_of(device):
            for running in [pool.submit(tried_again, task) for _ in range(2)]:
                running.result()
    assert left(device) == undisturbed


def test_who_finds_that_another_has_just_moved_an_upload_keeps_what_that_one_noted(catalogue, lake, left, undisturbed):
    device = upload_one(lake)
    *others, store = tasks_of(device)
    for task in others:
        task()
    (seen,) = [item for item in catalogue.iter_run("footage", "20260301_000000") if item["device"] == device]
    store()
    storing._Upload(lake, catalogue, seen).finish_move()
    assert left(device) == undisturbed
