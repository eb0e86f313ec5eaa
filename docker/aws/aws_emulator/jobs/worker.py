"""A worker process: does one job after the other, stays warm in between, and dies with the server.

It is started by ``runner.py`` as the leader of a process group of its own, so that it and its children die together.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from aws_emulator.clients import client_for
from aws_emulator.jobs.errors import INTERNAL, JobFailed
from aws_emulator.jobs.task import EngineSettings, WireTask

READ_TIMEOUT_S = 600  # the server checks a large object before it sends or answers the first byte


def load(entry: str) -> Callable[..., dict[str, Any]]:
    """The function that ``package.module:function`` names. Raises ``ImportError`` or ``AttributeError``.

    >>> load("json:dumps")([1])
    '[1]'
    """
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)


def settings_from_json(value: dict[str, Any]) -> EngineSettings:
    """Engine settings as they came over the pipe."""
    paths = {name: Path(value[name]) if value[name] else None for name in ("detector", "detector_labels")}
    return EngineSettings(**value | paths)


@lru_cache(maxsize=16)
def _s3(endpoint_url: str, access_key: str, secret_key: str, region: str, account: str) -> Any:
    client = client_for("s3", endpoint_url, access_key, secret_key, region, attempts=3, read_timeout_s=READ_TIMEOUT_S)

    def name_account(request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = account

    client.meta.events.register("before-sign.s3", name_account)
    return client


def perform(order: dict[str, Any], say: Callable[..., None]) -> dict[str, Any]:
    """Do the job that ``order`` describes and return the last word on it: its result, or why it failed."""
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=order["scratch"]))
    try:
        with _bounded_memory(order["limit_bytes"]):
            run = load(order["entry"])
            task = WireTask(
                job_id=order["job_id"],
                request=order["request"],
                settings=settings_from_json(order["settings"]),
                folder=folder,
                cache=Path(order["cache"]),
                results=Path(order["results"]),
                s3=_s3(*order["aws"], order["region"], order["account"]),
                say=lambda percent, phase, details: say(said="progress", percent=percent, phase=phase, details=details),
            )
            result = run(task)
            json.dumps(result)  # an engine that returns what is no JSON fails here, by its own name
            return {"said": "complete", "result": result}
    except JobFailed as error:
        return {"said": "failed", "code": error.code, "message": error.message}
    except MemoryError:
        traceback.print_exc()
        message = f"The job needs more memory than the {order['limit_bytes'] // 1024**2} MiB it may have."
        return {"said": "failed", "code": INTERNAL, "message": message, "spent": True}
    except Exception as error:  # noqa: BLE001  whatever an engine throws ends its job, not the worker
        traceback.print_exc()
        return {"said": "failed", "code": INTERNAL, "message": f"{type(error).__name__}: {error}"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _bounded_memory:  # noqa: N801  used as a function
    """Let this process map at most ``limit_bytes`` more than it has; a burst ends in MemoryError.

    The server watches what is resident; this is the backstop between two of its looks. RLIMIT_DATA counts private
    writable memory, where RLIMIT_AS would count what thread arenas merely reserve.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_DATA)
        status = Path("/proc/self/status")
        if status.exists():
            has = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmData" in line)
            resource.setrlimit(resource.RLIMIT_DATA, (has + self.limit_bytes, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, self.before)


def main() -> None:
    """Serve the orders that come over the pipe whose file descriptor is the one argument."""
    pipe = Connection(int(sys.argv[1]))
    lock = threading.Lock()
    orders: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def listen() -> None:
        try:
            while True:
                orders.put(json.loads(pipe.recv_bytes()))
        except (EOFError, OSError):  # the server is gone, however it went
            os.killpg(0, signal.SIGKILL)

    def say(**message: Any) -> None:
        with lock:
            pipe.send_bytes(json.dumps(message).encode())

    threading.Thread(target=listen, daemon=True).start()
    while True:
        last = perform(orders.get(), say)
        say(**last)
        if last.get("spent"):
            return


if __name__ == "__main__":
    main()
