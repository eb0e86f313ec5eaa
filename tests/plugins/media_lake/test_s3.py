from __future__ import annotations

import hashlib

import pytest

from include.settings import SETTINGS
from media_lake.hooks.s3 import ContentChanged

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
