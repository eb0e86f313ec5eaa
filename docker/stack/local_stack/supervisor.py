"""Start, look at and stop the local stack. ``start`` and ``stop`` are what `make up`, the demo and the tests call."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from include.settings import Settings, copy_environment
from local_stack import environment, preflight, processes
from local_stack.airflow_api import AirflowApi
from local_stack.components import MEDIA_OPTION, Component, airflow_command, components_for
from local_stack.health import Health, check
from local_stack.processes import Record, StackFolder

POOLS_FILE = environment.REPO_ROOT / "astro-config" / "pools.json"
STALLED_AFTER_S = 180.0  # without any component getting further, a start has failed
DAGS_LISTED_WITHIN_S = 30.0
GRACE_S = 8.0  # how long a component may take to end before it is killed
ORPHANS_GRACE_S = 1.0  # the same for processes whose component has already died
MIGRATION = "migrate"
POLL_S = 0.5
PROGRESS_EVERY_S = 5.0
LAST_TO_STOP = frozenset({"aws", "sources", "api-server"})  # what a task that is ending may still call

Reporter = Callable[[str], None]


class StackError(RuntimeError):
    """The stack could not be started or stopped; the message says what to do. ``exit_status`` is for the shell."""

    def __init__(self, message: str, exit_status: int = 1) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running stack is found, and which components this start has (re)started."""

    airflow_url: str
    aws_url: str
    sources_url: str
    username: str
    password: str = field(repr=False)
    started: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One line of `make status`. Times in seconds, memory in bytes with pages shared among them counted once."""

    name: str
    title: str
    health: Health
    pid: int | None
    port: int | None
    uptime_s: float | None
    memory_bytes: int
    process_count: int


def start(
    settings: Settings,
    *,
    media: Sequence[Path] = (),
    extra_environment: Mapping[str, str] | None = None,
    report: Reporter = print,
) -> Endpoints:
    """Start what is not running, restart what is to run differently, and return once everything is healthy.

    :param media: folders of media files that the sources serve as campaign `my-media`; without any nothing changes.
    :param extra_environment: variables that override `astro-config/local.env`, for tests.
    :param report: takes a line of progress.
    :raises StackError: when something is in the way or a component fails; what this call started is stopped again.
    """
    folder = StackFolder(environment.state_dir_of(settings))
    caller = copy_environment()
    if fault := preflight.folder_fault(folder.path) or preflight.disk_fault(folder.path):
        raise StackError(fault, exit_status=2)
    for place in media:
        if not place.is_dir():
            raise StackError(f"no folder {place}: name a folder of media files", exit_status=2)
    with only_one(folder):
        try:
            variables = environment.stack_variables(settings, caller) | dict(extra_environment or {})
        except ValueError as error:
            raise StackError(str(error), exit_status=2) from error
        components = components_for(settings, media or _media_of_running(folder))
        child_environment = environment.without_foreign_settings(caller) | variables
        with AirflowApi.of(settings) as api:
            stack = Stack(folder, components, child_environment, variables, report)
            started = stack.start(finish=lambda: _finish_airflow(api, variables, report))
    username, password = environment.login_of(folder.path)
    return Endpoints(
        airflow_url=f"http://127.0.0.1:{settings.airflow_port}",
        aws_url=f"http://127.0.0.1:{settings.local_aws_port}",
        sources_url=f"http://127.0.0.1:{settings.local_sources_port}",
        username=username,
        password=password,
        started=tuple(started),
    )


def stop(settings: Settings, *, report: Reporter = print, grace_s: float = GRACE_S) -> None:
    """Stop every process of the stack, however it came to be left; nothing to stop is no error.

    :raises StackError: naming what did not end.
    """
    folder = StackFolder(environment.state_dir_of(settings))
    if not folder.path.exists():
        report("nothing is running")
        return
    with only_one(folder, interrupt=True):
        stop_everything(folder, report, grace_s)


def status(settings: Settings) -> list[ComponentStatus]:
    """Look at every component."""
    folder = StackFolder(environment.state_dir_of(settings))
    components = components_for(settings)
    health = check(folder, components)
    members = processes.members_of(folder)
    lines = []
    for component in components:
        record = folder.record_of(component.name)
        running = record if record and processes.main_process(folder, record) else None
        own = members.get(component.name, [])
        lines.append(
            ComponentStatus(
                name=component.name,
                title=component.title,
                health=health[component.name],
                pid=running.pid if running else None,
                port=component.port,
                uptime_s=time.time() - running.started_at if running else None,
                memory_bytes=processes.memory_of(own),
                process_count=len(own),
            )
        )
    return lines


def listeners(settings: Settings) -> list[tuple[str, str, int]]:
    """Return (component, address, port) of every TCP socket on which the stack listens."""
    return processes.listeners_of(StackFolder(environment.state_dir_of(settings)))


def leftovers(settings: Settings) -> list[int]:
    """Return the pids of every running process that belongs to the stack, children and orphans included."""
    members = processes.members_of(StackFolder(environment.state_dir_of(settings)))
    return sorted(process.pid for found in members.values() for process in found)


@contextmanager
def only_one(folder: StackFolder, *, interrupt: bool = False) -> Iterator[None]:
    """Hold the stack's lock, so that two commands never change it at once; ``interrupt`` ends the other command first.

    :raises StackError: when another command holds the lock and keeps it.
    """
    path = folder.path / "run" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        deadline = time.monotonic() + (60.0 if interrupt else 0.0)
        interrupted = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = path.read_text().strip()
                if time.monotonic() >= deadline:
                    raise StackError(
                        f"another command is changing this stack (process {holder}): wait for it, or run `make down`",
                        exit_status=2,
                    ) from None
                if not interrupted and holder.isdecimal():
                    os.kill(int(holder), signal.SIGTERM)
                    interrupted = True
                time.sleep(POLL_S)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def stop_everything(folder: StackFolder, report: Reporter, grace_s: float = GRACE_S) -> None:
    """Stop first what calls others, then what is called; then whatever carries the stack's mark."""
    began = time.monotonic()
    found = processes.members_of(folder)
    count = sum(len(own) for own in found.values())
    if count:
        report(f"stopping {', '.join(sorted(found))} ({count} processes)")
    processes.stop(folder, sorted(set(found) - LAST_TO_STOP), grace_s)
    survivors = processes.stop(folder, None, grace_s)
    if survivors:
        pids = " ".join(str(process.pid) for process in survivors)
        raise StackError(f"these processes did not end: {pids}; end them with `kill -9 {pids}`")
    report(f"stopped in {time.monotonic() - began:.1f} s, nothing left" if count else "nothing is running")


