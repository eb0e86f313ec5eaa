"""Write an object from a stream, over whatever stands there: for results that a second run writes again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from boto3.s3.transfer import TransferConfig

_ONE_PART_AT_A_TIME = TransferConfig(use_threads=False)
READ_BYTES = 1024 * 1024


class ObjectReplaced(OSError):
    """An object is not the one that was stored: somebody wrote another over it."""


def overwrite_stream(
    s3: Any, bucket: str, key: str, chunks: Iterable[bytes], *, content_type: str, metadata: Mapping[str, str]
) -> None:
    """Store ``chunks`` under ``key`` in constant memory, all or nothing: when they raise, the old object stays.

    ``s3`` is a boto3 client, whose checksums protect each part on the way.
    """
    s3.upload_fileobj(
        io.BufferedReader(_Chunks(chunks)),
        bucket,
        key,
        ExtraArgs={"ContentType": content_type, "Metadata": dict(metadata)},
        Config=_ONE_PART_AT_A_TIME,
    )


class _Chunks(io.RawIOBase):
    """An iterable of bytes as the file that boto3 reads."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
        taken = min(len(target), len(self._rest))
        target[:taken], self._rest = self._rest[:taken], self._rest[taken:]
        return taken


def json_lines(values: Iterable[Any]) -> Iterator[bytes]:
    r"""Write each of ``values`` as one line of JSON.

    >>> list(json_lines([{"a": 1}, {"a": "ü"}]))
    [b'{"a": 1}\n', b'{"a": "\xc3\xbc"}\n']
    """
    for value in values:
        yield json.dumps(value, ensure_ascii=False).encode() + b"\n"


def json_document(head: Mapping[str, Any], name: str, records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    r"""Write one JSON object: the members of ``head``, then ``records`` as the array ``name``, one a line.

    The records are not gathered, so there may be any number of them.

    >>> print(b"".join(json_document({"service": "rekognition"}, "records", [{"a": 1}, {"a": 2}])).decode(), end="")
    {"service": "rekognition", "records": [
    {"a": 1},
    {"a": 2}
    ]}
    >>> json.loads(b"".join(json_document({}, "records", [])))
    {'records': []}
    """
    opening = json.dumps(dict(head), ensure_ascii=False)[:-1]
    yield f"{opening}{', ' if head else ''}{json.dumps(name)}: [".encode()
    before = b"\n"
    for record in records:
        yield before + json.dumps(record, ensure_ascii=False).encode()
        before = b",\n"
    yield b"\n]}\n"


def read_json_lines(s3: Any, bucket: str, key: str, *, metadata: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Yield what ``json_lines`` wrote, one line in memory at a time.

    :param metadata: what was noted on the object when it was stored.
    :raises ObjectReplaced: when something else is noted on it now.
    """
    answer = s3.get_object(Bucket=bucket, Key=key)
    if not (metadata or {}).items() <= answer["Metadata"].items():
        raise ObjectReplaced(f"s3://{bucket}/{key} was written over by another: {answer['Metadata']}")
    for line in answer["Body"].iter_lines(chunk_size=READ_BYTES):
        yield json.loads(line)
