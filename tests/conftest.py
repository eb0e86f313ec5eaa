"""What every test may stand on: an isolated Airflow, the local AWS and the stand-in sources, each started once.

The environment is set before anything of Airflow or of ours is imported, for both read it at import.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ground import CACHE, ROOT, free_port

SCRATCH = Path(tempfile.mkdtemp(prefix="media-tests-"))
AWS_PORT, SOURCES_PORT = free_port(), free_port()
AWS_URL, SOURCES_URL = f"http://127.0.0.1:{AWS_PORT}", f"http://127.0.0.1:{SOURCES_PORT}"

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
    "AIRFLOW_CONN_INTERNET_ARCHIVE_DEFAULT": json.dumps(
        {
            "conn_type": "http",
            "host": SOURCES_URL,
            "extra": {
                "loopback_hosts": [f"127.0.0.1:{SOURCES_PORT}"],
                "seconds_between_requests": 0,
                "patience": {"longest_backoff_s": 0.2, "slowest_window_s": 2.0},
            },
        }
    ),
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "MEDIA_ALERTS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:media-alerts",
    "NUMBA_CACHE_DIR": str(CACHE / "numba"),
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
}


@pytest.fixture(scope="session")
def local_aws() -> Iterator[str]:
    """The endpoint URL of a seeded local AWS."""
    with _program("aws_emulator", ROOT / "docker" / "aws", "--port", str(AWS_PORT)):
        wait_until_healthy(f"{AWS_URL}/_health")
        yield AWS_URL


@pytest.fixture(scope="session")
def sources() -> Iterator[str]:
    """The base URL of the stand-in sources, with their rendered catalogue."""
    arguments = ("--port", str(SOURCES_PORT), "--cache-dir", str(CACHE / "sources"))
    with _program("sources_emulator", ROOT / "docker" / "sources", *arguments):
        wait_until_healthy(f"{SOURCES_URL}/_health", patience_s=600)
        yield SOURCES_URL


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Make Airflow's metadata database for the tests that execute tasks."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, timeout=180)


class _program:  # noqa: N801  (a context manager reads as a function)
    """A program of ours in a process group of its own, stopped at the end, its log in the scratch folder."""

    def __init__(self, module: str, folder: Path, *arguments: str) -> None:
        self.log = SCRATCH / f"{module}.log"
        self.command = [sys.executable, "-m", module, *arguments]
        self.environment = os.environ | {"PYTHONPATH": str(folder)}

    def __enter__(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def wait_until_healthy(url: str, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in SCRATCH.glob("*.log"))
                raise TimeoutError(f"{url} is not healthy after {patience_s} s: {error}\n{logs}") from error
        time.sleep(0.2)
