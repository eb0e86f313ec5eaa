"""CloudFront's edge: ``/_cloudfront/<distribution>/<key>`` plays an object of the distribution's bucket, if signed.

A distribution goes by its id or by its caller reference, which stands for the host name that it has on AWS. Its default
cache behaviour decides; others, and signed cookies, are not looked at. It reads the bucket as its owner would.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.cloudfront.models import Distribution
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_range_header
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from aws_emulator.guard.addresses import address_of
from aws_emulator.guard.conditions import stored_object
from aws_emulator.guard.restores import is_out_of_reach
from aws_emulator.refusals import Refusal
from aws_emulator.services.cloudfront.models import CloudFrontBackend, cloudfront_backends, trusted_groups
from aws_emulator.services.cloudfront.signed_urls import Viewing, denied, refuse_unsigned
from aws_emulator.wire import IncomingRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

EDGE_PREFIX = "/_cloudfront/"
BLOCK_BYTES = 256 * 1024
STATUS = {"InvalidRange": 416, "NoSuchDistribution": 404}  # every code that is not a plain 403
KEPT_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type")


class Edge:
    """WSGI application of everything below ``EDGE_PREFIX``. ``now`` gives the seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now

    def __call__(self, request: IncomingRequest, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a viewer; what is refused is worded as CloudFront does."""
        request.drain()  # a viewer that sends a body would find it read as his next request
        try:
            response = self._answer(request)
        except Refusal as refusal:
            response = _refuse(refusal)
        return response(request.environ, start_response)

    def _answer(self, request: IncomingRequest) -> Response:
        name, _, raw_key = request.raw_path.removeprefix(EDGE_PREFIX).partition("/")
        account_id, backend, distribution = _distribution(name)
        if request.method not in ("GET", "HEAD"):
            raise Refusal(
                "AccessDenied",
                "This distribution is not configured to allow the HTTP request method that was used for this request.",
            )
        if trusted_groups(distribution):
            environ = request.environ
            viewing = Viewing(
                f"{environ['wsgi.url_scheme']}://{request.header('host')}{request.raw_path}",
                request.raw_query,
                environ["REMOTE_ADDR"],
                self.now(),
            )
            refuse_unsigned(viewing, backend.trusted_keys(distribution))
        [origin, *_] = distribution.distribution_config.Origins["Items"]  # type: ignore[attr-defined]
        stored = stored_object(account_id, address_of(origin.domain_name, f"{origin.origin_path}/{raw_key}"))
        if stored is None or is_out_of_reach(stored):
            raise denied()  # as S3 answers to who may read objects but not list them
        return _play(stored, request.environ)


class StoredBytes(io.RawIOBase):
    """The bytes of an object where moto keeps them; every viewer has a position of its own."""

    def __init__(self, stored: Any) -> None:
        self._stored = stored
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read the next block. Raises ``ConnectionAbortedError`` when the object was replaced or deleted meanwhile."""
        with self._stored.lock:
            try:
                self._stored._value_buffer.seek(self._position)
                block = self._stored._value_buffer.read(len(buffer))
            except ValueError as error:
                raise ConnectionAbortedError("the object is gone") from error
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)


def _distribution(name: str) -> tuple[str, CloudFrontBackend, Distribution]:
    for account_id, partitions in list(cloudfront_backends.items()):
        backend = partitions["aws"]
        for distribution in list(backend.distributions.values()):
            config = distribution.distribution_config
            if name in (distribution.id, config.caller_reference) and config.Enabled:  # type: ignore[attr-defined]
                return account_id, backend, distribution
    raise Refusal("NoSuchDistribution", f"There is no enabled distribution with the id or caller reference {name!r}.")


def _play(stored: Any, environ: dict[str, Any]) -> Response:
    """The object, or the range of it that was asked for, never more than a block of it in memory."""
    blocks: Any = StoredBytes(stored)
    response = Response(FileWrapper(blocks, BLOCK_BYTES), direct_passthrough=True)
    for header, value in stored.metadata.items():
        if header.lower() in KEPT_HEADERS or header.lower().startswith("x-amz-meta-"):
            response.headers[header] = value
    response.headers["ETag"] = stored.etag
    response.headers["Last-Modified"] = stored.last_modified_RFC1123
    response.headers["X-Cache"] = "Miss from cloudfront"
    response.content_length = stored.size
    asked = parse_range_header(environ.get("HTTP_RANGE"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        environ.pop("HTTP_RANGE", None)  # what is no range, or several, is answered by all of it, as S3 does
    try:
        response.make_conditional(environ, accept_ranges=True, complete_length=stored.size)
    except RequestedRangeNotSatisfiable:
        refused = _refuse(Refusal("InvalidRange", "The requested range is not satisfiable"))
        refused.headers["Content-Range"] = f"bytes */{stored.size}"
        return refused
    return response


def _refuse(refusal: Refusal) -> Response:
    error = f"<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message></Error>"
    return Response(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{error}',
        STATUS.get(refusal.code, 403),
        {"X-Cache": "Error from cloudfront"},
        content_type="application/xml",
    )
