"""A service that sells jobs, in memory: it counts what it is asked, and misbehaves when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink
from airflow.triggers.base import TriggerEvent
from botocore.exceptions import ClientError, WaiterError

from aws_media.hooks.paid_job import Completion, JobState, JobStatus, PaidJobHook
from aws_media.operators.paid_job import MediaObject, PaidJobOperator
from aws_media.triggers.paid_job import PaidJobTrigger
from include.costs.rate_card import BilledUnits
from include.video.probe import MediaFacts


def client_error(code: str, message: str = "as the service says it", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "StartJob"
    )


class Studio:
    """What the service knows. Jobs end when the test says so, or at once with ``instant``."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.jobs: dict[str, SimpleNamespace] = {}
        self.starts = 0
        self.cancelled: list[str] = []
        self.cancellable = True
        self.lists_jobs = False
        """Jobs can be found by their token, as MediaConvert's can."""
        self.forgets_tokens = False
        """A token seen before starts another job, as with MediaConvert after a minute."""
        self.instant: JobState | None = None
        self.before_start: list[Exception | Callable[[], None]] = []
        """What happens to the next starts before they have any effect."""
        self.after_start: list[Exception | Callable[[], None]] = []
        """What happens to the next starts after the job was made: a lost reply, a killed worker."""
        self.before_answer: list[Exception] = []
        """What happens to the next questions: whether there is a job, and how it stands."""
        self.kept: list[str] = []
        self.standing: set[str] = set()

    def start(self, request: Mapping[str, Any], token: str, tags: Mapping[str, str]) -> str:
        with self.lock:
            self.starts += 1
            _happen(self.before_start)
            known = [job for job in self.jobs.values() if job.token == token]
            if known and not self.forgets_tokens:
                if (known[0].request, known[0].tags) != (dict(request), dict(tags)):
                    raise client_error("IdempotentParameterMismatchException")
                return known[0].job_id
            job = SimpleNamespace(
                job_id=f"job-{len(self.jobs) + 1}",
                token=token,
                tags=dict(tags),
                request=dict(request),
                state=self.instant or "active",
                code="",
                message="",
            )
            self.jobs[job.job_id] = job
            _happen(self.after_start)
            return job.job_id

    def end(self, state: JobState = "complete", *, code: str = "", message: str = "") -> None:
        """Let every job that is at work end."""
        for job in self.jobs.values():
            if job.state == "active":
                job.state, job.code, job.message = state, code, message

    @property
    def paid(self) -> int:
        """How many jobs were really made."""
        return len(self.jobs)


def _happen(what: list[Exception | Callable[[], None]]) -> None:
    if what:
        event = what.pop(0)
        if isinstance(event, BaseException):
            raise event
        event()


STUDIOS: list[Studio] = []


@contextmanager
def open_studio() -> Iterator[Studio]:
    """Make a studio the one that every ``StudioHook`` talks to."""
    STUDIOS.append(Studio())
    try:
        yield STUDIOS[-1]
    finally:
        STUDIOS.pop()


class StudioHook(PaidJobHook):
    service = "rekognition"
    quota_codes = frozenset({"LimitExceededException"})
    advice = {"UnsupportedCodec": "Convert it to H.264.", "InvalidParameterException": "Correct the parameter."}

    conn_partition = "aws"
    conn_region_name = "us-east-1"

    @property
    def studio(self) -> Studio:
        return STUDIOS[-1]

    def start(self, operation, request, *, token, tags):
        return self.studio.start(request, token, tags)

    def find(self, operation, *, token, tags):
        if not self.studio.lists_jobs:
            return None
        _happen(self.studio.before_answer)
        return next((job.job_id for job in self.studio.jobs.values() if job.token == token), None)

    def describe(self, operation, job_id):
        _happen(self.studio.before_answer)
        job = self.studio.jobs.get(job_id)
        if job is None:
            raise client_error("ResourceNotFoundException")
        return JobStatus(job_id=job_id, state=job.state, code=job.code, message=job.message)

    def waiter_arguments(self, operation, job_id):
        return {"JobId": job_id}

    def get_waiter(self, waiter_name, *args, **kwargs):
        return SimpleNamespace(wait=self._wait)

    def _wait(self, **arguments):
        state = self.studio.jobs[arguments["JobId"]].state
        if state == "active":
            raise WaiterError(name="job_complete", reason="Max attempts exceeded", last_response={})
        if state == "failed":
            raise WaiterError(name="job_complete", reason="Waiter encountered a terminal failure", last_response={})

    def cancel(self, operation, job_id):
        job = self.studio.jobs[job_id]
        if not self.studio.cancellable or job.state != "active":
            return False
        job.state, job.code = "failed", "CANCELED"
        self.studio.cancelled.append(job_id)
        return True

    @classmethod
    def completion_from_message(cls, message):
        return Completion(job_id=message["job_id"], state=message["state"])


class StudioTrigger(PaidJobTrigger):
    aws_hook_class = StudioHook

    async def run(self):
        STUDIOS[-1].end()
        yield TriggerEvent({"status": "success", "job_id": self.job_id, "state": "complete"})


class StudioLink(BaseAwsLink):
    name = "Studio"
    key = "studio_job"
    format_str = BASE_AWS_CONSOLE_LINK + "/studio/{job_id}?region={region_name}"


class StudioOperator(PaidJobOperator):
    """Buy a job on ``s3://bucket/key``."""

    aws_hook_class = StudioHook
    operation = "label_detection"
    trigger_class = StudioTrigger
    link_class = StudioLink
    operator_extra_links = (StudioLink(),)
    template_fields = PaidJobOperator.with_template_fields("bucket", "key")

    def __init__(self, *, bucket: str, key: str, confidence: float = 50.5, channel: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.confidence = confidence
        self.channel = channel

    def source(self) -> MediaObject:
        return MediaObject(bucket=self.bucket, key=self.key)

    def start_request(self) -> dict[str, Any]:
        return {"Video": {"Bucket": self.bucket, "Name": self.key}, "MinConfidence": self.confidence}

    def start_options(self) -> dict[str, Any]:
        return {"Channel": self.channel} if self.channel else {}

    def objection(self, media: MediaFacts) -> tuple[str, str] | None:
        if media.duration_s is not None and media.duration_s > 6 * 3600:
            return "TooLong", f"it lasts {media.duration_s / 3600:.1f} h, and 6 h is the most"
        return None

    def billed_units(self, media: MediaFacts) -> list[BilledUnits]:
        return [BilledUnits(item="rekognition.label_detection", quantity=media.duration_min)]

    def keep_result(self, status: JobStatus) -> dict[str, Any]:
        key = f"results/{status.job_id}.json"
        self.hook.studio.kept.append(key)
        self.hook.studio.standing.add(key)
        return {"result_key": key, "share": 0.25}

    def result_stands(self, result: dict[str, Any]) -> bool:
        return result["result_key"] in self.hook.studio.standing

    def returned(self, job_id: str, result: dict[str, Any]) -> str:
        return result["result_key"]
