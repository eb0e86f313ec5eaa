"""The queue of jobs in the server process: bounded, first in first out, done by a few worker processes.

    job = Job(job_id, "transcribe", account, region, "aws_emulator.services.transcribe.engine:run", {"media": "s3://..."})
    JOBS.submit(job, listener)
    JOBS.cancel(job_id)

Nothing runs before the first job comes. A job ends with exactly one of ``on_complete`` and ``on_failed``, or with
neither if it was cancelled.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aws_emulator.jobs.cache import LARGEST_CACHE_BYTES, prune
from aws_emulator.jobs.errors import INTERNAL, QueueFull
from aws_emulator.jobs.runner import WorkerProcess
from aws_emulator.jobs.task import EngineSettings

WORKERS = 2
MOST_QUEUED = 1000  # jobs that wait; MediaConvert, Transcribe and Rekognition together
LIMIT_S = 6 * 3600.0
LIMIT_BYTES = 4 * 1024**3
STOP_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. ``entry`` names its engine's function, ``request`` is JSON-like.

    It may take ``limit_s`` seconds (waiting does not count) and ``limit_bytes`` of memory, its children's included.
    """

    job_id: str
    service: str
    account: str
    region: str
    entry: str
    request: dict[str, Any]
    limit_s: float = LIMIT_S
    limit_bytes: int = LIMIT_BYTES


class JobListener(Protocol):
    """Who wants to know how a job goes. Called in the server process, by one thread at a time for each job."""

    def on_started(self, job_id: str) -> None:
        """A worker takes the job."""

    def on_progress(self, job_id: str, percent: int, phase: str, details: dict[str, Any]) -> None:
        """The engine reported; a report that is under way when the job is cancelled may still arrive."""

    def on_complete(self, job_id: str, result: dict[str, Any]) -> None:
        """The engine returned."""

    def on_failed(self, job_id: str, code: str, message: str) -> None:
        """The engine raised ``JobFailed``, or (code ``INTERNAL``) it broke, or reached a limit."""


@dataclass(slots=True)
class _Entry:
    job: Job
    listener: JobListener
    cancelled: threading.Event = field(default_factory=threading.Event)
    worker: WorkerProcess | None = None  # while it runs
    started_at: float = 0.0  # seconds since the epoch, as the cache's files count


@dataclass(slots=True)
class _Setup:
    """What the workers have to know."""

    endpoint_url: str
    access_key: str
    secret_key: str
    settings: EngineSettings
    workers: int
    most_queued: int
    state: Path  # removed when the queue stops
    cache: Path


