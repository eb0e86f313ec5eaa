"""The whole emulator as one WSGI application: health, guard, dispatcher, and a clean answer when something breaks."""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

import moto
from moto.core.exceptions import ServiceException
from werkzeug.http import HTTP_STATUS_CODES

from aws_emulator import __version__
from aws_emulator.dispatcher import INTERNAL_PATHS, Dispatcher
from aws_emulator.guard import SKEW_TOLERANCE_S, Guard
from aws_emulator.guard.credentials import Credentials
from aws_emulator.guard.restores import RESTORE_S
from aws_emulator.refusals import Refusal, answer
from aws_emulator.services import SERVICES, Registry
from aws_emulator.services.cloudfront.edge import EDGE_PREFIX, Edge
from aws_emulator.wire import IncomingRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import StartResponse

HEALTH_PATH = "/_health"
STATIC_CREDENTIALS = {"test": "test"}


class Emulator:
    """The WSGI application. ``seeding`` says whether a seed is still to come: health is 503 until it is there."""

    def __init__(
        self,
        registry: Registry = SERVICES,
        credentials: Mapping[str, str] | None = None,
        skew_tolerance_s: float = SKEW_TOLERANCE_S,
        seeding: bool = False,
        restore_s: float = RESTORE_S,
    ) -> None:
        self.dispatcher = Dispatcher(registry)
        known = Credentials(credentials or STATIC_CREDENTIALS)
        self.guard = Guard(self.dispatcher, known, skew_tolerance_s, restore_s)
        self.edge = Edge()
        self.seeding = seeding
        self.seeded = False
        self._started = time.monotonic()
        self._count_lock = threading.Lock()
        self.in_flight = 0

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == HEALTH_PATH:
            return self._answer_health(environ, start_response)
        with self._count_lock:
            self.in_flight += 1
        try:
            return self._answer(environ, start_response, path)
        finally:
            with self._count_lock:
                self.in_flight -= 1

    def _answer(self, environ: dict[str, Any], start_response: StartResponse, path: str) -> Iterable[bytes]:
        if path.startswith(INTERNAL_PATHS) and "HTTP_AUTHORIZATION" not in environ:
            if environ["REQUEST_METHOD"] != "GET" and "HTTP_ORIGIN" in environ:  # a page in a browser resets nothing
                start_response("403 FORBIDDEN", [("Content-Type", "text/plain")])
                return [b"This is not for web pages.\n"]
            return self.dispatcher(environ, start_response)
        request = IncomingRequest(environ)
        service, headers = request.service, dict(request.headers)
        try:
            if request.raw_path.startswith(EDGE_PREFIX):
                return self.edge(request, start_response)
            self.dispatcher.refuse_unserved(request)
            return self.guard(request, start_response)
        except Refusal as refusal:
            return _refuse(refusal, request, service, headers, start_response)
        except NotImplementedError as error:
            what = str(error) or f"{request.method} {path}"
            return _refuse(
                Refusal("NotImplemented", f"The local AWS does not do this in {service}: {what}"),
                request,
                service,
                headers,
                start_response,
            )
        except ServiceException as error:
            return _refuse(Refusal(str(error.code), str(error.message)), request, service, headers, start_response)
        except ConnectionError:
            raise  # the client left; nobody to answer
        except Exception as error:  # noqa: BLE001  the client needs an answer it can parse, the log needs the traceback
            print(f"{request.method} {path} ({service}) failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            return _refuse(
                Refusal("InternalError", f"The local AWS failed: {type(error).__name__}: {error}"),
                request,
                service,
                headers,
                start_response,
            )

    def _answer_health(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        ready = self.seeded or not self.seeding
        body = json.dumps(
            {
                "status": "ok" if ready else "starting",
                "version": __version__,
                "moto": moto.__version__,
                "services": self.dispatcher.services,
                "seeded": self.seeded,
                "uptime_s": round(time.monotonic() - self._started, 3),
            }
        ).encode()
        start_response(
            "200 OK" if ready else "503 SERVICE UNAVAILABLE",
            [("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
        )
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _refuse(
    refusal: Refusal, request: IncomingRequest, service: str, headers: Mapping[str, str], start_response: StartResponse
) -> Iterable[bytes]:
    request.drain()
    status, answer_headers, body = answer(refusal, service, headers)
    start_response(f"{status} {HTTP_STATUS_CODES[status].upper()}", answer_headers)
    return [b"" if request.method == "HEAD" else body]
