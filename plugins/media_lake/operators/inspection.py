"""Look at dash-cam uploads before anything is paid, choose those that are worth an analysis, and prepare them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.exceptions import ClientError

from aws_media.operators.transcribe import SHORTEST_S
from include.audio.errors import AudioError
from include.audio.extract import extract_audio
from include.catalog.keys import failure_key, slug_from_name
from include.catalog.records import Failure
from include.catalog.triage import Signals
from include.costs.analyses import quote_lines, quote_together, quote_upload, usd
from include.costs.rate_card import Quote
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from include.triage.rules import INCIDENT_RULES
from include.triage.screen import ANALYSER_VERSION, ScreenError, ScreenThresholds, is_interesting
from include.video.probe import MediaError, MediaFacts
from include.video.proxy import proxy_reason, proxy_settings
from media_lake.analysis import AssetAnalysis, BadAsset
from media_lake.footage import probe_landed
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing
from media_lake.inspection import ReceivedUpload, UploadGone, is_read_by_transcribe, look_at, receive
from media_lake.triage import UploadRecords, decidable_item, push_name


class FootageInspectOperator(BaseOperator):
    """Verify one upload, measure motion and loudness of all of it, and note it as landed; returns its asset id.

    Device, capture time and checksum come from the object's metadata. What is missing or contradicts the key stands in
    the catalogue under ``problems``; other bytes than the camera noted are a failure. An upload that is no media, or
    that takes the worker down again and again, is recorded as failed with its reason, one whose bytes another upload
    brought as a duplicate, one that was deleted meanwhile as rejected; then the task is skipped.

    An upload that was measured already, by the same version and thresholds, is left as it is.

    :param asset_id: asset of the catalogue, claimed by this run. (templated)
    :param rules_path: where the thresholds stand, under ``screen``
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
            thresholds = ScreenThresholds.load(self.rules_path)
        except (OSError, ScreenError) as error:
            raise AirflowFailException(str(error)) from error
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        item = catalogue.read(self.asset_id)
        if item is None:
            raise AirflowSkipException(f"the catalogue holds no upload {self.asset_id}: there is nothing to inspect")
        push_name(context, item["title"])
        screened = {"signals_version": ANALYSER_VERSION, "screened_by": str(thresholds)}
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
        reasons = is_interesting(signals, thresholds)
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
        """Note and skip a duplicate of an upload that came through, or still may.

        Only uploads are compared: footage that is also a curated clip is triaged all the same.
        """
        owner_id = work.catalogue.claim_content(f"footage/{sha256}", self.asset_id)
        if owner_id == self.asset_id:
            return
        owner = work.catalogue.read(owner_id) or {}
        if owner.get("state") in ("claimed", "landed", "analysed"):
            work.catalogue.mark(self.asset_id, "duplicate", duplicate_of=owner_id, sha256=sha256)
            raise AirflowSkipException(f"{work.item['title']} has the bytes of {owner['title']}, asset {owner_id}")


def _contents(facts: MediaFacts) -> str:
    picture = f"{facts.video.codec} {facts.video.width} x {facts.video.height}" if facts.video else "no picture"
    return f"{picture}, {facts.audio[0].codec if facts.audio else 'no sound'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedUpload:
    """An upload that could be analysed, and for how much."""

    asset_id: str
    title: str
    decided: bool
    interesting: bool
    because: Sequence[str]
    quote: Quote


