from __future__ import annotations

import datetime
import gzip
import hashlib
import ipaddress
import json
import os
import pickle
import socket
import ssl
import threading
import time
import tomllib
from functools import partial
from pathlib import Path

import httpcore
import pytest

from include.sources.addresses import resolve_with_system
from include.sources.errors import (
    ContactMissing,
    Denied,
    ForbiddenUrl,
    NotFound,
    SourceRefuses,
    SourceUnavailable,
    Throttled,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    TruncatedBody,
    UnexpectedContent,
    UnexpectedStatus,
)
from include.sources.headers import PLATFORM_VERSION, user_agent_for
from include.sources.http import MOST_REDIRECTS, PoliteClient
from include.sources.pace import ProcessPacer
from include.sources.source import HostPace
from include.sources.transport import Patience
from tests.include.sources.wire import answer, as_json, cut, redirect, rest_of

ROOT = Path(__file__).resolve().parents[3]
FILE = os.urandom(300_000)
UNPACED = HostPace(seconds_between_requests=0.0)
NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def client_of(server, clock):
    """Make clients of the hostile server; whatever they are given wins."""

    def make(base_url=server.url, **changes):
        settings = {
            "user_agent": user_agent_for("ops@example.org"),
            "hosts": {"archive.org": UNPACED},
            "loopback_hosts": {f"127.0.0.1:{server.port}": UNPACED},
            "pacer": ProcessPacer(clock.sleep, clock.read),
            "sleep": clock.sleep,
            "clock": clock.read,
            "utc_now": lambda: NOW,
        }
        return PoliteClient(base_url, **(settings | changes))

    return make


@pytest.fixture
def client(client_of):
    with client_of() as ready:
        yield ready


def read(client, url, max_bytes=10_000_000):
    with client.stream(url, max_bytes=max_bytes) as download:
        return b"".join(download.chunks)


# -- who asks


def test_the_user_agent_names_whoever_operates_the_client(client, server):
    server.says("/me", as_json({}))
    client.fetch_json("/me")
    assert server.asked[0].headers["user-agent"].startswith("media-pipelines/0.1.0 (ops@example.org) httpx/")


@pytest.mark.parametrize("contact", ["", "  ", "nobody", "me@localhost", "a@b.org\r\nX-Evil: 1", "a@b.org) (evil"])
def test_without_a_contact_the_error_names_the_setting(contact):
    with pytest.raises(ContactMissing, match="MEDIA_CONTACT"):
        user_agent_for(contact)


def test_a_stand_in_on_this_machine_needs_no_contact():
    assert "stand-in" in user_agent_for("", required=False)
    assert "https://example.org/bot" in user_agent_for("https://example.org/bot")


def test_the_version_in_the_user_agent_is_the_projects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == PLATFORM_VERSION


# -- JSON


def test_json_comes_with_its_parameters_sent(client, server):
    server.says("/search", as_json({"items": [1, 2]}))
    assert client.fetch_json("/search", [("q", "a b"), ("fl", "x"), ("fl", "y")]) == {"items": [1, 2]}
    assert server.asked[0].target == "/search?q=a+b&fl=x&fl=y"


def test_packed_json_is_unpacked(client, server):
    body = gzip.compress(json.dumps({"a": "b" * 1000}).encode())
    server.says("/", answer(body=body, content_encoding="gzip"))
    assert client.fetch_json("/")["a"] == "b" * 1000


def test_a_gzip_bomb_is_stopped_at_the_limit(client, server):
    server.says("/", answer(body=gzip.compress(b" " * 50_000_000), content_encoding="gzip"))
    with pytest.raises(TooLarge):
        client.fetch_json("/", max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (answer(body=b"<!DOCTYPE html><title>Down</title>", content_type="text/html"), "html page instead of JSON"),
        (answer(body=b"{'a'"), "something else instead of JSON"),
        (answer(body=b"[" * 100_000), "instead of JSON"),
        (answer(body=b"[1]"), "JSON list instead of an object"),
        (answer(body=b"{}", content_encoding="br"), "br-encoded"),
        (answer(body=b"{}", content_encoding="gzip"), "claims gzip"),
    ],
)
def test_what_is_no_json_object_is_named(client, server, text, why):
    server.says("/", text)
    with pytest.raises(UnexpectedContent, match=why) as caught:
        client.fetch_json("/")
    assert not caught.value.retryable


