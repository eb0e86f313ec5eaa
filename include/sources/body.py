"""Bodies as they arrive: a file's over as many connections as it takes, and a packed answer's within bounds."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import httpcore
import httpx

from include.sources.addresses import shown
from include.sources.errors import (
    SourceError,
    TooLarge,
    TooSlow,
    TruncatedBody,
    UnexpectedContent,
    UnexpectedStatus,
)
from include.sources.headers import declared_length, strong_validator
from include.sources.transport import GuardedStream

_READ_BYTES = 512 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class ResumingBody:
    """The body of a file, over as many connections as it takes.

    :param response: the open answer with the beginning of the file
    :param open_rest: opens the file again with the request headers that ask for the rest of it
    :param paced: passes the pieces of an open answer's body on as fast as its host allows
    :param max_bytes: size beyond which the file is not wanted
    :param resumes: how often it is opened again
    """

    def __init__(
        self,
        response: httpx.Response,
        *,
        open_rest: Callable[[Mapping[str, str]], httpx.Response],
        paced: Callable[[httpx.Response, Iterator[bytes]], Iterator[bytes]],
        max_bytes: int,
        resumes: int,
    ) -> None:
        self._response = response
        self._open_rest = open_rest
        self._paced = paced
        self._max_bytes = max_bytes
        self._resumes_left = resumes
        self._received = 0
        self._url = response.url
        self._validator = strong_validator(response.headers)
        self.length = declared_length(response.headers)

    def close(self) -> None:
        self._response.close()

    def chunks(self) -> Iterator[bytes]:
        while True:
            try:
                for chunk in self._paced(self._response, self._pieces()):
                    self._received += len(chunk)
                    if self._received > self._max_bytes:
                        raise TooLarge(f"{shown(self._url)} has more than the {self._max_bytes} bytes allowed")
                    yield chunk
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
                self._resume(error)
            else:
                if self.length is not None and self._received != self.length:
                    raise TruncatedBody(self._how_far())
                return

    def _pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the connection that is open now.

        When the length is declared, what follows the first piece is plain file on the wire and is read from the
        connection itself: the HTTP parser would copy it four times more, in small pieces, at three times the cost.
        The connection is not used again then.
        """
        pieces = self._response.iter_raw()
        left = declared_length(self._response.headers)
        if left is None:
            yield from pieces
            return
        for piece in pieces:
            left -= len(piece)
            yield piece
            break
        stream: GuardedStream = self._response.extensions["network_stream"]
        while left > 0:
            piece = stream.read_on(min(left, _READ_BYTES))
            if not piece:
                raise httpcore.RemoteProtocolError(f"closed with {left} bytes to come")
            left -= len(piece)
            yield piece

    def _how_far(self) -> str:
        whole = "an unknown number" if self.length is None else str(self.length)
        return f"{shown(self._url)} ended after {self._received} of {whole} bytes"

    def _resume(self, error: Exception) -> None:
        """Open the rest of the body, or raise why that cannot be."""
        self._response.close()
        broken: SourceError = TruncatedBody(f"{self._how_far()}: try again later")
        if isinstance(error, httpcore.TimeoutException):
            broken = TooSlow(f"{shown(self._url)} fell silent after {self._received} bytes: try again later")
        if self._validator is None or self._resumes_left == 0:
            raise broken from error
        self._resumes_left -= 1
        headers = {"If-Range": self._validator, "Range": f"bytes={self._received}-"}
        try:
            self._response = self._open_rest(headers)
        except UnexpectedStatus as unfit:
            raise broken from unfit
        found = _CONTENT_RANGE.fullmatch(self._response.headers.get("content-range", ""))
        fits = (
            self._response.status_code == 206
            and found is not None
            and int(found[1]) == self._received
            and (self.length is None or found[3] in ("*", str(self.length)))
        )
        if not fits or found is None:
            self._response.close()
            raise TruncatedBody(f"{self._how_far()}, and the source has changed it since: try again") from error
        if self.length is None and found[3] != "*":
            self.length = int(found[3])


def unpacked(response: httpx.Response, pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield the body unpacked, never more than ``max_bytes`` and never a large piece at once."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise UnexpectedContent(f"{shown(response.url)} comes {encoding}-encoded though gzip was asked for")
    unpacker = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    left = max_bytes
    for chunk in pieces:
        piece = chunk
        if unpacker is not None:
            try:
                piece = unpacker.decompress(chunk, left + 1)
            except zlib.error as error:
                raise UnexpectedContent(f"{shown(response.url)} claims gzip and is not: {error}") from error
        left -= len(piece)
        if left < 0:
            raise TooLarge(f"{shown(response.url)} answers more than the {max_bytes} bytes allowed")
        yield piece
