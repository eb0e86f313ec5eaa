"""A polite and suspicious HTTP client for catalogues that are run by others and filled by strangers.

Polite: it says who operates it, paces its requests, obeys ``Retry-After``, backs off with jitter, and stays away from a
source that refuses connections. Suspicious: see ``addresses.py``; and it bounds every body in size and in slowness.
The limiter of the whole deployment is the source's Airflow pool; this client paces one process.
"""

from __future__ import annotations

import json
import random
import re
import ssl
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, TypeVar, cast

import httpcore
import httpx

from include.sources.addresses import (
    Resolver,
    checked_addresses,
    checked_url,
    is_loopback_host,
    resolve_with_system,
    shown,
)
from include.sources.errors import (
    ContactMissing,
    Denied,
    ForbiddenUrl,
    NotFound,
    SourceError,
    SourceRefuses,
    SourceUnavailable,
    Throttled,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    TruncatedBody,
    UnexpectedContent,
    UnexpectedStatus,
)

PLATFORM_VERSION = "0.1.0"
MOST_REDIRECTS = 5
LARGEST_JSON_BYTES = 32 * 1024 * 1024
COOL_DOWN_S = 900.0  # after a refused connection: a firewall that is asked again at once only bans for longer
_READ_BYTES = 512 * 1024
_MOST_ADDRESSES_TRIED = 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTACT = re.compile(r"[^\s@()<>]+@[^\s@()<>]+\.[^\s@()<>]+|https?://[^\s()<>]+\.[^\s()<>]+")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the client waits, for what."""

    connect_s: float = 10.0
    read_s: float = 60.0
    """Longest silence in a body, and longest thinking before an answer."""
    longest_wait_s: float = 60.0
    """Longest single sleep; a source that asks for more is given up with ``Throttled``: no worker sleeps for it."""
    longest_backoff_s: float = 30.0
    slowest_bytes_per_s: float = 1024.0
    slowest_window_s: float = 60.0
    """A body slower than ``slowest_bytes_per_s`` over this much waiting is given up."""
    resumes: int = 3
    """How often one broken body is continued with a Range request."""


def user_agent_for(contact: str, *, required: bool = True) -> str:
    """Name this client and whoever operates it, as Wikimedia and the Internet Archive ask for.

    Only the stand-in on this machine's loopback may be asked without a contact (``required=False``).

    >>> user_agent_for("ops@example.org").split(" httpx/")[0]
    'media-pipelines/0.1.0 (ops@example.org)'

    :raises ContactMissing: when ``contact`` holds neither an e-mail address nor a URL.
    """
    contact = contact.strip()
    if not contact and not required:
        contact = "local stand-in only"
    elif not _CONTACT.fullmatch(contact):
        raise ContactMissing(
            "the sources ask who operates this client: set MEDIA_CONTACT to your e-mail address or to a URL "
            f"(now {contact!r})"
        )
    return f"media-pipelines/{PLATFORM_VERSION} ({contact}) httpx/{httpx.__version__}"


def retry_after_from_header(value: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After`` header, seconds or an HTTP date; None when it is absent or makes no sense.

    >>> retry_after_from_header("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    >>> retry_after_from_header("Thu, 01 Jan 2026 00:00:30 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    30.0
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


class _GuardedStream(httpcore.NetworkStream):
    """A connection that gives up on a peer which trickles; the rule holds for headers and bodies alike.

    The wait for the first bytes of an answer is not counted, the read timeout bounds it. Time that the consumer takes
    between two reads is not counted either.
    """

    def __init__(self, inner: httpcore.NetworkStream, patience: Patience, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._patience = patience
        self._clock = clock
        self._thinking = True
        self._waited_s = 0.0
        self._received = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        started = self._clock()
        data = self._inner.read(max_bytes, timeout)
        if self._thinking:
            self._thinking = False
        else:
            self._count(len(data), self._clock() - started)
        return data

    def read_on(self, max_bytes: int) -> bytes:
        """As ``read`` with the timeout of the last one, which then need not be set again for every piece."""
        started = self._clock()
        try:
            data: bytes = self._inner.get_extra_info("socket").recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        self._count(len(data), self._clock() - started)
        return data

    def _count(self, received: int, waited_s: float) -> None:
        self._waited_s += waited_s
        self._received += received
        if self._waited_s >= self._patience.slowest_window_s:
            if self._received < self._patience.slowest_bytes_per_s * self._waited_s:
                raise TooSlow(
                    f"the source sent {self._received} bytes in {self._waited_s:.0f} s, below "
                    f"{self._patience.slowest_bytes_per_s:.0f} bytes/s: try again later"
                )
            self._waited_s, self._received = 0.0, 0

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._thinking, self._waited_s, self._received = True, 0.0, 0
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _GuardedStream(inner, self._patience, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to addresses that it looked up once and checked; TLS and the Host header keep the name.

    Since the look-up happens here, where the connection is made, there is no second one that could answer otherwise.
    """

    def __init__(
        self,
        resolver: Resolver,
        loopback_hosts: Collection[str],
        patience: Patience,
        clock: Callable[[], float],
        dialler: httpcore.NetworkBackend,
    ) -> None:
        self._resolver = resolver
        self._loopback_hosts = loopback_hosts
        self._patience = patience
        self._clock = clock
        self._dialler = dialler

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        loopback = is_loopback_host(host, port, self._loopback_hosts)
        addresses = checked_addresses(host, port, self._resolver, loopback=loopback)[:_MOST_ADDRESSES_TRIED]
        failures: list[Exception] = []
        for address in addresses:
            try:
                stream = self._dialler.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failures.append(error)
            else:
                return _GuardedStream(stream, self._patience, self._clock)
        if all(isinstance(failure.__cause__, ConnectionRefusedError) for failure in failures):
            raise SourceRefuses(
                f"{host} refuses connections: leave it alone for {COOL_DOWN_S / 60:.0f} minutes, then ask more slowly",
                retry_after_s=COOL_DOWN_S,
            )
        raise failures[-1]

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the interface's
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        raise ForbiddenUrl(f"no download comes from a Unix socket ({path})")


