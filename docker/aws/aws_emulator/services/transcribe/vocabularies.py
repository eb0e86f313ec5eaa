"""Custom vocabularies: checked, kept and handed out. A job may name one; no recogniser here uses its words."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

LARGEST_BYTES = 50 * 1024  # https://docs.aws.amazon.com/general/latest/gr/transcribe.html
LONGEST_PHRASE = 256
MOST_VOCABULARIES = 100
TABLE_COLUMNS = {"Phrase", "SoundsLike", "IPA", "DisplayAs"}


class VocabularyBroken(ValueError):
    """A vocabulary's file is not what Transcribe reads; the message is its FailureReason."""


@dataclass(slots=True)
class Vocabulary:
    """A custom vocabulary. ``phrases`` is empty and ``failure_reason`` set if its file was not usable."""

    name: str
    language: str
    phrases: list[str]
    modified: datetime.datetime
    failure_reason: str | None = None
    role: str | None = None
    encryption: dict[str, Any] | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return "FAILED" if self.failure_reason else "READY"

    @property
    def mark(self) -> str:
        return f"{self.modified.isoformat()} {self.name}"

    def summary(self) -> dict[str, Any]:
        """As ListVocabularies tells of it, and most of what the others tell."""
        return {
            "VocabularyName": self.name,
            "LanguageCode": self.language,
            "LastModifiedTime": self.modified,
            "VocabularyState": self.state,
        }


def refuse_large(size_bytes: int) -> None:
    """Raise ``VocabularyBroken`` for a file of more bytes than Transcribe reads."""
    if size_bytes > LARGEST_BYTES:
        raise VocabularyBroken(f"The vocabulary file has {size_bytes} bytes, more than the {LARGEST_BYTES} allowed.")


def phrases_in(text: bytes) -> list[str]:
    r"""The phrases of a vocabulary file: a list, one a line, or a table whose first column is ``Phrase``.

    >>> phrases_in(b"Los-Angeles\nF.B.I.\n"), phrases_in(b"Phrase\tDisplayAs\nLos-Angeles\tLos Angeles\n")
    (['Los-Angeles', 'F.B.I.'], ['Los-Angeles'])
    """
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise VocabularyBroken("The vocabulary file must be plain text in UTF-8.") from error
    rows = [line.split("\t") for line in lines if line.strip()]
    if rows and "Phrase" in rows[0]:
        unknown = set(rows[0]) - TABLE_COLUMNS
        if unknown or rows[0].count("Phrase") != 1:
            raise VocabularyBroken(f"The header of the vocabulary file may name {', '.join(sorted(TABLE_COLUMNS))}.")
        column = rows[0].index("Phrase")
        rows = [[row[column]] if len(row) > column else [""] for row in rows[1:]]
    phrases = [row[0].strip() for row in rows]
    for number, phrase in enumerate(phrases, 1):
        if not phrase or len(phrase) > LONGEST_PHRASE:
            raise VocabularyBroken(f"Phrase {number} must have 1 to {LONGEST_PHRASE} characters.")
    if not phrases:
        raise VocabularyBroken("The vocabulary file has no phrase.")
    return phrases
