"""What the headers of a polite visitor say, and what those of an answer mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from include.sources.errors import ContactMissing

PLATFORM_VERSION = "0.1.0"
_CONTACT = re.compile(r"[^\s@()<>]+@[^\s@()<>]+\.[^\s@()<>]+|https?://[^\s()<>]+\.[^\s()<>]+")


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


def pause_from_headers(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read for how long a source wants to be left alone, in seconds; None when it does not say.

    That is ``Retry-After``, or else ``X-RateLimit-Reset``: seconds until its window begins anew, as Pixabay documents
    (https://pixabay.com/api/docs/#api_rate_limit).

    >>> pause_from_headers({"x-ratelimit-reset": "42"}, datetime(2026, 1, 1, tzinfo=UTC))
    42.0
    """
    asked = retry_after_from_header(headers.get("retry-after"), now)
    reset = headers.get("x-ratelimit-reset", "").strip()
    return float(reset[:9]) if asked is None and reset.isascii() and reset.isdigit() else asked


def declared_length(headers: Mapping[str, str]) -> int | None:
    """Return the length of the body in bytes when it is plain on the wire."""
    declared = headers.get("content-length", "")
    if "transfer-encoding" in headers or not (declared.isascii() and declared.isdigit()):
        return None
    return int(declared)


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what ``If-Range`` may carry, which only a strong ETag or a date can be (RFC 9110, 13.1.5)."""
    if headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("last-modified")
