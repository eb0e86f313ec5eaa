"""Sound into a container, as recordings and films both need it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from sources_emulator.composing.canvas import RATE, Wave


def mux_sound(container: av.container.OutputContainer, stream: av.AudioStream, wave: Wave) -> None:
    """Encode samples (float32, shape (2, n), 44,100 a second) into ``stream``, at its rate and in its layout."""
    resampler = av.AudioResampler(format=stream.format.name, layout=stream.layout.name, rate=stream.rate)
    for first in range(0, wave.shape[1], RATE):
        block = np.ascontiguousarray(wave[:, first : first + RATE])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
        for ready in resampler.resample(frame):
            container.mux(stream.encode(ready))
    for ready in resampler.resample(None):
        container.mux(stream.encode(ready))
    container.mux(stream.encode(None))
