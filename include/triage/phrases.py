"""Words and phrases found in what was read or heard, without patterns: the time it takes grows with the text alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache


@lru_cache(maxsize=8192)
def tokens(text: str) -> tuple[str, ...]:
    """Cut text into words of letters and digits, without case.

    >>> tokens("Don't STOP — Café №5")
    ('don', 't', 'stop', 'café', 'no5')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return tuple("".join(character if character.isalnum() else " " for character in folded).split())


@lru_cache(maxsize=8192)
def spelt(text: str) -> str:
    """Return the words of a text one after the other: a phrase that is not in there is not in the text either.

    >>> spelt("Test-drive 2")
    'testdrive2'
    """
    return "".join(tokens(text))


def runs_of(phrase: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where ``phrase`` stands among ``words``, first and last word, whole words only.

    Spaces inside count for nothing, for what reads and hears text puts them here and there.

    :param phrase: as ``spelt`` returns it.

    >>> list(runs_of("testdrive", tokens("a TEST DRIVE, no testdriver, a test-drive")))
    [(1, 2), (6, 7)]
    >>> list(runs_of("car", tokens("a scar, a carpet"))), list(runs_of("", ["a"]))
    ([], [])
    """
    if not phrase:
        return
    for first in range(len(words)):
        matched = 0
        for last in range(first, len(words)):
            if not phrase.startswith(words[last], matched):
                break
            matched += len(words[last])
            if matched == len(phrase):
                yield first, last
                break
