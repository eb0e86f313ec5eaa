"""Starting and stopping a stack, with small programs for components."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from include.settings import Settings
from local_stack import health, processes, supervisor
from local_stack.components import Component, components_for
from local_stack.supervisor import StackError


def test_start_returns_when_every_component_is_healthy(stack_of, server, folder, said):
    first, second = server("first"), server("second", needs_s=0.6)
    assert stack_of(first, second).start() == ["first", "second"]
    assert {name: str(found) for name, found in health.check(folder, [first, second]).items()} == {
        "first": "healthy",
        "second": "healthy",
    }
    assert any("preparing: the second" in line and "of 6" in line for line in said)
    assert any(line.startswith(f"the first is healthy on 127.0.0.1:{first.port}") for line in said)


def test_a_second_start_starts_nothing(stack_of, server, folder):
    stack = stack_of(server())
    stack.start()
    before = folder.record_of("server")
    assert stack.start() == []
    assert folder.record_of("server") == before


def test_start_revives_only_what_died(stack_of, server, folder, eventually):
    stack = stack_of(server("kept"), server("killed"))
    stack.start()
    kept, killed = folder.record_of("kept"), folder.record_of("killed")
    os.kill(killed.pid, signal.SIGKILL)
    eventually(lambda: processes.main_process(folder, killed) is None)
    assert health.check(folder, stack.components)["killed"].state == "dead"
    assert stack.start() == ["killed"]
    assert folder.record_of("kept") == kept
    assert folder.record_of("killed").pid != killed.pid


def test_start_clears_away_the_children_of_what_died(stack_of, server, program, folder, eventually, has_ended):
    component = server()
    forker = """
        import subprocess, sys
        subprocess.Popen(sys.argv[1:])
        import time; time.sleep(60)
    """
    stack = stack_of(replace(component, command=program(forker, *component.command)))
    stack.start()
    parent = folder.record_of("server")
    (child,) = psutil.Process(parent.pid).children()
    os.kill(parent.pid, signal.SIGKILL)
    eventually(lambda: processes.main_process(folder, parent) is None)
    assert child.is_running()  # and still holds the port
    assert stack.start() == ["server"]
    assert has_ended(child.pid)


def test_start_restarts_what_is_to_run_differently(stack_of, server, folder):
    changed, same = server("changed"), server("same")
    stack_of(changed, same).start()
    before = folder.record_of("same")
    assert stack_of(replace(changed, command=(*changed.command, "--more")), same).start() == ["changed"]
    assert folder.record_of("same") == before


def test_another_environment_restarts_the_components(stack_of, server):
    component = server()
    stack_of(component, variables={"COLOUR": "red"}).start()
    assert stack_of(component, variables={"COLOUR": "red"}).start() == []
    assert stack_of(component, variables={"COLOUR": "blue"}).start() == ["server"]


def test_a_component_that_ends_fails_the_start_with_the_end_of_its_log(stack_of, server, program, folder):
    broken = replace(server("broken"), command=program("print('no such table'); raise SystemExit(3)"))
    stack = stack_of(server("fine"), broken)
    with pytest.raises(StackError) as failure:
        stack.start()
    message = str(failure.value)
    assert "the broken has ended with status 3" in message
    assert "no such table" in message
    assert "make logs NAME=broken" in message
    assert processes.members_of(folder) == {}


def test_a_failed_start_leaves_what_ran_before_running(stack_of, server, program, folder):
    fine = server("fine")
    stack_of(fine).start()
    broken = replace(server("broken"), command=program("raise SystemExit(3)"))
    with pytest.raises(StackError):
        stack_of(fine, broken).start()
    assert list(processes.members_of(folder)) == ["fine"]


def test_a_component_that_never_gets_healthy_fails_the_start(stack_of, server, folder, monkeypatch):
    monkeypatch.setattr(supervisor, "STALLED_AFTER_S", 1.0)
    deaf = replace(server("deaf"), health_url="http://127.0.0.1:9/_health")
    with pytest.raises(StackError, match="the deaf is not healthy after"):
        stack_of(deaf).start()
    assert processes.members_of(folder) == {}


def test_an_interrupt_during_the_start_stops_what_it_started(stack_of, server, folder):
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stack_of(server()).start(finish=interrupt)
    assert processes.members_of(folder) == {}
    assert folder.records() == []


def test_a_taken_port_is_one_line_that_names_port_holder_and_variable(stack_of, server, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError) as failure:
            stack_of(server("free"), server("taken", port=port)).start()
    message = str(failure.value)
    assert failure.value.exit_status == 2
    assert f"port {port} (the taken) is in use by process {os.getpid()} (" in message
    assert message.endswith("free it, or choose another with TAKEN_PORT")
    assert "\n" not in message
    assert processes.members_of(folder) == {}


def test_two_components_on_one_port_are_refused(stack_of, server, free_port):
    port = free_port()
    with pytest.raises(StackError, match=f"FIRST_PORT and SECOND_PORT are both {port}"):
        stack_of(server("first", port=port), server("second", port=port)).start()


def test_stopping_everything_leaves_no_process_and_no_listener(stack_of, server, folder, said):
    components = [server("aws"), server("scheduler")]
    stack_of(*components).start()
    assert len(processes.listeners_of(folder)) == 2
    supervisor.stop_everything(folder, said.append)
    assert processes.members_of(folder) == {}
    for component in components:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", component.port)) != 0
    assert "nothing left" in said[-1]


def test_what_others_call_is_stopped_last(stack_of, server, program, folder, tmp_path):
    note = """
        import signal, sys, time
        def leave(*_):
            open(sys.argv[1], "a").write(sys.argv[2] + " ")
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        open(sys.argv[1] + sys.argv[2], "w").close()
        time.sleep(60)
    """
    for name in ("aws", "scheduler"):
        processes.spawn(folder, name, program(note, tmp_path / "order", name), dict(os.environ), tmp_path)
    while not ((tmp_path / "orderaws").exists() and (tmp_path / "orderscheduler").exists()):
        time.sleep(0.05)
    supervisor.stop_everything(folder, lambda _line: None)
    assert (tmp_path / "order").read_text().split() == ["scheduler", "aws"]


def test_two_commands_never_change_a_stack_at_once(folder):
    with (
        supervisor.only_one(folder),
        pytest.raises(StackError, match=rf"process {os.getpid()}.*wait for it"),
        supervisor.only_one(folder),
    ):
        pass


def test_down_ends_an_up_that_is_still_going_on(folder):
    hold = """
