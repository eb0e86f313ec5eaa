"""Why a file is no audio we can work with. Each error has a stable ``code`` and says what to do."""

from __future__ import annotations


class AudioError(Exception):
    """A file cannot be used as audio. Another try on the same bytes fails the same way.

    >>> EmptyFile("a.mp3").code
    'empty_file'
    """

    code = "audio_error"
    advice = "Check the file by ear and fetch it again."

    def __init__(self, name: str, found: str = "") -> None:
        self.name = name
        self.found = found
        super().__init__(f"{name}: {found + '. ' if found else ''}{self.advice}")

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        return type(self), (self.name, self.found)


class EmptyFile(AudioError):
    """The file has no bytes."""

    code = "empty_file"
    advice = "The file is empty (0 bytes): fetch it again, or drop it."


class NotAudio(AudioError):
    """The bytes are no audio container that we accept, whatever the name says."""

    code = "not_audio"
    advice = (
        "Give an audio file such as MP3, WAV, FLAC, Ogg, Opus, M4A or AIFF; the name is not looked at, the bytes are."
    )


class NoAudioStream(AudioError):
    """A container that could hold sound, but holds none."""

    code = "no_audio_stream"
    advice = "The container has no audio stream: give the file with its sound track, or drop it."


class NoSamples(AudioError):
    """A header that announces audio, and then no sample."""

    code = "no_samples"
    advice = (
        "There is a header but not one sample behind it: the recording or the transfer was cut off; fetch it again."
    )


class Undecodable(AudioError):
    """An audio stream that cannot be decoded: damaged, encrypted or of an unknown codec."""

    code = "undecodable"
    advice = "The audio cannot be decoded: convert it to FLAC or MP3, or fetch it again if it was damaged on the way."


class UnsupportedAudio(AudioError):
    """Audio outside the limits that the analysis keeps."""

    code = "unsupported_audio"
    advice = "Convert it to at most 64 channels and a sample rate between 1,000 and 768,000 Hz."
