"""Uploads before anything is paid: inspected, quoted, prepared, on the local AWS."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import av
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.catalog.keys import FootageFolder, failure_key, raw_transcript_key
from include.catalog.records import Failure
from include.catalog.schemas import record_from
from include.catalog.triage import Signals
from include.settings import SETTINGS
from include.video.mediaconvert import files_read, files_written
from media_lake import inspection
from media_lake.analysis import MOST_ATTEMPTS
from media_lake.operators.inspection import (
    FootageChooseAnalysesOperator,
    FootageInspectOperator,
    FootagePrepareOperator,
)
from tests.plugins.media_lake.dash_cam import drive, noted, sound_alone, upload
from tests.plugins.media_lake.films import Notes

pytestmark = pytest.mark.usefixtures("shared_clients")


def run(operator, *, tries: int = 4, run_id: str = "test") -> SimpleNamespace:
    """Execute a task: what it returns, and what it pushes."""
    notes = Notes()
    notes.max_tries = tries
    dag_run = SimpleNamespace(dag_id="triage_footage", run_id=run_id)
    returned = operator.execute({"ti": notes, "dag_run": dag_run})
    return SimpleNamespace(returned=returned, pushed=notes.pushed)


def inspect(asset_id: str, **parameters):
    return run(FootageInspectOperator(task_id="inspect_upload", asset_id=asset_id), **parameters)


def choose(asset_ids, *, screen: bool | str = True, max_cost_usd: float | str = 100.0, run_id: str = "test"):
    return run(
        FootageChooseAnalysesOperator(
            task_id="choose_analyses", asset_ids=asset_ids, screen=screen, max_cost_usd=max_cost_usd
        ),
        run_id=run_id,
    )


def prepare(asset_id: str) -> dict:
    return run(FootagePrepareOperator(task_id="prepare_upload", asset_id=asset_id)).pushed


def folder_of(item: dict) -> FootageFolder:
    return FootageFolder(item["device"], item["day"], item["stem"])


@pytest.fixture(scope="module")
def quiet_and_loud(local_aws, lake_clients):
    """A steady drive and one with a bang at 2 s, both inspected."""
    from media_lake.hooks.dynamodb import AssetCatalogueHook
    from media_lake.hooks.s3 import LakeHook

    ids = [upload(AssetCatalogueHook(), LakeHook(), drive(bang_s=bang_s)) for bang_s in (None, 2.0)]
    for asset_id in ids:
        inspect(asset_id)
    return ids


# --- inspected -------------------------------------------------------------------------------------------------------


def test_an_upload_is_landed_with_what_was_found_out(catalogue, lake):
    content = drive(bang_s=2.0)
    asset_id = upload(catalogue, lake, content)
    found = inspect(asset_id)
    item = catalogue.read(asset_id)
    assert (found.returned, found.pushed["name"]) == (asset_id, f"{item['device']} drive.mp4")
    assert (item["state"], item["raw_bucket"], item["raw_key"]) == ("landed", item["bucket"], item["key"])
    assert (item["bytes"], item["captured_at"], item["problems"]) == (len(content), "2026-03-01T06:30:00Z", [])
    assert (item["duration_s"], item["has_audio"], item["interesting"]) == (pytest.approx(4.0, abs=0.1), True, True)
    assert item["interesting_because"][0].startswith("a sound")
    signals = record_from(Signals, json.loads(lake.read_text(SETTINGS.processed_bucket, item["signals_key"])))
    assert item["signals_key"] == folder_of(item).record("signals")
    assert signals.loudness_peaks[0].at_s == pytest.approx(2.0, abs=0.3)


def test_a_steady_drive_is_not_interesting(catalogue, quiet_and_loud):
    item = catalogue.read(quiet_and_loud[0])
    assert (item["interesting"], item["interesting_because"]) == (False, [])


def test_missing_and_contradicting_metadata_are_noted_and_stop_nothing(catalogue, lake):
    content = drive(1.0)
    bare = upload(catalogue, lake, content, metadata={})
    inspect(bare)
    assert catalogue.read(bare)["problems"] == [
        "no device in the metadata",
        "no captured-at in the metadata",
        "no sha256 in the metadata",
    ]
    content = drive(1.0)
    foreign = upload(catalogue, lake, content, metadata=noted(content, "another-cam"))
    inspect(foreign)
    item = catalogue.read(foreign)
    assert item["problems"] == [f"the metadata says device another-cam, the key says {item['device']}"]
    assert item["state"] == "landed"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (lambda: b"", "NotMedia"),
        (lambda: b"<html>404</html>", "NotMedia"),
        (lambda: (film := drive(2.0))[: len(film) // 2], "HeaderBroken"),
    ],
    ids=["no bytes", "no media", "cut off before its index"],
)
def test_a_bad_upload_is_recorded_with_its_reason_and_skipped(catalogue, lake, content, error):
    asset_id = upload(catalogue, lake, content())
    with pytest.raises(AirflowSkipException, match=error):
        inspect(asset_id)
    item = catalogue.read(asset_id)
    assert (item["state"], item["failure"]["error"], item["failure"]["stage"]) == ("failed", error, "inspect")
    assert json.loads(lake.read_text(SETTINGS.processed_bucket, failure_key(item["key"]))) == item["failure"]


def test_other_bytes_than_the_camera_noted_are_a_failure(catalogue, lake):
    asset_id = upload(catalogue, lake, drive(1.0), metadata=noted(b"what was sent", "cam"))
    with pytest.raises(AirflowSkipException, match=r"ChecksumMismatch.*damaged on the way"):
        inspect(asset_id)
    assert catalogue.read(asset_id)["state"] == "failed"


def test_a_recording_that_breaks_off_is_measured_as_far_as_it_goes(catalogue, lake):
    content = _index_first(drive(4.0))
    asset_id = upload(catalogue, lake, content[: len(content) * 2 // 3])
    inspect(asset_id)
    item = catalogue.read(asset_id)
    assert item["state"] == "landed"
    assert "breaks off" in " ".join(item["interesting_because"])


def _index_first(content: bytes) -> bytes:
    """The same film with its index before its pictures, as a fragment-safe camera writes it."""
    file = io.BytesIO()
    with (
        av.open(io.BytesIO(content)) as source,
        av.open(file, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as output,
    ):
        streams = {stream.index: output.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return file.getvalue()


def test_sound_alone_is_an_upload_too(catalogue, lake):
    asset_id = upload(catalogue, lake, sound_alone(), name="memo.wav")
    inspect(asset_id)
    assert catalogue.read(asset_id)["has_audio"] is True


def test_the_second_upload_of_the_same_bytes_is_a_duplicate(catalogue, lake):
    content = drive(1.0)
    first = upload(catalogue, lake, content, metadata={})
    second = upload(catalogue, lake, content, metadata={})
    inspect(first)
    with pytest.raises(AirflowSkipException, match=first):
        inspect(second)
    item = catalogue.read(second)
    assert (item["state"], item["duplicate_of"]) == ("duplicate", first)


def test_of_uploads_that_would_all_be_duplicates_of_one_that_is_gone_one_takes_its_place(catalogue, lake):
    content = drive(1.0)
    gone, second, third = (upload(catalogue, lake, content, metadata={}) for _ in range(3))
    inspect(gone)
    catalogue.mark_failed(gone, Failure(stage="prepare", error="ObjectMissing", message="gone", retryable=False))
    inspect(second)
    with pytest.raises(AirflowSkipException, match=second):
        inspect(third)
    assert [catalogue.read(asset_id)["state"] for asset_id in (second, third)] == ["landed", "duplicate"]


def test_two_uploads_of_the_same_bytes_inspected_at_once_make_one_duplicate(catalogue, lake):
    content = drive(1.0)
    twins = [upload(catalogue, lake, content, metadata={}) for _ in range(2)]

    def state_of(asset_id):
        with suppress(AirflowSkipException):
            inspect(asset_id)
        return catalogue.read(asset_id)["state"]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(state_of, twins)) == ["duplicate", "landed"]


def test_the_bytes_of_an_upload_that_failed_are_tried_again(catalogue, lake):
    content = drive(1.0)
    first = upload(catalogue, lake, content, metadata={})
    inspect(first)
    item = catalogue.read(first)
    lake.conn.delete_object(Bucket=item["bucket"], Key=item["key"])
    if item["version_id"]:
        lake.conn.delete_object(Bucket=item["bucket"], Key=item["key"], VersionId=item["version_id"])
    with pytest.raises(AirflowSkipException, match="ObjectMissing"):
        prepare(first)
    second = upload(catalogue, lake, content, metadata={})
    inspect(second)
    assert catalogue.read(second)["state"] == "landed"


def test_an_upload_that_was_deleted_meanwhile_is_rejected_and_no_failure(catalogue, lake):
    asset_id = upload(catalogue, lake, drive(1.0))
    item = catalogue.read(asset_id)
    version = {"VersionId": item["version_id"]} if item["version_id"] else {}
    lake.conn.delete_object(Bucket=item["bucket"], Key=item["key"], **version)
    with pytest.raises(AirflowSkipException, match="deleted before it was inspected"):
        inspect(asset_id)
    assert catalogue.read(asset_id)["state"] == "rejected"
    assert lake.read_text(SETTINGS.processed_bucket, failure_key(item["key"])) is None


def test_the_version_that_was_uploaded_is_inspected_and_not_a_later_one(catalogue, lake):
    content = drive(1.0)
    asset_id = upload(catalogue, lake, content)
    item = catalogue.read(asset_id)
    lake.conn.put_object(Bucket=item["bucket"], Key=item["key"], Body=b"written over")
    if item["version_id"]:
        inspect(asset_id)
        assert catalogue.read(asset_id)["bytes"] == len(content)
    else:
        with pytest.raises(AirflowSkipException, match="written over"):
            inspect(asset_id)
        assert catalogue.read(asset_id)["state"] == "rejected"


def test_what_was_inspected_is_left_as_it_is(catalogue, lake, monkeypatch):
    asset_id = upload(catalogue, lake, drive(1.0))
    inspect(asset_id)
    before = catalogue.read(asset_id)
    monkeypatch.setattr("media_lake.operators.inspection.receive", None)
    assert inspect(asset_id).returned == asset_id
    assert catalogue.read(asset_id) == before


def test_an_upload_that_was_stored_away_stays_as_it_was_inspected(catalogue, lake, monkeypatch):
    asset_id = upload(catalogue, lake, drive(1.0))
    inspect(asset_id)
    before = catalogue.read(asset_id)
    lake.conn.delete_object(Bucket=before["bucket"], Key=before["key"])
    if before["version_id"]:
        lake.conn.delete_object(Bucket=before["bucket"], Key=before["key"], VersionId=before["version_id"])
    monkeypatch.setattr("media_lake.operators.inspection.ANALYSER_VERSION", "screen of tomorrow")
    assert inspect(asset_id).returned == asset_id
    assert catalogue.read(asset_id) == before


def test_an_upload_that_kills_the_worker_again_and_again_is_given_up(catalogue, lake, monkeypatch):
    class Killed(BaseException):
        pass

    def die(path):
        raise Killed

    monkeypatch.setattr("media_lake.operators.inspection.look_at", die)
    asset_id = upload(catalogue, lake, drive(1.0))
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            inspect(asset_id)
    with pytest.raises(AirflowSkipException, match="AnalyserDied"):
        inspect(asset_id)
    monkeypatch.setattr("media_lake.operators.inspection.look_at", inspection.look_at)
    inspect(asset_id, tries=9)  # a person cleared the task
    assert "failure" not in catalogue.read(asset_id)


# --- chosen ----------------------------------------------------------------------------------------------------------


def test_the_screen_leaves_out_what_is_quiet_and_tells_what_it_saves(quiet_and_loud):
    quiet, loud = quiet_and_loud
    found = choose(quiet_and_loud, screen="True")
    assert found.returned == [loud]
    assert found.pushed["screened_out"] == [quiet]
    assert found.pushed["saved_usd"] == pytest.approx(found.pushed["quoted_usd"])
    # 4 s of labels, shots, cues and text at $0.3 a minute, and the 15 s that Transcribe bills at least
    assert found.pushed["quoted_usd"] == pytest.approx(4 / 60 * 0.3 + 15 / 60 * 0.024, rel=0.02)


def test_without_the_screen_all_are_analysed(quiet_and_loud):
    found = choose(quiet_and_loud, screen="False")
    assert found.returned == quiet_and_loud
    assert (found.pushed["screened_out"], found.pushed["saved_usd"]) == ([], 0.0)


def test_uploads_that_were_not_landed_are_left_out(catalogue, lake, quiet_and_loud):
    bad = upload(catalogue, lake, b"bad")
    with pytest.raises(AirflowSkipException):
        inspect(bad)
    assert choose([bad, "f" * 24, *quiet_and_loud], screen=False).returned == quiet_and_loud
    assert choose([bad]).returned == []


def test_a_run_buys_what_its_limit_pays_for_the_oldest_first_and_leaves_the_rest_to_the_next(catalogue, lake):
    quiet, loud = (upload(catalogue, lake, drive(bang_s=bang_s)) for bang_s in (None, 2.0))
    inspect(quiet)
    inspect(loud)
    catalogue.mark(quiet, "landed", uploaded_at="2026-03-01T06:30:00Z")
    found = choose([loud, quiet], screen=False, max_cost_usd="0.03")
    assert found.returned == [quiet]
    assert (found.pushed["quoted_usd"], found.pushed["too_dear"]) == (pytest.approx(0.026, abs=0.002), "")
    item = catalogue.read(loud)
    assert (item["state"], item["failure"]["error"], item["failure"]["retryable"]) == ("failed", "OverBudget", True)
    assert "needs_usd" not in item
    assert catalogue.claim(loud, claimed_by="triage_footage/next", attributes={}) is not None


def test_what_alone_costs_more_is_named_and_keeps_nobody_from_the_others(catalogue, lake, quiet_and_loud):
    long, short = (upload(catalogue, lake, drive(seconds)) for seconds in (5.0, 0.6))
    inspect(long)
    inspect(short)
    found = choose([long, short], screen=False, max_cost_usd=0.02)
    assert found.returned == [short]
    title = catalogue.read(long)["title"]
    assert found.pushed["too_dear"] == (
        "1 uploads are not decided on, for each alone costs more than max_cost_usd, 0.02: "
        f"{title} (for $0.0310). Start a run with a higher max_cost_usd, which takes them, or raise the default"
    )
    item = catalogue.read(long)
    assert item["needs_usd"] == pytest.approx(0.031, abs=0.001)
    assert item["failure"]["message"] == "its analyses for $0.0310 are above 0.02"


def test_what_a_run_gave_back_and_another_took_is_the_others_alone(catalogue, lake):
    asset_id = upload(catalogue, lake, drive(2.0))
    inspect(asset_id)
    assert choose([asset_id], screen=False, max_cost_usd=0.001).returned == []
    before = catalogue.read(asset_id)
    attributes = {name: value for name, value in before.items() if name not in ("failure", "needs_usd")}
    assert catalogue.claim(asset_id, claimed_by="triage_footage/dearer", attributes=attributes)
    inspect(asset_id)
    assert choose([asset_id], screen=False, run_id="dearer").returned == [asset_id]
    again = choose([asset_id], screen=False, max_cost_usd=0.001)  # the first run's task is cleared meanwhile
    assert (again.returned, again.pushed["screened_out"], again.pushed["too_dear"]) == ([], [], "")
    assert catalogue.read(asset_id)["state"] == "landed"
    assert choose([asset_id], screen=False).returned == []


def test_an_incident_that_nobody_was_told_of_is_never_screened_out(catalogue, lake):
    asset_id = upload(catalogue, lake, drive(1.0))
    catalogue.mark(asset_id, "claimed", untold=True)
    inspect(asset_id)
    assert choose([asset_id], max_cost_usd=0).returned == [asset_id]


# --- prepared --------------------------------------------------------------------------------------------------------


def test_a_film_that_both_services_take_is_read_as_it_came(catalogue, quiet_and_loud):
    item = catalogue.read(quiet_and_loud[1])
    assert prepare(quiet_and_loud[1]) == {
        "name": item["title"],
        "bucket": item["bucket"],
        "key": item["key"],
        "version_id": item["version_id"],
        "proxy_settings": {},
        "duration_s": item["duration_s"],
        "base": folder_of(item).base,
        "raw_transcript_key": raw_transcript_key(folder_of(item).base),
        "audio_bucket": item["bucket"],
        "audio_key": item["key"],
    }


@pytest.mark.parametrize("container", ["mkv", "mov"])
def test_sound_that_transcribe_cannot_read_is_extracted_once(catalogue, lake, container):
    asset_id = upload(catalogue, lake, drive(2.0, container=container), name=f"drive.{container}")
    inspect(asset_id)
    prepared = prepare(asset_id)
    key = folder_of(catalogue.read(asset_id)).media("audio.flac")
    assert (prepared["audio_bucket"], prepared["audio_key"]) == (SETTINGS.processed_bucket, key)
    written = lake.conn.get_object(Bucket=SETTINGS.processed_bucket, Key=key)
    with av.open(io.BytesIO(written["Body"].read())) as sound:
        assert sound.duration / 1_000_000 == pytest.approx(2.0, abs=0.1)
    assert prepare(asset_id) == prepared
    assert lake.conn.head_object(Bucket=SETTINGS.processed_bucket, Key=key)["LastModified"] == written["LastModified"]


def test_what_rekognition_cannot_take_gets_a_proxy(catalogue, lake):
    asset_id = upload(catalogue, lake, drive(1.0, container="mkv", sound=False), name="drive.mkv")
    inspect(asset_id)
    prepared, item = prepare(asset_id), catalogue.read(asset_id)
    assert (prepared["bucket"], prepared["version_id"]) == (SETTINGS.processed_bucket, None)
    assert prepared["key"] == folder_of(item).media("proxy.mp4")
    assert files_read(prepared["proxy_settings"]) == [f"s3://{item['bucket']}/{item['key']}"]
    (written,) = files_written(prepared["proxy_settings"])
    assert written.path == f"s3://{prepared['bucket']}/{prepared['key']}"


def test_a_service_that_can_name_no_version_reads_a_copy_of_what_was_written_over(catalogue, lake):
    content = drive(1.0, container="mkv")
    asset_id = upload(catalogue, lake, content, name="FILE0001.mkv")
    inspect(asset_id)
    item = catalogue.read(asset_id)
    lake.conn.put_object(Bucket=item["bucket"], Key=item["key"], Body=b"the next drive")
    prepared = prepare(asset_id)
    key = folder_of(item).original(item["key"])
    assert files_read(prepared["proxy_settings"]) == [f"s3://{SETTINGS.processed_bucket}/{key}"]
    copy = lake.conn.get_object(Bucket=SETTINGS.processed_bucket, Key=key)
    assert copy["Body"].read() == content
    assert prepare(asset_id) == prepared
    assert lake.conn.head_object(Bucket=SETTINGS.processed_bucket, Key=key)["LastModified"] == copy["LastModified"]


@pytest.mark.parametrize(("seconds", "sound"), [(1.0, False), (0.3, True)], ids=["no sound", "below half a second"])
def test_nothing_to_hear_is_normal(catalogue, lake, seconds, sound):
    asset_id = upload(catalogue, lake, drive(seconds, sound=sound))
    inspect(asset_id)
    prepared = prepare(asset_id)
    assert (prepared["audio_bucket"], prepared["audio_key"]) == ("", "")


def test_an_upload_that_is_not_landed_is_not_prepared(catalogue, lake):
    with pytest.raises(AirflowSkipException, match="claimed"):
        prepare(upload(catalogue, lake, drive(0.5)))
