from __future__ import annotations

import hashlib
import io
import os
import threading
import tracemalloc

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from include.storage.checksums import CRCS
from include.storage.upload import (
    MIB,
    SMALLEST_PART_BYTES,
    UPLOAD_CONFIG,
    Digest,
    KeyTaken,
    TooManyParts,
    UploadConflict,
    abort_leftovers,
    part_size_for,
    upload_stream,
)

PART = SMALLEST_PART_BYTES
NOISE = os.urandom(2 * PART + 12345)
KEY = "audio/internet-archive/jazz/20260301_063000/take-5.mp3"


def pieces(data, size=100_000):
    return (data[start : start + size] for start in range(0, len(data), size))


def digest_of(data):
    return Digest(hashlib.sha256(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data))


def exists(s3, bucket, key=KEY):
    return bool(s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))


def unfinished(s3, bucket):
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


@pytest.fixture
def upload(s3, bucket):
    def run(data=NOISE, key=KEY, **options):
        settings = {"content_type": "audio/mpeg", "part_bytes": PART, "sleep": lambda _: None}
        return upload_stream(s3, bucket, key, pieces(data), **(settings | options))

    return run


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, len(NOISE)])
def test_files_of_all_sizes_arrive_whole(s3, bucket, upload, size):
    uploaded = upload(NOISE[:size], metadata={"asset-id": "abc"})
    found = s3.get_object(Bucket=bucket, Key=KEY)
    assert found["Body"].read() == NOISE[:size]
    assert (found["ContentType"], found["Metadata"]["asset-id"]) == ("audio/mpeg", "abc")
    assert found["ETag"].strip('"') == uploaded.etag
    assert Digest(uploaded.sha256, uploaded.md5, uploaded.size_bytes) == digest_of(NOISE[:size])
    assert uploaded.created
    assert unfinished(s3, bucket) == []


@pytest.mark.parametrize("size", [1, len(NOISE)])
def test_the_sha1_is_known_where_it_is_asked_for(upload, size):
    seen = []
    upload(NOISE[:size], with_sha1=True, before_commit=seen.append)
    upload(NOISE[:size], key=f"{KEY}.again", before_commit=seen.append)
    assert [digest.sha1 for digest in seen] == [hashlib.sha1(NOISE[:size], usedforsecurity=False).hexdigest(), None]


def test_chunks_may_be_of_any_size_and_their_memory_is_used_again(s3, bucket):
    shared = bytearray(3 * MIB)
    sizes = [0, 1, 3 * MIB, 17, PART - 100, 2 * MIB + 1]
    whole = b""

    def chunks():
        nonlocal whole
        for number, size in enumerate(sizes):
            taken = min(size, len(shared))
            shared[:taken] = bytes([number]) * taken
            whole += bytes(shared[:taken])
            yield memoryview(shared)[:taken]

    uploaded = upload_stream(s3, bucket, KEY, chunks(), content_type="audio/mpeg", part_bytes=PART)
    assert uploaded.sha256 == hashlib.sha256(whole).hexdigest()
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == whole


def test_nothing_is_visible_before_the_caller_agrees_and_it_sees_the_whole_digest(s3, bucket, upload):
    seen = []

    for key, data in ((f"{KEY}.small", NOISE[:1000]), (f"{KEY}.large", NOISE)):
        upload(data, key, before_commit=lambda digest, key=key: seen.append((digest, exists(s3, bucket, key))))
        assert exists(s3, bucket, key)
    assert seen == [(digest_of(NOISE[:1000]), False), (digest_of(NOISE), False)]


@pytest.mark.parametrize("size", [1000, len(NOISE)])
def test_when_the_caller_disagrees_nothing_stays(s3, bucket, upload, size):
    def disagree(digest):
        raise RuntimeError(f"md5 is {digest.md5}")

    with pytest.raises(RuntimeError, match="md5 is"):
        upload(NOISE[:size], before_commit=disagree)
    assert not exists(s3, bucket)
    assert unfinished(s3, bucket) == []


