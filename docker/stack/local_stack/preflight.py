"""What must hold before the stack starts; each failure is one line that says what to do."""

from __future__ import annotations

import errno
import importlib.util
import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from local_stack.components import Component

SMALLEST_FREE_BYTES = 10**9  # Airflow's database and logs, the rendered media and what a demo lands stay well below
SUPPORTED_PYTHONS = ((3, 11), (3, 12))
NEEDED_PACKAGES = ("airflow", "httpx", "psutil")


def python_fault(version: tuple[int, int]) -> str | None:
    """Return what is wrong with a Python of this version; None when it will do.

    >>> python_fault((3, 9))
    'Python 3.11 or 3.12 is needed, this is 3.9: run `make up`, which finds one, or set PYTHON=<path of one> for make'
    """
    if version in SUPPORTED_PYTHONS:
        return None
    return (
        f"Python 3.11 or 3.12 is needed, this is {version[0]}.{version[1]}: "
        "run `make up`, which finds one, or set PYTHON=<path of one> for make"
    )


def package_fault() -> str | None:
    """Return which packages the interpreter lacks; None when all are there."""
    missing = [name for name in NEEDED_PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"{', '.join(missing)} not installed for {sys.executable}: run `make up`, which makes .venv"


def folder_fault(folder: Path) -> str | None:
    """Return why the stack cannot keep its state in ``folder``; None when it can. Makes the folder."""
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return f"cannot write to {folder} ({error.strerror}): make it writable or choose another with LOCAL_STATE_DIR"
    return None


def disk_fault(folder: Path, free_bytes: int | None = None) -> str | None:
    """Return what is wrong with the space left where ``folder`` lies; None when it will do."""
    free = shutil.disk_usage(folder).free if free_bytes is None else free_bytes
    if free >= SMALLEST_FREE_BYTES:
        return None
    return (
        f"only {free / 1e9:.1f} GB free on the disk of {folder}, {SMALLEST_FREE_BYTES / 1e9:.0f} GB is needed: "
        "free some, or choose a folder on another disk with LOCAL_STATE_DIR"
    )


def port_fault(component: Component) -> str | None:
    """Return who holds the component's port; None when it is free or the component has none."""
    if component.port is None:
        return None
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", component.port))
        except OSError as error:
            if error.errno == errno.EACCES:
                reason = "needs rights that you do not have"
            else:
                reason = f"is in use{_holder_of(component.port)}"
        else:
            return None
    return (
        f"port {component.port} ({component.title}) {reason}: free it, or choose another with {component.port_variable}"
    )


def doubled_ports(components: Iterable[Component]) -> list[str]:
    """Return a line for each port that two components were given."""
    holders: dict[int, Component] = {}
    faults = []
    for component in components:
        if component.port is None:
            continue
        first = holders.setdefault(component.port, component)
        if first is not component:
            faults.append(f"{first.port_variable} and {component.port_variable} are both {component.port}: change one")
    return faults


def _holder_of(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:  # macOS tells only root
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.Error:
                return f" by process {connection.pid}"
    return " by a process of another user or namespace"
