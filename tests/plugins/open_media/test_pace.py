from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from include.settings import SETTINGS
from include.sources.errors import SourceUnavailable
from open_media.pace import LONGEST_LINE_S, DeploymentPacer, PaceUnavailable

WORKER = Path(__file__).with_name("polite_worker.py")
SIZE = 6_000_000


@dataclass
class Visited:
    """A web server on loopback that notes when it was asked, and how many bytes it had given by when."""

    url: str = ""
    asked_at: list[float] = field(default_factory=list)


@pytest.fixture
def visited() -> Iterator[Visited]:
    noted = Visited()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.asked_at.append(time.time())
            size = SIZE if self.path == "/film" else 0
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(bytes(size))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        noted.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield noted
        server.shutdown()
        thread.join()


@pytest.fixture
def table(local_aws):
    return boto3.resource("dynamodb", endpoint_url=local_aws).Table(SETTINGS.jobs_table)


@pytest.fixture
def host() -> str:
    """A host in whose line no other test stands."""
    return f"{uuid.uuid4().hex}.example"


@pytest.fixture(scope="module")
def workers(local_aws) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that know of each other only by the table."""
    command = [sys.executable, str(WORKER), SETTINGS.jobs_table]
    environment = os.environ | {"AWS_ENDPOINT_URL": local_aws}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    try:
        for worker in started:
            assert worker.stdout.readline() == "ready\n"
        yield started
    finally:
        for worker in started:
            worker.kill()
            worker.communicate()


@pytest.fixture
def visit_together(workers, visited):
    """Lets both workers loose on the server at the same moment, waits for their end, and returns that moment."""

    def visit_together(*, pause_s=0.0, bytes_per_s=float("inf"), path="/", times=1) -> float:
        begun = time.time()
        for worker in workers:
            worker.stdin.write(f"{visited.url} {pause_s} {bytes_per_s} {path} {times}\n")
            worker.stdin.flush()
        assert [worker.stdout.readline() for worker in workers] == ["done\n", "done\n"]
        return begun

    return visit_together


def test_two_workers_together_ask_a_host_no_faster_than_its_pace(visit_together, visited):
    pause_s = 0.15
    begun = visit_together(pause_s=pause_s, times=8)
    assert len(visited.asked_at) == 16
    too_early = [n for n, moment in enumerate(sorted(visited.asked_at)) if moment < begun + n * pause_s - 0.01]
    assert too_early == []


def test_two_downloads_together_take_no_more_than_the_bandwidth_of_their_host(visit_together, visited):
    bytes_per_s = 4_000_000.0
    begun = visit_together(bytes_per_s=bytes_per_s, path="/film")
    assert len(visited.asked_at) == 2
    last_slot_s = 0.4  # a quarter of a second, and what one read of 512 KiB brought beyond the slot before
    assert time.time() - begun >= 2 * SIZE / bytes_per_s - last_slot_s


def test_slots_follow_each_other_whoever_takes_them(table, host):
    slept: list[float] = []
    pacers = [DeploymentPacer(table, sleep=slept.append, clock=lambda: 1_000_000.0) for _ in range(3)]
    for pacer in pacers:
        pacer._clock.timed = lambda call: call()  # the table's time, too, is the test's
        pacer.wait(host, 2.0)
    assert slept == pytest.approx([0.0, 2.0, 4.0])


def test_whoever_is_beaten_to_a_slot_takes_the_next(table, host):
    class Hasty(DeploymentPacer):
        beaten = 0

        def _reserve(self, key, standing, next_at):
            if self.beaten < 3:
                self.beaten += 1
                rival.wait(host, 1.0)
            return super()._reserve(key, standing, next_at)

    slept: list[float] = []
    rival = DeploymentPacer(table, sleep=lambda _: None)
    Hasty(table, sleep=slept.append).wait(host, 1.0)
    assert slept[-1] == pytest.approx(3.0, abs=1.0)


def test_a_host_that_all_want_at_once_is_given_up_for_now(table, host):
    class Unlucky(DeploymentPacer):
        def _reserve(self, key, standing, next_at):
            return False

    with pytest.raises(SourceUnavailable, match=host):
        Unlucky(table, sleep=lambda _: None).wait(host, 1.0)


def test_a_table_that_is_missing_is_named(table, host):
    missing = type(table)("no-such-jobs", client=table.meta.client)
    with pytest.raises(PaceUnavailable, match=r"table no-such-jobs, which does not exist: create it"):
        DeploymentPacer(missing).wait(host, 1.0)


def test_what_costs_nothing_stands_in_no_line(table, host):
    DeploymentPacer(table).wait(host, 0.0)
    assert "Item" not in table.get_item(Key={"job_key": f"pace#{host}"})


@pytest.mark.parametrize("wrong_by_s", [-250.0, 250.0])
def test_a_worker_whose_clock_is_wrong_stands_in_the_same_line(table, host, wrong_by_s):
    slept: list[float] = []
    DeploymentPacer(table, sleep=lambda _: None).wait(host, 20.0)
    DeploymentPacer(table, sleep=slept.append, clock=lambda: time.time() + wrong_by_s).wait(host, 20.0)
    assert 10.0 < slept[-1] < 22.0
    next_at = float(table.get_item(Key={"job_key": f"pace#{host}"})["Item"]["next_at"])
    assert 30.0 < next_at - time.time() < 42.0


def test_a_line_that_a_wrong_clock_made_endless_begins_anew(table, host):
    far = Decimal(str(time.time() + 10 * LONGEST_LINE_S))
    table.put_item(Item={"job_key": f"pace#{host}", "next_at": far})
    slept: list[float] = []
    DeploymentPacer(table, sleep=slept.append).wait(host, 1.0)
    assert slept == [0.0]
    assert table.get_item(Key={"job_key": f"pace#{host}"})["Item"]["next_at"] < far
