"""Operators that bring open media into the lake: search a catalogue, land what it offers, replace what was bad."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
from include.sources.source import Rejection, Track, track_from_json, track_to_json
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from open_media.hooks.open_media import ACCESS, OpenMediaHook
from open_media.landing import Landing
from open_media.links.open_media import SourceItemLink
from open_media.search import CandidateSearch, Progress, failure_from_rejection

MOST_COOL_DOWNS = 3
"""After this many a batch of which something landed is not made to wait any longer for the rest."""


class OpenMediaBaseOperator(BaseOperator):
    """What every open media operator knows: which source, for which campaign and run.

    The task goes into the source's pool, so that the deployment as a whole stays as polite as one visitor.

    :param source: name of the source, such as ``internet-archive``
    :param media_type: ``audio`` or ``video``
    :param campaign: campaign whose media are wanted, a slug
    :param run: time of the DAG run, ``YYYYMMDD_HHMMSS`` in UTC
    :param source_conn_id: connection of the source, when not its own
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("campaign", "run")

    def __init__(
        self,
        *,
        source: str,
        media_type: MediaType,
        campaign: str,
        run: str,
        source_conn_id: str | None = None,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**({"pool": ACCESS[source].pool} | kwargs))
        self.source = source
        self.media_type = media_type
        self.campaign = campaign
        self.run = run
        self.source_conn_id = source_conn_id
        self.aws_conn_id = aws_conn_id

    @property
    def folder(self) -> RunFolder:
        if not self.campaign:
            raise AirflowFailException("no campaign was chosen: see the task that plans the run")
        return RunFolder(self.media_type, self.source, self.campaign, self.run)

    @property
    def lake(self) -> LakeHook:
        return LakeHook(aws_conn_id=self.aws_conn_id)

    @property
    def catalogue(self) -> AssetCatalogueHook:
        return AssetCatalogueHook(aws_conn_id=self.aws_conn_id)

    def read_candidates(self, claimed_by: str) -> dict[str, Any]:
        """Return what this run's search wrote; fail at once when there is nothing, for another try brings nothing."""
        text = self.lake.read_text(SETTINGS.processed_bucket, self.folder.candidates)
        if text is None:
            raise AirflowFailException(f"{self.folder.candidates} is missing: the search of this run must run first")
        candidates = json.loads(text)
        if candidates["claimed_by"] != claimed_by:
            raise AirflowFailException(
                f"run {self.run} of campaign {self.campaign} belongs to {candidates['claimed_by']}, which began in the"
                " same second: trigger this one again"
            )
        return candidates

    @contextmanager
    def landing(self, claimed_by: str) -> Iterator[Landing]:
        """Hold a client of the source open and yield what lands its tracks.

        A source that asks to be left alone is left alone by the whole deployment: the catalogue notes until when, and
        every task that wants it is put off till then, which frees its pool slot and costs it no try.
        """
        catalogue = self.catalogue
        if until := catalogue.left_alone_until(self.source):
            self.log.info("%s is left alone until %s", self.source, until)
            raise AirflowRescheduleException(until)
        hook = OpenMediaHook(self.source, self.source_conn_id)
        try:
            with hook.conn() as client:
                yield Landing(hook.access.source, client, catalogue, self.lake, self.folder, claimed_by)
        except (Throttled, SourceRefuses) as error:
            until = datetime.now(UTC) + timedelta(seconds=hook.cool_down_s(error.retry_after_s))
            catalogue.leave_alone(self.source, until)
            self.log.warning("%s is left alone until %s: %s", self.source, until, error)
            raise AirflowRescheduleException(until) from error
        except SourceError as error:
            if error.retryable:
                raise
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error

    def search(self, landing: Landing, *, families: Sequence[str], progress: Progress | None = None) -> CandidateSearch:
        """Return the search for what the campaign lacks, which records in the catalogue what it rejects."""
        hook = OpenMediaHook(self.source, self.source_conn_id)
        return CandidateSearch(
            landing.source,
            landing.client,
            landing.catalogue,
            words=words_from_campaign(self.campaign),
            media_type=self.media_type,
            families=families,
            claimed_by=landing.claimed_by,
            base_url=hook.base_url,
            reject=lambda rejection: self._record_rejection(landing, rejection),
            progress=progress,
        )

    def _record_rejection(self, landing: Landing, rejection: Rejection) -> None:
        self.log.info("%s rejected: %s", rejection.source_id, rejection.message)
        landing.catalogue.record_rejected(
            asset_id_from_source(self.source, rejection.source_id),
            failure_from_rejection(rejection),
            source=self.source,
            source_id=rejection.source_id,
            title=rejection.title,
            original_name=rejection.source_id.rpartition("/")[2],
            media_type=self.media_type,
            campaign=self.campaign,
            run=self.run,
        )


