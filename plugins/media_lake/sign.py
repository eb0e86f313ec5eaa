"""Print fresh links to what there is to look at of an incident: ``python -m media_lake.sign <asset id>``.

Whoever holds a link can watch, until it expires. Nothing is sent or written down.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

from include.settings import SETTINGS
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.operators.alerts import DEFAULT_HOURS
from media_lake.playback import Piece, film_and_clips, sign_all

MOST_HOURS = 8760


def main(arguments: list[str] | None = None) -> str:
    """Return the links, a line each, or why there is none.

    :raises SystemExit: when there is no such incident.
    """
    parser = argparse.ArgumentParser(prog="python -m media_lake.sign", description=__doc__)
    parser.add_argument("asset_id")
    parser.add_argument(
        "--hours", type=_hours, default=DEFAULT_HOURS, help=f"how long the links play, up to a year [{DEFAULT_HOURS}]"
    )
    asked = parser.parse_args(arguments)
    item = AssetCatalogueHook().read(asked.asset_id)
    if item is None or item.get("decision") != "incident":
        raise SystemExit(f"{asked.asset_id} is no incident of the catalogue {SETTINGS.assets_table}")
    pieces = film_and_clips(LakeHook(), item, item["moments_s"], lambda _: "it was not made")
    if item.get("picture_key"):
        pieces.append(Piece(name="Picture", key=item["picture_key"]))
    expires_at = datetime.now(UTC) + timedelta(hours=asked.hours)
    shows, _ = sign_all(pieces, expires_at, aws_conn_id=SETTINGS.aws_conn_id)
    return "\n".join(f"{show.name}: {show.url or show.why_not}" for show in shows)


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= MOST_HOURS:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and up to {MOST_HOURS}")
    return hours


if __name__ == "__main__":
    sys.stdout.write(f"{main()}\n")