@pytest.mark.parametrize("good_chunks", [1, 90])
def test_a_download_that_breaks_off_leaves_nothing(s3, bucket, good_chunks):
    def broken():
        for _ in range(good_chunks):
            yield NOISE[:100_000]
        raise ConnectionError("gone")

    threads_before = threading.active_count()
    with pytest.raises(ConnectionError):
        upload_stream(s3, bucket, KEY, broken(), content_type="audio/mpeg", part_bytes=PART)
    assert not exists(s3, bucket)
    assert unfinished(s3, bucket) == []
    assert threading.active_count() <= threads_before


def test_a_part_that_cannot_be_sent_stops_the_download(s3, bucket):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield NOISE[:MIB]

    class NoParts:
        def __getattr__(self, name):
            return getattr(s3, name)

        def upload_part(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "UploadPart")

    with pytest.raises(ClientError, match="AccessDenied"):
        upload_stream(NoParts(), bucket, KEY, endless(), content_type="audio/mpeg", part_bytes=PART)
    assert taken < 100
    assert unfinished(s3, bucket) == []


def test_a_spool_holds_the_file_when_the_caller_is_asked(upload):
    for data in (NOISE[:1000], NOISE):
        spool = io.BytesIO()
        seen = []
        upload(data, f"{KEY}.{len(data)}", spool=spool, before_commit=lambda _, s=spool, f=seen: f.append(s.getvalue()))
        assert seen == [data]


def test_a_spool_that_is_full_fails_the_upload(s3, bucket, upload):
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError("No space left on device")

    for size in (1000, len(NOISE)):
        with pytest.raises(OSError, match="No space left"):
            upload(NOISE[:size], spool=FullDisk())
    assert not exists(s3, bucket)
    assert unfinished(s3, bucket) == []


# -- twice


@pytest.mark.parametrize("size", [0, 1000, len(NOISE)])
def test_the_same_file_twice_is_one_object(s3, bucket, upload, size):
    first = upload(NOISE[:size])
    written = s3.head_object(Bucket=bucket, Key=KEY)["LastModified"]
    second = upload(NOISE[:size])
    assert (first.created, second.created) == (True, False)
    assert (second.sha256, second.etag) == (first.sha256, first.etag)
    assert s3.head_object(Bucket=bucket, Key=KEY)["LastModified"] == written
    assert unfinished(s3, bucket) == []


@pytest.mark.parametrize("size", [1000, len(NOISE)])
def test_the_same_file_counts_as_the_same_whoever_wrote_it(s3, bucket, upload, size):
    s3.put_object(Bucket=bucket, Key=KEY, Body=NOISE[:size])
    assert not upload(NOISE[:size]).created


@pytest.mark.parametrize("size", [1000, len(NOISE)])
@pytest.mark.parametrize("longer", [0, 1], ids=["same size", "other size"])
def test_another_file_under_the_key_stays_and_is_named(s3, bucket, upload, size, longer):
    upload(NOISE[:size])
    other = b"x" * (size + longer)
    with pytest.raises(KeyTaken, match=KEY) as caught:
        upload(other)
    assert (caught.value.code, caught.value.retryable) == ("key_taken", False)
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == NOISE[:size]
    assert unfinished(s3, bucket) == []


@pytest.mark.parametrize("size", [1000, len(NOISE)])
def test_of_two_twins_at_once_one_creates(bucket, upload, size):
    results = []
    gate = threading.Barrier(2)
    twins = [
        threading.Thread(
            target=lambda: results.append(upload(NOISE[:size], before_commit=lambda _: gate.wait(30) and None))
        )
        for _ in range(2)
    ]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join(60)
    assert sorted(result.created for result in results) == [False, True]
    assert len({result.sha256 for result in results}) == 1


