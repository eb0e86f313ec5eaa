"""How long the four Rekognition analyses of one clip take together, and each of them alone, on the local AWS.

Through the wire, from the first Start call until the last Get call that is answered with the result, in one emulator
with two workers that are warm. Each measurement takes a copy of the clip with other bytes, so that no earlier one has
decoded or read anything of it.

Together within 1.3 of the slowest one alone, or the benchmark fails. The clip is generated, 1280x720 at 25 frames a
second with a moving test card, running digits and two cuts; `--film FILE` takes another (H.264 in MP4 or MOV).
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.emulator import client, local_aws
from benchmarks.timing import interleaved, machine_line, markdown_table

MODULE = "benchmarks.video_analyses"
BUCKET = "media-ingest"
ANALYSES: dict[str, dict[str, Any]] = {
    "label_detection": {},
    "segment_detection": {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]},
    "content_moderation": {},
    "text_detection": {},
}
TOGETHER = "all four"
MOST_RATIO = 1.3
POLL_S = 0.05
SCENES = (("testsrc2", 6), ("mandelbrot", 5), ("testsrc2", 4))  # lavfi source, seconds


def make_film(path: Path) -> Path:
    """Write the clip: a test card with digits, a growing fractal, the test card again."""
    import imageio_ffmpeg

    sources: list[str] = []
    for scene, seconds in SCENES:
        sources += ["-f", "lavfi", "-t", str(seconds), "-i", f"{scene}=size=1280x720:rate=25"]
    joined = ["-filter_complex", f"concat=n={len(SCENES)}:v=1", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *sources, *joined]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


def with_other_bytes(film: bytes, number: int) -> bytes:
    """The same film with a box at its end that players skip (ISO/IEC 14496-12, ``free``).

    >>> with_other_bytes(b"film", 7).hex(" ", 4)
    '66696c6d 00000010 66726565 00000000 00000007'
    """
    return film + (16).to_bytes(4) + b"free" + number.to_bytes(8)


class Analyses:
    """The clip on a local AWS, analysed again and again."""

    def __init__(self, endpoint_url: str, film: bytes) -> None:
        self.s3, self.rekognition = client(endpoint_url, "s3"), client(endpoint_url, "rekognition")
        self.film = film
        self.numbers = itertools.count()

    def run(self, name: str) -> dict[str, float]:
        """Seconds until one analysis of a fresh copy, or all four, have ended. Raises ``RuntimeError`` if one fails."""
        number = next(self.numbers)
        key = f"benchmark/{number}.mp4"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=with_other_bytes(self.film, number))
        video = {"S3Object": {"Bucket": BUCKET, "Name": key}}
        wanted = ANALYSES if name == TOGETHER else {name: ANALYSES[name]}
        began_s = time.perf_counter()
        jobs = {
            operation: getattr(self.rekognition, f"start_{operation}")(Video=video, **more)["JobId"]
            for operation, more in wanted.items()
        }
        while jobs:
            for operation, job_id in list(jobs.items()):
                answer = getattr(self.rekognition, f"get_{operation}")(JobId=job_id)
                if answer["JobStatus"] == "FAILED":
                    raise RuntimeError(f"{operation} failed: {answer['StatusMessage']}")
                if answer["JobStatus"] == "SUCCEEDED":
                    del jobs[operation]
            time.sleep(POLL_S)
        return {"wall_s": time.perf_counter() - began_s}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns 1 when all four take longer than they may."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description="Four analyses of one clip")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds, of which the median counts")
    parser.add_argument("--film", type=Path, metavar="FILE", help="another clip than the generated one")
    given = parser.parse_args(arguments)
    print(f"## Video analyses\n\n`python -m {MODULE} --rounds {given.rounds}` on {machine_line()}.\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="analyses-") as temporary, local_aws("--workers", "2") as endpoint_url:
        film = given.film or make_film(Path(temporary) / "film.mp4")
        analyses = Analyses(endpoint_url, film.read_bytes())
        for _ in range(2):
            analyses.run(TOGETHER)  # until both workers have loaded every model
        medians = interleaved([*ANALYSES, TOGETHER], given.rounds, analyses.run)
    slowest = max(medians[operation]["wall_s"] for operation in ANALYSES)
    rows = [
        [name.replace("_", " "), f"{median['wall_s']:.2f}", f"{median['wall_s'] / slowest:.2f}"]
        for name, median in medians.items()
    ]
    print(markdown_table(["analysis", "wall s", "/ slowest alone"], rows))
    ratio = medians[TOGETHER]["wall_s"] / slowest
    if ratio > MOST_RATIO:
        print(f"all four take {ratio:.2f} times as long as the slowest one alone", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
