from __future__ import annotations

import json
from dataclasses import asdict
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.catalog.keys import FootageFolder, is_slug
from include.catalog.uploads import (
    UnreadableMessage,
    Upload,
    asset_id_of,
    attributes_of,
    footage_name,
    stems_for,
    uploads_from_message,
)

KEY = "footage/cam-1/20260301/drive (1) + sea.mp4"
UPLOADED_AT = "2026-03-01T06:30:00Z"


def event(key: str = KEY, kind: str = "Object Created", **stored: object) -> dict:
    return {
        "version": "0",
        "source": "aws.s3",
        "detail-type": kind,
        "time": UPLOADED_AT,
        "detail": {
            "bucket": {"name": "media-ingest"},
            "object": {"key": key, "size": 5, "etag": "e1", "version-id": "v1", "sequencer": "00A1"} | stored,
        },
    }


def record(key: str = KEY, name: str = "ObjectCreated:Put", **stored: object) -> dict:
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "eventTime": "2026-03-01T06:30:00.192Z",
        "s3": {
            "bucket": {"name": "media-ingest"},
            "object": {"key": quote_plus(key), "size": 5, "eTag": "e1", "versionId": "v1", "sequencer": "00A1"}
            | stored,
        },
    }


def notification(*records: dict) -> dict:
    return {"Records": list(records)}


def envelope(message: object) -> dict:
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:::t", "Message": json.dumps(message)}


def told(message: object) -> list[Upload]:
    return uploads_from_message(json.dumps(message))


@pytest.mark.parametrize(
    "message",
    [
        event(),
        event(etag='"e1"'),
        notification(record()),
        notification(record(name="s3:ObjectCreated:CompleteMultipartUpload")),
        envelope(event()),
        envelope(notification(record())),
        envelope(envelope(event())),
        {"Records": [{"EventSource": "aws:sns", "Sns": envelope(event())}]},
    ],
)
def test_whatever_way_the_message_took_it_tells_of_the_same_upload(message):
    assert told(message) == [
        Upload(
            bucket="media-ingest", key=KEY, version_id="v1", etag="e1", size_bytes=5, uploaded_at=UPLOADED_AT,
            sequencer="00A1",
        )
    ]  # fmt: skip


def test_the_key_of_a_notification_is_url_encoded_and_that_of_an_event_is_not():
    encoded = record() | {
        "s3": record()["s3"] | {"object": {**record()["s3"]["object"], "key": "footage%2Fa+b%2Bc.mp4"}}
    }
    assert told(notification(encoded))[0].key == "footage/a b+c.mp4"
    assert told(event(key="footage/a+b%2Fc.mp4"))[0].key == "footage/a+b%2Fc.mp4"


def test_one_notification_may_tell_of_several_uploads_and_of_other_things():
    message = notification(
        record(key="footage/a.mp4"), record(name="ObjectRemoved:Delete"), record(key="footage/b.mp4")
    )
    assert [upload.key for upload in told(message)] == ["footage/a.mp4", "footage/b.mp4"]


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": UPLOADED_AT, "Bucket": "media-ingest"},
        envelope({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        event(kind="Object Deleted"),
        event(kind="Object Restore Completed"),
        event(kind="Object Tags Added"),
        notification(record(name="ObjectRemoved:DeleteMarkerCreated")),
        notification(record(name="s3:LifecycleTransition")),
        notification(record(name="s3:Replication:OperationFailedReplication")),
        notification(),
    ],
)
def test_what_is_about_no_new_object_tells_of_no_upload(message):
    assert told(message) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "no JSON"),
        ("hello", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("null", "JSON NoneType"),
        ("[1]", "JSON list"),
        ("{}", "fields none"),
        (json.dumps({"AlarmName": "x"}), "fields AlarmName"),
        (json.dumps(envelope("hello")), "JSON str"),
        (json.dumps({"Type": "Notification"}), "no JSON"),
        (json.dumps(envelope(envelope(envelope(envelope(event()))))), "too many envelopes"),
        (json.dumps(event() | {"source": "aws.transcribe"}), "aws.transcribe"),
        (json.dumps(event(kind="AWS API Call via CloudTrail")), "CloudTrail"),
        (json.dumps(event() | {"detail": None}), "detail.bucket is missing"),
        (json.dumps(event() | {"time": "yesterday"}), "no moment"),
        (json.dumps(event() | {"time": None}), "no moment"),
        (json.dumps(event() | {"time": 1e300}), "no moment"),
        (json.dumps(event() | {"time": "2026-03-01T06:30:00"}), "no moment"),
        (json.dumps(event(key="")), "empty"),
        (json.dumps(event(key=7)), "key is missing or no text"),
        (json.dumps(event(key="a" * 1025)), "1024 bytes"),
        (json.dumps(event(key="a\ud800")), "surrogate"),
        (json.dumps(event(etag=None)), "etag"),
        (json.dumps(event(size="5")), "size_bytes"),
        (json.dumps(event(size=-1)), "size_bytes"),
        (json.dumps(event(size=True)), "size_bytes"),
        (json.dumps(notification({"eventSource": "aws:sqs"})), "not from S3"),
        (json.dumps({"Records": [None]}), "no object"),
        (json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": None}]}), "without a message"),
        (json.dumps(notification(record() | {"s3": {}})), "s3.bucket is missing"),
        (json.dumps(notification(record())).replace("drive", "%FF"), "URL-encoded"),
    ],
)
def test_a_message_that_nobody_can_read_says_why(body, reason):
    with pytest.raises(UnreadableMessage, match=reason):
        uploads_from_message(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "Type", "Message", "Event", "detail-type", "detail", "source", "time", "bucket", "object",
                 "name", "key", "size", "etag", "eventSource", "eventName", "s3", "Sns", "EventSource"]
            ),
            inner | st.sampled_from(["Notification", "aws:s3", "aws.s3", "aws:sns", "Object Created", UPLOADED_AT]),
            max_size=8,
        )
    ),
)  # fmt: skip


