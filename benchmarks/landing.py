"""How fast a file gets from a web server into S3, and in how much memory: six ways, three sizes.

Both ends are plain stubs in processes of their own, which only move bytes: the source sends a file out of the page
cache, the sink speaks just enough S3 to take an object and throws it away. So the figures are of what lies between.

- **whole**: as `HttpToS3Operator` does it, `response.content`, then `upload_fileobj` of it
- **boto3**: `upload_fileobj` straight from the streaming response, eight threads, a client as it comes
- **boto3, unsigned**: the same without the signature of the payload, which costs another sha256 (and which boto3 leaves
  out by itself over TLS, where it packs the body into signed chunks instead)
- **boto3 + digests**: unsigned, and the sha256 and md5 that a landing needs are made from the bytes that pass by
- **ours**: `include.sources.http` into `include.storage.upload`, unsigned, with sha256 and md5
- **ours + copy**: and a temporary copy of the file on the side, for the probe

Checksums on the wire (a CRC) are on everywhere. Only *boto3 + digests* and *ours* do the whole job: md5 and sha256
cost about 2 ms a MiB of one core, more than all the rest together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from io import BytesIO
from typing import Any

from benchmarks.timing import cpu_seconds, interleaved, machine_line, markdown_table, measure, peak_memory_mib

MIB = 1024 * 1024
WAYS = ("whole", "boto3", "boto3, unsigned", "boto3 + digests", "ours", "ours + copy")
PLAN = ((16, 12), (64, 6), (256, 3))  # MiB a file, files


# -- the two ends

_DISCARD = socket.MSG_TRUNC if sys.platform == "linux" else 0
"""Linux throws received TCP bytes away without copying them, so that the sink costs next to nothing."""


class _Connection:
    """A socket with just enough HTTP/1.1 for a stub."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._early = b""
        self._scrap = bytearray(MIB)

    def read_head(self) -> tuple[str, dict[str, str]] | None:
        """Return the request line and the headers, None at the end of the connection."""
        while b"\r\n\r\n" not in self._early:
            more = self.sock.recv(65536)
            if not more:
                return None
            self._early += more
        head, _, self._early = self._early.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        return line, {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}

    def skip(self, count: int) -> None:
        """Take ``count`` bytes and forget them."""
        early = len(self._early[:count])
        self._early = self._early[early:]
        count -= early
        while count:
            got = self.sock.recv_into(self._scrap, min(count, MIB), _DISCARD)
            if not got:
                raise ConnectionError("the client went away")
            count -= got

    def answer(self, status: str, headers: dict[str, str], body: bytes = b"") -> None:
        head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": str(len(body))}.items())
        self.sock.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)


def _serve_source(sock: socket.socket) -> None:
    """Answer ``GET /<MiB>`` with that many MiB of noise, straight from a file in the page cache."""
    connection = _Connection(sock)
    while (head := connection.read_head()) is not None:
        size = int(head[0].split()[1].strip("/")) * MIB
        reply = 'HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nETag: "noise"\r\n'
        sock.sendall(f"{reply}Content-Length: {size}\r\n\r\n".encode())
        sent = 0
        while sent < size:
            offset = sent % _noise_size
            sent += os.sendfile(sock.fileno(), _noise_file, offset, min(size - sent, _noise_size - offset))


_noise_size = 16 * MIB
_noise_file = -1


def _make_noise() -> None:
    global _noise_file
    descriptor, path = tempfile.mkstemp()
    os.unlink(path)  # noqa: PTH108
    os.write(descriptor, os.urandom(_noise_size))
    _noise_file = descriptor


def _serve_sink(sock: socket.socket) -> None:
    """Take PutObject and multipart uploads, answer as S3 does, keep nothing."""
    connection = _Connection(sock)
    while (head := connection.read_head()) is not None:
        line, headers = head
        method, target, _ = line.split()
        if headers.get("expect") == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.skip(int(headers.get("content-length", "0")))
        checks = {name: value for name, value in headers.items() if name.startswith("x-amz-checksum-crc")}
        if method == "POST" and re.search(r"[?&]uploads", target):
            body = b"<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
            connection.answer("200 OK", {"Content-Type": "application/xml"}, body)
        elif method == "POST":
            body = b'<CompleteMultipartUploadResult><ETag>"done"</ETag></CompleteMultipartUploadResult>'
            connection.answer("200 OK", {"Content-Type": "application/xml"}, body)
        elif method == "HEAD":
            connection.answer("404 Not Found", {})
        else:
            connection.answer("200 OK", {"ETag": '"part"', **checks})


