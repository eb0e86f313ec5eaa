"""Tell people of an incident: what happened, when, how sure, and links that play."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from include.catalog.triage import Triage, incident_id
from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from include.triage.alert import Message, incident_message
from media_lake.channels import APPRISE_CONN_ID, channels, tell, untold
from media_lake.hooks.dynamodb import AssetCatalogueHook, OnceHook
from media_lake.hooks.s3 import LakeHook
from media_lake.notifiers.sns import run_url
from media_lake.playback import NoPictureOfIt, Piece, film_and_clips, keep_picture, sign_all
from media_lake.triage import UploadRecords

DEFAULT_HOURS = 168
"""A week: whoever was on holiday still sees it."""
MOST_PICTURE_ATTEMPTS = 2
"""A film that took the worker down this often while its picture was made is alerted about without one."""


class FootageAlertOperator(BaseOperator):
    """Alert about an upload that was decided to be an incident; any other is skipped. Returns the id of the incident.

    The alert goes to the SNS topic and to each target of the Apprise connection, to each at least once and, as long as
    no worker is killed while it sends, once: also when the task is retried, cleared or executed twice. A channel that
    fails does not keep it from the others; then the task fails, and its retry sends to that channel alone. Without any
    channel the alert stands in the log, without its links.

    It tells of what there is to look at: siblings of the task named ``make_rendition`` and ``cut_evidence_<n>`` made
    it, or push as ``refusal`` why not. Links are signed for the message alone and kept nowhere.

    :param asset_id: asset of the catalogue. (templated)
    :param hours: how long the links play. (templated)
    :param topic_arn: SNS topic; empty means none
    :param apprise_conn_id: connection with further channels, if it exists
    :param aws_conn_id: connection of lake, ledger and topic
    """

    template_fields: Sequence[str] = ("asset_id", "hours")

    def __init__(
        self,
        *,
        asset_id: str,
        hours: float | str = DEFAULT_HOURS,
        topic_arn: str = SETTINGS.alerts_topic_arn,
        apprise_conn_id: str = APPRISE_CONN_ID,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asset_id = asset_id
        self.hours = hours
        self.topic_arn = topic_arn
        self.apprise_conn_id = apprise_conn_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        once = OnceHook(aws_conn_id=self.aws_conn_id)
        item = catalogue.read(self.asset_id)
        decision = (item or {}).get("decision", "nothing yet")
        if item is None or decision != "incident":
            raise AirflowSkipException(f"{self.asset_id}: the decision is {decision}, and only incidents are alerted")
        records = UploadRecords(lake, item)
        triage = records.read("triage", Triage)
        if triage is None:
            raise AirflowException(f"{item['title']} has no record of its decision: clear the task that decides")
        to = channels(topic_arn=self.topic_arn, apprise_conn_id=self.apprise_conn_id, aws_conn_id=self.aws_conn_id)
        message_id = incident_id(self.asset_id)
        if to and not untold(message_id, to, once):
            self.log.info("%s was told to every channel before; %s", message_id, _links(item))
            self._close(catalogue, item)
            return message_id
        pieces = self._pieces(context, catalogue, lake, item, triage)
        shows, expires_at = sign_all(pieces, self._expiry(once, message_id), aws_conn_id=self.aws_conn_id)
        expires = expires_at.isoformat().replace("+00:00", "Z") if expires_at else None
        self._note(catalogue, records, triage, pieces, expires if to else None)
        message = incident_message(
            item,
            triage,
            message_id=message_id,
            shows=shows,
            expires_at=expires,
            run_url=run_url(context["dag_run"].dag_id, context["dag_run"].run_id),
        )
        if to:
            self.log.info("%s was told to %s", message_id, ", ".join(tell(message, to, once)) or "nobody new")
        else:
            self._log_alone(message)
        self._close(catalogue, item)
        return message_id

    def _close(self, catalogue: AssetCatalogueHook, item: Mapping[str, Any]) -> None:
        """Note that people were told: what is not noted for a day another run takes again."""
        if "alerted_at" not in item:
            catalogue.mark(self.asset_id, item["state"], alerted_at=now_iso())

    def _pieces(
        self,
        context: Context,
        catalogue: AssetCatalogueHook,
        lake: LakeHook,
        item: Mapping[str, Any],
        triage: Triage,
    ) -> list[Piece]:
        """Return what there is to look at: the film, the clips, and a picture of the heaviest moment."""
        pieces = film_and_clips(lake, item, triage.moments_s, lambda task: self._refusal(context, task))
        moments_s = triage.moments_s or [(item.get("duration_s") or 0.0) / 2]
        work = f"picture of {context['ti'].max_tries} tries"
        try:
            if catalogue.count_attempt(self.asset_id, work) > MOST_PICTURE_ATTEMPTS:
                raise NoPictureOfIt(f"making it took the worker down {MOST_PICTURE_ATTEMPTS} times")
            picture = Piece(name="Picture", key=keep_picture(lake, item, pieces[0].key, moments_s[0]))
        except NoPictureOfIt as error:
            self.log.warning("no picture of %s: %s", item["title"], error)
            picture = Piece(name="Picture", key=None, why_not=str(error))
        catalogue.forget_attempts(self.asset_id, work)
        return [*pieces, picture]

    def _refusal(self, context: Context, task: str) -> str:
        """Return why the sibling ``task`` of the same map index made nothing."""
        group = self.task_id.rpartition(".")[0]
        sibling = f"{group}.{task}" if group else task
        ti = context["ti"]
        refusal = ti.xcom_pull(task_ids=sibling, key="refusal", map_indexes=ti.map_index)
        return str(refusal) if refusal else f"{sibling} ended without it: its log tells why"

    def _expiry(self, once: OnceHook, message_id: str) -> datetime:
        """Return until when the links play: the same for every channel and every retry, as long as it lies ahead."""
        now = datetime.now(UTC).replace(microsecond=0)
        fresh = now + timedelta(hours=float(self.hours))
        if fresh <= now:
            raise ValueError(f"hours is {self.hours}: links are to play for a while")
        key = hashlib.sha256(f"links\n{message_id}".encode()).hexdigest()
        noted = datetime.fromisoformat(once.remember(key, fresh.isoformat()))
        return noted if noted > now else fresh

    def _note(
        self,
        catalogue: AssetCatalogueHook,
        records: UploadRecords,
        triage: Triage,
        pieces: Sequence[Piece],
        expires_at: str | None,
    ) -> None:
        """Write down in catalogue and record what is told, before it is: of links no more than when they expire."""
        film, *clips, picture = pieces
        told: dict[str, Any] = {"alert_id": incident_id(self.asset_id), "playback_url_expires_at": expires_at}
        found: dict[str, Any] = {
            "rendition_key": film.key,
            "evidence_keys": [clip.key for clip in clips if clip.key],
            "picture_key": picture.key,
        }
        records.write("triage", replace(triage, **told))
        catalogue.mark(self.asset_id, records.item["state"], **told, **found)

    def _log_alone(self, message: Message) -> None:
        shown = "\n".join(line.text for line in message.lines if "](" not in line.text)
        self.log.warning(
            "no channel is set (MEDIA_ALERTS_TOPIC_ARN, connection %s); the alert is:\n%s", self.apprise_conn_id, shown
        )


def _links(item: Mapping[str, Any]) -> str:
    expires_at = item.get("playback_url_expires_at")
    until = f"its links play until {expires_at}" if expires_at else "it had no links"
    return f"{until}; new ones: python -m media_lake.sign {item['asset_id']}"
