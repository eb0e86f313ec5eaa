"""The part of Lucene's query language that people send to the archive's search.

    query   := clause (AND | OR | NOT | nothing, which means AND) clause ...      AND binds tighter than OR
    clause  := ( query )   field:value   field:(query)   value
    value   := word   "a phrase"   wild*card   [low TO high]   {low TO high}

A value without a field is looked for in title, subject, description and creator. Words match whole words whatever their
case; a wildcard matches a word or the whole value. `^2` boosts are read and have no effect: results keep their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Document], bool]

DEFAULT_FIELDS = ("title", "subject", "description", "creator")
LONGEST_QUERY = 8_000  # characters
DEEPEST_NESTING = 50  # parentheses

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<open>\()|(?P<close>\))|
      (?P<range>[\[{]\s*(?P<low>"[^"]*"|[^\s\]}]+)\s+TO\s+(?P<high>"[^"]*"|[^\s\]}]+)\s*[\]}])|
      (?P<phrase>"(?:[^"\\]|\\.)*")(?:~\d+)?(?:\^\d+(?:\.\d+)?)?|
      (?P<and>AND(?=[\s(]|$)|&&)|(?P<or>OR(?=[\s(]|$)|\|\|)|(?P<not>NOT(?=[\s(]|$)|!)|
      (?P<sign>[+-](?=\S))|
      (?P<field>[A-Za-z_][A-Za-z0-9_.-]*):(?=\S)|
      (?P<all>\*:\*)|
      (?P<word>(?:\\.|[^\s()\[\]{}":^~\\])+)(?:\^\d+(?:\.\d+)?)?
    )""",
    re.VERBOSE,
)


class QueryError(ValueError):
    """The query cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    low: str = ""
    high: str = ""


def search(query: str, documents: Iterable[Document]) -> list[Document]:
    """The documents that match, in the order given. Raises QueryError.

    >>> docs = [{"title": "Blue Train", "year": "1957"}, {"title": "Red Clay", "year": "1970"}]
    >>> [doc["title"] for doc in search("year:[1960 TO 1979] OR train", docs)]
    ['Blue Train', 'Red Clay']
    """
    matches = parse(query)
    return [document for document in documents if matches(document)]


def parse(query: str) -> Test:
    """A test of documents. An empty query, or one that cannot be read, raises QueryError.

    >>> parse("title:(blue OR red) AND NOT clay")({"title": "Blue Train"})
    True
    >>> parse('"train blue"')({"title": "Blue Train"})
    False
    >>> parse("(jazz")
    Traceback (most recent call last):
    ...
    sources_emulator.query.QueryError: a '(' is never closed
    """
    if len(query) > LONGEST_QUERY:
        raise QueryError(f"the query has {len(query)} characters; {LONGEST_QUERY} are allowed")
    reader = _Reader(_tokens(query))
    test = reader.alternatives(None, 0)
    if reader.next is not None:
        raise QueryError(f"unexpected {reader.next.text!r} at character {reader.next.at}")
    return test


def _tokens(query: str) -> list[_Token]:
    tokens, at = [], 0
    end = len(query.rstrip())
    while at < end:
        match = _TOKEN.match(query, at)
        if not match or match.end() == at or match.lastgroup is None:
            raise QueryError(f"unexpected {query[at : at + 10].strip()!r} at character {at}")
        kind = next(name for name in _KINDS if match[name] is not None)
        tokens.append(_Token(kind, match[kind], match.start(kind), match["low"] or "", match["high"] or ""))
        at = match.end()
    if not tokens:
        raise QueryError("the query is empty")
    return tokens


_KINDS = ("open", "close", "range", "phrase", "and", "or", "not", "sign", "field", "all", "word")


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, *kinds: str) -> _Token | None:
        token = self.next
        if token is not None and token.kind in kinds:
            self._at += 1
            return token
        return None

    def alternatives(self, field: str | None, depth: int) -> Test:
        tests = [self._conjunction(field, depth)]
        while self._take("or"):
            tests.append(self._conjunction(field, depth))
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _conjunction(self, field: str | None, depth: int) -> Test:
        tests = [self._negation(field, depth)]
        while self.next is not None and self.next.kind not in ("or", "close"):
            self._take("and")
            tests.append(self._negation(field, depth))
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _negation(self, field: str | None, depth: int) -> Test:
        negative = False
        while token := self._take("not", "sign"):
            negative ^= token.text != "+"
        test = self._clause(field, depth)
        return (lambda document: not test(document)) if negative else test

    def _clause(self, field: str | None, depth: int) -> Test:
        if name := self._take("field"):
            return self._clause(name.text, depth)
        if self._take("open"):
            if depth >= DEEPEST_NESTING:
                raise QueryError(f"more than {DEEPEST_NESTING} parentheses inside each other")
            test = self.alternatives(field, depth + 1)
            if not self._take("close"):
                raise QueryError("a '(' is never closed")
            return test
        if self._take("all"):
            return lambda _document: True
        if token := self._take("range"):
            return _range_test(field, token)
        if token := self._take("phrase"):
            return _words_test(field, re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token := self._take("word"):
            return _exists_test(token.text) if field == "_exists_" else _word_test(field, token.text)
        where = (
            f"unexpected {self.next.text!r} at character {self.next.at}" if self.next else "the query ends too early"
        )
        raise QueryError(where)


def words_of(text: str) -> list[str]:
    """Lower-case words, letters and digits of any script.

    >>> words_of("My-Media: Café 12")
    ['my', 'media', 'café', '12']
    """
    return re.findall(r"[^\W_]+", text.lower())


def _values(document: Document, field: str | None) -> list[str]:
    values: list[str] = []
    for name in DEFAULT_FIELDS if field is None else (field,):
        value = document.get(name)
        if isinstance(value, list | tuple):
            values += [str(one) for one in value]
        elif value is not None:
            values.append(str(value))
    return values


def _exists_test(field: str) -> Test:
    return lambda document: bool(_values(document, field))


def _words_test(field: str | None, phrase: str) -> Test:
    wanted = words_of(phrase)
    if not wanted:
        return lambda _document: False

    def test(document: Document) -> bool:
        for value in _values(document, field):
            found = words_of(value)
            if any(found[at : at + len(wanted)] == wanted for at in range(len(found) - len(wanted) + 1)):
                return True
        return False

    return test


def _word_test(field: str | None, word: str) -> Test:
    plain = re.sub(r"\\(.)", r"\1", word)
    if not re.search(r"(?<!\\)[*?]", word):
        return _words_test(field, plain)
    pattern = re.compile(translate(re.sub(r"\[", "[[]", plain.lower())))

    def test(document: Document) -> bool:
        return any(
            pattern.match(value.lower()) or any(pattern.match(one) for one in words_of(value))
            for value in _values(document, field)
        )

    return test


def _range_test(field: str | None, token: _Token) -> Test:
    """Numbers compare as numbers, everything else as text; a bound that is a prefix of the value includes it."""
    low, high = token.low.strip('"'), token.high.strip('"')
    with_low, with_high = token.text[0] == "[", token.text[-1] == "]"

    def inside(value: str) -> bool:
        try:
            number = float(value)
            above = low == "*" or (number >= float(low) if with_low else number > float(low))
            return above and (high == "*" or (number <= float(high) if with_high else number < float(high)))
        except ValueError:
            above = low == "*" or (value >= low if with_low else value > low and not value.startswith(low))
            return above and (high == "*" or value < high or (with_high and value.startswith(high)))

    return lambda document: any(inside(value) for value in _values(document, field))
