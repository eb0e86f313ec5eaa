"""Channels to people: an SNS topic, and whatever an Apprise connection names. Each is told a thing once."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from airflow.sdk.log import mask_secret
from botocore.exceptions import BotoCoreError, ClientError

from include.settings import SETTINGS
from include.storage.dynamodb import now_iso
from include.triage.alert import LONGEST_SUBJECT, Message
from media_lake.hooks.dynamodb import OnceHook

if TYPE_CHECKING:
    from apprise import NotifyBase

log = logging.getLogger(__name__)

APPRISE_CONN_ID = "apprise_default"
PATIENCE_S = 30.0
"""How long a channel may take to answer."""
LEASE_S = 90.0
"""Who began to send and did not end within this was killed; another sends then."""
_LOOK_AGAIN_S = 1.0
_ROOM_FOR_TITLE = LONGEST_SUBJECT + 20  # where a service has no titles, Apprise puts them above the body
_TALKATIVE = ("apprise", "botocore", "boto3", "urllib3")
"""Loggers that write down whole messages and addresses when they are told to log everything."""


class ChannelFailed(Exception):
    """A channel did not take a message; says which and why, and nothing that is secret."""


class Channel(Protocol):
    """Where a message can go. ``name`` is for people; ``identity`` tells it from every other, for good."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def send(self, message: Message) -> None:
        """Send a message.

        :raises ChannelFailed: when it was not taken.
        """


