"""A local AWS of one's own for a benchmark, on a free port, stopped at the end."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from include.settings import copy_environment

FOLDER = Path(__file__).resolve().parents[1] / "docker" / "aws"


@contextmanager
def local_aws(*options: str) -> Iterator[str]:
    """Start ``python -m aws_emulator`` with ``options`` and yield its endpoint URL.

    :raises RuntimeError: with what it said, when it does not start.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it stops with us
    command = [sys.executable, "-m", "aws_emulator", "--port", "0", *options]
    with tempfile.TemporaryFile("w+") as errors:
        environment = copy_environment() | {"PYTHONPATH": str(FOLDER)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            ready = process.stdout.readline().split() if process.stdout else []
            if "ready" not in ready:
                errors.seek(0)
                raise RuntimeError(f"{' '.join(command)} did not start: {errors.read()[-2000:]}")
            yield ready[-1]
        finally:
            process.terminate()
            process.wait(timeout=30)


def client(endpoint_url: str, service: Any) -> Any:
    """A client of that local AWS."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=config,
    )
