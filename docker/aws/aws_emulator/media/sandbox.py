"""ffmpeg and PyAV on media of strangers: one forced demuxer, no protocol but ``file``, bounded in every direction.

With the protocol whitelist alone a playlist renamed ``.mp4`` reads other files, so the demuxer is forced to what the
first bytes say (``sniff``) and no other may join in. What else a demuxer could open is switched off by name: external
tracks of QuickTime files (``enable_drefs``).
"""

from __future__ import annotations

import math
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

import av
import av.error
import imageio_ffmpeg
from av.container import InputContainer

from aws_emulator.media.errors import FfmpegFailed, MediaBroken, MediaRefused
from aws_emulator.media.sniff import DEMUXERS, PLAYLISTS, sniff
from aws_emulator.processes import die_with_parent, usable_cores

MAX_PIXELS = 8192 * 4320  # 8K, the largest picture that MediaConvert takes
MAX_STREAMS = 100
MEMORY_BYTES = 4 * 1024**3  # that ffmpeg may write to; not address space, of which every thread reserves plenty
FILE_BYTES = 20 * 1024**3
STDERR_BYTES = 256 * 1024
READ_TIMEOUT_S = 60.0  # of one read, in PyAV


@dataclass(frozen=True, slots=True)
class Input:
    """One input of ffmpeg. ``options`` stand before its ``-i``; ``container`` is sniffed if it is not given."""

    path: Path
    options: Sequence[str] = ()
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far ffmpeg is: seconds of output written, frames, and how many times faster than real time."""

    out_time_s: float = 0.0
    frames: int = 0
    speed: float | None = None


def container_of(path: Path) -> str:
    """The container of a file that may be opened. Raises ``MediaRefused`` for any other, ``MediaBroken`` if empty."""
    if not path.stat().st_size:
        raise MediaBroken("The file is empty.")
    container = sniff(path)
    if container in PLAYLISTS:
        raise MediaRefused(f"The file is a playlist ({container}), which names other files, not media.", container)
    if container not in DEMUXERS:
        raise MediaRefused(
            f"The file is no media that is known here ({container or 'its beginning is unknown'}).", container
        )
    return container


def input_options(container: str) -> dict[str, str]:
    """The options of libavformat and libavcodec under which a file of this container is opened."""
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": DEMUXERS[container],
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),
    }
    if DEMUXERS[container] == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    return options


@contextmanager
def open_media(path: Path, container: str | None = None) -> Iterator[InputContainer]:
    """Open a file in this process by PyAV. Memory and time are bounded by the job's limits.

    Raises ``MediaRefused`` or ``MediaBroken``; errors of libav inside the block become ``MediaBroken`` as well.
    """
    container = container or container_of(path)
    options = input_options(container)
    try:
        with av.open(
            str(path), format=DEMUXERS[container], options=options, timeout=READ_TIMEOUT_S, metadata_errors="replace"
        ) as opened:
            for stream in opened.streams.video:
                if stream.codec_context is None:
                    continue  # no decoder is known for it
                pixels = stream.codec_context.width * stream.codec_context.height
                if pixels > MAX_PIXELS:
                    raise MediaRefused(
                        f"A picture has {pixels} pixels, more than the {MAX_PIXELS} that are taken.", container
                    )
                stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield opened
    except av.error.FFmpegError as error:
        raise MediaBroken(f"The {container} file cannot be read: {error.strerror or error}.") from error


def input_arguments(media: Input) -> list[str]:
    """What stands on ffmpeg's command line for an input. Raises ``MediaRefused`` or ``MediaBroken``."""
    container = media.container or container_of(media.path)
    options = [part for name, value in input_options(container).items() for part in (f"-{name}", value)]
    return [*options, "-f", DEMUXERS[container], *media.options, "-i", f"file:{media.path.absolute()}"]


