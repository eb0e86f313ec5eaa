"""How fast four renditions of one film come out: MediaConvert's engine of the local AWS against ffmpeg by hand.

- **ours**: `aws_emulator.services.mediaconvert.engine`, from the file in S3 to four files in S3 (in memory here): copy,
  probe, plan, transcode, probe the outputs, upload
- **one command**: ffmpeg written by hand, one decode, `split`, the same encoders with the same options
- **four commands**: the same, one rendition after the other

Within 1.15 of the one command, and faster than the four, or the benchmark fails. The film is generated, 1280x720 at
25 frames a second with grain and movement; `--film FILE` takes another.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.emulator import FOLDER
from benchmarks.timing import interleaved, machine_line, markdown_table, measure

MODULE = "benchmarks.renditions"
WAYS = ("ours", "one command", "four commands")
RUNGS = ((180, 400_000), (360, 1_500_000), (540, 3_500_000), (720, 5_000_000))  # height in pixels, most bit/s
FRAME_RATE, FILM_S, GOP_FRAMES, CRF = 25, 12, 50, 23
MOST_RATIO = 1.15
AAC_BPS, AAC_HZ = 96_000, 48_000


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg. Raises ``CalledProcessError`` when it fails."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    subprocess.run([*command, *map(str, arguments)], check=True)


def make_film(path: Path) -> Path:
    """Write the film: a moving test card with grain, and a tone."""
    picture = f"testsrc2=size=1280x720:rate={FRAME_RATE}:duration={FILM_S},noise=alls=8:allf=t"
    tone = f"sine=frequency=330:sample_rate=44100:duration={FILM_S}"
    x264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p")
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *x264, "-c:a", "aac", "-ac", "2", path)
    return path


def encoder(most_bps: int) -> list[str]:
    """The options that the engine gives x264 and the AAC encoder for these settings, written out by hand."""
    x264 = ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-crf", str(CRF), "-g", str(GOP_FRAMES)]
    x264 += ["-maxrate:v", str(most_bps), "-bufsize:v", str(2 * most_bps), "-x264-params", "open-gop=0"]
    aac = ["-c:a", "aac", "-b:a", str(AAC_BPS), "-ar", str(AAC_HZ), "-ac", "2"]
    return [*x264, *aac, "-movflags", "+faststart"]


def one_command(film: Path, folder: Path) -> None:
    """Every rendition in one command with one decode."""
    labels = "".join(f"[s{height}]" for height, _ in RUNGS)
    scaled = ";".join(f"[s{height}]scale=-2:{height},format=yuv420p[v{height}]" for height, _ in RUNGS)
    outputs: list[str | Path] = []
    for height, most_bps in RUNGS:
        outputs += ["-map", f"[v{height}]", "-map", "0:a", *encoder(most_bps), folder / f"{height}.mp4"]
    ffmpeg("-i", film, "-filter_complex", f"[0:v]split={len(RUNGS)}{labels};{scaled}", *outputs)


def four_commands(film: Path, folder: Path) -> None:
    """One command for each rendition."""
    for height, most_bps in RUNGS:
        scale = ("-vf", f"scale=-2:{height},format=yuv420p")
        ffmpeg("-i", film, *scale, "-map", "0:v", "-map", "0:a", *encoder(most_bps), folder / f"{height}.mp4")


def ours(film: Path, folder: Path) -> None:
    """The engine's job."""
    from aws_emulator.jobs.alone import LoneTask
    from aws_emulator.services.mediaconvert import checks, engine

    settings = job_settings()
    if found := checks.problems(settings):
        raise ValueError(checks.describe(found))
    objects: dict[tuple[str, str], Path | bytes] = {("media-in", "film.mp4"): film}
    task = LoneTask(folder, {"settings": settings}, objects=objects, buckets=("media-out",))
    engine.run(task)
    for (_, key), content in task.stored.items():
        (folder / key.removeprefix("film_")).write_bytes(content)


def job_settings() -> dict[str, Any]:
    """The settings of the MediaConvert job."""
    outputs = [
        {
            "NameModifier": f"_{height}",
            "ContainerSettings": {"Container": "MP4"},
            "VideoDescription": {
                "Height": height,
                "CodecSettings": {
                    "Codec": "H_264",
                    "H264Settings": {
                        "RateControlMode": "QVBR",
                        "QvbrSettings": {"QvbrQualityLevel": 7},
                        "MaxBitrate": most_bps,
                        "QualityTuningLevel": "SINGLE_PASS_HQ",
                        "GopSize": GOP_FRAMES,
                        "GopSizeUnits": "FRAMES",
                    },
                },
            },
            "AudioDescriptions": [
                {
                    "CodecSettings": {
                        "Codec": "AAC",
                        "AacSettings": {"Bitrate": AAC_BPS, "CodingMode": "CODING_MODE_2_0", "SampleRate": AAC_HZ},
                    }
                }
            ],
        }
        for height, most_bps in RUNGS
    ]
    files = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://media-out/"}}
    selectors = {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}
    return {
        "Inputs": [{"FileInput": "s3://media-in/film.mp4", "AudioSelectors": selectors}],
        "OutputGroups": [{"OutputGroupSettings": files, "Outputs": outputs}],
    }


def timed(way: str, film: Path) -> dict[str, float]:
    """Wall and processor seconds of one way, imports left out, and the bytes of what it made."""
    sys.path.insert(0, str(FOLDER))
    import aws_emulator.services.mediaconvert.engine  # noqa: F401

    def used_s() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in both)

    with tempfile.TemporaryDirectory(prefix="renditions-") as temporary:
        folder = Path(temporary)
        began_s, before_s = time.perf_counter(), used_s()
        {"ours": ours, "one command": one_command, "four commands": four_commands}[way](film, folder)
        wall_s, cpu_s = time.perf_counter() - began_s, used_s() - before_s
        made = [folder / f"{height}.mp4" for height, _ in RUNGS]
        return {"wall_s": wall_s, "cpu_s": cpu_s, "made_bytes": sum(path.stat().st_size for path in made)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns 1 when ours is slower than it may be."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description="Four renditions of one film")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds, of which the median counts")
    parser.add_argument("--film", type=Path, metavar="FILE", help="another film than the generated one")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.way:
        print(json.dumps(timed(given.way, given.film)))
        return 0
    print(f"## Renditions\n\n`python -m {MODULE} --rounds {given.rounds}` on {machine_line()}.\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="renditions-") as temporary:
        film = given.film or make_film(Path(temporary) / "film.mp4")
        medians = interleaved(WAYS, given.rounds, lambda way: measure(MODULE, ["--way", way, "--film", str(film)]))
    by_hand = medians["one command"]
    rows = [
        [
            way,
            f"{median['wall_s']:.2f}",
            f"{median['cpu_s']:.2f}",
            f"{median['made_bytes'] / 1e6:.2f}",
            f"{median['wall_s'] / by_hand['wall_s']:.2f}",
            f"{median['cpu_s'] / by_hand['cpu_s']:.2f}",
        ]
        for way, median in medians.items()
    ]
    print(markdown_table(["way", "wall s", "CPU s", "MB made", "wall / one command", "CPU / one command"], rows))
    ratio = medians["ours"]["wall_s"] / by_hand["wall_s"]
    if ratio > MOST_RATIO or medians["ours"]["wall_s"] >= medians["four commands"]["wall_s"]:
        print(f"ours takes {ratio:.2f} times as long as one command by hand", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