class OpenMediaSearchItemsOperator(OpenMediaBaseOperator):
    """Search a source for a campaign and choose a batch of tracks that nobody has and whose licence is allowed.

    What was chosen is written once, to the run's ``candidates.json``; a second execution reads it and chooses the same.
    Returns one small mapping a track, ``{"asset_id", "name"}``, to map ``OpenMediaLandTrackOperator`` over.

    :param batch_size: how many tracks to choose
    :param licences: licence families that are allowed, see ``include.catalog.licences.LICENCE_FAMILIES``
    """

    template_fields: Sequence[str] = (*OpenMediaBaseOperator.template_fields, "batch_size", "licences")

    def __init__(self, *, batch_size: int | str, licences: Sequence[str] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_size = batch_size
        self.licences = licences

    def execute(self, context: Context) -> list[dict[str, str]]:
        claimed_by = claim_of(context)
        if self.lake.size_bytes(SETTINGS.processed_bucket, self.folder.candidates) is None:
            chosen, progress = self._choose(claimed_by)
            self.lake.write_text(SETTINGS.processed_bucket, self.folder.search, _json(progress.to_json()))
            self.lake.write_text_once(SETTINGS.processed_bucket, self.folder.candidates, _json(chosen))
        candidates = self.read_candidates(claimed_by)
        tracks = [track_from_json(value) for value in candidates["batch"]]
        self.log.info("%d of %s candidates chosen for campaign %s", len(tracks), self.batch_size, self.campaign)
        return [{"asset_id": asset_id_from_source(t.source, t.source_id), "name": t.title} for t in tracks]

    def _choose(self, claimed_by: str) -> tuple[dict[str, Any], Progress]:
        wanted = int(self.batch_size)
        batch: list[Track] = []
        with self.landing(claimed_by) as landing:
            search = self.search(landing, families=self.licences)
            for track in search:
                batch.append(track)
                self.log.info("%d/%d %s (%s, %s)", len(batch), wanted, track.title, track.source_id, track.licence.id)
                if len(batch) == wanted:
                    break
        chosen = {
            "claimed_by": claimed_by,
            "asked": wanted,
            "licences": list(self.licences),
            "batch": [track_to_json(track) for track in batch],
        }
        return chosen, search.progress


class OpenMediaLandTrackOperator(OpenMediaBaseOperator):
    """Land one chosen track in the raw bucket, with its provenance, and return the asset's id.

    A bad file fails nothing: its reason is recorded in the catalogue, and the task is skipped, which the grid shows.

    :param candidate: ``{"asset_id", "name"}`` as ``OpenMediaSearchItemsOperator`` returns it
    """

    template_fields: Sequence[str] = (*OpenMediaBaseOperator.template_fields, "candidate")
    operator_extra_links = (SourceItemLink(),)

    def __init__(self, *, candidate: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.candidate = candidate

    def execute(self, context: Context) -> str:
        asset_id = self.candidate["asset_id"]
        batch = self.read_candidates(claim_of(context))["batch"]
        found = [v for v in batch if asset_id_from_source(v["source"], v["source_id"]) == asset_id]
        if not found:
            raise AirflowFailException(
                f"asset {asset_id} is not in {self.folder.candidates}: clear search_items as well"
            )
        track = track_from_json(found[0])
        context["ti"].xcom_push(key=SourceItemLink.xcom_key, value=track.source_url)
        with self.landing(claim_of(context)) as landing:
            state = landing.land(track)
            if state in ("landed", "analysed"):
                return asset_id
            failure = (landing.catalogue.read(asset_id) or {}).get("failure")
        reason = f"{failure['error']}: {failure['message']}" if state and failure else "another run has it"
        raise AirflowSkipException(f"{track.source_id} did not land: {reason}")


class OpenMediaCompleteBatchOperator(OpenMediaBaseOperator):
    """Replace every bad track of a batch by the next candidates, until the batch is full or the source exhausted.

    Returns the ids of all that landed, in groups of at most ``group_size``, to map the next step over. What landed is
    not held up by what did not: at its last try the task is content with the part of the batch that is there.

    :param group_size: how many assets one task of the next step takes
    """

    def __init__(self, *, group_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size

    def execute(self, context: Context) -> list[list[str]]:
        candidates = self.read_candidates(claim_of(context))
        wanted = candidates["asked"]
        good = self._landed(candidates)
        exhausted = False
        if len(good) < wanted:
            self.log.info("%d of %d are good, looking for others", len(good), wanted)
            try:
                exhausted = self._replace(candidates, good)
            except (Exception, AirflowTaskTimeout) as error:
                if not good or _comes_again(error, context):
                    raise
                self.log.exception("no replacements any more, going on with %d of %d", len(good), wanted)
        context["ti"].xcom_push(key="exhausted", value=exhausted)
        self.log.info("%d of %d landed%s", len(good), wanted, "; the source has no more" if exhausted else "")
        return [good[start : start + self.group_size] for start in range(0, len(good), self.group_size)]

    def _landed(self, candidates: dict[str, Any]) -> list[str]:
        """Return what this run has landed, the chosen ones first and then the replacements of an earlier execution."""
        chosen = [asset_id_from_source(v["source"], v["source_id"]) for v in candidates["batch"]]
        listed = [item["asset_id"] for item in self.catalogue.iter_run(self.campaign, self.run)]
        standing = self.catalogue.read_many([*chosen, *listed])
        return [
            asset_id
            for asset_id in dict.fromkeys([*chosen, *listed])
            if asset_id in standing
            and standing[asset_id]["state"] in ("landed", "analysed")
            and standing[asset_id]["claimed_by"] == candidates["claimed_by"]
        ]

    def _replace(self, candidates: dict[str, Any], good: list[str]) -> bool:
        """Land further tracks into ``good`` until the batch is full; say whether the source had too few."""
        text = self.lake.read_text(SETTINGS.processed_bucket, self.folder.search)
        if text is None:
            raise AirflowFailException(f"{self.folder.search} is missing: the search of this run must run first")
        progress = Progress.from_json(json.loads(text))
        if progress.exhausted:
            return True
        with self.landing(candidates["claimed_by"]) as landing:
            for track in self.search(landing, families=candidates["licences"], progress=progress):
                asset_id = asset_id_from_source(track.source, track.source_id)
                if asset_id not in good and landing.land(track) in ("landed", "analysed"):
                    good.append(asset_id)
                if len(good) == candidates["asked"]:
                    return False
        return True


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _comes_again(error: BaseException, context: Context) -> bool:
    """Say whether Airflow will execute the task another time after this error, within reason."""
    if isinstance(error, AirflowRescheduleException):
        return context.get("task_reschedule_count", 0) < MOST_COOL_DOWNS
    return not isinstance(error, AirflowFailException) and context["ti"].try_number <= context["ti"].max_tries


def claim_of(context: Context) -> str:
    """Name the DAG run as the owner of what it claims; the same on every try and clear."""
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
