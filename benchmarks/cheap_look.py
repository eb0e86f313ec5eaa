"""What the cheap look at an upload costs, jolts of the picture and loud sounds: against decoding its picture alone.

All in one run, over generated films of moving test cards with cuts and a tone (H.264, 25 frames a second), and with
`--media FOLDER` over real films too, which are not part of the repository: a folder with a `MANIFEST.csv` that names
each file's path and kind.

- **decode**: PyAV decodes every frame of the picture in the same threads and throws it away
- **ours**: `include.triage.screen.measure_signals`, which decodes the sound too, and of the picture only what others
  lean on, where that is enough

Warm: rounds in one process a film, each way once a round from another start, after one round that does not count. Peak
memory: a process of its own, over one film of half a minute, and the same film again and again for ten minutes and for
an hour, by stream copy. The exit status is 1 when memory grows with the length.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.films import main_of


def ours(path: Path) -> None:
    """Look at the film."""
    from include.triage.screen import measure_signals
    from include.video.probe import probe_media

    measure_signals(path, probe_media(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    return main_of("benchmarks.cheap_look", "The cheap look at an upload", str(__doc__), ours, arguments)


if __name__ == "__main__":
    sys.exit(main())