def test_json_that_breaks_off_is_asked_again(client, server):
    whole = as_json({"a": 1})
    server.says("/", whole[:-3], whole)
    assert client.fetch_json("/") == {"a": 1}
    assert len(server.asked) == 2


# -- where it may go


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/iam",
        "https://169.254.169.254/",
        "https://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "gopher://archive.org/",
        "http://archive.org/x",
        "https://archive.org:22/x",
        "https://user:secret@archive.org/x",
        "https://evil.example/x?token=secret",
        "http://127.0.0.1:1/",
        "http://localhost/",
        "https://archive.org\\@evil.example/",
        "http://[::1",
    ],
)
def test_a_redirect_to_where_we_never_go_is_refused_and_says_which(client, server, location):
    server.says("/file", redirect("/step"))
    server.says("/step", redirect(location))
    with pytest.raises(ForbiddenUrl, match="redirect 2 refused") as caught:
        read(client, "/file")
    assert "secret" not in str(caught.value)
    assert not caught.value.retryable
    assert len(server.asked) == 2


def test_a_redirect_to_a_name_that_resolves_to_a_private_address_is_refused(client_of, server):
    server.says("/file", redirect("https://ia9.archive.org/x"))
    resolver = {"127.0.0.1": ["127.0.0.1"], "ia9.archive.org": ["10.0.0.7"]}
    with client_of(resolver=lambda host, _: resolver[host]) as client, pytest.raises(ForbiddenUrl, match=r"10.0.0.7"):
        read(client, "/file")


def test_a_url_given_by_a_stranger_is_refused_before_any_request(client, server):
    for url in ("https://evil.example/a.mp3", "file:///etc/passwd", "http://127.0.0.1:22/", "https://[bad"):
        with pytest.raises(ForbiddenUrl):
            read(client, url)
    assert server.asked == []


def test_redirects_are_followed_five_times_and_no_more(client, server):
    for hop in range(MOST_REDIRECTS + 1):
        server.says(f"/{hop}", redirect(f"/{hop + 1}"))
    server.says(f"/{MOST_REDIRECTS + 1}", answer(body=b"reached"))
    assert read(client, "/1") == b"reached"
    with pytest.raises(TooManyRedirects):
        read(client, "/0")


def test_proxies_of_the_environment_are_ignored(client_of, server, monkeypatch):
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.says("/", as_json({"direct": True}))
    with client_of() as client:
        assert client.fetch_json("/") == {"direct": True}


class Dialler(httpcore.SyncBackend):
    """Notes which address is dialled, and connects to the test's server whatever it is."""

    def __init__(self, port):
        self.port = port
        self.dialled = []

    def connect_tcp(self, host, port, *rest, **options):
        self.dialled.append((host, port))
        return super().connect_tcp("127.0.0.1", self.port, *rest, **options)


@pytest.fixture
def dialler(tls_server):
    return Dialler(tls_server.port)


@pytest.fixture
def tls_client_of(client_of, certificate, dialler):
    """Make clients of https://media.archive.org whose connections end at the hostile server."""
    context = ssl.create_default_context(cafile=str(certificate))
    return partial(client_of, "https://media.archive.org", dialler=dialler, ssl_context=context, loopback_hosts={})


