"""A server that stops, or is killed, leaves no process behind, and if it can, no file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = textwrap.dedent("""
    import sys
    from aws_emulator import cli
    from aws_emulator.jobs.queue import JOBS, Job

    class Listener:
        def on_started(self, job_id): pass
        def on_progress(self, job_id, percent, phase, details): print("pids", *details["pids"], flush=True)

    def submit_and_configure(*arguments, **options):
        configure(*arguments, **options)
        JOBS.submit(Job("1", "toys", "123456789012", "us-east-1", "toy_engine:run", {"do": sys.argv[1]}), Listener())

    configure, JOBS.configure = JOBS.configure, submit_and_configure
    sys.exit(cli.main(["--port", "0", "--no-seed"]))
    """)


@pytest.mark.parametrize(
    ("how", "do"), [(signal.SIGTERM, "encode"), (signal.SIGKILL, "encode"), (signal.SIGKILL, "hang")]
)
def test_a_server_takes_its_workers_and_their_children_with_it(how, do, gone, tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, do], env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        told = next(line for line in server.stdout if line.startswith("pids"))
        pids = [int(pid) for pid in told.split()[1:]]
        assert len(pids) == 2
        server.send_signal(how)
        server.stdout.read()
    gone(pids)
    if how != signal.SIGKILL:
        assert server.returncode == 0
        assert list(Path(tmp_path).iterdir()) == []
