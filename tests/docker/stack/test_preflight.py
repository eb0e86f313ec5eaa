"""What stands in the way of a start: one clear line each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack import preflight
from local_stack.environment import REPO_ROOT


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_the_supported_pythons_will_do(version):
    assert preflight.python_fault(version) is None


@pytest.mark.parametrize("version", [(3, 10), (3, 13), (2, 7)])
def test_another_python_is_refused_by_its_version(version):
    fault = preflight.python_fault(version)
    assert fault is not None
    assert f"this is {version[0]}.{version[1]}" in fault


def test_too_little_disk_says_how_much_is_there_and_needed(tmp_path):
    assert preflight.disk_fault(tmp_path, free_bytes=10**9) is None
    fault = preflight.disk_fault(tmp_path, free_bytes=900_000_000)
    assert fault is not None
    assert fault.startswith(f"only 0.9 GB free on the disk of {tmp_path}, 1 GB is needed")
    assert "LOCAL_STATE_DIR" in fault


def test_a_state_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    fault = preflight.folder_fault(tmp_path / "file" / "state")
    assert fault is not None
    assert "cannot write to" in fault
    assert "LOCAL_STATE_DIR" in fault


def test_a_state_folder_is_made(tmp_path):
    assert preflight.folder_fault(tmp_path / "a" / "b") is None
    assert (tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def local_stack(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    python_path = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "docker" / "stack")])
    return subprocess.run(
        [sys.executable, "-m", "local_stack", *arguments],
        env={**os.environ, "PYTHONPATH": python_path, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_port_that_is_no_number_is_one_line(tmp_path):
    done = local_stack("status", AIRFLOW_PORT="eighty", LOCAL_STATE_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "AIRFLOW_PORT must be a port between 1 and 65535, not 'eighty'\n"


def test_a_state_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = local_stack("up", LOCAL_STATE_DIR=str(tmp_path / "file" / "state"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "cannot write to" in done.stderr


def test_a_media_folder_that_does_not_exist_is_one_line(tmp_path):
    done = local_stack("up", "--media", str(tmp_path / "absent"), LOCAL_STATE_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"no folder {tmp_path / 'absent'}: name a folder of media files\n"


def test_status_of_a_stopped_stack_is_a_table_and_exits_1(tmp_path):
    done = local_stack("status", LOCAL_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:7]] == ["stopped"] * 6


def test_down_of_a_stopped_stack_exits_0(tmp_path):
    done = local_stack("down", LOCAL_STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "nothing is running\n")


def test_logs_are_printed_by_component(tmp_path: Path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "aws.log").write_text("one\ntwo\nthree\n")
    (tmp_path / "logs" / "scheduler.log").write_text("beat\n")
    both = local_stack("logs", "-n", "2", LOCAL_STATE_DIR=str(tmp_path))
    assert both.stdout.splitlines() == ["aws           | two", "aws           | three", "scheduler     | beat"]
    assert local_stack("logs", "aws", "-n", "1", LOCAL_STATE_DIR=str(tmp_path)).stdout == "three\n"


def test_logs_of_an_unknown_component_name_the_known_ones(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "aws.log").write_text("one\n")
    done = local_stack("logs", "nobody", LOCAL_STATE_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "no log of 'nobody'; there are: aws\n"


def test_logs_can_be_followed(tmp_path):
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "aws.log"
    log.write_text("one\n")
    python_path = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "docker" / "stack")])
    with subprocess.Popen(
        [sys.executable, "-m", "local_stack", "logs", "aws", "-f"],
        env={**os.environ, "PYTHONPATH": python_path, "LOCAL_STATE_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "one\n"
        with log.open("a") as file:
            file.write("two\n")
        assert following.stdout.readline() == "two\n"
        following.terminate()
