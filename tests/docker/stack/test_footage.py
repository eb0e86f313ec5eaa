"""What the demo uploads as dash cams do, how it follows the runs that start by themselves, and what it says of them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from rich.console import Console

from include.settings import Settings
from local_stack import following, footage
from local_stack.airflow_api import AirflowApiError
from local_stack.following import DemoError
from local_stack.footage import Footage, films_of, follow_runs, standing, upload_new
from local_stack.local_aws import LocalAws
from local_stack.signed_link import try_link
from local_stack.tables import footage_cells, print_footage

CAPTURED = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)


def drive(name: str = "drive.mp4", data: bytes = b"bytes", device: str = "cam-1") -> Footage:
    digest = hashlib.sha256(data).hexdigest()
    return Footage(device=device, file_name=name, captured_at=CAPTURED, sha256=digest, data=data)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def told(console) -> Callable[[], str]:
    return lambda: console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def aws(local_aws) -> LocalAws:
    return LocalAws(Settings(local_aws_port=urlsplit(local_aws).port or 0))


def test_the_key_of_a_drive_tells_its_device_its_day_and_its_content():
    first, other = drive(), drive(data=b"other")
    assert first.key == f"footage/cam-1/20260302/drive-{first.sha256[:8]}.mp4"
    assert other.key != first.key


def test_the_films_of_a_folder_are_footage_and_nothing_else_is(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("sub/a film.MOV", "tune.mp3", "notes.txt", ".hidden/b.mp4", "folder.mp4/c.webm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = {one.file_name: one for one in films_of([tmp_path])}
    assert found.keys() == {"a film.MOV", "c.webm"}
    film = found["a film.MOV"]
    assert film.key.startswith("footage/my-media/")
    assert film.sha256 == hashlib.sha256(b"sub/a film.MOV").hexdigest()


def test_an_upload_carries_what_its_device_noted_and_is_not_sent_again(aws, console, told):
    one = drive(data=b"sent once")
    assert upload_new(aws, [one], console) == [one]
    found = aws.s3.head_object(Bucket="media-ingest", Key=one.key)
    assert found["Metadata"] == {
        "device": "cam-1",
        "captured-at": "2026-03-02T23:30:00Z",
        "sha256": one.sha256,
    }
    assert upload_new(aws, [one], console) == []
    assert "1 of 1 were uploaded before" in told()


def test_what_was_decided_and_moved_away_is_not_sent_again(aws, console):
    one = drive(data=b"archived")
    aws.table("media-assets").put_item(
        Item={
            "asset_id": "moved-away",
            "campaign": "footage",
            "run": "20260302_000000",
            "state": "analysed",
            "key": one.key,
            "uploaded_at": "2026-03-02T23:31:00Z",
            "decision": "normal",
        }
    )
    assert upload_new(aws, [one], console) == []
    assert standing(aws, [one])[one.key]["decision"] == "normal"


def test_a_folder_s_film_is_uploaded_from_where_it_lies(aws, console, tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"a clip")
    (one,) = films_of([tmp_path])
    upload_new(aws, [one], console)
    assert aws.s3.get_object(Bucket="media-ingest", Key=one.key)["Body"].read() == b"a clip"


def test_messages_that_are_looked_at_stay_in_their_queue(aws):
    aws.sqs.send_message(QueueUrl=aws.queue_url("alerts-inbox"), MessageBody="look at me")
    assert "look at me" in [message.body for message in aws.messages("alerts-inbox")]
    assert "look at me" in [message.body for message in aws.messages("alerts-inbox")]


class Airflow:
    """Runs of triage_footage: each has the ids that it claimed, None where its first task failed, and its end."""

    def __init__(self, *waves: dict[str, tuple[list[str] | None, str]]) -> None:
        self.waves = list(waves)
        self.runs: dict[str, tuple[list[str] | None, str]] = {}

    def runs_since(self, dag_id: str, moment: datetime) -> list[str]:
        if self.waves:
            self.runs |= self.waves.pop(0)
        return list(self.runs)

    def run_state(self, dag_id: str, run_id: str) -> str:
        return self.runs[run_id][1]

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        state = "failed" if self.runs[run_id][0] is None else "success"
        blank = {"map_index": -1, "end_date": "2026", "duration": 1.0, "rendered_map_index": None}
        return [{"task_id": "claim_uploads", "state": state, **blank}]

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> list[str]:
        if (claimed := self.runs[run_id][0]) is None:
            raise AirflowApiError("no XCom", 404)
        return claimed


@pytest.fixture
def at_once(monkeypatch) -> None:
    for module in (following, footage):
        monkeypatch.setattr(module, "POLL_S", 0.0)


@pytest.fixture
def left() -> Iterator[Callable[..., Callable[[], list[str]]]]:
    """``left(2, 1, 0)``: how many uploads are undecided at each look; the last number stays."""

    def counting(*counts: int) -> Callable[[], list[str]]:
        numbers = list(counts)
        return lambda: [f"key-{number}" for number in range(numbers.pop(0) if len(numbers) > 1 else numbers[0])]

    yield counting


@pytest.mark.usefixtures("at_once")
def test_the_runs_that_start_by_themselves_are_followed_until_all_is_decided(console, told, left):
    airflow = Airflow({}, {"run-1": (["a"], "success")}, {"run-2": (["b"], "success")})
    assert follow_runs(airflow, console, CAPTURED, left(2, 2, 1, 0)) == []  # type: ignore[arg-type]
    assert told().count("started by itself") == 2


@pytest.mark.usefixtures("at_once")
def test_a_sweep_that_found_nothing_is_not_worth_a_line(console, told, left):
    airflow = Airflow({"sweep": ([], "success")}, {"run-1": (["a"], "success")})
    follow_runs(airflow, console, CAPTURED, left(1, 1, 0))  # type: ignore[arg-type]
    assert "sweep" not in told()
    assert "run-1" in told()


@pytest.mark.usefixtures("at_once")
def test_a_run_that_failed_is_told_and_not_waited_for_any_longer(console, left):
    airflow = Airflow({"run-1": (None, "failed")})
    assert follow_runs(airflow, console, CAPTURED, left(1)) == ["triage_footage run-1 ended as failed"]  # type: ignore[arg-type]


@pytest.mark.usefixtures("at_once")
def test_a_long_wait_is_explained_once_and_one_beyond_the_sweep_ends_the_demo(console, told, left, monkeypatch):
    clock = iter(range(0, 100_000, 30))
    monkeypatch.setattr(footage.time, "monotonic", lambda: next(clock))
    with pytest.raises(DemoError, match="did not take up key-0"):
        follow_runs(Airflow(), console, CAPTURED, left(1))  # type: ignore[arg-type]
    assert told().count("a sweep comes every 10 minutes") == 1


INCIDENT = {
    "state": "analysed",
    "decision": "incident",
    "score": 0.95,
    "moments_s": [5.05, 7.0],
    "alert_id": "inc-a",
    "alerted_at": "2026-03-01T15:00:00Z",
    "storage_class": "STANDARD",
    "storage_reason": "Standard: an incident stays at hand",
}
UNTOLD = {name: value for name, value in INCIDENT.items() if name != "alerted_at"}
FAILURE = {"stage": "inspect", "error": "MediaError", "message": "moov atom not found"}


@pytest.mark.parametrize(
    ("item", "cells"),
    [
        (INCIDENT, ("incident", "0.95", "5.0 7.0", "yes", "Standard: an incident stays at hand")),
        (UNTOLD, ("incident", "0.95", "5.0 7.0", "not yet", "Standard: an incident stays at hand")),
        (
            {"state": "analysed", "decision": "review", "score": 0.4, "moments_s": []},
            ("review", "0.40", "-", "no", "not decided yet"),
        ),
        (
            {"state": "failed", "failure": FAILURE},
            ("failed", "-", "-", "no", "inspect: MediaError: moov atom not found"),
        ),
        ({"state": "claimed"}, ("claimed", "-", "-", "no", "not decided yet")),
        (None, ("not taken", "-", "-", "no", "no run has seen it yet")),
    ],
)
def test_each_upload_is_told_by_what_became_of_it(item, cells):
    assert footage_cells(item, {}) == cells


def test_a_stranger_s_file_name_is_neither_markup_nor_control_characters(console, told):
    print_footage(console, [("my-media", "[bold]\x1b[31mfilm.mp4", "", {"asset_id": "a", "title": "t", **INCIDENT})])
    assert "[bold] [31mfilm.mp4" in told()
    assert "\x1b" not in told()


class Edge(BaseHTTPRequestHandler):
    """Plays what carries the right signature."""

    def do_GET(self) -> None:
        body = b"film" * 1000
        if "Signature=GOOD0GOOD&" not in self.path:
            self.send_response(403)
            body = b"AccessDenied"
        elif self.headers["Range"] == "bytes=0-1023":
            self.send_response(206)
            body = body[:1024]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def edge() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Edge) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/a.mp4"
        server.shutdown()


def test_a_link_plays_whole_and_in_part_and_not_with_a_character_changed(edge):
    trial = try_link(f"{edge}?Expires=1&Signature=GOOD0GOOD&Key-Pair-Id=K")
    assert trial.is_right
    assert str(trial) == (
        "GET answers 200 (4,000 bytes), of a part 206; with one character of its signature changed 403"
    )


def test_a_link_that_does_not_play_is_not_right(edge):
    trial = try_link(f"{edge}?Expires=1&Signature=BADBADBAD&Key-Pair-Id=K")
    assert not trial.is_right
    assert trial.status == 403


def test_the_links_of_incidents_come_out_of_their_alerts(aws, console, told, edge):
    url = f"{edge}?Expires=1&Signature=GOOD0GOOD&Key-Pair-Id=K"
    alert = {"kind": "incident", "asset_id": "linked", "film": {"url": url}}
    aws.sqs.send_message(QueueUrl=aws.queue_url("alerts-inbox"), MessageBody=json.dumps(alert))
    linked = INCIDENT | {"asset_id": "linked", "title": "cam-1 drive"}
    assert footage._try_links(console, aws, [linked]) == []
    assert url in told()
    silent = linked | {"asset_id": "silent"}
    assert footage._try_links(console, aws, [silent]) == ["cam-1 drive: no alert in the queue media-alerts-inbox"]
