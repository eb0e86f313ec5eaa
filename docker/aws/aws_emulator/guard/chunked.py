r"""``aws-chunked``: a body in chunks, each perhaps signed, then perhaps a trailer with the checksum of the whole.

    <hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n ... 0[;chunk-signature=<hex>]\r\n[<name>:<value>\r\n ...]\r\n

Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and
"... Trailing Headers" in the S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_emulator.guard.signatures import sign
from aws_emulator.refusals import Refusal

if TYPE_CHECKING:
    from aws_emulator.guard.signatures import Claim

UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING = frozenset({UNSIGNED_TRAILER, SIGNED, SIGNED_TRAILER})
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
LONGEST_LINE = 8 * 1024  # bytes; a chunk's header or a trailer is far shorter
MOST_TRAILERS = 16


@dataclass(slots=True)
class ChunkSigner:
    """The chain of signatures: each covers the one before it."""

    key: bytes
    claim: Claim
    previous: str

    def refuse_wrong_chunk(self, data: bytes, signature: str) -> None:
        """Check one chunk's signature and go on from it."""
        self._check("PAYLOAD", f"{EMPTY_SHA256}\n{hashlib.sha256(data).hexdigest()}", signature)

    def refuse_wrong_trailer(self, lines: bytes, signature: str) -> None:
        """Check the signature over the trailer's lines, each ``name:value`` and a newline."""
        self._check("TRAILER", hashlib.sha256(lines).hexdigest(), signature)

    def _check(self, kind: str, hashes: str, signature: str) -> None:
        to_sign = "\n".join((f"AWS4-HMAC-SHA256-{kind}", self.claim.stamp, self.claim.scope, self.previous, hashes))
        if not hmac.compare_digest(sign(self.key, to_sign), signature):
            raise Refusal(
                "SignatureDoesNotMatch",
                "The chunk signature we calculated does not match the signature you "
                "provided. Check your key and signing method.",
                StringToSign=to_sign,
            )
        self.previous = signature


def decode(stream: io.BufferedIOBase, decoded_length: int, signer: ChunkSigner | None) -> tuple[bytes, dict[str, str]]:
    r"""The body and the trailer (lower-case names) of an ``aws-chunked`` stream.

    Raises ``IncompleteBody`` if it ends early or is not ``decoded_length`` bytes, ``InvalidRequest`` if its framing is
    broken, ``SignatureDoesNotMatch`` if a chunk or the trailer is not what was signed.

    >>> import io
    >>> decode(io.BytesIO(b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"), 3, None)
    (b'abc', {'x-amz-checksum-crc32': 'NSRBwg=='})
    """
    body = io.BytesIO()
    while True:
        size, signature = _chunk_header(_line(stream))
        if body.tell() + size > decoded_length:
            raise _incomplete()
        data = stream.read(size) if size else b""
        if len(data) < size:
            raise _incomplete()
        if signer is not None:
            signer.refuse_wrong_chunk(data, signature)
        body.write(data)
        if size == 0:
            break
        if stream.read(2) != b"\r\n":
            raise Refusal("InvalidRequest", "A chunk of the aws-chunked body is longer than its header says.")
    if body.tell() != decoded_length:
        raise _incomplete()
    return body.getvalue(), _trailer(stream, signer)


def _line(stream: io.BufferedIOBase) -> bytes:
    line = stream.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise _incomplete()
    return line.rstrip(b"\r\n")


def _chunk_header(line: bytes) -> tuple[int, str]:
    size, _, extension = line.partition(b";")
    try:
        length = int(size.strip(), 16)
    except ValueError as error:
        raise Refusal("InvalidRequest", f"{line[:40]!r} is no header of an aws-chunked chunk.") from error
    if length < 0:
        raise Refusal("InvalidRequest", f"{line[:40]!r} is no header of an aws-chunked chunk.")
    return length, extension.strip().removeprefix(b"chunk-signature=").decode("latin-1")


def _trailer(stream: io.BufferedIOBase, signer: ChunkSigner | None) -> dict[str, str]:
    trailer: dict[str, str] = {}
    signed = b""
    while True:
        line = stream.readline(LONGEST_LINE).strip()
        if not line:  # the empty line that ends it, or the end of the stream
            return trailer
        name, colon, value = line.partition(b":")
        if not colon or len(trailer) >= MOST_TRAILERS:
            raise Refusal("MalformedTrailerError", "The request contained trailing data that was not well-formed.")
        key, text = name.strip().lower().decode("latin-1"), value.strip().decode("latin-1")
        if key == "x-amz-trailer-signature":
            if signer is not None:
                signer.refuse_wrong_trailer(signed, text)
                trailer[key] = text
            continue
        signed += f"{key}:{text}\n".encode("latin-1")
        trailer[key] = text


def _incomplete() -> Refusal:
    return Refusal("IncompleteBody", "The request body terminated unexpectedly")
