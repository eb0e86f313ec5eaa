"""A landed film before its analyses, on the local AWS."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.catalog.keys import failure_key
from include.settings import SETTINGS
from include.video.mediaconvert import files_read, files_written
from media_lake.operators.footage import VideoPrepareOperator
from tests.plugins.media_lake.films import Notes, film, land

pytestmark = pytest.mark.usefixtures("shared_clients")


@pytest.fixture
def prepare():
    """Executes the operator and returns what it pushed."""

    def prepare(asset_id: str) -> dict:
        notes = Notes()
        VideoPrepareOperator(task_id="prepare_video", asset_id=asset_id).execute({"ti": notes})
        return notes.pushed

    return prepare


def test_a_film_that_rekognition_takes_is_analysed_as_it_came(catalogue, lake, prepare):
    asset_id = land(catalogue, lake, film(), title="Waves")
    assert prepare(asset_id) == {
        "name": "Waves",
        "bucket": SETTINGS.raw_bucket,
        "key": catalogue.read(asset_id)["raw_key"],
        "proxy_settings": {},
        "proxy_reason": None,
        "duration_s": 6.0,
    }


def test_another_one_is_analysed_by_the_proxy_that_its_settings_make(catalogue, lake, prepare):
    asset_id = land(catalogue, lake, film("film.webm"), name="film.webm")
    prepared = prepare(asset_id)
    raw_key = catalogue.read(asset_id)["raw_key"]
    assert prepared["proxy_reason"] == "the film is vp8, only h264 is read."
    assert (prepared["bucket"], prepared["key"]) == (
        SETTINGS.processed_bucket,
        raw_key.replace(PurePosixPath(raw_key).suffix, "_proxy.mp4"),
    )
    assert files_read(prepared["proxy_settings"]) == [f"s3://{SETTINGS.raw_bucket}/{raw_key}"]
    (written,) = files_written(prepared["proxy_settings"])
    assert written.path == f"s3://{prepared['bucket']}/{prepared['key']}"


def test_what_it_tells_survives_xcom(catalogue, lake, prepare):
    prepared = prepare(land(catalogue, lake, film("film.webm"), name="film.webm"))
    assert json.loads(json.dumps(prepared)) == prepared


def test_a_length_that_the_header_does_not_say_is_measured(catalogue, lake, prepare):
    prepared = prepare(land(catalogue, lake, film("film.webm", live=True), name="film.webm"))
    assert prepared["duration_s"] == pytest.approx(6, abs=0.2)


@pytest.mark.parametrize(
    ("content", "gone", "error"),
    [(b"<html>404</html>", False, "NotMedia"), (b"film", True, "ObjectMissing")],
    ids=["no film", "gone"],
)
def test_a_bad_film_is_recorded_with_its_reason_and_skipped(catalogue, lake, prepare, content, gone, error):
    asset_id = land(catalogue, lake, content)
    raw_key = catalogue.read(asset_id)["raw_key"]
    if gone:
        lake.delete(SETTINGS.raw_bucket, raw_key)
    with pytest.raises(AirflowSkipException, match=error):
        prepare(asset_id)
    item = catalogue.read(asset_id)
    record = json.loads(lake.read_text(SETTINGS.processed_bucket, failure_key(raw_key)))
    assert (item["state"], item["failure"]["error"], item["failure"]["stage"]) == ("failed", error, "analyse")
    assert record == item["failure"]


def test_an_asset_that_never_landed_is_skipped(prepare, asset_id, local_aws):
    with pytest.raises(AirflowSkipException, match=f"no landed asset {asset_id}"):
        prepare(asset_id)
