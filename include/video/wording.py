"""Numbers, times, colours and lists as people write them."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence

from include.catalog.attribution import plain_text
from include.catalog.video import TimeSpan

THROUGHOUT = 0.9
"""Share of the clip from which on something is there throughout."""
MOST_TIMES = 2
"""Stretches that a sentence tells one by one."""

_GREYS = ((0.15, "black"), (0.4, "dark grey"), (0.7, "grey"), (0.9, "light grey"), (1.0, "white"))
_HUES = (
    (15, "red"), (42, "orange"), (70, "yellow"), (165, "green"), (195, "turquoise"), (255, "blue"), (290, "violet"),
    (340, "pink"), (360, "red"),
)  # fmt: skip


def joined(parts: Sequence[str]) -> str:
    """Join what a sentence lists.

    >>> joined(["red"]), joined(["red", "white"]), joined(["red", "white", "blue"])
    ('red', 'red and white', 'red, white and blue')
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def counted(number: int, noun: str) -> str:
    """Write a number of things whose name takes a plain ``s``.

    >>> counted(1, "shot"), counted(1200, "shot")
    ('1 shot', '1,200 shots')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def spelled_duration(seconds: float) -> str:
    """Write a length of time.

    >>> spelled_duration(1.0), spelled_duration(12.345), spelled_duration(59.98)
    ('1 second', '12.3 seconds', '1 minute')
    >>> spelled_duration(125), spelled_duration(3660)
    ('2 minutes 5 seconds', '1 hour 1 minute')
    """
    if round(seconds, 1) < 60:
        number = f"{seconds:.1f}".removesuffix(".0")
        return f"{number} second" if number == "1" else f"{number} seconds"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    units = [(hours, "hour"), (minutes, "minute"), (0 if hours else rest, "second")]
    return " ".join(counted(number, unit) for number, unit in units if number)


def clock(seconds: float) -> str:
    """Write a moment of a film.

    >>> clock(5.2), clock(65), clock(3725)
    ('0:05', '1:05', '1:02:05')
    """
    hours, minutes, rest = int(seconds) // 3600, int(seconds) // 60 % 60, int(seconds) % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def spelled_times(spans: Sequence[TimeSpan], duration_s: float | None) -> str:
    """Write when something is there.

    >>> spelled_times([TimeSpan(start_s=3.0, end_s=9.9)], 60.0), spelled_times([TimeSpan(start_s=3, end_s=3.5)], 60.0)
    ('from 0:03 to 0:10', 'at 0:03')
    >>> spelled_times([TimeSpan(start_s=start, end_s=start + 2) for start in (0, 10, 20)], 60.0)
    'from 0:00 to 0:02, from 0:10 to 0:12 and once more'
    >>> spelled_times([TimeSpan(start_s=0.0, end_s=58.0)], 60.0)
    'throughout'
    """
    if duration_s and sum(min(span.end_s, duration_s) - span.start_s for span in spans) >= THROUGHOUT * duration_s:
        return "throughout"
    told = [
        f"at {clock(span.start_s)}"
        if span.end_s - span.start_s < 1
        else f"from {clock(span.start_s)} to {clock(span.end_s + 0.5)}"
        for span in spans[:MOST_TIMES]
    ]
    further = len(spans) - len(told)
    if further:
        told.append("once more" if further == 1 else f"{further:,} more times")
    return joined(told)


def quoted(text: str, longest: int = 60) -> str:
    r"""Quote foreign text, on one line and shortened; a quote cannot be ended from within.

    >>> print(quoted('SALE "now"\n50 %'), quoted("abcdef", longest=4))
    "SALE 'now' 50 %" "abc…"
    """
    return '"' + plain_text(text, longest).replace('"', "'") + '"'


def colour_name(colour: str) -> str:
    """Name a colour, given as ``#rrggbb`` in sRGB, in a word or two.

    >>> [colour_name(colour) for colour in ("#0b1030", "#8a8a88", "#f4f2ef", "#7a4a1e", "#b59667", "#9fc6ff")]
    ['dark blue', 'grey', 'white', 'brown', 'beige', 'light blue']
    """
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, lightness, _ = colorsys.rgb_to_hls(red, green, blue)
    brightest, chroma = max(red, green, blue), max(red, green, blue) - min(red, green, blue)
    if brightest < 0.1 or chroma < 0.1:
        return next(name for limit, name in _GREYS if lightness <= limit)
    name = next(name for limit, name in _HUES if 360 * hue <= limit)
    is_muted = chroma < 0.55 * brightest
    if name == "orange" and is_muted and lightness >= 0.5:
        return "beige"
    if (name == "orange" and (is_muted or lightness < 0.4)) or (name == "red" and is_muted and lightness < 0.5):
        return "brown" if lightness >= 0.2 else "dark brown"
    return f"dark {name}" if lightness < 0.25 else f"light {name}" if lightness > 0.75 else name


def named_colours(shares: Iterable[tuple[str, float]], *, least_share: float = 0.1, most: int = 3) -> list[str]:
    """Name the main colours of a palette, the largest first; several shades of one colour count together.

    >>> named_colours([("#101010", 0.4), ("#0b0b0c", 0.2), ("#1040d0", 0.3), ("#ffffff", 0.05)])
    ['black', 'blue']
    >>> named_colours([("#6e6e6f", 0.8), ("#424242", 0.2)])
    ['shades of grey']
    """
    totals: dict[str, float] = {}
    names: dict[str, set[str]] = {}
    for colour, share in shares:
        name = colour_name(colour)
        family = name.rpartition(" ")[2]
        totals[family] = totals.get(family, 0.0) + share
        names.setdefault(family, set()).add(name)
    largest = sorted(totals, key=lambda family: -totals[family])
    return [
        f"shades of {family}" if len(names[family]) > 1 else names[family].pop()
        for family in largest
        if totals[family] >= least_share
    ][:most]
