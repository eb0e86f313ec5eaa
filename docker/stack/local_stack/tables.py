"""What a curation run brought, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from include.catalog.video import NOT_ASKED_FOR
from local_stack.following import shown

if TYPE_CHECKING:
    from include.catalog.keys import MediaType
    from local_stack.demo import Lake

MOST_NAMES = 4


def print_run(console: Console, lake: Lake, media_type: MediaType, summaries: Sequence[Mapping[str, Any]]) -> None:
    """Print what a run took, what it left and why, where it lies, and what it cost."""
    if not summaries:
        return
    assets = [asset for summary in summaries for asset in summary["assets"]]
    good = [asset for asset in assets if asset["state"] == "analysed"]
    campaign, asked = summaries[0]["campaign"], summaries[0]["asked"]
    title = f"{campaign}: {len(good)} of {asked} asked for"
    if good:
        console.print()
        console.print((_audio_table if media_type == "audio" else _video_table)(title, lake, good))
    _print_bad(console, [asset for asset in assets if asset["state"] != "analysed"])
    if summaries[-1]["exhausted"]:
        have = sum(item["media_type"] == media_type for item in lake.assets(campaign))
        console.print(
            f"The sources have nothing further for {campaign} that the lake does not hold already "
            f"({have} analysed {media_type} assets in all)."
        )
    _print_costs(console, summaries[0])
    console.print("\nIn the lake:")
    for asset in good:
        print_plainly(console, f"  s3://{lake.settings.raw_bucket}/{asset['raw_key']}")
        for key in ("features_key", "labels_key", "contact_sheet_key"):
            if asset[key]:
                print_plainly(console, f"  s3://{lake.settings.processed_bucket}/{asset[key]}")
    for summary in summaries:
        print_plainly(console, f"  s3://{lake.settings.processed_bucket}/{summary['key']}")


def print_footage(console: Console, uploads: Sequence[tuple[str, str, str, Mapping[str, Any] | None]]) -> None:
    """Print what was decided about each upload: its device, name, what it shows, and its item of the catalogue."""
    table = _table(
        f"{len(uploads)} uploads",
        folded=("upload", "shows", "decision"),
        right=("score", "moments (s)"),
        left=("alert",),
        wide=("kept as, or why not",),
    )
    titles = {item["asset_id"]: item["title"] for *_, item in uploads if item is not None}
    for device, name, about, item in uploads:
        table.add_row(shown(f"{device} {name}"), shown(about), *(shown(cell) for cell in footage_cells(item, titles)))
    console.print(table)


def footage_cells(item: Mapping[str, Any] | None, titles: Mapping[str, str]) -> tuple[str, str, str, str, str]:
    """Return decision, score, moments, whether people were told, and where it is kept and why, or why it is not.

    :param titles: of other uploads, by asset id

    >>> footage_cells({"state": "duplicate", "duplicate_of": "a"}, {"a": "cam-1 drive.mp4"})
    ('duplicate', '-', '-', 'no', 'the same bytes as cam-1 drive.mp4')
    """
    if item is None:
        return "not taken", "-", "-", "no", "no run has seen it yet"
    if item["state"] == "duplicate":
        original = item["duplicate_of"]
        return "duplicate", "-", "-", "no", f"the same bytes as {titles.get(original, original)}"
    if item["state"] == "failed":
        failure = item["failure"]
        return "failed", "-", "-", "no", f"{failure['stage']}: {failure['error']}: {failure['message']}"
    if "decision" not in item:
        return item["state"], "-", "-", "no", "not decided yet"
    moments = " ".join(f"{moment:.1f}" for moment in item["moments_s"]) or "-"
    alert = "yes" if "alerted_at" in item else "not yet" if item.get("alert_id") else "no"
    kept = item.get("storage_reason") or "not decided yet"  # which begins with the class
    return item["decision"], f"{item['score']:.2f}", moments, alert, kept


def print_plainly(console: Console, line: str) -> None:
    """Print a line that may be copied: as it is, and never broken."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def _audio_table(title: str, lake: Lake, assets: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(title, folded=("title", "licence"), right=("s", "LUFS", "BPM", "or"), left=("key", "voice"))
    for asset in assets:
        heard = lake.record(asset["features_key"]) or {}
        others = [bpm for bpm in heard["tempo_candidates_bpm"] if bpm != heard["tempo_bpm"]]
        table.add_row(
            shown(asset["title"]),
            shown(asset["licence"] or "-"),
            f"{heard['duration_s']:.2f}",
            _number(heard["loudness_lufs"]),
            _number(heard["tempo_bpm"]),
            " ".join(f"{bpm:.0f}" for bpm in others),
            f"{heard['key']} {heard['mode']}" if heard["key"] else "-",
            heard["voice"],
        )
    return table