def _serve(serve: Any) -> None:
    """Listen on a free port, print it, and serve until stdin ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_quietly, args=(serve, sock), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def _quietly(serve: Any, sock: socket.socket) -> None:
    with sock:
        try:
            serve(sock)
        except ConnectionError:
            return


@contextmanager
def _stub(name: str) -> Iterator[int]:
    """Run a stub in a process of its own, and give its port."""
    command = [sys.executable, "-m", "benchmarks.landing", "--serve", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


# -- the contenders


def _s3(port: int, *, signed: bool) -> Any:
    import boto3
    from botocore.config import Config

    from include.storage.upload import UPLOAD_CONFIG

    config = Config(max_pool_connections=16)
    if not signed:
        config = config.merge(UPLOAD_CONFIG)
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        config=config,
    )


def _land_whole(s3: Any, url: str, names: list[str]) -> None:
    import requests
    from boto3.s3.transfer import TransferConfig

    for name in names:
        content = requests.get(url, timeout=60).content
        s3.upload_fileobj(BytesIO(content), "media-raw", name, Config=TransferConfig())


class _HashingReader:
    """What one writes around a response when the digests are wanted as well."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._digests = (hashlib.sha256(), hashlib.md5(usedforsecurity=False))

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._raw.read(size)
        for digest in self._digests:
            digest.update(data)
        return data


def _land_with_boto3(s3: Any, url: str, names: list[str], *, digests: bool) -> None:
    import requests
    from boto3.s3.transfer import TransferConfig

    for name in names:
        with requests.get(url, timeout=60, stream=True) as response:
            body = _HashingReader(response.raw) if digests else response.raw
            s3.upload_fileobj(body, "media-raw", name, Config=TransferConfig(max_concurrency=8))


def _land_ours(s3: Any, url: str, names: list[str], *, copy: bool) -> None:
    from include.storage.upload import upload_stream

    client = _polite_client(url.rpartition("/")[0])
    for name in names:
        with tempfile.TemporaryFile() as spool, client.stream(url, max_bytes=1024 * MIB) as download:
            upload_stream(
                s3,
                "media-raw",
                name,
                download.chunks,
                content_type=download.content_type,
                size_bytes=download.content_length,
                spool=spool if copy else None,
            )


@cache
def _polite_client(origin: str) -> Any:
    from include.sources.http import PoliteClient
    from include.sources.pace import ProcessPacer
    from include.sources.source import HostPace

    return PoliteClient(
        origin,
        user_agent="benchmark",
        hosts={},
        loopback_hosts={"127.0.0.1": HostPace(seconds_between_requests=0.0)},
        pacer=ProcessPacer(),
    )


def _land(way: str, source_port: int, sink_port: int, size_mib: int, files: int) -> dict[str, float]:
    """Land ``files`` files of ``size_mib`` one after the other, after one small file that warms everything up."""
    s3 = _s3(sink_port, signed=way in ("whole", "boto3"))
    ways: dict[str, Callable[[Any, str, list[str]], None]] = {
        "whole": _land_whole,
        "boto3": partial(_land_with_boto3, digests=False),
        "boto3, unsigned": partial(_land_with_boto3, digests=False),
        "boto3 + digests": partial(_land_with_boto3, digests=True),
        "ours": partial(_land_ours, copy=False),
        "ours + copy": partial(_land_ours, copy=True),
    }
    land = ways[way]
    land(s3, f"http://127.0.0.1:{source_port}/1", ["warm"])
    started, cpu_started, memory = time.perf_counter(), cpu_seconds(), peak_memory_mib()
    land(s3, f"http://127.0.0.1:{source_port}/{size_mib}", [f"file-{number}" for number in range(files)])
    return {
        "wall_s": time.perf_counter() - started,
        "cpu_s": cpu_seconds() - cpu_started,
        "peak_mib": peak_memory_mib(),
        "idle_mib": memory,
    }


def main(arguments: list[str]) -> int:
    """Print the table; ``--rounds`` of each, the median counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landing", description="Landing files in S3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=["source", "sink"], help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve == "source":
        _make_noise()
        _serve(_serve_source)
        return 0
    if options.serve == "sink":
        _serve(_serve_sink)
        return 0
    if options.measure:
        way, *numbers = options.measure
        print(json.dumps(_land(way, *map(int, numbers))))
        return 0

    print(f"## Landing\n\n`python -m benchmarks.landing --rounds {options.rounds}` on {machine_line()}.\n", flush=True)
    rows = []
    with _stub("source") as source_port, _stub("sink") as sink_port:
        for size_mib, files in PLAN:
            ends = [str(source_port), str(sink_port), str(size_mib), str(files)]

            def run(way: str, ends: list[str] = ends) -> dict[str, float]:
                return measure("benchmarks.landing", ["--measure", way, *ends])

            medians = interleaved(WAYS, options.rounds, run)
            for way, median in medians.items():
                rows.append(
                    [
                        f"{files} x {size_mib} MiB, {way}",
                        f"{median['wall_s']:.2f}",
                        f"{size_mib * files / median['wall_s']:.0f}",
                        f"{median['cpu_s']:.2f}",
                        f"{median['idle_mib']:.0f}",
                        f"{median['peak_mib']:.0f}",
                        f"{median['wall_s'] / medians['boto3']['wall_s']:.2f}",
                    ]
                )
    header = ["files, way", "wall s", "MiB/s", "CPU s", "idle MiB", "peak MiB", "wall / boto3"]
    print(markdown_table(header, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
