"""What it costs to measure what an editor asks of a clip, contact sheet included: against decoding it alone.

All in one run, over generated films of moving test cards with cuts (H.264, 25 frames a second), and with
`--media FOLDER` over real films too, which are not part of the repository: a folder with a `MANIFEST.csv` that names
each file's path and kind.

- **decode**: PyAV decodes every frame in the same threads and throws it away
- **ours**: `include.video.production.measure_production`, which writes the contact sheet on the way

Warm: rounds in one process a film, each way once a round from another start, after one round that does not count. Peak
memory: a process of its own, over one film of half a minute, and the same film again and again for ten minutes and for
an hour, by stream copy. Of a film that long ours decodes bursts only, see `include.video.frames`; the exit status is 1
when memory grows with the length all the same.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.films import main_of


def ours(path: Path) -> None:
    """Measure the film, and draw its contact sheet."""
    from include.video.probe import probe_media
    from include.video.production import measure_production

    with tempfile.TemporaryDirectory(prefix="cues-benchmark-") as folder:
        measure_production(path, shots=(), facts=probe_media(path), audio=None, sheet=Path(folder) / "sheet.jpg")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    return main_of("benchmarks.production_cues", "Production cues", str(__doc__), ours, arguments)


if __name__ == "__main__":
    sys.exit(main())
