"""The digests a client may send with an object, and whether the bytes that came agree with them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from awscrt import checksums as crt

from aws_emulator.refusals import Refusal

PREFIX = "x-amz-checksum-"
Piece: TypeAlias = bytes | memoryview
BLOCK_BYTES = 16 * 1024 * 1024  # at once, so that other threads run in between


def _crc(update: Callable[[memoryview, int], int], width: int) -> Callable[[Iterable[Piece]], bytes]:
    def digest(pieces: Iterable[Piece]) -> bytes:
        value = 0
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), BLOCK_BYTES):
                value = update(view[start : start + BLOCK_BYTES], value)
        return value.to_bytes(width, "big")

    return digest


def _hash(name: str) -> Callable[[Iterable[Piece]], bytes]:
    def digest(pieces: Iterable[Piece]) -> bytes:
        state = hashlib.new(name, usedforsecurity=False)
        for piece in pieces:
            state.update(piece)
        return state.digest()

    return digest


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A checksum algorithm of S3: its name, its digest over the pieces of a body, and the digest's bytes."""

    name: str
    digest: Callable[[Iterable[Piece]], bytes]
    digest_bytes: int


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("crc32", _crc(zlib.crc32, 4), 4),
        Algorithm("crc32c", _crc(crt.crc32c, 4), 4),
        Algorithm("crc64nvme", _crc(crt.crc64nvme, 8), 8),
        Algorithm("sha1", _hash("sha1"), 20),
        Algorithm("sha256", _hash("sha256"), 32),
    )
}


def encoded(algorithm: Algorithm, pieces: Iterable[Piece]) -> str:
    """The digest as S3 writes it.

    >>> encoded(ALGORITHMS["crc32"], [b"1234", b"56789"]), encoded(ALGORITHMS["crc64nvme"], [b"123456789"])
    ('y/Q5Jg==', 'rosUhgp5mIg=')
    """
    return base64.b64encode(algorithm.digest(pieces)).decode()


def declared(values: Mapping[str, str]) -> tuple[Algorithm, str] | None:
    """The one checksum among headers (lower-case names), ``None`` if there is none.

    Raises ``InvalidRequest`` if there are several, or one that S3 does not know.
    """
    found = [
        (name.removeprefix(PREFIX), value)
        for name, value in values.items()
        if name.startswith(PREFIX) and name not in (f"{PREFIX}type", f"{PREFIX}algorithm", f"{PREFIX}mode")
    ]
    if not found:
        return None
    if len(found) > 1:
        raise Refusal(
            "InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    name, value = found[0]
    if name not in ALGORITHMS:
        raise Refusal(
            "InvalidRequest", f"The algorithm of {PREFIX}{name} is not known; S3 knows {', '.join(ALGORITHMS)}."
        )
    return ALGORITHMS[name], value.strip()


def refuse_wrong_md5(value: str | None, body: Piece) -> None:
    """Refuse a body that is not the one whose Content-MD5 was sent."""
    if value is None:
        return
    raw = decoded_digest(value, 16)
    if raw is None:
        raise Refusal("InvalidDigest", "The Content-MD5 you specified was invalid.")
    actual = hashlib.md5(body, usedforsecurity=False).digest()
    if raw != actual:
        raise Refusal(
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=value,
            CalculatedDigest=base64.b64encode(actual).decode(),
        )


def refuse_wrong_checksum(algorithm: Algorithm, value: str, pieces: Iterable[Piece]) -> None:
    """Refuse a body that is not the one whose x-amz-checksum was sent."""
    if decoded_digest(value, algorithm.digest_bytes) is None:
        raise Refusal("InvalidRequest", f"Value for {PREFIX}{algorithm.name} header is invalid.")
    if encoded(algorithm, pieces) != value:
        raise Refusal("BadDigest", f"The {algorithm.name.upper()} you specified did not match the calculated checksum.")


def decoded_digest(value: str, digest_bytes: int) -> bytes | None:
    """The bytes of a base64 digest, ``None`` if it is not one of that length.

    >>> decoded_digest("y/Q5Jg==", 4).hex(), decoded_digest("y/Q5Jg==", 16), decoded_digest("?", 4)
    ('cbf43926', None, None)
    """
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == digest_bytes else None
