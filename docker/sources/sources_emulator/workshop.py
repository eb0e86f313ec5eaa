"""Renders many orders at once in worker processes, which end when the server does.

A worker is `python -m sources_emulator.workshop FOLDER`: it reads one pickled order a line on its standard input and
answers one line each on its standard output. When the server dies, however hard, the pipe closes and the worker ends by
itself.
"""

from __future__ import annotations

import base64
import contextlib
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from sources_emulator.rendering import AnyOrder, Rendering, open_cache, render

Rendered: TypeAlias = dict[AnyOrder, dict[str, Rendering]]  # every order's files by ending


class WorkshopError(RuntimeError):
    """A piece or a film could not be rendered; the message names it."""


class Workshop:
    """A number of worker processes and the queue of orders before them."""

    def __init__(self, cache: Path, workers: int) -> None:
        self._home = open_cache(cache)
        self._count = workers
        self._workers: list[subprocess.Popen[str]] = []
        self._closed = threading.Event()

    def render_all(self, orders: Iterable[AnyOrder], progress: Callable[[int, int], None]) -> Rendered:
        """Render every order and return its files by ending; `progress(done, total)` is told after each.

        Raises WorkshopError with the first worker's error, or when the workshop was closed meanwhile. What was rendered
        by then stays in the cache.
        """
        waiting = list(dict.fromkeys(orders))
        total, lock = len(waiting), threading.Lock()
        results: Rendered = {}
        errors: list[str] = []

        def serve(worker: subprocess.Popen[str]) -> None:
            assert worker.stdin and worker.stdout
            while not errors:
                with lock:
                    if not waiting:
                        break
                    order = waiting.pop(0)
                try:
                    worker.stdin.write(base64.b64encode(pickle.dumps(order)).decode() + "\n")
                    worker.stdin.flush()
                    answer = json.loads(worker.stdout.readline())
                except (OSError, ValueError):
                    errors.append(f"the worker died while rendering {order.title!r}")
                    break
                if "error" in answer:
                    errors.append(f"{order.title!r}: {answer['error']}")
                    break
                files = {
                    ending: Rendering(**(facts | {"path": Path(facts["path"])}))
                    for ending, facts in answer["files"].items()
                }
                with lock:
                    results[order] = files
                    progress(len(results), total)
            with contextlib.suppress(OSError):
                worker.stdin.close()

        self._workers = [self._start() for _ in range(min(self._count, max(1, total)))]
        threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in self._workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for worker in self._workers:
            worker.wait()
            if worker.stdout:
                worker.stdout.close()
        if self._closed.is_set():
            raise WorkshopError("rendering was stopped")
        if errors:
            raise WorkshopError(errors[0])
        return results

    def close(self) -> None:
        """Stop at once; half-written files are left under hidden names and never served."""
        self._closed.set()
        for worker in self._workers:
            worker.kill()

    def _start(self) -> subprocess.Popen[str]:
        package_home = Path(__file__).resolve().parent.parent
        command = [sys.executable, "-m", "sources_emulator.workshop", str(self._home.resolve())]
        return subprocess.Popen(command, cwd=package_home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def main() -> None:
    """Answer orders until the standard input ends."""
    home = Path(sys.argv[1])
    for line in sys.stdin:
        order = pickle.loads(base64.b64decode(line))  # noqa: S301 - from the server that started this worker
        try:
            files = render(order, home)
            answer: dict[str, object] = {
                "files": {ending: asdict(file) | {"path": str(file.path)} for ending, file in files.items()}
            }
        except Exception as error:  # noqa: BLE001 - told to the server, which stops with this message
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
