"""Decide about uploads by rules or by a person, and sum up the runs that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator

from include.settings import SETTINGS
from include.triage.rules import INCIDENT_RULES


class FootageDecideOperator(BaseOperator):
    """Decide about one upload by the rules, and write down what it is decided on.

    It follows the analyses in a task group that is mapped over uploads: the siblings ``detect_labels``,
    ``detect_segments``, ``detect_text`` and ``transcribe`` return the key of their result, or push as ``refusal`` why
    there is none. Without a group the upload is decided on by the cheap look alone.

    :param asset_id: asset of the catalogue, in state ``landed`` or ``analysed``. (templated)
    :param group: id of the task group; ``None``: nothing was analysed, for the cheap look saw nothing
    :param rules_path: the rules
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(
        self,
        *,
        asset_id: str,
        group: str | None,
        rules_path: Path = INCIDENT_RULES,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.group = group
        self.rules_path = rules_path
        self.aws_conn_id = aws_conn_id


class FootageReviewOperator(HITLOperator):
    """Ask a person about an upload that lies between the thresholds.

    Returns the answer, ``{"decision": ..., "decided_by": ...}``, which ``FootageApplyReviewOperator`` applies. Without
    one in time it is an incident: no alert is missed.

    :param asset_id: asset of the catalogue that is decided to be reviewed. (templated)
    :param deadline_hours: how long a person has. (templated)
    :param aws_conn_id: connection of the lake
    """

    INCIDENT = "Incident"
    NORMAL = "Normal"

    template_fields: Sequence[str] = (*HITLOperator.template_fields, "asset_id", "deadline_hours")

    def __init__(
        self,
        *,
        asset_id: str,
        deadline_hours: float | str = 24,
        subject: str = "Is this an incident?",
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject=subject, options=[self.INCIDENT, self.NORMAL], defaults=[self.INCIDENT], multiple=False, **kwargs
        )
        self.asset_id = asset_id
        self.deadline_hours = deadline_hours
        self.aws_conn_id = aws_conn_id


class FootageApplyReviewOperator(BaseOperator):
    """Write down what a person decided about an upload; pushes what ``FootageDecideOperator`` pushes.

    :param asset_id: asset of the catalogue. (templated)
    :param answer: what ``FootageReviewOperator`` returned. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id", "answer")

    def __init__(
        self,
        *,
        asset_id: str,
        answer: Mapping[str, str],
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.answer = answer
        self.aws_conn_id = aws_conn_id


class FootageWriteSummaryOperator(BaseOperator):
    """Write what a run made of its uploads; returns the key of the summary.

    Give it ``outlets`` to tell the pipelines that wait; the event carries the counts. A run that took nothing writes
    nothing, and one that decided nothing wakes nobody: then the task is skipped. How many were decided goes to the XCom
    ``analysed`` in any case.

    :param asset_ids: assets that the run took; the catalogue is asked for others. (templated)
    :param quoted_usd: what the analyses were to cost, if that is known. (templated)
    :param saved_usd: what the cheap look saved, if that is known. (templated)
    :param paid_tasks: ids of the tasks that buy jobs; what they bought is added up from the ledger
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_ids", "quoted_usd", "saved_usd")

    def __init__(
        self,
        *,
        asset_ids: Sequence[str] | None,
        quoted_usd: float | str | None = None,
        saved_usd: float | str | None = None,
        paid_tasks: Sequence[str] = (),
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_ids = asset_ids
        self.quoted_usd = quoted_usd
        self.saved_usd = saved_usd
        self.paid_tasks = paid_tasks
        self.aws_conn_id = aws_conn_id