class FootageChooseAnalysesOperator(BaseOperator):
    """Quote the analyses of a run's uploads, stop above the limit, and return the ids of those to analyse.

    With the screen on, an upload in which the cheap look found nothing is not analysed, and costs nothing. What became
    of the uploads is read from the catalogue: it does not matter how their inspections ended.

    XComs: ``screened_out`` (ids that need no analysis), ``quoted_usd`` (of those to analyse, ``None`` when a price is
    not known, which no limit allows), ``saved_usd`` (of those screened out). Above the limit the run's uploads are
    given back, so that another run takes them.

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
        uploads = self._uploads()
        chosen = [upload for upload in uploads if upload.interesting or not screen]
        quiet = [upload for upload in uploads if screen and not upload.interesting]
        quote = quote_together(upload.quote for upload in chosen)
        saved = quote_together(upload.quote for upload in quiet)
        found = {
            "screened_out": [upload.asset_id for upload in quiet],
            "quoted_usd": quote.usd,
            "saved_usd": saved.usd,
        }
        for key, value in found.items():
            context["ti"].xcom_push(key=key, value=value)
        lines = [*_upload_lines(chosen, quiet), "", *quote_lines(quote)]
        self.log.info("By %s:\n%s", quote.priced_by, "\n".join(lines))
        if quote.usd is None or quote.usd > limit_usd:
            price = f"${usd(quote)}" if quote.usd is not None else f"an unknown price ({quote.note})"
            asked = (
                f"the analyses of {len(chosen)} of {len(uploads)} uploads cost {price}, max_cost_usd is {limit_usd:g}"
            )
            self._give_back(uploads, asked)
            raise AirflowFailException(
                f"This run stops before anything is paid: {asked}. Its uploads wait for the next run: raise "
                f"max_cost_usd, {'' if screen else 'set screen, '}or lower most_uploads, and start one"
            )
        self.log.info(
            "%d of %d uploads are analysed for $%s; $%s are saved", len(chosen), len(uploads), usd(quote), usd(saved)
        )
        return [upload.asset_id for upload in chosen]

    def _give_back(self, uploads: Sequence[QuotedUpload], asked: str) -> None:
        """Leave the uploads to other runs: those of a run that stopped would never be decided on."""
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        failure = Failure(stage="choose", error="OverBudget", message=asked, retryable=True)
        for upload in uploads:
            if not upload.decided:
                catalogue.mark_failed(upload.asset_id, failure)

    def _uploads(self) -> list[QuotedUpload]:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        items = AssetCatalogueHook(aws_conn_id=self.aws_conn_id).read_many(self.asset_ids)
        uploads = []
        for asset_id in self.asset_ids:
            item = items.get(asset_id, {})
            if item.get("state") not in ("landed", "analysed"):
                self.log.info("%s is %s", item.get("title", asset_id), item.get("state", "not in the catalogue"))
                continue
            try:
                quote = quote_upload(probe_landed(s3, item))
            except (ContentChanged, MediaError, ObjectMissing) as error:
                self.log.warning("%s costs nothing: %s", item["title"], error)
                quote = quote_together([])
            upload = QuotedUpload(
                asset_id=asset_id,
                title=item["title"],
                decided=item["state"] == "analysed",
                interesting=item["interesting"],
                because=item["interesting_because"],
                quote=quote,
            )
            uploads.append(upload)
        return uploads


def _upload_lines(chosen: Sequence[QuotedUpload], quiet: Sequence[QuotedUpload]) -> list[str]:
    """Write a line for each upload, as a table in Markdown."""
    rows = [f"| {upload.title} | {'; '.join(upload.because) or 'all are'} | {usd(upload.quote)} |" for upload in chosen]
    rows += [f"| {upload.title} | not analysed | saves {usd(upload.quote)} |" for upload in quiet]
    return ["| upload | analysed because | USD |", "| :--- | :--- | ---: |", *rows]


class FootagePrepareOperator(BaseOperator):
    """Tell, by XCom, what the analyses of one upload read; returns the key of that.

    ``bucket``, ``key`` and ``version_id``: the upload, or the H.264 proxy where Rekognition cannot take that.
    ``proxy_settings``: those of the MediaConvert job that makes the proxy, ``{}`` when none is needed. ``duration_s``.
    ``base``: what the keys of the results begin with. ``audio_bucket`` and ``audio_key``: what Transcribe reads, the
    upload, or its sound, extracted here where Transcribe cannot take that; empty when there is no sound.
    ``name``: of the upload, for people.

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
            "audio_bucket": audio_bucket,
            "audio_key": audio_key,
        }
        if reason := proxy_reason(facts):
            self.log.info("%s needs a proxy: %s", item["title"], reason)
            key = folder.media("proxy.mp4")
            source_uri = f"s3://{item['raw_bucket']}/{item['raw_key']}"
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
        if is_read_by_transcribe(facts, item["raw_key"]) and self._is_current(work.lake, item):
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

    @staticmethod
    def _is_current(lake: LakeHook, item: Mapping[str, Any]) -> bool:
        """Say whether who asks for the key gets this version: Transcribe can be told of no other."""
        with suppress(ClientError):
            head = lake.conn.head_object(Bucket=item["raw_bucket"], Key=item["raw_key"])
            return head["ETag"].strip('"') == item["etag"]
        return False
