"""What can go wrong at a source, one class each: a stable ``code``, and whether another try later may help."""

from __future__ import annotations

from typing import ClassVar


class SourceError(Exception):
    """A source did not give what was asked.

    ``retry_after_s`` is how long to leave the source alone before the next try, when that is known.
    """

    code: ClassVar[str] = "source_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ContactMissing(SourceError):
    """The User-Agent would not say who operates this deployment."""

    code = "contact_missing"


class ConnectionMissing(SourceError):
    """The deployment has no connection for the source."""

    code = "connection_missing"


class KeyMissing(SourceError):
    """The source wants an API key, and its connection holds none."""

    code = "key_missing"


class ForbiddenUrl(SourceError):
    """A URL, a redirect or an address that this client never follows."""

    code = "forbidden_url"


class TooManyRedirects(SourceError):
    """The source redirects on and on."""

    code = "too_many_redirects"


class NotFound(SourceError):
    """The source has no such thing (404, 410)."""

    code = "not_found"


class Denied(SourceError):
    """The source does not give this to us (401, 403, 451)."""

    code = "denied"


class UnexpectedStatus(SourceError):
    """An HTTP status that means that the request itself is wrong."""

    code = "unexpected_status"


class UnexpectedContent(SourceError):
    """The body is something else than what was asked, such as an html page instead of JSON or media."""

    code = "unexpected_content"


class TooLarge(SourceError):
    """The body is larger than the caller allows."""

    code = "too_large"


class TruncatedBody(SourceError):
    """The connection ended before the body did, and the rest could not be fetched."""

    code = "truncated_body"
    retryable = True


class TooSlow(SourceError):
    """The body stalls, or trickles more slowly than the client waits for."""

    code = "too_slow"
    retryable = True


class Throttled(SourceError):
    """The source asks to be left alone for ``retry_after_s``."""

    code = "throttled"
    retryable = True


class SourceRefuses(SourceError):
    """The source's firewall refuses the connection: stay away for ``retry_after_s``, a long time."""

    code = "source_refuses"
    retryable = True


class SourceUnavailable(SourceError):
    """The source cannot be reached or fails on its side."""

    code = "source_unavailable"
    retryable = True
