from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from include.sources.errors import Throttled
from include.sources.http import PoliteClient
from include.sources.source import HostPace
from tests.include.sources.wire import answer, as_json, cut, redirect, rest_of

FILE = os.urandom(300_000)


@dataclass
class NotingPacer:
    """Notes who would have waited, and lets everybody pass at once."""

    waits: list[tuple[str, float]] = field(default_factory=list)

    def wait(self, host: str, cost_s: float) -> None:
        self.waits.append((host, cost_s))


@pytest.fixture
def pacer() -> NotingPacer:
    return NotingPacer()


@pytest.fixture
def here(server) -> str:
    return f"127.0.0.1:{server.port}"


@pytest.fixture
def elsewhere(server) -> str:
    """The same server as another host."""
    return f"localhost:{server.port}"


@pytest.fixture
def client(server, clock, pacer, here, elsewhere):
    with PoliteClient(
        server.url,
        user_agent="test",
        hosts={},
        loopback_hosts={here: HostPace(2.0), elsewhere: HostPace(0.5, bytes_per_s=1_000_000)},
        pacer=pacer,
        sleep=clock.sleep,
    ) as ready:
        yield ready


def read(client, url: str) -> bytes:
    with client.stream(url, max_bytes=10**6) as download:
        return b"".join(download.chunks)


def test_every_request_waits_in_the_line_of_its_own_host(client, server, pacer, here, elsewhere):
    server.says("/", as_json({}))
    server.says("/moved", redirect(f"http://{elsewhere}/there"))
    server.says("/there", redirect("/there/now"))
    server.says("/there/now", as_json({}))
    client.fetch_json("/")
    client.fetch_json("/moved")
    requests = [wait for wait in pacer.waits if wait[1] >= 0.5]
    assert requests == [(here, 2.0), (here, 2.0), (elsewhere, 0.5), (elsewhere, 0.5)]


def test_the_rest_of_a_broken_file_waits_as_well(client, server, pacer, here):
    server.says("/", cut(FILE, 1000, etag='"v1"'), rest_of(FILE, etag='"v1"'))
    assert read(client, "/") == FILE
    assert pacer.waits == [(here, 2.0), (here, 2.0)]


def test_a_file_takes_no_more_than_the_bandwidth_of_its_host(client, server, pacer, elsewhere):
    server.says("/file", redirect(f"http://{elsewhere}/cdn"))
    server.says("/cdn", answer(body=FILE))
    assert read(client, "/file") == FILE
    assert {host for host, _ in pacer.waits[1:]} == {elsewhere}
    assert sum(cost_s for _, cost_s in pacer.waits[2:]) == pytest.approx(len(FILE) / 1_000_000)


def test_whoever_is_throttled_keeps_the_line_closed_for_everybody(client, server, pacer, clock, here):
    server.says("/", answer("429 Too Many Requests", retry_after="7"), as_json({"ok": 1}))
    assert client.fetch_json("/") == {"ok": 1}
    assert pacer.waits == [(here, 2.0), (here, 7.0), (here, 2.0)]
    assert clock.slept == [7.0]


def test_the_end_of_a_rate_window_is_waited_for(client, server, clock):
    server.says("/", answer("429 Too Many Requests", x_ratelimit_reset="42"), as_json({"ok": 1}))
    assert client.fetch_json("/") == {"ok": 1}
    assert clock.slept == [42.0]


def test_retry_after_goes_before_the_end_of_the_window(client, server):
    server.says("/", answer("429 Too Many Requests", retry_after="3600", x_ratelimit_reset="1"))
    with pytest.raises(Throttled) as caught:
        client.fetch_json("/")
    assert caught.value.retry_after_s == 3600
