"""Trouble: what an item's fault does to a download, the rules armed at run time, and the log of requests."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sources_emulator.catalogue import Fault
from sources_emulator.serving import TEN_TERABYTES, Delivery, FileAnswer
from sources_emulator.shelf import ShelfFile

TRICKLE = Delivery(block_bytes=64, pause_s=1.0)
HALF = Delivery(share=0.5)
LONGEST_LOG = 20_000  # requests
STATUS_HEADER = "x-trouble-status"  # on a request: answer it with this status
MEDIAWIKI_ERRORS = {  # what MediaWiki says with them
    "maxlag": "Waiting for stand-in: 6 seconds lagged.",
    "ratelimited": "You've exceeded your rate limit. Please wait some time and try again.",
    "readonly": "The wiki is currently in read-only mode.",
}
KEY = re.compile(r"\b(key)=[^&]*", re.IGNORECASE)  # an API key in a query, which no log should hold
RETRY_AFTER_HEADER = "x-trouble-retry-after"  # on a request: and with this Retry-After, in seconds

HTML_PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Item not available</title></head>
<body><h1>Item not available</h1><p>The item is not available due to issues with its content.</p></body></html>
"""


class Faults:
    """Counts how often each item was asked for, so that faults which pass can pass."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def reset(self) -> None:
        self._asked.clear()

    def redirect(self, fault: Fault | None, default: str) -> str:
        """Where `/download/...` sends the client; `default` is the honest address."""
        places = {
            Fault.REDIRECT_PRIVATE: "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            Fault.REDIRECT_LOOPBACK: "http://127.0.0.1:9/admin",
            Fault.REDIRECT_SCHEME: "file:///etc/passwd",
        }
        return places.get(fault, default) if fault else default

    def answer(self, fault: Fault | None, identifier: str, path: str, counts: bool) -> Response | Delivery:
        """What comes instead of the bytes, or how they travel. `counts` is false for HEAD, which uses up no fault."""
        asked = self._asked[identifier]
        if counts:
            self._asked[identifier] += 1
        match fault:
            case Fault.RATE_LIMITED_TWICE if asked < 2:
                return PlainTextResponse("Too Many Requests\n", 429, {"Retry-After": "1"})
            case Fault.UNAVAILABLE_TWICE if asked < 2:
                return PlainTextResponse("Service Unavailable\n", 503)
            case Fault.UNAVAILABLE:
                return PlainTextResponse("Service Unavailable\n", 503)
            case Fault.TRUNCATED:
                return HALF
            case Fault.TRUNCATED_ONCE if asked < 1:
                return HALF
            case Fault.HTML_PAGE:
                return HTMLResponse(HTML_PAGE)
            case Fault.REDIRECT_LOOP:
                return RedirectResponse(path, 302)
            case Fault.TRICKLE:
                return TRICKLE
            case Fault.OVERSIZED:
                return Delivery(claimed_bytes=TEN_TERABYTES)
        return Delivery()

    def file_answer(
        self, fault: Fault | None, identifier: str, file: ShelfFile, path: str, counts: bool
    ) -> Response | FileAnswer:
        """The answer to a request for a file that lies at `path` itself, without a redirect to another server."""
        if fault is Fault.GONE:
            return HTMLResponse(HTML_PAGE, 404)
        if place := self.redirect(fault, ""):
            return RedirectResponse(place, 302)
        answer = self.answer(fault, identifier, path, counts)
        return FileAnswer(file, answer) if isinstance(answer, Delivery) else answer


@dataclass(slots=True)
class Rule:
    """Answer the next `times` requests below `path_prefix` with `status`; None = until cleared. `delay_s` waits first.

    Without a status the request is only delayed. `contains` narrows it to addresses (path?query) that hold a text.
    `error` is the code of an error in MediaWiki's shape, such as `maxlag` or `ratelimited`, which comes with status 200
    unless another is given.
    """

    path_prefix: str
    status: int | None = None
    retry_after: int | str | None = None
    times: int | None = None
    delay_s: float = 0.0
    contains: str = ""
    error: str = ""

    @classmethod
    def from_json(cls, told: Any) -> Rule:
        """Raises ValueError with what is wrong."""
        if not isinstance(told, Mapping) or not isinstance(told.get("path_prefix"), str):
            raise ValueError('a rule is an object with at least {"path_prefix": "/..."}')
        if unknown := set(told) - set(cls.__dataclass_fields__):
            raise ValueError(
                f"a rule has no {', '.join(sorted(unknown))}; it may have {', '.join(cls.__dataclass_fields__)}"
            )
        rule = cls(**told)
        if rule.status is not None and (not isinstance(rule.status, int) or not 200 <= rule.status <= 599):
            raise ValueError("status is a number from 200 to 599")
        if rule.times is not None and (not isinstance(rule.times, int) or rule.times < 1):
            raise ValueError("times is a number above 0, or null for always")
        if not isinstance(rule.delay_s, int | float) or not 0 <= rule.delay_s <= 300:
            raise ValueError("delay_s is a number of seconds from 0 to 300")
        if not isinstance(rule.error, str) or not re.fullmatch(r"[a-z0-9-]{0,60}", rule.error):
            raise ValueError("error is the code of a MediaWiki error, such as maxlag")
        return rule

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class TroubleAndLog:
    """ASGI middleware: notes every request, and lets the armed rules answer in its place.

    Paths that begin with `/_` are the stand-in's own and are neither noted nor troubled.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.rules: list[Rule] = []
        self.requests: deque[dict[str, Any]] = deque(maxlen=LONGEST_LOG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        note: dict[str, Any] = {
            "time": time.time(),
            "method": scope["method"],
            "path": scope["path"],
            "query": KEY.sub(r"\1=***", scope["query_string"].decode("latin-1")),
            "user_agent": headers.get("user-agent", ""),
            "range": headers.get("range"),
            "status": None,
            "bytes_sent": 0,
            "seconds": None,
        }
        self.requests.append(note)
        started = time.monotonic()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                note["status"] = message["status"]
            elif message["type"] == "http.response.body":
                note["bytes_sent"] += len(message.get("body", b""))
            await send(message)

        try:
            answer = await self._trouble(scope, headers)
            await (answer or self._app)(scope, receive, noting)
        finally:
            note["seconds"] = round(time.monotonic() - started, 4)

    async def _trouble(self, scope: Scope, headers: Headers) -> Response | None:
        asked = headers.get(STATUS_HEADER, "")
        if asked.isascii() and asked.isdigit() and 200 <= int(asked) <= 599:
            return _refusal(int(asked), headers.get(RETRY_AFTER_HEADER))
        address = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        for rule in self.rules:
            if not scope["path"].startswith(rule.path_prefix) or rule.contains not in address:
                continue
            if rule.times is not None:
                rule.times -= 1
                if rule.times == 0:
                    self.rules.remove(rule)
            if rule.delay_s:
                await asyncio.sleep(rule.delay_s)
            if rule.status is None and not rule.error:
                return None
            return _refusal(rule.status or 200, rule.retry_after, rule.error)
        return None


def _refusal(status: int, retry_after: int | str | None, error: str = "") -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if error:
        info = MEDIAWIKI_ERRORS.get(error, "Trouble on request.")
        return JSONResponse({"error": {"code": error, "info": info}}, status, headers | {"MediaWiki-API-Error": error})
    return JSONResponse({"error": f"trouble on request: {status}"}, status, headers)
