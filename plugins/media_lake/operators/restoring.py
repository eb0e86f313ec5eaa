"""Make archived objects readable again: find and quote them, restore each, and tell people when they can be read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.costs.rate_card import default_rate_card
from include.settings import SETTINGS
from include.storage.decision import size_text, usd_text
from include.storage.restoring import (
    MOST_OBJECTS,
    RestoreRefused,
    Tier,
    begin_restore,
    head_of,
    object_at,
    quote_restore,
    read_back_of,
    readiness_of,
)
from include.triage.alert import DETAIL, Line, Message, harmless, subject_of
from media_lake.channels import APPRISE_CONN_ID, channels, tell
from media_lake.hooks.dynamodb import AssetCatalogueHook, OnceHook
from media_lake.hooks.s3 import LakeHook
from media_lake.notifiers.sns import run_url
from media_lake.triggers.restore import S3ObjectReadableTrigger

MOST_TOLD = 50
"""How many objects a message names: SNS takes 256 KB, and a key may have 1,024 bytes."""
LOOK_EVERY_S = 300
LONGEST_RESTORE_S = 60 * 3600
"""Bulk takes up to 48 hours; the rest is for a busy day."""

ArchivedObject = dict[str, str | None]
"""``bucket``, ``key`` and ``version_id``, as the restore's parameters are called."""


