"""The command line of the local AWS."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from aws_emulator import __version__
from aws_emulator.application import STATIC_CREDENTIALS, Emulator
from aws_emulator.guard import SKEW_TOLERANCE_S
from aws_emulator.guard.restores import RESTORE_S
from aws_emulator.jobs.queue import JOBS, MOST_QUEUED, WORKERS
from aws_emulator.jobs.task import POCKETSPHINX, EngineSettings
from aws_emulator.seed import DEFAULT_PREFIX, DEFAULT_SEED, Seeder, read_seed
from aws_emulator.server import PortTaken, Server


def parse_credentials(text: str) -> tuple[str, str]:
    """Read ``id:secret``.

    >>> parse_credentials("AKIA1:a:b")
    ('AKIA1', 'a:b')
    """
    access_key, colon, secret = text.partition(":")
    if not (access_key and colon and secret):
        raise argparse.ArgumentTypeError(f"{text!r} is not <access key id>:<secret>")
    return access_key, secret


def parse_count(text: str) -> int:
    """Read a number of at least one.

    >>> parse_count("2")
    2
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def parse_duration(text: str) -> float:
    """Read a number of seconds from 0 up.

    >>> parse_duration("0.5")
    0.5
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to a million")
    return seconds


def parse_file(text: str) -> Path:
    """The path of a file that is there."""
    path = Path(text).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return path


def parse_speech_model(text: str) -> str:
    """Read ``pocketsphinx``, ``whisper:<folder>`` or ``vosk:<folder>``; the folder becomes absolute.

    >>> parse_speech_model("pocketsphinx")
    'pocketsphinx'
    """
    if text == POCKETSPHINX:
        return text
    kind, _, folder = text.partition(":")
    if kind not in ("whisper", "vosk"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {POCKETSPHINX}, whisper:<folder>, vosk:<folder>")
    if not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {folder!r}")
    return f"{kind}:{Path(folder).absolute()}"


def build_parser() -> argparse.ArgumentParser:
    """The options of ``python -m aws_emulator``."""
    parser = argparse.ArgumentParser(
        prog="python -m aws_emulator",
        description="A local AWS on one port. State lies in memory, lost when it stops; each start is seeded.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=4566, help="port to listen on, 0 for a free one (default: %(default)s)"
    )
    seed = parser.add_mutually_exclusive_group()
    seed.add_argument(
        "--seed",
        type=Path,
        default=DEFAULT_SEED,
        metavar="FILE",
        help="what to put in at start (default: the seed.yaml beside the package)",
    )
    seed.add_argument("--no-seed", action="store_true", help="start empty")
    parser.add_argument(
        "--prefix", default=DEFAULT_PREFIX, help="first part of every seeded name (default: %(default)s)"
    )
    parser.add_argument(
        "--credentials",
        action="append",
        type=parse_credentials,
        default=[],
        metavar="ID:SECRET",
        help="an access key to accept besides test:test; may be given several times",
    )
    parser.add_argument(
        "--clock-skew-tolerance",
        type=float,
        default=SKEW_TOLERANCE_S,
        metavar="SECONDS",
        help="how far a request's clock may be off (default: %(default)s, as AWS)",
    )
    parser.add_argument(
        "--restore-seconds",
        type=parse_duration,
        default=RESTORE_S,
        metavar="SECONDS",
        help="how long an archived object takes to be restored (default: %(default)s; on AWS hours)",
    )
    engines = parser.add_argument_group("engines", "what does the work of MediaConvert, Rekognition and Transcribe")
    engines.add_argument(
        "--workers",
        type=parse_count,
        default=WORKERS,
        metavar="N",
        help="processes that work at the same time (default: %(default)s)",
    )
    engines.add_argument(
        "--most-queued",
        type=parse_count,
        default=MOST_QUEUED,
        metavar="N",
        help="jobs that may wait; beyond that a start is throttled (default: %(default)s)",
    )
    engines.add_argument(
        "--detector", type=parse_file, metavar="ONNX", help="object detector for labels (YOLOv8 or YOLO11 layout)"
    )
    engines.add_argument(
        "--detector-labels", type=parse_file, metavar="FILE", help="the detector's class names, one a line"
    )
    engines.add_argument(
        "--speech-model",
        type=parse_speech_model,
        default=POCKETSPHINX,
        metavar="MODEL",
        help="whisper:<folder> or vosk:<folder> (default: %(default)s, which brings its model)",
    )
    engines.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where jobs share what they decoded (default: a temporary folder)"
    )
    parser.add_argument(
        "--access-log", action="store_true", help="log every request to stderr; otherwise only failures are"
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0 stopped, 1 could not start."""
    options = build_parser().parse_args(argv)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    credentials = STATIC_CREDENTIALS | dict(options.credentials)
    app = Emulator(
        credentials=credentials,
        skew_tolerance_s=options.clock_skew_tolerance,
        seeding=not options.no_seed,
        restore_s=options.restore_seconds,
    )
    try:
        server = Server(app, options.host, options.port, access_log=options.access_log)
    except (PortTaken, OSError) as error:
        print(f"aws_emulator: {error}", file=sys.stderr)
        return 1
    access_key, secret_key = f"engines-{secrets.token_hex(8)}", secrets.token_urlsafe(32)
    app.guard.credentials.static[access_key] = secret_key
    JOBS.configure(
        server.url,
        access_key,
        secret_key,
        settings=EngineSettings(options.detector, options.detector_labels, options.speech_model),
        workers=options.workers,
        most_queued=options.most_queued,
        cache=options.cache_dir,
    )
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.start()
    status = 0
    if not options.no_seed:
        try:
            seed = read_seed(options.seed, options.prefix)
            Seeder(server.url, *next(iter(credentials.items())), region=seed["region"]).plant(seed)
            app.seeded = True
        except Exception as error:  # noqa: BLE001  whatever it is, a half-seeded AWS must not look ready
            print(f"aws_emulator: could not seed from {options.seed}: {error}", file=sys.stderr)
            stopped.set()
            status = 1
    if not stopped.is_set():
        print(f"aws_emulator: ready on {server.url}", flush=True)
    stopped.wait()
    JOBS.stop()
    server.stop()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads that wait in a long poll would otherwise be waited for


if __name__ == "__main__":
    sys.exit(main())
