"""Wait in the triggerer until an archived object can be read."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger

from include.storage.restoring import object_at
from media_lake.hooks.s3 import LakeHook


class S3ObjectReadableTrigger(AwsBaseWaiterTrigger):
    """Fire when the restore of an object has ended: ``{"status": "success"|"error", "key"}``.

    :param bucket: bucket of the object
    :param key: key of the object
    :param version_id: its version; ``None`` for the current one
    :param waiter_delay: seconds between two looks
    :param waiter_max_attempts: looks after which the trigger gives up
    """

    aws_hook_class = LakeHook

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        version_id: str | None = None,
        waiter_delay: int = 300,
        waiter_max_attempts: int = 720,
        **connection: Any,
    ) -> None:
        super().__init__(
            serialized_fields={"bucket": bucket, "key": key, "version_id": version_id},
            waiter_name="object_readable",
            waiter_args=object_at(bucket, key, version_id),
            failure_message=f"s3://{bucket}/{key} did not become readable",
            status_message=f"s3://{bucket}/{key} is being restored",
            status_queries=["Restore"],
            return_key="key",
            return_value=key,
            waiter_delay=waiter_delay,
            waiter_max_attempts=waiter_max_attempts,
            **connection,
        )
