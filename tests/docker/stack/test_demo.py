"""What the demo says, with a small Airflow and a small lake in the place of the stack's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from rich.console import Console

from include.settings import Settings
from local_stack import __main__ as command_line
from local_stack import demo, following
from local_stack.airflow_api import AirflowApi, AirflowApiError


class Airflow:
    """A run that goes through the given states; ``plan`` is what its first task left."""

    def __init__(self, states: list[str], plan: dict[str, str] | None = None, others: list[str] | None = None) -> None:
        self.states = iter(states)
        self.plan = plan or {}
        self.others = others or []
        self.unpaused: list[str] = []
        self.triggered: list[tuple[str, dict[str, Any]]] = []
        self.tasks: list[dict[str, Any]] = []

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def dags(self) -> list[dict[str, str]]:
        return [{"dag_id": pipeline.dag_id} for pipeline in demo.PIPELINES]

    def unpause(self, dag_id: str) -> None:
        self.unpaused.append(dag_id)

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        assert self.unpaused[-1] == dag_id, "a run of a paused DAG would wait for ever"
        self.triggered.append((dag_id, conf))
        return "manual__1"

    def running(self, dag_id: str) -> list[str]:
        return self.others

    def run_state(self, dag_id: str, run_id: str) -> str:
        return next(self.states)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self.tasks

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> str:
        if key not in self.plan:
            raise AirflowApiError("GET answered 404: XCom entry not found", 404)
        return self.plan[key]


class SmallLake:
    """A lake with one summary, and features of one asset."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def assets(self, campaign: str) -> list[dict[str, Any]]:
        return []

    def summaries(self, pipeline: demo.Pipeline, campaign: str, run: str) -> list[dict[str, Any]]:
        about = {"key": "summary.json", "campaign": campaign, "asked": 3, "exhausted": False}
        if pipeline.media_type == "audio":
            return [about | {"assets": ASSETS, "quoted_usd": None, "paid_usd": None}]
        return [about | {"assets": CLIPS, "quoted_usd": 0.0375, "paid_usd": 0.02}]

    def record(self, key: str) -> dict[str, Any]:
        if key == "v_labels.json":
            return LABELS
        assert key == "a_features.json", "only an analysed asset has features"
        return {
            "duration_s": 3.5,
            "loudness_lufs": -20.04,
            "tempo_bpm": 90.0,
            "tempo_candidates_bpm": [90.0, 180.0],
            "key": "F",
            "mode": "minor",
            "voice": "instrumental",
        }


def asset(title: str, state: str, **more: Any) -> dict[str, Any]:
    keys = dict.fromkeys(("raw_key", "features_key", "labels_key", "contact_sheet_key"))
    blank = {"licence": "CC-BY-4.0", "failure": None, "source_id": "item", **keys}
    return {"title": title, "original_name": title, "state": state, **blank, **more}


ASSETS = [
    asset("[bold]\x1b[31mOne", "analysed", raw_key="a.mp3", features_key="a_features.json"),
    asset("Two", "failed", licence=None, failure={"stage": "land", "error": "NotAudio", "message": "[/b] a \x07 page"}),
    asset("Three", "landed", raw_key="c.mp3", features_key="c_features.json"),
]
CLIPS = [
    asset("Clip", "analysed", raw_key="v.webm", labels_key="v_labels.json", contact_sheet_key="v_contact.jpg"),
]
LABELS = {
    "media": {"duration_s": 8.0, "width": 640, "height": 360, "rotation_deg": 90},
    "production": {
        "daylight": {"value": "night"},
        "lighting_key": {"value": "low"},
        "camera_motion": {"value": None},
    },
    "labels": [{"name": name} for name in ("Car", "Street", "Person", "Night", "Sign")],
    "shots": [{}, {}],
    "text": [{"text": "[b]TAXI\x07"}],
    "skipped": {"moderation": "not asked for", "audio": "no sound"},
}
PLAN = {"campaign": "jazz", "run": "r"}


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(state_dir=tmp_path / "[a] state")


@pytest.fixture
def kinds() -> list[str]:
    """What the demo curates."""
    return ["audio"]


