"""Connections that go only where they may, and that give up on a peer which trickles.

The transport is httpcore's, with a network backend of ours: what was looked up and checked is what is connected to.
Nothing here or below writes a URL into a log: a query may hold an API key.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import httpcore
import httpx

from include.sources.addresses import Resolver, checked_addresses, is_loopback_host
from include.sources.errors import ForbiddenUrl, SourceRefuses, TooSlow

COOL_DOWN_S = 900.0  # after a refused connection: a firewall that is asked again at once only bans for longer
_MOST_ADDRESSES_TRIED = 4

# At DEBUG httpcore writes the headers of every answer, and a redirect may repeat the API key it was asked with.
logging.getLogger("httpcore.http11").addFilter(lambda record: "headers" not in record.getMessage())


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the client waits, for what."""

    connect_s: float = 10.0
    read_s: float = 120.0
    """Longest silence in a body, and longest thinking before an answer."""
    longest_wait_s: float = 60.0
    """Longest single sleep; a source that asks for more is given up with ``Throttled``: no worker sleeps for it."""
    longest_backoff_s: float = 30.0
    slowest_bytes_per_s: float = 1024.0
    slowest_window_s: float = 60.0
    """A body slower than ``slowest_bytes_per_s`` over this much waiting is given up."""
    resumes: int = 3
    """How often one broken body is continued with a Range request."""


class GuardedStream(httpcore.NetworkStream):
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
        return GuardedStream(inner, self._patience, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class PinnedBackend(httpcore.NetworkBackend):
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
                return GuardedStream(stream, self._patience, self._clock)
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


class PinnedTransport(httpx.BaseTransport):
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