class Stumbling:
    """A client whose commit stumbles: ``stumbles`` are raised one after the other, before the call or after it."""

    def __init__(self, s3, *stumbles, after=False):
        self._s3 = s3
        self._stumbles = list(stumbles)
        self._after = after

    def __getattr__(self, name):
        call = getattr(self._s3, name)
        if name not in ("put_object", "complete_multipart_upload"):
            return call

        def stumble(**arguments):
            if self._stumbles:
                if self._after:
                    call(**arguments)
                raise ClientError({"Error": {"Code": self._stumbles.pop(0)}}, name)
            return call(**arguments)

        return stumble


@pytest.mark.parametrize("size", [1000, len(NOISE)])
@pytest.mark.parametrize("code", ["PreconditionFailed", "NoSuchUpload"])
def test_a_reply_that_got_lost_is_no_stranger(s3, bucket, size, code):
    lossy = Stumbling(s3, code, after=True)
    uploaded = upload_stream(lossy, bucket, KEY, pieces(NOISE[:size]), content_type="audio/mpeg", part_bytes=PART)
    assert not uploaded.created
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == NOISE[:size]


@pytest.mark.parametrize("size", [1000, len(NOISE)])
def test_a_conflict_is_waited_out_and_in_the_end_named(s3, bucket, size):
    slept = []
    options = {"content_type": "audio/mpeg", "part_bytes": PART, "sleep": slept.append}
    twice = Stumbling(s3, *["ConditionalRequestConflict"] * 2)
    assert upload_stream(twice, bucket, KEY, pieces(NOISE[:size]), **options).created
    assert slept == [0.2, 0.4]
    always = Stumbling(s3, *["ConditionalRequestConflict"] * 9)
    with pytest.raises(UploadConflict) as caught:
        upload_stream(always, bucket, f"{KEY}.2", pieces(NOISE[:size]), **options)
    assert caught.value.retryable
    assert not exists(s3, bucket, f"{KEY}.2")


def test_what_was_taken_away_meanwhile_is_a_conflict(s3, bucket):
    ghost = Stumbling(s3, "PreconditionFailed")
    with pytest.raises(UploadConflict):
        upload_stream(ghost, bucket, KEY, pieces(NOISE), content_type="audio/mpeg", part_bytes=PART)


# -- on the wire


@pytest.mark.parametrize("crc", CRCS, ids=lambda crc: crc.name)
def test_every_body_carries_its_checksum_and_the_whole_one_too(bucket, local_aws, monkeypatch, crc):
    monkeypatch.setattr("include.storage.upload.CRCS", [crc])
    sent = []
    watched = boto3.client(
        "s3",
        endpoint_url=local_aws,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=UPLOAD_CONFIG,
    )
    watched.meta.events.register("before-send.s3", lambda request, **_: sent.append(request) and None)
    options = {"content_type": "audio/mpeg", "part_bytes": PART}
    upload_stream(watched, bucket, f"{KEY}.small", pieces(NOISE[:1000]), **options)
    upload_stream(watched, bucket, KEY, pieces(NOISE), **options)
    small, create, *parts, complete = sent
    assert small.headers["x-amz-checksum-sha256"]
    assert small.headers["If-None-Match"] == b"*"
    assert create.headers["x-amz-checksum-type"] == b"FULL_OBJECT"
    assert len(parts) == 3
    assert all(part.headers[f"x-amz-checksum-{crc.name}"] for part in parts)
    assert complete.headers[f"x-amz-checksum-{crc.name}"]
    assert complete.headers["x-amz-mp-object-size"] == str(len(NOISE)).encode()
    assert complete.headers["If-None-Match"] == b"*"


