"""A worker of the deployment: asks servers, or downloads from them, in the lines that all workers share.

``python polite_worker.py <table>`` says ``ready`` and then does what each line of its standard input says:
``<base URL> <seconds between requests> <bytes per second> <path> <times>``, after which it says ``done``.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import boto3

from include.sources.http import PoliteClient
from include.sources.source import HostPace
from open_media.pace import DeploymentPacer


def visit(pacer: DeploymentPacer, base_url: str, pause_s: str, bytes_per_s: str, path: str, times: str) -> None:
    pace = HostPace(float(pause_s), bytes_per_s=float(bytes_per_s))
    hosts = {urlsplit(base_url).netloc: pace}
    with PoliteClient(base_url, user_agent="test", hosts={}, loopback_hosts=hosts, pacer=pacer) as client:
        for _ in range(int(times)):
            with client.stream(path, max_bytes=1 << 30) as download:
                for _ in download.chunks:
                    pass


def main(table: str) -> None:
    pacer = DeploymentPacer(boto3.resource("dynamodb").Table(table))
    pacer.wait(f"warm-up-{id(pacer)}", 0.001)
    print("ready", flush=True)
    for line in sys.stdin:
        visit(pacer, *line.split())
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