class JobQueue:
    """See the module. ``configure`` comes first; ``stop`` ends everything, and ``configure`` may come again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[_Entry] = deque()
        self._known: dict[str, _Entry] = {}  # waiting or running
        self._threads: list[threading.Thread] = []
        self._workers: list[WorkerProcess] = []
        self._setup: _Setup | None = None

    def configure(
        self,
        endpoint_url: str,
        access_key: str,
        secret_key: str,
        *,
        settings: EngineSettings | None = None,
        workers: int = WORKERS,
        most_queued: int = MOST_QUEUED,
        cache: Path | None = None,
    ) -> None:
        """Say where the workers find S3, with which key, and how many there may be. Without ``cache``, a temporary one.

        Raises ``RuntimeError`` if jobs run already.
        """
        with self._lock:
            if self._threads:
                raise RuntimeError("The job queue runs already; stop it before it is configured again.")
            if self._setup is not None:
                shutil.rmtree(self._setup.state, ignore_errors=True)
            state = Path(tempfile.mkdtemp(prefix="aws-emulator-"))
            self._setup = _Setup(
                endpoint_url=endpoint_url,
                access_key=access_key,
                secret_key=secret_key,
                settings=settings or EngineSettings(),
                workers=workers,
                most_queued=most_queued,
                state=state,
                cache=(cache or state / "cache").absolute(),
            )

    def submit(self, job: Job, listener: JobListener) -> None:
        """Queue a job. Raises ``QueueFull``, ``ValueError`` (the id is in use), ``RuntimeError`` (not configured)."""
        with self._lock:
            if self._setup is None:
                raise RuntimeError("The job queue is not configured: JOBS.configure(endpoint_url, ...) comes first.")
            if job.job_id in self._known:
                raise ValueError(f"Job {job.job_id} waits or runs already.")
            if len(self._waiting) >= self._setup.most_queued:
                raise QueueFull(f"{len(self._waiting)} jobs wait already; no more than that may.")
            entry = _Entry(job, listener)
            self._waiting.append(entry)
            self._known[job.job_id] = entry
            self._start_thread(self._setup)
            self._changed.notify()

    def cancel(self, job_id: str) -> bool:
        """End a job that waits or runs; whether there was one. If so, its end is not told to the listener any more."""
        with self._lock:
            entry = self._known.pop(job_id, None)
            if entry is None:
                return False
            entry.cancelled.set()
            if entry.worker is None:
                self._waiting.remove(entry)
            else:
                entry.worker.interrupt()
            return True

    def stop(self) -> None:
        """Kill the workers and their children, forget the jobs, remove what lay on disk. No listener is called."""
        with self._lock:
            setup, self._setup = self._setup, None
            threads, self._threads = self._threads, []
            workers, self._workers = self._workers, []
            for entry in self._known.values():
                entry.cancelled.set()
            self._known.clear()
            self._waiting.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.kill()
        deadline = time.monotonic() + STOP_WAIT_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if setup is not None:
            shutil.rmtree(setup.state, ignore_errors=True)

    def _start_thread(self, setup: _Setup) -> None:
        """Start another worker's thread if every one is busy and more are allowed. The lock is held."""
        busy = sum(entry.worker is not None for entry in self._known.values())
        if len(self._threads) >= setup.workers or busy + len(self._waiting) <= len(self._threads):
            return
        worker = WorkerProcess()
        thread = threading.Thread(target=self._serve, args=(setup, worker), daemon=True, name="engine-worker")
        self._workers.append(worker)
        self._threads.append(thread)
        thread.start()

    def _serve(self, setup: _Setup, worker: WorkerProcess) -> None:
        while True:
            with self._lock:
                while self._setup is setup and not self._waiting:
                    self._changed.wait()
                if self._setup is not setup:
                    break
                entry = self._waiting.popleft()
                entry.worker, entry.started_at = worker, time.time()
            self._do(setup, worker, entry)
        worker.stop()

    def _do(self, setup: _Setup, worker: WorkerProcess, entry: _Entry) -> None:
        job, listener = entry.job, entry.listener
        _tell(listener, "on_started", job.job_id)

        def on_progress(percent: int, phase: str, details: dict[str, Any]) -> None:
            if not entry.cancelled.is_set():
                _tell(listener, "on_progress", job.job_id, percent, phase, details)

        order = _order(setup, job)
        try:
            for folder in (order["scratch"], order["cache"]):
                Path(folder).mkdir(parents=True, exist_ok=True)
            last = worker.run(order, on_progress, entry.cancelled)
        except OSError as error:  # a full disk, a --cache-dir that cannot be written to
            last = {"said": "failed", "code": INTERNAL, "message": f"The job could not be run: {error}."}
        shutil.rmtree(order["scratch"], ignore_errors=True)  # a worker that was killed cleared nothing away
        if last["said"] != "complete" or entry.cancelled.is_set():
            shutil.rmtree(order["results"], ignore_errors=True)
        with self._lock:
            entry.worker = None
            if entry.cancelled.is_set():
                worker.stop()  # it may have been interrupted when it was done already
                return
            del self._known[job.job_id]
            oldest = min((e.started_at for e in self._known.values() if e.worker is not None), default=time.time())
        with contextlib.suppress(OSError):
            prune(setup.cache, LARGEST_CACHE_BYTES, oldest)
        if last["said"] == "complete":
            _tell(listener, "on_complete", job.job_id, last["result"])
        else:
            _tell(listener, "on_failed", job.job_id, last["code"], last["message"])


def _order(setup: _Setup, job: Job) -> dict[str, Any]:
    name = hashlib.sha256(job.job_id.encode()).hexdigest()[:24]
    settings = {
        name: str(value) if isinstance(value, Path) else value for name, value in asdict(setup.settings).items()
    }
    return {
        "job_id": job.job_id,
        "entry": job.entry,
        "account": job.account,
        "region": job.region,
        "request": job.request,
        "limit_s": job.limit_s,
        "limit_bytes": job.limit_bytes,
        "settings": settings,
        "aws": [setup.endpoint_url, setup.access_key, setup.secret_key],
        "scratch": str(setup.state / "scratch" / name),
        "cache": str(setup.cache),
        "results": str(setup.state / "results" / name),
    }


def _tell(listener: JobListener, what: str, *arguments: Any) -> None:
    """Call a listener; what it throws is its own bug and stops no job."""
    try:
        getattr(listener, what)(*arguments)
    except Exception:  # noqa: BLE001
        print(f"A job's listener failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)


JOBS = JobQueue()
