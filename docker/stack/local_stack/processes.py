"""Processes that outlive the command that started them: spawn them, find all that belongs to them, stop them.

A component runs in a session of its own and carries the stack's mark in its environment, which its children inherit.
So its processes are found again by three independent traces: the pid and start time written down at its start, its
session, and the mark. A pid that the system gave to somebody else carries none of them and is never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from local_stack.environment import COMPONENT_VARIABLE, STACK_VARIABLE

SAME_START_S = 0.05  # start times of one process, read twice, differ by less: the system counts in 0.01 s
LARGEST_LOG_BYTES = 20_000_000  # a longer log is set aside as <name>.log.1 at the next start
POLL_S = 0.2

_spawned: dict[int, subprocess.Popen[bytes]] = {}  # kept so that this process can reap what it started


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down about a started component. Times are seconds since the epoch."""

    name: str
    pid: int
    created_at: float
    started_at: float
    fingerprint: str
    command: list[str]


@dataclass(frozen=True, slots=True)
class StackFolder:
    """Where one stack keeps its logs and records; the folder's absolute path is the stack's identity."""

    path: Path

    @property
    def mark(self) -> str:
        return str(self.path)

    def log_of(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def record_file_of(self, name: str) -> Path:
        return self.path / "run" / f"{name}.json"

    def record_of(self, name: str) -> Record | None:
        """Return what was written down about ``name``; None when nothing was, or nothing that can be read."""
        try:
            return Record(**json.loads(self.record_file_of(name).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def records(self) -> list[Record]:
        names = sorted(path.stem for path in (self.path / "run").glob("*.json"))
        return [record for name in names if (record := self.record_of(name))]

    def forget(self, name: str) -> None:
        self.record_file_of(name).unlink(missing_ok=True)


def spawn(
    folder: StackFolder,
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    working_dir: Path,
    fingerprint: str = "",
) -> Record:
    """Start ``command`` in a session of its own, its output appended to the component's log, and write it down."""
    log = folder.log_of(name)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    marks = {STACK_VARIABLE: folder.mark, COMPONENT_VARIABLE: name}
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, **marks},
            cwd=working_dir,
            start_new_session=True,
        )
    _spawned[child.pid] = child
    try:
        created_at = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:  # it ended at once: the caller sees that it is not running
        created_at = 0.0
    record = Record(name, child.pid, created_at, time.time(), fingerprint, list(command))
    path = folder.record_file_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(asdict(record), indent=2))
    temporary.replace(path)
    return record


def exit_status_of(record: Record) -> int | None:
    """Return how a component that this very process started has ended; None when it runs or another one started it."""
    child = _spawned.get(record.pid)
    return child.poll() if child else None


def mark_of(process: psutil.Process) -> tuple[str, str]:
    """Return the stack and component that ``process`` says it belongs to; empty when it does not say."""
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return "", ""
    return environment.get(STACK_VARIABLE, ""), environment.get(COMPONENT_VARIABLE, "")


def main_process(folder: StackFolder, record: Record) -> psutil.Process | None:
    """Return the process that ``record`` is about if it runs; None when it ended or its pid went to somebody else."""
    exit_status_of(record)  # reaps it if it is a child of ours that ended
    try:
        process = psutil.Process(record.pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return None if ended or _is_stranger(folder, record, process) else process


def _is_stranger(folder: StackFolder, record: Record, process: psutil.Process) -> bool:
    try:
        same_start = abs(process.create_time() - record.created_at) < SAME_START_S
    except psutil.NoSuchProcess:
        return True
    return not same_start and mark_of(process) != (folder.mark, record.name)


def members_of(folder: StackFolder, names: Iterable[str] | None = None) -> dict[str, list[psutil.Process]]:
    """Find every running process of the stack, or of the components ``names``, by component name.

    This process and its ancestors are never among them.
    """
    wanted = None if names is None else set(names)
    records = {record.name: record for record in folder.records() if wanted is None or record.name in wanted}
    sessions: dict[int, Record] = {}
    for record in records.values():
        # while a session has members, its leader's pid is not given away: only a stranger's own session is left out
        with contextlib.suppress(psutil.NoSuchProcess):
            if _is_stranger(folder, record, psutil.Process(record.pid)):
                continue
        sessions[record.pid] = record
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            record_of_session = sessions.get(os.getsid(process.pid))
            started_after = record_of_session and process.create_time() >= record_of_session.created_at - SAME_START_S
        except (psutil.Error, OSError):
            continue
        if record_of_session and started_after:
            found.setdefault(record_of_session.name, []).append(process)
            continue
        stack, component = mark_of(process)
        if stack == folder.mark and (wanted is None or component in wanted):
            found.setdefault(component, []).append(process)
    return found


def stop(folder: StackFolder, names: Sequence[str] | None, grace_s: float) -> list[psutil.Process]:
    """End the components ``names`` (None: all); return what survived.

    Their main processes are asked first, since they end their own children in order; after half of ``grace_s`` seconds
    every process is asked, after the whole of it every process is killed. A process counts as theirs also when it left
    its group or session or lost its parent.
    """

    def all_ended() -> bool:
        return not _flat(members_of(folder, names))

    wanted = [record for record in folder.records() if names is None or record.name in names]
    mains = [process for record in wanted if (process := main_process(folder, record))]
    _signal_all(mains, signal.SIGTERM)
    if not (mains and _wait_until(all_ended, grace_s / 2)):
        _signal_all(_flat(members_of(folder, names)), signal.SIGTERM)
        if not _wait_until(all_ended, grace_s / 2):
            _wait_until(lambda: not _signal_all(_flat(members_of(folder, names)), signal.SIGKILL), 10.0)
    survivors = _flat(members_of(folder, names))
    for record in folder.records():
        if (names is None or record.name in names) and not any(record.pid == process.pid for process in survivors):
            exit_status_of(record)
            folder.forget(record.name)
    return survivors


def listeners_of(folder: StackFolder) -> list[tuple[str, str, int]]:
    """Return (component, address, port) of every TCP socket on which a process of the stack listens."""
    found: set[tuple[str, str, int]] = set()
    for name, processes in members_of(folder).items():
        for process in processes:
            with contextlib.suppress(psutil.Error):
                for connection in process.net_connections(kind="tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        found.add((name, connection.laddr.ip, connection.laddr.port))
    return sorted(found)


def memory_of(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes of memory that ``processes`` hold together; shared pages count once where the system tells."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            usage = process.memory_full_info()
            total += getattr(usage, "pss", 0) or usage.rss
    return total


def tail_of(log: Path, count: int) -> list[str]:
    """Return the last ``count`` lines of ``log``, reading at most its last megabyte; none when it does not exist."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 1_000_000))
            return file.read().decode(errors="replace").splitlines()[-count:] if count else []
    except FileNotFoundError:
        return []


def _flat(members: Mapping[str, list[psutil.Process]]) -> list[psutil.Process]:
    return [process for processes in members.values() for process in processes]


def _signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> Sequence[psutil.Process]:
    for process in processes:
        with contextlib.suppress(psutil.Error):  # psutil refuses a pid that was given away since
            process.send_signal(number)
    return processes


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
