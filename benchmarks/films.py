"""What benchmarks over films share: the films, decoding them alone as the floor, and the two tables."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.timing import cpu_seconds, machine_line, markdown_table, measure, peak_memory_mib, warm_rounds
from include.video.probe import MediaError, check_video

WAYS = ("decode", "ours")
SIZES = ("640x360", "1920x1080")
SCENES = (("testsrc2", 6), ("mandelbrot", 9), ("testsrc2", 7), ("gradients", 8))  # lavfi source, seconds
LENGTHS_MIN = (10, 60)
MOST_GROWTH_MIB = 40.0
"""By how much the peak of an hour may be above that of half a minute."""


def decode(path: Path) -> None:
    """Decode every frame, as many at a time as ours does, and throw it away."""
    import av
    import av.error

    from include.video.frames import MOST_THREADS

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", MOST_THREADS
        with suppress(av.error.FFmpegError):  # a film may break off
            for _ in container.decode(stream):
                pass
        stream.codec_context.flush_buffers()


def main_of(
    module: str, title: str, about: str, ours: Callable[[Path], object], arguments: Sequence[str] | None
) -> int:
    """Run a benchmark of ``ours`` against decoding alone, and print its tables; returns the exit status.

    The hidden arguments are what the processes of its own are asked for.

    :param module: under which name Python runs it
    """
    run: dict[str, Callable[[Path], object]] = {"decode": decode, "ours": ours}
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds, of which the median counts")
    parser.add_argument("--media", type=Path, metavar="FOLDER", help="real files with a MANIFEST.csv")
    parser.add_argument("--way", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--warm", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.way:
        print(json.dumps(_first_call(run[given.way[0]], Path(given.way[1]))))
        return 0
    if given.warm:
        print(json.dumps(warm_rounds(run, Path(given.warm), given.rounds)))
        return 0
    print(f"## {title}\n\n`python -m {module} --rounds {given.rounds}` on {machine_line()}.\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="films-benchmark-") as temporary:
        clips = [make_film(Path(temporary) / f"cards {size}.mp4", size) for size in SIZES]
        real = real_films(given.media) if given.media else ()
        print(_clips_table(module, [*clips, *real], given.rounds), flush=True)
        films = {"half a minute": clips[0]}
        films |= {f"{minutes} minutes": repeated(clips[0], minutes) for minutes in LENGTHS_MIN}
        table, growth_mib = _long_table(module, films)
    print(f"\n{SIZES[0]}, again and again:\n\n{table}", flush=True)
    if growth_mib > MOST_GROWTH_MIB:
        print(f"memory grows with the length: {growth_mib:.0f} MiB more than for half a minute", file=sys.stderr)
        return 1
    return 0


# -- films


def make_film(path: Path, size: str) -> Path:
    """Write half a minute of moving cards with cuts between them, and a tone."""
    sources: list[str] = []
    for scene, seconds in SCENES:
        sources += ["-f", "lavfi", "-t", str(seconds), "-i", f"{scene}=size={size}:rate=25"]
    sources += ["-f", "lavfi", "-t", str(sum(seconds for _, seconds in SCENES)), "-i", "sine=frequency=220"]
    joined = ["-filter_complex", f"concat=n={len(SCENES)}:v=1[film]", "-map", "[film]", "-map", f"{len(SCENES)}:a"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    _ffmpeg(*sources, *joined, *coded, str(path))
    return path


def repeated(film: Path, minutes: int) -> Path:
    """Write a film again and again until it is so long, without coding it anew."""
    path = film.with_name(f"{minutes}_minutes.mp4")
    _ffmpeg("-stream_loop", "-1", "-i", str(film), "-t", str(60 * minutes), "-c", "copy", str(path))
    return path


def real_films(folder: Path) -> Iterator[Path]:
    """Yield the films that a manifest names, without those that the curation refuses."""
    with (folder / "MANIFEST.csv").open(newline="") as manifest:
        paths = [folder / row["path"] for row in csv.DictReader(manifest) if row.get("kind", "").startswith("video")]
    for path in sorted(paths):
        with suppress(MediaError, OSError):
            check_video(path)
            yield path


def _ffmpeg(*arguments: str) -> None:
    import imageio_ffmpeg

    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments], check=True)


# -- tables


def _first_call(run: Callable[[Path], object], path: Path) -> dict[str, float]:
    """Measure the first call of this process, imports included, and the most memory it took."""
    begun = time.perf_counter()
    run(path)
    return {"wall_s": time.perf_counter() - begun, "cpu_s": cpu_seconds(), "peak_mib": peak_memory_mib()}


def _clips_table(module: str, clips: Sequence[Path], rounds: int) -> str:
    """Measure each clip in a process of its own, warm."""
    rows = []
    for clip in clips:
        facts = check_video(clip)
        warm = measure(module, ["--warm", str(clip), "--rounds", str(rounds)])
        rows.append([clip.stem, *_about(facts), *_times(warm)])
    return markdown_table(
        ["clip, warm", "pixels", "codec", "film s", "decode s", "ours s", "CPU s", "times decoding", "times, CPU"], rows
    )


def _about(facts: Any) -> tuple[str, str, str]:
    video = facts.video
    lasting = "?" if facts.duration_s is None else f"{facts.duration_s:.1f}"
    return f"{video.width}x{video.height}", video.codec, lasting


def _times(warm: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    decoded, measured = warm["decode"], warm["ours"]
    ratios = (measured[figure] / max(decoded[figure], 1e-9) for figure in ("wall_s", "cpu_s"))
    seconds = (decoded["wall_s"], measured["wall_s"], measured["cpu_s"])
    return tuple(f"{value:.2f}" for value in (*seconds, *ratios))


def _long_table(module: str, films: Mapping[str, Path]) -> tuple[str, float]:
    """Measure each film in a process of its own; return the table, and how far our peaks are apart in MiB."""
    rows, peaks_mib = [], []
    for name, film in films.items():
        decoded, found = (measure(module, ["--way", way, str(film)]) for way in WAYS)
        peaks_mib.append(float(found["peak_mib"]))
        seconds = (f"{decoded['wall_s']:.1f}", f"{found['wall_s']:.1f}", f"{found['wall_s'] / decoded['wall_s']:.2f}")
        rows.append([name, *seconds, f"{decoded['peak_mib']:.0f}", f"{found['peak_mib']:.0f}"])
    header = ["first call", "decode s", "ours s", "times decoding", "decode peak MiB", "ours peak MiB"]
    return markdown_table(header, rows), max(peaks_mib) - peaks_mib[0]
