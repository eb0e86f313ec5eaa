"""The sound of a film as a file of its own: for Transcribe, which does not read every container and codec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from include.audio.decode import MonoResampler, decode_blocks
from include.audio.errors import AudioError, NoSamples
from include.video.probe import MediaError, picture_start_s

if TYPE_CHECKING:
    import numpy as np

RATE_HZ = 16_000
"""What speech recognisers work at; Transcribe takes 16 to 48 kHz
(https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html)."""


def extract_audio(source: Path, target: Path) -> float:
    """Write the first sound track of a film as FLAC, 16 kHz, one channel of 16 bits; return its length in seconds.

    It keeps time with the picture: what is missing of the sound, because it begins later or was damaged, is silence.
    Memory does not grow with the length.

    :raises AudioError: when there is no sound, or not one sample of it can be decoded.
    :raises OSError: when the source cannot be read, or the target not written.
    """
    import av
    import numpy as np

    written = 0
    with av.open(str(target), "w", format="flac") as output:
        stream = output.add_stream("flac", rate=RATE_HZ, layout="mono", format="s16")
        for mono in _mono(source):
            if not len(mono):
                continue
            whole = np.round(np.clip(mono, -1.0, 1.0) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(whole[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, written
            output.mux(stream.encode(frame))
            written += len(mono)
        output.mux(stream.encode(None))
    if not written:
        raise NoSamples(source.name)
    return written / RATE_HZ


def _mono(source: Path) -> Iterator[np.ndarray]:
    """Yield the samples of a film's sound, mixed down, at ``RATE_HZ``."""
    try:
        zero_s = picture_start_s(source)
    except MediaError as error:
        raise AudioError(source.name, str(error)) from error
    resampler: MonoResampler | None = None
    for block in decode_blocks(source, zero_s=zero_s):
        resampler = resampler or MonoResampler(block.sample_rate_hz, RATE_HZ)
        yield resampler.add(block.samples)
    if resampler is not None:
        yield resampler.finish()