def _video_table(title: str, lake: Lake, assets: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(
        title,
        folded=("title", "licence"),
        right=("s", "size", "shots"),
        left=("light", "camera"),
        wide=("seen", "text", "not looked at"),
    )
    for asset in assets:
        found = lake.record(asset["labels_key"]) or {}
        media, production = found["media"], found["production"]
        turned = f" {media['rotation_deg']}°" if media["rotation_deg"] else ""
        light = " ".join(filter(None, (production["daylight"]["value"], production["lighting_key"]["value"])))
        missing = [f"{name}: {why}" for name, why in found["skipped"].items() if why != NOT_ASKED_FOR]
        table.add_row(
            shown(asset["title"]),
            shown(asset["licence"] or "-"),
            _number(media["duration_s"]),
            f"{media['width']}x{media['height']}{turned}",
            str(len(found["shots"])),
            light or "-",
            production["camera_motion"]["value"] or "-",
            _some([label["name"] for label in found["labels"]]),
            _some([line["text"] for line in found["text"]]),
            shown("; ".join(missing)),
        )
    return table


def _table(
    title: str,
    *,
    folded: Sequence[str],
    right: Sequence[str] = (),
    left: Sequence[str] = (),
    wide: Sequence[str] = (),
) -> Table:
    table = Table(title=title, title_justify="left")
    for column in folded:
        table.add_column(column, overflow="fold")
    for column in right:
        table.add_column(column, justify="right")
    for column in left:
        table.add_column(column)
    for column in wide:
        table.add_column(column, overflow="fold")
    return table


def _print_bad(console: Console, assets: Sequence[Mapping[str, Any]]) -> None:
    if not assets:
        return
    table = _table(
        f"{len(assets)} not taken, each recorded with its reason", folded=("item", "state", "stage", "reason")
    )
    for asset in assets:
        failure = asset["failure"] or {"stage": "", "error": "", "message": ""}
        reason = f"{failure['error']}: {failure['message']}" if asset["failure"] else "not analysed"
        name = asset["title"] if asset["state"] == "rejected" else asset["original_name"]
        table.add_row(shown(name), asset["state"], failure["stage"], shown(reason))
    console.print(table)


def _print_costs(console: Console, summary: Mapping[str, Any]) -> None:
    if summary["quoted_usd"] is None and summary["paid_usd"] is None:
        return
    console.print(
        f"\nQuoted before it began: {_dollars(summary['quoted_usd'])}. Paid by the rate card of AWS's list prices: "
        f"{_dollars(summary['paid_usd'])}. (Nothing is paid on this machine.)",
        soft_wrap=True,
        highlight=False,
    )


def _dollars(value: float | None) -> str:
    return "not known" if value is None else f"${value:.4f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are.

    >>> _some(["Car", "Person", "Street", "Sky", "Tree", "Bus"])
    'Car, Person, Street, Sky + 2'
    """
    more = len(names) - MOST_NAMES
    text = ", ".join(dict.fromkeys(names[:MOST_NAMES]))
    return shown(f"{text} + {more}" if more > 0 else text) or "-"