class Stack:
    """Components in one folder: start them, wait for them, undo a start that failed."""

    def __init__(
        self,
        folder: StackFolder,
        components: list[Component],
        child_environment: Mapping[str, str],
        variables: Mapping[str, str],
        report: Reporter,
    ) -> None:
        self.folder = folder
        self.components = components
        self.child_environment = child_environment
        self.variables = variables
        self.report = report
        self.began = time.monotonic()

    def start(self, finish: Callable[[], None] = lambda: None) -> list[str]:
        """Start what is missing, wait until all are healthy, call ``finish``; return the names of what was started.

        :raises StackError: after undoing this start.
        """
        self.began = time.monotonic()
        if faults := preflight.doubled_ports(self.components):
            raise StackError("\n".join(faults), exit_status=2)
        missing = [component for component in self.components if not self._runs_as_it_should(component)]
        if not missing:
            self._wait_until_healthy(announce=[])
            return []
        self._clear_away(missing)
        if faults := [fault for component in missing if (fault := preflight.port_fault(component))]:
            raise StackError("\n".join(faults), exit_status=2)
        names = [component.name for component in missing]
        try:
            for component in missing:
                if not component.is_airflow:
                    self._spawn(component)
            if any(component.is_airflow for component in missing):
                self._migrate_database()
            for component in missing:
                if component.is_airflow:
                    self._spawn(component)
            self._wait_until_healthy(announce=names)
            finish()
        except BaseException:
            self.report(f"stopping what was started: {', '.join(names)}")
            processes.stop(self.folder, [*names, MIGRATION], GRACE_S)
            raise
        return names

    def _runs_as_it_should(self, component: Component) -> bool:
        record = self.folder.record_of(component.name)
        if record is None or not processes.main_process(self.folder, record):
            return False
        return record.fingerprint == component.fingerprint(self.variables)

    def _clear_away(self, missing: list[Component]) -> None:
        """Stop what runs otherwise than it now should, and what is left of a component that died."""
        names = [component.name for component in missing]
        found = processes.members_of(self.folder, names)
        if found:
            self.report(f"stopping what is left or has changed: {', '.join(sorted(found))}")
        alive = [r.name for r in self.folder.records() if r.name in names and processes.main_process(self.folder, r)]
        processes.stop(self.folder, alive, GRACE_S)
        processes.stop(self.folder, names, ORPHANS_GRACE_S)

    def _spawn(self, component: Component) -> Record:
        return processes.spawn(
            self.folder,
            component.name,
            component.command,
            self.child_environment,
            component.working_dir,
            component.fingerprint(self.variables),
        )

    def _migrate_database(self) -> None:
        """Bring the metadata database to this Airflow's schema; a SQLite file that this version has made has it."""
        connection = self.variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        stamp = self.folder.path / "airflow" / "migrated"
        made_by = f"{importlib.metadata.version('apache-airflow')} {hashlib.sha256(connection.encode()).hexdigest()}"
        database = Path(connection.removeprefix("sqlite:///")) if connection.startswith("sqlite:///") else None
        if database and database.exists() and stamp.exists() and stamp.read_text() == made_by:
            return
        self.report("preparing Airflow's database")
        (self.folder.path / "airflow").mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        record = processes.spawn(
            self.folder, MIGRATION, airflow_command("db", "migrate"), self.child_environment, environment.REPO_ROOT
        )
        while (exit_status := processes.exit_status_of(record)) is None:
            self._fail_if_dead(started_only=True)
            time.sleep(POLL_S)
        self.folder.forget(MIGRATION)
        if exit_status:
            raise StackError(self._failure(MIGRATION, f"`airflow db migrate` ended with status {exit_status}"))
        stamp.write_text(made_by)

    def _wait_until_healthy(self, announce: Sequence[str]) -> None:
        last_change = time.monotonic()
        last_report = 0.0
        before: dict[str, Health] = {}
        while True:
            now = check(self.folder, self.components)
            self._fail_if_dead()
            elapsed = time.monotonic() - self.began
            for component in self.components:
                name = component.name
                is_new = now[name].is_healthy and not before.get(name, Health("stopped")).is_healthy
                if is_new and name in announce:
                    place = f" on 127.0.0.1:{component.port}" if component.port else ""
                    self.report(f"{component.title} is healthy{place} ({elapsed:.0f} s)")
            waiting = [component for component in self.components if not now[component.name].is_healthy]
            if not waiting:
                return
            if now != before:
                last_change = time.monotonic()
                moving = [f"{c.title} {now[c.name].detail}" for c in waiting if " of " in now[c.name].detail]
                if moving and last_change - last_report > PROGRESS_EVERY_S:
                    self.report(f"preparing: {', '.join(moving)}")
                    last_report = last_change
            if time.monotonic() - last_change > STALLED_AFTER_S:
                first = waiting[0]
                why = f"is not healthy after {elapsed:.0f} s ({now[first.name]})"
                raise StackError(self._failure(first.name, f"{first.title} {why}"))
            before = now
            time.sleep(POLL_S)

    def _fail_if_dead(self, *, started_only: bool = False) -> None:
        for component in self.components:
            record = self.folder.record_of(component.name)
            if record is None and started_only:
                continue
            if record is None or not processes.main_process(self.folder, record):
                exit_status = processes.exit_status_of(record) if record else None
                how = "" if exit_status is None else f" with status {exit_status}"
                raise StackError(self._failure(component.name, f"{component.title} has ended{how}"))

    def _failure(self, name: str, what: str) -> str:
        log = self.folder.log_of(name)
        lines = [f"  {line}" for line in processes.tail_of(log, 15)]
        return "\n".join(
            [
                f"{what}. The end of {log}:",
                *lines,
                f"Mend that and run `make up` again; all of it: `make logs NAME={name}`",
            ]
        )


