"""`python -m local_stack burst`: many uploads at once, with all that goes wrong, and a check that nothing was lost.

Small drives go up side by side, a tenth of them accidents; a fifth of the messages about them come twice, late and out
of order; the triggerer and one task's process are killed on the way. Then every upload must have one decision, every
incident one alert, and no job may have been done twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import struct
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from include.catalog.keys import run_from_time
from include.catalog.uploads import FOOTAGE_SOURCE, iso_utc
from include.settings import Settings
from local_stack import supervisor
from local_stack.airflow_api import AirflowApi
from local_stack.burst_checks import Outcome, Sent, percentile, violations
from local_stack.following import POLL_S, DemoError
from local_stack.footage import INBOX, TRIAGE, Footage, drive_of, incident_alerts, is_settled, open_intake
from local_stack.local_aws import LocalAws

ACCIDENTS_EVERY, TWICE_EVERY = 10, 5
DEVICES = 10
UPLOADERS = 16
PATIENCE_S = 3600.0
POLL_CATALOGUE_S = 2.0
AGREED_S = 15.0
"""For so long nothing may change any more before it counts as finished."""


def burst(
    settings: Settings,
    console: Console,
    *,
    uploads: int,
    restart: Callable[[], object],
    patience_s: float = PATIENCE_S,
) -> int:
    """Send a burst through the running stack, check what came of it and print it; returns the exit status.

    :param restart: starts again what died of the stack.
    :raises DemoError: when the stack is not up, or not all is decided in time.
    """
    if idle := [line.title for line in supervisor.status(settings) if not line.health.is_healthy]:
        raise DemoError(f"not healthy: {', '.join(idle)}; run `make up` first")
    aws = LocalAws(settings)
    name = run_from_time(datetime.now(UTC))
    footage = drives_for(name, uploads, *tiny_drives(settings))
    with AirflowApi.of(settings) as airflow, rekognition_announcements(aws) as announced:
        open_intake(airflow)
        dead_before = len(aws.messages("footage-dlq"))
        began = time.monotonic()
        sent = upload_all(aws, footage)
        upload_s = time.monotonic() - began
        _tell(console, f"{uploads} uploads in {upload_s:.1f} s ({60 * uploads / upload_s:.0f} a minute)")
        late = late_messages(sent, seed=name)
        send_messages(aws, late[: len(late) // 2])
        decided = wait_for_decisions(aws, sent, lambda found: len(found) >= max(1, uploads // 10), patience_s)
        killed = [kill_component(settings, "triggerer")]
        restart()
        killed.append(kill_worker(settings, airflow))
        send_messages(aws, late[len(late) // 2 :])
        _tell(console, f"{len(late)} messages came twice, late and out of order; killed: {', '.join(killed)}")
        decided |= wait_for_decisions(aws, sent, lambda found: len(found) == uploads, patience_s, decided)
        wait_until_quiet(airflow, aws, patience_s)
        outcome = read_outcome(aws, sent, announced(), dead_before)
    _print_rates(console, sent, decided, upload_s, outcome)
    faults = violations(sent, outcome)
    for fault in faults:
        console.print(f"[red]violated:[/red] {fault}", soft_wrap=True, highlight=False)
    if not faults:
        _tell(console, "held: one decision an upload, none lost, no job done twice, one alert an incident")
    return 1 if faults else 0


# --- the uploads ------------------------------------------------------------------------------------------------------


def tiny_drives(settings: Settings) -> tuple[Footage, Footage]:
    """Fetch a small accident and a small dull drive from the stand-in."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        told = client.get(f"http://127.0.0.1:{settings.local_sources_port}/_drives").raise_for_status().json()
        drives = {entry["truth"]["name"]: drive_of(entry, client) for entry in told["tiny"]}
    return drives["tiny-accident"], drives["tiny-dull"]


def drives_for(burst: str, count: int, accident: Footage, dull: Footage) -> list[Footage]:
    """Make drives of their own bytes, every tenth an accident."""
    made = []
    for number in range(count):
        model = accident if number % ACCIDENTS_EVERY == 0 else dull
        data = with_tag(model.data, f"{burst} {number}")
        made.append(
            replace(
                model,
                device=f"burst-{number % DEVICES}",
                file_name=f"{burst}-{number:04d}.mp4",
                data=data,
                sha256=hashlib.sha256(data).hexdigest(),
            )
        )
    return made


def with_tag(mp4: bytes, tag: str) -> bytes:
    r"""Append a box that players skip (``free``, ISO/IEC 14496-12), so that the same film has bytes of its own.

    >>> with_tag(b"...", "burst 7")
    b'...\x00\x00\x00\x0ffreeburst 7'
    """
    payload = tag.encode()
    return mp4 + struct.pack(">I", 8 + len(payload)) + b"free" + payload


