"""Start MediaConvert jobs once, find them again, read what they wrote; keep job templates and queues as described."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from botocore.exceptions import ClientError

from aws_media.hooks.paid_job import Completion, JobState, JobStatus, PaidJobHook
from include.video.mediaconvert import (
    OutputFile,
    files_read,
    files_written,
    merge_settings,
    presets_named,
    with_presets,
)

STATES: dict[str, JobState] = {
    "SUBMITTED": "active",
    "PROGRESSING": "active",
    "COMPLETE": "complete",
    "ERROR": "failed",
    "CANCELED": "failed",
}

MOST_JOBS_LOOKED_THROUGH = 1000
"""How far back :meth:`MediaConvertHook.find` looks; ListJobs gives 20 a page, so these are 50 requests at most."""

ALSO_READS = "AlsoReads"
"""Member of a request that is not sent: versions of what a job reads besides its first input, for the ledger."""

IAM = "The role of the job must exist, trust mediaconvert.amazonaws.com, read the input and write the output."
UNREADABLE = "Check that the object is a whole media file in a container and codec that MediaConvert reads; play it."


class MediaConvertHook(PaidJobHook):
    """Sell transcoding jobs. The client is ``conn``.

    A ``ClientRequestToken`` keeps MediaConvert from making a job twice for one minute only. The token therefore also
    stands in the job's ``UserMetadata``, by which :meth:`find` knows the job again.
    """

    if TYPE_CHECKING:
        conn: Any

    service = "mediaconvert"
    quota_codes = frozenset(
        {"TooManyRequestsException", "ServiceQuotaExceededException", "ThrottlingException", "ConflictException"}
    )
    # the codes of https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_error_codes.html, read 2025-11
    advice: ClassVar[Mapping[str, str]] = {
        "1010": f"An input could not be opened. {UNREADABLE}",
        "1020": "The input has no video: leave the video out of the outputs, or give another input.",
        "1021": "The input has no audio: leave the audio selector out, or give another input.",
        "1030": "The container or codec is not supported: convert the file first (H.264 in MP4 is).",
        "1040": "The settings contradict each other or do not fit this input: see the message for the setting.",
        "1041": "Accelerated transcoding cannot do these settings: turn it off.",
        "1042": "The job is too small for accelerated transcoding: turn it off.",
        "1056": f"An input or output could not be opened. {IAM}",
        "1060": "The clip's timecodes lie outside the input: set TimecodeSource to ZEROBASED, or other timecodes.",
        "1075": f"The file is damaged. {UNREADABLE}",
        "1076": "The file ends too early: upload it again.",
        "1092": f"The audio cannot be decoded. {UNREADABLE}",
        "1401": f"S3 denied access. {IAM}",
        "1404": "The input object or a bucket is not there: check FileInput and Destination.",
        "1432": IAM,
        "1433": IAM,
        "1434": IAM,
        "1515": IAM,
        "1517": "The output bucket refused the file: check its policy, encryption and object lock.",
        "1999": "MediaConvert failed without a reason: try again, then ask AWS Support with the job id.",
        "3401": "The server of the input asks for a login, which MediaConvert cannot give: put the file into S3.",
        "3403": "The server of the input refuses it: put the file into S3.",
        "3404": "The server of the input does not have it: check the URL.",
        "CANCELED": "Somebody cancelled the job. The next try starts another, unless you mark the task failed.",
        "AccessDeniedException": "Allow mediaconvert:CreateJob, and iam:PassRole for the role of the job.",
        "ForbiddenException": "Allow mediaconvert:CreateJob, and iam:PassRole for the role of the job.",
        "BadRequestException": "Correct the settings: the message names the one that is refused.",
        "NotFoundException": "Check the names of queue, job template and presets, and the region.",
    }

    def start(self, operation: str, request: Mapping[str, Any], *, token: str, tags: Mapping[str, str]) -> str:
        """Create the job, marked with ``token`` and ``tags`` in its metadata and its tags, and return its id.

        Within a minute MediaConvert itself answers a repeated token with the first job; ``ConflictException`` means
        that the first request is still under way there, or that its reply was lost, so the job is looked for.
        """
        marks = {**tags, "token": token}
        try:
            answer = self.conn.create_job(
                **{
                    **{name: value for name, value in request.items() if name != ALSO_READS},
                    "ClientRequestToken": token,
                    "UserMetadata": {**request.get("UserMetadata", {}), **marks},
                    "Tags": {**request.get("Tags", {}), **{key: _tag_value(value) for key, value in tags.items()}},
                }
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
            job_id = self.find(operation, token=token, tags=tags)
            if job_id is None:
                raise
            return job_id
        return answer["Job"]["Id"]

    def find(self, operation: str, *, token: str, tags: Mapping[str, str]) -> str | None:  # noqa: ARG002
        """Look for the job with ``token`` in its metadata among the last :data:`MOST_JOBS_LOOKED_THROUGH`."""
        jobs = islice(self.iter_jobs(), MOST_JOBS_LOOKED_THROUGH)
        return next((job["Id"] for job in jobs if job.get("UserMetadata", {}).get("token") == token), None)

    def iter_jobs(self, **filters: str) -> Iterator[dict[str, Any]]:
        """Yield the jobs of the region, the newest first, page after page; ``filters``: ListJobs' Queue, Status."""
        pages = self.conn.get_paginator("list_jobs").paginate(
            Order="DESCENDING", **filters, PaginationConfig={"PageSize": 20}
        )
        for page in pages:
            yield from page["Jobs"]

    def describe(self, operation: str, job_id: str) -> JobStatus:  # noqa: ARG002
        """Ask how the job stands. A failed job's ``code`` is MediaConvert's number as text, or ``CANCELED``."""
        job = self.conn.get_job(Id=job_id)["Job"]
        status = job["Status"]
        code = {"ERROR": str(job.get("ErrorCode", status)), "CANCELED": status}.get(status, "")
        return JobStatus(
            job_id=job_id,
            state=STATES[status],
            code=code,
            message=job.get("ErrorMessage", ""),
            asset=next(iter(files_read(job.get("Settings", {}))), ""),
            percent=100 if status == "COMPLETE" else job.get("JobPercentComplete"),
            answer=job,
        )

    def waiter_arguments(self, operation: str, job_id: str) -> dict[str, Any]:  # noqa: ARG002
        return {"Id": job_id}

    def cancel(self, operation: str, job_id: str) -> bool:  # noqa: ARG002
        """Cancel a job that waits or runs; ``False`` when it has ended already."""
        try:
            self.conn.cancel_job(Id=job_id)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"ConflictException", "BadRequestException", "NotFoundException"}:
                return False
            raise
        return True

    @classmethod
    def completion_from_message(cls, message: Mapping[str, Any]) -> Completion | None:
        """Read an EventBridge event "MediaConvert Job State Change"; ``None`` for progress and anything else.

        >>> MediaConvertHook.completion_from_message(
        ...     {"source": "aws.mediaconvert", "detail": {"jobId": "1-a", "status": "COMPLETE"}}
        ... )
        Completion(job_id='1-a', state='complete')
        >>> MediaConvertHook.completion_from_message(
        ...     {"source": "aws.mediaconvert", "detail": {"jobId": "1-a", "status": "STATUS_UPDATE"}}
        ... )
        """
        detail = message.get("detail")
        if message.get("source") != "aws.mediaconvert" or not isinstance(detail, Mapping):
            return None
        state = STATES.get(detail.get("status", ""))
        if state in (None, "active") or "jobId" not in detail:
            return None
        return Completion(job_id=detail["jobId"], state=state)

    def files_written(self, job_id: str) -> list[OutputFile]:
        """List what a job writes, told from its settings: GetJob gives lengths and sizes, but no paths."""
        return self.files_written_by(self.conn.get_job(Id=job_id)["Job"])

    def files_written_by(self, job: Mapping[str, Any]) -> list[OutputFile]:
        """List what a job that GetJob answered writes."""
        return files_written(self.effective_settings(job["Settings"]), job.get("OutputGroupDetails", []))

    def effective_settings(self, settings: Mapping[str, Any], job_template: str | None = None) -> dict[str, Any]:
        """Return ``settings`` with what their job template and their outputs' presets say beneath them.

        It is what the job will do, known before the job is there: for the estimate, and for the ledger.
        """
        if job_template:
            settings = merge_settings(
                self.conn.get_job_template(Name=job_template)["JobTemplate"]["Settings"], settings
            )
        presets = {name: self._preset(name) for name in sorted(presets_named(settings))}
        return with_presets(settings, presets)

    def _preset(self, name: str) -> dict[str, Any]:
        """Return the settings of a preset; none when it was deleted, for jobs outlive their presets."""
        try:
            return self.conn.get_preset(Name=name)["Preset"]["Settings"]
        except self.conn.exceptions.NotFoundException:
            return {}

    def ensure_job_template(self, name: str, *, tags: Mapping[str, str] | None = None, **content: Any) -> str:
        """Make the template ``name`` hold exactly ``content`` (Settings, Description, ...) and return its ARN.

        One that holds it is left alone. ``tags`` are set when the template is made.
        """
        try:
            there = self.conn.get_job_template(Name=name)["JobTemplate"]
        except self.conn.exceptions.NotFoundException:
            try:
                made = self.conn.create_job_template(Name=name, **content, **({"Tags": dict(tags)} if tags else {}))
                return made["JobTemplate"]["Arn"]
            except self.conn.exceptions.ConflictException:  # somebody was quicker
                there = self.conn.get_job_template(Name=name)["JobTemplate"]
        if any(there.get(key) != value for key, value in content.items()):
            there = self.conn.update_job_template(Name=name, **content)["JobTemplate"]
        return there["Arn"]

    def ensure_queue(self, name: str, *, tags: Mapping[str, str] | None = None, **content: Any) -> str:
        """Make the queue ``name`` be as ``content`` says (Status, Description, ConcurrentJobs) and return its ARN.

        What ``content`` does not name stays as it is. ``tags`` and ``PricingPlan`` count when the queue is made.
        """
        try:
            there = self.conn.get_queue(Name=name)["Queue"]
        except self.conn.exceptions.NotFoundException:
            try:
                made = self.conn.create_queue(Name=name, **content, **({"Tags": dict(tags)} if tags else {}))
                return made["Queue"]["Arn"]
            except self.conn.exceptions.ConflictException:  # somebody was quicker
                there = self.conn.get_queue(Name=name)["Queue"]
        wanted = {key: value for key, value in content.items() if key != "PricingPlan"}
        if any(there.get(key) != value for key, value in wanted.items()):
            there = self.conn.update_queue(Name=name, **wanted)["Queue"]
        return there["Arn"]

    def delete_if_there(self, kind: Literal["job_template", "queue"], name: str) -> None:
        """Delete a job template or a queue. It may be gone already."""
        with suppress(self.conn.exceptions.NotFoundException):
            getattr(self.conn, f"delete_{kind}")(Name=name)


def _tag_value(text: str) -> str:
    """Make ``text`` a value that AWS takes in a tag: 256 letters, digits, spaces and ``_.:/=+-@``.

    >>> _tag_value("manual__2025-11-20T10:00:00+00:00")
    'manual__2025-11-20T10:00:00+00:00'
    >>> _tag_value("nächster*Lauf")
    'nächster_Lauf'
    """
    return re.sub(r"[^\w .:/=+@-]", "_", text)[:256]
