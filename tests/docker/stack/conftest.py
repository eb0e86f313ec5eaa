"""A stack of small programs of the tests' own, each of which does one thing that a real component does."""

from __future__ import annotations

import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local_stack import processes
from local_stack.components import Component
from local_stack.environment import STACK_VARIABLE
from local_stack.processes import StackFolder
from local_stack.supervisor import Stack

SERVER = """
    import json, os, signal, subprocess, sys, time
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    port, needs_s = int(sys.argv[1]), float(sys.argv[2])
    began = time.monotonic()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            spent = time.monotonic() - began
            self.send_response(200 if spent >= needs_s else 503)
            self.end_headers()
            self.wfile.write(json.dumps({"done": int(spent * 10), "total": int(needs_s * 10)}).encode())

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StackFolder]:
    """The folder of a stack, in a path with a space; whatever carries its mark is killed after the test."""
    made = StackFolder(tmp_path / "the stack")
    made.path.mkdir()
    yield made
    for record in made.records():
        processes.exit_status_of(record)
    for process in psutil.process_iter():
        if process.pid != os.getpid() and processes.mark_of(process)[0] == made.mark:
            process.kill()


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """Make the command line of a Python program from its source."""

    def make(source: str, *arguments: object) -> tuple[str, ...]:
        path = tmp_path / f"program_{len(list(tmp_path.glob('program_*')))}.py"
        path.write_text(textwrap.dedent(source))
        return (sys.executable, str(path), *map(str, arguments))

    return make


@pytest.fixture
def server(program, free_port, tmp_path) -> Callable[..., Component]:
    """Make a component that answers on a port of its own, healthy ``needs_s`` seconds after its start."""

    def make(name: str = "server", needs_s: float = 0.0, port: int | None = None) -> Component:
        chosen = port or free_port()
        return Component(
            name=name,
            title=f"the {name}",
            command=program(SERVER, chosen, needs_s),
            working_dir=tmp_path,
            port=chosen,
            port_variable=f"{name.upper()}_PORT",
            health_url=f"http://127.0.0.1:{chosen}/_health",
        )

    return make


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stack_of(folder, said) -> Callable[..., Stack]:
    """Make a stack of the given components; what it reports is collected in ``said``."""

    def make(*components: Component, variables: dict[str, str] | None = None) -> Stack:
        chosen = variables or {}
        return Stack(folder, list(components), dict(os.environ) | chosen, chosen, said.append)

    return make


@pytest.fixture
def spawn(folder, program, tmp_path) -> Callable[..., processes.Record]:
    """Start a program of the given source as a component of the stack."""

    def start(source: str, *arguments: object, name: str = "worker") -> processes.Record:
        return processes.spawn(folder, name, program(source, *arguments), dict(os.environ), tmp_path)

    return start


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """A process that has nothing to do with any stack, in a session of its own."""
    environment = {name: value for name, value in os.environ.items() if name != STACK_VARIABLE}
    process = psutil.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True, env=environment
    )
    yield process
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def has_ended() -> Callable[[int], bool]:
    """Say whether a process runs no more; one that only waits for its parent to notice has ended."""

    def ask(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return ask


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """Wait until something holds, for what another process does in its own time; 10 seconds at most."""

    def wait(condition: Callable[[], object]) -> object:
        deadline = time.monotonic() + 10
        while not (found := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.05)
        return found

    return wait
