"""The line that credits a work: title, author, source and licence, as Creative Commons asks for it."""

from __future__ import annotations

import html
import re
import unicodedata

from include.catalog.licences import PIXABAY_LICENCE, PUBLIC_DOMAIN, family_of
from include.catalog.records import Licence

LONGEST_NAME = 200
"""Characters of a title or a creator that a credit line carries; the record keeps its own."""

UNKNOWN_AUTHOR = "unknown author"

_TAG = re.compile(r"<[/!?]?[A-Za-z][^<>]*>|<!--[^<>]*>")
_MOST_LAYERS = 4
_LONGEST_INPUT_PER_CHARACTER = 50


def plain_text(text: str, longest: int = LONGEST_NAME) -> str:
    r"""Reduce a source's text to one printable line of at most ``longest`` characters.

    Tags and entities of HTML are resolved, also where they were escaped twice; control characters, half surrogates and
    marks that reverse the reading direction are dropped; runs of white space become one space. This makes text fit to
    be stored and shown, not safe to be put into HTML: that remains with whoever writes HTML.

    >>> plain_text("<b>Rain</b> &amp;\n thunder")
    'Rain & thunder'
    >>> plain_text("abcdef", longest=4)
    'abc…'
    """
    text = text[: _LONGEST_INPUT_PER_CHARACTER * longest]
    for _ in range(_MOST_LAYERS):
        before = text
        text = _TAG.sub(" ", _printable(html.unescape(text)))
        if text == before:
            break
    else:  # nested deeper than any honest text
        text = text.replace("<", " ")
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _printable(text: str) -> str:
    return "".join(" " if _is_control(character) else character for character in text if not _is_hidden(character))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _is_hidden(character: str) -> bool:
    if character in "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}":  # writing systems and emoji need them
        return False
    return unicodedata.category(character) in ("Cf", "Cs", "Cn", "Co")


def licence_name(licence: Licence) -> str:
    """Write a licence as people do.

    >>> from include.catalog.licences import licence_from_url
    >>> licence_name(licence_from_url("https://creativecommons.org/licenses/by-nc-sa/2.0/uk/"))
    'CC BY-NC-SA 2.0 UK'
    """
    if licence.id == "CC-PDM-1.0":
        return "Public Domain Mark 1.0"
    if licence.id == "CC-PDDC":
        return "Public Domain Dedication and Certification"
    if licence.id == "CC0-1.0":
        return "CC0 1.0"
    if licence.id == PUBLIC_DOMAIN.id:
        return "public domain"
    if licence.id == PIXABAY_LICENCE.id:
        return "Pixabay Content License"
    family = family_of(licence).upper()
    return f"CC {family} " + licence.id.removeprefix(f"CC-{family}-").replace("-", " ")


def attribution_text(title: str, creator: str | None, source_name: str, source_url: str, licence: Licence) -> str:
    """Write the credit for a work, ready to be shown beside it.

    A work in the public domain gets one as well: it is not required there, and remains good manners. So does one from
    Pixabay, which asks to show "where the images and videos are from" (https://pixabay.com/api/docs/).

    >>> from include.catalog.licences import licence_from_url
    >>> by = licence_from_url("https://creativecommons.org/licenses/by/4.0/")
    >>> attribution_text("Vibe Ace", "Kevin MacLeod", "Internet Archive", "https://archive.org/details/vibe-ace", by)
    '"Vibe Ace" by Kevin MacLeod, Internet Archive (https://archive.org/details/vibe-ace), licensed under CC BY 4.0 \
(https://creativecommons.org/licenses/by/4.0/)'
    """
    return (
        f'"{plain_text(title) or "Untitled"}" by {plain_text(creator or "") or UNKNOWN_AUTHOR}, '
        f"{plain_text(source_name)} ({source_url}), {_terms(licence)}{licence_name(licence)} ({licence.url})"
    )


def _terms(licence: Licence) -> str:
    """Lead over to the name of the licence: what holds for the work."""
    if licence.id == PIXABAY_LICENCE.id:
        return ""  # the name says it; "licensed under" is what people look for before a Creative Commons licence
    if licence.id == PUBLIC_DOMAIN.id:
        return "stated by its source to be in the "
    if licence.id == "CC0-1.0":
        return "dedicated to the public domain: "
    return "licensed under " if licence.attribution_required else "free of known copyright: "
