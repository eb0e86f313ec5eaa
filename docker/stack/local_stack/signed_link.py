"""Try a signed link as somebody who got it would, and as somebody who forged it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

FIRST_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTrial:
    """What came of a link: statuses of HTTP for all of it, for its first kilobyte, and with a signature changed."""

    status: int
    size_bytes: int
    part_status: int
    tampered_status: int

    @property
    def is_right(self) -> bool:
        """Say whether it plays, also from the middle, and a forged one does not."""
        return (self.status, self.part_status, self.tampered_status) == (200, 206, 403) and self.size_bytes > 0

    def __str__(self) -> str:
        return (
            f"GET answers {self.status} ({self.size_bytes:,} bytes), of a part {self.part_status}; "
            f"with one character of its signature changed {self.tampered_status}"
        )


def try_link(url: str) -> LinkTrial:
    """Ask for the link three times.

    :raises httpx.TransportError: when nobody answers.
    """
    with httpx.Client(trust_env=False, timeout=60) as client:
        size_bytes = 0
        with client.stream("GET", url) as whole:
            for block in whole.iter_bytes():
                size_bytes += len(block)
        part = client.get(url, headers={"Range": f"bytes=0-{FIRST_BYTES - 1}"})
        forged = client.get(tampered(url))
    return LinkTrial(
        status=whole.status_code,
        size_bytes=size_bytes,
        part_status=part.status_code,
        tampered_status=forged.status_code,
    )


def tampered(url: str) -> str:
    """Change one character in the middle of the signature: the last ones may hold padding, which says nothing.

    >>> tampered("https://d1.cloudfront.net/a.mp4?Expires=1&Signature=AAAAAA&Key-Pair-Id=K1")
    'https://d1.cloudfront.net/a.mp4?Expires=1&Signature=AAABAA&Key-Pair-Id=K1'

    :raises ValueError: for a link that carries no signature.
    """
    signatures = parse_qs(urlsplit(url).query).get("Signature")
    if not signatures:
        raise ValueError("this link has no signature")
    signature = signatures[0]
    middle = len(signature) // 2
    other = "B" if signature[middle] != "B" else "C"
    return url.replace(f"Signature={signature}", f"Signature={signature[:middle]}{other}{signature[middle + 1 :]}")
