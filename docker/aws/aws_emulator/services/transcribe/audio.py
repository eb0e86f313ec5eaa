"""From media of a stranger to 16 kHz mono PCM on disk: the formats and limits of Amazon Transcribe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aws_emulator.media.errors import FfmpegFailed, MediaBroken, MediaRefused
from aws_emulator.media.probe import probe
from aws_emulator.media.sandbox import Input, container_of, run_ffmpeg
from aws_emulator.services.transcribe import reasons
from aws_emulator.services.transcribe.reasons import failed

RATE_HZ = 16_000
SAMPLE_BYTES = 2  # signed, little-endian
LARGEST_BYTES = 2 * 1024**3  # https://docs.aws.amazon.com/general/latest/gr/transcribe.html
LONGEST_S = 4 * 3600.0
SHORTEST_S = 0.5
RATES_HZ = range(8_000, 48_001)
MOST_CHANNELS = 2  # of channel identification
DECODE_LIMIT_S = 3600.0
FORMATS = frozenset({"mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a"})
SAME_FORMAT = {"m4a": "mp4"}  # one container by two names: either is taken for the other


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded audio: one file of raw PCM (16 kHz, mono, s16le) for each channel that is transcribed by itself."""

    channels: tuple[Path, ...]
    duration_s: float
    media_format: str
    sample_rate_hz: int  # of the source


def seconds_of(size_bytes: int) -> float:
    """How long a piece of PCM lasts.

    >>> seconds_of(32_000)
    1.0
    """
    return size_bytes / SAMPLE_BYTES / RATE_HZ


def media_format_of(path: Path, claimed: str | None) -> str:
    """The format of a file by its content.

    Raises ``JobFailed`` if it cannot be read, Transcribe does not take it, or it is not as claimed.
    """
    try:
        container = container_of(path)
    except MediaRefused as error:
        raise failed(reasons.UNSUPPORTED_FORMAT, str(error)) from error
    except MediaBroken as error:
        raise failed(reasons.INVALID_DATA, str(error)) from error
    if container not in FORMATS:
        raise failed(reasons.UNSUPPORTED_FORMAT, f"the file is {container}; taken are {', '.join(sorted(FORMATS))}")
    if claimed and SAME_FORMAT.get(claimed, claimed) != SAME_FORMAT.get(container, container):
        raise failed(reasons.OTHER_FORMAT, f"MediaFormat says {claimed}, the file is {container}")
    return container


def decode(
    path: Path,
    folder: Path,
    *,
    claimed_format: str | None = None,
    claimed_rate_hz: int | None = None,
    by_channel: bool = False,
) -> Sound:
    """Decode an audio stream of ``path`` into files in ``folder``. Silence fills what is missing at its start.

    Of several streams it is the one with the claimed rate, else the one with the highest, else the first.

    Raises ``JobFailed`` in the words of Transcribe for everything that it does not take.
    """
    media_format = media_format_of(path, claimed_format)
    try:
        facts = probe(path)
    except (MediaRefused, MediaBroken) as error:
        raise failed(reasons.INVALID_DATA, str(error)) from error
    if not facts.audio:
        raise failed(reasons.INVALID_DATA, "the file has no audio stream")
    stream = max(facts.audio, key=lambda one: (one.sample_rate_hz == claimed_rate_hz, one.sample_rate_hz))
    if stream.sample_rate_hz not in RATES_HZ:
        raise failed(
            reasons.INVALID_RATE,
            f"the audio has {stream.sample_rate_hz} Hz; taken are {RATES_HZ.start} to {RATES_HZ.stop - 1}",
        )
    if claimed_rate_hz and claimed_rate_hz != stream.sample_rate_hz:
        found = f"MediaSampleRateHertz says {claimed_rate_hz}, the audio has {stream.sample_rate_hz} Hz"
        raise failed(reasons.OTHER_RATE, found)
    if by_channel and stream.channels > MOST_CHANNELS:
        raise failed(reasons.TOO_MANY_CHANNELS, f"the audio has {stream.channels}, {MOST_CHANNELS} are taken")
    names = [f"channel_{number}.raw" for number in range(stream.channels if by_channel else 1)]
    arguments: list[str] = []
    for number, name in enumerate(names):
        mix = f"pan=mono|c0=c{number}" if by_channel else "aformat=channel_layouts=mono"
        arguments += ["-map", f"0:{stream.index}", "-af", f"{mix},aresample={RATE_HZ}:async=1:first_pts=0"]
        arguments += ["-t", str(LONGEST_S + 1), "-c:a", "pcm_s16le", "-f", "s16le", name]
    try:
        run_ffmpeg(
            arguments,
            inputs=[Input(path, options=("-vn", "-sn", "-dn"))],
            folder=folder,
            limit_s=DECODE_LIMIT_S,
            file_bytes=int(LONGEST_S + 2) * RATE_HZ * SAMPLE_BYTES,
        )
    except (MediaRefused, MediaBroken, FfmpegFailed) as error:
        raise failed(reasons.INVALID_DATA, str(error)) from error
    files = tuple(folder / name for name in names)
    duration_s = max(seconds_of(file.stat().st_size) for file in files)
    if duration_s > LONGEST_S:
        raise failed(reasons.TOO_LONG)
    if duration_s < SHORTEST_S:
        raise failed(reasons.TOO_SHORT, f"the audio lasts {duration_s:.3f} s")
    return Sound(files, duration_s, media_format, stream.sample_rate_hz)
