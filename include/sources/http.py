"""A polite and suspicious HTTP client for catalogues that are run by others and filled by strangers.

Polite: it says who operates it, waits for its slot in each host's line (``pace.py``), obeys ``Retry-After``, backs off
with jitter, and stays away from a source that refuses connections. Suspicious: see ``addresses.py``; and it bounds
every body in size and in slowness. Discreet: an API key goes to the host that gave it and to no other, and no log or
error names it.
"""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote, unquote_plus

import httpcore
import httpx

from include.sources.addresses import Resolver, checked_url, named_host, resolve_with_system, shown
from include.sources.body import ResumingBody, unpacked
from include.sources.errors import (
    Denied,
    ForbiddenUrl,
    NotFound,
    SourceError,
    SourceUnavailable,
    Throttled,
    TooLarge,
    TooManyRedirects,
    UnexpectedContent,
    UnexpectedStatus,
)
from include.sources.headers import declared_length, pause_from_headers
from include.sources.pace import Pacer, paced_pieces
from include.sources.source import HostPace
from include.sources.transport import Patience, PinnedBackend, PinnedTransport

MOST_REDIRECTS = 5
LARGEST_JSON_BYTES = 32 * 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_T = TypeVar("_T")


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

    ``hosts`` are the names that it may ask and how fast; what lies below one is allowed too and stands in its line.
    ``loopback_hosts`` are the same for a stand-in on this machine, as ``host`` or, better, ``host:port``: the only
    place where plain http is spoken. ``pacer`` keeps the lines. ``secret_params``, such as an API key, are added to
    ``fetch_json`` at the base URL's own host and nowhere else. ``resolver``, ``dialler``, ``sleep``, ``clock`` and
    ``utc_now`` are there for tests. Use it as a context manager, in one thread.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        hosts: Mapping[str, HostPace],
        loopback_hosts: Mapping[str, HostPace] | None = None,
        pacer: Pacer,
        secret_params: Sequence[tuple[str, str]] = (),
        resolver: Resolver = resolve_with_system,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
        retries: int = 6,
        patience: Patience | None = None,
        dialler: httpcore.NetworkBackend | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = hosts
        self._loopback_hosts = loopback_hosts or {}
        self._base_url = checked_url(base_url, hosts, self._loopback_hosts)
        self._user_agent = user_agent
        self._pacer = pacer
        self._secret_params = tuple(secret_params)
        self._sleep = sleep
        self._utc_now = utc_now
        self._retries = retries
        self._patience = patience or Patience()
        backend = PinnedBackend(
            resolver, self._loopback_hosts, self._patience, clock, dialler or httpcore.SyncBackend()
        )
        self._transport = PinnedTransport(backend, ssl_context or httpx.create_ssl_context(trust_env=False))

    def __enter__(self) -> PoliteClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    # -- what callers use

    def fetch_json(
        self,
        path_or_url: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        max_bytes: int = LARGEST_JSON_BYTES,
        check: Callable[[object], None] | None = None,
    ) -> dict[str, Any]:
        """Fetch a JSON object. ``max_bytes`` bounds it unpacked, so that a small gzip bomb stays small.

        ``check`` raises the error that an answer with status 200 may be; a ``retryable`` one is asked about again.

        :raises SourceError: one of its kinds; only what is ``retryable`` is worth another try later.
        """
        url = self._absolute(path_or_url)
        if params:
            url = url.copy_merge_params(list(params))

        def ask() -> dict[str, Any]:
            answer = self._json_once(url, max_bytes)
            if check is not None:
                check(answer)
            return answer

        return self._with_retries(url, ask)

    @contextmanager
    def stream(self, url: str, *, max_bytes: int) -> Iterator[Download]:
        """Open a file for reading in chunks; a body that breaks off is continued where it stopped, if the source can.

        The bytes are the file's own, so that digests and lengths are the file's (no content encoding). While the chunks
        are read, ``TooLarge``, ``TruncatedBody`` and ``TooSlow`` may come.

        :raises SourceError: one of its kinds; only what is ``retryable`` is worth another try later.
        """
        target = self._absolute(url)
        response = self._with_retries(target, lambda: self._open_file(target, {}))
        body = ResumingBody(
            response,
            open_rest=lambda headers: self._with_retries(response.url, lambda: self._open_file(response.url, headers)),
            paced=self._paced,
            max_bytes=max_bytes,
            resumes=self._patience.resumes,
        )
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

    def _with_retries(self, url: httpx.URL, attempt: Callable[[], _T]) -> _T:
        for number in range(self._retries + 1):
            try:
                return attempt()
            except SourceError as error:
                backoff = random.uniform(0.5, 1.0) * min(2.0**number, self._patience.longest_backoff_s)
                wait = max(backoff, error.retry_after_s or 0.0)
                if not error.retryable or wait > self._patience.longest_wait_s or number == self._retries:
                    raise
                if isinstance(error, Throttled):
                    self._pacer.wait(self._pace_of(url)[0], wait)  # nobody else asks meanwhile
                self._sleep(wait)
        raise AssertionError("the loop returns or raises")

    def _pace_of(self, url: httpx.URL) -> tuple[str, HostPace]:
        """Name the line in which requests for a URL stand, and say how fast it moves."""
        name = named_host(url, self._hosts, self._loopback_hosts)
        return name, self._loopback_hosts.get(name) or self._hosts[name]

    def _check_keeps_secret(self, url: httpx.URL, *, hop: int) -> None:
        """Refuse an address that holds the API key anywhere but in a query for the host that gave it."""
        own = _origin(url) == _origin(self._base_url)
        text = str(url.copy_with(query=None) if own else url).lower()
        spellings = (text, unquote(text), unquote_plus(text))
        if any(value.lower() in spelling for _, value in self._secret_params for spelling in spellings):
            raise ForbiddenUrl(
                f"{'refused' if hop == 0 else f'redirect {hop} refused'}: it would give the API key away"
            )

    def _open(self, url: httpx.URL, headers: Mapping[str, str], *, with_secrets: bool = False) -> httpx.Response:
        """Send a GET, follow redirects, and return the open answer whatever its status."""
        for hop in range(MOST_REDIRECTS + 1):
            self._check_keeps_secret(url, hop=hop)
            target = checked_url(url, self._hosts, self._loopback_hosts, hop=hop)
            if with_secrets and self._secret_params and _origin(target) == _origin(self._base_url):
                target = target.copy_merge_params(list(self._secret_params))
            name, pace = self._pace_of(target)
            self._pacer.wait(name, pace.seconds_between_requests)
            response = self._send(target, headers)
            if response.status_code not in _REDIRECTS:
                return response
            location = response.headers.get("location", "")
            response.close()
            try:
                url = target.join(location)
            except (httpx.InvalidURL, ValueError) as error:
                raise ForbiddenUrl(f"redirect {hop + 1} refused: {shown(target)} leads to what is no URL") from error
        raise TooManyRedirects(f"{shown(url)}: more than {MOST_REDIRECTS} redirects")

    def _send(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        """Send one GET. The transport is called as it is, for httpx's client writes every URL into the log."""
        timeout = httpx.Timeout(self._patience.read_s, connect=self._patience.connect_s)
        request = httpx.Request(
            "GET", url, headers={**headers, "User-Agent": self._user_agent}, extensions={"timeout": timeout.as_dict()}
        )
        with _network_errors(url):
            response = self._transport.handle_request(request)
        response.request = request
        return response

    def _open_good(self, url: httpx.URL, headers: Mapping[str, str], *, with_secrets: bool = False) -> httpx.Response:
        """As ``_open``, but an answer that is no success is closed and raised."""
        response = self._open(url, headers, with_secrets=with_secrets)
        status = response.status_code
        if 200 <= status < 300:
            return response
        response.close()
        where = shown(response.url)
        retry_after_s = pause_from_headers(response.headers, self._utc_now())
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
        key = ", or the API key" if with_secrets and self._secret_params else ""
        raise UnexpectedStatus(f"{where} answers HTTP {status}: the request or the source's interface is wrong{key}")

    def _json_once(self, url: httpx.URL, max_bytes: int) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        response = self._open_good(url, headers, with_secrets=True)
        try:
            with _network_errors(response.url):
                text = b"".join(unpacked(response, self._paced(response, response.iter_raw()), max_bytes))
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

    def _paced(self, response: httpx.Response, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the pieces of an open body on at the bandwidth of the host that it comes from."""
        name, pace = self._pace_of(response.url)
        if pace.bytes_per_s is None:
            return pieces
        wait = partial(self._pacer.wait, name)
        return paced_pieces(pieces, wait, pace.bytes_per_s, declared_length(response.headers))

    def _open_file(self, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        response = self._open_good(url, {"Accept": "*/*", "Accept-Encoding": "identity", **headers})
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            response.close()
            raise UnexpectedContent(
                f"{shown(response.url)} comes {encoding}-encoded though the plain file was asked for"
            )
        return response


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


@contextmanager
def _network_errors(url: httpx.URL) -> Iterator[None]:
    """Give the network's errors one name; what was broken while fetching may work on another try."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise SourceUnavailable(f"{shown(url)} does not answer in time: try again later") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise SourceUnavailable(f"{shown(url)} cannot be fetched ({error or type(error).__name__})") from error
