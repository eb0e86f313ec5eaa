"""Transcode with MediaConvert: jobs that are paid for once, and the templates and queues they use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from aws_media.errors import PaidJobRefused, PaidJobRefusedForGood, code_and_message, is_open
from aws_media.hooks.mediaconvert import ALSO_READS, MediaConvertHook
from aws_media.hooks.paid_job import JobStatus
from aws_media.links.mediaconvert import MediaConvertJobLink
from aws_media.media_object import MediaObject, StoredMedia
from aws_media.operators.paid_job import PaidJobOperator
from aws_media.triggers.mediaconvert import MediaConvertJobTrigger
from include.costs.mediaconvert import billed_outputs
from include.costs.rate_card import BilledUnits
from include.settings import SETTINGS
from include.video.mediaconvert import OutputFile, files_read
from include.video.probe import MediaFacts

if TYPE_CHECKING:
    from airflow.sdk import Context
    from mypy_boto3_s3.type_defs import ObjectTypeDef


class MediaConvertCreateJobOperator(PaidJobOperator):
    """Transcode a file: create a job, wait for it, return its id.

    :class:`MediaConvertHook`'s ``files_written(job_id)`` tells the paths. The same inputs in the same versions with the
    same settings are one job, whoever asks; metadata, tags, role, queue and priority do not make another one.

    :param settings: the job's settings, or what it overrides of its template: ``Inputs``, ``OutputGroups``. (templated)
    :param job_template: name of a job template; what it and the presets say is part of what is asked for. (templated)
    :param role_arn: role with which MediaConvert reads and writes the buckets. (templated)
    :param queue_arn: name or ARN of the queue; the account's default one if unset. (templated)
    :param user_metadata: kept with the job and told in its events. (templated)
    :param tags: tags of the job, on which its cost can be reported. (templated)
    :param priority: -50 to 50 within the queue; the highest is done first.
    :param create_job_kwargs: other members of CreateJob, such as ``AccelerationSettings``. (templated)
    """

    aws_hook_class = MediaConvertHook
    operation = "job"
    trigger_class = MediaConvertJobTrigger
    link_class = MediaConvertJobLink
    operator_extra_links = (MediaConvertJobLink(),)
    rereads_results = False  # MediaConvert keeps no copy of the outputs
    status_queries = ("Job.Status", "Job.JobPercentComplete")
    template_fields: Sequence[str] = PaidJobOperator.with_template_fields(
        "settings", "job_template", "role_arn", "queue_arn", "user_metadata", "tags", "create_job_kwargs"
    )
    template_fields_renderers: ClassVar[dict] = dict.fromkeys(
        ("settings", "user_metadata", "tags", "create_job_kwargs"), "json"
    )

    def __init__(
        self,
        *,
        settings: dict[str, Any] | None = None,
        job_template: str | None = None,
        role_arn: str = SETTINGS.mediaconvert_role_arn,
        queue_arn: str | None = None,
        user_metadata: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        priority: int | None = None,
        create_job_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings or {}
        self.job_template = job_template
        self.role_arn = role_arn
        self.queue_arn = queue_arn
        self.user_metadata = user_metadata or {}
        self.tags = tags or {}
        self.priority = priority
        self.create_job_kwargs = create_job_kwargs or {}

    @cached_property
    def _effective_settings(self) -> dict[str, Any]:
        """Return what the job will do, with its template and presets.

        :raises PaidJobRefused: when these cannot be read; for good, when they are not there.
        """
        try:
            return cast("MediaConvertHook", self.hook).effective_settings(self.settings, self.job_template)
        except ClientError as error:
            code, message = code_and_message(error)
            passing = is_open(error) or code in self.hook.quota_codes
            kind = PaidJobRefused if passing else PaidJobRefusedForGood
            raise kind(
                service="mediaconvert job",
                asset=next(iter(files_read(self.settings)), "no input"),
                job_id=None,
                code=code,
                message=f"job template {self.job_template} or a preset cannot be read: {message}",
                advice=self.hook.advice.get(code),
            ) from error

    def source(self) -> MediaObject:
        """Return the first input.

        :raises PaidJobRefusedForGood: when there is none, or when it does not lie in S3.
        """
        read = files_read(self._effective_settings)
        if not read or not read[0].startswith("s3://"):
            raise PaidJobRefusedForGood(
                service="mediaconvert job",
                asset=read[0] if read else "no input",
                job_id=None,
                code="NoInputInS3",
                message="the first input is no s3://bucket/key, so that its version cannot be told.",
                advice="Set settings['Inputs'][0]['FileInput'].",
            )
        return _object_at(read[0])

    def start_request(self) -> dict[str, Any]:
        request: dict[str, Any] = {**self.create_job_kwargs, "Settings": self.settings}
        if self.job_template:
            request["JobTemplate"] = self.job_template
        also: dict[str, Any] = {
            url: self._version(url) for url in files_read(self._effective_settings)[1:] if url.startswith("s3://")
        }
        if self._effective_settings != self.settings:
            also["settings"] = self._effective_settings  # a changed template or preset asks for another result
        return {**request, ALSO_READS: also} if also else request

    def start_options(self) -> dict[str, Any]:
        options = {
            "Role": self.role_arn,
            "Queue": self.queue_arn,
            "Priority": self.priority,
            "UserMetadata": self.user_metadata,
            "Tags": self.tags,
        }
        return {name: value for name, value in options.items() if value not in (None, "", {})}

    def billed_units(self, media: MediaFacts) -> list[BilledUnits]:
        accelerated = self.create_job_kwargs.get("AccelerationSettings", {}).get("Mode", "DISABLED") != "DISABLED"
        return billed_outputs(self._effective_settings, media, accelerated=accelerated)

    def keep_result(self, status: JobStatus) -> dict[str, Any]:
        """Keep the paths and sizes of the outputs that are there; MediaConvert has written them to S3 itself."""
        outputs = []
        for file in cast("MediaConvertHook", self.hook).files_written_by(status.answer):
            if (found := self._found(file)) is None:
                self.log.warning("Job %s should have written %s, which is not there", status.job_id, file.path)
            else:
                outputs.append({"path": file.path, "size_bytes": found["Size"] if file.exact else None})
        return {"outputs": outputs}

    def result_stands(self, result: dict[str, Any]) -> bool:
        """Say whether every output is there, and has the size with which this job wrote it: another may write there."""
        return all(
            (found := self._found(OutputFile(path=output["path"]))) is not None
            and output["size_bytes"] in (None, found["Size"])
            for output in result["outputs"]
        )

    def returned(self, job_id: str, result: dict[str, Any]) -> str:  # noqa: ARG002
        return job_id

    def _version(self, url: str) -> str | None:
        """Return the version of an object, ``None`` when it may not be read: MediaConvert will say why."""
        try:
            return StoredMedia.look_up(self._s3, _object_at(url), service="mediaconvert job").version
        except PaidJobRefusedForGood:
            return None

    def _found(self, file: OutputFile) -> ObjectTypeDef | None:
        """Return S3's entry of an output, ``None`` when it is not there."""
        bucket, prefix = file.bucket_and_prefix
        found = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents", [])
        return next((entry for entry in found if not file.exact or entry["Key"] == prefix), None)


