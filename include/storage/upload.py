"""Stream a file of any size into S3 in constant memory, all or nothing, and never over somebody else's object.

While the next bytes are still being read, the parts before them are hashed and sent. The buffers are few and used
again. Nothing is visible until the caller has agreed: ``before_commit`` sees the digests of the whole file, and when it
raises, no object comes to be. The commit itself is conditional (``If-None-Match: *``), so that of two twins one wins.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, ClassVar

from botocore.config import Config
from botocore.exceptions import ClientError

from include.storage.checksums import CRCS, Crc

log = logging.getLogger(__name__)

MIB = 1024 * 1024
SMALLEST_PART_BYTES = 5 * MIB  # S3's rule, for every part but the last
LARGEST_PART_BYTES = 5 * 1024 * MIB
MOST_PARTS = 10_000
LARGEST_SINGLE_BYTES = 16 * MIB
_CONFLICT_TRIES = 5

UPLOAD_CONFIG = Config(retries={"mode": "standard", "max_attempts": 8}, s3={"payload_signing_enabled": False})
"""Settings of a client that suits ``upload_stream``. A payload that is signed is hashed once more, part by part; here
every part carries a checksum in a signed header instead, which is also what boto3 does by itself over TLS."""
_HASH_BYTES = 2 * MIB
_SEND_BYTES = MIB


class StorageError(Exception):
    """An object could not be stored; ``retryable`` says whether the same upload may work later."""

    code: ClassVar[str] = "storage_error"
    retryable: ClassVar[bool] = False


class KeyTaken(StorageError):
    """Another object stands under the key."""

    code = "key_taken"


class UploadConflict(StorageError):
    """S3 refused the commit because something else happened to the key at the same time."""

    code = "upload_conflict"
    retryable = True


class TooManyParts(StorageError):
    """The stream is longer than its part size allows in 10,000 parts."""

    code = "too_many_parts"


@dataclass(frozen=True, slots=True)
class Digest:
    """What a whole stream amounts to; the digests are hexadecimal."""

    sha256: str
    md5: str
    size_bytes: int
    sha1: str | None = None
    """Only where it was asked for."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An object that stands in S3; ``created`` is False when the very same bytes stood there before."""

    sha256: str
    md5: str
    size_bytes: int
    etag: str
    created: bool


