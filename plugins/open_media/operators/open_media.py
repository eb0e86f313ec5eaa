"""Operators that bring open media into the lake: search the sources, land what they offer, replace what was bad."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from include.catalog.campaigns import words_from_campaign
from include.catalog.keys import MediaType, RunFolder, asset_id_from_source
from include.settings import SETTINGS
from include.sources.errors import SourceError, SourceRefuses, Throttled
from include.sources.source import Rejection, SourceAnswerError, Track, source_names
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from open_media.answers import SourceAnswers
from open_media.batch import SourceBatch
from open_media.hooks.open_media import OPEN_MEDIA_POOL, SOURCES, OpenMediaHook
from open_media.landing import Landing
from open_media.links.open_media import SourceItemLink
from open_media.outages import LeftAlone, Outage, foremost, may_pass, reason_of, told_to_airflow
from open_media.search import CandidateSearch, Progress, failure_from_rejection

MOST_COOL_DOWNS = 3
"""After this many a batch of which something landed is not made to wait any longer for the rest."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A source held open: what lands its tracks, and what asks it for them."""

    landing: Landing
    answers: SourceAnswers


class OpenMediaBaseOperator(BaseOperator):
    """What every open media operator knows: which sources, for which campaign and run.

    The task goes into the pool of all sources, so that the deployment as a whole opens no more connections than the
    strictest of them allows.

    :param sources: names of the sources in the order in which they are asked, as a list or with commas between
    :param media_type: ``audio`` or ``video``
    :param campaign: campaign whose media are wanted, a slug
    :param run: time of the DAG run, ``YYYYMMDD_HHMMSS`` in UTC
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("sources", "campaign", "run")

    def __init__(
        self,
        *,
        sources: Sequence[str] | str,
        media_type: MediaType,
        campaign: str,
        run: str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**({"pool": OPEN_MEDIA_POOL} | kwargs))
        self.sources = sources
        self.media_type = media_type
        self.campaign = campaign
        self.run = run
        self.aws_conn_id = aws_conn_id

    @property
    def source_names(self) -> list[str]:
        names = source_names(self.sources)
        if not names or not set(names) <= set(SOURCES):
            raise AirflowFailException(f"{self.sources!r} names no source, or an unknown one: there are {[*SOURCES]}")
        return names

    @cached_property
    def lake(self) -> LakeHook:
        return LakeHook(aws_conn_id=self.aws_conn_id)

    @cached_property
    def catalogue(self) -> AssetCatalogueHook:
        return AssetCatalogueHook(aws_conn_id=self.aws_conn_id)

    def batch_of(self, source: str, claimed_by: str) -> SourceBatch:
        """Return what this run keeps of a source."""
        if not self.campaign:
            raise AirflowFailException("no campaign was chosen: see the task that plans the run")
        folder = RunFolder(self.media_type, source, self.campaign, self.run)
        return SourceBatch(self.lake, folder, claimed_by)

    @contextmanager
    def visit(self, batch: SourceBatch) -> Iterator[Visit]:
        """Hold a client of the batch's source open.

        A source that asks to be left alone is left alone by the whole deployment: the catalogue notes until when, and
        every task that wants it turns to the next one, or is put off till then, which frees its pool slot and costs it
        no try.

        :raises SourceError: when the source cannot be had; ``LeftAlone`` says until when.
        """
        source = batch.folder.source
        if until := self.catalogue.left_alone_until(source):
            raise LeftAlone(until)
        hook = OpenMediaHook(source, aws_conn_id=self.aws_conn_id)
        try:
            with hook.conn() as client:
                yield Visit(
                    Landing(hook.source, client, self.catalogue, batch.lake, batch.folder, batch.claimed_by),
                    SourceAnswers(hook.source, client, batch.lake, hook.base_url),
                )
        except (Throttled, SourceRefuses) as error:
            until = datetime.now(UTC) + timedelta(seconds=hook.cool_down_s(error.retry_after_s))
            self.catalogue.leave_alone(source, until)
            self.log.warning("%s is left alone until %s: %s", source, until, error)
            raise LeftAlone(until, str(error)) from error

    def search(self, visit: Visit, *, families: Sequence[str], progress: Progress | None = None) -> CandidateSearch:
        """Return the search for what the campaign lacks, which records in the catalogue what it rejects."""
        return CandidateSearch(
            visit.answers,
            visit.landing.catalogue,
            words=words_from_campaign(self.campaign),
            media_type=self.media_type,
            families=families,
            claimed_by=visit.landing.claimed_by,
            reject=lambda rejection: self._record_rejection(visit.landing, rejection),
            progress=progress,
        )

    def _record_rejection(self, landing: Landing, rejection: Rejection) -> None:
        self.log.info("%s rejected: %s", rejection.source_id, rejection.message)
        landing.catalogue.record_rejected(
            asset_id_from_source(landing.source.name, rejection.source_id),
            failure_from_rejection(rejection),
            source=landing.source.name,
            source_id=rejection.source_id,
            title=rejection.title,
            original_name=rejection.source_id.rpartition("/")[2],
            media_type=self.media_type,
            campaign=self.campaign,
            run=self.run,
        )


class OpenMediaSearchItemsOperator(OpenMediaBaseOperator):
    """Search the sources in order and choose a batch of tracks that nobody has and whose licence is allowed.

    What was chosen is written once, to the ``candidates.json`` of the run and source; a second execution reads it and
    chooses the same. A source that cannot be had is passed over, which its ``candidates.json`` tells with the reason,
    unless none answers: then the task is put off or fails. Returns one small mapping a track,
    ``{"asset_id", "source", "name"}``, to map ``OpenMediaLandTrackOperator`` over.

    :param batch_size: how many tracks to choose
    :param licences: licence families that are allowed, see ``include.catalog.licences``
    """

    template_fields: Sequence[str] = (*OpenMediaBaseOperator.template_fields, "batch_size", "licences")

    def __init__(self, *, batch_size: int | str, licences: Sequence[str] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_size = batch_size
        self.licences = licences

    def execute(self, context: Context) -> list[dict[str, str]]:
        claimed_by = claim_of(context)
        wanted = int(self.batch_size)
        chosen: list[Track] = []
        answered = False
        outages: list[tuple[SourceBatch, int, Outage]] = []
        for source in self.source_names:
            batch = self.batch_of(source, claimed_by)
            candidates = batch.read()
            if candidates is None:
                missing = wanted - len(chosen)
                try:
                    found, progress = self._choose(batch, missing)
                except (SourceError, SourceAnswerError) as error:
                    self.log.warning("%s is passed over: %s", source, reason_of(error))
                    outages.append((batch, missing, error))
                    continue
                self._note(outages)
                batch.write(missing, self.licences, found, progress)
                candidates = batch.read_written()
            chosen += candidates.batch
            answered |= candidates.unavailable is None
            if len(chosen) >= wanted:
                break
        if not answered:
            with told_to_airflow():
                raise foremost([outage for *_, outage in outages])
        self._note(outages)
        self.log.info("%d of %d candidates chosen for campaign %s", len(chosen), wanted, self.campaign)
        return [
            {"asset_id": asset_id_from_source(t.source, t.source_id), "source": t.source, "name": t.title}
            for t in chosen
        ]

    def _note(self, outages: list[tuple[SourceBatch, int, Outage]]) -> None:
        """Keep why sources were passed over, now that another answered."""
        while outages:
            batch, asked, outage = outages.pop(0)
            batch.write_unavailable(asked, self.licences, reason_of(outage))

    def _choose(self, batch: SourceBatch, wanted: int) -> tuple[list[Track], Progress]:
        found: list[Track] = []
        with self.visit(batch) as visit:
            search = self.search(visit, families=self.licences)
            for track in search:
                found.append(track)
                self.log.info("%d/%d %s (%s, %s)", len(found), wanted, track.title, track.source_id, track.licence.id)
                if len(found) == wanted:
                    break
        return found, search.progress


class OpenMediaLandTrackOperator(OpenMediaBaseOperator):
    """Land one chosen track in the raw bucket, with its provenance, and return the asset's id.

    A bad file fails nothing: its reason is recorded in the catalogue, and the task is skipped, which the grid shows.

    :param candidate: ``{"asset_id", "source", "name"}`` as ``OpenMediaSearchItemsOperator`` returns it
    """

    template_fields: Sequence[str] = (*OpenMediaBaseOperator.template_fields, "candidate")
    operator_extra_links = (SourceItemLink(),)

    def __init__(self, *, candidate: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.candidate = candidate

    def execute(self, context: Context) -> str:
        asset_id = self.candidate["asset_id"]
        batch = self.batch_of(self.candidate["source"], claim_of(context))
        track = batch.read_written().track(asset_id)
        if track is None:
            raise AirflowFailException(
                f"asset {asset_id} is not in {batch.folder.candidates}: clear search_items as well"
            )
        context["ti"].xcom_push(key=SourceItemLink.xcom_key, value=track.source_url)
        with told_to_airflow(), self.visit(batch) as visit:
            state = visit.landing.land(track)
            if state in ("landed", "analysed"):
                return asset_id
            failure = (visit.landing.catalogue.read(asset_id) or {}).get("failure")
        reason = f"{failure['error']}: {failure['message']}" if state and failure else "another run has it"
        raise AirflowSkipException(f"{track.source_id} did not land: {reason}")


class OpenMediaCompleteBatchOperator(OpenMediaBaseOperator):
    """Replace every bad track of a batch by further candidates, until the batch is full or every source exhausted.

    First each source that was chosen from makes up for its own, then all of them are asked in order, also those that
    were not searched before or were passed over. Returns the ids of all that landed, what was chosen first: in groups
    of at most ``group_size``, or as a flat list, to map the next step over. What landed is not held up by what did not:
    at its last try the task is content with the part of the batch that is there.

    :param group_size: how many assets one task of the next step takes; ``None`` for a flat list
    """

    def __init__(self, *, group_size: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size

    def execute(self, context: Context) -> list[list[str]] | list[str]:
        run = _Run([self.batch_of(source, claim_of(context)) for source in self.source_names])
        good = self._landed(run)
        exhausted = False
        if len(good) < run.wanted:
            self.log.info("%d of %d are good, looking for others", len(good), run.wanted)
            try:
                exhausted = self._replace(run, good)
            except (Exception, AirflowTaskTimeout) as error:
                if not good or _comes_again(error, context):
                    raise
                self.log.exception("no replacements any more, going on with %d of %d", len(good), run.wanted)
        context["ti"].xcom_push(key="exhausted", value=exhausted)
        self.log.info("%d of %d landed%s", len(good), run.wanted, "; the sources have no more" if exhausted else "")
        ids = list(good)
        if self.group_size is None:
            return ids
        return [ids[start : start + self.group_size] for start in range(0, len(ids), self.group_size)]

    def _landed(self, run: _Run) -> dict[str, str]:
        """Return what this run has landed, the chosen ones first and then the replacements of an earlier execution.

        The values are the sources.
        """
        listed = [item["asset_id"] for item in self.catalogue.iter_run(self.campaign, self.run)]
        ids = dict.fromkeys([*run.chosen, *listed])
        standing = self.catalogue.read_many(ids)
        return {
            asset_id: standing[asset_id]["source"]
            for asset_id in ids
            if asset_id in standing
            and standing[asset_id]["state"] in ("landed", "analysed")
            and standing[asset_id]["claimed_by"] == run.claimed_by
        }

    def _replace(self, run: _Run, good: dict[str, str]) -> bool:
        """Land further tracks into ``good`` until the batch is full; say whether all sources together had too few.

        :raises Exception: as Airflow wants it, when a source that may come back is missing, or none is there.
        """
        progress = {source: run.progress(source) for source in run.files}
        searched = [(source, len(batch)) for source, batch in run.batches.items()]
        outages: dict[str, Outage] = {}
        for source, share in (*searched, *((source, run.wanted) for source in run.files)):
            if source in outages or progress[source].exhausted:
                continue
            try:
                self._land_more(run, progress[source], source, share, good)
            except (SourceError, SourceAnswerError) as error:
                self.log.warning("%s is passed over: %s", source, reason_of(error))
                outages[source] = error
        if len(good) < run.wanted and outages:
            outage = foremost(list(outages.values()))
            if may_pass(outage) or len(outages) == len(run.files):
                with told_to_airflow():
                    raise outage
        return len(good) < run.wanted and not outages

    def _land_more(self, run: _Run, progress: Progress, source: str, share: int, good: dict[str, str]) -> None:
        """Land tracks of one source until it has its ``share`` of the batch, or the batch is full."""

        def full() -> bool:
            return len(good) >= run.wanted or list(good.values()).count(source) >= share

        if full():
            return
        with self.visit(run.files[source]) as visit:
            for track in self.search(visit, families=run.licences, progress=progress):
                asset_id = asset_id_from_source(track.source, track.source_id)
                if asset_id not in good and visit.landing.land(track) in ("landed", "analysed"):
                    good[asset_id] = source
                if full():
                    return


class _Run:
    """What the search of a run left behind, of all its sources."""

    def __init__(self, files: Sequence[SourceBatch]) -> None:
        self.files = {batch.folder.source: batch for batch in files}
        self.claimed_by = files[0].claimed_by
        candidates = {source: batch.read() for source, batch in self.files.items()}
        first = candidates[files[0].folder.source] or files[0].read_written()
        self.wanted = first.asked
        self.licences = first.licences
        searched = {source: found for source, found in candidates.items() if found and found.unavailable is None}
        self.batches = {source: found.batch for source, found in searched.items()}

    def progress(self, source: str) -> Progress:
        """Return how far the search of a source came; one that was not searched is at its beginning."""
        return self.files[source].progress() if source in self.batches else Progress()

    @property
    def chosen(self) -> list[str]:
        """Ids of what the search chose, in the order of the sources."""
        return [asset_id_from_source(t.source, t.source_id) for batch in self.batches.values() for t in batch]


def _comes_again(error: BaseException, context: Context) -> bool:
    """Say whether Airflow will execute the task another time after this error, within reason."""
    if isinstance(error, AirflowRescheduleException):
        return context.get("task_reschedule_count", 0) < MOST_COOL_DOWNS
    return not isinstance(error, AirflowFailException) and context["ti"].try_number <= context["ti"].max_tries


def claim_of(context: Context) -> str:
    """Name the DAG run as the owner of what it claims; the same on every try and clear."""
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
