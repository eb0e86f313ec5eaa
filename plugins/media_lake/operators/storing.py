"""Keep a decided dash-cam upload where it costs least: a verified move from the ingest bucket to the archive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from include.settings import SETTINGS


class FootageStoreOperator(BaseOperator):
    """Move one upload into the archive bucket, in the class in which it costs least; returns the class.

    :param asset_id: asset of the catalogue. (templated)
    :param keep_months: for how long uploads are kept; ``None`` or empty: as the importance rules say. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id", "keep_months")

    def __init__(
        self,
        *,
        asset_id: str,
        keep_months: float | str | None = None,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.keep_months = keep_months
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        raise NotImplementedError
