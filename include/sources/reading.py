"""What the sources share in reading answers: fields of any type, words for a query, addresses of files.

Whatever stands in an answer was written by strangers. These functions turn it into values that are safe to keep, or say
why an item is not taken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection

import httpx

from include.catalog.attribution import plain_text
from include.catalog.licences import claims_from_field, is_allowed
from include.catalog.records import Licence
from include.sources.addresses import checked_url
from include.sources.errors import ForbiddenUrl
from include.sources.source import ItemRef, Rejection, RejectionError

_WORD = re.compile(r"[^\W_]+")
_OPERATORS = frozenset({"AND", "OR", "NOT", "TO"})
_DIGITS = re.compile(r"[0-9]{1,18}")
_HEX = re.compile(r"[0-9a-f]*")
_GLIMPSED = 1000

LONGEST_NAME_BYTES = 800
"""A file's name up to here stays below the 1,024 bytes that stores allow a key, whatever stands before it."""


class UnfitItemError(Exception):
    """The item is not taken, and why."""

    def __init__(self, error: RejectionError, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message

    def rejection(self, ref: ItemRef) -> Rejection:
        title = plain_text(ref.title) or ref.id
        return Rejection(source_id=ref.id, title=title, error=self.error, message=self.message)


def query_words(words: str, longest: int | None = None) -> list[str]:
    """Split into words of letters and digits; everything else, which could steer a query, separates them.

    What query languages take as operator is written in lower case. Where a query may have no more than ``longest``
    characters, the last words that do not fit are left out: it then finds more, and the best matches first still.

    >>> query_words('rock "n" roll) OR (mediatype:movies')
    ['rock', 'n', 'roll', 'or', 'mediatype', 'movies']
    >>> query_words("night and day", longest=9)
    ['night', 'and']

    :raises ValueError: when there is no letter or digit.
    """
    found = [word.lower() if word in _OPERATORS else word for word in _WORD.findall(words)]
    if not found:
        raise ValueError(f"nothing to search for in {words!r}: give at least one letter or digit")
    while longest is not None and len(" ".join(found)) > longest:
        found = found[:-1] if len(found) > 1 else [found[0][:longest]]
    return found


def glimpse(value: object) -> str:
    """Write the beginning of an answer for a message."""
    return plain_text(str(value)[:_GLIMPSED])


def line_from_field(value: object, separator: str | None = None) -> str:
    """Read a field as one line of text: of a list the first entry, or all of them joined by ``separator``."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    claims = claims_from_field(value)
    return plain_text(separator.join(claims) if separator else claims[0]) if claims else ""


def whole_from_field(value: object) -> int | None:
    """Read a field as a whole number that is not negative.

    >>> whole_from_field("12"), whole_from_field(7), whole_from_field(-1), whole_from_field("1e3")
    (12, 7, None, None)
    """
    text = line_from_field(value)
    return int(text) if _DIGITS.fullmatch(text) else None


def hex_from_field(value: object, digits: int) -> str | None:
    """Read a field as a digest of so many hexadecimal digits, in lower case.

    >>> hex_from_field("C0FFEE01", digits=8), hex_from_field("c0ffee", digits=8), hex_from_field(None, digits=8)
    ('c0ffee01', None, None)
    """
    digest = line_from_field(value).lower()
    return digest if len(digest) == digits and _HEX.fullmatch(digest) else None


def is_usable_name(name: object) -> bool:
    r"""Say whether a file's name can be asked for and kept: it is a text, not too long, and no step in a path.

    >>> is_usable_name("disc 1/01.mp3"), is_usable_name(".."), is_usable_name(" "), is_usable_name("half \ud800")
    (True, False, False, False)
    """
    if not isinstance(name, str) or name.strip() in ("", ".", ".."):
        return False
    try:
        return len(name.encode()) <= LONGEST_NAME_BYTES
    except UnicodeEncodeError:  # half a surrogate has no place in a name
        return False


def is_true(value: object) -> bool:
    """Say whether a field means yes.

    >>> is_true(True), is_true("TRUE"), is_true(["1"]), is_true("no"), is_true(None)
    (True, True, True, False, False)
    """
    return value is True or line_from_field(value).lower() in ("true", "1")


def seconds_from_field(value: object) -> float | None:
    """Read a number of seconds; zero, which stands for unknown, is ``None``.

    >>> seconds_from_field(12), seconds_from_field(2.9), seconds_from_field(0), seconds_from_field("12")
    (12.0, 2.9, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def checked_address(address: str, hosts: Collection[str], base: str) -> str:
    """Return the address that an answer gives, when it lies on ``hosts``, or below ``base`` if that is a stand-in.

    The client checks again before it connects; here an item with a bad address is told apart before it is taken.

    >>> checked_address("https://upload.wikimedia.org/a.webm", {"upload.wikimedia.org"}, "https://commons.wikimedia.org")
    'https://upload.wikimedia.org/a.webm'

    :raises ForbiddenUrl: with what is wrong.
    """
    own = httpx.URL(base)
    stand_in = frozenset({own.netloc.decode()}) if own.scheme == "http" else frozenset()
    return str(checked_url(address.strip(), hosts, stand_in))


def page_address(value: object, hosts: Collection[str], base: str, *, otherwise: str) -> str:
    """Return the address of a work's page as a field gives it, or ``otherwise`` when that is not the source's.

    >>> page_address("javascript:alert(1)", {"pixabay.com"}, "https://pixabay.com", otherwise="https://pixabay.com/1/")
    'https://pixabay.com/1/'
    """
    try:
        return checked_address(value if isinstance(value, str) else "", hosts, base)
    except ForbiddenUrl:
        return otherwise


def require_allowed(licence: Licence, families: Collection[str]) -> None:
    """Let a licence of ``families`` pass.

    :raises UnfitItemError: when it is of another.
    :raises ValueError: for a family that does not exist.
    """
    if not is_allowed(licence, families):
        raise UnfitItemError(
            "LicenceNotAllowed", f"{licence.id} is none of the allowed licences ({', '.join(families)})"
        )
