"""``aws-chunked`` bodies: their framing, their signatures and the checksums in their trailers."""

from __future__ import annotations

import datetime
import hashlib
import io

import pytest
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given
from hypothesis import strategies as st

from aws_emulator.guard.checksums import ALGORITHMS, encoded
from aws_emulator.guard.chunked import decode
from aws_emulator.refusals import Refusal

BODY = bytes(range(256)) * 300
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
EMPTY = hashlib.sha256(b"").hexdigest()


def framed(body: bytes, size: int, trailer: dict[str, str] | None = None) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    lines = "".join(f"{name}:{value}\r\n" for name, value in (trailer or {}).items()).encode()
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + lines + b"\r\n"


def put(aws, bucket, wire: bytes, kind: str, trailer: str = "", length: int = len(BODY)):
    headers = {
        "x-amz-content-sha256": kind,
        "x-amz-decoded-content-length": str(length),
        "Content-Encoding": "aws-chunked",
    }
    if trailer:
        headers["x-amz-trailer"] = trailer
    return aws.send("PUT", f"/{bucket}/k", wire, aws.sign("PUT", f"/{bucket}/k", b"", headers))


@given(body=st.binary(max_size=3000), size=st.integers(1, 700))
def test_whatever_is_framed_is_decoded_to_the_same_bytes(body, size):
    wire = framed(body, size, {"x-amz-checksum-crc32": "AAAAAA=="})
    assert decode(io.BytesIO(wire), len(body), None) == (body, {"x-amz-checksum-crc32": "AAAAAA=="})


@given(body=st.binary(min_size=1, max_size=300), size=st.integers(1, 70), cut=st.data())
def test_a_body_that_is_cut_anywhere_before_its_last_chunk_is_refused(body, size, cut):
    wire = framed(body, size)
    end = cut.draw(st.integers(0, len(wire) - 5))  # 0 CR LF CR LF
    with pytest.raises(Refusal):
        decode(io.BytesIO(wire[:end]), len(body), None)


@given(wire=st.binary(max_size=200), length=st.integers(0, 50))
def test_noise_is_refused_or_decoded_to_the_announced_length_but_never_breaks(wire, length):
    try:
        body, _ = decode(io.BytesIO(wire), length, None)
    except Refusal:
        return
    assert len(body) == length


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_right_trailer_is_stored_without_its_framing(aws, s3, bucket, name):
    checksum = encoded(ALGORITHMS[name], [BODY])
    wire = framed(BODY, 8192, {f"x-amz-checksum-{name}": checksum})
    assert put(aws, bucket, wire, UNSIGNED, f"x-amz-checksum-{name}").status == 200
    stored = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert stored["Body"].read() == BODY
    assert (stored[f"Checksum{name.upper()}"], stored.get("ContentEncoding")) == (checksum, None)


def test_a_trailer_whose_checksum_is_not_the_bodys_is_a_bad_digest(aws, s3, bucket):
    wire = framed(BODY, 8192, {"x-amz-checksum-crc32": encoded(ALGORITHMS["crc32"], [BODY[:-1]])})
    answer = put(aws, bucket, wire, UNSIGNED, "x-amz-checksum-crc32")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_trailer_that_was_announced_and_did_not_come_is_malformed(aws, bucket):
    assert put(aws, bucket, framed(BODY, 8192), UNSIGNED, "x-amz-checksum-crc32").code == "MalformedTrailerError"


def test_botocores_own_chunks_inside_http_chunks_are_understood(aws, s3, bucket):
    wrapper = AwsChunkedWrapper(
        io.BytesIO(BODY), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=10_000
    )
    headers = {
        "x-amz-content-sha256": UNSIGNED,
        "x-amz-decoded-content-length": str(len(BODY)),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    signed = aws.sign("PUT", f"/{bucket}/k", b"", headers) | {"Transfer-Encoding": "chunked"}
    answer = aws.send("PUT", f"/{bucket}/k", iter(lambda: wrapper.read(4096), b""), signed, encode_chunked=True)
    assert answer.status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("length", "wire"),
    [(len(BODY) + 1, framed(BODY, 8192)), (len(BODY) - 1, framed(BODY, 8192)), (len(BODY), framed(BODY, 8192)[:-300])],
)
def test_a_body_that_is_not_as_long_as_announced_is_incomplete(aws, bucket, length, wire):
    answer = put(aws, bucket, wire, UNSIGNED, length=length)
    assert (answer.status, answer.code) == (400, "IncompleteBody")