def _object_at(url: str) -> MediaObject:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return MediaObject(bucket=bucket, key=key)


class MediaConvertCreateJobTemplateOperator(AwsBaseOperator[MediaConvertHook]):
    """Make a job template be as described, and return its ARN. One that is, is left alone.

    :param name: name of the template. (templated)
    :param settings: the settings that jobs made from it start with; an input without ``FileInput``. (templated)
    :param description: what it is for, as the console shows it. (templated)
    :param tags: tags of the template, when it is made. (templated)
    :param template_kwargs: other members of CreateJobTemplate, such as ``Category`` and ``Priority``. (templated)
    """

    aws_hook_class = MediaConvertHook
    template_fields: Sequence[str] = aws_template_fields("name", "settings", "description", "tags", "template_kwargs")
    template_fields_renderers: ClassVar[dict] = dict.fromkeys(("settings", "tags", "template_kwargs"), "json")

    def __init__(
        self,
        *,
        name: str,
        settings: dict[str, Any],
        description: str | None = None,
        tags: dict[str, str] | None = None,
        template_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.settings = settings
        self.description = description
        self.tags = tags or {}
        self.template_kwargs = template_kwargs or {}

    def execute(self, context: Context) -> str:  # noqa: ARG002
        content = {**self.template_kwargs, "Settings": self.settings}
        if self.description is not None:
            content["Description"] = self.description
        return self.hook.ensure_job_template(self.name, tags=self.tags, **content)


class MediaConvertDeleteJobTemplateOperator(AwsBaseOperator[MediaConvertHook]):
    """Delete a job template; one that is not there is no error.

    :param name: name of the template. (templated)
    """

    aws_hook_class = MediaConvertHook
    template_fields: Sequence[str] = aws_template_fields("name")

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context: Context) -> None:  # noqa: ARG002
        self.hook.delete_if_there("job_template", self.name)


class MediaConvertCreateQueueOperator(AwsBaseOperator[MediaConvertHook]):
    """Make an on-demand queue be as described, and return its ARN. What is not given stays as it is.

    :param name: name of the queue. (templated)
    :param status: ``PAUSED`` lets new jobs wait, ``ACTIVE`` goes on with them. (templated)
    :param description: what it is for, as the console shows it. (templated)
    :param concurrent_jobs: how many of its jobs may run at once.
    :param tags: tags of the queue, when it is made. (templated)
    """

    aws_hook_class = MediaConvertHook
    template_fields: Sequence[str] = aws_template_fields("name", "status", "description", "tags")
    template_fields_renderers: ClassVar[dict] = {"tags": "json"}

    def __init__(
        self,
        *,
        name: str,
        status: str | None = None,
        description: str | None = None,
        concurrent_jobs: int | None = None,
        tags: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.status = status
        self.description = description
        self.concurrent_jobs = concurrent_jobs
        self.tags = tags or {}

    def execute(self, context: Context) -> str:  # noqa: ARG002
        content = {"Status": self.status, "Description": self.description, "ConcurrentJobs": self.concurrent_jobs}
        stated = {member: value for member, value in content.items() if value is not None}
        return self.hook.ensure_queue(self.name, tags=self.tags, **stated)


class MediaConvertDeleteQueueOperator(AwsBaseOperator[MediaConvertHook]):
    """Delete a queue; one that is not there is no error, one with jobs that have not ended is.

    :param name: name of the queue. (templated)
    """

    aws_hook_class = MediaConvertHook
    template_fields: Sequence[str] = aws_template_fields("name")

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context: Context) -> None:  # noqa: ARG002
        self.hook.delete_if_there("queue", self.name)
