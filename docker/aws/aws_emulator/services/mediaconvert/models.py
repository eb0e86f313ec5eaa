"""MediaConvert's state in an account and region: jobs in queues, and what jobs are made from."""

from __future__ import annotations

import copy
import json
import secrets
import string
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from aws_emulator.jobs.errors import QueueFull
from aws_emulator.jobs.queue import JOBS, WORKERS, Job
from aws_emulator.services.mediaconvert import checks, events, faults, merging
from aws_emulator.services.mediaconvert.exceptions import (
    BadRequestException,
    ConflictException,
    NotFoundException,
)
from aws_emulator.services.mediaconvert.ignored import ignored
from aws_emulator.services.mediaconvert.library import Shelf, page

ENTRY = "aws_emulator.services.mediaconvert.engine:run"
TOKEN_PROTECTS_S = 60.0  # "If you reuse a client request token within one minute"
KEPT_S = 90 * 24 * 3600  # "job history is available for three months"
RETRY_S = 1.0  # when the emulator's own queue is full
DEFAULT_QUEUE = "Default"
ACTIVE = frozenset({"SUBMITTED", "PROGRESSING"})
ACCEPTED = ("BillingTagsSource", "ClientRequestToken", "HopDestinations", "JobEngineVersion", "UserMetadata")


@dataclass(slots=True)
class Entry:
    """A job: ``wire`` is what GetJob answers, the rest is how it runs."""

    wire: dict[str, Any]
    settings: dict[str, Any]  # with template and presets put in
    queue: str  # name
    handed_over: bool = False  # to the emulator's job queue
    updated_at: float = 0.0  # of the last STATUS_UPDATE


