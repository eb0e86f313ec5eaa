"""Command line of the local stack: `python -m local_stack up | down | status | logs | demo | burst`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from include.settings import Settings

FOLLOW_EVERY_S = 0.3
LOG_WIDTH = 130  # columns of the demo's tables when its output goes into a file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 well, 1 failed, 2 something in the way that the user can change."""
    options = _parser().parse_args(arguments)
    version = (sys.version_info.major, sys.version_info.minor)
    if version < (3, 11):  # nothing below could even be imported
        print(f"Python 3.11 or 3.12 is needed, this is {version[0]}.{version[1]}: run `make up`", file=sys.stderr)
        return 2
    try:
        from include.settings import SETTINGS
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        from local_stack import preflight
        from local_stack.supervisor import StackError
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed for {sys.executable}: run `make up`, which makes .venv", file=sys.stderr)
        return 2
    if fault := preflight.python_fault(version) or preflight.package_fault():
        print(fault, file=sys.stderr)
        return 2
    try:
        with contextlib.suppress(BrokenPipeError):
            return options.run(SETTINGS, options)
    except StackError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    sys.stderr.close()  # the reader of our output went away
    return 0


def up(settings: Settings, options: argparse.Namespace) -> int:
    """Start the stack and say where it is."""
    from local_stack import environment, supervisor

    _stop_cleanly_on_signals()
    began = time.monotonic()
    login_file = environment.login_file_of(environment.state_dir_of(settings))
    first_time = not login_file.exists()
    endpoints = supervisor.start(settings, media=options.media, report=_say)
    if not endpoints.started:
        _say("the stack is already up, everything is healthy")
    else:
        _say(f"up in {time.monotonic() - began:.0f} s: {', '.join(endpoints.started)}")
    _say(f"Airflow    {endpoints.airflow_url}")
    if first_time:
        _say(f"login      {endpoints.username} / {endpoints.password}   (kept in {login_file})")
    else:
        _say(f"login      {endpoints.username}, password in {login_file}")
    _say(f"local AWS  {endpoints.aws_url}   sources  {endpoints.sources_url}")
    return 0


def demo(settings: Settings, options: argparse.Namespace) -> int:
    """Start the stack if it is not up, run the pipelines on it and show what landed; the stack stays up."""
    from local_stack import demo as demonstration

    up(settings, options)
    return _shown(
        lambda console: demonstration.demo(
            settings, console, media=options.media, campaign=options.campaign, batch_size=options.batch_size
        )
    )


def burst(settings: Settings, options: argparse.Namespace) -> int:
    """Send many uploads at once through the running stack, break parts of it on the way, and check what came of it."""
    from local_stack import supervisor
    from local_stack.burst import burst as send_burst

    def restart() -> object:
        return supervisor.start(settings, report=lambda _line: None)

    return _shown(lambda console: send_burst(settings, console, uploads=options.uploads, restart=restart))


def _shown(show: Callable[[Console], int]) -> int:
    """Run what prints to a console; what stops it is one line, and status 1."""
    import httpx
    from rich.console import Console

    from local_stack.airflow_api import AirflowApiError
    from local_stack.following import DemoError

    console = Console()
    if not console.is_terminal:  # a log has no width; the tables need some
        console = Console(width=LOG_WIDTH)
    try:
        return show(console)
    except DemoError as error:
        print(error, file=sys.stderr)
    except AirflowApiError as error:  # the first paragraph of Airflow's words says it, the others print the schema
        print(" ".join(str(error).split("\n\n")[0].split()), file=sys.stderr)
    except httpx.TransportError as error:
        print(f"a part of the stack does not answer ({error}): `make status` shows which", file=sys.stderr)
    return 1


def down(settings: Settings, _options: argparse.Namespace) -> int:
    """Stop the stack."""
    from local_stack import supervisor

    supervisor.stop(settings, report=_say)
    return 0


def status(settings: Settings, options: argparse.Namespace) -> int:
    """Print a table of the components; 0 only if all are healthy and every DAG file can be read."""
    from local_stack import environment, supervisor

    lines = supervisor.status(settings)
    faults = (
        _import_faults(settings) if any(line.name == "api-server" and line.health.is_healthy for line in lines) else []
    )
    well = all(line.health.is_healthy for line in lines) and not faults
    if options.json:
        rows = [
            {
                "name": line.name,
                "pid": line.pid,
                "port": line.port,
                "health": line.health.state,
                "detail": line.health.detail,
                "uptime_s": line.uptime_s,
                "memory_bytes": line.memory_bytes,
                "processes": line.process_count,
            }
            for line in lines
        ]
        print(json.dumps({"healthy": well, "components": rows, "import_errors": faults}, indent=2))
        return 0 if well else 1
    print(f"{'component':<15}{'pid':>8}{'port':>7}{'uptime':>10}{'memory':>10}{'processes':>11}  health")
    for line in lines:
        uptime = "-" if line.uptime_s is None else _duration(line.uptime_s)
        memory = f"{line.memory_bytes / 1e6:.0f} MB" if line.process_count else "-"
        print(
            f"{line.name:<15}{line.pid or '-':>8}{line.port or '-':>7}{uptime:>10}{memory:>10}"
            f"{line.process_count or '-':>11}  {line.health}"
        )
    if any(line.process_count for line in lines):
        total = sum(line.memory_bytes for line in lines) / 1e6
        print(f"{'together':<15}{total:>33.0f} MB{sum(line.process_count for line in lines):>11}")
    for fault in faults:
        print(f"cannot be read by Airflow: {fault}")
    state_dir = environment.state_dir_of(settings)
    print(f"Airflow http://127.0.0.1:{settings.airflow_port}, login in {environment.login_file_of(state_dir)}")
    if any(line.health.state == "dead" for line in lines):
        print("`make up` restarts what died; `make logs NAME=<component>` shows why")
    return 0 if well else 1


