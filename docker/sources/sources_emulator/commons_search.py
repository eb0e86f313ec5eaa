"""CirrusSearch's query language, as far as people use it to find files of Commons."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import TypeAlias

from sources_emulator.commons import CommonsFile

Matches: TypeAlias = Callable[[CommonsFile], bool]


def search_test(words: str) -> Matches:
    """What CirrusSearch's query means: every word or "phrase" must stand in the file's text, `-` before it: must not.

    `word*` means words that begin so; `a OR b` either; `filetype:`, `filemime:`, `intitle:` and `incategory:` look
    where they say, with `|` between alternatives.
    """
    tests: list[Matches] = []
    either = False
    for minus, field, value in re.findall(r'(-?)(?:([a-z]+):)?("[^"]*"?|[^\s"]+)', words):
        if value in ("AND", "OR") and not field:
            either = value == "OR" and bool(tests)
            continue
        test = _term(field, value.strip('"'))
        if minus:
            test = _negated(test)
        if either:
            test = _either(tests.pop(), test)
        tests.append(test)
        either = False
    return lambda file: all(test(file) for test in tests)


def _term(field: str, value: str) -> Matches:
    options = [option.strip() for option in value.split("|")]
    match field:
        case "filetype":
            return lambda file: file.mediatype.lower() in [option.lower() for option in options]
        case "filemime":
            return lambda file: file.mime in options
        case "intitle":
            return lambda file: _holds(file.name, value)
        case "incategory":
            return lambda file: bool(set(file.categories) & set(options))
    return lambda file: _holds(file.text, f"{field} {value}")


def _negated(test: Matches) -> Matches:
    return lambda file: not test(file)


def _either(one: Matches, other: Matches) -> Matches:
    return lambda file: one(file) or other(file)


def _holds(text: str, phrase: str) -> bool:
    """Whether the words of a phrase stand side by side in a line of a text; a phrase without words is everywhere.

    >>> _holds("Rainy street", "STREET"), _holds("Rainy street", "rain"), _holds("Rainy street", "rain*")
    (True, False, True)
    """
    words = re.findall(r"(\w+)(\*?)", _plain(phrase))
    wanted = "".join(r"\W+" + re.escape(word) + (r"\w*" if star else r"(?!\w)") for word, star in words)
    return any(re.search(wanted, f" {line}") for line in _plain(text).splitlines())


def _plain(text: str) -> str:
    """Lower case without accents; an underscore parts words."""
    decomposed = unicodedata.normalize("NFKD", text.replace("_", " "))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
