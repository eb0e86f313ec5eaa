"""ListObjectVersions with ``encoding-type=url``: moto writes the keys as they are.

A key may hold characters that no XML document has, and one such key would make every listing of its prefix unreadable.
S3 percent-encodes Key, KeyMarker, NextKeyMarker, Prefix and Delimiter then, and says so:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html. moto does so itself in ListObjectsV2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import unescape

from aws_emulator.wire import IncomingRequest, answer_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_NAMES = re.compile(r"<(Key|KeyMarker|NextKeyMarker|Prefix|Delimiter)>([^<]*)</\1>")
_END = "</ListVersionsResult>"


def is_to_be_encoded(request: IncomingRequest) -> bool:
    """Say whether a request wants the versions of a bucket with encoded keys."""
    return request.method == "GET" and "versions" in request.query and request.query.get("encoding-type") == "url"


def encode_versions(app: WSGIApplication, request: IncomingRequest, start_response: StartResponse) -> Iterable[bytes]:
    """Let moto list, and encode the names in its answer."""
    status, headers, body = answer_of(app, request)
    if status.startswith("200"):
        listing = _NAMES.sub(lambda found: f"<{found[1]}>{quote(unescape(found[2]))}</{found[1]}>", body.decode())
        body = listing.replace(_END, f"<EncodingType>url</EncodingType>{_END}").encode()
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        headers.append(("Content-Length", str(len(body))))
    start_response(status, headers)
    return [body]
