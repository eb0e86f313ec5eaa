"""Analyse files from the command line: one JSON line each, with the features or with the error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from include.audio.analyse import analyse_audio
from include.audio.errors import AudioError


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each file; return 0 when all were analysed, 1 when one was not."""
    parser = argparse.ArgumentParser(prog="python -m include.audio", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="an audio file, or a video with sound")
    failed = False
    for name in parser.parse_args(arguments).files:
        try:
            features = analyse_audio(
                name, asset_id=name, original_name=Path(name).name, attribution_required=False, attribution_text=""
            )
            line = asdict(features)
        except AudioError as error:
            failed = True
            line = {"original_name": name, "error": error.code, "message": str(error)}
        except OSError as error:
            failed = True
            line = {
                "original_name": name,
                "error": "unreadable",
                "message": f"{name}: {error.strerror or error}. Check the path.",
            }
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