@given(json_values | st.builds(event, key=st.text()) | st.builds(lambda key: notification(record(key)), st.text()))
def test_no_message_does_more_harm_than_being_unreadable(message):
    try:
        uploads = told(message)
    except UnreadableMessage as error:
        assert str(error)
    else:
        assert all(Upload.from_fields(json.loads(json.dumps(asdict(upload)))) == upload for upload in uploads)


def upload_of(key: str, version_id: str | None = None, etag: str = "e1") -> Upload:
    return Upload(
        bucket="media-ingest", key=key, version_id=version_id, etag=etag, size_bytes=5, uploaded_at=UPLOADED_AT
    )


def test_an_upload_is_known_by_its_version_and_without_versioning_by_its_bytes():
    assert asset_id_of(upload_of(KEY, "v1")) == asset_id_of(upload_of(KEY, "v1", etag="e2"))
    ids = {asset_id_of(upload_of(KEY, *rest)) for rest in [("v1",), ("v2",), (None, "e1"), (None, "e2")]}
    assert len(ids) == 4


def test_the_version_null_is_none():
    assert told(event(**{"version-id": "null"}))[0].version_id is None


KEY_LETTERS = st.text(
    alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("/./.\\%+\0\n\x7f\u202e "))
)


@given(KEY_LETTERS, st.text(alphabet="0123456789abcdef", min_size=24, max_size=24))
def test_no_key_escapes_the_alphabet_of_the_lake(rest, asset_id):
    name = footage_name(f"footage/{rest}", UPLOADED_AT)
    for stem in stems_for(name.stem, asset_id):
        folder = FootageFolder(name.device, name.day, stem)
        assert is_slug(name.device) and is_slug(stem) and name.day.isdecimal()
        assert attributes_of(upload_of(f"footage/{rest}"), stem, run="20260301_063000")["stem"] == stem
        assert len(folder.base.split("/")) == 5
    assert name.title.isprintable() and len(name.title) <= 120


@pytest.mark.parametrize(
    ("key", "device", "day", "stem"),
    [
        ("footage/cam-1/20260228/drive.mp4", "cam-1", "20260228", "drive"),
        ("footage/cam-1/20260228/front/drive.mp4", "cam-1", "20260228", "drive"),
        ("footage/cam-1/20260231/drive.mp4", "cam-1", "20260301", "drive"),
        ("footage/cam-1/drive.mp4", "cam-1", "20260301", "drive"),
        ("footage/drive.mp4", "unknown", "20260301", "drive"),
        ("footage//20260228/drive.mp4", "unknown", "20260228", "drive"),
        ("footage/../../../etc/passwd", "unknown", "20260301", "passwd"),
        ("footage/夜/20260228/夜.mp4", "unnamed", "20260228", "unnamed"),
        ("footage/cam-1/20260228/Vol. 2 The Remastered", "cam-1", "20260228", "Vol-2-The-Remastered"),
        ("footage/" + "d" * 500 + "/20260228/" + "n" * 500 + ".mp4", "d" * 100, "20260228", "n" * 72),
        ("footage/", "unknown", "20260301", "unnamed"),
    ],
)
def test_device_day_and_stem_come_from_the_key_as_far_as_it_tells(key, device, day, stem):
    name = footage_name(key, UPLOADED_AT)
    assert (name.device, name.day, name.stem) == (device, day, stem)


def test_a_folder_mark_is_no_upload_but_anything_else_is():
    assert Upload.from_fields(asdict(upload_of("footage/cam-1/")) | {"size_bytes": 0}).is_folder
    assert not upload_of("footage/cam-1/").is_folder
    assert not Upload.from_fields(asdict(upload_of("footage/empty.mp4")) | {"size_bytes": 0}).is_folder
