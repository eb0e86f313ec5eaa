"""A local AWS in a process of its own, and its clients: boto3, and plain HTTP for what boto3 never sends."""

from __future__ import annotations

import datetime
import http.client
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

ROOT = Path(__file__).resolve().parents[3]
REGION = "us-east-1"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str:
        """The error code of an S3 answer, empty if it is none."""
        found = re.search(rb"<Code>(.*?)</Code>", self.body)
        return found[1].decode() if found else ""


class _At:
    """A signer of botocore whose clock stands still."""

    at: datetime.datetime

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = self.at.strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


class _S3HeaderAt(_At, S3SigV4Auth): ...


class _HeaderAt(_At, SigV4Auth): ...


class _S3QueryAt(_At, S3SigV4QueryAuth): ...


@dataclass(frozen=True)
class LocalAws:
    """A local AWS that runs, and ways to talk to it."""

    url: str
    process: subprocess.Popen[str]

    def client(
        self, service: str, key: str = "test", secret: str = "test", token: str | None = None, **config: Any
    ) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(
                signature_version=config.pop("signature_version", "v4"), retries={"total_max_attempts": 1}, **config
            ),
        )

    def s3(self, **config: Any) -> Any:
        return self.client("s3", signature_version="s3v4", **config)

    def send(
        self,
        method: str,
        target: str,
        body: Any = b"",
        headers: dict[str, str] | None = None,
        *,
        encode_chunked: bool = False,
    ) -> Answer:
        """A request exactly as given; ``target`` is a path or a URL."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        path = re.sub(r"^https?://[^/]+", "", target)
        connection.putrequest(method, path, skip_host="Host" in (headers or {}), skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if not encode_chunked and "Content-Length" not in (headers or {}):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body, encode_chunked=encode_chunked)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def sign(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        service: str = "s3",
        at: datetime.datetime | None = None,
        key: str = "test",
        secret: str = "test",
    ) -> dict[str, str]:
        """The headers of a signed request. S3's body hash is taken from the headers if it stands there."""
        request = AWSRequest(method, self.url + path, dict(headers or {}), body)
        kind = _S3HeaderAt if service == "s3" else _HeaderAt
        signer = kind(Credentials(key, secret), service, REGION)
        signer.at = at or datetime.datetime.now(datetime.UTC)
        if "x-amz-content-sha256" in (headers or {}):
            signer.payload = lambda _request: headers["x-amz-content-sha256"]
        signer.add_auth(request)
        return dict(request.headers.items())

    def presign(
        self,
        method: str,
        path: str,
        expires_s: int = 60,
        headers: dict[str, str] | None = None,
        at: datetime.datetime | None = None,
    ) -> str:
        """The URL of a presigned request that was signed ``at`` some moment."""
        request = AWSRequest(method, self.url + path, dict(headers or {}))
        signer = _S3QueryAt(Credentials("test", "test"), "s3", REGION, expires=expires_s)
        signer.at = at or datetime.datetime.now(datetime.UTC)
        signer.add_auth(request)
        return request.url


@contextmanager
def running(*options: str) -> Iterator[LocalAws]:
    """A local AWS of its own on a free port."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    environment["PYTHONPATH"] = str(ROOT / "docker" / "aws")
    process = subprocess.Popen(
        [sys.executable, "-m", "aws_emulator", "--port", "0", *options],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = process.stdout.readline()
        assert "ready on http://" in ready, f"the local AWS did not start: {ready!r}"
        yield LocalAws(ready.split()[-1], process)
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    """The local AWS, seeded, shared by the tests."""
    with running() as local:
        yield local


@pytest.fixture(scope="session")
def another_aws() -> Callable[..., Any]:
    """A local AWS with other options, for one test: ``with another_aws("--no-seed") as aws``."""
    return running


@pytest.fixture(scope="session")
def local_client() -> Callable[[str], Any]:
    """An S3 client for a server in this process: ``local_client(url)``."""

    def client(url: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


@pytest.fixture(scope="session")
def s3(aws: LocalAws) -> Any:
    return aws.s3()


@pytest.fixture
def bucket(s3: Any) -> str:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name
