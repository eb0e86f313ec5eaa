from __future__ import annotations

import logging
import traceback

import pytest

from include.sources.errors import Denied, ForbiddenUrl, SourceError, SourceUnavailable, Throttled, UnexpectedStatus
from include.sources.http import PoliteClient
from include.sources.pace import ProcessPacer
from include.sources.source import HostPace
from tests.include.sources.wire import answer, as_json, redirect

KEY = "53-secret+key/1"
UNPACED = HostPace(seconds_between_requests=0.0)


@pytest.fixture
def client(server, clock):
    """A client with an API key; the same server under another name is another host."""
    with PoliteClient(
        server.url,
        user_agent="test",
        hosts={},
        loopback_hosts=dict.fromkeys([f"127.0.0.1:{server.port}", f"localhost:{server.port}"], UNPACED),
        pacer=ProcessPacer(clock.sleep, clock.read),
        secret_params=[("key", KEY)],
        sleep=clock.sleep,
        retries=1,
    ) as ready:
        yield ready


@pytest.fixture
def elsewhere(server) -> str:
    return f"http://localhost:{server.port}"


def read(client, url: str) -> bytes:
    with client.stream(url, max_bytes=1000) as download:
        return b"".join(download.chunks)


def test_the_key_is_sent_with_every_question_to_the_base_host(client, server):
    server.says("/api", as_json({}))
    client.fetch_json("/api", [("q", "sea")])
    assert server.asked[0].target == "/api?q=sea&key=53-secret%2Bkey%2F1"


def test_the_key_is_sent_again_after_a_redirect_at_the_base_host(client, server):
    server.says("/api", redirect("/api/"))
    server.says("/api/", as_json({"ok": 1}))
    assert client.fetch_json("/api") == {"ok": 1}
    assert "key=53-secret" in server.asked[1].target


def test_the_key_is_not_sent_to_where_a_redirect_leads(client, server, elsewhere):
    server.says("/api", redirect(f"{elsewhere}/there?q=sea"))
    server.says("/there", as_json({}))
    client.fetch_json("/api")
    assert server.asked[1].target == "/there?q=sea"


@pytest.mark.parametrize("spelling", ["53-secret%2Bkey%2F1", "53-secret+key/1", "53-secret%2bkey/1"])
def test_a_redirect_that_repeats_the_key_to_another_host_is_refused(client, server, elsewhere, spelling):
    server.says("/api", redirect(f"{elsewhere}/there?key={spelling}"))
    with pytest.raises(ForbiddenUrl, match="redirect 1 refused: it would give the API key away") as caught:
        client.fetch_json("/api")
    assert "53-secret" not in str(caught.value)
    assert len(server.asked) == 1


def test_files_are_fetched_without_the_key_wherever_they_lie(client, server, elsewhere):
    server.says("/file", answer(body=b"film"))
    for base in (server.url, elsewhere):
        assert read(client, f"{base}/file") == b"film"
    assert [asked.target for asked in server.asked] == ["/file", "/file"]


def test_a_question_to_another_host_goes_without_the_key(client, server, elsewhere):
    server.says("/api", as_json({}))
    client.fetch_json(f"{elsewhere}/api")
    assert server.asked[0].target == "/api"


TROUBLE = {
    "refused": (answer("400 Bad Request", f"[ERROR 400] key {KEY}".encode()), UnexpectedStatus),
    "denied": (answer("403 Forbidden"), Denied),
    "throttled": (answer("429 Too Many Requests", x_ratelimit_reset="3600"), Throttled),
    "broken": (answer("500 Internal Server Error"), SourceUnavailable),
    "no json": (answer("200 OK", f"<p>{KEY}</p>".encode()), SourceError),
    "no http": (b"SSH-2.0-OpenSSH\r\n", SourceUnavailable),
    "a loop": (redirect("?key=53-secret%2Bkey%2F1"), SourceError),
    "its path": (redirect("/api/53-SECRET+key/1"), ForbiddenUrl),
    "no url": (redirect("http://[53-secret+key/1"), ForbiddenUrl),
}


def test_a_bad_request_may_be_one_with_a_wrong_key_and_the_error_says_so(client, server):
    server.says("/api", TROUBLE["refused"][0])
    with pytest.raises(UnexpectedStatus, match=r"HTTP 400.* wrong, or the API key"):
        client.fetch_json("/api")
    with pytest.raises(UnexpectedStatus, match=r"HTTP 400.* wrong$"):
        read(client, "/api")


@pytest.mark.parametrize("trouble", TROUBLE)
def test_neither_log_nor_error_shows_the_key(client, server, caplog, trouble):
    text, error = TROUBLE[trouble]
    server.says("/api", text)
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as caught:
        client.fetch_json("/api", [("q", "sea")])
    assert "53-secret" in server.asked[0].target
    told = "".join(traceback.format_exception(caught.value))
    assert "53-secret" not in told.lower()
    assert "53-secret" not in caplog.text.lower()
    assert "53-secret" not in repr(caught.value.__dict__)


def test_what_is_logged_of_a_good_answer_shows_no_key(client, server, caplog):
    server.says("/api", answer("302 Found", location="/api2?key=53-secret%2Bkey%2F1", x_echo=KEY))
    server.says("/api2", answer("200 OK", b"{}", x_echo=KEY))
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="httpcore"):
        client.fetch_json("/api")
    assert "53-secret" not in caplog.text
    assert "connect_tcp" in caplog.text
