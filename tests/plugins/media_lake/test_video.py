"""The closing task of a clip's analyses on the local AWS: what is found is told, what is not has its reason."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.catalog.keys import RunFolder, failure_key
from include.catalog.schemas import check
from include.catalog.video import NOT_ASKED_FOR, VideoLabels
from include.settings import SETTINGS
from include.video import clip
from media_lake.analysis import MOST_ATTEMPTS
from media_lake.hooks.s3 import LakeHook
from media_lake.operators.video import VideoWriteLabelsOperator
from tests.include.audio.signals import babble, encoded
from tests.plugins.media_lake.films import FOLDER, film, land
from tests.plugins.media_lake.rekognition_pages import FOUND, GROUP, Group, keep, labels_pages, text_pages

pytestmark = pytest.mark.usefixtures("shared_clients")

REFUSED = "rekognition label_detection on s3://media-raw/a.mp4 (no job was started): AccessDeniedException: not today."


@pytest.fixture
def landed(catalogue, lake):
    """Lands a clip and returns its id and its key."""

    def landed(content: bytes, **named: str) -> tuple[str, str]:
        asset_id = land(catalogue, lake, content, **named)
        credit = {"attribution_required": True, "attribution_text": '"A film" by Nobody'}
        item = catalogue.read(asset_id)
        place = {name: item[name] for name in ("raw_bucket", "raw_key", "sha256")}
        catalogue.mark(asset_id, "landed", **place, **credit)
        return asset_id, item["raw_key"]

    return landed


@pytest.fixture
def group():
    return Group()


class Killed(BaseException):
    """The end of the process, as far as a test can have it."""


def die(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture
def write(group, lake):
    """Executes the operator and returns the record."""

    def write(asset_id: str, **asked) -> dict:
        operator = VideoWriteLabelsOperator(task_id="write_labels", asset_id=asset_id, group=GROUP, **asked)
        key = operator.execute(group.context)
        record = json.loads(lake.read_text(SETTINGS.processed_bucket, key))
        check(record, VideoLabels)
        return record

    return write


@pytest.fixture
def objects(lake):
    """Returns the bytes and the write times of all that stands beside a clip."""

    def objects(raw_key: str) -> dict[str, tuple[bytes, object]]:
        stem = raw_key.rpartition(".")[0]
        listed = lake.conn.list_objects_v2(Bucket=SETTINGS.processed_bucket, Prefix=stem)["Contents"]
        return {
            entry["Key"]: (
                lake.conn.get_object(Bucket=SETTINGS.processed_bucket, Key=entry["Key"])["Body"].read(),
                entry["LastModified"],
            )
            for entry in listed
        }

    return objects


def test_the_record_tells_what_every_analysis_found(landed, group, write, lake, catalogue):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    record = write(asset_id)
    (car,) = record["labels"]
    assert (car["name"], car["parents"], car["confidence_max"]) == ("Car", ["Vehicle"], 0.911)
    assert car["segments"] == [{"start_s": 0.0, "end_s": 6.0}]
    assert [shot["start_s"] for shot in record["shots"]] == [0.0, 2.0]
    assert [(line["text"], line["start_s"], line["end_s"]) for line in record["text"]] == [("EXIT", 1.0, 2.5)]
    assert record["production"]["shots_per_minute"]["value"] == 20.0
    assert record["skipped"] == {"audio": "the clip has no sound track"}
    assert record["engine"] == {
        "service": "rekognition",
        "model_version": "labels 3.0, moderation 7.0, segments 2.0, text 3.1",
    }
    assert (record["attribution_text"], record["proxy_key"]) == ('"A film" by Nobody', None)
    assert 'The picture reads "EXIT" from 0:01 to 0:03.' in record["summary_text"]
    item = catalogue.read(asset_id)
    assert item["state"] == "analysed"
    assert item["labels_key"] == RunFolder.processed(FOLDER, raw_key.rpartition("/")[2], "labels")
    assert (item["labels"], item["shots"], item["duration_s"]) == (["Car"], 2, 6)


def test_a_contact_sheet_lies_beside_the_record(landed, group, write, lake):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    key = write(asset_id)["contact_sheet_key"]
    sheet = lake.conn.get_object(Bucket=SETTINGS.processed_bucket, Key=key)
    assert sheet["ContentType"] == "image/jpeg"
    assert sheet["Body"].read(3) == b"\xff\xd8\xff"


def test_a_clip_with_sound_is_heard(landed, group, write, lake):
    asset_id, raw_key = landed(encoded(babble(6.0), "mp4", "aac", picture=True))
    group.finish(lake, raw_key)
    record = write(asset_id)
    assert record["audio"]["voice"] == "voice"
    assert record["audio"]["loudness_lufs"] == record["production"]["loudness_lufs"]["value"]
    assert record["media"]["has_audio"] is True
    assert record["skipped"] == {}


def test_an_analysis_that_was_refused_is_skipped_with_its_reason_and_the_rest_is_told(landed, group, write, lake):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key, "detect_text")
    group.tell("detect_labels", REFUSED, key="refusal")
    record = write(asset_id, analyses="labels,segments,text")
    assert record["skipped"] == {
        "labels": REFUSED,
        "shots": f"{GROUP}.detect_segments ended without a result: its log tells why",
        "moderation": NOT_ASKED_FOR,
        "audio": "the clip has no sound track",
    }
    assert [line["text"] for line in record["text"]] == ["EXIT"]
    assert record["contact_sheet_key"] is not None
    assert "Things and scenes were not analysed: rekognition label_detection" in record["summary_text"]


def test_without_a_single_analysis_the_clip_itself_is_measured(landed, group, write, lake, catalogue):
    asset_id, _ = landed(film())
    group.tell("make_proxy", "mediaconvert: AccessDeniedException", key="refusal")
    record = write(asset_id)
    reasons = {record["skipped"][name] for name in ("labels", "shots", "text", "moderation")}
    assert reasons == {"mediaconvert: AccessDeniedException"}
    assert record["production"]["orientation"]["value"] == "landscape"
    assert record["engine"]["model_version"] is None
    assert catalogue.read(asset_id)["state"] == "analysed"


def test_a_proxy_is_named_when_one_was_made(landed, group, write, lake):
    asset_id, raw_key = landed(film("film.webm"), name="film.webm")
    proxy_key = FOLDER.proxy(raw_key.rpartition("/")[2])
    lake.conn.put_object(Bucket=SETTINGS.processed_bucket, Key=proxy_key, Body=film())
    group.finish(lake, proxy_key)
    record = write(asset_id)
    assert record["proxy_key"] == proxy_key
    assert (record["media"]["codec"], [label["name"] for label in record["labels"]]) == ("vp8", ["Car"])


def test_a_result_that_is_gone_is_skipped_with_its_reason(landed, group, write, lake):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    lake.delete(SETTINGS.processed_bucket, f"{raw_key}.label_detection.raw.jsonl")
    lake.delete(SETTINGS.processed_bucket, f"{raw_key}.text_detection.json")
    skipped = write(asset_id)["skipped"]
    assert all(" is gone: clear its task" in skipped[name] for name in ("labels", "text"))


def test_pages_of_another_job_are_never_told_for_this_one(landed, group, write, lake):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    lake.conn.put_object(
        Bucket=SETTINGS.processed_bucket,
        Key=f"{raw_key}.label_detection.raw.jsonl",
        Body=json.dumps(labels_pages("Cat")[0]).encode(),
        Metadata={"job-id": "another"},
    )
    record = write(asset_id)
    assert record["labels"] == []
    assert "is not of the job of" in record["skipped"]["labels"]


def test_a_second_execution_leaves_the_record_as_it_is(landed, group, write, lake, objects):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    write(asset_id)
    before = objects(raw_key)
    write(asset_id)
    assert objects(raw_key) == before


def test_the_same_results_give_the_same_bytes(landed, group, write, lake, objects):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    first = write(asset_id)
    before = objects(raw_key)
    lake.delete(SETTINGS.processed_bucket, RunFolder.processed(FOLDER, raw_key.rpartition("/")[2], "labels"))
    assert write(asset_id) == first
    assert {key: body for key, (body, _) in objects(raw_key).items()} == {
        key: body for key, (body, _) in before.items()
    }


def test_results_of_other_jobs_are_written_anew(landed, group, write, lake):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    write(asset_id)
    group.tell("detect_labels", keep(lake, raw_key, FOUND["detect_labels"][0], labels_pages("Cat"), job_id="later"))
    assert [label["name"] for label in write(asset_id)["labels"]] == ["Cat"]


def test_a_process_that_ends_between_the_sheet_and_the_record_leaves_both_to_the_next_try(
    landed, group, write, lake, catalogue, monkeypatch
):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    with monkeypatch.context() as patch:
        patch.setattr(LakeHook, "write_text", die)
        with pytest.raises(Killed):
            write(asset_id)
    assert catalogue.read(asset_id)["state"] == "landed"
    key = write(asset_id)["contact_sheet_key"]
    assert catalogue.read(asset_id)["contact_sheet_key"] == key


def test_a_record_of_other_analysers_is_written_anew(landed, group, write, lake, catalogue, monkeypatch):
    asset_id, raw_key = landed(film())
    group.finish(lake, raw_key)
    with monkeypatch.context() as patch:
        patch.setattr(clip, "ANALYSER_VERSION", "of old")
        assert write(asset_id)["analyser_version"] == "of old"
    assert write(asset_id)["analyser_version"] == clip.ANALYSER_VERSION == catalogue.read(asset_id)["analyser_version"]


def test_text_in_the_picture_may_say_what_it_likes(landed, group, write, lake):
    asset_id, raw_key = landed(film(), title="<b>x</b>")
    group.finish(lake, raw_key)
    hostile = 'Ignore "this"\n\u202e<script>alert(1)</script>' + " and more" * 40
    group.tell("detect_text", keep(lake, raw_key, "text_detection", text_pages(hostile), job_id="hostile"))
    record = write(asset_id)
    assert record["text"][0]["text"] == hostile
    told = record["summary_text"]
    assert "\u202e" not in told and "\n" not in told and "<script>" not in told
    assert "Ignore 'this' alert(1) and more" in told
    assert len(told) < 1000


def broken_pictures() -> bytes:
    """A film whose header is whole, and whose pictures are not."""
    content = bytearray(film())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[start:end] = bytes(end - start)
    return bytes(content)


def test_a_clip_that_only_the_service_can_see_is_told_without_its_pictures(landed, group, write, lake):
    asset_id, raw_key = landed(broken_pictures())
    group.finish(lake, raw_key, "detect_labels")
    record = write(asset_id)
    assert [label["name"] for label in record["labels"]] == ["Car"]
    assert (record["production"], record["contact_sheet_key"]) == (None, None)
    assert "production" in record["skipped"]


def test_a_clip_of_which_nothing_can_be_told_fails_with_its_reason_and_the_task_is_skipped(
    landed, write, lake, catalogue
):
    asset_id, raw_key = landed(broken_pictures())
    with pytest.raises(AirflowSkipException, match=r"film\.mp4: PictureUndecodable: "):
        write(asset_id)
    item = catalogue.read(asset_id)
    assert (item["state"], item["failure"]["stage"]) == ("failed", "analyse")
    assert json.loads(lake.read_text(SETTINGS.processed_bucket, failure_key(raw_key))) == item["failure"]


def test_a_clip_that_was_changed_is_recorded_and_one_that_is_mended_forgets_it(landed, write, lake, catalogue):
    asset_id, raw_key = landed(film())
    lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=raw_key, Body=b"other bytes")
    with pytest.raises(AirflowSkipException, match="ContentChanged"):
        write(asset_id)
    lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=raw_key, Body=film())
    write(asset_id)
    assert catalogue.read(asset_id).get("failure") is None
    assert lake.read_text(SETTINGS.processed_bucket, failure_key(raw_key)) is None


def test_an_asset_that_never_landed_is_skipped(write, asset_id, local_aws):
    with pytest.raises(AirflowSkipException, match=f"no landed asset {asset_id}"):
        write(asset_id)


def test_a_clip_that_takes_the_process_down_is_given_up_until_a_person_clears_the_task(
    landed, group, write, catalogue, monkeypatch
):
    asset_id, _ = landed(film())
    with monkeypatch.context() as patch:
        patch.setattr(clip, "measure_production", die)
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(Killed):
                write(asset_id)
    with pytest.raises(AirflowSkipException, match="AnalyserDied"):
        write(asset_id)
    group.clears = 1
    write(asset_id)
    assert catalogue.read(asset_id)["state"] == "analysed"


def test_the_task_is_named_after_the_clip(landed, group):
    asset_id, _ = landed(film(), title="Waves")
    context = group.context
    VideoWriteLabelsOperator(task_id="write_labels", asset_id=asset_id, group=GROUP).execute(context)
    assert context["names"] == "Waves"
