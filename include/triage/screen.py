"""The cheap look at an upload: motion and loudness of all of it, measured on the worker before anything is paid.

It sees what makes a jolt or a noise, and nothing else: a theft before a parked car stays unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from include.audio.errors import AudioError
from include.catalog.triage import Peak, Signals
from include.triage.decide import decide
from include.triage.evidence import evidence_of_the_screen
from include.triage.loudness_peaks import LoudnessPeakMeter
from include.triage.motion_peaks import PICTURE_SIDE, JoltMeter
from include.video.probe import MediaError, MediaFacts, picture_start_s

if TYPE_CHECKING:
    import numpy as np

    from include.triage.rules import Rules

ANALYSER_VERSION = "screen 2"
PICTURES_PER_S = 12.5
SPARE_FRAME_RATE = 24.0
"""From so many frames a second on, those that no other leans on are not decoded: enough are left."""
SPARSE_S = 1.5 / PICTURES_PER_S
"""Where pictures turn out to be further apart, too many were left out, and all are decoded from then on."""
LONGEST_BLIND_S = 1.0
"""For so long the camera's motion may be unknown unnoted: around a cut, at both ends of a film."""
MOST_BAD_PACKETS = 10_000
LONGEST_GAP_S = 0.5
"""Damage may leave out so much of the picture unnoted."""
BREAKS_OFF_S = 1.5
"""By so much the sound or picture may end before the header says."""
SHORTEST_SOUND_S = 0.4
"""Of less no momentary loudness is known: https://tech.ebu.ch/docs/tech/tech3341.pdf."""
LONGEST_LOOK_S = 2400
"""So long the picture is looked at, for a task has an hour; what it holds after that is analysed unseen."""
MOST_REASONS = 3


def is_interesting(signals: Signals, rules: Rules) -> list[str]:
    """Say in words why an upload may show an incident; nothing: it does not seem to.

    An upload of which neither picture nor sound could be measured is always worth an analysis, and so is one that was
    seen only in part: what was missed may be what matters. So is one that the rules, by the cheap look alone, do not
    find normal, whatever its thresholds are: what is not analysed is filed away, and nobody is told.

    >>> from include.triage.rules import default_rules
    >>> quiet = {"duration_s": 9.0, "has_video": True, "has_audio": True, "loudness_lufs": -24.0,
    ...          "analyser_version": ANALYSER_VERSION}
    >>> bang = Signals(motion_peaks=(), loudness_peaks=(Peak(at_s=5.1, value=21.4),), **quiet)
    >>> is_interesting(bang, default_rules())
    ['a sound 21.4 LU above the rest at 5.1 s (from 10 LU)']
    >>> is_interesting(Signals(motion_peaks=(Peak(at_s=2.0, value=0.05),), loudness_peaks=(), **quiet), default_rules())
    []
    """
    screen = rules.screen
    reasons = [
        f"a jolt of {peak.value:.2f} frame widths/s at {peak.at_s:.1f} s (from {screen.motion:g})"
        for peak in _strongest(signals.motion_peaks, screen.motion)
    ]
    reasons += [
        f"a sound {peak.value:.1f} LU above the rest at {peak.at_s:.1f} s (from {screen.loudness_lu:g} LU)"
        for peak in _strongest(signals.loudness_peaks, screen.loudness_lu)
    ]
    reasons += [f"not all of it could be measured: {note}" for note in signals.notes]
    if not reasons:
        verdict = decide(evidence_of_the_screen(signals), rules)
        reasons += [] if verdict.decision == "normal" else [f"by the cheap look alone it is: {verdict.decision}"]
    return reasons


def _strongest(peaks: tuple[Peak, ...], least: float) -> list[Peak]:
    found = sorted((peak for peak in peaks if peak.value >= least), key=lambda peak: (-peak.value, peak.at_s))
    return found[:MOST_REASONS]


