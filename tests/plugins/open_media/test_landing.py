from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from include.catalog.keys import failure_key, raw_filename
from include.settings import SETTINGS
from include.sources.errors import Denied, Throttled, TooSlow
from include.storage.upload import UploadConflict
from include.video import probe
from media_lake.hooks.dynamodb import AssetCatalogueHook
from open_media import landing as landing_module


class Killed(BaseException):
    """What no code catches, as when the kernel ends the worker."""


@pytest.fixture
def landing(landing_of):
    return landing_of()


@pytest.fixture
def place(place_of, track, landing):
    return place_of(track, landing)


def kill(*_args, **_kwargs):
    raise Killed


def test_a_track_lands_with_its_provenance_and_a_second_call_downloads_nothing(
    landing, track, place, client, catalogue
):
    assert landing.land(track) == landing.land(track) == "landed"
    assert client.asked == [track.download_url]
    assert place.media_size() == track.size_bytes
    provenance = json.loads(place.provenance())
    item = catalogue.read(place.asset_id)
    assert provenance["sha256"] == item["sha256"]
    assert provenance["bytes"] == item["bytes"] == track.size_bytes


def test_a_worker_killed_between_provenance_and_object_leaves_nothing_that_the_next_try_does_not_mend(
    landing, track, place, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr("include.storage.upload._Upload.commit", kill)
        with pytest.raises(Killed):
            landing.land(track)
    assert place.provenance()
    assert place.media_size() is None
    assert landing.land(track) == "landed"
    assert place.media_size() == track.size_bytes


def test_a_worker_killed_before_it_told_the_catalogue_need_not_download_again(
    landing, track, place, client, catalogue, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(landing_module.Landing, "_mark_landed", kill)
        with pytest.raises(Killed):
            landing.land(track)
    assert catalogue.read(place.asset_id)["state"] == "claimed"
    assert landing.land(track) == "landed"
    assert client.asked == [track.download_url]
    assert catalogue.read(place.asset_id)["bytes"] == track.size_bytes


def test_a_provenance_that_describes_other_bytes_than_stand_there_is_not_believed(landing, track, place, lake, client):
    lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=place.raw_key, Body=b"of another")
    lake.write_text(SETTINGS.raw_bucket, f"{place.raw_key}.provenance.json", '{"sha256": "00", "bytes": 3}')
    assert landing.land(track) == "failed"
    assert json.loads(place.failure())["error"] == "KeyTaken"
    assert json.loads(place.provenance()) == {"sha256": "00", "bytes": 3}
    assert client.asked


def test_no_provenance_is_left_of_an_object_that_did_not_come_to_be(landing, track, place, monkeypatch):
    def conflict(*_args):
        raise UploadConflict("others write there")

    monkeypatch.setattr("include.storage.upload._Upload.commit", conflict)
    assert landing.land(track) == "failed"
    assert place.provenance() is None
    assert json.loads(place.failure())["retryable"]


def test_the_slower_of_two_executions_takes_nothing_back(landing, track, place, client, catalogue, monkeypatch):
    check = landing_module.Landing._check

    def while_a_twin_lands_it(self, *args):
        monkeypatch.setattr(landing_module.Landing, "_check", check)
        assert self.land(track) == "landed"
        raise TooSlow("the connection of this execution stalls")

    monkeypatch.setattr(landing_module.Landing, "_check", while_a_twin_lands_it)
    assert landing.land(track) == "landed"
    assert catalogue.read(place.asset_id)["state"] == "landed"
    assert place.failure() is None
    assert len(client.asked) == 2


def test_a_file_that_takes_the_worker_down_again_and_again_is_given_up(landing, track, place, client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(landing_module.Landing, "_check", kill)
        for _ in range(3):
            with pytest.raises(Killed):
                landing.land(track)
    assert landing.land(track) == "failed"
    assert json.loads(place.failure())["error"] == "LandingDied"
    assert len(client.asked) == 3


def test_a_bad_file_keeps_its_reason_however_often_its_task_is_cleared(landing, track, place):
    bad = replace(track, md5="0" * 32)
    for _ in range(5):
        assert landing.land(bad) == "failed"
        assert json.loads(place.failure())["error"] == "ChecksumMismatch"


def test_bytes_that_another_asset_has_landed_are_a_duplicate_with_its_reason(landing, track, place_of, client):
    assert landing.land(track) == "landed"
    twin = replace(track, source_id=f"{track.item_id}/b.wav", original_name="b.wav")
    assert landing.land(twin) == "duplicate"
    assert json.loads(place_of(twin, landing).failure())["error"] == "DuplicateContent"
    assert place_of(twin, landing).media_size() is None


def test_bytes_that_another_asset_is_just_landing_are_tried_again_later(landing, track, place_of, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("include.storage.upload._Upload.commit", kill)
        with pytest.raises(Killed):
            landing.land(track)
    twin = replace(track, source_id=f"{track.item_id}/b.wav", original_name="b.wav")
    assert landing.land(twin) == "failed"
    failure = json.loads(place_of(twin, landing).failure())
    assert failure["error"] == "DuplicatePending"
    assert failure["retryable"]


def test_the_reason_of_a_failure_goes_when_the_track_lands(landing, track, place, client):
    content = client.files[track.download_url]
    client.files[track.download_url] = Denied("closed today")
    assert landing.land(track) == "failed"
    assert place.failure()
    client.files[track.download_url] = content
    assert landing.land(track) == "landed"
    assert place.failure() is None


def test_a_run_that_takes_a_failed_track_over_removes_the_reason_of_the_run_before(
    landing, landing_of, track, place, client
):
    content = client.files[track.download_url]
    client.files[track.download_url] = TooSlow("it trickles")
    assert landing.land(track) == "failed"
    assert place.failure()
    client.files[track.download_url] = content
    assert landing_of("run-2", second=1).land(track) == "landed"
    assert place.failure() is None


def test_a_file_that_does_not_fit_on_the_disk_is_refused_before_it_fills_it(landing, track, place, client):
    client.content_length = 1 << 60
    assert landing.land(track) == "failed"
    failure = json.loads(place.failure())
    assert failure["error"] == "NoRoom"
    assert failure["retryable"]


def test_a_file_that_takes_too_long_as_a_whole_is_given_up(landing, track, place, monkeypatch):
    monkeypatch.setattr(landing_module, "LONGEST_LANDING_S", -1.0)
    assert landing.land(track) == "failed"
    assert json.loads(place.failure())["error"] == "TooSlow"


def test_what_nobody_foresaw_of_one_file_is_recorded_and_stops_no_neighbour(landing, track, place, monkeypatch):
    def break_down(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(landing_module.Landing, "_check", break_down)
    assert landing.land(track) == "failed"
    assert json.loads(place.failure())["retryable"]


def test_a_file_that_its_source_throttles_for_ever_is_put_off_and_then_given_up(landing, track, place, client):
    client.files[track.download_url] = Throttled("not now", retry_after_s=300)
    for _ in range(2):
        with pytest.raises(Throttled):
            landing.land(track)
    assert landing.land(track) == "failed"
    assert json.loads(place.failure())["error"] == "Throttled"


def test_a_track_of_another_run_is_left_to_it(landing, landing_of, track, local_aws):
    AssetCatalogueHook().claim(
        landing_module.asset_id_from_source("shelf", track.source_id), claimed_by="run-2", attributes={}
    )
    assert landing.land(track) is None


@pytest.mark.parametrize("name", ["md5", "sha1"])
def test_a_file_that_is_not_what_its_source_declares_does_not_land(landing, track, place, name):
    assert landing.land(replace(track, **{"md5": None, name: "0" * 40})) == "failed"
    failure = json.loads(place.failure())
    assert failure["error"] == "ChecksumMismatch"
    assert f"declares {name} 000" in failure["message"]


def test_a_file_with_the_sha1_that_its_source_declares_lands(landing, track, client):
    sha1 = hashlib.sha1(client.files[track.download_url], usedforsecurity=False).hexdigest()
    assert landing.land(replace(track, md5=None, sha1=sha1)) == "landed"


def test_a_file_without_a_picture_is_no_film(landing, track, place, item_id):
    film = replace(landing, folder=replace(landing.folder, media_type="video"))
    assert film.land(replace(track, media_type="video")) == "failed"
    key = failure_key(film.folder.raw(raw_filename(track.original_name, place.asset_id)))
    failure = json.loads(place.lake.read_text(SETTINGS.processed_bucket, key))
    assert (failure["stage"], failure["retryable"]) == ("land", False)
    assert issubclass(getattr(probe, failure["error"]), probe.MediaError)