def test_a_name_that_changes_its_address_is_looked_up_once_and_that_address_is_dialled(
    tls_client_of, tls_server, dialler
):
    answers = [["207.241.224.2"], ["127.0.0.1"], ["169.254.169.254"]]
    tls_server.says("/x.mp3", answer(body=FILE, content_type="audio/mpeg"))
    with tls_client_of(resolver=lambda *_: answers.pop(0)) as client:
        assert read(client, "/x.mp3") == FILE
        assert dialler.dialled == [("207.241.224.2", 443)]
        assert tls_server.names == ["media.archive.org"]
        assert tls_server.asked[0].headers["host"] == "media.archive.org"
        with pytest.raises(ForbiddenUrl, match=r"127.0.0.1, which is loopback"):
            read(client, "/x.mp3")
    assert len(dialler.dialled) == 1


def test_a_certificate_of_another_name_is_not_accepted(tls_client_of, tls_server):
    tls_server.says("/x.mp3", redirect("https://ia1.archive.org/x.mp3"))
    with (
        tls_client_of(resolver=lambda *_: ["207.241.224.2"], retries=0) as client,
        pytest.raises(SourceUnavailable, match=r"ia1\.archive\.org"),
    ):
        read(client, "/x.mp3")


# -- files


def test_a_file_comes_with_what_the_source_says_about_it(client, server):
    server.says("/a", redirect("/b?token=secret"))
    server.says("/b", answer(body=FILE, content_type="audio/mpeg; charset=x", etag='"v1"'))
    with client.stream("/a", max_bytes=len(FILE)) as download:
        assert (download.url, download.status) == (f"{server.url}/b", 200)
        assert (download.content_type, download.content_length, download.etag) == ("audio/mpeg", len(FILE), '"v1"')
        assert b"".join(download.chunks) == FILE
    assert server.asked[1].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("size", [0, 1, 65536, 65537])
def test_files_of_all_sizes_come_whole(client, server, size):
    server.says("/", answer(body=FILE[:size]))
    assert read(client, "/") == FILE[:size]


