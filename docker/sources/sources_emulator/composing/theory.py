"""Notes, scales and chords, counted in semitones and MIDI numbers (60 = middle C, 69 = A at 440 Hz)."""

from __future__ import annotations

from dataclasses import dataclass

NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MAJOR = (0, 2, 4, 5, 7, 9, 11)
NATURAL_MINOR = (0, 2, 3, 5, 7, 8, 10)


def pitch_class(name: str) -> int:
    """Number of a note name, sharps only.

    >>> pitch_class("C"), pitch_class("F#")
    (0, 6)
    """
    return NOTE_NAMES.index(name)


def hertz_from_midi(midi: float) -> float:
    """Frequency in equal temperament.

    >>> hertz_from_midi(69), round(hertz_from_midi(60), 2)
    (440.0, 261.63)
    """
    return float(440.0 * 2.0 ** ((midi - 69) / 12))


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord as pitch classes: `root` and the distances of its tones from it, in semitones."""

    root: int
    tones: tuple[int, ...]

    def near(self, midi: int, count: int | None = None) -> list[int]:
        """The chord's tones as MIDI numbers, each in the octave that starts at `midi`, sorted.

        >>> Chord(7, (0, 4, 7)).near(60)
        [62, 67, 71]
        """
        return sorted(midi + (self.root + tone - midi) % 12 for tone in self.tones[:count])

    def bass(self, lowest: int) -> int:
        """The root as the first MIDI number at or above `lowest`.

        >>> Chord(7, (0, 4, 7)).bass(36)
        43
        """
        return lowest + (self.root - lowest) % 12


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic and a mode; degrees count from 1 as musicians do."""

    tonic: int
    mode: str

    @classmethod
    def named(cls, name: str, mode: str) -> Key:
        """
        >>> Key.named("A", "minor")
        Key(tonic=9, mode='minor')
        """
        if mode not in ("major", "minor"):
            raise ValueError(f"mode is major or minor, not {mode!r}")
        return cls(pitch_class(name), mode)

    @property
    def scale(self) -> tuple[int, ...]:
        return MAJOR if self.mode == "major" else NATURAL_MINOR

    def degree(self, degree: int, octave_midi: int) -> int:
        """MIDI number of a scale degree, counted from the first tonic at or above `octave_midi`.

        Degrees run past 7 and below 1, into the next octaves.

        >>> [Key.named("C", "major").degree(degree, 60) for degree in (0, 1, 8)]
        [59, 60, 72]
        """
        octaves, step = divmod(degree - 1, 7)
        return octave_midi + (self.tonic - octave_midi) % 12 + 12 * octaves + self.scale[step]

    def chord(self, degree: int, size: int = 3) -> Chord:
        """The chord built in thirds on a degree; the fifth degree of a minor key takes the raised leading note.

        >>> Key.named("A", "minor").chord(5)
        Chord(root=4, tones=(0, 4, 7))
        """
        scale = list(self.scale)
        if self.mode == "minor" and degree == 5:
            scale[6] = 11
        root = scale[degree - 1]
        tones = []
        for third in range(size):
            octaves, step = divmod(degree - 1 + 2 * third, 7)
            tones.append(scale[step] + 12 * octaves - root)
        return Chord((self.tonic + root) % 12, tuple(tones))
