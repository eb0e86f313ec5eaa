"""State of Amazon Rekognition Video, one backend for each account and region."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends

from aws_emulator.announcements import notify_topic
from aws_emulator.jobs.errors import INTERNAL, QueueFull
from aws_emulator.jobs.queue import JOBS, Job
from aws_emulator.services.rekognition.analyses import Analysis
from aws_emulator.services.rekognition.exceptions import (
    IdempotentParameterMismatchException,
    InvalidPaginationTokenException,
    InvalidParameterException,
    InvalidS3ObjectException,
    LimitExceededException,
    ResourceNotFoundException,
    ThrottlingException,
    VideoTooLargeException,
)
from aws_emulator.services.rekognition.geometry import is_region
from aws_emulator.services.rekognition.pages import MOST_RESULTS, aggregated, offset_of, sorted_by_name, token_for

ENTRY = "aws_emulator.services.rekognition.engine:run"
MOST_JOBS = 20  # in progress at once, all analyses together; a default quota of AWS
LARGEST_BYTES = 10 * 1024**3
KEPT_S = 7 * 24 * 3600  # "results are kept for 7 days"
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
Json = dict[str, Any]


@dataclass(slots=True)
class VideoJob:
    """A job, as long as its result is kept."""

    job_id: str
    analysis: Analysis
    params: Json
    started_at: float
    status: str = "IN_PROGRESS"
    message: str = ""
    result: Json = field(default_factory=dict)

    @property
    def video(self) -> Json:
        """The Video of the request."""
        return self.params["Video"]


class RekognitionBackend(BaseBackend):
    """Jobs of one account in one region. It is also the listener of its jobs."""

    clock: Callable[[], float] = staticmethod(time.time)  # seconds since the epoch

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._jobs: dict[str, VideoJob] = {}
        self._tokens: dict[tuple[str, str], str] = {}  # (analysis, ClientRequestToken) -> job id

    def reset(self) -> None:
        with self._lock:
            for job_id, job in self._jobs.items():
                JOBS.cancel(job_id)
                _discard(job)
        super().reset()

    def start(self, analysis: Analysis, params: Json) -> str:
        """Accept a job and return its id; that of the job before for a token that was used before."""
        refuse_start(params)
        with self._lock:
            self._forget_expired()
            token = (analysis.name, params.get("ClientRequestToken", ""))
            if token[1] and token in self._tokens:
                job = self._jobs[self._tokens[token]]
                if job.params != params:
                    raise IdempotentParameterMismatchException
                return job.job_id
            place = params["Video"]["S3Object"]
            self._refuse_object(place["Bucket"], place["Name"], place.get("Version"))
            if sum(job.status == "IN_PROGRESS" for job in self._jobs.values()) >= MOST_JOBS:
                raise LimitExceededException(
                    f"{MOST_JOBS} Amazon Rekognition Video jobs are in progress, and no more may be at once. Try again "
                    "when one of them has ended."
                )
            job = VideoJob(secrets.token_hex(32), analysis, params, self.clock())
            request = {"analysis": analysis.name, "parameters": params, "bucket": place["Bucket"], "key": place["Name"]}
            request["version"] = place.get("Version")
            self._jobs[job.job_id] = job
            try:
                JOBS.submit(Job(job.job_id, "rekognition", self.account_id, self.region_name, ENTRY, request), self)
            except QueueFull as error:
                del self._jobs[job.job_id]
                raise ThrottlingException(f"Too many jobs wait in the local AWS: {error}") from error
            if token[1]:
                self._tokens[token] = job.job_id
            return job.job_id

    def _refuse_object(self, bucket_name: str, key: str, version: str | None) -> None:
        """Refuse a video that is not there, in another region, archived or too large."""
        s3 = s3_backends[self.account_id][self.partition]
        try:
            bucket = s3.get_bucket(bucket_name)
            video = s3.get_object(bucket_name, key, version_id=version)
        except ServiceException as error:
            raise InvalidS3ObjectException from error
        if video is None or bucket.region_name != self.region_name:
            raise InvalidS3ObjectException
        if video.storage_class in ARCHIVED and video.expiry_date is None:
            raise InvalidS3ObjectException
        if video.size > LARGEST_BYTES:
            raise VideoTooLargeException(
                f"The video has {video.size} bytes. The maximum file size is {LARGEST_BYTES // 1024**3} GB."
            )

    def job(self, analysis: Analysis, job_id: str) -> VideoJob:
        """The job of this analysis with this id. Raises ``ResourceNotFoundException``."""
        with self._lock:
            self._forget_expired()
            job = self._jobs.get(job_id)
        if job is None or job.analysis != analysis:
            raise ResourceNotFoundException
        return job

    def page(self, job: VideoJob, params: Json) -> tuple[list[Json], str | None]:
        """One page of what a job found, as ``params`` of its Get operation ask, and the token of the next."""
        sort, aggregate = params.get("SortBy", "TIMESTAMP"), params.get("AggregateBy", "TIMESTAMPS")
        binding = (job.job_id, sort, aggregate)
        offset = 0
        if token := params.get("NextToken"):
            place = offset_of(token, binding)
            if place is None:
                raise InvalidPaginationTokenException
            offset = place
        items = _arranged(
            job.result["found"], job.analysis.entry, sort, aggregate, job.result["video"]["DurationMillis"]
        )
        end = offset + min(params.get("MaxResults", MOST_RESULTS), MOST_RESULTS)
        return items[offset:end], token_for(end, binding) if end < len(items) else None

    def _forget_expired(self) -> None:
        oldest = self.clock() - KEPT_S
        for job_id, job in list(self._jobs.items()):
            if job.started_at < oldest and job.status != "IN_PROGRESS":
                del self._jobs[job_id]
                _discard(job)
        self._tokens = {token: job_id for token, job_id in self._tokens.items() if job_id in self._jobs}

    # the listener of the jobs: called by the queue's threads

    def on_started(self, job_id: str) -> None:
        """Rekognition's status does not tell waiting from running."""

    def on_progress(self, job_id: str, percent: int, phase: str, details: Json) -> None:
        """Rekognition tells nobody how far a job is."""

    def on_complete(self, job_id: str, result: Json) -> None:
        self._end(job_id, "SUCCEEDED", result=result)

    def on_failed(self, job_id: str, code: str, message: str) -> None:
        self._end(job_id, "FAILED", message=f"Internal server error. {message}" if code == INTERNAL else message)

    def _end(self, job_id: str, status: str, *, message: str = "", result: Json | None = None) -> None:
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return
            job.status, job.message, job.result = status, message, result or {}
        channel = job.params.get("NotificationChannel")
        if channel is not None:
            notify_topic(channel["SNSTopicArn"], self._completion(job))

    def _completion(self, job: VideoJob) -> Json:
        """The message of https://docs.aws.amazon.com/rekognition/latest/dg/video-notification-payload.html ."""
        place = job.video["S3Object"]
        tag = {"JobTag": job.params["JobTag"]} if "JobTag" in job.params else {}
        return {
            "JobId": job.job_id,
            "Status": job.status,
            "API": f"Start{job.analysis.name}",
            **tag,
            "Timestamp": int(self.clock() * 1000),
            "Video": {"S3ObjectName": place["Name"], "S3Bucket": place["Bucket"]},
        }


def _discard(job: VideoJob) -> None:
    if job.result:
        Path(job.result["found"]).unlink(missing_ok=True)


def refuse_start(params: Json) -> None:
    """Raise ``InvalidParameterException`` for what the service model allows and the service does not."""
    place = params["Video"].get("S3Object", {})
    if not (place.get("Bucket") and place.get("Name")):
        raise InvalidParameterException("Request has invalid parameters: Video needs an S3Object's Bucket and Name.")
    for region in params.get("Filters", {}).get("RegionsOfInterest", ()):
        if not is_region(region):
            raise InvalidParameterException(
                "Request has invalid parameters: a region of interest is either a BoundingBox or a Polygon, within "
                "the picture and not empty."
            )


@lru_cache(maxsize=8)  # a client reads page after page
def _arranged(path: str, entry: str | None, sort: str, aggregate: str, end_ms: int) -> list[Json]:
    found = json.loads(Path(path).read_text())
    items: list[Json] = found["items"]
    if entry is not None and aggregate == "SEGMENTS":
        items = aggregated(items, entry, found["samples_ms"], end_ms)
    if entry is not None and sort == "NAME":
        items = sorted_by_name(items, entry)
    return items


rekognition_backends = BackendDict(RekognitionBackend, "rekognition")
