"""`make demo`: run the pipelines on the local stack and show what landed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from include.catalog.campaigns import CAMPAIGNS, LARGEST_BATCH
from include.catalog.keys import MediaType, RunFolder
from include.settings import Settings
from local_stack.airflow_api import AirflowApi, AirflowApiError
from local_stack.environment import login_file_of, login_of, state_dir_of
from local_stack.following import DemoError, follow, wait_for_dag
from local_stack.footage import TRIAGE, open_intake, show_footage
from local_stack.local_aws import LocalAws
from local_stack.tables import print_plainly, print_run

MY_MEDIA = "my-media"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A curation that the demo runs, and the sources that it may ask."""

    dag_id: str
    media_type: MediaType
    sources: tuple[str, ...]


PIPELINES = (
    Pipeline("curate_audio", "audio", ("internet-archive",)),
    Pipeline("curate_video", "video", ("wikimedia", "pixabay")),
)


def demo(
    settings: Settings, console: Console, *, media: Sequence[Path], campaign: str | None, batch_size: int | None
) -> int:
    """Curate one campaign on the running stack, sound and pictures, let dash cams upload, and print what came of it.

    Returns the exit status.

    Without ``campaign`` it is the one of which the lake holds the fewest assets, so that a second demo shows others.
    With ``media``, the folders that the stand-in sources serve, everything in them is curated, a run for each kind,
    and the films are triaged as footage too.
    """
    lake = Lake(settings)
    sizes: dict[str, int | None] = {pipeline.media_type: batch_size for pipeline in PIPELINES}
    if media:
        campaign = MY_MEDIA
        sizes = dict(_served_files(settings, media, console))
    elif campaign is None:
        campaign = min(CAMPAIGNS, key=lambda name: len(lake.assets(name)))
    failed = []
    runs = []
    with AirflowApi.of(settings) as airflow:
        open_intake(airflow)
        for pipeline in PIPELINES:
            if pipeline.media_type not in sizes:
                continue
            conf: dict[str, Any] = {"campaign": campaign, "persist_campaign": not media}
            if sizes[pipeline.media_type] is not None:
                conf["batch_size"] = sizes[pipeline.media_type]
            run_id, state = _run(airflow, pipeline, conf, console, lake)
            runs.append((pipeline, run_id))
            if state != "success":
                failed.append(f"{pipeline.dag_id} {run_id} ended as {state}")
        failed += show_footage(settings, airflow, console, media)
    _print_where_to_look(console, settings, runs)
    for failure in failed:
        console.print(f"[red]{failure}:[/red] its page above shows which task, and its log why.", soft_wrap=True)
    return 1 if failed else 0


def _run(
    airflow: AirflowApi, pipeline: Pipeline, conf: dict[str, Any], console: Console, lake: Lake
) -> tuple[str, str]:
    """Run a pipeline and print what it brought; return the run's id and how it ended."""
    wait_for_dag(airflow, pipeline.dag_id)
    airflow.unpause(pipeline.dag_id)
    run_id = airflow.trigger(pipeline.dag_id, conf)
    console.print(
        f"\n[bold]{pipeline.dag_id}[/bold] runs for campaign [bold]{conf['campaign']}[/bold] ({run_id})", soft_wrap=True
    )
    try:
        state = follow(airflow, pipeline.dag_id, run_id, console)
    except TimeoutError as error:
        raise DemoError(str(error)) from error
    plan = _plan_of(airflow, pipeline.dag_id, run_id)
    summaries = lake.summaries(pipeline, plan["campaign"], plan["run"]) if plan else []
    print_run(console, lake, pipeline.media_type, summaries)
    return run_id, state


class Lake:
    """What the demo reads of the local AWS."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._aws = LocalAws(settings)

    def assets(self, campaign: str) -> list[dict[str, Any]]:
        """Return the campaign's analysed assets from the catalogue."""
        return [item for item in self._aws.assets(campaign) if item["state"] == "analysed"]

    def summaries(self, pipeline: Pipeline, campaign: str, run: str) -> list[dict[str, Any]]:
        """Return the summaries that a run wrote, one for each source that it asked."""
        keys = (RunFolder(pipeline.media_type, source, campaign, run).summary for source in pipeline.sources)
        found = ((key, self.record(key)) for key in keys)
        return [summary | {"key": key} for key, summary in found if summary is not None]

    def record(self, key: str) -> dict[str, Any] | None:
        """Return a record of the processed bucket, or None when there is none."""
        try:
            body = self._aws.s3.get_object(Bucket=self.settings.processed_bucket, Key=key)["Body"]
        except self._aws.s3.exceptions.NoSuchKey:
            return None
        return json.loads(body.read())


def _plan_of(airflow: AirflowApi, dag_id: str, run_id: str) -> dict[str, str] | None:
    """Return campaign and run folder as the first task chose them; None when it failed and left none."""
    try:
        return {key: airflow.xcom(dag_id, run_id, "choose_campaign", key) for key in ("campaign", "run")}
    except AirflowApiError as error:
        if error.status_code == httpx.codes.NOT_FOUND:
            return None
        raise


def _served_files(settings: Settings, media: Sequence[Path], console: Console) -> Iterable[tuple[MediaType, int]]:
    """Yield how many files of each kind the stand-in sources serve of the folders, at most what one run takes."""
    url = f"http://127.0.0.1:{settings.local_sources_port}/_health"
    health = httpx.get(url, trust_env=False).raise_for_status().json()
    counts = {pipeline.media_type: health[f"my_media_{pipeline.media_type}"] for pipeline in PIPELINES}
    folders = ", ".join(map(str, media))
    if not any(counts.values()):
        raise DemoError(f"{folders} holds no media file: name a folder with audio or video files, MEDIA=<folder>")
    for media_type, count in counts.items():
        if count > LARGEST_BATCH:
            more = f"{folders}: {count} {media_type} files; one run takes {LARGEST_BATCH}, run the demo again for more"
            console.print(more, soft_wrap=True, markup=False)
        if count:
            yield media_type, min(count, LARGEST_BATCH)


def _print_where_to_look(console: Console, settings: Settings, runs: Sequence[tuple[Pipeline, str]]) -> None:
    url = f"http://127.0.0.1:{settings.airflow_port}"
    username, password = login_of(state_dir_of(settings))
    console.print()
    for pipeline, run_id in runs:
        print_plainly(console, f"Airflow   {url}/dags/{pipeline.dag_id}/runs/{run_id}")
    print_plainly(console, f"          {url}/dags/{TRIAGE}")
    print_plainly(console, f"login     {username} / {password}   (kept in {login_file_of(state_dir_of(settings))})")
    print_plainly(
        console, f"local AWS http://127.0.0.1:{settings.local_aws_port}   (any AWS client, key and secret: test)"
    )
    print_plainly(console, f"sources   http://127.0.0.1:{settings.local_sources_port}")
    console.print("The stack stays up; `make down` stops it.")