def test_a_chunked_body_without_its_length_is_refused(aws, bucket):
    headers = aws.sign("PUT", f"/{bucket}/k", b"", {"x-amz-content-sha256": UNSIGNED})
    answer = aws.send("PUT", f"/{bucket}/k", framed(BODY, 8192), headers)
    assert (answer.status, answer.code) == (411, "MissingContentLength")


class SignedChunks:
    """A body of signed chunks, made step by step as the S3 API reference describes it."""

    def __init__(self, aws, bucket: str, trailer: dict[str, str] | None = None) -> None:
        self.kind = SIGNED_TRAILER if trailer else SIGNED
        headers = {
            "x-amz-content-sha256": self.kind,
            "x-amz-decoded-content-length": str(len(BODY)),
            "Content-Encoding": "aws-chunked",
        }
        if trailer:
            headers["x-amz-trailer"] = ",".join(trailer)
        self.at = datetime.datetime.now(datetime.UTC)
        self.headers = aws.sign("PUT", f"/{bucket}/k", b"", headers, at=self.at)
        self.signer = SigV4Auth(Credentials("test", "test"), "s3", "us-east-1")
        self.previous = self.headers["Authorization"].rsplit("Signature=", 1)[1]
        chunks = [BODY[start : start + 65536] for start in range(0, len(BODY), 65536)] + [b""]
        self.wire = b"".join(self._chunk(chunk) for chunk in chunks)
        if trailer:
            self.wire = self.wire.removesuffix(b"\r\n")
            lines = "".join(f"{name}:{value}\n" for name, value in trailer.items())
            signature = self._sign("TRAILER", hashlib.sha256(lines.encode()).hexdigest())
            self.wire += f"{lines}x-amz-trailer-signature:{signature}\n".replace("\n", "\r\n").encode() + b"\r\n"

    def _sign(self, kind: str, hashes: str) -> str:
        stamp = self.at.strftime(SIGV4_TIMESTAMP)
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        request = AWSRequest("PUT", "http://x/")
        request.context["timestamp"] = stamp
        to_sign = "\n".join((f"AWS4-HMAC-SHA256-{kind}", stamp, scope, self.previous, hashes))
        self.previous = self.signer.signature(to_sign, request)
        return self.previous

    def _chunk(self, data: bytes) -> bytes:
        signature = self._sign("PAYLOAD", f"{EMPTY}\n{hashlib.sha256(data).hexdigest()}")
        return f"{len(data):x};chunk-signature={signature}\r\n".encode() + data + b"\r\n"


def test_signed_chunks_are_stored(aws, s3, bucket):
    upload = SignedChunks(aws, bucket)
    assert aws.send("PUT", f"/{bucket}/k", upload.wire, upload.headers).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


def test_a_signed_chunk_with_one_flipped_bit_does_not_match_its_signature(aws, bucket):
    upload = SignedChunks(aws, bucket)
    wire = bytearray(upload.wire)
    wire[70_000] ^= 1
    answer = aws.send("PUT", f"/{bucket}/k", bytes(wire), upload.headers)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_signed_trailer_is_checked_for_its_signature_and_its_checksum(aws, s3, bucket):
    crc32 = encoded(ALGORITHMS["crc32"], [BODY])
    right = SignedChunks(aws, bucket, {"x-amz-checksum-crc32": crc32})
    assert aws.send("PUT", f"/{bucket}/k", right.wire, right.headers).status == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    forged = right.wire.replace(crc32.encode(), encoded(ALGORITHMS["crc32"], [b"other"]).encode())
    assert aws.send("PUT", f"/{bucket}/k", forged, right.headers).code == "SignatureDoesNotMatch"
    wrong = SignedChunks(aws, bucket, {"x-amz-checksum-crc32": encoded(ALGORITHMS["crc32"], [b"other"])})
    assert aws.send("PUT", f"/{bucket}/k", wrong.wire, wrong.headers).code == "BadDigest"
