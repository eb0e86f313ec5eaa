"""Sending a file as the archive's servers do: validators, ranges, blocks; on request less or slower than promised."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime

import anyio
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from sources_emulator.shelf import ShelfFile

BLOCK_BYTES = 64 * 1024
TEN_TERABYTES = 10 * 1000**4


LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def own_address(request: Request) -> str:
    """`http://host:port` for the addresses in an answer: as the client names it if that is a loopback address.

    A Host header is the client's word, and could name any machine; else it is where this program listens.
    """
    host = request.headers.get("host", "")
    if not LOOPBACK.fullmatch(host):
        name, port = request.scope.get("server") or ("127.0.0.1", None)
        host = f"[{name}]" if ":" in name else name
        host = host if port is None else f"{host}:{port}"
    return f"{request.url.scheme}://{host}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the bytes travel: the share of them that arrives, blocks and pauses of a trickle, a length that is a lie."""

    share: float = 1.0
    block_bytes: int = BLOCK_BYTES
    pause_s: float = 0.0
    claimed_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `first` up to but not including `end` of `size`."""

    first: int
    end: int
    size: int


class UnsatisfiableRange(Exception):
    """The range lies past the end of the file: status 416."""


def wanted_slice(header: str | None, size: int) -> Slice | None:
    """What a Range header asks for; None when it asks for nothing that is understood, so that the whole file is sent.

    Several ranges in one request count as not understood, which RFC 9110 allows.

    >>> wanted_slice("bytes=0-99", 1000), wanted_slice("bytes=-1", 1000)
    (Slice(first=0, end=100, size=1000), Slice(first=999, end=1000, size=1000))
    >>> wanted_slice("bytes=5-2", 1000), wanted_slice("lines=1-2", 1000), wanted_slice(None, 1000)
    (None, None, None)
    >>> wanted_slice("bytes=1000-", 1000)
    Traceback (most recent call last):
    ...
    sources_emulator.serving.UnsatisfiableRange
    """
    match = re.fullmatch(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", header or "", re.ASCII)
    if not match or match.groups() == ("", ""):
        return None
    if match[1] == "":
        if int(match[2]) == 0 or size == 0:
            raise UnsatisfiableRange
        return Slice(max(0, size - int(match[2])), size, size)
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise UnsatisfiableRange
    return Slice(first, min(size, int(match[2]) + 1) if match[2] else size, size)


def not_modified(headers: Mapping[str, str], etag: str, modified: int) -> bool:
    """Whether If-None-Match, or else If-Modified-Since, says that the client has the file already."""
    if tags := headers.get("if-none-match"):
        return tags.strip() == "*" or etag in re.findall(r'"[^"]*"', tags)
    since = _date(headers.get("if-modified-since"))
    return since is not None and since >= modified


def range_still_valid(headers: Mapping[str, str], etag: str, modified: int) -> bool:
    """Whether If-Range (an entity tag or a date) still names this version; without it a range is always valid."""
    condition = headers.get("if-range")
    return condition is None or condition.strip() == etag or _date(condition) == modified


def _date(header: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(header or "").timestamp())
    except (ValueError, TypeError, OverflowError):
        return None


class FileAnswer:
    """ASGI answer with a file. When the delivery cheats, the connection is closed before the promised end."""

    def __init__(self, file: ShelfFile, delivery: Delivery = Delivery()) -> None:
        self._file = file
        self._delivery = delivery

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if self._file.path is None:
            await self._send(scope, receive, send, headers, len(self._file.data), 0, None)
            return
        try:
            async with await anyio.open_file(self._file.path, "rb") as stream:
                state = await anyio.Path(self._file.path).stat()
                await self._send(scope, receive, send, headers, state.st_size, int(state.st_mtime), stream)
        except FileNotFoundError:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

    async def _send(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[str, str],
        size: int,
        mtime: int,
        stream: anyio.AsyncFile[bytes] | None,
    ) -> None:
        modified = int(self._file.entry.get("mtime", mtime))
        etag = f'"{modified:x}-{size:x}"'
        answer = {
            "content-type": self._file.content_type,
            "etag": etag,
            "last-modified": formatdate(modified, usegmt=True),
            "accept-ranges": "bytes",
            "access-control-allow-origin": "*",
        }
        status, part = 200, Slice(0, size, size)
        if not_modified(headers, etag, modified):
            status, part = 304, Slice(0, 0, size)
        elif scope["method"] == "GET" and range_still_valid(headers, etag, modified):
            try:
                if asked := wanted_slice(headers.get("range"), size):
                    status, part = 206, asked
                    answer["content-range"] = f"bytes {asked.first}-{asked.end - 1}/{size}"
            except UnsatisfiableRange:
                status, part = 416, Slice(0, 0, size)
                answer["content-range"] = f"bytes */{size}"
        if status != 304:
            answer["content-length"] = str(self._delivery.claimed_bytes or part.end - part.first)
        pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in answer.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        if scope["method"] == "HEAD" or status in (304, 416):
            await send({"type": "http.response.body"})
            return
        end = part.first + int((part.end - part.first) * self._delivery.share)
        gone = asyncio.create_task(_disconnected(receive))
        try:
            await self._send_bytes(send, stream, part.first, end, gone)
        finally:
            gone.cancel()
        if end == part.end and self._delivery.claimed_bytes is None:
            await send({"type": "http.response.body"})
        # else: returning without a last body message makes the server close the connection, cutting the body short

    async def _send_bytes(
        self, send: Send, stream: anyio.AsyncFile[bytes] | None, at: int, end: int, gone: asyncio.Task[None]
    ) -> None:
        if stream is not None:
            await stream.seek(at)
        while at < end and not gone.done():
            count = min(self._delivery.block_bytes, end - at)
            block = self._file.data[at : at + count] if stream is None else await stream.read(count)
            if not block:  # the file shrank meanwhile
                return
            await send({"type": "http.response.body", "body": block, "more_body": True})
            at += len(block)
            if self._delivery.pause_s:
                await asyncio.wait([gone], timeout=self._delivery.pause_s)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