class _TransportBody(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        cast(Any, self._stream).close()


class _PinnedTransport(httpx.BaseTransport):
    """httpx's transport with a network backend of our own, which ``httpx.HTTPTransport`` does not take."""

    def __init__(self, backend: httpcore.NetworkBackend, ssl_context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context, max_connections=4, keepalive_expiry=30.0, network_backend=backend
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        response = self._pool.handle_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, extensions=request.extensions)
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_TransportBody(cast("Iterable[bytes]", response.stream)),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._pool.close()


@dataclass(frozen=True, slots=True)
class Download:
    """An open body: its chunks come as they arrive, at most 512 KiB each, and can be walked through once."""

    url: str
    """Where it came from in the end, after redirects, without query."""
    status: int
    content_type: str
    content_length: int | None
    """Size of the whole file in bytes, when the source declares it."""
    etag: str | None
    chunks: Iterator[bytes]


class PoliteClient:
    """Fetches JSON and streams files from one source.

    ``allowed_hosts`` holds host names; what lies below one is allowed too. ``loopback_hosts`` holds ``host`` or,
    better, ``host:port`` of a stand-in on this machine, the only place where plain http is spoken. ``resolver``,
    ``dialler``, ``sleep``, ``clock`` and ``utc_now`` are there for tests. Use it as a context manager, in one thread.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        allowed_hosts: frozenset[str],
        loopback_hosts: frozenset[str] = frozenset(),
        seconds_between_requests: float,
        resolver: Resolver = resolve_with_system,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
        retries: int = 6,
        patience: Patience = Patience(),
        dialler: httpcore.NetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed_hosts = allowed_hosts
        self._loopback_hosts = loopback_hosts
        self._base_url = checked_url(base_url, allowed_hosts, loopback_hosts)
        self._seconds_between_requests = seconds_between_requests
        self._sleep = sleep
        self._clock = clock
        self._utc_now = utc_now
        self._retries = retries
        self._patience = patience
        self._next_request_at = clock()
        backend = _PinnedBackend(resolver, loopback_hosts, patience, clock, dialler or httpcore.SyncBackend())
        self._client = httpx.Client(
            transport=_PinnedTransport(backend, ssl_context or httpx.create_ssl_context(trust_env=False)),
            headers={"User-Agent": user_agent},
            timeout=httpx.Timeout(patience.read_s, connect=patience.connect_s),
            trust_env=False,
        )

    def __enter__(self) -> PoliteClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    # -- what callers use

    def fetch_json(
        self, path_or_url: str, params: Sequence[tuple[str, str]] = (), *, max_bytes: int = LARGEST_JSON_BYTES
    ) -> dict[str, Any]:
        """Fetch a JSON object. ``max_bytes`` bounds it unpacked, so that a small gzip bomb stays small.

        :raises SourceError: one of its kinds; only what is ``retryable`` is worth another try later.
        """
        url = self._absolute(path_or_url)
        if params:
            url = url.copy_merge_params(list(params))
        return self._with_retries(lambda: self._json_once(url, max_bytes))

    @contextmanager
    def stream(self, url: str, *, max_bytes: int) -> Iterator[Download]:
        """Open a file for reading in chunks; a body that breaks off is continued where it stopped, if the source can.

        The bytes are the file's own, so that digests and lengths are the file's (no content encoding). While the chunks
        are read, ``TooLarge``, ``TruncatedBody`` and ``TooSlow`` may come.

        :raises SourceError: one of its kinds; only what is ``retryable`` is worth another try later.
        """
        target = self._absolute(url)
        response = self._with_retries(lambda: self._open_file(target, {}))
        body = _ResumingBody(self, response, max_bytes)
        try:
            content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if content_type in ("text/html", "application/xhtml+xml"):
                raise UnexpectedContent(
                    f"{shown(response.url)} is an html page, not a file: the item may be gone or closed"
                )
            if body.length is not None and body.length > max_bytes:
                raise TooLarge(f"{shown(response.url)} has {body.length} bytes, more than the {max_bytes} allowed")
            yield Download(
                url=shown(response.url),
                status=response.status_code,
                content_type=content_type,
                content_length=body.length,
                etag=response.headers.get("etag"),
                chunks=body.chunks(),
            )
        finally:
            body.close()

    # -- one request, politely

    def _absolute(self, path_or_url: str) -> httpx.URL:
        try:
            return self._base_url.join(path_or_url)
        except (httpx.InvalidURL, ValueError) as error:
            raise ForbiddenUrl(f"refused: a path or URL of {len(path_or_url)} characters cannot be read") from error

    def _with_retries(self, attempt: Callable[[], _T]) -> _T:
        for number in range(self._retries + 1):
            try:
                return attempt()
            except SourceError as error:
                backoff = random.uniform(0.5, 1.0) * min(2.0**number, self._patience.longest_backoff_s)
                wait = max(backoff, error.retry_after_s or 0.0)
                if not error.retryable or wait > self._patience.longest_wait_s or number == self._retries:
                    raise
                self._sleep(wait)
        raise AssertionError("the loop returns or raises")

    def _pace(self) -> None:
        wait = self._next_request_at - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._next_request_at = max(self._clock(), self._next_request_at) + self._seconds_between_requests

    def _open(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        """Send a GET, follow redirects, and return the open answer whatever its status."""
        for hop in range(MOST_REDIRECTS + 1):
            target = checked_url(url, self._allowed_hosts, self._loopback_hosts, hop=hop)
            self._pace()
            with _network_errors(target):
                request = self._client.build_request("GET", target, headers=headers)
                try:
                    response = self._client.send(request, stream=True, follow_redirects=False)
                except (httpx.RemoteProtocolError, httpx.InvalidURL) as error:  # httpx looks at the redirect at once
                    raise ForbiddenUrl(_no_url(target, hop + 1)) from error
            if response.status_code not in _REDIRECTS:
                return response
            location = response.headers.get("location", "")
            response.close()
            try:
                url = target.join(location)
            except (httpx.InvalidURL, ValueError) as error:
                raise ForbiddenUrl(_no_url(target, hop + 1)) from error
        raise TooManyRedirects(f"{shown(url)}: more than {MOST_REDIRECTS} redirects")

    def _open_good(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        """As ``_open``, but an answer that is no success is closed and raised."""
        response = self._open(url, headers)
        status = response.status_code
        if 200 <= status < 300:
            return response
        response.close()
        where = shown(response.url)
        retry_after_s = retry_after_from_header(response.headers.get("retry-after"), self._utc_now())
        if status == 429 or (status == 503 and retry_after_s is not None):
            asked = "for a while" if retry_after_s is None else f"for {retry_after_s:.0f} s"
            raise Throttled(
                f"{where} asks to be left alone {asked} (HTTP {status}): try again then", retry_after_s=retry_after_s
            )
        if status >= 500:
            raise SourceUnavailable(f"{where} fails with HTTP {status}: try again later", retry_after_s=retry_after_s)
        if status in (404, 410):
            raise NotFound(f"{where} does not exist (HTTP {status})")
        if status in (401, 403, 451):
            raise Denied(f"{where} is not given to us (HTTP {status})")
        raise UnexpectedStatus(f"{where} answers HTTP {status}: the request or the source's interface is wrong")

    def _json_once(self, url: httpx.URL, max_bytes: int) -> dict[str, Any]:
        response = self._open_good(url, {"Accept": "application/json", "Accept-Encoding": "gzip"})
        try:
            with _network_errors(response.url):
                text = b"".join(_unpacked(response, max_bytes))
        finally:
            response.close()
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError) as error:
            kind = "an html page" if text.lstrip()[:1] == b"<" else "something else"
            raise UnexpectedContent(
                f"{shown(response.url)} answers {kind} instead of JSON ({len(text)} bytes)"
            ) from error
        if not isinstance(answer, dict):
            raise UnexpectedContent(
                f"{shown(response.url)} answers a JSON {type(answer).__name__} instead of an object"
            )
        return answer

    def _open_file(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        response = self._open_good(url, {"Accept": "*/*", "Accept-Encoding": "identity", **headers})
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            response.close()
            raise UnexpectedContent(
                f"{shown(response.url)} comes {encoding}-encoded though the plain file was asked for"
            )
        return response


def _no_url(source: httpx.URL, hop: int) -> str:
    return f"redirect {hop} refused: {shown(source)} leads to what is no URL"


class _ResumingBody:
    """The body of a file, over as many connections as it takes."""

    def __init__(self, client: PoliteClient, response: httpx.Response, max_bytes: int) -> None:
        self._client = client
        self._response = response
        self._max_bytes = max_bytes
        self._resumes_left = client._patience.resumes
        self._received = 0
        self._url = response.url
        self._validator = _strong_validator(response.headers)
        self.length = _declared_length(response.headers)

    def close(self) -> None:
        self._response.close()

    def chunks(self) -> Iterator[bytes]:
        while True:
            try:
                for chunk in self._pieces():
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
        left = _declared_length(self._response.headers)
        if left is None:
            yield from pieces
            return
        for piece in pieces:
            left -= len(piece)
            yield piece
            break
        stream: _GuardedStream = self._response.extensions["network_stream"]
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
            self._response = self._client._with_retries(lambda: self._client._open_file(self._url, headers))
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


def _declared_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body in bytes when it is plain on the wire."""
    declared = headers.get("content-length", "")
    if "transfer-encoding" in headers or not (declared.isascii() and declared.isdigit()):
        return None
    return int(declared)


def _strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what ``If-Range`` may carry, which only a strong ETag or a date can be (RFC 9110, 13.1.5)."""
    if headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("last-modified")


def _unpacked(response: httpx.Response, max_bytes: int) -> Iterator[bytes]:
    """Yield the body unpacked, never more than ``max_bytes`` and never a large piece at once."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise UnexpectedContent(f"{shown(response.url)} comes {encoding}-encoded though gzip was asked for")
    unpacker = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    left = max_bytes
    for chunk in response.iter_raw():
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


@contextmanager
def _network_errors(url: httpx.URL) -> Iterator[None]:
    """Give the network's errors one name; what was broken while fetching may work on another try."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise SourceUnavailable(f"{shown(url)} does not answer in time: try again later") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise SourceUnavailable(f"{shown(url)} cannot be fetched ({error or type(error).__name__})") from error
