"""What the analyses of one upload left: read from its sibling tasks, made into its records."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow.providers.amazon.aws.hooks.comprehend import ComprehendHook
from airflow.sdk import Context
from botocore.exceptions import BotoCoreError, ClientError

from include.catalog.triage import FootageAnalysis, Sentiment, Transcript
from include.catalog.video import Engine
from include.costs.analyses import OPERATIONS
from include.settings import SETTINGS
from include.triage.evidence import NO_SOUND, utterances_from_records
from include.video.labels import MERGING_VERSION, findings_from_records
from media_lake.rekognition import KeptAnalysis, ResultGone
from media_lake.sentiment import SentimentRefused, comprehend_language, price_usd, rate_texts, why_refused
from media_lake.triage import UploadRecords

log = logging.getLogger(__name__)

LOOKED_FOR = ("labels", "segments", "text")
BEFORE = ("make_proxy", "prepare_upload")
"""Tasks of the group without which Rekognition does not begin: when one was refused, that is why."""
NOTHING_TO_HEAR = "its sound is too short, or cannot be decoded"


@dataclass(frozen=True, slots=True)
class Siblings:
    """The tasks of one map index of ``group``, which return the key of their result or push a ``refusal``."""

    records: UploadRecords
    group: str
    context: Context
    aws_conn_id: str | None

    def analysis(self) -> FootageAnalysis:
        """Return what Rekognition saw, and what it was not asked or refused, and why."""
        from include.video.clip import one_version

        kept: dict[str, KeptAnalysis] = {}
        skipped: dict[str, str] = {}
        for name in LOOKED_FOR:
            result_key = self._told(f"detect_{name}", "return_value")
            if result_key is None:
                skipped[name] = self._refusal(f"detect_{name}", *BEFORE)
                continue
            try:
                s3, bucket = self.records.lake.conn, SETTINGS.processed_bucket
                kept[name] = KeptAnalysis.found(s3, bucket, result_key, OPERATIONS[name])
            except ResultGone as error:
                skipped[name] = str(error)
        for name, reason in skipped.items():
            log.info("%s: skipped: %s", name, reason)
        duration_s = self.records.item.get("duration_s")
        findings = findings_from_records(kept, duration_s=duration_s)
        return FootageAnalysis(
            asset_id=self.records.item["asset_id"],
            original_name=self.records.item["original_name"],
            duration_s=duration_s,
            labels=findings.labels,
            shots=findings.shots,
            cues=findings.cues,
            text=findings.text,
            text_left_out=findings.lines_left_out,
            engine=Engine(
                service="rekognition",
                model_version=one_version({name: result.model_version for name, result in kept.items()}),
            ),
            skipped=skipped,
            analyser_version=f"merging {MERGING_VERSION}",
        )

    def transcript(self) -> Transcript:
        """Return what was said and how. Every batch that is rated is kept at once, so that none is paid for twice."""
        result_key = self._told("transcribe", "return_value")
        empty = Transcript(
            asset_id=self.records.item["asset_id"],
            original_name=self.records.item["original_name"],
            job_id=None,
            language=None,
            text="",
            utterances=(),
            sentiment_usd=0.0,
            skipped={},
        )
        if result_key is None:
            reason = self._refusal("transcribe", "prepare_upload")
            if self._told("prepare_upload", "audio_key") == "":
                reason = NOTHING_TO_HEAR if self.records.item.get("has_audio") else NO_SOUND
            return replace(empty, skipped={"transcript": reason, "sentiment": reason})
        kept = self.records.read_result(result_key)
        if kept is None:
            reason = f"its result, s3://{SETTINGS.processed_bucket}/{result_key}, is gone: clear its task to fetch it"
            return replace(empty, skipped={"transcript": reason, "sentiment": reason})
        before = self.records.read("transcript", Transcript)
        known: dict[str, Sentiment] = {}
        paid_usd = before.sentiment_usd if before else 0.0
        if before and before.language == kept["language"]:
            known = {said.text: said.sentiment for said in before.utterances if said.sentiment}

        def so_far(**skipped: str) -> Transcript:
            return replace(
                empty,
                job_id=kept["job_id"],
                language=kept["language"],
                text=kept["text"],
                utterances=utterances_from_records(kept["records"], known),
                sentiment_usd=round(paid_usd, 6),
                skipped=skipped,
            )

        unrated = [said.text for said in so_far().utterances if said.text not in known]
        try:
            for rated in self._rated(unrated, kept["language"]):
                known |= rated
                paid_usd += price_usd(rated)
                self.records.write("transcript", so_far())
        except SentimentRefused as error:
            log.info("sentiment: skipped: %s", error)
            return so_far(sentiment=str(error))
        return so_far()

    def _rated(self, texts: Sequence[str], language: str | None) -> Iterator[dict[str, Sentiment]]:
        """Yield the sentiment of texts, a batch at a time.

        :raises SentimentRefused: when there is none to be had; at the last try also where another one might help.
        """
        if not texts:
            return
        comprehend = ComprehendHook(aws_conn_id=self.aws_conn_id).conn
        try:
            yield from rate_texts(comprehend, texts, comprehend_language(language))
        except (BotoCoreError, ClientError) as error:
            if self.context["ti"].try_number <= self.context["ti"].max_tries:
                raise
            raise SentimentRefused(why_refused(error)) from error

    def _refusal(self, *tasks: str) -> str:
        for task in reversed(tasks):
            refusal = self._told(task, "refusal")
            if refusal:
                return str(refusal)
        return f"{self.group}.{tasks[0]} ended without a result: its log tells why"

    def _told(self, task: str, key: str) -> Any:
        """Return what the sibling of the same map index pushed, ``None`` when it pushed nothing."""
        ti = self.context["ti"]
        return ti.xcom_pull(task_ids=f"{self.group}.{task}", key=key, map_indexes=ti.map_index)
