"""pocketsphinx with the US English model of its wheel.

Tried on thirteen recordings (100 words): the acoustic mean has to be taken over a whole piece (``full_utt``);
estimated as the sound comes, 56 words were wrong instead of 36. At most 2,000 of its 30,000 HMMs a frame halve the work
(8 instead of 19 CPU seconds for 42 s of speech, 4 instead of 7 for 11 s of drums) and left 34 wrong. Wider beams, other
language weights, more Gaussians and a normalised level changed two words at most: they stay as pocketsphinx has them.
Nothing that was heard right had a mean confidence below 0.4; music and noise have it sometimes, so that not all of the
words they give are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pocketsphinx import Decoder

from aws_emulator.services.transcribe.audio import seconds_of
from aws_emulator.services.transcribe.recognisers import Heard, Identified, refuse_to_identify, refuse_unknown
from aws_emulator.services.transcribe.voice import stretches
from aws_emulator.services.transcribe.words import Word

MODEL = "pocketsphinx"
LANGUAGE = "en-US"
FRAMES_PER_S = 100
MOST_HMMS = 2_000  # searched at the same time
LEAST_CONFIDENCE = 0.3  # mean of a piece: below, the model expects two of three words to be wrong
LEAST_S, MOST_S = 8.0, 30.0  # of a piece: enough for the acoustic mean, little enough for memory
NO_WORD = re.compile(r"[<\[+].*")  # <s>, <sil>, [NOISE], ++COUGH++
VARIANT = re.compile(r"\(\d+\)$")  # was(2): the second pronunciation of "was"


class PocketsphinxRecogniser:
    """See the module. It knows neither punctuation nor capitals."""

    def __init__(self, _folder: str, _threads: int) -> None:
        self._decoder = Decoder(loglevel="FATAL", maxhmmpf=MOST_HMMS)

    def refuse_language(self, code: str, /) -> None:
        if code != LANGUAGE:
            raise refuse_unknown(MODEL, code, f"{LANGUAGE} only")

    def identify(self, _sound: Path, _options: Sequence[str], /) -> Identified:
        raise refuse_to_identify(MODEL)

    def hear(self, sound: Path, _code: str, /) -> Iterator[Heard]:
        for start_s, pcm in stretches(sound, LEAST_S, MOST_S):
            self._decoder.start_utt()
            self._decoder.process_raw(pcm, full_utt=True)
            self._decoder.end_utt()
            words = [
                Word(
                    start_s=start_s + segment.start_frame / FRAMES_PER_S,
                    end_s=start_s + (segment.end_frame + 1) / FRAMES_PER_S,
                    text=VARIANT.sub("", segment.word),
                    confidence=min(1.0, segment.prob),
                )
                for segment in (self._decoder.seg() if self._decoder.hyp() else ())
                if not NO_WORD.fullmatch(segment.word)
            ]
            yield start_s + seconds_of(len(pcm)), words if _believed(words) else []


def _believed(words: Sequence[Word]) -> bool:
    """Whether a piece's words are worth reporting: music and noise give words too, which the model itself doubts."""
    return sum(word.confidence for word in words) >= LEAST_CONFIDENCE * len(words)