class S3FindArchivedOperator(BaseOperator):
    """Find the objects that are to be restored, quote them, and return where each is.

    They are named by keys of a bucket, by assets of the catalogue, or by what their keys begin with; what is named
    twice comes once. Above ``max_cost_usd`` by the rate card, and above 1,000 objects, the run stops before anything is
    asked for. The quote goes to the XCom ``quoted_usd``; what can be read for that long already costs nothing.

    :param bucket: bucket of keys and prefix. (templated)
    :param keys: whole keys; a string holds them with line breaks between. (templated)
    :param asset_ids: assets of the catalogue, which says where each is kept. (templated)
    :param prefix: what keys begin with; empty: none. (templated)
    :param days: how long they shall be readable. (templated)
    :param tier: ``Standard`` or ``Bulk``. (templated)
    :param max_cost_usd: up to this the run goes on. (templated)
    :param aws_conn_id: connection of lake and catalogue
    """

    template_fields: Sequence[str] = ("bucket", "keys", "asset_ids", "prefix", "days", "tier", "max_cost_usd")

    def __init__(
        self,
        *,
        bucket: str,
        days: int | str,
        tier: Tier | str,
        max_cost_usd: float | str,
        keys: Sequence[str] | str | None = None,
        asset_ids: Sequence[str] | str | None = None,
        prefix: str | None = None,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.keys = keys
        self.asset_ids = asset_ids
        self.prefix = prefix
        self.days = days
        self.tier = tier
        self.max_cost_usd = max_cost_usd
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[ArchivedObject]:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        card, days, tier = default_rate_card(), int(self.days), str(self.tier)
        found: list[ArchivedObject] = []
        usd, size_bytes = 0.0, 0
        try:
            for bucket, key in dict.fromkeys(self._named(s3)):
                if len(found) == MOST_OBJECTS:
                    raise RestoreRefused(f"more than {MOST_OBJECTS} objects are named: restore them in several runs")
                head = head_of(s3, bucket, key)
                if (one_usd := quote_restore(head, days=days, tier=tier, card=card)) is not None:
                    usd += one_usd
                    size_bytes += head["ContentLength"]
                version_id = head.get("VersionId")
                found.append({"bucket": bucket, "key": key, "version_id": None if version_id == "null" else version_id})
        except RestoreRefused as error:
            raise AirflowFailException(str(error)) from error
        if not found:
            raise AirflowFailException("nothing is named that exists: give keys, asset_ids or a prefix")
        price = f"{usd_text(usd)} for {size_text(size_bytes)} to bring back ({tier}, {days} days), by {card.priced_by}"
        if not usd <= float(self.max_cost_usd):  # also of what is no number
            raise AirflowFailException(
                f"Nothing is restored: {price}, and max_cost_usd is {float(self.max_cost_usd):g}. "
                "Raise it, take the tier Bulk, or name fewer objects, and start another run"
            )
        self.log.info("%d objects: %s", len(found), price)
        context["ti"].xcom_push(key="quoted_usd", value=round(usd, 6))
        return found

    def _named(self, s3: Any) -> Iterator[tuple[str, str]]:
        for key in _lines(self.keys):
            yield self.bucket, key
        ids = _lines(self.asset_ids)
        items = AssetCatalogueHook(aws_conn_id=self.aws_conn_id).read_many(ids) if ids else {}
        for asset_id in ids:
            item = items.get(asset_id, {})
            places = (("archive_bucket", "archive_key"), ("raw_bucket", "raw_key"))
            place = next(((item[b], item[k]) for b, k in places if item.get(k)), None)
            if place is None:
                raise RestoreRefused(f"the catalogue has no asset {asset_id} that is kept anywhere")
            yield place
        if self.prefix:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            yield from ((self.bucket, entry["Key"]) for page in pages for entry in page.get("Contents", ()))


class S3RestoreObjectOperator(BaseOperator):
    """Have an archived object made readable for some days, and wait for it without a worker.

    Returns the key; the XCom ``readable_until`` is the time (ISO 8601) at which the restored copy goes, ``None`` for an
    object that is not archived, which is done at once. A restore that is under way already is waited for.

    :param bucket: bucket of the object
    :param key: key of the object. Not templated, for whoever uploads chooses it: ``{{ ... }}`` in it is a name
    :param version_id: its version; ``None`` or empty for the current one
    :param days: how long it stays readable. (templated)
    :param tier: ``Standard`` (hours) or ``Bulk`` (cheaper, days). (templated)
    :param deferrable: wait in the triggerer; otherwise the task holds a worker
    :param waiter_delay: seconds between two looks. It looks for ``LONGEST_RESTORE_S``, then the task fails; it may be
        cleared, to wait again. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("days", "tier", "waiter_delay")

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        version_id: str | None = None,
        days: int | str = 7,
        tier: Tier | str = "Standard",
        deferrable: bool = True,
        waiter_delay: int | str = LOOK_EVERY_S,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.version_id = version_id
        self.days = days
        self.tier = tier
        self.deferrable = deferrable
        self.waiter_delay = waiter_delay
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        tier: Any = str(self.tier)
        lake = LakeHook(aws_conn_id=self.aws_conn_id)
        try:
            within_h = read_back_of(tier, default_rate_card()).within_h
            found = begin_restore(
                lake.conn, self.bucket, self.key, self.version_id or None, days=int(self.days), tier=tier
            )
        except RestoreRefused as error:
            raise AirflowFailException(str(error)) from error
        if found.state == "readable":
            return self._ready(context)
        self.log.info("s3://%s/%s is being restored, within %g hours", self.bucket, self.key, within_h)
        delay_s = max(1, int(self.waiter_delay))
        looks = math.ceil(LONGEST_RESTORE_S / delay_s)
        if self.deferrable:
            self.defer(
                trigger=S3ObjectReadableTrigger(
                    bucket=self.bucket,
                    key=self.key,
                    version_id=self.version_id or None,
                    waiter_delay=delay_s,
                    waiter_max_attempts=looks,
                    aws_conn_id=self.aws_conn_id,
                ),
                method_name="execute_complete",
            )
        lake.get_waiter("object_readable").wait(
            **object_at(self.bucket, self.key, self.version_id or None),
            WaiterConfig={"Delay": delay_s, "MaxAttempts": looks},
        )
        return self._ready(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> str:
        """Take the event for a hint, and ask S3 itself."""
        if event["status"] != "success":
            raise AirflowException(f"{' '.join(event['message'].split())}; clear the task to wait again")
        return self._ready(context)

    def _ready(self, context: Context) -> str:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        try:
            found = readiness_of(head_of(s3, self.bucket, self.key, self.version_id or None))
        except RestoreRefused as error:
            raise AirflowFailException(str(error)) from error
        if found.state != "readable":
            where = f"s3://{self.bucket}/{self.key}"
            raise AirflowException(f"{where} is {found.state} still; clear the task to wait again")
        until = found.until.astimezone(UTC).isoformat(timespec="seconds") if found.until else None
        context["ti"].xcom_push(key="readable_until", value=until)
        self.log.info("s3://%s/%s can be read %s", self.bucket, self.key, f"until {until}" if until else "at any time")
        return self.key


class S3TellRestoredOperator(BaseOperator):
    """Tell people once a run which objects can be read, and until when; returns how many they are.

    The alerts topic is told, and whatever the Apprise connection names, if it exists. A channel that fails does not
    stop the others; the task fails then, and its retry tells that one alone.

    :param objects: what ``S3FindArchivedOperator`` found. (templated)
    :param notify: ``false``: nobody is told, it stands in the log. (templated)
    :param topic_arn: SNS topic; empty means none
    :param apprise_conn_id: connection with further channels, if it exists
    :param aws_conn_id: connection of lake, ledger and topic
    """

    template_fields: Sequence[str] = ("objects", "notify")

    def __init__(
        self,
        *,
        objects: Sequence[ArchivedObject],
        notify: bool | str = True,
        topic_arn: str = SETTINGS.alerts_topic_arn,
        apprise_conn_id: str = APPRISE_CONN_ID,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.objects = objects
        self.notify = notify
        self.topic_arn = topic_arn
        self.apprise_conn_id = apprise_conn_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> int:
        if not self.objects:
            raise AirflowSkipException("nothing was to be restored")
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        states = [_state_of(s3, one) for one in self.objects]
        readable = sum(state["readable"] for state in states)
        dag_run = context["dag_run"]
        message = restored_message(states, dag_run.dag_id, dag_run.run_id)
        self.log.info("%s\n%s", message.subject, message.markdown())
        context["ti"].xcom_push(key="analysed", value=readable)
        if str(self.notify).lower() == "true":
            to = channels(topic_arn=self.topic_arn, apprise_conn_id=self.apprise_conn_id, aws_conn_id=self.aws_conn_id)
            tell(message, to, OnceHook(aws_conn_id=self.aws_conn_id))
        return readable


def restored_message(states: Sequence[Mapping[str, Any]], dag_id: str, run_id: str) -> Message:
    """Write the message about a run's objects; each state holds ``bucket, key, readable, until, why_not``.

    It names ``MOST_TOLD`` of them, those first that cannot be read.
    """
    readable = sum(state["readable"] for state in states)
    shown = sorted(states, key=lambda state: state["readable"])[:MOST_TOLD]
    url = run_url(dag_id, run_id)
    lines = [Line(f"{readable} of {len(states)} archived objects can be read now. [The run]({url})")]
    for state in shown:
        until = f"until {state['until']}" if state["until"] else "at any time"
        lines.append(Line(f"- {harmless(state['key'])}: {until if state['readable'] else state['why_not']}", DETAIL))
    if more := len(states) - len(shown):
        lines.append(Line(f"- and {more} more", DETAIL))
    return Message(
        message_id=f"{dag_id}/{run_id}",
        kind="restore",
        subject=subject_of(f"Restored: {readable} of {len(states)} objects can be read"),
        lines=tuple(lines),
        facts={
            "kind": "restore",
            "dag_id": dag_id,
            "run_id": run_id,
            "url": url,
            "objects_in_all": len(states),
            "readable": readable,
            "objects": shown,
        },
    )


def _state_of(s3: Any, one: ArchivedObject) -> dict[str, Any]:
    state = {"bucket": one["bucket"], "key": one["key"], "readable": False, "until": None, "why_not": ""}
    try:
        found = readiness_of(head_of(s3, str(one["bucket"]), str(one["key"]), one["version_id"]))
    except RestoreRefused:
        return state | {"why_not": "it is gone, or may not be read"}
    if found.state != "readable":
        return state | {"why_not": "it is being restored still" if found.state == "restoring" else "it is archived"}
    until = found.until.astimezone(UTC).isoformat(timespec="seconds") if found.until else None
    return state | {"readable": True, "until": until}


def _lines(names: Sequence[str] | str | None) -> list[str]:
    """Return names that came as a list, or as text with line feeds between; ``None`` and empty ones are left out.

    Blanks at the ends stay, for they may belong to a key.
    """
    listed = names.split("\n") if isinstance(names, str) else names or ()
    return [name for name in listed if name]
