"""One MediaConvert job: fetch, probe, transcode in one ffmpeg command, package, upload."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error

from aws_emulator.jobs.errors import AccessDenied, ObjectBroken, ObjectMissing
from aws_emulator.jobs.task import Task
from aws_emulator.media.errors import FfmpegFailed, MediaBroken, MediaRefused
from aws_emulator.media.probe import MediaFacts, probe
from aws_emulator.media.sandbox import Progress, open_media, run_ffmpeg
from aws_emulator.services.mediaconvert import faults, names
from aws_emulator.services.mediaconvert.packaging import Package, Packager
from aws_emulator.services.mediaconvert.plan import Plan, Planner, Source

PROBED, TRANSCODED = 5, 95  # percent of the job after these phases
PICTURES = frozenset({"png", "jpeg", "gif"})
INPUT_CODECS = {"h264": "H_264", "hevc": "H_265", "mpeg2video": "MPEG2", "prores": "PRORES", "vp8": "VP8", "vp9": "VP9"}
ATOM_BYTES = 8
MOST_ATOMS = 1_000_000  # a fragmented file of a day has fewer; gigabytes of empty boxes end here
FIRST_PACKETS = 200
TRACKS_DIFFER_S = 10.0  # one track of an honest input may be longer than another by this
LONGEST_UNDECODED_S = 24 * 3600.0  # of captions alone


def run(task: Task) -> dict[str, Any]:
    """Do the job whose settings, template and presets put in, stand in ``task.request["settings"]``.

    Returns what models.py and the events need: ``outputGroups`` (type, playlists, outputs with files, duration in
    milliseconds and size in pixels), ``messages``. Raises ``JobFailed`` with MediaConvert's number for what went wrong.
    """
    settings = task.request["settings"]
    started = datetime.now(UTC)
    task.report(0, "PROBING")
    sources = [_source(task, given) for given in settings["Inputs"]]
    described = [_described(number, source) for number, source in enumerate(sources, start=1)]
    task.report(PROBED, "TRANSCODING", inputs=described)  # the first report of a phase is always sent on
    plan = Planner(settings, sources, started).plan()
    packager = Packager(task, settings, plan, started)
    seen = _transcode(task, plan)
    plan.duration_s, frames = _believed_s(plan.duration_s, seen.out_time_s), seen.frames
    task.report(TRANSCODED, "UPLOADING", frames=frames)
    package: Package = packager.upload(
        lambda share: task.report(TRANSCODED + int(share * 4), "UPLOADING", frames=frames)
    )
    return {"outputGroups": package.groups, "messages": [*plan.remarks, *package.remarks], "frames": frames}


def _source(task: Task, given: Mapping[str, Any]) -> Source:
    """An input, fetched and looked into, with the audio files that its selectors name."""
    path, facts = _fetched(task, given["FileInput"])
    external = {}
    for name, selector in (given.get("AudioSelectors") or {}).items():
        if uri := selector.get("ExternalAudioFileInput"):
            other_path, other = _fetched(task, uri)
            external[name] = Source(uri, other_path, {}, other)
    details = _details(path, facts)
    return Source(given["FileInput"], path, given, facts, details.timecode, details.interlaced, details.pids, external)


def _fetched(task: Task, uri: str) -> tuple[Path, MediaFacts]:
    bucket, key = names.split_uri(uri)
    try:
        path = task.fetch(bucket, key)
    except ObjectMissing as error:
        raise faults.not_fetched(uri, faults.NOT_FOUND, "HeadObject failed") from error
    except AccessDenied as error:
        raise faults.not_fetched(uri, faults.ACCESS_DENIED, "Access denied") from error
    except ObjectBroken as error:
        raise faults.not_fetched(uri, faults.TRUNCATED, str(error)) from error
    try:
        facts = probe(path)
    except MediaRefused as error:
        raise faults.not_opened(uri, f"No parser found for container: {error}") from error
    except MediaBroken as error:
        raise faults.not_opened(uri, _why_broken(path, str(error))) from error
    if facts.container in PICTURES:
        raise faults.fault(
            faults.UNSUPPORTED_CODEC, f"Input file [{uri}] is a picture ({facts.container}), not a video."
        )
    if (missing := missing_bytes(path)) is not None:
        raise faults.fault(
            faults.TRUNCATED,
            f"Demuxer: [ReadPacketData File read failed - end of file hit at length [{missing}]. Is file truncated?]",
        )
    return path, facts


def _why_broken(path: Path, message: str) -> str:
    atoms = list(top_atoms(path))
    if atoms and atoms[0][0] in {"ftyp", "mdat", "wide"} and "moov" not in {kind for kind, _, _ in atoms}:
        return "no moov box found in file"
    return message


def top_atoms(path: Path) -> Iterable[tuple[str, int, int]]:
    """The boxes at the top of an ISO media file: kind, offset and size in bytes; of another file, nonsense."""
    length = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        for _ in range(MOST_ATOMS):
            if at + ATOM_BYTES > length:
                return
            file.seek(at)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            size = size or length - at
            if size < ATOM_BYTES or not kind.isascii():
                return
            yield kind.decode("ascii", "replace"), at, size
            at += size


def missing_bytes(path: Path) -> int | None:
    """The length of an MP4 or QuickTime file whose media data should go on behind its end; None if it is whole."""
    with path.open("rb") as file:
        if file.read(12)[4:8] not in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
            return None
    length = path.stat().st_size
    return next((length for kind, at, size in top_atoms(path) if kind == "mdat" and at + size > length), None)


@dataclass(frozen=True, slots=True)
class _Details:
    timecode: str | None = None
    interlaced: bool = False
    pids: dict[int, int] = field(default_factory=dict)


def _details(path: Path, facts: MediaFacts) -> _Details:
    """What only MediaConvert asks of a file: its first timecode, whether it is interlaced, its PIDs."""
    interlaced, timecode = False, None
    with contextlib.suppress(MediaBroken, av.error.FFmpegError), open_media(path, facts.container) as media:
        timecode = next((s.metadata["timecode"] for s in media.streams if "timecode" in s.metadata), None)
        timecode = timecode or media.metadata.get("timecode")
        pids = {stream.index: stream.id for stream in media.streams} if facts.container == "mpegts" else {}
        if facts.video:
            stream = media.streams[facts.video[0].index]
            for number, packet in enumerate(media.demux(stream)):
                if (pictures := packet.decode()) or number > FIRST_PACKETS:
                    interlaced = bool(pictures) and bool(getattr(pictures[0], "interlaced_frame", False))
                    break
        return _Details(timecode, interlaced, pids)
    return _Details(timecode)


def _described(number: int, source: Source) -> dict[str, Any]:
    """An input as the event INPUT_INFORMATION tells of it."""
    return {
        "id": number,
        "uri": source.uri,
        "audio": [
            {
                "channels": stream.channels,
                "codec": stream.codec.upper(),
                "language": (stream.language or "und").upper(),
                "sampleRate": stream.sample_rate_hz,
                "streamId": stream.index + 1,
            }
            for stream in source.facts.audio
        ],
        "video": [
            {
                "bitDepth": stream.bit_depth or 8,
                "codec": INPUT_CODECS.get(stream.codec, stream.codec.upper()),
                "colorFormat": "YUV_422" if "422" in (stream.pix_fmt or "") else "YUV_420",
                "frameRate": round(float(stream.frame_rate or Fraction(0)), 3),
                "height": stream.height,
                "interlaceMode": "INTERLACED" if source.interlaced else "PROGRESSIVE",
                "sar": f"{stream.sar.numerator}:{stream.sar.denominator}",
                "standard": "UNSPECIFIED",
                "streamId": stream.index + 1,
                "width": stream.width,
            }
            for stream in source.facts.video
        ],
    }


def _transcode(task: Task, plan: Plan) -> Progress:
    """Run the command; how far it came in the end."""
    seen = Progress()

    def on_progress(progress: Progress) -> None:
        nonlocal seen
        seen = progress
        share = min(1.0, progress.out_time_s / plan.duration_s) if plan.duration_s else 0.0
        percent = PROBED + int(share * (TRANSCODED - PROBED))
        task.report(percent, "TRANSCODING", frames=progress.frames, phase_percent=int(share * 100))

    if not plan.arguments:
        return seen
    try:
        run_ffmpeg(plan.arguments, inputs=plan.inputs, folder=task.folder, on_progress=on_progress)
    except (MediaRefused, MediaBroken) as error:
        raise faults.not_opened(plan.pieces[0][0].uri, str(error)) from error
    except FfmpegFailed as error:
        raise _named(error) from error
    return seen


def _believed_s(claimed_s: float | None, made_s: float) -> float | None:
    """How long the outputs are, in seconds: what the inputs claim, unless much less came out of them.

    >>> _believed_s(60.0, 59.2), _believed_s(1e12, 2.0), _believed_s(1e12, 0.0)
    (60.0, 2.0, 86400.0)
    """
    most_s = made_s + TRACKS_DIFFER_S if made_s else LONGEST_UNDECODED_S
    return claimed_s if claimed_s is None or claimed_s <= most_s else made_s or LONGEST_UNDECODED_S


def _named(error: FfmpegFailed) -> Exception:
    """The fault that an error of ffmpeg stands for."""
    said = error.stderr
    if "Error while opening encoder" in said or "Error initializing" in said or "Invalid argument" in said:
        return faults.fault(faults.SETTINGS, f"Error initializing encoder: [{error}]")
    if "Decoding error" in said or "Invalid data found" in said or "Nothing was written" in said:
        return faults.fault(faults.DEMUXER, f"Demuxer: [the input cannot be decoded: {error}]")
    return faults.fault(faults.UNKNOWN, f"Transcoding failed: [{error}]")