def measure_signals(path: Path, facts: MediaFacts) -> Signals:
    """Measure motion and loudness of a film: each of its streams is decoded once, in memory that does not grow.

    A film without picture or without sound is normal. What cannot be decoded, all of it or a part, is left out and
    stands in ``notes``. Times are seconds from the first picture.

    :param facts: what ``probe_media`` said of it.
    :raises OSError: when it cannot be read.
    """
    notes: list[str] = []
    jolts = JoltMeter()
    seen_s = heard_s = 0.0
    zero_s: float | None = None
    motion_peaks: tuple[Peak, ...] = ()
    if facts.video:
        try:
            zero_s, until = picture_start_s(path), monotonic() + LONGEST_LOOK_S
            for at_s, grey in _small_pictures(path, facts.video.frame_rate, zero_s, notes):
                jolts.add(at_s, grey)
                seen_s = at_s
                if monotonic() >= until:
                    notes.append(f"picture: after {LONGEST_LOOK_S / 60:.0f} minutes it was seen up to {at_s:.1f} s")
                    break
            else:
                notes += _broken_off("picture", seen_s, facts.duration_s)
        except MediaError as error:
            notes.append(f"picture: {error}")
        else:
            motion_peaks = jolts.peaks()
            notes += _unfollowed(jolts)
    loudness_peaks: tuple[Peak, ...] = ()
    loudness_lufs = None
    if facts.audio:
        try:
            meter = _listened_to(path, zero_s)
        except AudioError as error:
            notes.append(f"sound: {error}")
        else:
            loudness_peaks, loudness_lufs, heard_s = meter.finish(), meter.loudness_lufs, meter.seen_s
            notes += _broken_off("sound", heard_s, facts.duration_s)
            if heard_s < SHORTEST_SOUND_S:
                notes.append(f"sound: {heard_s:.1f} s are too short to tell what stands out")
    return Signals(
        duration_s=facts.duration_s or round(max(seen_s, heard_s), 3) or None,
        has_video=facts.video is not None,
        has_audio=bool(facts.audio),
        motion_peaks=motion_peaks,
        loudness_peaks=loudness_peaks,
        loudness_lufs=loudness_lufs,
        analyser_version=ANALYSER_VERSION,
        notes=tuple(notes),
    )


def _broken_off(what: str, until_s: float, duration_s: float | None) -> list[str]:
    if duration_s is None or until_s >= duration_s - BREAKS_OFF_S:
        return []
    return [f"the {what} breaks off after {until_s:.1f} s of {duration_s:.1f} s"]


def _unfollowed(jolts: JoltMeter) -> list[str]:
    notes = []
    if jolts.blind_s == inf:
        notes.append("picture: too small, too short or too seldom to tell how the camera moves")
    elif jolts.blind_s > LONGEST_BLIND_S:
        notes.append(f"picture: for {jolts.blind_s:.1f} s nothing tells how the camera moves")
    if jolts.unlike_s is not None:
        notes.append(f"picture: at {jolts.unlike_s:.1f} s it is cut, or a blow is too large to follow")
    return notes


def _listened_to(path: Path, zero_s: float | None) -> LoudnessPeakMeter:
    """Measure the sound of a film.

    :raises AudioError: when not one sample of it can be decoded.
    """
    from include.audio.decode import decode_blocks

    meter: LoudnessPeakMeter | None = None
    for block in decode_blocks(path, zero_s=zero_s):
        meter = meter or LoudnessPeakMeter(block.sample_rate_hz, block.layout)
        meter.add(block.samples)
    if meter is None:
        raise AudioError(path.name, "not one sample came out")
    return meter


def _small_pictures(
    path: Path, frame_rate: float | None, zero_s: float | None, notes: list[str]
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield about ``PICTURES_PER_S`` small grey pictures a second, as coded and not turned, with their time.

    :raises MediaError: when the film cannot be opened, or is of a codec that is not decoded.
    """
    import av.error
    from av.video.reformatter import Interpolation, VideoReformatter

    from include.video.frames import fitted, opened_film

    bad, missing_s = 0, 0.0
    with opened_film(path) as (container, stream):
        if frame_rate and frame_rate >= SPARE_FRAME_RATE:
            stream.codec_context.skip_frame = "NONREF"
        reformatter = VideoReformatter()
        size: tuple[int, int] | None = None
        due_s = time_s = float("-inf")
        packets = container.demux(stream)
        while bad < MOST_BAD_PACKETS:
            try:
                packet = next(packets, None)
                frames = packet.decode() if packet is not None else []
            except (av.error.FFmpegError, ValueError):
                bad += 1
                continue
            if packet is None:
                break
            for frame in frames:
                zero_s = (frame.time or 0.0) if zero_s is None else zero_s
                if frame.time is None or frame.is_corrupt or not frame.time - zero_s >= max(due_s, time_s):
                    continue
                time_s, gap_s = frame.time - zero_s, frame.time - zero_s - max(0.0, time_s)
                missing_s += gap_s if gap_s > LONGEST_GAP_S else 0.0
                if gap_s > SPARSE_S:
                    stream.codec_context.skip_frame = "DEFAULT"
                due_s = time_s + 0.85 / PICTURES_PER_S
                size = size or fitted(frame.width, frame.height, PICTURE_SIDE)
                try:
                    small = reformatter.reformat(
                        frame, *size, "gray", interpolation=Interpolation.AREA, threads=1
                    ).to_ndarray()
                except (av.error.FFmpegError, ValueError):
                    bad += 1
                    continue
                yield max(0.0, time_s), small
    if bad >= MOST_BAD_PACKETS:
        notes.append(f"the picture is given up after {bad} packets that could not be decoded")
    if bad and missing_s:
        notes.append(f"{bad} packets of the picture could not be decoded, {missing_s:.1f} s of it are missing")