class MediaConvertBackend(BaseBackend):
    """Also the listener of its jobs, which it is told about by the emulator's job queue."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._tokens: dict[str, tuple[float, str, str]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.queues = Shelf("queues", "queue", self.arn)
        self.templates = Shelf("jobTemplates", "job template", self.arn)
        self.presets = Shelf("presets", "preset", self.arn)
        self.queues.create(
            DEFAULT_QUEUE, {"PricingPlan": "ON_DEMAND", "Status": "ACTIVE", "ConcurrentJobs": WORKERS}, "SYSTEM"
        )

    def reset(self) -> None:
        """Forget everything; what runs is stopped."""
        for job_id in list(self._entries):
            JOBS.cancel(job_id)
        super().reset()

    def arn(self, resource: str) -> str:
        """The ARN of a resource: ``queues/Default`` or so."""
        return f"arn:aws:mediaconvert:{self.region_name}:{self.account_id}:{resource}"

    # Jobs

    def create_job(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Check a job and queue it. A token that was used in the last minute gives the job that it was used for.

        Raises ``BadRequestException``, ``NotFoundException`` (template, queue), ``ConflictException`` (token).
        """
        with self._lock:
            fingerprint = json.dumps(params, sort_keys=True, default=str)
            token = params.get("ClientRequestToken")
            if token and (known := self._remembered(token, fingerprint)):
                return copy.deepcopy(known.wire)
            template = self.templates.find(params["JobTemplate"]) if params.get("JobTemplate") else {}
            settings = merging.with_template(template.get("Settings", {}), params["Settings"])
            resolved = merging.with_presets(settings, self._preset_settings)
            if found := checks.problems(resolved):
                raise BadRequestException(checks.describe(found))
            queue = self.queues.find(params.get("Queue") or template.get("Queue") or DEFAULT_QUEUE)
            entry = self._entered(params, template, settings, resolved, queue)
            self.tag(entry.wire["Arn"], params.get("Tags") or {})
            if token:
                self._tokens[token] = (time.monotonic(), fingerprint, entry.wire["Id"])
            answer = copy.deepcopy(entry.wire)
            self._hand_over()
            return answer

    def _remembered(self, token: str, fingerprint: str) -> Entry | None:
        now = time.monotonic()
        self._tokens = {t: kept for t, kept in self._tokens.items() if now - kept[0] < TOKEN_PROTECTS_S}
        if token not in self._tokens:
            return None
        _, of, job_id = self._tokens[token]
        if of != fingerprint:
            raise ConflictException(
                f"The client request token {token} was used for another request, which made job {job_id}."
            )
        return self._entries[job_id]

    def _preset_settings(self, name: str) -> Mapping[str, Any]:
        try:
            return self.presets.find(name)["Settings"]
        except NotFoundException as error:
            raise BadRequestException(error.message) from error

    def _entered(
        self, params: Mapping[str, Any], template: Mapping[str, Any], settings: dict[str, Any],
        resolved: dict[str, Any], queue: Mapping[str, Any],
    ) -> Entry:  # fmt: skip
        now = time.time()
        tail = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))
        job_id = f"{int(now * 1000)}-{tail}"
        acceleration = (
            params.get("AccelerationSettings") or template.get("AccelerationSettings") or {"Mode": "DISABLED"}
        )
        wire = {
            "Arn": self.arn(f"jobs/{job_id}"),
            "Id": job_id,
            "CreatedAt": int(now),
            "Queue": queue["Arn"],
            "Role": params["Role"],
            "Settings": settings,
            "Status": "SUBMITTED",
            "Priority": params.get("Priority", template.get("Priority", 0)),
            "StatusUpdateInterval": params.get("StatusUpdateInterval")
            or template.get("StatusUpdateInterval")
            or "SECONDS_60",
            "AccelerationSettings": acceleration,
            "AccelerationStatus": "NOT_APPLICABLE" if acceleration["Mode"] == "DISABLED" else "NOT_ACCELERATED",
            "BillingTagsSource": "JOB",
            "SimulateReservedQueue": params.get("SimulateReservedQueue", "DISABLED"),
            "Messages": {"Info": [], "Warning": _warnings(resolved, params)},
            "Timing": {"SubmitTime": int(now)},
            "UserMetadata": {},
            **{name: params[name] for name in ACCEPTED if name in params},
        }
        if template:
            wire["JobTemplate"] = template["Name"]
        entry = Entry(wire, resolved, queue["Name"])
        self._entries[job_id] = entry
        return entry

    def job(self, job_id: str) -> dict[str, Any]:
        """A job as it is now. Raises ``NotFoundException``."""
        with self._lock:
            self._forget_expired()
            if job_id not in self._entries:
                raise NotFoundException(f"The job {job_id} does not exist.")
            return copy.deepcopy(self._entries[job_id].wire)

    def jobs(self, params: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the jobs of ``Status`` and ``Queue``, newest first unless ``Order`` says otherwise."""
        with self._lock:
            self._forget_expired()
            queue = self.queues.find(params["Queue"])["Name"] if params.get("Queue") else None
            found = [
                entry.wire
                for entry in self._entries.values()
                if queue in (None, entry.queue) and params.get("Status") in (None, entry.wire["Status"])
            ]
            ordered = found if params.get("Order") == "ASCENDING" else found[::-1]
            listed, following = page(ordered, params, "ListJobs")
            return copy.deepcopy(listed), following

    def _forget_expired(self) -> None:
        oldest = time.time() - KEPT_S
        for job_id, entry in list(self._entries.items()):
            if entry.wire["CreatedAt"] >= oldest:
                return  # they stand in the order in which they were made
            if entry.wire["Status"] not in ACTIVE:
                del self._entries[job_id]
                self.tags.pop(entry.wire["Arn"], None)

    def cancel_job(self, job_id: str) -> None:
        """End a job that waits or runs. Raises ``NotFoundException``, and ``ConflictException`` if it has ended."""
        with self._lock:
            wire = self.job(job_id)
            entry = self._entries[job_id]
            if wire["Status"] == "CANCELED":
                return
            if wire["Status"] not in ACTIVE or (entry.handed_over and not JOBS.cancel(job_id)):
                raise ConflictException(f"The job {job_id} has ended and cannot be canceled any more.")
            entry.wire["Status"] = "CANCELED"
            entry.wire["Timing"]["FinishTime"] = int(time.time())
            entry.wire.pop("CurrentPhase", None)
            self._announce(entry, "CANCELED")
            self._hand_over()

    def _hand_over(self) -> None:
        """Hand jobs over to the emulator's queue: of each active queue as many as it runs at once, by priority."""
        with self._lock:
            for queue in self.queues:
                entries = [entry for entry in self._entries.values() if entry.queue == queue["Name"]]
                running = sum(entry.handed_over and entry.wire["Status"] in ACTIVE for entry in entries)
                waiting = [entry for entry in entries if not entry.handed_over and entry.wire["Status"] == "SUBMITTED"]
                waiting.sort(key=lambda entry: -entry.wire["Priority"])  # the oldest first among equals
                free = queue["ConcurrentJobs"] - running if queue["Status"] == "ACTIVE" else 0
                for entry in waiting[: max(0, free)]:
                    job_id = entry.wire["Id"]
                    job = Job(
                        job_id, "mediaconvert", self.account_id, self.region_name, ENTRY, {"settings": entry.settings}
                    )
                    try:
                        JOBS.submit(job, self)
                    except QueueFull:  # MediaConvert's own queues are long: try again later
                        timer = threading.Timer(RETRY_S, self._hand_over)
                        timer.daemon = True
                        timer.start()
                        return
                    entry.handed_over = True

    def _announce(self, entry: Entry, status: str, **more: Any) -> None:
        events.announce(self.account_id, self.region_name, copy.deepcopy(entry.wire), status, **more)

    # What the emulator's job queue says

    def on_started(self, job_id: str) -> None:
        with self._lock:
            if (entry := self._running(job_id)) is None:
                return
            entry.wire |= {"Status": "PROGRESSING", "CurrentPhase": "PROBING", "JobPercentComplete": 0}
            entry.wire["Timing"]["StartTime"] = int(time.time())
            entry.updated_at = time.monotonic()
            self._announce(entry, "PROGRESSING")

    def on_progress(self, job_id: str, percent: int, phase: str, details: dict[str, Any]) -> None:
        with self._lock:
            if (entry := self._running(job_id)) is None:
                return
            entry.wire |= {"CurrentPhase": phase, "JobPercentComplete": percent}
            if "inputs" in details:
                self._announce(entry, "INPUT_INFORMATION", inputDetails=details["inputs"])
            interval_s = int(entry.wire["StatusUpdateInterval"].removeprefix("SECONDS_"))
            if time.monotonic() - entry.updated_at >= interval_s:
                entry.updated_at = time.monotonic()
                frames, phase_percent = details.get("frames", 0), details.get("phase_percent", 0)
                self._announce(entry, "STATUS_UPDATE", **events.progress(phase, phase_percent, percent, frames))

    def on_complete(self, job_id: str, result: dict[str, Any]) -> None:
        with self._lock:
            if (entry := self._running(job_id)) is None:
                return
            entry.wire |= {"Status": "COMPLETE", "JobPercentComplete": 100}
            entry.wire.pop("CurrentPhase", None)
            entry.wire["Timing"]["FinishTime"] = int(time.time())
            entry.wire["Messages"]["Warning"] += result["messages"]
            entry.wire["OutputGroupDetails"] = [
                {"OutputDetails": [_output_detail(output) for output in group["outputs"]]}
                for group in result["outputGroups"]
            ]
            details = events.output_group_details(result["outputGroups"])
            self._announce(entry, "COMPLETE", outputGroupDetails=details)
            self._hand_over()

    def on_failed(self, job_id: str, code: str, message: str) -> None:
        with self._lock:
            if (entry := self._running(job_id)) is None:
                return
            number = int(code) if code.isdigit() else faults.UNKNOWN
            entry.wire |= {"Status": "ERROR", "ErrorCode": number, "ErrorMessage": message}
            entry.wire["Timing"]["FinishTime"] = int(time.time())
            self._announce(entry, "ERROR", errorCode=number, errorMessage=message)
            self._hand_over()

    def _running(self, job_id: str) -> Entry | None:
        entry = self._entries.get(job_id)
        return entry if entry is not None and entry.wire["Status"] in ACTIVE else None

    # Queues

    def create_queue(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A custom queue. Raises ``BadRequestException`` for a reserved one without a plan."""
        plan = params.get("PricingPlan", "ON_DEMAND")
        described: dict[str, Any] = {
            "PricingPlan": plan,
            "Status": params.get("Status", "ACTIVE"),
            "ConcurrentJobs": params.get("ConcurrentJobs", WORKERS),
        }
        if plan == "RESERVED":
            described["ReservationPlan"] = _reservation(params.get("ReservationPlanSettings"))
        with self._lock:
            queue = self.queues.create(params["Name"], described | _only(params, "Description"))
            self.tag(queue["Arn"], params.get("Tags") or {})
            return self.counted(queue)

    def update_queue(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Change a queue; one that is active again starts what waits in it."""
        changes = _only(params, "Description", "Status", "ConcurrentJobs")
        if "ReservationPlanSettings" in params:
            changes["ReservationPlan"] = _reservation(params["ReservationPlanSettings"])
        with self._lock:
            queue = self.queues.update(params["Name"], changes)
            self._hand_over()
            return self.counted(queue)

    def delete_queue(self, name: str) -> None:
        """Remove a queue. Raises ``ConflictException`` while jobs wait or run in it."""
        with self._lock:
            queue = self.counted(self.queues.find(name))
            if queue["SubmittedJobsCount"] or queue["ProgressingJobsCount"]:
                raise ConflictException(f"The queue {name} has jobs that wait or run.")
            self.queues.delete(name)

    def counted(self, queue: Mapping[str, Any]) -> dict[str, Any]:
        """A queue with the number of its jobs that wait and that run."""
        with self._lock:
            states = [entry.wire["Status"] for entry in self._entries.values() if entry.queue == queue["Name"]]
        return {
            **queue,
            "SubmittedJobsCount": states.count("SUBMITTED"),
            "ProgressingJobsCount": states.count("PROGRESSING"),
        }

    # Tags

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Give a new resource its tags; what was called so before, and deleted, had its own."""
        self.tags[arn] = dict(tags)

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a resource. Raises ``NotFoundException``."""
        known = {thing["Arn"] for shelf in (self.queues, self.templates, self.presets) for thing in shelf}
        if arn not in known and arn.removeprefix(self.arn("jobs/")) not in self._entries:
            raise NotFoundException(f"The resource {arn} does not exist.")
        return self.tags.setdefault(arn, {})


def _only(params: Mapping[str, Any], *wanted: str) -> dict[str, Any]:
    return {name: params[name] for name in wanted if params.get(name) is not None}


def _reservation(given: Mapping[str, Any] | None) -> dict[str, Any]:
    if not given:
        raise BadRequestException("reservationPlanSettings is required for a queue with the pricing plan RESERVED.")
    now = int(time.time())
    return {**given, "PurchasedAt": now, "ExpiresAt": now + 365 * 24 * 3600, "Status": "ACTIVE"}


def _warnings(settings: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    found = ignored(settings) + (["/hopDestinations"] if params.get("HopDestinations") else [])
    return [f"The local MediaConvert does nothing about {', '.join(found)}."] if found else []


def _output_detail(output: Mapping[str, Any]) -> dict[str, Any]:
    detail: dict[str, Any] = {"DurationInMs": output["duration_ms"]}
    if "width" in output:
        detail["VideoDetails"] = {"WidthInPx": output["width"], "HeightInPx": output["height"]}
    return detail


mediaconvert_backends = BackendDict(MediaConvertBackend, "mediaconvert")
