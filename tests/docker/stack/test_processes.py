"""What `down` must find and end, and what it must never touch."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from local_stack import processes

SLEEP = "import time; time.sleep(60)"
CHILD_IN_A_SESSION_OF_ITS_OWN = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    open(sys.argv[1], "w").write(str(child.pid))
    time.sleep(60)
"""
ORPHAN_OF_A_DOUBLE_FORK = """
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
            os.rename(sys.argv[1] + ".new", sys.argv[1])
            time.sleep(60)
        os._exit(0)
    os.wait()
    if len(sys.argv) > 2:
        sys.exit(0)
    time.sleep(60)
"""
CHILD_WITHOUT_THE_MARK = """
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={})
    open(sys.argv[1], "w").write(str(child.pid))
    time.sleep(60)
"""
DEAF_TO_SIGTERM = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write("ready")
    time.sleep(60)
"""


def pid_in(path: Path) -> int | None:
    return int(path.read_text()) if path.exists() and path.read_text() else None


def test_a_component_runs_in_a_session_of_its_own_and_logs_into_the_folder(spawn, folder, eventually):
    record = spawn("print('hello', flush=True); import time; time.sleep(60)")
    assert os.getsid(record.pid) == record.pid != os.getsid(0)
    assert eventually(lambda: folder.log_of("worker").read_text()) == "hello\n"


def test_a_running_component_is_recognised_by_pid_and_start_time(spawn, folder):
    record = spawn(SLEEP)
    found = processes.main_process(folder, folder.record_of("worker"))
    assert found is not None
    assert found.pid == record.pid


def test_stopping_ends_the_component_and_forgets_it(spawn, folder, has_ended):
    record = spawn(SLEEP)
    assert processes.stop(folder, None, grace_s=4) == []
    assert has_ended(record.pid)
    assert folder.records() == []


def test_stopping_twice_is_no_error(spawn, folder):
    spawn(SLEEP)
    processes.stop(folder, None, grace_s=4)
    assert processes.stop(folder, None, grace_s=4) == []


def test_a_child_in_a_session_of_its_own_is_stopped_too(spawn, folder, tmp_path, eventually, has_ended):
    spawn(CHILD_IN_A_SESSION_OF_ITS_OWN, tmp_path / "pid")
    child = eventually(lambda: pid_in(tmp_path / "pid"))
    assert processes.stop(folder, None, grace_s=1) == []
    assert has_ended(child)


def test_an_orphan_of_a_double_fork_is_found_after_its_parents_have_ended(
    spawn, folder, tmp_path, eventually, has_ended
):
    record = spawn(ORPHAN_OF_A_DOUBLE_FORK, tmp_path / "pid", "leave")
    orphan = eventually(lambda: pid_in(tmp_path / "pid"))
    eventually(lambda: processes.main_process(folder, record) is None)
    assert [process.pid for process in processes.members_of(folder)["worker"]] == [orphan]
    assert processes.stop(folder, None, grace_s=1) == []
    assert has_ended(orphan)


def test_an_orphan_is_found_when_its_record_is_lost(spawn, folder, tmp_path, eventually, has_ended):
    spawn(ORPHAN_OF_A_DOUBLE_FORK, tmp_path / "pid", "leave")
    orphan = eventually(lambda: pid_in(tmp_path / "pid"))
    folder.forget("worker")
    assert processes.stop(folder, None, grace_s=1) == []
    assert has_ended(orphan)


def test_a_child_that_lost_the_mark_is_found_by_its_session(spawn, folder, tmp_path, eventually, has_ended):
    record = spawn(CHILD_WITHOUT_THE_MARK, tmp_path / "pid")
    child = eventually(lambda: pid_in(tmp_path / "pid"))
    os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: processes.main_process(folder, record) is None)
    assert processes.mark_of(psutil.Process(child)) == ("", "")
    assert processes.stop(folder, None, grace_s=1) == []
    assert has_ended(child)


def test_a_component_deaf_to_sigterm_is_killed_after_the_grace(spawn, folder, tmp_path, eventually, has_ended):
    record = spawn(DEAF_TO_SIGTERM, tmp_path / "ready")
    eventually((tmp_path / "ready").exists)
    assert processes.stop(folder, None, grace_s=0.4) == []
    assert has_ended(record.pid)


def test_only_the_named_components_are_stopped(spawn, folder, has_ended):
    kept, ended = spawn(SLEEP, name="kept"), spawn(SLEEP, name="ended")
    processes.stop(folder, ["ended"], grace_s=4)
    assert has_ended(ended.pid)
    assert processes.main_process(folder, kept) is not None
    assert [record.name for record in folder.records()] == ["kept"]


def test_a_pid_that_was_given_to_somebody_else_is_never_touched(spawn, folder, stranger):
    record = spawn(SLEEP)
    processes.stop(folder, None, grace_s=4)
    stale = replace(record, pid=stranger.pid, created_at=record.created_at - 100)
    folder.record_file_of("worker").write_text(json.dumps(asdict(stale)))
    assert processes.main_process(folder, stale) is None
    assert processes.stop(folder, None, grace_s=1) == []
    assert stranger.is_running()
    assert folder.records() == []


def test_a_record_from_before_a_clock_adjustment_still_names_its_process(spawn, folder):
    record = spawn(SLEEP)
    shifted = replace(record, created_at=record.created_at - 3600)
    assert processes.main_process(folder, shifted) is not None


def test_the_processes_of_a_second_stack_are_left_alone(spawn, folder, tmp_path, program, has_ended):
    other = processes.StackFolder(tmp_path / "other stack")
    theirs = processes.spawn(other, "worker", program(SLEEP), dict(os.environ), tmp_path)
    ours = spawn(SLEEP)
    processes.stop(folder, None, grace_s=4)
    assert has_ended(ours.pid)
    assert processes.main_process(other, theirs) is not None
    processes.stop(other, None, grace_s=4)
    assert has_ended(theirs.pid)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"name": "x", "nobody": "knows"}'])
def test_a_record_that_cannot_be_read_counts_as_none(folder, content):
    folder.record_file_of("worker").parent.mkdir()
    folder.record_file_of("worker").write_text(content)
    assert folder.record_of("worker") is None
    assert processes.stop(folder, None, grace_s=1) == []


def test_how_a_component_ended_is_known_to_who_started_it(spawn, eventually):
    record = spawn("raise SystemExit(7)")
    assert eventually(lambda: processes.exit_status_of(record)) == 7


def test_listeners_are_told_by_component_address_and_port(spawn, folder, free_port, eventually):
    port = free_port()
    source = "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
    spawn(source, port)
    assert eventually(lambda: processes.listeners_of(folder)) == [("worker", "127.0.0.1", port)]


def test_an_overlong_log_is_set_aside_at_the_next_start(spawn, folder, monkeypatch):
    monkeypatch.setattr(processes, "LARGEST_LOG_BYTES", 10)
    folder.log_of("worker").parent.mkdir()
    folder.log_of("worker").write_text("x" * 11)
    spawn(SLEEP)
    assert folder.log_of("worker").with_name("worker.log.1").read_text() == "x" * 11
    assert folder.log_of("worker").read_text() == ""


def test_the_tail_of_a_log_is_its_last_lines(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert processes.tail_of(log, 2) == ["line 98", "line 99"]
    assert processes.tail_of(log, 0) == []
    assert processes.tail_of(tmp_path / "absent.log", 5) == []


def test_memory_is_counted_for_what_runs_and_not_for_what_ended(spawn, eventually):
    record = spawn(SLEEP)
    process = psutil.Process(record.pid)
    eventually(lambda: processes.memory_of([process]) > 1_000_000)
    process.kill()
    eventually(lambda: processes.exit_status_of(record) is not None)
    assert processes.memory_of([process]) == 0
