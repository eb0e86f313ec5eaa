"""Have a person decide about the uploads of which the rules are not sure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from include.catalog.triage import Decision, Triage, incident_id
from include.settings import SETTINGS
from include.triage.alert import harmless
from include.video.contact_sheet import timecode
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.notifiers.sns import run_url
from media_lake.operators.costs import who_answered
from media_lake.triage import (
    BY_DEFAULT,
    BY_RULES,
    NOTHING_TO_MAKE,
    UploadRecords,
    catalogued,
    decidable_item,
    push_name,
    push_settings,
    settings_to_show,
)

MOST_ROWS = 30
"""Of what fired, that a person is shown."""


class FootageAskReviewerOperator(BaseOperator):
    """Start the review of an upload of which the rules are not sure: one run, however often the task runs.

    What ``TriggerDagRunOperator`` does without its import of Airflow's models, for which every task of the DAG would
    pay 0.9 s of CPU time.

    :param asset_id: asset of the catalogue that is decided on. (templated)
    :param review_dag_id: the DAG that asks, with the Param ``asset_id``
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(
        self,
        *,
        asset_id: str,
        review_dag_id: str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.review_dag_id = review_dag_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> None:
        item = decidable_item(AssetCatalogueHook(aws_conn_id=self.aws_conn_id), self.asset_id)
        push_name(context, item["title"])
        if item.get("decision") != "review":
            raise AirflowSkipException(f"{item['title']} is {item.get('decision', 'not decided')}: there is no doubt")
        raise DagRunTriggerException(
            trigger_dag_id=self.review_dag_id,
            dag_run_id=f"review__{self.asset_id}",
            conf={"asset_id": self.asset_id},
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )


class FootageReviewOperator(HITLOperator):
    """Ask a person about an upload that lies between the thresholds.

    Returns the answer, ``{"decision": ..., "decided_by": ...}``, which ``FootageApplyReviewOperator`` applies. Without
    one in time it is an incident, so that no alert is missed, unless a person decided before.

    :param asset_id: asset of the catalogue that is decided to be reviewed. (templated)
    :param review_hours: how long a person has. (templated)
    :param aws_conn_id: connection of the lake
    """

    INCIDENT = "Incident"
    NORMAL = "Normal"

    template_fields: Sequence[str] = (*HITLOperator.template_fields, "asset_id", "review_hours")

    def __init__(
        self,
        *,
        asset_id: str,
        review_hours: float | str = 24,
        subject: str = "Is this an incident?",
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject=subject,
            options=[self.INCIDENT, self.NORMAL],
            defaults=[self.INCIDENT],
            response_timeout=timedelta(days=1),  # else the time that the task itself may take becomes the person's
            **kwargs,
        )
        self.asset_id = asset_id
        self.review_hours = review_hours
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, str]:
        item = decidable_item(AssetCatalogueHook(aws_conn_id=self.aws_conn_id), self.asset_id)
        triage = UploadRecords(LakeHook(aws_conn_id=self.aws_conn_id), item).read("triage", Triage)
        if triage is None or (triage.decided_by == BY_RULES and triage.decision != "review"):
            decided = triage.decision if triage else "not decided yet"
            raise AirflowSkipException(f"{item['title']} is {decided}: there is nothing to ask")
        push_name(context, item["title"])
        self.response_timeout = timedelta(hours=float(self.review_hours))
        self.subject = f"Is this an incident? {harmless(item['title'])}"
        self.body = review_body(item, triage, hours=float(self.review_hours))
        return super().execute(context)  # which does not return: the task is parked until somebody answers

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, str]:
        """Return what a person answered, or what counts when nobody did in time."""
        answer = super().execute_complete(context, event)
        decision: Decision = "incident" if answer["chosen_options"] == [self.INCIDENT] else "normal"
        decided_by = BY_DEFAULT if event.get("timedout") else who_answered(answer)
        self.log.info("%s, says %s", decision, decided_by)
        return {"decision": decision, "decided_by": decided_by}


