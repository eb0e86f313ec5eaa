"""Make archived objects readable again: find and quote them, restore each, and tell people when they can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from include.settings import SETTINGS
from include.storage.restoring import (
    TYPICAL_WAIT_H,
    RestoreRefused,
    Tier,
    begin_restore,
    head_of,
    object_at,
    readiness_of,
)
from media_lake.hooks.s3 import LakeHook
from media_lake.triggers.restore import S3ObjectReadableTrigger


class S3RestoreObjectOperator(BaseOperator):
    """Have an archived object made readable for some days, and wait for it without a worker.

    Returns the key; the XCom ``readable_until`` is the time (ISO 8601) at which the restored copy goes, ``None`` for an
    object that is not archived, which is done at once. A restore that is under way already is waited for.

    :param bucket: bucket of the object. (templated)
    :param key: key of the object. (templated)
    :param version_id: its version; ``None`` or empty for the current one. (templated)
    :param days: how long it stays readable. (templated)
    :param tier: ``Standard`` (hours) or ``Bulk`` (cheaper, days). (templated)
    :param deferrable: wait in the triggerer; otherwise the task holds a worker
    :param waiter_delay: seconds between two looks
    :param waiter_max_attempts: looks after which the task fails; it may then be cleared, to wait again
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("bucket", "key", "version_id", "days", "tier")

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        version_id: str | None = None,
        days: int | str = 7,
        tier: Tier | str = "Standard",
        deferrable: bool = True,
        waiter_delay: int = 300,
        waiter_max_attempts: int = 720,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.version_id = version_id
        self.days = days
        self.tier = tier
        self.deferrable = deferrable
        self.waiter_delay = waiter_delay
        self.waiter_max_attempts = waiter_max_attempts
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        context["name"] = self.key  # type: ignore[typeddict-unknown-key]  # for ``map_index_template``
        tier: Any = str(self.tier)
        if tier not in TYPICAL_WAIT_H:
            raise AirflowFailException(f"tier must be {' or '.join(TYPICAL_WAIT_H)}, not {tier!r}")
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        try:
            found = begin_restore(
                lake.conn, self.bucket, self.key, self.version_id or None, days=int(self.days), tier=tier
            )
        except RestoreRefused as error:
            raise AirflowFailException(str(error)) from error
        if found.state == "readable":
            return self._ready(context)
        self.log.info("s3://%s/%s: within about %d hours", self.bucket, self.key, TYPICAL_WAIT_H[tier])
        if self.deferrable:
            self.defer(
                trigger=S3ObjectReadableTrigger(
                    bucket=self.bucket,
                    key=self.key,
                    version_id=self.version_id or None,
                    waiter_delay=self.waiter_delay,
                    waiter_max_attempts=self.waiter_max_attempts,
                    aws_conn_id=self.aws_conn_id,
                ),
                method_name="execute_complete",
            )
        lake.get_waiter("object_readable").wait(
            **object_at(self.bucket, self.key, self.version_id or None),
            WaiterConfig={"Delay": self.waiter_delay, "MaxAttempts": self.waiter_max_attempts},
        )
        return self._ready(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> str:
        """Take the event for a hint, and ask S3 itself."""
        context["name"] = self.key  # type: ignore[typeddict-unknown-key]
        if event["status"] != "success":
            raise AirflowException(f"{event['message']}; clear the task to wait again")
        return self._ready(context)

    def _ready(self, context: Context) -> str:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        try:
            found = readiness_of(head_of(s3, self.bucket, self.key, self.version_id or None))
        except RestoreRefused as error:
            raise AirflowFailException(str(error)) from error
        if found.state != "readable":
            raise AirflowException(f"s3://{self.bucket}/{self.key} is {found.state} still; clear the task to wait again")
        until = found.until.astimezone(UTC).isoformat(timespec="seconds") if found.until else None
        context["ti"].xcom_push(key="readable_until", value=until)
        self.log.info("s3://%s/%s can be read %s", self.bucket, self.key, f"until {until}" if until else "at any time")
        return self.key
