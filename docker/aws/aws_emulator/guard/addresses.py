"""Which bucket and key a request means: by its path, or by its host name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

# <bucket>.localhost, <bucket>.s3.localhost, <bucket>.s3.<region>.localhost and the like, and AWS's own host names
VIRTUAL_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}?[a-z0-9])\."
    r"(?:(?:s3[.-](?:[a-z0-9-]+\.)*)?(?:localhost|127\.0\.0\.1\.nip\.io|localhost\.localstack\.cloud)"
    r"|s3[.-](?:[a-z0-9-]+\.)*amazonaws\.com)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket and a key, each perhaps empty, and the same address in path style (still percent-encoded)."""

    bucket: str
    key: str
    raw_path: str


def address_of(host: str, raw_path: str) -> Address:
    """Read an address from the Host header and the undecoded path.

    A host that is an address, ``localhost``, a name without dots or one we do not know means path style.

    >>> address_of("127.0.0.1:4566", "/media-raw/a%20b/c")
    Address(bucket='media-raw', key='a b/c', raw_path='/media-raw/a%20b/c')
    >>> address_of("media-raw.localhost:4566", "/c")
    Address(bucket='media-raw', key='c', raw_path='/media-raw/c')
    >>> address_of("media-raw.s3.eu-west-1.amazonaws.com", "/").raw_path
    '/media-raw/'
    >>> address_of("s3.localhost", "/media-raw").bucket
    'media-raw'
    """
    name = host.rsplit(":", 1)[0].lower()
    virtual = VIRTUAL_HOST.fullmatch(name)
    if virtual and virtual["bucket"] != "s3" and not virtual["bucket"].startswith("s3."):
        raw_path = f"/{virtual['bucket']}{raw_path}"
    bucket, _, key = raw_path[1:].partition("/")
    return Address(unquote(bucket), unquote(key), raw_path)
