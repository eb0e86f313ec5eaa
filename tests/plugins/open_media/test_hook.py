from __future__ import annotations

import json

import pytest

from include.settings import Settings
from include.sources.errors import ContactMissing, ForbiddenUrl
from open_media.hooks import open_media
from open_media.hooks.open_media import OpenMediaHook

STAND_IN = {"loopback_hosts": ["127.0.0.1:4999"]}


@pytest.fixture
def hook_of(monkeypatch):
    def hook_of(host: str, extra=None, contact: str = "") -> OpenMediaHook:
        connection = {"conn_type": "http", "host": host, "extra": extra or {}}
        monkeypatch.setenv("AIRFLOW_CONN_SHELF", json.dumps(connection))
        monkeypatch.setattr(open_media, "SETTINGS", Settings(contact=contact))
        return OpenMediaHook("internet-archive", "shelf")

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
