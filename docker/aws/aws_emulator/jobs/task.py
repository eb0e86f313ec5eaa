"""What an engine sees of the job it does: ``run(task: Task) -> dict``, a module-level function in a worker process."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import boto3.s3.transfer
from botocore.exceptions import BotoCoreError, ClientError

from aws_emulator.jobs.errors import AccessDenied, ObjectBroken, ObjectMissing, TooLarge
from aws_emulator.processes import usable_cores

POCKETSPHINX = "pocketsphinx"  # the speech model that is always there
BLOCK_BYTES = 1024 * 1024
FETCH_ATTEMPTS = 3
REPORT_INTERVAL_S = 0.25
LARGEST_PUT_BYTES = 5 * 1024**3
# moto reads the whole object for every range: one GET is ten times as fast as ten, and one PUT needs no completion.
ONE_REQUEST = boto3.s3.transfer.TransferConfig(multipart_threshold=LARGEST_PUT_BYTES, use_threads=False)
PLAIN_MD5 = re.compile(r"[0-9a-f]{32}")
# A HEAD has no body, so botocore names the status: 400 for a version id that is none, 405 for a delete marker.
MISSING = frozenset(
    {"NoSuchBucket", "NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed", "InvalidArgument", "400"}
)
DENIED = frozenset({"AccessDenied", "403", "InvalidObjectState", "AllAccessDisabled", "InvalidAccessKeyId"})


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the command line says about the engines.

    ``detector`` is an ONNX object detector and ``detector_labels`` its names, one a line; ``speech_model`` is
    ``pocketsphinx``, ``whisper:<folder>`` or ``vosk:<folder>``; ``threads`` is how many an engine may use.
    """

    detector: Path | None = None
    detector_labels: Path | None = None
    speech_model: str = POCKETSPHINX
    threads: int = field(default_factory=usable_cores)


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What S3 says about an object. ``etag`` comes without its quotes; ``version`` is None in an unversioned bucket."""

    size_bytes: int
    etag: str
    version: str | None
    content_type: str


class Task(Protocol):
    """One job, seen by its engine."""

    job_id: str
    request: dict[str, Any]  # as the service put it together; JSON-like
    settings: EngineSettings
    folder: Path  # private to this job, removed afterwards
    cache: Path  # shared by all jobs of this emulator, bounded: see cache.py

    def fetch(self, bucket: str, key: str, version: str | None = None, *, most_bytes: int | None = None) -> Path:
        """Download an object; the file's name comes from a digest, never from the key.

        Raises ``ObjectMissing``, ``AccessDenied``, ``TooLarge`` (before a byte is read) or ``ObjectBroken``.
        """

    def stat(self, bucket: str, key: str, version: str | None = None) -> ObjectFacts:
        """Ask about an object. Raises ``ObjectMissing`` or ``AccessDenied``."""

    def put(
        self,
        bucket: str,
        key: str,
        content: Path | bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Upload an object, so that S3's events fire. Raises ``ObjectMissing`` (no such bucket) or ``AccessDenied``."""

    def report(self, percent: int, phase: str = "", **details: Any) -> None:
        """Say how far the job is. Cheap: only a few reports a second are sent on."""

    def keep(self, name: str, content: bytes) -> str:
        """Keep a result too large to return; the server process reads it later at the path this gives."""


def local_name(bucket: str, key: str, version: str | None) -> str:
    """The name of the file that an object is downloaded to: no character of it is the user's.

    >>> local_name("media-raw", "../../etc/passwd", None)
    'object-d04a6d94d7fd3fcd482f02e0'
    """
    return f"object-{hashlib.sha256(chr(0).join((bucket, key, version or '')).encode()).hexdigest()[:24]}"


