"""Links from a task to Transcribe's console."""

from __future__ import annotations

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink


class TranscribeJobLink(BaseAwsLink):
    """The console's page of the job: its settings, the first lines of the transcript or why it failed."""

    name = "Transcription Job"
    key = "transcribe_job"
    format_str = BASE_AWS_CONSOLE_LINK + "/transcribe/home?region={region_name}#job-details/{job_id}"