def run_ffmpeg(
    arguments: Sequence[str],
    *,
    inputs: Sequence[Input],
    folder: Path,
    on_progress: Callable[[Progress], None] | None = None,
    limit_s: float = 6 * 3600,
    memory_bytes: int = MEMORY_BYTES,
    file_bytes: int = FILE_BYTES,
) -> str:
    """Run ffmpeg: ``inputs``, then ``arguments`` (filters, maps, outputs; relative names lie in ``folder``).

    Returns the end of what it wrote to stderr, ``[info]`` and worse, each line with its level. Raises ``MediaRefused``
    or ``MediaBroken`` before it starts, ``FfmpegFailed`` when it fails, is killed by a limit, or exceeds ``limit_s``.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-y"]
    command += ["-nostats", "-loglevel", "level+info"]
    command += ["-progress", "pipe:1", "-stats_period", "0.5"]
    for media in inputs:
        command += input_arguments(media)
    command += arguments

    def confine() -> None:
        die_with_parent()
        cpu_s = math.ceil(limit_s * usable_cores()) + 1
        for kind, most in (
            (resource.RLIMIT_DATA, memory_bytes),
            (resource.RLIMIT_FSIZE, file_bytes),
            (resource.RLIMIT_CPU, cpu_s),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))

    process = subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": "", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=confine,
    )
    reports, errors = cast(IO[bytes], process.stdout), cast(BufferedReader, process.stderr)
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    clock = threading.Timer(limit_s, end)
    clock.daemon = True
    said = _Tail(errors)
    clock.start()
    try:
        for progress in _iter_progress(reports):
            if on_progress is not None:
                on_progress(progress)
        status = process.wait()
    finally:
        clock.cancel()
        process.kill()
        process.wait()
        stderr = said.end()
        reports.close()
    if late.is_set():
        raise FfmpegFailed(f"ffmpeg took longer than the {limit_s:g} s it may take.", stderr, status)
    if status < 0:
        raise FfmpegFailed(f"ffmpeg was killed by {signal.Signals(-status).name}.", stderr, status)
    if status:
        raise FfmpegFailed(_reason(stderr) or f"ffmpeg ended with status {status}.", stderr, status)
    return stderr


class _Tail:
    """Reads a pipe to its end in a thread and keeps the last ``STDERR_BYTES``, however much comes."""

    def __init__(self, pipe: BufferedReader) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            while block := self._pipe.read1(64 * 1024):
                self._kept += block
                del self._kept[:-STDERR_BYTES]

    def end(self) -> str:
        """What was kept, once the pipe is closed."""
        self._thread.join()
        return self._kept.decode(errors="replace")


def _iter_progress(lines: Iterable[bytes]) -> Iterator[Progress]:
    r"""The reports in what ``-progress`` writes: key=value lines, ``progress`` the last of each report.

    >>> list(_iter_progress([b"frame=50\n", b"out_time_us=2000000\n", b"speed=4.0x\n", b"progress=end\n"]))
    [Progress(out_time_s=2.0, frames=50, speed=4.0)]
    """
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.decode(errors="replace").strip().partition("=")
        fields[name] = value.strip()
        if name == "progress":
            yield Progress(
                out_time_s=max(0.0, _number(fields.get("out_time_us", "")) or 0.0) / 1e6,
                frames=int(_number(fields.get("frame", "")) or 0),
                speed=_number(fields.get("speed", "").removesuffix("x")),
            )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None  # ffmpeg writes N/A for what it does not know yet


def _reason(stderr: str) -> str:
    r"""What ffmpeg said went wrong: its first error, for what follows is mostly its consequence.

    >>> _reason("[in#0 @ 0x5f] [error] moov atom not found\n[fatal] Error opening input files\n")
    'moov atom not found'
    """
    errors = (re.search(r"\[(?:error|fatal|panic)\] (.*)", line) for line in stderr.splitlines())
    return next((found[1].strip() for found in errors if found), "")
