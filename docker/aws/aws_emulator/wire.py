"""A request as it came over the wire, before anybody decoded or normalised it: signatures cover exactly that."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from aws_emulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed.wsgi import WSGIApplication

BLOCK_BYTES = 1024 * 1024
LARGEST_BODY_BYTES = 5 * 1024**3  # S3's limit for one PUT
CREDENTIAL_SCOPE = re.compile(r"Credential=[^,\s]*?/\d{8}/[^/,\s]+/([^/,\s]+)/aws4_request")


class IncomingRequest:
    """The WSGI environment, read for what a signature and an address need."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        target = environ.get("RAW_URI") or environ.get("PATH_INFO", "/")
        if not target.startswith("/"):  # absolute form, as a proxy sends it
            parts = urlsplit(target)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.raw_path, _, self.raw_query = target.partition("?")
        self.query: dict[str, str] = dict(parse_qsl(self.raw_query, keep_blank_values=True))
        self.headers: dict[str, str] = dict(self._iter_headers())
        self.service = self._service()
        self._unread = True

    def _iter_headers(self) -> Iterator[tuple[str, str]]:
        for name, value in self.environ.items():
            if name.startswith("HTTP_"):
                yield name[5:].lower().replace("_", "-"), value
            elif name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
                yield name.lower().replace("_", "-"), value

    def header(self, name: str) -> str | None:
        """The value of a header, whatever case or separator its name is written in."""
        return self.headers.get(name.lower().replace("_", "-"))

    def _service(self) -> str:
        """The service a request is for: the signature's scope, else its shape; what is left is S3's."""
        scope = CREDENTIAL_SCOPE.search(self.headers.get("authorization", ""))
        if scope:
            return scope[1].lower()
        presigned = self.query.get("X-Amz-Credential", "").split("/")
        if len(presigned) >= 5:
            return presigned[-2].lower()
        target = self.headers.get("x-amz-target")
        if target:
            return target.split(".")[0].split("_")[0].lower()
        form = self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        if self.method == "POST" and form and self.raw_path == "/":
            return "sts"  # the one query service with unsigned operations
        return "s3"

    @property
    def is_form_upload(self) -> bool:
        """Whether a browser form posts an object (S3's POST Object)."""
        return self.method == "POST" and self.headers.get("content-type", "").lower().startswith("multipart/form-data")

    def body_stream(self) -> io.BufferedIOBase:
        """The undecoded body, as a stream that ends where the body ends. It can be asked for once."""
        self._unread = False
        stream = self.environ["wsgi.input"]
        if self.environ.get("wsgi.input_terminated"):
            return io.BufferedReader(stream, BLOCK_BYTES) if isinstance(stream, io.RawIOBase) else stream
        return io.BufferedReader(Bounded(stream, self.content_length), BLOCK_BYTES)

    @property
    def content_length(self) -> int:
        """Bytes the client announced; 0 if it announced none."""
        text = self.headers.get("content-length", "0")
        if not text.isdigit():
            raise Refusal("InvalidRequest", f"Content-Length {text!r} is not a number of bytes.")
        return int(text)

    def read_body(self) -> bytes:
        """The undecoded body, in one piece that is never copied.

        Raises ``IncompleteBody`` if the client stopped before the length it announced, which moto would store.
        """
        if self.environ.get("wsgi.input_terminated"):
            try:
                return self.body_stream().read()
            except OSError as error:
                raise Refusal("IncompleteBody", f"The chunked request body is broken: {error}.") from error
        length = self.content_length
        if length > LARGEST_BODY_BYTES:
            raise Refusal(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(length),
                MaxSizeAllowed=str(LARGEST_BODY_BYTES),
            )
        self._unread = False
        body = self.environ["wsgi.input"].read(length) if length else b""
        if len(body) < length:
            raise Refusal(
                "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header."
            )
        return body

    def drain(self) -> None:
        """Read and drop the body of a refused request: a client that still sends would see a reset, not the answer."""
        if not self._unread:
            return
        stream = self.body_stream()
        left = LARGEST_BODY_BYTES
        while left > 0 and (block := stream.read(BLOCK_BYTES)):
            left -= len(block)

    def hand_on(self, body: bytes) -> None:
        """Put a body that was read and checked back, for whoever answers the request.

        ``BytesIO.read()`` from the start returns the very object it was made of, so this copies nothing.
        """
        self._unread = False
        self.environ["wsgi.input"] = io.BytesIO(body)
        self.environ["wsgi.input_terminated"] = True
        self.environ["CONTENT_LENGTH"] = str(len(body))
        self.environ.pop("HTTP_TRANSFER_ENCODING", None)


def answer_of(app: WSGIApplication, request: IncomingRequest) -> tuple[str, list[tuple[str, str]], bytes]:
    """Have ``app`` answer a request, and return status, headers and body for whoever changes them."""
    started: list[Any] = []

    def keep(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
        started[:] = [status, headers]
        return lambda _: None

    body = b"".join(app(request.environ, keep))
    return started[0], started[1], body


class Bounded(io.RawIOBase):
    """The first ``length`` bytes of a stream that has no end of its own."""

    def __init__(self, stream: io.BufferedIOBase, length: int) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._left)
        if not wanted:
            return 0
        got = (
            self._stream.readinto1(memoryview(buffer)[:wanted])
            if hasattr(self._stream, "readinto1")
            else (self._stream.readinto(memoryview(buffer)[:wanted]))
        )
        self._left -= got
        return got
