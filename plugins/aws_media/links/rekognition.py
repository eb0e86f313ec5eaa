"""Links from a task to what Rekognition found."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink


class RekognitionResultLink(BaseAwsLink):
    """The console's page of the object with the result: Rekognition has no page for an analysis of a video.

    The object is there when the task has ended.
    """

    name = "Rekognition Result"
    key = "rekognition_result"
    format_str = BASE_AWS_CONSOLE_LINK + "/s3/object/{bucket}?region={region_name}&prefix={result_key}"

    def format_link(self, **kwargs: Any) -> str:
        return super().format_link(**kwargs | {"result_key": quote(kwargs.get("result_key", ""))})

    @classmethod
    def persist(cls, context: Any, operator: Any, region_name: str, aws_partition: str, **kwargs: Any) -> None:
        where = {"bucket": operator.output_bucket, "result_key": operator.result_key}
        super().persist(context, operator, region_name, aws_partition, **kwargs, **where)
