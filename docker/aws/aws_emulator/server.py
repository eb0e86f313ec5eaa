"""A threaded WSGI server on one port: a thread per connection, because SQS clients wait for messages in one."""

from __future__ import annotations

import errno
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from aws_emulator.application import Emulator

BACKLOG = 512  # connections that may wait to be accepted
IDLE_TIMEOUT_S = 300  # a client that stalls that long in the middle of a body has gone
GRACE_S = 1.0  # for requests in flight when the server is told to stop


class PortTaken(Exception):
    """Somebody else listens there."""


class QuietHandler(MotoRequestHandler):
    """moto's handler; it logs errors only."""

    timeout = IDLE_TIMEOUT_S
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Not a word."""


class LoggingHandler(QuietHandler):
    """One line for each request; the query is left out, it may hold a signature that is still good."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(f"{stamp} {code} {self.command} {self.path.partition('?')[0]}", file=sys.stderr, flush=True)


class Server:
    """Serves an emulator until it is stopped. The port is bound when this is made; port 0 takes a free one."""

    def __init__(self, app: Emulator, host: str, port: int, access_log: bool = False) -> None:
        self.app = app
        listener = _listener(host, port)
        self.host = host
        self.port: int = listener.getsockname()[1]
        handler = LoggingHandler if access_log else QuietHandler
        with listener:  # werkzeug duplicates it
            self._server: Any = make_server(
                host, self.port, app, threaded=True, request_handler=handler, fd=listener.fileno()
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        """Where a client on this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  compared, not bound
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Accept nothing more, give what runs a moment, and let go of the port."""
        self._server.shutdown()
        self._server.socket.close()
        deadline = time.monotonic() + GRACE_S
        while self.app.in_flight and time.monotonic() < deadline:
            time.sleep(0.02)
        self._thread.join(timeout=1)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Port {port} on {host} is in use. Stop what listens there, or choose another with --port."
            ) from error
        raise
    return listener
