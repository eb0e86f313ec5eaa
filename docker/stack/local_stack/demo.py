"""`make demo`: run the pipelines on the local stack and show what landed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import boto3
import httpx
from boto3.dynamodb.conditions import Key
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from include.catalog.campaigns import CAMPAIGNS, LARGEST_BATCH
from include.settings import Settings
from local_stack.airflow_api import AirflowApi, AirflowApiError
from local_stack.environment import login_file_of, login_of, state_dir_of

DAG_ID = "curate_audio"
MY_MEDIA = "my-media"
LONGEST_RUN_S = 3600
DAG_PATIENCE_S = 90
POLL_S = 1.0
FINAL = {"success", "failed", "skipped", "upstream_failed", "removed"}


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what to do."""


def demo(
    settings: Settings, console: Console, *, media: Path | None, campaign: str | None, batch_size: int | None
) -> int:
    """Curate one campaign on the running stack and print the assets; returns the exit status.

    Without ``campaign`` it is the one of which the lake holds the fewest assets, so that a second demo shows others.
    With ``media``, the folder that the stand-in sources serve, everything in it is curated in one run.
    """
    lake = Lake(settings)
    if media is not None:
        campaign, batch_size = MY_MEDIA, _served_files(settings, media, console)
    elif campaign is None:
        campaign = min(CAMPAIGNS, key=lambda name: len(lake.assets(name)))
    with AirflowApi.of(settings) as airflow:
        _wait_for_dag(airflow)
        airflow.unpause(DAG_ID)
        conf: dict[str, Any] = {"campaign": campaign, "persist_campaign": media is None}
        if batch_size is not None:
            conf["batch_size"] = batch_size
        run_id = airflow.trigger(DAG_ID, conf)
        console.print(f"\n[bold]{DAG_ID}[/bold] runs for campaign [bold]{campaign}[/bold] ({run_id})", soft_wrap=True)
        state = _follow(airflow, run_id, console)
        plan = _plan_of(airflow, run_id)
    summary = lake.summary(plan["campaign"], plan["run"]) if plan else None
    if summary is not None:
        _print_assets(console, lake, summary)
    _print_where_to_look(console, settings, run_id)
    if state != "success":
        console.print(f"[red]The run ended as {state}:[/red] the page above shows which task, and its log why.")
        return 1
    return 0


class Lake:
    """What the demo reads of the local AWS."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")  # noqa: S106
        endpoint_url = f"http://127.0.0.1:{settings.local_aws_port}"
        self._s3 = session.client("s3", endpoint_url=endpoint_url)
        self._assets = session.resource("dynamodb", endpoint_url=endpoint_url).Table(settings.assets_table)

    def assets(self, campaign: str) -> list[dict[str, Any]]:
        """Return the campaign's analysed assets from the catalogue."""
        found: list[dict[str, Any]] = []
        request: dict[str, Any] = {"IndexName": "by-campaign", "KeyConditionExpression": Key("campaign").eq(campaign)}
        while True:
            page = self._assets.query(**request)
            found += [item for item in page["Items"] if item["state"] == "analysed"]
            if "LastEvaluatedKey" not in page:
                return found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def summary(self, campaign: str, run: str) -> dict[str, Any] | None:
        """Return the summary of a run, or None when the run wrote none."""
        from include.catalog.keys import RunFolder

        key = RunFolder("audio", "internet-archive", campaign, run).summary
        try:
            return self.record(key) | {"key": key}
        except self._s3.exceptions.NoSuchKey:
            return None

    def record(self, key: str) -> dict[str, Any]:
        body = self._s3.get_object(Bucket=self.settings.processed_bucket, Key=key)["Body"]
        return json.loads(body.read())


def _plan_of(airflow: AirflowApi, run_id: str) -> dict[str, str] | None:
    """Return campaign and run folder as the first task chose them; None when it failed and left none."""
    try:
        return {key: airflow.xcom(DAG_ID, run_id, "choose_campaign", key) for key in ("campaign", "run")}
    except AirflowApiError as error:
        if error.status_code == httpx.codes.NOT_FOUND:
            return None
        raise