def part_size_for(size_bytes: int | None, wanted_bytes: int = SMALLEST_PART_BYTES) -> int:
    """Return a part size that S3 takes: at least ``wanted_bytes``, and whole MiB when 10,000 such parts are too few.

    A file of up to 16 MiB is one part, and so one request instead of six; it takes no more memory than the buffers of
    a larger one.

    >>> [part_size_for(size * MIB) // MIB for size in (3, 16, 17, 100_000)]
    [5, 16, 5, 10]

    :raises ValueError: when ``wanted_bytes`` is no part size S3 takes.
    """
    if not SMALLEST_PART_BYTES <= wanted_bytes <= LARGEST_PART_BYTES:
        raise ValueError(f"a part holds {SMALLEST_PART_BYTES} to {LARGEST_PART_BYTES} bytes, not {wanted_bytes}")
    size_bytes = size_bytes or 0
    if size_bytes <= LARGEST_SINGLE_BYTES:
        return max(wanted_bytes, size_bytes)
    smallest = -(-size_bytes // MOST_PARTS)
    return max(wanted_bytes, -(-smallest // MIB) * MIB)


def upload_stream(
    s3: Any,
    bucket: str,
    key: str,
    chunks: Iterable[bytes],
    *,
    content_type: str,
    metadata: Mapping[str, str] | None = None,
    before_commit: Callable[[Digest], None] | None = None,
    size_bytes: int | None = None,
    part_bytes: int = SMALLEST_PART_BYTES,
    threads: int = 2,
    spool: BinaryIO | None = None,
    with_sha1: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Uploaded:
    """Store ``chunks`` under ``key`` with checksums on, and return their digests.

    ``s3`` is a boto3 client, best with ``UPLOAD_CONFIG``. ``size_bytes`` is what the source declares, if it does; a
    wrong one does no harm.
    ``before_commit`` is called once, when all bytes are in S3 and none is visible: raise there to make them vanish.
    ``spool`` gets a copy of the bytes, complete when ``before_commit`` is called, for whoever wants to look inside.
    ``with_sha1`` has it computed as well, for a source that declares no better digest.
    Memory: ``threads + 2`` buffers of ``part_bytes``, fewer for a small file.

    A file of one part is stored with its sha256 as S3's own checksum and in its metadata; a larger one, whose sha256 is
    not known when its upload begins, with a CRC of the whole object. S3 verifies either before it shows it.

    :raises KeyTaken: when other bytes stand under ``key``.
    :raises UploadConflict: when S3 sees a conflict that does not end; worth another try.
    :raises TooManyParts: when the stream turns out longer than 10,000 parts.
    """
    with _Upload(
        s3,
        bucket,
        key,
        content_type,
        dict(metadata or {}),
        part_size_for(size_bytes, part_bytes),
        threads,
        spool,
        sleep,
        with_sha1=with_sha1,
    ) as upload:
        for chunk in chunks:
            upload.write(chunk)
        digest = upload.end()
        if before_commit is not None:
            before_commit(digest)
        return upload.commit(digest)


def abort_leftovers(s3: Any, bucket: str, key: str) -> int:
    """Abort every unfinished multipart upload of exactly ``key`` and return how many there were.

    A killed worker leaves its parts behind, which cost storage and show up nowhere. A twin that is still at work loses
    its upload as well; its commit then fails, and what it wanted to write is what the caller is about to write.
    """
    aborted = 0
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=key):
        for upload in page.get("Uploads", ()):
            if upload["Key"] == key:
                _abort(s3, bucket, key, upload["UploadId"])
                aborted += 1
    return aborted


def _abort(s3: Any, bucket: str, key: str, upload_id: str) -> None:
    try:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except ClientError as error:
        if _error_code(error) != "NoSuchUpload":
            raise


def _error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_taken(error: ClientError) -> bool:
    return _error_code(error) in ("PreconditionFailed", "412")


def _is_conflict(error: ClientError) -> bool:
    return _error_code(error) in ("ConditionalRequestConflict", "OperationAborted", "409")


class _Upload:
    """One object on its way. ``write`` is for one thread; two pools work behind it, one hashes, one sends.

    Each full buffer goes to both pools and comes back to the free ones when both are done with it.
    """

    def __init__(
        self,
        s3: Any,
        bucket: str,
        key: str,
        content_type: str,
        metadata: dict[str, str],
        part_bytes: int,
        threads: int,
        spool: BinaryIO | None,
        sleep: Callable[[float], None],
        *,
        with_sha1: bool,
    ) -> None:
        self._s3 = s3
        self._target = {"Bucket": bucket, "Key": key}
        self._content_type = content_type
        self._metadata = metadata
        self._part_bytes = part_bytes
        self._spool = spool
        self._sleep = sleep
        self._crc: Crc = CRCS[-1]

        self._buffer = bytearray(part_bytes)
        self._filled = 0
        self._hashed = 0
        self._hashing: list[Future[None]] = []
        self._size_bytes = 0
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._buffers_left = threads + 1

        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False) if with_sha1 else None
        self._hashers = [
            ThreadPoolExecutor(1, "sha256"),
            ThreadPoolExecutor(1, "md5"),
            *([ThreadPoolExecutor(1, "sha1")] if with_sha1 else []),
        ]  # each in the order of the parts
        self._senders = ThreadPoolExecutor(threads, "send-part")
        self._upload_id: str | None = None
        self._parts: list[Future[_Part]] = []
        self._unchecked: deque[Future[_Part]] = deque()
        self._finished = False

    def __enter__(self) -> _Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._senders, *self._hashers):
            pool.shutdown(wait=True, cancel_futures=error is not None)
        if self._upload_id is not None and not self._finished:
            try:
                _abort(self._s3, self._target["Bucket"], self._target["Key"], self._upload_id)
            except Exception:
                log.exception("Leftover multipart upload %s of %s", self._upload_id, self._target["Key"])

    # -- bytes in

    def write(self, chunk: bytes) -> None:
        """Take bytes; they are copied, so that the caller may use its memory again."""
        rest = memoryview(chunk)
        while rest:
            if self._filled == self._part_bytes:
                self._send_part(last=False)
            taken = min(len(rest), self._part_bytes - self._filled)
            with memoryview(self._buffer) as view:
                view[self._filled : self._filled + taken] = rest[:taken]
            self._filled += taken
            self._size_bytes += taken
            rest = rest[taken:]
            if self._filled - self._hashed >= _HASH_BYTES:
                self._hash_new()

    def end(self) -> Digest:
        """Wait until every byte is hashed and, in a file of several parts, sent."""
        if self._upload_id is None:
            self._hash_new()
            for future in self._hashing:
                future.result()
        else:
            self._send_part(last=True)
            while self._unchecked:
                self._unchecked.popleft().result()
        if self._spool is not None:
            self._spool.flush()
        sha1 = None if self._sha1 is None else self._sha1.hexdigest()
        return Digest(self._sha256.hexdigest(), self._md5.hexdigest(), self._size_bytes, sha1)

    def _hash_new(self) -> None:
        """Have the bytes hashed that came since the last time, while more are coming."""
        fresh = memoryview(self._buffer)[self._hashed : self._filled]
        self._hashing.append(self._hashers[0].submit(self._hash_and_spool, fresh))
        self._hashing.append(self._hashers[1].submit(self._md5.update, fresh))
        if self._sha1 is not None:
            self._hashing.append(self._hashers[2].submit(self._sha1.update, fresh))
        self._hashed = self._filled

    def _body(self) -> _Body:
        return _Body(memoryview(self._buffer)[: self._filled])

    def _send_part(self, *, last: bool) -> None:
        while self._unchecked and self._unchecked[0].done():
            self._unchecked.popleft().result()  # raises here what went wrong there
        if self._upload_id is None:
            self._begin_multipart()
        number = len(self._parts) + 1
        if number > MOST_PARTS:
            raise TooManyParts(
                f"{self._target['Key']} has more than {MOST_PARTS} parts of {self._part_bytes} bytes: "
                "give its size, or larger parts"
            )
        self._hash_new()
        part = self._senders.submit(self._send, number, self._body(), self._buffer, self._hashing)
        self._parts.append(part)
        self._unchecked.append(part)
        if not last:
            self._buffer = self._next_buffer()
            self._filled = self._hashed = 0
            self._hashing = []

    def _next_buffer(self) -> bytearray:
        if self._buffers_left and self._free.empty():
            self._buffers_left -= 1
            return bytearray(self._part_bytes)
        return self._free.get()

    def _hash_and_spool(self, fresh: memoryview) -> None:
        self._sha256.update(fresh)
        if self._spool is not None:
            self._spool.write(fresh)

    def _send(self, number: int, body: _Body, buffer: bytearray, hashing: Iterable[Future[None]]) -> _Part:
        try:
            crc = self._crc.of(body.view)
            answer = self._s3.upload_part(
                **self._target,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=body,
                ChecksumAlgorithm=self._crc.name,
                **{self._crc_field: self._crc.text_from(crc)},
            )
            part = _Part(number, answer["ETag"], crc, len(body))
            for future in hashing:
                future.result()
            return part
        finally:
            wait(hashing)  # nobody else touches the buffer once it is free
            self._free.put(buffer)

    # -- commit

    def _begin_multipart(self) -> None:
        answer = self._s3.create_multipart_upload(
            **self._target,
            ContentType=self._content_type,
            Metadata=self._metadata,
            ChecksumAlgorithm=self._crc.name,
            ChecksumType="FULL_OBJECT",
        )
        self._upload_id = answer["UploadId"]

    def commit(self, digest: Digest) -> Uploaded:
        """Make the object visible, unless another stands there."""
        crc = None
        if self._upload_id is not None:
            crc = 0
            for part in (future.result() for future in self._parts):
                crc = self._crc.combined(crc, part.crc, part.size_bytes)
        for number in range(_CONFLICT_TRIES):
            try:
                answer = self._put(digest) if crc is None else self._complete(digest, crc)
            except ClientError as error:
                if _is_taken(error) or _error_code(error) == "NoSuchUpload":
                    # Somebody was first; it may have been this very call, whose first answer was lost on the way.
                    return self._adopted(digest, crc, error)
                if not _is_conflict(error):
                    raise
                if number + 1 == _CONFLICT_TRIES:
                    raise UploadConflict(f"{self._where} is being written by others all the time: try again") from error
                self._sleep(0.2 * 2**number)
            else:
                self._finished = True
                return Uploaded(digest.sha256, digest.md5, digest.size_bytes, answer["ETag"].strip('"'), created=True)
        raise AssertionError("the loop returns or raises")

    @property
    def _crc_field(self) -> str:
        return f"Checksum{self._crc.name}"

    @property
    def _where(self) -> str:
        return f"s3://{self._target['Bucket']}/{self._target['Key']}"

    def _put(self, digest: Digest) -> Any:
        return self._s3.put_object(
            **self._target,
            Body=self._body(),
            ContentType=self._content_type,
            Metadata={**self._metadata, "sha256": digest.sha256},
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(bytes.fromhex(digest.sha256)).decode(),
            IfNoneMatch="*",
        )

    def _complete(self, digest: Digest, crc: int) -> Any:
        parts = [{"PartNumber": part.number, "ETag": part.etag} for part in (future.result() for future in self._parts)]
        return self._s3.complete_multipart_upload(
            **self._target,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": parts},
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=digest.size_bytes,
            IfNoneMatch="*",
            **{self._crc_field: self._crc.text_from(crc)},
        )

    def _adopted(self, digest: Digest, crc: int | None, error: ClientError) -> Uploaded:
        """Take the object that stands under the key as ours when it holds the same bytes."""
        try:
            head = self._s3.head_object(**self._target, ChecksumMode="ENABLED")
            same = self._is_same(head, digest, crc)
        except ClientError as gone:
            raise UploadConflict(f"{self._where} was written and taken away by others: try again") from gone
        if not same:
            raise KeyTaken(
                f"{self._where} holds other bytes (etag {head['ETag']}, {head['ContentLength']} bytes): "
                "it is left as it is; write under another key, or remove it"
            ) from error
        return Uploaded(digest.sha256, digest.md5, digest.size_bytes, head["ETag"].strip('"'), created=False)

    def _is_same(self, head: Mapping[str, Any], digest: Digest, crc: int | None) -> bool:
        """Compare the cheap facts first; when none of them decides, read the object and hash it."""
        if head["ContentLength"] != digest.size_bytes:
            return False
        stored = head.get("ChecksumSHA256", "")
        if stored and "-" not in stored:
            return base64.b64decode(stored).hex() == digest.sha256
        stored = head.get(self._crc_field, "")
        if (
            crc is not None
            and stored
            and head.get("ChecksumType") == "FULL_OBJECT"
            and stored != self._crc.text_from(crc)
        ):
            return False
        found = hashlib.sha256()
        body = self._s3.get_object(**self._target, IfMatch=head["ETag"])["Body"]
        for chunk in body.iter_chunks(MIB):
            found.update(chunk)
        return found.hexdigest() == digest.sha256


class _Body:
    """A piece of memory as the file that botocore wants: given bytes, it copies them and sends 16 KiB at a time.

    ``read`` gives more than it is asked for, a MiB, because its callers (urllib3, and the signer, which asks for as
    much) only pass on what comes; awscrt, which does not, uses ``readinto``.
    """

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self._position = 0

    def __len__(self) -> int:
        return len(self.view)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = (0, self._position, len(self.view))[whence] + offset
        return self._position

    def readinto(self, target: memoryview) -> int:
        piece = self.view[self._position : self._position + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def read(self, size: int | None = -1) -> memoryview:
        step = len(self.view) if size is None or size < 0 else max(size, _SEND_BYTES)
        piece = self.view[self._position : self._position + step]
        self._position += len(piece)
        return piece


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    etag: str
    crc: int
    size_bytes: int