def upload_all(aws: LocalAws, footage: Sequence[Footage]) -> list[Sent]:
    """Upload side by side, as many dash cams do."""

    def send(one: Footage) -> Sent:
        answer = aws.s3.put_object(Bucket=aws.settings.ingest_bucket, Key=one.key, Body=one.data, Metadata=one.metadata)
        return Sent(
            key=one.key,
            version_id=answer.get("VersionId"),
            etag=answer["ETag"].strip('"'),
            size_bytes=len(one.data),
            sha256=one.sha256,
            at=time.time(),
            is_incident=one.is_incident,
        )

    with ThreadPoolExecutor(UPLOADERS) as pool:
        return list(pool.map(send, footage))


def late_messages(sent: Sequence[Sent], seed: str) -> list[Sent]:
    """Choose every fifth upload, in an order that has nothing to do with that of the uploads."""
    chosen = list(sent[::TWICE_EVERY])
    random.Random(seed).shuffle(chosen)
    return chosen


def send_messages(aws: LocalAws, sent: Sequence[Sent]) -> None:
    """Tell the footage queue once more of uploads that it was told of by S3."""
    url = aws.queue_url("footage")
    for one in sent:
        aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event_of(aws.settings.ingest_bucket, one)))


def event_of(bucket: str, sent: Sent) -> dict[str, Any]:
    """Word the event as EventBridge does.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": iso_utc(datetime.fromtimestamp(sent.at, UTC)),
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": sent.key,
                "size": sent.size_bytes,
                "etag": sent.etag,
                "sequencer": f"{int(sent.at * 1e9):016X}",
                **({"version-id": sent.version_id} if sent.version_id else {}),
            },
            "reason": "PutObject",
        },
    }


# --- what goes wrong --------------------------------------------------------------------------------------------------


def kill_component(settings: Settings, name: str) -> str:
    """Kill a component with all its processes, at once; returns its title."""
    (line,) = (line for line in supervisor.status(settings) if line.name == name)
    if line.pid is None:
        raise DemoError(f"{line.title} does not run: `make logs NAME={name}`")
    main = psutil.Process(line.pid)
    os.killpg(main.pid, signal.SIGKILL)
    psutil.wait_procs([main], timeout=30)
    return line.title


def kill_worker(settings: Settings, airflow: AirflowApi) -> str:
    """Kill the process that executes some task of triage_footage; returns the task's name."""
    for _ in range(120):
        tasks = {
            task["id"]: task
            for run_id in airflow.running(TRIAGE)
            for task in airflow.task_instances(TRIAGE, run_id)
            if task["state"] == "running"
        }
        for pid in supervisor.leftovers(settings):
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_text()
                if found := next((task for task_id, task in tasks.items() if task_id in title), None):
                    os.kill(pid, signal.SIGKILL)
                    return f"the worker of {found['task_id']} {found.get('rendered_map_index') or ''}".rstrip()
        time.sleep(POLL_S / 2)
    return "no worker, for no task ran at the time"


# --- what came of it --------------------------------------------------------------------------------------------------


def items_of(aws: LocalAws, sent: Iterable[Sent]) -> dict[str, list[dict[str, Any]]]:
    """Return what the catalogue holds of the uploads, by key."""
    found: dict[str, list[dict[str, Any]]] = {one.key: [] for one in sent}
    for item in aws.assets(FOOTAGE_SOURCE):
        if item["key"] in found:
            found[item["key"]].append(item)
    return found