def _served_files(settings: Settings, media: Path, console: Console) -> int:
    """Return how many files of the folder the stand-in sources serve."""
    url = f"http://127.0.0.1:{settings.local_sources_port}/_health"
    count = httpx.get(url, trust_env=False).raise_for_status().json()["my_media"]
    if not count:
        raise DemoError(f"{media} holds no media file: name a folder with audio or video files, MEDIA=<folder>")
    if count > LARGEST_BATCH:
        more = f"{media} holds {count} media files; one run takes {LARGEST_BATCH}, run the demo again for more"
        console.print(more, soft_wrap=True, markup=False)
    return min(count, LARGEST_BATCH)


def _wait_for_dag(airflow: AirflowApi) -> None:
    deadline = time.monotonic() + DAG_PATIENCE_S
    while DAG_ID not in {dag["dag_id"] for dag in airflow.dags()}:
        for error in airflow.import_errors():
            raise DemoError(f"{error['filename']} cannot be imported:\n{error['stack_trace']}")
        if time.monotonic() > deadline:
            raise DemoError(f"Airflow did not find {DAG_ID} within {DAG_PATIENCE_S} s: look at `make logs`")
        time.sleep(POLL_S)


def _follow(airflow: AirflowApi, run_id: str, console: Console) -> str:
    """Print every task as it ends, a mapped one with its asset's name, until the run has ended; return its state."""
    status = console.status("starting") if console.is_terminal else nullcontext()
    with status as line:
        return _follow_with(airflow, run_id, console, line.update if line else lambda _text: None)


def _follow_with(airflow: AirflowApi, run_id: str, console: Console, show: Callable[[str], None]) -> str:
    told: set[tuple[str, int]] = set()
    waits = False
    began = time.monotonic()
    while True:
        state = airflow.run_state(DAG_ID, run_id)
        if state == "queued" and not waits and (others := airflow.running(DAG_ID)):
            waits = True
            names = shown(", ".join(others))
            console.print(f"  waits: one run goes on at a time, and now it is {names}", soft_wrap=True, highlight=False)
        instances = airflow.task_instances(DAG_ID, run_id)
        totals = Counter(instance["task_id"] for instance in instances)
        for instance in sorted(instances, key=lambda one: one["end_date"] or "9"):
            place = (instance["task_id"], instance["map_index"])
            if instance["state"] not in FINAL or place in told:
                continue
            told.add(place)
            if instance["task_id"] == "report_failure" and instance["state"] == "skipped":
                continue
            done = sum(task == place[0] for task, _ in told)
            progress = f"{done}/{totals[place[0]]}" if totals[place[0]] > 1 else ""
            console.print(_line(instance, progress, began), soft_wrap=True, highlight=False)
        if state in {"success", "failed"}:
            return state
        show(f"{time.monotonic() - began:.0f} s  {_doing(instances) or state}")
        if time.monotonic() - began > LONGEST_RUN_S:
            raise DemoError(f"the run still goes on after {LONGEST_RUN_S} s; see it in the Airflow UI")
        time.sleep(POLL_S)


def _doing(instances: list[dict[str, Any]]) -> str:
    """Say which tasks run, and of a mapped one how many.

    >>> _doing([{"task_id": "land_audio", "state": "running"}] * 2 + [{"task_id": "plan_batches", "state": None}])
    'land_audio (2)'
    """
    running = Counter(instance["task_id"] for instance in instances if instance["state"] == "running")
    return ", ".join(f"{task} ({count})" if count > 1 else task for task, count in running.items())


