"""What every test may stand on: an isolated Airflow, the local AWS and the stand-in sources, each started once.

The environment is set before anything of Airflow or of ours is imported, for both read it at import.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.ground import CACHE, ROOT, free_port

SCRATCH = Path(tempfile.mkdtemp(prefix="media-tests-"))
AWS_PORT, SOURCES_PORT = free_port(), free_port()
AWS_URL, SOURCES_URL = f"http://127.0.0.1:{AWS_PORT}", f"http://127.0.0.1:{SOURCES_PORT}"

STAND_IN = {
    "conn_type": "http",
    "host": SOURCES_URL,
    "extra": {
        "loopback_hosts": [f"127.0.0.1:{SOURCES_PORT}"],
        "seconds_between_requests": 0,
        "patience": {"longest_backoff_s": 0.2, "slowest_window_s": 2.0},
    },
}

for name in [name for name in os.environ if name.startswith(("AIRFLOW", "AWS_", "MEDIA_", "LOCAL_"))]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": str(SCRATCH / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(
        {
            "conn_type": "aws",
            "login": "test",
            "password": "test",
            "extra": {"region_name": "us-east-1", "endpoint_url": AWS_URL},
        }
    ),
    **{
        f"AIRFLOW_CONN_{name}": json.dumps(STAND_IN | ({"password": "stand-in-key"} if name == "PIXABAY" else {}))
        for name in ("INTERNET_ARCHIVE_DEFAULT", "WIKIMEDIA_DEFAULT", "WIKIMEDIA_PAGEVIEWS_DEFAULT", "PIXABAY")
    },
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,  # what a person set up for an account of their own
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "MEDIA_MEDIACONVERT_ROLE_ARN": "arn:aws:iam::123456789012:role/media-mediaconvert",
    "MEDIA_ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:media-alerts",
    "MEDIA_FOOTAGE_QUEUE_URL": f"{AWS_URL}/123456789012/media-footage",
    "MEDIA_DELIVERY_URL": f"{AWS_URL}/_cloudfront/media",
    "NUMBA_CACHE_DIR": str(CACHE / "numba"),
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
}


class Parts(LoadScopeScheduling):
    """The suite in three parts that share no fixture, for three processes: ``-n 3 --dist loadscope``.

    One runs the whole stack and mostly waits for it, one runs whole DAGs and what they are made of, and one computes,
    starts programs and buys jobs: together they keep two cores busy.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/e2e/"):
            return "stack"
        if nodeid.startswith("tests/plugins/aws_media/"):
            return "rest"
        return "dags" if nodeid.startswith(("tests/dags/", "tests/plugins/")) else "rest"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Parts:
    return Parts(config, log)


def pytest_unconfigure() -> None:
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The endpoint URL of a seeded local AWS."""
    with Program("aws_emulator", ROOT / "docker" / "aws", "--port", str(AWS_PORT)) as program:
        program.wait_until_healthy(f"{AWS_URL}/_health")
        yield AWS_URL


@pytest.fixture
def campaigns(local_aws) -> Iterator[Any]:
    """The campaign parameters; which campaign is active is put back afterwards."""
    from media_lake.hooks.ssm import CampaignHook

    hook = CampaignHook()
    before = hook.active_campaign()
    yield hook
    hook.activate(before)


@pytest.fixture(scope="session")
def sources() -> Iterator[str]:
    """The base URL of the stand-in sources, with their rendered catalogue."""
    arguments = ("--port", str(SOURCES_PORT), "--cache-dir", str(CACHE / "sources"))
    with Program("sources_emulator", ROOT / "docker" / "sources", *arguments) as program:
        program.wait_until_healthy(f"{SOURCES_URL}/_health", patience_s=600)
        yield SOURCES_URL


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Make Airflow's metadata database for the tests that execute tasks."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=180)


class Program:
    """A program of ours in a process group of its own, stopped at the end, its log in the scratch folder."""

    def __init__(self, module: str, folder: Path, *arguments: str) -> None:
        self.log = SCRATCH / f"{module}.log"
        self.command = [sys.executable, "-m", module, *arguments]
        self.environment = os.environ | {"PYTHONPATH": str(folder)}

    def __enter__(self) -> Self:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the whole group; one that has ended already is no error, for it would hide why it ended."""
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses to signal a group of zombies
            os.killpg(self.process.pid, number)

    def wait_until_healthy(self, url: str, patience_s: float = 60) -> None:
        """Wait until ``url`` answers 200.

        :raises RuntimeError: at once when the program has ended; with the end of its log.
        :raises TimeoutError: the same when it takes longer.
        """
        deadline = time.monotonic() + patience_s
        while True:
            if (status := self.process.poll()) is not None:
                raise RuntimeError(f"{' '.join(self.command)} ended with status {status}:\n{self._end_of_log()}")
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
                    found = f"answers {answer.status}"
            except OSError as error:
                found = str(error)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} is not healthy after {patience_s} s: {found}\n{self._end_of_log()}")
            time.sleep(0.2)

    def _end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
