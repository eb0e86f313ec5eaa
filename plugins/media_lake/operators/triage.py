"""Decide about uploads, by rules or by a person, and sum up the runs that do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from aws_media.hooks.ledger import JobLedgerHook
from aws_media.ledger import paid_by_run
from include.catalog.keys import footage_run_summary_key, run_from_time
from include.catalog.records import Failure, record_to_json
from include.catalog.triage import Decision, FootageRunSummary, Signals, Triage, UploadOutcome, incident_id
from include.catalog.uploads import FOOTAGE_SOURCE
from include.settings import SETTINGS
from include.triage.alert import harmless
from include.triage.decide import Verdict, decide
from include.triage.evidence import SCREENED_OUT, evidence_from_records
from include.triage.rules import INCIDENT_RULES, Rules
from include.video.contact_sheet import timecode
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.notifiers.sns import run_url
from media_lake.operators.costs import who_answered
from media_lake.seen_and_heard import LOOKED_FOR, Siblings
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

    def execute(self, context: Context) -> str:
        ti = context["ti"]
        push_settings(ti, "", NOTHING_TO_MAKE)  # the tasks that act read them whatever becomes of this one
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        item = decidable_item(catalogue, self.asset_id)
        push_name(context, item["title"])
        rules = Rules.load(self.rules_path)
        records = UploadRecords(LakeHook(aws_conn_id=self.aws_conn_id), item)
        signals = records.read("signals", Signals)
        found: dict[str, Any] = {}
        if self.group is None:
            skipped = dict.fromkeys((*LOOKED_FOR, "transcript", "sentiment"), SCREENED_OUT)
            evidence = evidence_from_records(signals=signals, duration_s=item.get("duration_s"), skipped=skipped)
        else:
            siblings = Siblings(records, self.group, context, self.aws_conn_id)
            analysis = siblings.analysis()
            found["analysis_key"] = records.write("analysis", analysis)
            transcript = siblings.transcript()
            found["transcript_key"] = records.write("transcript", transcript)
            found["sentiment_usd"] = transcript.sentiment_usd
            evidence = evidence_from_records(
                analysis=analysis, transcript=transcript, signals=signals, duration_s=item.get("duration_s")
            )
        verdict = decide(evidence, rules)
        triage = self._triage(records, verdict, rules.version, evidence.skipped)
        triage_key = records.write("triage", triage)
        catalogue.mark(self.asset_id, "analysed", triage_key=triage_key, **catalogued(triage), **found)
        push_settings(ti, triage.decision, settings_to_show(records, triage))
        self.log.info(
            "%s is %s by %s: score %.2f, %s%s",
            item["title"],
            triage.decision,
            triage.decided_by,
            triage.score,
            "; ".join(dict.fromkeys(f"{fired.rule} ({fired.weight:+.2f})" for fired in triage.fired))
            or "no rule fired",
            "".join(f"; excluded by {why}" for why in triage.excluded),
        )
        return triage_key

    def _triage(self, records: UploadRecords, verdict: Verdict, version: str, skipped: Mapping[str, str]) -> Triage:
        """Return the record; what a person decided before stands, and so does what was done about the upload."""
        before = records.read("triage", Triage)
        by_person = before is not None and before.decided_by != BY_RULES
        decision = before.decision if before and by_person else verdict.decision
        return Triage(
            asset_id=self.asset_id,
            original_name=records.item["original_name"],
            decision=decision,
            score=verdict.score,
            rules_version=version,
            fired=verdict.fired,
            moments_s=verdict.moments_s,
            decided_by=before.decided_by if before and by_person else BY_RULES,
            screened_out=self.group is None,
            importance=before.importance if before else None,
            alert_id=incident_id(self.asset_id) if decision == "incident" else None,
            playback_url_expires_at=before.playback_url_expires_at if before else None,
            storage=before.storage if before else None,
            skipped=dict(sorted(skipped.items())),
            excluded=verdict.excluded,
        )


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
    one in time it is an incident: no alert is missed.

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
        alert_id = incident_id(self.asset_id) if decision == "incident" else None
        triage = replace(before, decision=decision, decided_by=self.answer["decided_by"], alert_id=alert_id)
        triage_key = records.write("triage", triage)
        catalogue.mark(self.asset_id, "analysed", triage_key=triage_key, **catalogued(triage))
        push_settings(context["ti"], triage.decision, settings_to_show(records, triage))
        self.log.info("%s is %s by %s", item["title"], triage.decision, triage.decided_by)
        return triage_key


def review_body(item: Mapping[str, Any], triage: Triage, *, hours: float) -> str:
    """Write in Markdown what a person decides on; names, speech and text of strangers have no meaning in it."""
    rows = [
        f"| {'' if fired.start_s is None else timecode(fired.start_s)} | `{fired.rule}` | {fired.weight:+.2f} "
        f"| {harmless(fired.evidence)} |"
        for fired in triage.fired[:MOST_ROWS]
    ]
    more = len(triage.fired) - MOST_ROWS
    dag_id, _, run_id = item["claimed_by"].partition("/")
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
        f"- The upload: {harmless(item['raw_bucket'])}, {harmless(item['raw_key'], most=1024)}",
        f"- In the catalogue: {triage.asset_id}; by the rules {harmless(triage.rules_version)}",
        f"- [The run that looked at it](<{run_url(dag_id, run_id)}>)",
        "",
        "**Incident**: rendition, evidence and an alert are made of it. **Normal**: it is archived.",
        f"Without an answer within {hours:g} hours it is an incident.",
    ]
    return "\n".join(lines)


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

    def execute(self, context: Context) -> str:
        dag_run, ti = context["dag_run"], context["ti"]
        run = run_from_time(dag_run.logical_date or dag_run.run_after)
        items = self._items(run, f"{dag_run.dag_id}/{dag_run.run_id}")
        outcomes = sorted(map(outcome_from_item, items), key=lambda one: (one.state, one.title, one.asset_id))
        states = Counter(one.state for one in outcomes)
        decisions = Counter(one.decision for one in outcomes if one.state == "analysed")
        ti.xcom_push(key="analysed", value=states["analysed"])  # also where the task is skipped: the run is summed up
        if not outcomes:
            raise AirflowSkipException("the run took no upload: there is nothing to sum up")
        summary = FootageRunSummary(
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
            run=run,
            taken=len(outcomes),
            analysed=states["analysed"],
            failed=states["failed"],
            duplicates=states["duplicate"],
            unfinished=states["claimed"] + states["landed"],
            incidents=decisions["incident"],
            reviews=decisions["review"],
            normal=decisions["normal"],
            screened_out=sum(one.screened_out for one in outcomes),
            quoted_usd=_usd(self.quoted_usd),
            saved_usd=_usd(self.saved_usd),
            paid_usd=self._paid_usd(dag_run, items),
            uploads=tuple(outcomes),
        )
        key = footage_run_summary_key(run)
        LakeHook(aws_conn_id=self.aws_conn_id).write_text(SETTINGS.processed_bucket, key, record_to_json(summary))
        counts = {
            name: getattr(summary, name)
            for name in ("taken", "analysed", "incidents", "reviews", "normal", "failed", "duplicates", "screened_out")
        }
        self.log.info(", ".join(f"{count} {name}" for name, count in counts.items()))
        if not summary.analysed:
            raise AirflowSkipException(f"nothing was decided: {key} is written, and nobody is woken")
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                "summary": f"s3://{SETTINGS.processed_bucket}/{key}",
                "run": run,
                **counts,
            }
        return key

    def _items(self, run: str, claimed_by: str) -> list[dict[str, Any]]:
        """Return the run's uploads as the catalogue has them; its index may lag behind, so that it only adds ids."""
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        listed = [item["asset_id"] for item in catalogue.iter_run(FOOTAGE_SOURCE, run)]
        items = catalogue.read_many([*listed, *(self.asset_ids or ())]).values()
        return [item for item in items if item.get("claimed_by") == claimed_by]

    def _paid_usd(self, dag_run: Any, items: Iterable[Mapping[str, Any]]) -> float | None:
        """Add up the jobs by the ledger, and the sentiment of the transcripts; ``None`` when a price is unknown."""
        ledger = JobLedgerHook(aws_conn_id=self.aws_conn_id)
        entries = ledger.entries_of_run(dag_run.dag_id, dag_run.run_id, self.paid_tasks) if self.paid_tasks else ()
        jobs_usd = paid_by_run(entries, dag_run.dag_id, dag_run.run_id)
        if jobs_usd is None:
            return None
        return round(jobs_usd + sum(float(item.get("sentiment_usd") or 0.0) for item in items), 6)


def outcome_from_item(item: Mapping[str, Any]) -> UploadOutcome:
    """Write a catalogue item as a line of the summary."""
    failure = item.get("failure")
    return UploadOutcome(
        asset_id=item["asset_id"],
        title=item["title"],
        original_name=item["original_name"],
        state=item["state"],
        decision=item.get("decision"),
        score=item.get("score"),
        moments_s=tuple(item.get("moments_s") or ()),
        decided_by=item.get("decided_by"),
        screened_out=bool(item.get("screened_out")),
        storage_class=item.get("storage_class"),
        triage_key=item.get("triage_key"),
        duplicate_of=item.get("duplicate_of"),
        failure=None if failure is None else Failure(**failure),
    )


def _usd(rendered: float | str | None) -> float | None:
    return None if rendered in (None, "", "None") else float(rendered)