def kept_name(name: str) -> str:
    """``name`` if it is a plain file name. Raises ``ValueError``: an engine may not write elsewhere.

    >>> kept_name("labels.json")
    'labels.json'
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        raise ValueError(f"{name!r} is no plain file name for a kept result.")
    return name


class WireTask:
    """A task whose objects lie in the local AWS, spoken to over the wire; ``say`` sends a report to the server."""

    def __init__(
        self,
        *,
        job_id: str,
        request: dict[str, Any],
        settings: EngineSettings,
        folder: Path,
        cache: Path,
        results: Path,
        s3: Any,
        say: Callable[[int, str, dict[str, Any]], None],
    ) -> None:
        self.job_id = job_id
        self.request = request
        self.settings = settings
        self.folder = folder
        self.cache = cache
        self._results = results
        self._s3 = s3
        self._say = say
        self._said_at = float("-inf")
        self._phase: str | None = None

    def fetch(self, bucket: str, key: str, version: str | None = None, *, most_bytes: int | None = None) -> Path:
        path = self.folder / local_name(bucket, key, version)
        broken: Exception | None = None
        for _attempt in range(FETCH_ATTEMPTS):
            try:
                self._download(path, bucket, key, version, most_bytes)
            except (ObjectBroken, BotoCoreError) as error:
                broken = error
            else:
                return path
        raise ObjectBroken(f"s3://{bucket}/{key} did not arrive whole in {FETCH_ATTEMPTS} attempts: {broken}")

    def _download(self, path: Path, bucket: str, key: str, version: str | None, most_bytes: int | None) -> None:
        answer = self._ask("get_object", bucket, key, version)
        size_bytes, etag = answer["ContentLength"], answer["ETag"].strip('"')
        with closing(answer["Body"]) as body:
            if most_bytes is not None and size_bytes > most_bytes:
                raise TooLarge(
                    f"s3://{bucket}/{key} has {size_bytes} bytes, more than the {most_bytes} that are taken.",
                    size_bytes,
                )
            digest, received = hashlib.md5(usedforsecurity=False), 0
            with path.open("wb") as file:
                for block in body.iter_chunks(BLOCK_BYTES):
                    digest.update(block)
                    received += len(block)
                    file.write(block)
        if received != size_bytes:
            raise ObjectBroken(f"{received} of {size_bytes} bytes of s3://{bucket}/{key} arrived.")
        encrypted = answer.get("ServerSideEncryption") == "aws:kms" or "SSECustomerAlgorithm" in answer
        if PLAIN_MD5.fullmatch(etag) and not encrypted and digest.hexdigest() != etag:
            raise ObjectBroken(f"s3://{bucket}/{key} has ETag {etag}, what arrived has MD5 {digest.hexdigest()}.")

    def stat(self, bucket: str, key: str, version: str | None = None) -> ObjectFacts:
        answer = self._ask("head_object", bucket, key, version)
        return ObjectFacts(
            size_bytes=answer["ContentLength"],
            etag=answer["ETag"].strip('"'),
            version=answer.get("VersionId"),
            content_type=answer.get("ContentType", "binary/octet-stream"),
        )

    def _ask(self, operation: str, bucket: str, key: str, version: str | None) -> dict[str, Any]:
        chosen = {"VersionId": version} if version else {}
        try:
            return getattr(self._s3, operation)(Bucket=bucket, Key=key, **chosen)
        except ClientError as error:
            raise _named(error, bucket, key) from error

    def put(
        self,
        bucket: str,
        key: str,
        content: Path | bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        described = {"ContentType": content_type, "Metadata": dict(metadata or {})}
        try:
            if isinstance(content, bytes):
                self._s3.put_object(Bucket=bucket, Key=key, Body=content, **described)
            else:
                self._s3.upload_file(str(content), bucket, key, ExtraArgs=described, Config=ONE_REQUEST)
        except ClientError as error:
            raise _named(error, bucket, key) from error
        except boto3.exceptions.S3UploadFailedError as error:
            if isinstance(error.__context__, ClientError):
                raise _named(error.__context__, bucket, key) from error
            raise

    def report(self, percent: int, phase: str = "", **details: Any) -> None:
        now = time.monotonic()
        if phase == self._phase and now - self._said_at < REPORT_INTERVAL_S:
            return
        self._said_at, self._phase = now, phase
        self._say(min(100, max(0, int(percent))), phase, details)

    def keep(self, name: str, content: bytes) -> str:
        self._results.mkdir(parents=True, exist_ok=True)
        path = self._results / kept_name(name)
        path.write_bytes(content)
        return str(path)


def _named(error: ClientError, bucket: str, key: str) -> Exception:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in MISSING:
        return ObjectMissing(f"s3://{bucket}/{key} is not there: {code} {message}".rstrip())
    if code in DENIED:
        return AccessDenied(f"s3://{bucket}/{key} may not be used: {code} {message}".rstrip())
    return error
