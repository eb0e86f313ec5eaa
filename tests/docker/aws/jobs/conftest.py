"""A queue of jobs in this process, its S3, and somebody who listens."""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aws_emulator.application import Emulator
from aws_emulator.jobs.queue import Job, JobQueue
from aws_emulator.server import Server

PATIENCE_S = 60


class Listener:
    """Remembers what a job said, and can wait for it."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self._changed = threading.Condition()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)

        def remember(*arguments: Any) -> None:
            with self._changed:
                self.said.append((name.removeprefix("on_"), *arguments))
                self._changed.notify_all()

        return remember

    def wait_for(self, *kinds: str) -> tuple[Any, ...]:
        """What was said first of one of these kinds, without its kind and the job's id."""

        def found() -> tuple[Any, ...] | None:
            return next((said[2:] for said in self.said if said[0] in kinds), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE_S), f"only {self.said}"
            return found()

    @property
    def kinds(self) -> list[str]:
        return [said[0] for said in self.said]


def wait_until_gone(pids: list[int]) -> None:
    """Wait until none of these processes runs any more."""
    deadline = time.monotonic() + PATIENCE_S
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if _runs(pid)]}"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="session", autouse=True)
def toys() -> Iterator[None]:
    """The toy engine where workers find it: they see the modules that their server sees."""
    folder = str(Path(__file__).parent)
    sys.path.append(folder)
    yield
    sys.path.remove(folder)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A local AWS in this process."""
    server = Server(Emulator(), "127.0.0.1", 0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make_queue(server: Server, tmp_path: Path) -> Iterator[Callable[..., JobQueue]]:
    """A queue with options of the test's own; it is stopped at the end."""
    made: list[JobQueue] = []

    def make(**options: Any) -> JobQueue:
        queue = JobQueue()
        queue.configure(server.url, "test", "test", **{"cache": tmp_path / "cache"} | options)
        made.append(queue)
        return queue

    yield make
    for queue in made:
        queue.stop()


@pytest.fixture(scope="session")
def queue(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobQueue]:
    """A queue with one worker, which stays warm from test to test."""
    queue = JobQueue()
    queue.configure(server.url, "test", "test", workers=1, cache=tmp_path_factory.mktemp("cache"))
    yield queue
    queue.stop()


@pytest.fixture(scope="session")
def submit() -> Callable[..., tuple[str, Listener]]:
    """Submit a toy's job: ``submit(queue, "copy", limit_s=1, ...)`` gives its id and its listener."""

    def submit(queue: JobQueue, do: str, limit_s: float = 120, limit_mib: int = 1024, **request: Any) -> Any:
        job_id, listener = uuid.uuid4().hex, Listener()
        job = Job(
            job_id=job_id,
            service="toys",
            account="123456789012",
            region="us-east-1",
            entry="toy_engine:run",
            request={"do": do, **request},
            limit_s=limit_s,
            limit_bytes=limit_mib * 1024**2,
        )
        queue.submit(job, listener)
        return job_id, listener

    return submit


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="session")
def gone() -> Callable[[list[int]], None]:
    return wait_until_gone
