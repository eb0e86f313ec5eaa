"""Links from a task in the Airflow UI to what it is about."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom


class SourceItemLink(BaseOperatorLink):
    """The page of the item at its source, where a person sees title, creator and licence."""

    name = "Item at its source"
    xcom_key = "source_url"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  (the signature is Airflow's)
        url = XCom.get_value(key=self.xcom_key, ti_key=ti_key)
        return url or ""