def logs(settings: Settings, options: argparse.Namespace) -> int:
    """Print the ends of the components' logs, and what is added to them with -f."""
    from local_stack import environment, processes

    folder = processes.StackFolder(environment.state_dir_of(settings))
    found = sorted((folder.path / "logs").glob("*.log"))
    if options.name:
        found = [path for path in found if path.stem == options.name]
    if not found:
        known = ", ".join(sorted(path.stem for path in (folder.path / "logs").glob("*.log")))
        wanted = f"no log of {options.name!r}" if options.name else "no logs yet"
        print(f"{wanted}; there are: {known}" if known else f"{wanted}: run `make up` first", file=sys.stderr)
        return 2
    prefix_of = {path: "" if len(found) == 1 else f"{path.stem:<14}| " for path in found}
    positions = {}
    for path in found:
        positions[path] = path.stat().st_size
        for line in processes.tail_of(path, options.lines):
            print(f"{prefix_of[path]}{line}")
    with contextlib.suppress(KeyboardInterrupt):
        while options.follow:
            for path in found:
                positions[path] = _print_from(path, positions[path], prefix_of[path])
            sys.stdout.flush()
            time.sleep(FOLLOW_EVERY_S)
    return 0


def _print_from(path: Path, position: int, prefix: str) -> int:
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(position if position <= size else 0)
            while (line := file.readline()).endswith(b"\n"):
                print(f"{prefix}{line.decode(errors='replace').rstrip()}")
            return file.tell() - len(line)
    except FileNotFoundError:  # set aside; a new one appears
        return 0


def _import_faults(settings: Settings) -> list[str]:
    import httpx

    from local_stack.airflow_api import AirflowApi, AirflowApiError

    try:
        with AirflowApi.of(settings) as api:
            errors = api.import_errors()
    except (AirflowApiError, httpx.HTTPError) as error:
        return [f"Airflow's API does not list the import errors: {error}"]
    return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]


def _stop_cleanly_on_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP undo the start once; further signals do not disturb the undoing."""
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _say(line: str) -> None:
    print(line, flush=True)


def _duration(seconds: float) -> str:
    """Write a duration as the two largest units.

    >>> _duration(42), _duration(3700), _duration(100_000)
    ('42s', '1h01m', '1d03h')
    """
    whole = int(seconds)
    for unit, smaller, size, divisor in (("d", "h", 86400, 3600), ("h", "m", 3600, 60), ("m", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // divisor:02d}{smaller}"
    return f"{whole}s"


def _folders(text: str) -> tuple[Path, ...]:
    """Read names of folders with colons between, as in PATH.

    >>> _folders("a:b/c")
    (PosixPath('a'), PosixPath('b/c'))
    """
    return tuple(Path(part) for part in text.split(os.pathsep) if part)


def _count(text: str) -> int:
    """Read a number from 1 on.

    :raises ValueError: for anything else.
    """
    if (count := int(text)) < 1:
        raise ValueError(text)
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    media = argparse.ArgumentParser(add_help=False)
    media.add_argument(
        "--media",
        type=_folders,
        default=(),
        metavar="FOLDER[:FOLDER]",
        help="media files for the sources to serve as `my-media`",
    )
    start = commands.add_parser("up", parents=[media], help="start what is not running, wait until all is healthy")
    start.set_defaults(run=up)
    show = commands.add_parser("demo", parents=[media], help="up, then run the pipelines and show what landed")
    show.add_argument("--campaign", help="what to curate (default: the campaign with the fewest assets)")
    show.add_argument("--batch-size", type=int, metavar="N", help="how many assets to ask for")
    show.set_defaults(run=demo)
    many = commands.add_parser("burst", help="many uploads at once, with kills on the way; then check the outcome")
    many.add_argument(
        "--uploads", type=_count, default=200, metavar="N", help="how many drives to upload (default %(default)s)"
    )
    many.set_defaults(run=burst)
    commands.add_parser("down", help="stop everything, leave no process").set_defaults(run=down)
    look = commands.add_parser("status", help="what runs, how well, since when")
    look.add_argument("--json", action="store_true", help="for programs")
    look.set_defaults(run=status)
    read = commands.add_parser("logs", help="the ends of the logs")
    read.add_argument("name", nargs="?", help="one component (default: all)")
    read.add_argument("-f", "--follow", action="store_true", help="go on printing what is added")
    read.add_argument(
        "-n", "--lines", type=int, default=40, metavar="N", help="lines of each log (default %(default)s)"
    )
    read.set_defaults(run=logs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
