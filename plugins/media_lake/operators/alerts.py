"""Tell people of an incident: what happened, when, how sure, and a link that plays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from include.settings import SETTINGS

APPRISE_CONN_ID = "apprise_default"
DEFAULT_HOURS = 168


class FootageAlertOperator(BaseOperator):
    """Alert about an upload that was decided to be an incident; any other is skipped. Returns the id of the incident.

    :param asset_id: asset of the catalogue. (templated)
    :param hours: how long the links play. (templated)
    :param topic_arn: SNS topic; empty means none
    :param apprise_conn_id: connection with further channels, if it exists
    :param aws_conn_id: connection of lake, ledger and topic
    """

    template_fields: Sequence[str] = ("asset_id", "hours")

    def __init__(
        self,
        *,
        asset_id: str,
        hours: float | str = DEFAULT_HOURS,
        topic_arn: str = SETTINGS.alerts_topic_arn,
        apprise_conn_id: str = APPRISE_CONN_ID,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.hours = hours
        self.topic_arn = topic_arn
        self.apprise_conn_id = apprise_conn_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        raise NotImplementedError
