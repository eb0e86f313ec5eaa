"""What the catalogues ask of their clients: a name and a contact, and no more requests than they allow."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

IDENTIFIED = re.compile(r"[^\s()/]+/\S+ \(([^()]*(@|https?://)[^()]*|local stand-in only)\)")
ROBOT_POLICY = "Please set a user-agent and respect our robot policy https://w.wiki/4wJS. See also T400119.\n"


def unidentified(request: Request) -> Response | None:
    """403 for a client whose User-Agent does not say what it is and whom to write to; None for all others.

    As Wikimedia asks: `client/version (contact) ...`, the contact being an e-mail address or a URL. A client that says
    `(local stand-in only)` in its place is served here, and nowhere else.
    """
    if IDENTIFIED.match(request.headers.get("user-agent", "")):
        return None
    return PlainTextResponse(ROBOT_POLICY, 403)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a client's requests: `reset_s` seconds from now the count begins anew."""

    limit: int
    remaining: int
    reset_s: int
    exceeded: bool


class RateLimit:
    """At most `limit` requests of one client in windows of `window_s` seconds, which begin with its first request."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def reset(self) -> None:
        self._windows.clear()

    def ask(self, client: str) -> Allowance:
        """Count one request of the client."""
        now = self._clock()
        begun, count = self._windows.get(client, (now, 0))
        if now - begun >= self._window_s:
            begun, count = now, 0
        if len(self._windows) > 10_000:  # clients long gone
            self._windows = {name: old for name, old in self._windows.items() if now - old[0] < self._window_s}
        self._windows[client] = begun, count + 1
        left_s = max(1, round(begun + self._window_s - now))
        return Allowance(self._limit, max(0, self._limit - count - 1), left_s, count >= self._limit)
