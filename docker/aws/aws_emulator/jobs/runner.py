"""One worker process as the server sees it: started when needed, watched while it works, killed at its limits."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import psutil

from aws_emulator.jobs.errors import INTERNAL

LOOK_INTERVAL_S = 0.25  # between two looks at a job's memory and clock


class WorkerProcess:
    """A worker that does one job at a time. ``run`` belongs to one thread; ``kill`` may be called from any."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._lock = threading.Lock()
        self._killed = False

    def run(
        self,
        order: dict[str, Any],
        on_progress: Callable[[int, str, dict[str, Any]], None],
        cancelled: threading.Event,
    ) -> dict[str, Any]:
        """Have a job done; return the worker's last word: ``said`` is ``complete`` or ``failed``.

        A worker that dies, is ``cancelled``, or goes beyond ``limit_s`` or ``limit_bytes`` of the order, has ``failed``
        with ``INTERNAL``.
        """
        try:
            pipe = self._send(order)
        except (OSError, TypeError, ValueError) as error:  # no process, no pipe, or a request that is no JSON
            self.stop()
            return _failed(f"The job could not be given to a worker: {error}.")
        started = looked = time.monotonic()
        while not cancelled.is_set():
            try:
                message = json.loads(pipe.recv_bytes()) if pipe.poll(LOOK_INTERVAL_S) else None
            except (EOFError, OSError):
                return _failed(self._how_it_died())
            if message is not None and message["said"] == "progress":
                on_progress(message["percent"], message["phase"], message["details"])
            elif message is not None:
                if message.pop("spent", False):
                    self.stop()
                return message
            now = time.monotonic()
            if now - looked >= LOOK_INTERVAL_S:
                looked = now
                broken = self._limit_broken(order, now - started)
                if broken:
                    self.stop()
                    return _failed(broken)
        self.stop()
        return _failed("The job was cancelled.")

    def _limit_broken(self, order: dict[str, Any], taken_s: float) -> str:
        if taken_s > order["limit_s"]:
            return f"The job takes longer than the {order['limit_s']:g} s it may take."
        used_bytes = self.resident_bytes()
        if used_bytes > order["limit_bytes"]:
            used, allowed = used_bytes // 1024**2, order["limit_bytes"] // 1024**2
            return f"The job needs {used} MiB of memory, more than the {allowed} MiB it may have."
        return ""

    def _send(self, order: dict[str, Any]) -> Connection:
        text = json.dumps(order).encode()
        with self._lock:
            if self._killed:
                raise OSError("the queue is stopped")
            if self._process is None or self._pipe is None or self._process.poll() is not None:
                if self._pipe is not None:
                    self._pipe.close()
                self._process, self._pipe = _start()
            pipe = self._pipe
        pipe.send_bytes(text)
        return pipe

    def resident_bytes(self) -> int:
        """The resident memory of the worker and its children; what they share counts twice."""
        process = self._process
        if process is None:
            return 0
        total = 0
        with contextlib.suppress(psutil.Error):
            worker = psutil.Process(process.pid)
            for member in (worker, *worker.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += member.memory_info().rss
        return total

    def stop(self) -> None:
        """Kill the worker and everything it started; the next job gets a new one."""
        with self._lock:
            process, pipe = self._process, self._pipe
            self._process = self._pipe = None
        if process is not None:
            kill_tree(process)
            process.wait()
        if pipe is not None:
            pipe.close()

    def interrupt(self) -> None:
        """Kill the worker in the middle of its job; ``run`` then returns at once."""
        process = self._process
        if process is not None:
            kill_tree(process)

    def kill(self) -> None:
        """Kill the worker for good: no job starts another."""
        with self._lock:
            self._killed = True
        self.interrupt()

    def _how_it_died(self) -> str:
        process = self._process
        self.interrupt()  # what it started may still live
        status = process.wait() if process is not None else None
        self.stop()
        if status is None or status >= 0:
            return f"The worker ended with status {status} in the middle of the job."
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = "; the machine may be out of memory" if -status == signal.SIGKILL else ""
        return f"The worker was killed by {name} in the middle of the job{hint}."


def _failed(message: str) -> dict[str, Any]:
    return {"said": "failed", "code": INTERNAL, "message": message}


def _start() -> tuple[subprocess.Popen[bytes], Connection]:
    ours, theirs = socket.socketpair()
    environment = {  # of the server's own, nothing reaches an engine
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        "PATH": os.defpath,
        "TMPDIR": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
    }
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "aws_emulator.jobs.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what an engine prints is the server's log
            env=environment,
            start_new_session=True,
        )
    return process, Connection(ours.detach())


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker, its process group, and children that left the group."""
    if process.poll() is not None and not _group_lives(process.pid):
        return
    members: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        members = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for member in members:
        with contextlib.suppress(psutil.Error):
            member.kill()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
