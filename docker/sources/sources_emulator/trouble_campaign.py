"""The campaign `trouble`: one item for each thing that goes wrong in the wild, and a few sound ones between them."""

from __future__ import annotations

from sources_emulator.campaigns import ALL_RIGHTS, BY_4, BY_NC_3, BY_NC_ND_4, BY_ND_3, BY_SA_4, CC0, LOOK_ALIKE
from sources_emulator.catalogue import Fault, Item, Track
from sources_emulator.composing.piece import Piece

LONG_NAME = "very long name " * 15 + ".mp3"  # 229 characters


def _tune(seconds: float = 6, take: str = "a") -> Piece:
    return Piece("fingerpicking", seconds, 100, "C", "major", seed=f"trouble {take}")


def _item(
    identifier: str,
    title: str,
    licence: str | None = BY_4,
    *,
    piece: Piece | None = None,
    formats: tuple[str, ...] = ("mp3",),
    file_name: str | None = None,
    index_licence: str | None = None,
    fault: Fault | None = None,
    flaw: str | None = None,
    track_title: str | None = None,
) -> Item:
    track = Track(piece or _tune(take=identifier), track_title or title, file_name)
    return Item(
        identifier=f"trouble-{identifier}",
        campaign="trouble",
        title=title,
        creator="The Gremlin Works",
        licence=licence,
        tracks=(track,) if formats else (),
        formats=formats,
        subject="trouble",
        description=f"Trouble on request: {fault or flaw or title}.",
        index_licence=licence if index_licence is None else index_licence,
        fault=fault,
        flaw=flaw,
    )


ITEMS = (
    _item("none", "Nothing wrong here"),
    _item("429-twice", "Too many requests, twice", fault=Fault.RATE_LIMITED_TWICE),
    _item("503-twice", "Service unavailable, twice", fault=Fault.UNAVAILABLE_TWICE),
    _item("503-always", "Service unavailable", fault=Fault.UNAVAILABLE),
    _item("truncated", "Cut short", fault=Fault.TRUNCATED),
    _item("truncated-once", "Cut short once", fault=Fault.TRUNCATED_ONCE),
    _item("wrong-md5", "Wrong checksum", fault=Fault.WRONG_MD5),
    _item("html-page", "A page instead of a recording", fault=Fault.HTML_PAGE),
    _item("redirect-loop", "Round and round", fault=Fault.REDIRECT_LOOP),
    _item("redirect-private", "Through the back door", fault=Fault.REDIRECT_PRIVATE),
    _item("redirect-loopback", "Next door", fault=Fault.REDIRECT_LOOPBACK),
    _item("redirect-file", "Down the cellar", fault=Fault.REDIRECT_SCHEME),
    _item("trickle", "Drop by drop", fault=Fault.TRICKLE),
    _item("oversized", "Ten terabytes", fault=Fault.OVERSIZED),
    _item("gone", "Taken down yesterday", fault=Fault.GONE),
    _item("no-licence", "Missing licence", None, index_licence=BY_4,
          flaw="stale index: the metadata carries no licence"),
    _item("no-licence-anywhere", "Missing licence, honestly", None, flaw="no licence, in the index neither"),
    _item("all-rights", "All rights reserved", ALL_RIGHTS, index_licence=BY_4,
          flaw="stale index: the metadata's licence is not CC"),
    _item("look-alike", "Look-alike licence", LOOK_ALIKE, flaw="the licence address only looks like Creative Commons"),
    _item("versionless", "Licence without a version", "https://creativecommons.org/licenses/by/",
          flaw="the licence has no version"),
    _item("old-public-domain", "Old public domain dedication", "http://creativecommons.org/licenses/publicdomain/"),
    _item("nc", "Not for sale", BY_NC_3),
    _item("nd", "No derivatives", BY_ND_3, flaw="ND: no derivative may be published"),
    _item("nc-nd", "Not for sale, no derivatives", BY_NC_ND_4, flaw="ND: no derivative may be published"),
    _item("twin-a", "The elder twin", BY_SA_4, piece=_tune(take="twins"), track_title="Twin", formats=("flac",)),
    _item("twin-b", "The younger twin", BY_SA_4, piece=_tune(take="twins"), track_title="Twin", formats=("flac",),
          flaw="the same bytes as trouble-twin-a"),
    _item("name-traversal", "Name that climbs", file_name="../../etc/passwd"),
    _item("name-unicode", "Name in many scripts", file_name="песня ñandú 音楽 🎵.mp3"),
    _item("name-long", "Name without end", file_name=LONG_NAME),
    _item("name-quotes", "Name with a line break", file_name="line\nbreak \"and\" 'quotes' #1?&=%2F;.mp3"),
    _item("zero-bytes", "Nothing at all", formats=("empty",), file_name="nothing.mp3", flaw="a file of zero bytes"),
    _item("silent", "Six seconds of nothing", CC0, piece=Piece("silence", 6, seed="silent"), formats=("flac",)),
    _item("one-sample", "The shortest piece", CC0, piece=Piece("one_sample", 1, seed="one"), formats=("wav",)),
    _item("video", "Moving pictures with sound", formats=("mp4",), flaw="a video, though its item says audio"),
    _item("text-named-mp3", "Words instead of music", formats=("text",), file_name="words.mp3",
          flaw="a text file called mp3"),
    _item("no-audio", "Only a leaflet", formats=(), flaw="an item without any audio file"),
    _item("none-again", "Nothing wrong here either", CC0),
)  # fmt: skip
