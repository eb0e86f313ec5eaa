"""A toy engine: what a worker process does when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import psutil

from aws_emulator.jobs.errors import JobFailed
from aws_emulator.media.sandbox import Input, run_ffmpeg

MIB = 1024**2


def run(task: Any) -> dict[str, Any]:
    return globals()[task.request["do"]](task)


def copy(task: Any) -> dict[str, Any]:
    path = task.fetch("toys", "in")
    task.report(50, "COPYING", bytes=path.stat().st_size)
    task.put("toys", "out", path, content_type="text/plain")
    return {"name": path.name, "kept": task.keep("whole.txt", path.read_bytes())}


def tell(task: Any) -> dict[str, Any]:
    (task.folder / "left over").write_text("x")
    return {"pid": os.getpid(), "folder": str(task.folder), "settings": task.settings.speech_model}


def refuse(task: Any) -> dict[str, Any]:
    raise JobFailed("1404", "no such input")


def stumble(task: Any) -> dict[str, Any]:
    raise ZeroDivisionError("a bug")


def return_nonsense(task: Any) -> dict[str, Any]:
    return {"path": Path("/")}


def report_often(task: Any) -> dict[str, Any]:
    for percent in range(100):
        task.report(percent, "HALF" if percent >= 50 else "")
    return {}


def crash(task: Any) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)
    return {}


def hang(task: Any) -> dict[str, Any]:
    """Sleep with a child that sleeps as well; the report names both, and what lies on disk."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    left = [str(task.folder), task.keep("part.txt", b"half")]
    task.report(1, "HANGING", pids=[os.getpid(), child.pid], left=left)
    time.sleep(600)
    return {}


def burst(task: Any) -> dict[str, Any]:
    return {"bytes": len(bytearray(task.request["mib"] * MIB))}


def feed_a_child(task: Any) -> dict[str, Any]:
    command = f"import time; x = b'x' * ({task.request['mib']} * {MIB}); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", command])
    task.report(1, "FEEDING", pids=[os.getpid(), child.pid])
    child.wait()
    return {}


def encode(task: Any) -> dict[str, Any]:
    """Run ffmpeg without end; the report names it."""
    source = task.folder / "silence"
    with wave.open(str(source), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))

    def tell(_: Any) -> None:
        task.report(1, "ENCODING", pids=[os.getpid(), *(child.pid for child in psutil.Process().children())])

    endless = Input(source, ["-re", "-stream_loop", "-1"])
    run_ffmpeg(["-f", "null", "-"], inputs=[endless], folder=task.folder, on_progress=tell)
    return {}