def test_a_chunked_body_comes_whole(client, server):
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(FILE), FILE)
    server.says("/", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n" + body)
    with client.stream("/", max_bytes=10**6) as download:
        assert download.content_length is None
        assert b"".join(download.chunks) == FILE


def test_an_html_page_is_no_file(client, server):
    server.says("/", answer(body=b"<html>", content_type="text/html; charset=utf-8"))
    with pytest.raises(UnexpectedContent, match="html page"):
        read(client, "/")


def test_an_encoded_file_is_not_taken_for_the_file(client, server):
    server.says("/", answer(body=gzip.compress(FILE), content_encoding="gzip"))
    with pytest.raises(UnexpectedContent, match="gzip-encoded"):
        read(client, "/")


def test_a_declared_size_above_the_limit_is_refused_before_the_body(client, server):
    server.says("/", answer(body=FILE))
    with pytest.raises(TooLarge, match=f"{len(FILE)} bytes"), client.stream("/", max_bytes=1000):
        raise AssertionError("must not open")


def test_an_undeclared_size_above_the_limit_is_cut_off(client, server):
    server.says("/", answer(body=FILE, content_length=None))
    with client.stream("/", max_bytes=100_000) as download, pytest.raises(TooLarge):
        for _ in download.chunks:
            pass


def test_a_body_that_breaks_off_without_a_validator_is_truncated(client, server):
    server.says("/", cut(FILE, 1000))
    with pytest.raises(TruncatedBody, match=f"1000 of {len(FILE)} bytes") as caught:
        read(client, "/")
    assert caught.value.retryable


def test_a_chunked_body_that_breaks_off_is_truncated(client, server):
    server.says("/", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n9\r\nwor")
    with pytest.raises(TruncatedBody):
        read(client, "/")


@pytest.mark.parametrize("validator", [{"etag": '"v1"'}, {"last_modified": "Thu, 01 Jan 2026 00:00:00 GMT"}])
def test_a_body_that_breaks_off_is_continued_where_it_stopped(client, server, validator):
    server.says("/", cut(FILE, 1000, **validator), cut(FILE, 0, **validator), rest_of(FILE, **validator))
    server.says("/", cut(FILE, 100_000, **validator), rest_of(FILE, **validator))
    assert hashlib.sha256(read(client, "/")).digest() == hashlib.sha256(FILE).digest()
    assert server.asked[1].headers["range"] == "bytes=100000-"
    assert server.asked[1].headers["if-range"] == next(iter(validator.values()))


def test_a_broken_body_is_continued_a_few_times_only(client_of, server):
    def a_little_more(sock, asked):
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        span = f"bytes {start}-{len(FILE) - 1}/{len(FILE)}"
        whole = answer("206 Partial Content", FILE[start:], content_range=span)
        sock.sendall(whole[: len(whole) - len(FILE[start:]) + 1000])

    server.says("/", cut(FILE, 1000, etag='"v1"'), a_little_more)
    with client_of(patience=Patience(resumes=3)) as client, pytest.raises(TruncatedBody, match="4000 of"):
        read(client, "/")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "second",
    [
        answer(body=FILE, etag='"v2"'),
        answer("206 Partial Content", FILE[500:], content_range=f"bytes 500-{len(FILE) - 1}/{len(FILE)}"),
        answer("206 Partial Content", FILE[1000:], content_range=f"bytes 1000-{len(FILE)}/{len(FILE) + 1}"),
        answer("206 Partial Content", FILE[1000:]),
        answer("416 Range Not Satisfiable"),
    ],
    ids=["changed", "other start", "other size", "no range", "not satisfiable"],
)
def test_a_rest_that_does_not_fit_is_not_sewn_on(client, server, second):
    server.says("/", cut(FILE, 1000, etag='"v1"'), second)
    with pytest.raises(TruncatedBody):
        read(client, "/")


def test_a_body_that_trickles_is_given_up(client_of, server, clock):
    def trickle(sock, _):
        sock.sendall(answer(body=FILE)[: -len(FILE)])
        for byte in FILE:
            sock.sendall(bytes([byte]))
            time.sleep(0.0005)  # so that a client which comes late does not find them in one piece

    server.says("/", trickle)
    clock.tick = 0.5
    patience = Patience(slowest_bytes_per_s=1_000_000, slowest_window_s=5)
    with client_of(patience=patience) as client, pytest.raises(TooSlow, match="bytes/s") as caught:
        read(client, "/")
    assert caught.value.retryable


def test_headers_that_trickle_are_given_up(client_of, server, clock):
    def trickle(sock, _):
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(300):
            sock.sendall(f"X-{number}: y\r\n".encode())

    server.says("/", trickle)
    clock.tick = 5.0
    patience = Patience(slowest_bytes_per_s=1_000_000, slowest_window_s=5)
    with client_of(patience=patience, retries=0) as client, pytest.raises(TooSlow):
        client.fetch_json("/")


def test_a_body_that_falls_silent_is_given_up(client_of, server):
    silence = threading.Event()

    def fall_silent(sock, _):
        sock.sendall(cut(FILE, 1000))
        silence.wait(10)

    server.says("/", fall_silent)
    with client_of(patience=Patience(read_s=0.2)) as client, pytest.raises(TooSlow, match="silent after 1000 bytes"):
        read(client, "/")
    silence.set()


def test_time_that_the_reader_takes_does_not_count_as_slowness(client_of, server, clock):
    server.says("/", answer(body=FILE))
    patience = Patience(slowest_bytes_per_s=1_000, slowest_window_s=5)
    with client_of(patience=patience) as client, client.stream("/", max_bytes=10**6) as download:
        size = 0
        for chunk in download.chunks:
            size += len(chunk)
            clock.now += 3600
    assert size == len(FILE)


def test_a_download_that_is_not_read_leaves_no_connection_open(client, server):
    server.says("/", answer(body=FILE))
    with client.stream("/", max_bytes=10**6):
        pass
    with client.stream("/", max_bytes=10**6) as download:
        next(download.chunks)
    assert client._transport._pool.connections == []


# -- manners


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("Sun, 01 Mar 2026 12:00:09 GMT", 9), ("Sun, 01 Mar 2020 12:00:00 GMT", 0)]
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_is_obeyed(client, server, clock, status, header, seconds):
    server.says("/", answer(status, retry_after=header), as_json({"ok": 1}))
    assert client.fetch_json("/") == {"ok": 1}
    assert len(clock.slept) == 1
    assert seconds <= clock.slept[0] <= max(seconds, 1)


