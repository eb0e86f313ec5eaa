from __future__ import annotations

import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from include.settings import SETTINGS
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing

BUCKET = SETTINGS.processed_bucket


def test_what_is_written_once_stays(lake, asset_id):
    assert lake.write_text_once(BUCKET, asset_id, "first") == "first"
    assert lake.write_text_once(BUCKET, asset_id, "second") == "first"
    assert lake.read_text(BUCKET, asset_id) == "first"


def test_a_missing_record_is_none(lake, asset_id):
    assert lake.read_text(BUCKET, asset_id) is None
    assert lake.size_bytes(BUCKET, asset_id) is None


def test_an_object_is_fetched_whole_and_verified(lake, asset_id, tmp_path):
    media = bytes(range(256)) * 10_000
    lake.conn.put_object(Bucket=BUCKET, Key=asset_id, Body=media)
    lake.fetch(BUCKET, asset_id, tmp_path / "media", sha256=hashlib.sha256(media).hexdigest())
    assert (tmp_path / "media").read_bytes() == media


def test_an_object_that_changed_since_it_landed_is_named(lake, asset_id, tmp_path):
    lake.conn.put_object(Bucket=BUCKET, Key=asset_id, Body=b"other")
    with pytest.raises(ContentChanged, match=asset_id):
        lake.fetch(BUCKET, asset_id, tmp_path / "media", sha256="0" * 64)


def test_an_object_that_is_gone_since_it_landed_is_named(lake, asset_id, tmp_path):
    with pytest.raises(ObjectMissing, match=asset_id):
        lake.fetch(BUCKET, asset_id, tmp_path / "media", sha256="0" * 64)


def conflict(*_: object, **__: object) -> None:
    raise ClientError({"Error": {"Code": "ConditionalRequestConflict", "Message": "try again"}}, "PutObject")


def test_a_record_that_meets_a_conflict_is_written_again(lake, asset_id, monkeypatch):
    put_object, conflicts = lake.conn.put_object, iter([conflict, conflict])
    monkeypatch.setattr(lake.conn, "put_object", lambda **request: next(conflicts, put_object)(**request))
    monkeypatch.setattr("media_lake.hooks.s3.time.sleep", lambda _: None)
    assert lake.write_text_once(BUCKET, asset_id, "mine") == "mine"
    assert lake.read_text(BUCKET, asset_id) == "mine"


def test_a_conflict_without_an_end_is_an_error(lake, asset_id, monkeypatch):
    monkeypatch.setattr(lake.conn, "put_object", conflict)
    monkeypatch.setattr("media_lake.hooks.s3.time.sleep", lambda _: None)
    with pytest.raises(RuntimeError, match=f"{asset_id} is being written by others"):
        lake.write_text_once(BUCKET, asset_id, "mine")


def test_what_the_connection_says_of_the_client_is_kept(monkeypatch):
    config = {
        "proxies": {"https": "http://proxy.example:3128"},
        "s3": {"addressing_style": "path"},
        "retries": {"mode": "standard", "max_attempts": 3},
    }
    extra = {"region_name": "us-east-1", "config_kwargs": config}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_PROXIED", json.dumps({"conn_type": "aws", "extra": extra}))
    used = LakeHook(aws_conn_id="aws_proxied").conn.meta.config
    assert used.proxies == config["proxies"]
    assert used.s3 == {"addressing_style": "path", "payload_signing_enabled": False}
    assert used.retries["total_max_attempts"] == 4


def test_a_connection_without_settings_gets_those_of_an_upload(lake):
    used = lake.conn.meta.config
    assert used.s3["payload_signing_enabled"] is False
    assert used.retries == {"mode": "standard", "total_max_attempts": 9}
