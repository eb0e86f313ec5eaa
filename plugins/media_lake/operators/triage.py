"""Decide about uploads by the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from include.catalog.triage import Signals, Triage, incident_id
from include.settings import SETTINGS
from include.triage.decide import Verdict, decide
from include.triage.evidence import evidence_from_records, evidence_of_the_screen
from include.triage.rules import INCIDENT_RULES, Rules
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.seen_and_heard import Siblings
from media_lake.triage import (
    BY_RULES,
    NOTHING_TO_MAKE,
    UploadRecords,
    catalogued,
    decidable_item,
    push_name,
    push_settings,
    settings_to_show,
)


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
            evidence = evidence_of_the_screen(signals, item.get("duration_s"))
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
