"""A task without a server, to try an engine by itself: in its tests, in a benchmark, at a prompt.

task = LoneTask(tmp_path, {"Input": "..."}, objects={("in", "clip.mp4"): Path("clip.mp4")})
result = engine.run(task)
task.stored["out", "clip.m3u8"], task.reports, task.kept
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_emulator.jobs.errors import AccessDenied, ObjectMissing, TooLarge
from aws_emulator.jobs.task import EngineSettings, ObjectFacts, kept_name, local_name


class LoneTask:
    """A ``Task`` whose objects are files or bytes given beforehand. ``buckets`` may be written to; others are missing.

    ``denied`` holds the (bucket, key) pairs that answer ``AccessDenied``. Every version of an object is the same.
    """

    def __init__(
        self,
        folder: Path,
        request: dict[str, Any],
        *,
        objects: Mapping[tuple[str, str], Path | bytes] | None = None,
        buckets: tuple[str, ...] = (),
        denied: frozenset[tuple[str, str]] = frozenset(),
        settings: EngineSettings | None = None,
        job_id: str = "job-1",
    ) -> None:
        self.job_id = job_id
        self.request = request
        self.settings = settings or EngineSettings()
        self.folder = folder / "job"
        self.cache = folder / "cache"
        for made in (self.folder, self.cache, folder / "results"):
            made.mkdir(parents=True, exist_ok=True)
        self._results = folder / "results"
        self._objects = dict(objects or {})
        self._buckets = {bucket for bucket, _ in self._objects} | set(buckets)
        self._denied = denied
        self.stored: dict[tuple[str, str], bytes] = {}
        self.content_types: dict[tuple[str, str], str] = {}
        self.metadata: dict[tuple[str, str], dict[str, str]] = {}
        self.reports: list[tuple[int, str, dict[str, Any]]] = []

    def fetch(self, bucket: str, key: str, version: str | None = None, *, most_bytes: int | None = None) -> Path:
        facts = self.stat(bucket, key, version)
        if most_bytes is not None and facts.size_bytes > most_bytes:
            raise TooLarge(f"s3://{bucket}/{key} has {facts.size_bytes} bytes.", facts.size_bytes)
        path = self.folder / local_name(bucket, key, version)
        content = self._objects[bucket, key]
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_bytes(content)
        return path

    def stat(self, bucket: str, key: str, version: str | None = None) -> ObjectFacts:
        if (bucket, key) in self._denied:
            raise AccessDenied(f"s3://{bucket}/{key} may not be used.")
        if (bucket, key) not in self._objects:
            raise ObjectMissing(f"s3://{bucket}/{key} is not there.")
        content = self._objects[bucket, key]
        raw = content.read_bytes() if isinstance(content, Path) else content
        etag = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        return ObjectFacts(len(raw), etag, version, "binary/octet-stream")

    def put(
        self,
        bucket: str,
        key: str,
        content: Path | bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if (bucket, key) in self._denied:
            raise AccessDenied(f"s3://{bucket}/{key} may not be used.")
        if bucket not in self._buckets:
            raise ObjectMissing(f"s3://{bucket}/{key} is not there: NoSuchBucket")
        self.stored[bucket, key] = content.read_bytes() if isinstance(content, Path) else content
        self.content_types[bucket, key] = content_type
        self.metadata[bucket, key] = dict(metadata or {})

    def report(self, percent: int, phase: str = "", **details: Any) -> None:
        self.reports.append((percent, phase, details))

    def keep(self, name: str, content: bytes) -> str:
        path = self._results / kept_name(name)
        path.write_bytes(content)
        return str(path)
