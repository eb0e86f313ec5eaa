from __future__ import annotations

import json
import logging
import traceback

import pytest

from include.settings import Settings
from include.sources.errors import ConnectionMissing, ContactMissing, ForbiddenUrl, KeyMissing, SourceRefuses
from include.sources.source import HostPace
from open_media.hooks import open_media
from open_media.hooks.open_media import SOURCES, OpenMediaHook

STAND_IN = {"loopback_hosts": ["127.0.0.1:4999"]}


@pytest.fixture
def hook_of(monkeypatch):
    def hook_of(
        host: str, extra=None, contact: str = "", source: str = "internet-archive", password: str = ""
    ) -> OpenMediaHook:
        connection = {"conn_type": "http", "host": host, "password": password, "extra": extra or {}}
        monkeypatch.setenv("AIRFLOW_CONN_SHELF", json.dumps(connection))
        monkeypatch.setattr(open_media, "SETTINGS", Settings(contact=contact))
        return OpenMediaHook(source, "shelf")

    return hook_of


def test_the_source_itself_is_not_asked_without_a_contact(hook_of):
    with pytest.raises(ContactMissing, match="MEDIA_CONTACT"):
        hook_of("https://archive.org").conn()


def test_naming_a_stand_in_beside_the_source_itself_does_not_replace_the_contact(hook_of):
    with pytest.raises(ContactMissing):
        hook_of("https://archive.org", STAND_IN).conn()


def test_while_the_source_itself_is_asked_no_loopback_address_is(hook_of):
    with (
        hook_of("https://archive.org", STAND_IN, contact="ops@example.org").conn() as client,
        pytest.raises(ForbiddenUrl),
        client.stream("http://127.0.0.1:4999/x", max_bytes=1),
    ):
        pass


def test_a_stand_in_is_asked_without_a_contact(hook_of):
    hook_of("http://127.0.0.1:4999", STAND_IN).conn().close()


def test_a_loopback_address_that_the_connection_does_not_name_is_no_stand_in(hook_of):
    with pytest.raises(ContactMissing):
        hook_of("http://127.0.0.1:5000", STAND_IN).conn()


def test_a_host_that_is_no_url_is_named(hook_of):
    with pytest.raises(ValueError, match=r"archive\.org"):
        _ = hook_of("archive.org").base_url


def test_a_cool_down_is_what_the_source_asks_for_within_reason(hook_of):
    hook = hook_of("https://archive.org")
    assert [hook.cool_down_s(asked_s) for asked_s in (None, 1, 900, 1e9)] == [60, 60, 900, 6 * 3600]


def test_unknown_sources_are_named(hook_of):
    with pytest.raises(ValueError, match="internet-archive"):
        OpenMediaHook("shelf")


@pytest.mark.parametrize("name", list(SOURCES))
def test_every_source_says_what_its_connection_is_and_whom_it_asks_how_fast(name):
    source = SOURCES[name]
    assert source.name == name
    assert source.conn_id and source.title
    assert source.hosts
    assert all(pace.seconds_between_requests > 0 for pace in source.hosts.values())


@pytest.mark.parametrize("host", ["https://pixabay.com", "http://127.0.0.1:4999"])
def test_a_source_that_wants_a_key_is_not_asked_without_one(hook_of, host):
    with pytest.raises(KeyMissing, match="connection shelf has no API key: set its password") as caught:
        hook_of(host, STAND_IN, contact="ops@example.org", source="pixabay").conn()
    assert not caught.value.retryable


def test_the_key_is_the_password_of_the_connection(hook_of):
    hook = hook_of("https://pixabay.com", source="pixabay", password="53-secret")
    assert hook.secret_params == [("key", "53-secret")]
    assert hook_of("https://archive.org", password="53-secret").secret_params == []


def test_a_connection_that_is_not_there_is_named():
    with pytest.raises(ConnectionMissing, match="no connection nowhere: create it"):
        OpenMediaHook("internet-archive", "nowhere").conn()


@pytest.fixture
def paces_of(local_aws):
    """Opens a client and reads its paces: those of the source's hosts, and that of the stand-in."""

    def paces_of(hook: OpenMediaHook) -> tuple[list[HostPace], list[HostPace]]:
        with hook.conn() as client:
            return list(client._hosts.values()), list(client._loopback_hosts.values())

    return paces_of


def test_the_pace_is_the_sources_own_unless_the_connection_says_otherwise(hook_of, paces_of):
    wikimedia = {"contact": "ops@example.org", "source": "wikimedia"}
    own, _ = paces_of(hook_of("https://commons.wikimedia.org", **wikimedia))
    assert own == list(SOURCES["wikimedia"].hosts.values())
    slower, _ = paces_of(hook_of("https://commons.wikimedia.org", {"seconds_between_requests": 9}, **wikimedia))
    assert [pace.seconds_between_requests for pace in slower] == [9.0, 9.0]
    assert [pace.bytes_per_s for pace in slower] == [pace.bytes_per_s for pace in own]


def test_a_stand_in_has_no_limit_of_bandwidth(hook_of, paces_of):
    slowest_s = max(pace.seconds_between_requests for pace in SOURCES["wikimedia"].hosts.values())
    for extra, pause_s in (({}, slowest_s), ({"seconds_between_requests": 0.05}, 0.05)):
        _, (pace,) = paces_of(hook_of("http://127.0.0.1:4999", STAND_IN | extra, source="wikimedia"))
        assert pace == HostPace(pause_s, bytes_per_s=None)


def test_the_key_stays_out_of_the_log_and_of_what_goes_wrong(hook_of, caplog, local_aws):
    hook = hook_of("http://127.0.0.1:4999", STAND_IN, source="pixabay", password="53-secret")
    with caplog.at_level(logging.DEBUG), hook.conn() as client, pytest.raises(SourceRefuses) as caught:
        client.fetch_json("/api/videos/", [("q", "sea")])
    assert "53-secret" not in caplog.text
    assert "53-secret" not in "".join(traceback.format_exception(caught.value))