import sys, time
from pathlib import Path
from local_stack import processes, supervisor
with supervisor.only_one(processes.StackFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(folder.path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with supervisor.only_one(folder, interrupt=True):
            assert holder.wait(10) == -signal.SIGTERM


def test_stopping_a_stack_that_never_was_is_no_error(tmp_path, said):
    supervisor.stop(Settings(state_dir=tmp_path / "never"), report=said.append)
    assert said == ["nothing is running"]
    assert not (tmp_path / "never").exists()


def test_the_status_of_a_stack_that_does_not_run_is_stopped_for_each(tmp_path):
    lines = supervisor.status(Settings(state_dir=tmp_path / "never"))
    assert [line.name for line in lines] == ["aws", "sources", "api-server", "scheduler", "dag-processor", "triggerer"]
    assert {line.health.state for line in lines} == {"stopped"}


def test_a_heartbeat_of_an_earlier_scheduler_does_not_count():
    answer = {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:00+00:00"}}
    assert health.health_of_heartbeat("scheduler", answer, time.time()).state == "starting"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (None, "the Airflow API does not answer yet"),
        ({}, "no heartbeat yet"),
        ({"triggerer": {"status": None, "latest_triggerer_heartbeat": None}}, "no heartbeat yet"),
        (
            {"triggerer": {"status": "unhealthy", "latest_triggerer_heartbeat": "2100-01-01T00:00:00+00:00"}},
            "Airflow calls it unhealthy",
        ),
    ],
)
def test_a_component_without_a_good_heartbeat_is_not_healthy(answer, detail):
    assert str(health.health_of_heartbeat("triggerer", answer, time.time())) == f"starting: {detail}"


def test_no_component_listens_beyond_loopback_by_its_command_line():
    commands = {component.name: " ".join(component.command) for component in components_for(Settings())}
    assert "--host 127.0.0.1" in commands["api-server"]
    assert "--skip-serve-logs" in commands["scheduler"]
    assert "--skip-serve-logs" in commands["triggerer"]


def test_a_folder_of_media_is_kept_by_an_up_that_names_none(folder, program, tmp_path):
    media = [tmp_path / "my media", tmp_path / "odd"]
    for place in media:
        place.mkdir()
    command = program("import time; time.sleep(60)", "--media", media[0], "--media", media[1])
    processes.spawn(folder, "sources", command, dict(os.environ), tmp_path)
    assert supervisor._media_of_running(folder) == media
    processes.stop(folder, None, grace_s=2)
    assert supervisor._media_of_running(folder) == []


class ListedDags:
    """Airflow's API as far as the DAG list goes."""

    def __init__(self, dags: list[str], errors: list[str]) -> None:
        self._dags, self._errors = dags, errors

    def dags(self) -> list[dict[str, str]]:
        return [{"relative_fileloc": name} for name in self._dags]

    def import_errors(self) -> list[dict[str, str]]:
        return [{"filename": name} for name in self._errors]


def test_a_dag_file_is_read_once_it_shows_a_dag_or_an_error(tmp_path):
    for name in ("good.py", "broken.py", "new.py"):
        (tmp_path / name).write_text("from airflow.sdk import dag\n")
    (tmp_path / "other.py").write_text("print('not for Airflow')\n")
    api = ListedDags(["good.py"], ["broken.py"])
    assert supervisor.unread_dag_files(api, tmp_path) == ["new.py"]
    assert supervisor.unread_dag_files(ListedDags(["good.py", "new.py"], [str(tmp_path / "broken.py")]), tmp_path) == []


def test_the_record_holds_no_variable_of_the_environment(stack_of, server, folder):
    component: Component = server()
    stack_of(component, variables={"AIRFLOW__CORE__FERNET_KEY": "kept secret"}).start()
    written = folder.record_file_of("server").read_text()
    assert "kept secret" not in written
    assert set(json.loads(written)) == {"name", "pid", "created_at", "started_at", "fingerprint", "command"}
