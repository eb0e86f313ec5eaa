"""Look at dash-cam uploads before anything is paid, choose those that are worth an analysis, and prepare them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from aws_media.operators.transcribe import SHORTEST_S
from include.audio.errors import AudioError
from include.audio.extract import extract_audio
from include.catalog.keys import failure_key, raw_transcript_key, slug_from_name
from include.catalog.records import Failure
from include.catalog.triage import Signals
from include.costs.analyses import quote_lines, quote_together, quote_upload, usd
from include.costs.rate_card import Quote
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from include.triage.rules import INCIDENT_RULES, Rules, RulesError
from include.triage.screen import ANALYSER_VERSION, is_interesting
from include.video.probe import MediaError, MediaFacts
from include.video.proxy import proxy_reason, proxy_settings
from media_lake.analysis import AssetAnalysis, BadAsset
from media_lake.footage import is_current, probe_landed, readable_by_key
from media_lake.hooks.dynamodb import AssetCatalogueHook, UploadCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing
from media_lake.inspection import ReceivedUpload, UploadGone, is_read_by_transcribe, look_at, receive
from media_lake.triage import UploadRecords, claimant, decidable_item, push_name

MOST_NAMED = 5
UNTOLD = "it was decided to be an incident, and nobody was told"


class FootageInspectOperator(BaseOperator):
    """Verify one upload, measure motion and loudness of all of it, and note it as landed; returns its asset id.

    Device, capture time and checksum come from the object's metadata. What is missing or contradicts the key stands in
    the catalogue under ``problems``; other bytes than the camera noted are a failure. An upload that is no media, or
    that takes the worker down again and again, is recorded as failed with its reason, one whose bytes another upload
    brought as a duplicate, one that was deleted meanwhile as rejected; then the task is skipped.

    An upload that was measured already, by the same version and rules, is left as it is.

    :param asset_id: asset of the catalogue, claimed by this run. (templated)
    :param rules_path: the rules, with the thresholds under ``screen``
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(
        self,
        *,
        asset_id: str,
        rules_path: Path = INCIDENT_RULES,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.rules_path = rules_path
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        try:
            rules = Rules.load(self.rules_path)  # bad ones stop an upload before anything is bought for it
        except RulesError as error:
            raise AirflowFailException(str(error)) from error
        catalogue = UploadCatalogueHook(aws_conn_id=self.aws_conn_id)
        item = catalogue.read(self.asset_id)
        if item is None:
            raise AirflowSkipException(f"the catalogue holds no upload {self.asset_id}: there is nothing to inspect")
        push_name(context, item["title"])
        screened = {"signals_version": ANALYSER_VERSION, "screened_by": rules.version}
        if item["state"] in ("landed", "analysed") and screened.items() <= item.items():
            self.log.info("%s is inspected already", item["title"])
            return self.asset_id
        work = AssetAnalysis(
            catalogue=catalogue,
            lake=LakeHook(aws_conn_id=self.aws_conn_id),
            media_type="video",
            item={**item, "raw_bucket": item["bucket"], "raw_key": item["key"]},
            version=ANALYSER_VERSION,
            tries=context["ti"].max_tries,
            stage="inspect",
        )
        try:
            received, facts, signals = self._measured(work)
        except BadAsset as error:
            raise AirflowSkipException(f"{item['title']}: {error}") from error
        except UploadGone as error:
            if "signals_key" in item:  # it is gone because it was dealt with, and stored elsewhere
                self.log.warning("%s stays as it was inspected before: %s", item["title"], error)
                return self.asset_id
            failure = Failure(stage="inspect", error="UploadGone", message=str(error), retryable=False)
            catalogue.mark(self.asset_id, "rejected", failure=failure, failed_at=now_iso())
            raise AirflowSkipException(str(error)) from error
        reasons = is_interesting(signals, rules)
        noted: dict[str, Any] = {
            **screened,
            "sha256": received.sha256,
            "bytes": received.size_bytes,
            "captured_at": received.metadata.captured_at,
            "problems": received.metadata.problems,
            "duration_s": signals.duration_s,
            "has_audio": signals.has_audio,
            "signals_key": UploadRecords(work.lake, item).write("signals", signals),
            "interesting": bool(reasons),
            "interesting_because": reasons,
        }
        work.lake.delete(SETTINGS.processed_bucket, failure_key(item["key"]))
        catalogue.mark(self.asset_id, "landed", raw_bucket=item["bucket"], raw_key=item["key"], **noted)
        for problem in received.metadata.problems:
            self.log.warning("%s: %s", item["title"], problem)
        self.log.info("%s, %s: %s", item["title"], _contents(facts), "; ".join(reasons) or "nothing stands out")
        return self.asset_id

    def _measured(self, work: AssetAnalysis) -> tuple[ReceivedUpload, MediaFacts, Signals]:
        """Bring the bytes to the worker and measure them.

        :raises BadAsset: when that cannot be done with these bytes; it is recorded.
        :raises UploadGone: when they are not there.
        :raises AirflowSkipException: when another upload brought the same.
        """
        with tempfile.TemporaryDirectory(prefix="inspection-") as temporary, work.recorded():
            path = Path(temporary) / slug_from_name(PurePosixPath(work.item["key"]).name)
            received = receive(work.lake, work.item, path)
            self._make_sure_that_it_is_new(work, received.sha256)
            with work.attempt():
                facts, signals = look_at(path)
        return received, facts, signals

    def _make_sure_that_it_is_new(self, work: AssetAnalysis, sha256: str) -> None:
        """Note and skip a duplicate of an upload that came through or still may; else a later run takes this one.

        Only uploads are compared: footage that is also a curated clip is triaged all the same.
        """
        owner_id = work.catalogue.claim_content(f"footage/{sha256}", self.asset_id)
        if owner_id == self.asset_id:
            return
        owner = work.catalogue.read(owner_id) or {}
        work.catalogue.mark(self.asset_id, "duplicate", duplicate_of=owner_id, sha256=sha256)
        raise AirflowSkipException(
            f"{work.item['title']} has the bytes of {owner.get('title', 'another upload')}, asset {owner_id}"
        )


def _contents(facts: MediaFacts) -> str:
    picture = f"{facts.video.codec} {facts.video.width} x {facts.video.height}" if facts.video else "no picture"
    return f"{picture}, {facts.audio[0].codec if facts.audio else 'no sound'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedUpload:
    """An upload that could be analysed, and for how much."""

    asset_id: str
    title: str
    uploaded_at: str
    decided: bool
    interesting: bool
    because: Sequence[str]
    quote: Quote


class FootageChooseAnalysesOperator(BaseOperator):
    """Quote the analyses of a run's uploads, and return the ids of those that are analysed: no more than may be paid.

    With the screen on, an upload in which the cheap look found nothing is not analysed, and costs nothing. What became
    of the uploads is read from the catalogue: it does not matter how their inspections ended. What another run took
    meanwhile, because this one gave it back or left it undone, is that run's.

    The oldest come first. What the run cannot pay beside the others is given back, and the next run takes it. What
    alone costs more than the limit is given back too; it waits for a run with a higher one.

    XComs: ``screened_out`` (ids that need no analysis), ``quoted_usd`` (of those to analyse), ``saved_usd`` (of those
    screened out; ``None`` when a price is not known), ``too_dear`` (what to do about the last kind; ``""``: none).

    :param asset_ids: the ids that the run claimed. (templated)
    :param screen: leave out those of which the cheap look saw nothing; a text says ``True`` or ``False``. (templated)
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
        screen, limit_usd = str(self.screen).lower() == "true", float(self.max_cost_usd)
        uploads = self._uploads(claimant(context))
        wanted = [upload for upload in uploads if upload.interesting or not screen]
        quiet = [upload for upload in uploads if screen and not upload.interesting]
        chosen = _affordable(wanted, limit_usd)
        left = [upload for upload in wanted if upload not in chosen]
        quote = quote_together(upload.quote for upload in chosen)
        saved = quote_together(upload.quote for upload in quiet)
        found = {
            "screened_out": [upload.asset_id for upload in quiet],
            "quoted_usd": quote.usd,
            "saved_usd": saved.usd,
            "too_dear": self._give_back(left, limit_usd),
        }
        for key, value in found.items():
            context["ti"].xcom_push(key=key, value=value)
        lines = [*_upload_lines(chosen, quiet, left), "", *quote_lines(quote)]
        self.log.info("By %s:\n%s", quote.priced_by, "\n".join(lines))
        self.log.info(
            "%d of %d uploads are analysed for $%s; $%s are saved", len(chosen), len(uploads), usd(quote), usd(saved)
        )
        return [upload.asset_id for upload in chosen]

    def _give_back(self, left: Sequence[QuotedUpload], limit_usd: float) -> str:
        """Leave uploads to other runs, and say what to do about those that no run with this limit can pay."""
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        dear = []
        for upload in left:
            price = "at a price that is not known" if upload.quote.usd is None else f"for ${usd(upload.quote)}"
            alone = upload.quote.usd is None or upload.quote.usd > limit_usd
            asked = f"its analyses {price} are {'' if alone else 'with those of other uploads '}above {limit_usd:g}"
            failure = Failure(stage="choose", error="OverBudget", message=asked, retryable=upload.quote.usd is not None)
            needs = {"needs_usd": upload.quote.usd} if alone and upload.quote.usd is not None else {}
            catalogue.mark(upload.asset_id, "failed", failure=failure, failed_at=now_iso(), **needs)
            if alone:
                dear.append(f"{upload.title} ({price})")
        if not dear:
            return ""
        named = ", ".join(dear[:MOST_NAMED]) + (", ..." if len(dear) > MOST_NAMED else "")
        return (
            f"{len(dear)} uploads are not decided on, for each alone costs more than max_cost_usd, {limit_usd:g}: "
            f"{named}. Start a run with a higher max_cost_usd, which takes them, or raise the default"
        )

    def _uploads(self, claimed_by: str) -> list[QuotedUpload]:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        items = AssetCatalogueHook(aws_conn_id=self.aws_conn_id).read_many(self.asset_ids)
        uploads = []
        for asset_id in self.asset_ids:
            item = items.get(asset_id, {})
            if item.get("state") not in ("landed", "analysed"):
                self.log.info("%s is %s", item.get("title", asset_id), item.get("state", "not in the catalogue"))
                continue
            if item["claimed_by"] != claimed_by:
                self.log.info("%s was taken by %s", item["title"], item["claimed_by"])
                continue
            try:
                facts = probe_landed(s3, item)
                if facts.duration_s is None:
                    facts = replace(facts, duration_s=item["duration_s"])  # as it was measured
                quote = quote_upload(facts)
            except (ContentChanged, MediaError, ObjectMissing) as error:
                self.log.warning("%s costs nothing: %s", item["title"], error)
                quote = quote_together([])
            because = [*item["interesting_because"], *([UNTOLD] if item.get("untold") else [])]
            upload = QuotedUpload(
                asset_id=asset_id,
                title=item["title"],
                uploaded_at=item["uploaded_at"],
                decided=item["state"] == "analysed" or bool(item.get("untold")),
                interesting=bool(because),
                because=because,
                quote=quote,
            )
            uploads.append(upload)
        return uploads


def _affordable(uploads: Sequence[QuotedUpload], limit_usd: float) -> list[QuotedUpload]:
    """Return the uploads that ``limit_usd`` pays for, the oldest first; what was decided on is paid for already."""
    spent_usd, chosen = 0.0, set()
    for upload in sorted(uploads, key=lambda one: (not one.decided, one.uploaded_at)):
        if upload.decided:
            chosen.add(upload.asset_id)
        elif upload.quote.usd is not None and spent_usd + upload.quote.usd <= limit_usd:
            spent_usd += upload.quote.usd
            chosen.add(upload.asset_id)
    return [upload for upload in uploads if upload.asset_id in chosen]


def _upload_lines(
    chosen: Sequence[QuotedUpload], quiet: Sequence[QuotedUpload], left: Sequence[QuotedUpload]
) -> list[str]:
    """Write a line for each upload, as a table in Markdown."""
    rows = [f"| {upload.title} | {'; '.join(upload.because) or 'all are'} | {usd(upload.quote)} |" for upload in chosen]
    rows += [f"| {upload.title} | not analysed | saves {usd(upload.quote)} |" for upload in quiet]
    rows += [f"| {upload.title} | left to another run | {usd(upload.quote)} |" for upload in left]
    return ["| upload | analysed because | USD |", "| :--- | :--- | ---: |", *rows]


class FootagePrepareOperator(BaseOperator):
    """Tell, by XCom, what the analyses of one upload read; returns the key of that.

    ``bucket``, ``key`` and ``version_id``: the upload, or the H.264 proxy where Rekognition cannot take that.
    ``proxy_settings``: those of the MediaConvert job that makes the proxy, ``{}`` when none is needed. ``duration_s``.
    ``base``: what the keys of the results begin with; ``raw_transcript_key``: where Transcribe writes. ``audio_bucket``
    and ``audio_key``: what Transcribe reads, the upload, or its sound, extracted here where Transcribe cannot take that
    or would read a later version; empty when there is no sound. ``name``: of the upload, for people.

    An upload that is gone or cannot be read any more is recorded as failed with its reason, and the task is skipped.

    :param asset_id: asset of the catalogue, landed. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("asset_id",)

    def __init__(self, *, asset_id: str, aws_conn_id: str | None = SETTINGS.aws_conn_id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        item = decidable_item(catalogue, self.asset_id)
        push_name(context, item["title"])
        work = AssetAnalysis(
            catalogue, lake, "video", item, version="sound", tries=context["ti"].max_tries, stage="prepare"
        )
        try:
            with work.recorded():
                facts = probe_landed(lake.conn, item)
                reason = proxy_reason(facts)
                source = readable_by_key(lake.conn, item) if reason else None
                audio_bucket, audio_key = self._sound(work, facts)
        except BadAsset as error:
            raise AirflowSkipException(str(error)) from error
        folder = UploadRecords(lake, item).folder
        prepared: dict[str, Any] = {
            "bucket": item["raw_bucket"],
            "key": item["raw_key"],
            "version_id": item["version_id"],
            "proxy_settings": {},
            "duration_s": item["duration_s"],
            "base": folder.base,
            "raw_transcript_key": raw_transcript_key(folder.base),
            "audio_bucket": audio_bucket,
            "audio_key": audio_key,
        }
        if reason:
            self.log.info("%s needs a proxy: %s", item["title"], reason)
            key = folder.media("proxy.mp4")
            source_uri = str(source)
            destination_uri = f"s3://{SETTINGS.processed_bucket}/{key.removesuffix('.mp4')}"
            prepared |= {
                "bucket": SETTINGS.processed_bucket,
                "key": key,
                "version_id": None,
                "proxy_settings": proxy_settings(facts, source_uri=source_uri, destination_uri=destination_uri),
            }
        for name, value in prepared.items():
            context["ti"].xcom_push(key=name, value=value)
        return prepared["key"]

    def _sound(self, work: AssetAnalysis, facts: MediaFacts) -> tuple[str, str]:
        """Return bucket and key of what Transcribe reads, empty when there is nothing to hear.

        :raises ObjectMissing: when the upload is gone.
        """
        item = work.item
        duration_s = item["duration_s"]
        if not facts.audio or (duration_s is not None and duration_s < SHORTEST_S):
            return "", ""
        if is_read_by_transcribe(facts, item["raw_key"]) and is_current(work.lake.conn, item):
            return item["raw_bucket"], item["raw_key"]
        bucket, key = SETTINGS.processed_bucket, UploadRecords(work.lake, item).folder.media("audio.flac")
        if work.lake.size_bytes(bucket, key) is not None:
            return bucket, key
        with tempfile.TemporaryDirectory(prefix="sound-") as temporary:
            film, sound = Path(temporary) / "film", Path(temporary) / "audio.flac"
            work.lake.download(item["raw_bucket"], item["raw_key"], film, version_id=item["version_id"])
            try:
                with work.attempt():
                    length_s = extract_audio(film, sound)
            except AudioError as error:
                self.log.warning("%s goes without a transcript: %s", item["title"], error)
                return "", ""
            if length_s < SHORTEST_S:
                return "", ""
            work.lake.conn.upload_file(str(sound), bucket, key, ExtraArgs={"ContentType": "audio/flac"})
        self.log.info("%s: %.1f s of sound in s3://%s/%s", item["title"], length_s, bucket, key)
        return bucket, key
