"""The demo's dash cams: their drives go up, runs start by themselves, and what was decided is shown and tried."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from include.catalog.keys import footage_key, raw_filename, slug_from_name
from include.catalog.uploads import FOOTAGE_SOURCE, METADATA_CAPTURED_AT, METADATA_DEVICE, METADATA_SHA256, iso_utc
from include.settings import Settings
from local_stack.airflow_api import AirflowApi, AirflowApiError
from local_stack.following import FINAL, POLL_S, DemoError, follow, wait_for_dag
from local_stack.local_aws import LocalAws, Message
from local_stack.signed_link import try_link
from local_stack.tables import print_footage, print_plainly

TRIAGE, REVIEW = "triage_footage", "review_footage"
MY_DEVICE = "my-media"
INBOX = "alerts-inbox"
# fmt: off
FILM_ENDINGS = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf",
    ".ogv", ".ts", ".vob", ".webm", ".wmv",
})
# fmt: on
SWEEP_EVERY = timedelta(minutes=10)
"""How often triage_footage looks for uploads of which no message came."""
SLOW_AFTER_S = 45.0
ENDED_STATES = frozenset({"failed", "duplicate", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """A film to be uploaded as a dash cam does it."""

    device: str
    file_name: str
    captured_at: datetime
    sha256: str
    about: str = ""
    is_incident: bool = False
    """Whether it is known to show one."""
    data: bytes = field(repr=False, default=b"")
    path: Path | None = None
    """Where the bytes are when ``data`` is empty."""

    @property
    def key(self) -> str:
        """Its key in the ingest bucket; the name tells the content, so that the same film is never bought twice."""
        day = self.captured_at.astimezone(UTC).strftime("%Y%m%d")
        return footage_key(self.device, day, raw_filename(self.file_name, self.sha256))

    @property
    def metadata(self) -> dict[str, str]:
        """What the uploader notes on the object."""
        return {
            METADATA_DEVICE: self.device,
            METADATA_CAPTURED_AT: iso_utc(self.captured_at),
            METADATA_SHA256: self.sha256,
        }


def open_intake(airflow: AirflowApi) -> None:
    """Let Airflow take up what is uploaded from now on.

    :raises DemoError: when the DAGs are not there.
    """
    for dag_id in (REVIEW, TRIAGE):
        wait_for_dag(airflow, dag_id)
        airflow.unpause(dag_id)


def show_footage(settings: Settings, airflow: AirflowApi, console: Console, media: Sequence[Path]) -> list[str]:
    """Upload the drives, and the films of the folders; show what became of them. Returns what went wrong.

    The intake must be open, at best for a while: then messages start the runs, and not the sweep that comes first.

    :raises DemoError: when the uploads are not taken up, or take too long.
    """
    aws = LocalAws(settings)
    footage = [*drives_of(settings), *films_of(media)]
    console.print(
        f"\n[bold]{TRIAGE}[/bold]: {len(footage)} films from dash cams; no run is triggered by hand", soft_wrap=True
    )
    began = datetime.now(UTC)
    new = upload_new(aws, footage, console)
    failed = []
    if new or any(not is_settled(item) for item in standing(aws, footage).values()):
        failed = follow_runs(airflow, console, began, lambda: unsettled(aws, footage))
    items = standing(aws, footage)
    console.print()
    print_footage(console, [(one.device, one.file_name, one.about, items.get(one.key)) for one in footage])
    _print_reviews(console, settings, items.values())
    return failed + _try_links(console, aws, items.values())


def drives_of(settings: Settings) -> list[Footage]:
    """Fetch the drives that the stand-in films."""
    base = f"http://127.0.0.1:{settings.local_sources_port}"
    with httpx.Client(trust_env=False, timeout=60) as client:
        told = client.get(f"{base}/_drives").raise_for_status().json()
        return [drive_of(entry, client) for entry in told["drives"]]


def drive_of(entry: Mapping[str, Any], client: httpx.Client) -> Footage:
    """Fetch one drive of the stand-in's list."""
    return Footage(
        device=entry["device"],
        file_name=entry["file_name"],
        captured_at=datetime.fromisoformat(entry["captured_at"]),
        sha256=entry["sha256"],
        about=entry["truth"]["about"],
        is_incident=entry["truth"]["ending"] == "crash",
        data=client.get(entry["url"]).raise_for_status().content,
    )


