"""`python -m sources_emulator`: the stand-in for the public catalogues, on one port of this machine."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from sources_emulator.app import Options, create_app, offered_items

LONGEST_GOODBYE_S = 1  # connections still open that long after SIGTERM are cut


def parser() -> argparse.ArgumentParser:
    """The command line."""
    told = argparse.ArgumentParser(
        prog="python -m sources_emulator",
        description="A stand-in for the public media catalogues. It composes its own media at the first start "
        "(into --cache-dir) and serves it over the wire shapes of the Internet Archive, Wikimedia Commons and Pixabay. "
        "GET /_health is 200 when ready.",
    )
    told.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    told.add_argument(
        "--port", type=int, default=4570, help="port to listen on, 0 = any free one (default: %(default)s)"
    )
    told.add_argument("--cache-dir", type=Path, default=Path(".local/sources"), metavar="FOLDER",
                      help="where rendered media is kept (default: %(default)s)")  # fmt: skip
    told.add_argument("--media", type=Path, metavar="FOLDER", action="append", default=[],
                      help="offer every media file below it as the campaign my-media, sounds at the Internet Archive, "
                      "films at Commons; nothing is copied; may be given several times")  # fmt: skip
    told.add_argument("--seconds", type=float, default=30.0, metavar="N",
                      help="nominal length of a piece of music; all lengths but the films' scale with it "
                      "(default: %(default)s)")  # fmt: skip
    told.add_argument("--only", default="", metavar="CAMPAIGN,...", help="offer these campaigns only")
    told.add_argument("--plenty", type=int, default=0, metavar="N",
                      help="add N items of the campaign plenty, all alike: for trying out paging")  # fmt: skip
    told.add_argument("--workers", type=int, default=max(1, min(4, os.cpu_count() or 1)), metavar="N",
                      help="processes that render at the first start (default: %(default)s)")  # fmt: skip
    return told


def options_from(arguments: argparse.Namespace) -> Options:
    """Checked options. Raises ValueError with one line that says what to change."""
    for folder in arguments.media:
        if not folder.is_dir():
            raise ValueError(f"--media {folder} is not a folder")
    if not 0.5 <= arguments.seconds <= 600:
        raise ValueError("--seconds must be between 0.5 and 600")
    if not 0 <= arguments.plenty <= 200_000 or not 1 <= arguments.workers <= 64:
        raise ValueError("--plenty must be between 0 and 200000, --workers between 1 and 64")
    only = tuple(filter(None, arguments.only.split(",")))
    options = Options(
        arguments.cache_dir, tuple(arguments.media), arguments.seconds, only, arguments.plenty, arguments.workers
    )
    offered_items(options)
    return options


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError when the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


class _NoCutShort(logging.Filter):
    """Leaves out uvicorn's complaint about bodies that are cut short: here that is done on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "without completing response" not in record.getMessage()


def main() -> int:
    arguments = parser().parse_args()
    try:
        options = options_from(arguments)
        options.cache.mkdir(parents=True, exist_ok=True)
        listener = listening_socket(arguments.host, arguments.port)
    except ValueError as error:
        print(f"sources_emulator: {error}", file=sys.stderr)
        return 2
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        print(
            f"sources_emulator: cannot use {arguments.host}:{arguments.port} with {arguments.cache_dir}: {reason}. "
            "Choose another --port or --cache-dir, or stop what uses it.",
            file=sys.stderr,
        )
        return 1
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn.error").addFilter(_NoCutShort())
    host, port = listener.getsockname()[:2]
    logging.getLogger("sources_emulator").info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    config = uvicorn.Config(
        create_app(options),
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=LONGEST_GOODBYE_S,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