@dataclass(frozen=True, slots=True)
class SnsChannel:
    """An SNS topic: the facts as JSON, with ``kind`` and the message's id as attributes to filter by."""

    topic_arn: str
    aws_conn_id: str | None = SETTINGS.aws_conn_id

    @property
    def name(self) -> str:
        return f"SNS topic {self.topic_arn.rpartition(':')[2]}"

    @property
    def identity(self) -> str:
        return f"sns {self.topic_arn}"

    def send(self, message: Message) -> None:
        try:
            SnsHook(aws_conn_id=self.aws_conn_id).publish_to_target(
                target_arn=self.topic_arn,
                subject=message.subject,
                message=message.json(),
                message_attributes={"kind": message.kind, f"{message.kind}_id": message.message_id},
            )
        except (BotoCoreError, ClientError) as error:
            raise ChannelFailed(f"{self.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """One target of an Apprise connection: a chat, a mailbox, a telephone.

    Its identity is made of what the connection says: Apprise spells a target otherwise in each process (who gets a copy
    of a mail is a set) and in each of its versions.
    """

    name: str
    plugin: NotifyBase = field(repr=False)
    identity: str = field(repr=False)

    def send(self, message: Message) -> None:
        from apprise import Apprise, NotifyFormat, NotifyType

        target = Apprise(asset=self.plugin.asset)
        target.add(self.plugin)
        result = target.notify(
            title=message.subject,
            body=message.markdown(self.plugin.body_maxlen - _ROOM_FOR_TITLE),
            body_format=NotifyFormat.MARKDOWN,
            notify_type=NotifyType.WARNING,
            timeout=PATIENCE_S,
        )
        if not result:
            said = " ".join(str(entry.message) for entry in result.logs())
            status = re.search(r"error=(\d{3})\b", said)
            why = f"it answered {status[1]}" if status else f"{result.status.name.lower()}, its own words stand above"
            raise ChannelFailed(f"{self.name}: {why}")


@dataclass(frozen=True, slots=True)
class BrokenChannel:
    """A target of a connection of which Apprise can make nothing."""

    name: str
    identity: str = field(repr=False)

    def send(self, message: Message) -> None:  # noqa: ARG002  (a channel's signature)
        raise ChannelFailed(f"{self.name}: Apprise does not understand its path: correct it in the connection")


def channels(*, topic_arn: str, apprise_conn_id: str, aws_conn_id: str | None) -> list[Channel]:
    """List the channels that there are: the topic unless it is empty, the targets of the connection if it exists."""
    topics: list[Channel] = [SnsChannel(topic_arn, aws_conn_id)] if topic_arn else []
    return topics + apprise_channels(apprise_conn_id)


def apprise_channels(conn_id: str) -> list[Channel]:
    """List the targets of an Apprise connection, none when it does not exist; their addresses are secrets.

    A name is the connection's, the target's place in it, and the service: ``apprise_default[0] (Slack)``.
    """
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from apprise import Apprise, AppriseAsset

    hook = AppriseHook(conn_id)
    try:
        config = hook.get_config_from_conn(hook.get_connection(conn_id))
    except AirflowNotFoundException:
        return []
    except (KeyError, json.JSONDecodeError):
        return [BrokenChannel(conn_id, conn_id)]
    asset = AppriseAsset(app_id="Footage", app_desc="Footage alerts", async_mode=False, image_url_mask="")
    found: list[Channel] = []
    for place, target in enumerate(config if isinstance(config, list) else [config]):
        path = target.get("path") if isinstance(target, dict) else None
        named = f"{conn_id}[{place}]"
        if not path:
            found.append(BrokenChannel(named, named))
            continue
        mask_secret(path)
        targets = Apprise(asset=asset)
        with _discreet(logging.CRITICAL):  # it shows the address that it does not understand
            understood = targets.add(path)
        found += [
            AppriseChannel(f"{named} ({plugin.service_name})", plugin, f"apprise {path} {number}")
            for number, plugin in enumerate(targets)
        ]
        if not understood:
            found.append(BrokenChannel(named, path))
    return found


def tell(message: Message, to: Sequence[Channel], once: OnceHook) -> list[str]:
    """Send a message to each channel that was not told yet, and return the names of those that were told now.

    Each is told at least once: again only when who told it was killed before it could be noted down.

    :raises AirflowException: when a channel failed, after all others were told. A retry tells those alone.
    """
    told, failed = [], []
    for channel in to:
        try:
            if _tell_once(message, channel, once):
                told.append(channel.name)
        except Exception as error:  # noqa: BLE001  (whatever it is, the others are told; and it is raised below)
            # words that are not ours may hold an address, which is a secret
            why = str(error) if isinstance(error, ChannelFailed) else f"{channel.name}: {type(error).__name__}"
            log.warning("%s was not told to %s", message.message_id, why)
            failed.append(why)
    if failed:
        raise AirflowException(f"{message.message_id} was not told to {'; '.join(failed)}")
    return told


def untold(message_id: str, to: Sequence[Channel], once: OnceHook) -> list[Channel]:
    """Return the channels that were not told of ``message_id`` yet."""
    return [channel for channel in to if once.recall(_ledger_key(message_id, channel)) is None]


def _tell_once(message: Message, channel: Channel, once: OnceHook) -> bool:
    """Send unless it was sent. Of two that want to at the same time one sends, and the other waits for it.

    Sending is begun by a note of its own: beside it stands that it failed, or it grows old because its sender died.
    """
    key, sender = _ledger_key(message.message_id, channel), uuid.uuid4().hex
    for attempt in count():
        begun = f"{key}#{attempt}"
        while True:
            if once.recall(key) is not None:
                log.info("%s was told to %s already", message.message_id, channel.name)
                return False
            note = once.remember(begun, {"sender": sender, "begun_at": now_iso()})
            if note["sender"] == sender or _is_over(once, begun, note):
                break
            time.sleep(_LOOK_AGAIN_S)
        if note["sender"] == sender:
            break
    try:
        with _discreet():
            channel.send(message)
    except BaseException:
        once.remember(f"{begun}#failed", now_iso())
        raise
    once.remember(key, {"channel": channel.name, "told_at": now_iso()})
    return True


def _is_over(once: OnceHook, begun: str, note: dict[str, Any]) -> bool:
    age = datetime.now(UTC) - datetime.fromisoformat(note["begun_at"])
    return age.total_seconds() > LEASE_S or once.recall(f"{begun}#failed") is not None


def _ledger_key(message_id: str, channel: Channel) -> str:
    return hashlib.sha256(f"tell\n{message_id}\n{channel.identity}".encode()).hexdigest()


@contextmanager
def _discreet(level: int = logging.INFO) -> Iterator[None]:
    """Keep messages and addresses, which are secrets, out of a log that is told to hold everything."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(max(level, logger.getEffectiveLevel()))
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
