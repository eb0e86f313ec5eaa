"""SMPTE timecodes: frames counted as hours, minutes, seconds and frames."""

from __future__ import annotations

DROP_FRAME_TOLERANCE = 0.02  # frames per second that an average rate may be off 29.97 or 59.94


def smpte(frames: int, frame_rate: float) -> str:
    """Write a number of frames as ``HH:MM:SS:FF``, or ``HH:MM:SS;FF`` (drop frame) at 29.97 and 59.94 a second.

    Drop frame (SMPTE 12M) skips the numbers 00 and 01 (00 to 03 at 59.94) of every minute that ten does not divide, so
    that the count keeps up with the clock; no frame is lost.

    >>> smpte(299, 30000 / 1001), smpte(1800, 30000 / 1001), smpte(17982, 30000 / 1001), smpte(26, 25)
    ('00:00:09;29', '00:01:00;02', '00:10:00;00', '00:00:01:01')
    """
    nominal = max(1, round(frame_rate))
    drop = nominal in (30, 60) and abs(frame_rate - nominal / 1.001) < DROP_FRAME_TOLERANCE
    if drop:
        dropped = nominal // 15
        tens, rest = divmod(frames, nominal * 600 - 9 * dropped)
        minutes = max(0, (rest - dropped) // (nominal * 60 - dropped))
        frames += dropped * (9 * tens + minutes)
    seconds, frame = divmod(frames, nominal)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}{';' if drop else ':'}{frame:02d}"
