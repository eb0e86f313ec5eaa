"""What a recogniser hears: words with their times, in stretches of speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PAUSE_S = 0.7  # silence between two words at which an utterance ends
SENTENCE_ENDS = frozenset(".!?。！？")


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word: seconds from the start of the audio, confidence from 0 to 1.

    ``mark`` is the punctuation that follows it, empty unless the recogniser knows punctuation. ``glued`` says that no
    space stands before the word (Chinese, Japanese).
    """

    start_s: float
    end_s: float
    text: str
    confidence: float
    mark: str = ""
    glued: bool = False


def text_of(words: Iterable[Word]) -> str:
    """The words as one line of text.

    >>> text_of([Word(0, 1, "so", 1.0, mark=","), Word(1, 2, "what", 1.0, mark="?")])
    'so, what?'
    """
    return "".join(("" if word.glued else " ") + word.text + word.mark for word in words).strip()


def utterances(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Split words where the speaker pauses for ``PAUSE_S`` or a sentence ends.

    >>> words = [Word(0, 1, "yes", 1.0), Word(2, 3, "or", 1.0), Word(3, 4, "no", 1.0)]
    >>> [text_of(part) for part in utterances(words)]
    ['yes', 'or no']
    """
    part: list[Word] = []
    for word in words:
        if part and (word.start_s - part[-1].end_s >= PAUSE_S or part[-1].mark[-1:] in SENTENCE_ENDS):
            yield part
            part = []
        part.append(word)
    if part:
        yield part