def films_of(folders: Iterable[Path]) -> Iterator[Footage]:
    """Yield every film below the folders, as footage of one device; hidden files are left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.suffix.lower() not in FILM_ENDINGS or hidden or not path.is_file():
                continue
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            changed = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
            yield Footage(
                device=slug_from_name(MY_DEVICE), file_name=path.name, captured_at=changed, sha256=digest, path=path
            )


def upload_new(aws: LocalAws, footage: Sequence[Footage], console: Console) -> list[Footage]:
    """Upload what neither the catalogue nor the ingest bucket has, and say so; returns what was uploaded."""
    there = standing(aws, footage)
    new = [one for one in footage if one.key not in there and not is_uploaded(aws, one)]
    for one in new:
        upload(aws, one)
        print_plainly(console, f"  uploaded s3://{aws.settings.ingest_bucket}/{one.key}")
    if known := len(footage) - len(new):
        console.print(f"  {known} of {len(footage)} were uploaded before: their decisions stand", highlight=False)
    return new


def upload(aws: LocalAws, footage: Footage) -> None:
    """Put a film into the ingest bucket, with what its device notes on it."""
    bucket = aws.settings.ingest_bucket
    if footage.path is not None:
        aws.s3.upload_file(str(footage.path), bucket, footage.key, ExtraArgs={"Metadata": footage.metadata})
    else:
        aws.s3.put_object(Bucket=bucket, Key=footage.key, Body=footage.data, Metadata=footage.metadata)


def is_uploaded(aws: LocalAws, footage: Footage) -> bool:
    """Say whether the object is there, though no run has taken it yet."""
    try:
        found = aws.s3.head_object(Bucket=aws.settings.ingest_bucket, Key=footage.key)
    except aws.s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
            return False
        raise
    return found["Metadata"].get(METADATA_SHA256) == footage.sha256


def standing(aws: LocalAws, footage: Iterable[Footage]) -> dict[str, dict[str, Any]]:
    """Return by key what the catalogue holds of the films; of several versions of one key the newest."""
    wanted = {one.key for one in footage}
    items = [item for item in aws.assets(FOOTAGE_SOURCE) if item["key"] in wanted]
    return {item["key"]: item for item in sorted(items, key=lambda item: item["uploaded_at"])}


def is_settled(item: Mapping[str, Any]) -> bool:
    """Say whether an upload has its decision, or will never get one."""
    return item["state"] in ENDED_STATES or "decision" in item


def unsettled(aws: LocalAws, footage: Sequence[Footage]) -> list[str]:
    """Return the keys of the films that nobody has decided on yet."""
    items = standing(aws, footage)
    return [one.key for one in footage if one.key not in items or not is_settled(items[one.key])]


def follow_runs(
    airflow: AirflowApi, console: Console, began: datetime, unsettled: Callable[[], Sequence[str]]
) -> list[str]:
    """Print every run that takes uploads, until all are decided on and no run goes on; returns the runs that failed.

    :raises DemoError: when uploads are left although a sweep has had its time.
    """
    told: set[str] = set()
    failed: list[str] = []
    quiet_since, said = time.monotonic(), False
    while True:
        waiting = unsettled()
        fresh = [run_id for run_id in airflow.runs_since(TRIAGE, began) if run_id not in told]
        for run_id in fresh:
            told.add(run_id)
            if not _took_uploads(airflow, run_id):
                continue
            console.print(f"  run [bold]{run_id}[/bold] started by itself", soft_wrap=True, highlight=False)
            try:
                state = follow(airflow, TRIAGE, run_id, console)
            except TimeoutError as error:
                raise DemoError(str(error)) from error
            if state != "success":
                failed.append(f"{TRIAGE} {run_id} ended as {state}")
            quiet_since, said = time.monotonic(), False
        if not fresh and (failed or not waiting):
            return failed
        quiet_s = time.monotonic() - quiet_since
        if quiet_s > SLOW_AFTER_S and not said:
            said = True
            minutes = SWEEP_EVERY.total_seconds() / 60
            console.print(
                f"  {len(waiting)} of them still wait for a run: a message may be late, and a sweep comes every "
                f"{minutes:.0f} minutes",
                highlight=False,
            )
        if quiet_s > 1.5 * SWEEP_EVERY.total_seconds():
            raise DemoError(f"{TRIAGE} did not take up {', '.join(waiting)}: look at `make logs NAME=triggerer`")
        time.sleep(POLL_S)


def _took_uploads(airflow: AirflowApi, run_id: str) -> bool:
    """Wait for a run's first task, and say whether it found uploads; one that failed is worth following too."""
    while True:
        instances = airflow.task_instances(TRIAGE, run_id)
        states = {instance["state"] for instance in instances if instance["task_id"] == "claim_uploads"}
        if states and states <= FINAL:
            break
        time.sleep(POLL_S)
    try:
        return bool(airflow.xcom(TRIAGE, run_id, "claim_uploads"))
    except AirflowApiError as error:
        if error.status_code != httpx.codes.NOT_FOUND:
            raise
        return states != {"skipped"}


def _print_reviews(console: Console, settings: Settings, items: Iterable[Mapping[str, Any]]) -> None:
    for item in items:
        if item.get("decision") == "review":
            url = f"http://127.0.0.1:{settings.airflow_port}/required_actions?response_received=false"
            print_plainly(console, f"review    {item['title']} waits for a person: {url}")


def _try_links(console: Console, aws: LocalAws, items: Iterable[Mapping[str, Any]]) -> list[str]:
    """Try the link of every incident as its alert tells it, and print it; returns what is wrong with some."""
    alerts = incident_alerts(aws.messages(INBOX))
    wrong = []
    for item in items:
        if item.get("decision") != "incident":
            continue
        told = alerts.get(item["asset_id"])
        if not told:
            wrong.append(f"{item['title']}: no alert in the queue {aws.settings.prefix}-{INBOX}")
        elif url := told[-1]["film"]["url"]:
            trial = try_link(url)
            print_plainly(console, f"link      {item['title']}: {url}")
            print_plainly(console, f"          {trial}")
            if not trial.is_right:
                wrong.append(f"{item['title']}: its link does not do what it should")
        else:
            print_plainly(console, f"link      {item['title']}: none: {told[-1]['film'].get('why_not')}")
    return wrong


def incident_alerts(messages: Iterable[Message]) -> dict[str, list[dict[str, Any]]]:
    """Return the alerts about incidents by asset, from messages among which there are others.

    To each is added when it was sent, ``sent_at``, in seconds since the epoch.

    >>> incident_alerts([Message('{"kind": "incident", "asset_id": "a"}', 7.5), Message("no JSON", 8.0)])
    {'a': [{'kind': 'incident', 'asset_id': 'a', 'sent_at': 7.5}]}
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        try:
            told = json.loads(message.body)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("kind") == "incident":
            found.setdefault(told["asset_id"], []).append(told | {"sent_at": message.sent_at})
    return found
