from __future__ import annotations

import json
import os

import pytest

from include.storage.stream import json_document, json_lines, overwrite_stream, read_json_lines

MIB = 1024 * 1024
PART_BYTES = 8 * MIB  # boto3's default


def stored(s3, bucket, key):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def write(s3, bucket, chunks, **more):
    overwrite_stream(s3, bucket, "result", chunks, content_type="application/json", metadata={"job-id": "1"}, **more)


@pytest.mark.parametrize("sizes", [[], [5], [3 * MIB] * 8], ids=["empty", "small", "several parts"])
def test_chunks_of_any_size_come_out_as_one_object(s3, bucket, sizes):
    chunks = [os.urandom(size) for size in sizes]
    write(s3, bucket, iter(chunks))
    assert stored(s3, bucket, "result") == b"".join(chunks)
    head = s3.head_object(Bucket=bucket, Key="result")
    assert (head["ContentType"], head["Metadata"]) == ("application/json", {"job-id": "1"})


def test_a_second_writing_replaces_the_first(s3, bucket):
    write(s3, bucket, [b"one"])
    write(s3, bucket, [b"two"])
    assert stored(s3, bucket, "result") == b"two"


@pytest.mark.parametrize("chunk_count", [1, 20], ids=["before the first part", "in the middle"])
def test_a_source_that_breaks_off_leaves_the_old_object_and_no_parts(s3, bucket, chunk_count):
    write(s3, bucket, [b"old"])

    def broken():
        yield from [bytes(MIB)] * chunk_count
        raise ConnectionError("the service hung up")

    with pytest.raises(ConnectionError, match="the service hung up"):
        write(s3, bucket, broken())
    assert stored(s3, bucket, "result") == b"old"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_the_source_is_read_no_further_ahead_than_two_parts(s3, bucket):
    read = sent = furthest = 0

    def count_part(**_):
        nonlocal sent
        sent += 1

    def chunks():
        nonlocal read, furthest
        for _ in range(64):
            read += MIB
            furthest = max(furthest, read - sent * PART_BYTES)
            yield bytes(MIB)

    s3.meta.events.register("before-call.s3.UploadPart", count_part, unique_id="count-part")
    try:
        write(s3, bucket, chunks())
    finally:
        s3.meta.events.unregister("before-call.s3.UploadPart", unique_id="count-part")
    assert sent == 8
    assert furthest <= 2 * PART_BYTES + MIB


def test_lines_come_back_as_they_were_written(s3, bucket):
    values = [{"text": "ü\u2028\r\n", "page": "x" * 3 * MIB}, {}, {"n": 1.5}]
    write(s3, bucket, json_lines(values))
    assert list(read_json_lines(s3, bucket, "result")) == values


def test_a_document_is_written_record_by_record():
    taken = []

    def records():
        for number in range(3):
            taken.append(number)
            yield {"number": number}

    pieces = json_document({"service": "s", "media": {"width": 2}}, "records", records())
    assert taken == []
    assert json.loads(b"".join(pieces)) == {
        "service": "s",
        "media": {"width": 2},
        "records": [{"number": 0}, {"number": 1}, {"number": 2}],
    }