class FootageApplyReviewOperator(BaseOperator):
    """Write down what a person decided about an upload; pushes what ``FootageDecideOperator`` pushes.

    Of several persons the last one counts. That nobody answered in time overrules no person.

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

    def execute(self, context: Context) -> str:
        push_settings(context["ti"], "", NOTHING_TO_MAKE)
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        item = decidable_item(catalogue, self.asset_id)
        push_name(context, item["title"])
        records = UploadRecords(LakeHook(aws_conn_id=self.aws_conn_id), item)
        before = records.read("triage", Triage)
        if before is None:
            raise AirflowSkipException(f"{item['title']} was never decided on: run triage_footage first")
        decision: Decision = "incident" if self.answer["decision"] == "incident" else "normal"
        decided_by = self.answer["decided_by"]
        if decided_by == BY_DEFAULT and is_by_person(before):
            self.log.info("nobody answered in time: what %s decided stands", before.decided_by)
            decision, decided_by = before.decision, before.decided_by
        alert_id = incident_id(self.asset_id) if decision == "incident" else None
        triage = replace(before, decision=decision, decided_by=decided_by, alert_id=alert_id)
        triage_key = records.write("triage", triage)
        catalogue.mark(self.asset_id, "analysed", triage_key=triage_key, **catalogued(triage))
        push_settings(context["ti"], triage.decision, settings_to_show(records, triage))
        self.log.info("%s is %s by %s", item["title"], triage.decision, triage.decided_by)
        return triage_key


def is_by_person(triage: Triage) -> bool:
    """Say whether a person decided."""
    return triage.decided_by not in (BY_RULES, BY_DEFAULT)


def review_body(item: Mapping[str, Any], triage: Triage, *, hours: float) -> str:
    """Write in Markdown what a person decides on; names, speech and text of strangers have no meaning in it."""
    rows = [
        f"| {'' if fired.start_s is None else timecode(fired.start_s)} | `{fired.rule}` | {fired.weight:+.2f} "
        f"| {harmless(fired.evidence)} |"
        for fired in triage.fired[:MOST_ROWS]
    ]
    more = len(triage.fired) - MOST_ROWS
    dag_id, _, run_id = item["claimed_by"].partition("/")
    film = f"s3://{item['raw_bucket']}/{item['raw_key']}"
    without = "it is an incident"
    if is_by_person(triage):
        without = f"it stays {triage.decision}, as {harmless(triage.decided_by)} decided"
    lines = [
        f"The rules give **{harmless(item['title'])}** a score of **{triage.score:.2f}**, which is not clear.",
        "",
        "| when | rule | weight | what |",
        "| :--- | :--- | ---: | :--- |",
        *rows,
        "",
        *([f"And {more} further times.", ""] if more > 0 else []),
        *(f"- Did not count: {harmless(why)}" for why in triage.excluded),
        *(f"- Not known: {harmless(name)}: {harmless(reason)}" for name, reason in triage.skipped.items()),
        f"- To look at it: {_code(shlex.join(['aws', 's3', 'cp', film, '.']))}",
        f"- In the catalogue: {triage.asset_id}; by the rules {harmless(triage.rules_version)}",
        f"- [The run that looked at it](<{run_url(dag_id, run_id)}>)",
        "",
        "**Incident**: rendition, evidence and an alert are made of it. **Normal**: it is archived.",
        f"Without an answer within {hours:g} hours {without}.",
    ]
    return "\n".join(lines)


def _code(text: str) -> str:
    """Show a text as it stands, in a span of Markdown's code that nothing in it can end.

    >>> _code("a.mp4"), _code("a`b\u202e.mp4")
    ('` a.mp4 `', '`` a`b%E2%80%AE.mp4 ``')
    """
    visible = "".join(one if one.isprintable() else quote(one) for one in text)
    fence = "`" * (1 + max(map(len, re.findall("`+", visible)), default=0))
    return f"{fence} {visible} {fence}"