def _media_of_running(folder: StackFolder) -> list[Path]:
    record = folder.record_of("sources")
    if record is None or not processes.main_process(folder, record):
        return []
    named = [Path(value) for option, value in pairwise(record.command) if option == MEDIA_OPTION]
    return [place for place in named if place.is_dir()]


def _finish_airflow(api: AirflowApi, variables: Mapping[str, str], report: Reporter) -> None:
    for name, pool in json.loads(POOLS_FILE.read_text()).items():
        api.set_pool(name, pool["slots"], pool["description"], include_deferred=pool["include_deferred"])
    dags_folder = Path(variables["AIRFLOW__CORE__DAGS_FOLDER"])
    deadline = time.monotonic() + DAGS_LISTED_WITHIN_S
    while unread := unread_dag_files(api, dags_folder):
        if time.monotonic() > deadline:
            report(f"not read yet by the DAG processor: {', '.join(unread)}")
            return
        time.sleep(POLL_S)
    for error in api.import_errors():
        report(f"cannot be read by Airflow: {error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}")


def unread_dag_files(api: AirflowApi, dags_folder: Path) -> list[str]:
    """Return the DAG files of the folder of which Airflow shows neither a DAG nor an import error."""
    files = {str(path.relative_to(dags_folder)) for path in dags_folder.rglob("*.py") if _looks_like_dag(path)}
    seen = {dag["relative_fileloc"] for dag in api.dags()}
    seen |= {error["filename"] for error in api.import_errors()}
    return sorted(file for file in files if file not in seen and str(dags_folder / file) not in seen)


def _looks_like_dag(path: Path) -> bool:
    """Airflow's own rule (safe mode): a file without both words is skipped."""
    try:
        text = path.read_text(errors="replace").lower()
    except OSError:
        return False
    return "dag" in text and "airflow" in text
