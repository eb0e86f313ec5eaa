"""Links from a task to MediaConvert's console."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink


class MediaConvertJobLink(BaseAwsLink):
    """The console's page of the job: its settings, its progress and, after an error, why."""

    name = "MediaConvert Job"
    key = "mediaconvert_job"
    format_str = BASE_AWS_CONSOLE_LINK + "/mediaconvert/home?region={region_name}#/jobs/summary/{job_id}"