def _line(instance: Mapping[str, Any], progress: str, began: float) -> str:
    colour = {"success": "green", "skipped": "yellow"}.get(instance["state"], "red")
    name = instance.get("rendered_map_index") or ""
    lasted = f"{instance['duration']:.1f} s" if instance["duration"] is not None else ""
    return (
        f"  {time.monotonic() - began:6.1f} s  [{colour}]{instance['state']:<8}[/{colour}] "
        f"{instance['task_id']:<16} {progress:<7} {lasted:>8}  {shown(name)}"
    )


def shown(text: str) -> str:
    r"""Make a text of strangers fit for the terminal: no markup of rich's, no control character.

    >>> print(shown("[red]A\x1b[2Jtitle\u202e"))
    \[red]A [2Jtitle
    """
    return escape("".join(sign if sign.isprintable() else " " for sign in text).rstrip())


def _print_assets(console: Console, lake: Lake, summary: Mapping[str, Any]) -> None:
    good = [asset for asset in summary["assets"] if asset["state"] == "analysed"]
    bad = [asset for asset in summary["assets"] if asset["state"] != "analysed"]
    table = Table(title=f"{summary['campaign']}: {len(good)} of {summary['asked']} asked for", title_justify="left")
    for column in ("title", "licence"):
        table.add_column(column, overflow="fold")
    for column in ("s", "LUFS", "BPM", "or"):
        table.add_column(column, justify="right")
    for column in ("key", "voice"):
        table.add_column(column)
    for asset in good:
        heard = lake.record(asset["features_key"])
        others = [bpm for bpm in heard["tempo_candidates_bpm"] if bpm != heard["tempo_bpm"]]
        table.add_row(
            shown(asset["title"]),
            shown(asset["licence"] or "-"),
            f"{heard['duration_s']:.2f}",
            _number(heard["loudness_lufs"]),
            _number(heard["tempo_bpm"]),
            " ".join(f"{bpm:.0f}" for bpm in others),
            f"{heard['key']} {heard['mode']}" if heard["key"] else "-",
            heard["voice"],
        )
    if good:
        console.print()
        console.print(table)
    if bad:
        reasons = Table(title=f"{len(bad)} not taken, each recorded with its reason", title_justify="left")
        for column in ("item", "state", "stage", "reason"):
            reasons.add_column(column, overflow="fold")
        for asset in bad:
            failure = asset["failure"] or {"stage": "", "error": "", "message": ""}
            reason = f"{failure['error']}: {failure['message']}" if asset["failure"] else "not analysed"
            name = asset["original_name"] or asset["source_id"]
            reasons.add_row(shown(name), asset["state"], failure["stage"], shown(reason))
        console.print(reasons)
    if summary["exhausted"]:
        console.print(
            f"The catalogue has nothing further for {summary['campaign']} that the lake does not hold already "
            f"({len(lake.assets(summary['campaign']))} analysed assets in all)."
        )
    console.print("\nIn the lake:")
    for asset in good:
        _print_plainly(console, f"  s3://{lake.settings.raw_bucket}/{asset['raw_key']}")
        _print_plainly(console, f"  s3://{lake.settings.processed_bucket}/{asset['features_key']}")
    _print_plainly(console, f"  s3://{lake.settings.processed_bucket}/{summary['key']}")


def _print_plainly(console: Console, line: str) -> None:
    """Print a line that may be copied: as it is, and never broken."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _print_where_to_look(console: Console, settings: Settings, run_id: str) -> None:
    url = f"http://127.0.0.1:{settings.airflow_port}"
    username, password = login_of(state_dir_of(settings))
    endpoint = f"http://127.0.0.1:{settings.local_aws_port}"
    _print_plainly(console, f"\nAirflow   {url}/dags/{DAG_ID}/runs/{run_id}")
    _print_plainly(console, f"login     {username} / {password}   (kept in {login_file_of(state_dir_of(settings))})")
    _print_plainly(console, f"local AWS {endpoint}   (any AWS client, key and secret: test)")
    _print_plainly(console, f"sources   http://127.0.0.1:{settings.local_sources_port}")
    console.print("The stack stays up; `make down` stops it.")
