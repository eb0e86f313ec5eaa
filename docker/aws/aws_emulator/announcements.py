"""What the engines announce: events on the default bus of EventBridge, and messages to topics of SNS.

Both return at once; a thread of its own delivers, in order. Who cannot be reached is named on stderr, and no job minds.
moto delivers to queues, log groups and other buses; a target of another kind does not keep its neighbours from theirs.
"""

from __future__ import annotations

import copy
import json
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from moto.events.models import Rule, events_backends
from moto.events.utils import EventMessageType
from moto.sns.models import sns_backends
from moto.utilities.arns import parse_arn

# What a target without a transformer of its own gets. moto's default leaves the account out; ``detail`` comes last, so
# that nothing in it is taken for a place to fill in.
WHOLE_EVENT = {
    "InputTemplate": (
        '{"version": "0", "id": "<id>", "detail-type": "<detail-type>", "source": "<source>", "account": "<account>", '
        '"time": <time>, "region": "<region>", "resources": <resources>, "detail": <detail>}'
    ),
    "InputPathsMap": {
        name: f"$.{name}"
        for name in ("id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    },
}
_messenger = ThreadPoolExecutor(max_workers=1, thread_name_prefix="announcements")


def send_event(
    account: str,
    region: str,
    source: str,
    detail_type: str,
    detail: dict[str, Any],
    resources: Sequence[str] = (),
) -> Future[None]:
    """Offer an event of an AWS service (``source`` is ``aws.transcribe`` or so) to the rules of the default bus."""
    now_s = time.time()
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": now_s,
        "ingestion-time": now_s,  # for the transformers that ask for it; the event itself has none
        "region": region,
        "resources": list(resources),
        "detail": detail,
    }
    return _messenger.submit(_guarded, f"event {detail_type!r} of {source}", _deliver, account, region, event)


def notify_topic(topic_arn: str, message: dict[str, Any] | str, subject: str | None = None) -> Future[None]:
    """Publish a message to a topic; a dict goes as JSON."""
    text = message if isinstance(message, str) else json.dumps(message)
    return _messenger.submit(_guarded, f"message to {topic_arn}", _publish, topic_arn, text, subject)


def _guarded(what: str, deliver: Callable[..., None], *arguments: Any) -> None:
    try:
        deliver(*arguments)
    except Exception:  # noqa: BLE001  whatever it is, the job is done and the next announcement must go out
        print(f"The local AWS could not deliver {what}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)


def _deliver(account: str, region: str, event: dict[str, Any]) -> None:
    bus = events_backends[account][region].describe_event_bus("default")
    for rule in list(bus.rules.values()):
        if rule.state != "DISABLED":
            for target in list(rule.targets):
                _guarded(f"an event to {target['Arn']} for rule {rule.name}", _send_to_target, rule, target, event)


def _send_to_target(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    alone = copy.copy(rule)
    alone.targets = [target if target.get("InputTransformer") else {**target, "InputTransformer": WHOLE_EVENT}]
    alone.send_to_targets(cast(EventMessageType, copy.deepcopy(event)))


def _publish(topic_arn: str, text: str, subject: str | None) -> None:
    topic = parse_arn(topic_arn)
    sns_backends[topic.account][topic.region].publish(text, arn=topic_arn, subject=subject)