def test_an_answer_that_reports_a_passing_trouble_with_status_200_is_asked_for_again(client, server, clock):
    def check(told):
        if "busy" in told:
            raise Throttled("busy", retry_after_s=5.0)

    server.says("/", as_json({"busy": 1}), as_json({"ok": 1}))
    assert client.fetch_json("/", check=check) == {"ok": 1}
    assert clock.slept == [5.0]


def test_a_long_retry_after_is_handed_to_the_caller_instead_of_slept(client, server, clock):
    server.says("/", answer("429 Too Many Requests", retry_after="3600"))
    with pytest.raises(Throttled, match="3600 s") as caught:
        client.fetch_json("/")
    assert caught.value.retry_after_s == 3600
    assert caught.value.retryable
    assert clock.slept == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_source_is_asked_again_ever_more_slowly(client_of, server, clock, status):
    server.says("/", answer(f"{status} Broken"))
    with client_of(retries=4) as client, pytest.raises(SourceUnavailable, match=f"HTTP {status}"):
        client.fetch_json("/")
    assert len(server.asked) == 5
    assert all(half <= slept <= 2 * half for half, slept in zip([0.5, 1, 2, 4], clock.slept, strict=True))


def test_nonsense_in_retry_after_is_no_reason_to_fail(client, server):
    server.says("/", answer("429 Too Many Requests", retry_after="soon"), as_json({"ok": 1}))
    assert client.fetch_json("/") == {"ok": 1}


def test_a_source_that_hangs_up_is_asked_again(client, server):
    server.says("/", b"", as_json({"ok": 1}))
    assert client.fetch_json("/") == {"ok": 1}


def test_a_source_that_does_not_speak_http_is_unavailable(client_of, server):
    server.says("/", b"SSH-2.0-OpenSSH\r\n")
    with client_of(retries=1) as client, pytest.raises(SourceUnavailable):
        client.fetch_json("/")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (410, NotFound), (401, Denied), (403, Denied), (451, Denied), (400, UnexpectedStatus)],
)
def test_a_refusal_is_final(client, server, clock, status, error):
    server.says("/x", answer(f"{status} No"))
    with pytest.raises(error, match=f"HTTP {status}") as caught:
        client.fetch_json("/x", [("key", "secret")])
    assert "secret" not in str(caught.value)
    assert not caught.value.retryable
    assert len(server.asked) == 1


def test_a_refused_connection_means_to_stay_away_for_long(client_of, clock):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        client_of(loopback_hosts={"127.0.0.1": UNPACED}) as client,
        pytest.raises(SourceRefuses, match="15 minutes") as caught,
    ):
        client.fetch_json(f"http://127.0.0.1:{port}/")
    assert caught.value.retry_after_s == 900
    assert clock.slept == []


def test_a_name_without_address_is_looked_up_again(client_of, server, clock):
    answers = [[], [], ["127.0.0.1"]]
    server.says("/", as_json({"ok": 1}))
    with client_of(resolver=lambda *_: answers.pop(0)) as client:
        assert client.fetch_json("/") == {"ok": 1}
    assert len(clock.slept) == 2


def test_errors_survive_the_way_between_processes():
    error = pickle.loads(pickle.dumps(Throttled("wait", retry_after_s=5.0)))
    assert (str(error), error.retry_after_s, error.code, error.retryable) == ("wait", 5.0, "throttled", True)


def test_the_system_resolver_knows_this_machine():
    assert any(ipaddress.ip_address(address).is_loopback for address in resolve_with_system("localhost", 80))
