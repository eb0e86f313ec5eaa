"""A webhook on this machine, as a target for Apprise: it keeps what comes, and answers as it is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """Takes notifications; ``answers`` are the statuses of the next, after them it is 200."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        """Cleared, requests wait before they are answered."""
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = webhook.answers.pop(0) if webhook.answers else 200
                if status == 200:
                    webhook.received.append(json.loads(body))
                webhook.hold.wait(20)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def path(self, secret: str = "T0KEN-of-the-webhook") -> str:
        """The target as an Apprise connection names it; its path is a secret."""
        return f"json://127.0.0.1:{self.server.server_port}/services/{secret}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
