"""A worker of the deployment: asks one server some times, or downloads from it, in the line that all workers share.

``python polite_worker.py <table> <base URL> <seconds between requests> <bytes per second> <path> <times>``. It says
``ready``, waits for a line on its standard input, and begins.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import boto3

from include.sources.http import PoliteClient
from include.sources.source import HostPace
from open_media.pace import DeploymentPacer


def main(table: str, base_url: str, pause_s: str, bytes_per_s: str, path: str, times: str) -> None:
    pace = HostPace(float(pause_s), bytes_per_s=float(bytes_per_s))
    pacer = DeploymentPacer(boto3.resource("dynamodb").Table(table))
    with PoliteClient(
        base_url, user_agent="test", hosts={}, loopback_hosts={urlsplit(base_url).netloc: pace}, pacer=pacer
    ) as client:
        pacer.wait(f"warm-up-{id(client)}", 0.001)
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(int(times)):
            with client.stream(path, max_bytes=1 << 30) as download:
                for _ in download.chunks:
                    pass


if __name__ == "__main__":
    main(*sys.argv[1:])