def wait_for_decisions(
    aws: LocalAws,
    sent: Sequence[Sent],
    enough: Callable[[Mapping[str, float]], bool],
    patience_s: float,
    known: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Wait until enough uploads are decided on; returns by key when that was first seen, in seconds since the epoch.

    :raises DemoError: when nothing was decided for too long; says how many are left.
    """
    seen = dict(known or {})
    deadline = time.monotonic() + patience_s
    while True:
        for key, items in items_of(aws, sent).items():
            if key not in seen and any(map(is_settled, items)):
                seen[key] = time.time()
        if enough(seen):
            return seen
        if time.monotonic() > deadline:
            raise DemoError(
                f"{len(sent) - len(seen)} of {len(sent)} uploads have no decision after {patience_s:.0f} s: "
                "look at triage_footage in the Airflow UI"
            )
        time.sleep(POLL_CATALOGUE_S)


def wait_until_quiet(airflow: AirflowApi, aws: LocalAws, patience_s: float) -> None:
    """Wait until the messages are used up and no run goes on, for a while.

    :raises DemoError: when that takes too long.
    """
    deadline = time.monotonic() + patience_s
    quiet_since: float | None = None
    while quiet_since is None or time.monotonic() - quiet_since < AGREED_S:
        busy = airflow.running(TRIAGE) or messages_left(aws, "footage")
        if busy:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        if time.monotonic() > deadline:
            raise DemoError(f"runs or messages still go on after {patience_s:.0f} s: {busy}")
        time.sleep(POLL_CATALOGUE_S)


def messages_left(aws: LocalAws, queue: str) -> int:
    """Return how many messages a queue holds, with those that somebody is working on."""
    told = aws.sqs.get_queue_attributes(QueueUrl=aws.queue_url(queue), AttributeNames=["All"])["Attributes"]
    return int(told["ApproximateNumberOfMessages"]) + int(told["ApproximateNumberOfMessagesNotVisible"])


def read_outcome(aws: LocalAws, sent: Sequence[Sent], announced: Sequence[dict[str, Any]], dead_before: int) -> Outcome:
    """Read what became of the uploads from the catalogue, the buckets, the ledger and the queues."""
    items = items_of(aws, sent)
    owned = {stem_of(item): item["key"] for found in items.values() for item in found if "stem" in item}
    alerts = incident_alerts(aws.messages(INBOX))
    return Outcome(
        items=items,
        kept={key: _is_kept(aws, found[0]) for key, found in items.items() if found},
        jobs=[entry for entry in aws.jobs() if "asset" in entry and _is_about(entry["asset"], items, owned)],
        announced=[told for told in announced if _is_about(told["Video"]["S3ObjectName"], items, owned)],
        alerts={
            key: [alert["sent_at"] for alert in alerts.get(found[0]["asset_id"], [])]
            for key, found in items.items()
            if found
        },
        new_dead_letters=len(aws.messages("footage-dlq")) - dead_before,
    )


def stem_of(item: Mapping[str, Any]) -> str:
    """Return what the names of everything made of an upload begin with, in the processed bucket."""
    return f"video/footage/{item['device']}/{item['day']}/{item['stem']}"


def _is_about(name: str, keys: Iterable[str], stems: Iterable[str]) -> bool:
    """Say whether an object, named by its key or address, is one of the uploads or was made of one."""
    return any(key in name for key in keys) or any(stem in name for stem in stems)


def _is_kept(aws: LocalAws, item: Mapping[str, Any]) -> bool:
    """Say whether the bytes stand where the catalogue says, as many as were uploaded."""
    bucket, key = item.get("archive_bucket") or item["bucket"], item.get("archive_key") or item["key"]
    try:
        return aws.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == item["size_bytes"]
    except aws.s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
            return False
        raise


@contextmanager
def rekognition_announcements(aws: LocalAws) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Hear what Rekognition itself announces meanwhile, in a queue that nobody else reads."""
    queue = aws.sqs.create_queue(QueueName=f"burst-{uuid.uuid4().hex}")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    ending = f":AmazonRekognition-{aws.settings.prefix}"
    (topic,) = (one["TopicArn"] for one in aws.sns.list_topics()["Topics"] if one["TopicArn"].endswith(ending))
    subscription = aws.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )

    def announced() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        while messages := aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            told += [json.loads(message["Body"]) for message in messages]
        return told

    try:
        yield announced
    finally:
        aws.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])  # first: a missing queue stops the others'
        aws.sqs.delete_queue(QueueUrl=queue)


def _print_rates(
    console: Console, sent: Sequence[Sent], decided: Mapping[str, float], upload_s: float, outcome: Outcome
) -> None:
    waits = sorted(decided[one.key] - one.at for one in sent if one.key in decided)
    alerted = sorted(at - one.at for one in sent for at in outcome.alerts.get(one.key, ()))
    lasted = max(decided.values()) - min(one.at for one in sent)
    table = Table(title="burst", title_justify="left", show_header=False)
    for name, value in (
        ("uploads", f"{len(sent)}, {60 * len(sent) / upload_s:.0f} a minute"),
        ("decisions", f"{len(decided)}, {60 * len(decided) / lasted:.1f} a minute"),
        ("time to the decision", _spread(waits)),
        ("incidents, alerts", f"{outcome.count('incident')}, {len(alerted)}"),
        ("time to the alert", _spread(alerted)),
        ("jobs in the ledger", f"{len(outcome.jobs)}, of Rekognition {len(outcome.rekognition_jobs)}"),
        ("jobs that Rekognition did", f"{len(outcome.announced)}"),
        ("dead letters", f"{outcome.new_dead_letters}"),
    ):
        table.add_row(name, value)
    console.print(table)


def _spread(waits_s: Sequence[float]) -> str:
    return f"p50 {percentile(waits_s, 50):.0f} s, p95 {percentile(waits_s, 95):.0f} s" if waits_s else "none"


def _tell(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False, markup=False)