@pytest.fixture
def printed(settings, monkeypatch, kinds) -> Iterator[Any]:
    """Run the demo on the given Airflow; return its status and what it printed."""
    monkeypatch.setattr(following, "POLL_S", 0.0)
    monkeypatch.setattr(demo, "PIPELINES", [one for one in demo.PIPELINES if one.media_type in kinds])
    monkeypatch.setattr(demo, "Lake", SmallLake)
    monkeypatch.setattr(demo, "show_footage", lambda *_: [])
    monkeypatch.setattr(demo, "open_intake", lambda _: None)

    def run(airflow: Airflow, *, terminal: bool = False) -> tuple[int, str]:
        monkeypatch.setattr(AirflowApi, "of", lambda _settings: airflow)
        screen = io.StringIO()
        console = Console(file=screen, width=130, force_terminal=terminal)
        return demo.demo(settings, console, media=(), campaign="jazz", batch_size=None), screen.getvalue()

    return run


def test_a_run_that_chose_no_campaign_ends_as_failed_and_not_with_a_traceback(printed):
    status, text = printed(Airflow(["running", "failed"]))
    assert status == 1
    assert "curate_audio manual__1 ended as failed" in text
    assert "/dags/curate_audio/runs/manual__1" in text


def test_an_asset_without_features_is_listed_by_its_state(printed):
    status, text = printed(Airflow(["success"], PLAN))
    assert status == 0
    assert "jazz: 1 of 3 asked for" in text
    assert "2 not taken" in text
    assert [line for line in text.splitlines() if "Three" in line and "landed" in line]


def test_a_stranger_s_title_is_neither_markup_nor_control_characters(printed):
    _, text = printed(Airflow(["success"], PLAN))
    assert "[bold] [31mOne" in text
    assert "[/b] a   page" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_folder_in_brackets_is_printed_as_it_is(printed, settings):
    _, text = printed(Airflow(["success"], PLAN))
    assert f"kept in {settings.state_dir}/login.json" in text


@pytest.mark.parametrize("kinds", [["audio", "video"]])
def test_both_curations_run_for_one_campaign_and_print_their_tables(printed):
    airflow = Airflow(["success", "success"], PLAN)
    status, text = printed(airflow)
    assert status == 0
    assert airflow.triggered == [
        (dag_id, {"campaign": "jazz", "persist_campaign": True}) for dag_id in ("curate_audio", "curate_video")
    ]
    assert any("640x360 90°" in line for line in text.splitlines())
    for told in ("night low", "Car, Street", "[b]TAXI", "audio: no sound"):
        assert told in " ".join(text.split())
    assert "not asked for" not in text
    assert "Quoted before it began: $0.0375" in text
    assert "$0.0200" in text
    assert "s3://media-processed/v_contact.jpg" in text
    assert "/dags/curate_video/runs/manual__1" in text


def test_a_failed_curation_does_not_keep_the_other_one_from_running(printed, monkeypatch):
    monkeypatch.setattr(demo, "PIPELINES", (demo.PIPELINES[0], demo.PIPELINES[0]))
    status, text = printed(Airflow(["failed", "success"], PLAN))
    assert status == 1
    assert text.count("runs for campaign") == 2


def test_a_run_behind_another_says_that_it_waits_once(printed):
    _, text = printed(Airflow(["queued", "queued", "running", "success"], PLAN, others=["scheduled__1"]))
    assert text.count("waits: one run goes on at a time, and now it is scheduled__1") == 1


def test_a_log_gets_no_status_line_and_a_terminal_does(printed):
    def airflow() -> Airflow:
        made = Airflow(["running", "running", "success"], PLAN)
        made.tasks = [{"task_id": "land_audio", "map_index": 0, "state": "running", "end_date": None}]
        return made

    assert "land_audio" not in printed(airflow())[1]
    assert "\x1b[?25l" in printed(airflow(), terminal=True)[1]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            AirflowApiError("POST answered 400: 501 is greater\nthan 500\n\nFailed validating 'maximum'", 400),
            "POST answered 400: 501 is greater than 500\n",
        ),
        (httpx.ConnectError("refused"), "a part of the stack does not answer (refused): `make status` shows which\n"),
        (demo.DemoError("no media"), "no media\n"),
    ],
)
def test_what_stops_the_demo_is_one_line_and_status_1(monkeypatch, capsys, error, line):
    def stop(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(command_line, "up", lambda *_: 0)
    monkeypatch.setattr(demo, "demo", stop)
    assert command_line.main(["demo", "--batch-size", "501"]) == 1
    assert capsys.readouterr().err == line