@pytest.mark.parametrize("size", [0, 1000, len(NOISE)])
def test_a_client_that_signs_payloads_will_do_as_well(bucket, local_aws, size):
    signing = boto3.client(
        "s3",
        endpoint_url=local_aws,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    upload_stream(signing, bucket, KEY, pieces(NOISE[:size]), content_type="audio/mpeg", part_bytes=PART)
    assert signing.get_object(Bucket=bucket, Key=KEY)["Body"].read() == NOISE[:size]


def test_a_part_that_fails_on_the_wire_is_sent_again_whole(s3, bucket, local_aws):
    stumbling = boto3.client(
        "s3",
        endpoint_url=local_aws,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=UPLOAD_CONFIG,
    )
    tries = []

    def stumble(request, **_):
        tries.append(request.url)
        if len(tries) == 1:
            request.body.read()
            raise ConnectionClosedError(endpoint_url=request.url)

    stumbling.meta.events.register("before-send.s3.UploadPart", stumble)
    upload_stream(stumbling, bucket, KEY, pieces(NOISE), content_type="audio/mpeg", part_bytes=PART)
    assert len(tries) == 4
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == NOISE


@pytest.mark.parametrize("size", [1000, len(NOISE)])
def test_a_byte_that_flips_on_the_wire_is_not_stored(s3, bucket, local_aws, size):
    flipping = boto3.client(
        "s3",
        endpoint_url=local_aws,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=UPLOAD_CONFIG,
    )

    def flip(request, **_):
        if request.method == "PUT":
            sent = bytes(request.body.read())
            request.body = bytes([sent[0] ^ 1]) + sent[1:]

    flipping.meta.events.register("before-send.s3", flip)
    with pytest.raises(ClientError, match=r"BadDigest|XAmzContentChecksumMismatch"):
        upload_stream(flipping, bucket, KEY, pieces(NOISE[:size]), content_type="audio/mpeg", part_bytes=PART)
    assert not exists(s3, bucket)


# -- sizes


def test_memory_stays_flat_as_files_grow(s3, bucket):
    def peak_of(parts):
        def chunks():
            for _ in range(parts * PART // MIB):
                yield NOISE[:MIB]

        tracemalloc.start()
        upload_stream(s3, bucket, f"flat-{parts}", chunks(), content_type="audio/mpeg", part_bytes=PART, threads=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = peak_of(4), peak_of(12)
    assert many < few + PART


@pytest.mark.parametrize("declared", [len(NOISE), len(NOISE) - PART, 1])
def test_a_small_file_of_known_size_is_one_request_and_a_wrong_size_does_no_harm(s3, bucket, upload, declared):
    uploaded = upload(size_bytes=declared)
    head = s3.head_object(Bucket=bucket, Key=KEY, ChecksumMode="ENABLED")
    assert uploaded.sha256 == digest_of(NOISE).sha256
    assert head["ContentLength"] == len(NOISE)
    assert ("sha256" in head["Metadata"]) == (declared == len(NOISE))


def test_parts_grow_with_the_declared_size():
    assert part_size_for(None) == PART
    assert part_size_for(1000 * MIB, 8 * MIB) == 8 * MIB
    huge = 300_000 * MIB
    assert part_size_for(huge) * 10_000 >= huge
    for wrong in (PART - 1, 6000 * MIB):
        with pytest.raises(ValueError, match="a part holds"):
            part_size_for(None, wrong)


def test_a_stream_of_too_many_parts_is_named(s3, bucket, upload, monkeypatch):
    monkeypatch.setattr("include.storage.upload.MOST_PARTS", 2)
    with pytest.raises(TooManyParts, match="more than 2 parts"):
        upload(size_bytes=None)
    assert unfinished(s3, bucket) == []


# -- leftovers


def test_leftovers_of_exactly_this_key_are_aborted(s3, bucket):
    for key in (KEY, KEY, f"{KEY}.provenance.json", "other"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    assert abort_leftovers(s3, bucket, KEY) == 2
    assert abort_leftovers(s3, bucket, KEY) == 0
    assert sorted(unfinished(s3, bucket)) == [f"{KEY}.provenance.json", "other"]
