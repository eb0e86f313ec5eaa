"""The program: starting, being asked too early, stopping, and what it says when it cannot start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sources_emulator.__main__ import main, parser
from sources_emulator.app import Options, offered_films
from sources_emulator.rendering import open_cache
from tests.ground import CACHE

SOURCES = Path(__file__).resolve().parents[3] / "docker" / "sources"


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "sources_emulator", "--port", str(port), "--cache-dir", str(tmp_path)]
        ended = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert ended.stderr.count("\n") == 1
    assert str(port) in ended.stderr
    assert "in use" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--media", "no-such-folder"), ("--seconds", "0"), ("--only", "polka"), ("--workers", "0"), ("--port", "99999")],
)
def test_an_option_that_makes_no_sense_is_one_clear_line(tmp_path, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sources_emulator", "--cache-dir", str(tmp_path), *arguments])
    assert main() != 0
    told = capsys.readouterr().err
    assert told.startswith("sources_emulator: ")
    assert told.count("\n") == 1


def test_help_names_every_option():
    told = parser().format_help()
    for option in ("--host", "--port", "--cache-dir", "--media", "--seconds", "--only", "--plenty", "--workers"):
        assert option in told


def test_while_it_renders_it_says_how_far_it_is_and_everything_else_waits(run_stand_in, tmp_path):
    with run_stand_in("--cache-dir", str(tmp_path), "--seconds", "60", "--workers", "1", ready=False) as (_, address):
        health, search = httpx.get(f"{address}/_health"), httpx.get(f"{address}/advancedsearch.php?q=jazz&output=json")
    assert health.status_code == search.status_code == 503
    assert set(health.json()) == {"status", "done", "total"}
    assert health.json()["status"] == "rendering"
    assert search.headers["retry-after"] == "1"


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_program_that_is_stopped_while_rendering(run_stand_in, tmp_path, signal_number):
    with run_stand_in("--cache-dir", str(tmp_path), "--seconds", "30", "--workers", "2", ready=False) as (process, _):
        workers = children_of(process.pid, at_least=2)
        process.send_signal(signal_number)
        process.wait(timeout=10)
    deadline = time.monotonic() + 20
    while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(worker) for worker in workers)


def test_a_second_start_renders_only_what_was_never_finished(stand_in, tmp_path, run_stand_in):
    home = open_cache(tmp_path / "cache")
    for path in open_cache(CACHE / "sources").iterdir():
        (home / path.name).symlink_to(path)
    facts = min(home.glob("*.mp3.json"))
    sound = facts.with_suffix("")
    before = sound.read_bytes()
    facts.unlink()  # which would come last
    sound.unlink()
    sound.write_bytes(b"half")
    with run_stand_in("--cache-dir", str(home.parent)):
        rendered = [path for path in home.iterdir() if not path.is_symlink()]
    assert sound.read_bytes() == before
    assert sorted(rendered) == [sound, facts]


def test_it_stops_at_once_even_while_somebody_downloads_slowly(stand_in, run_stand_in):
    with run_stand_in("--cache-dir", str(CACHE / "sources"), "--only", "trouble") as (process, address):
        files = httpx.get(f"{address}/metadata/trouble-trickle/files").json()["result"]
        url = f"{address}/download/trouble-trickle/{files[0]['name']}"
        with httpx.stream("GET", url, follow_redirects=True) as answer:
            next(answer.iter_raw())
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            assert time.monotonic() - begun < 10  # the download would go on for minutes


def children_of(pid: int, at_least: int) -> list[int]:
    """The process ids of the children, once there are enough of them."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        found = [int(child) for task in tasks for child in task.read_text().split()]
        if len(found) >= at_least:
            return found
        time.sleep(0.02)
    raise AssertionError(f"process {pid} has no {at_least} children")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_only_the_wanted_campaigns_are_filmed(tmp_path):
    campaigns = {film.campaign for film in offered_films(Options(tmp_path, only=("jazz", "folk")))}
    assert campaigns == {"jazz", "folk"}
    assert len({film.campaign for film in offered_films(Options(tmp_path))}) == 7
