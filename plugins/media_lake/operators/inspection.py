"""Look at a dash-cam upload before anything is paid: is it whole, whose is it, and may it show an incident?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from include.settings import SETTINGS


class FootageInspectOperator(BaseOperator):
    """Verify one upload, measure motion and loudness of all of it, and note it as landed; returns its asset id.

    :param asset_id: asset of the catalogue, claimed by this run. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(self, *, asset_id: str, aws_conn_id: str | None = SETTINGS.aws_conn_id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        raise NotImplementedError


class FootageChooseAnalysesOperator(BaseOperator):
    """Quote the analyses of a run's uploads, stop above the limit, and return the ids of those to analyse.

    XComs: ``screened_out`` (ids that need no analysis), ``quoted_usd``, ``saved_usd``.

    :param asset_ids: the ids that the run claimed. (templated)
    :param screen: leave out those of which the cheap look saw nothing; ``"True"`` and ``"False"`` hold, too. (templated)
    :param max_cost_usd: above this the run stops. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_ids", "screen", "max_cost_usd")

    def __init__(
        self,
        *,
        asset_ids: Sequence[str],
        screen: bool | str,
        max_cost_usd: float | str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_ids = asset_ids
        self.screen = screen
        self.max_cost_usd = max_cost_usd
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:
        raise NotImplementedError


class FootagePrepareOperator(BaseOperator):
    """Tell, by XCom, what the analyses of one upload read.

    XComs: ``name``, ``bucket``, ``key``, ``version_id``, ``duration_s``, ``proxy_settings``, ``base``,
    ``audio_bucket``, ``audio_key`` ('' = no sound).

    :param asset_id: asset of the catalogue, landed. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(self, *, asset_id: str, aws_conn_id: str | None = SETTINGS.aws_conn_id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        raise NotImplementedError
