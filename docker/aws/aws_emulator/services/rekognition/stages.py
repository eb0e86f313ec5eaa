"""What the analyses of one video share: each stage is done once, by the job that needs it first, and then cached.

A stage's key is what S3 says of the object (ETag, size, version) and this module's ``REVISION``: the same bytes are
never looked at twice, whatever their name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import cv2

from aws_emulator.jobs.cache import shared
from aws_emulator.jobs.errors import AccessDenied, JobFailed, ObjectMissing, TooLarge
from aws_emulator.jobs.task import Task
from aws_emulator.media.errors import MediaBroken, MediaRefused
from aws_emulator.media.probe import MediaFacts, VideoStream, probe
from aws_emulator.services.rekognition.detector import DetectorUnusable, detector
from aws_emulator.services.rekognition.footage import (
    Footage,
    NothingDecodable,
    Picture,
    Sample,
    decode,
    frame_rate_of,
    shows_the_same,
)
from aws_emulator.services.rekognition.geometry import Box
from aws_emulator.services.rekognition.people import Sighting, find_faces, find_shapes
from aws_emulator.services.rekognition.text import Line, lines_to_json, read_lines

REVISION = 1  # raise it when a stage finds something else than before
LARGEST_BYTES = 10 * 1024**3
LONGEST_S = 6 * 3600
CONTAINERS = {"mp4": "QuickTime / MOV", "mov": "QuickTime / MOV", "avi": "AVI (Audio Video Interleaved)"}
CODECS = frozenset({"h264"})
BIT_DEPTH = 8
T = TypeVar("T")
CHUNK = 8  # samples that are read at once: what two jobs over the same video share out between them


@dataclass(frozen=True, slots=True)
class Media:
    """What the probe said of the video that is analysed, in the shapes of VideoMetadata and AudioMetadata."""

    video: dict[str, Any]
    audio: list[dict[str, Any]]


class Stages:
    """The stages of one job's video. Every method may raise ``JobFailed``, in AWS's words."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._place = (task.request["bucket"], task.request["key"], task.request.get("version"))
        cv2.setNumThreads(task.settings.threads)

    @cached_property
    def _key(self) -> str:
        return self._key_of_now()

    def _key_of_now(self) -> str:
        try:
            return f"rekognition/{REVISION}/{self._task.stat(*self._place)}"
        except (ObjectMissing, AccessDenied) as error:
            raise JobFailed("InvalidS3ObjectException", str(error)) from error

    def _stage(self, name: str, make: Callable[[Path], None]) -> Path:
        return shared(self._task.cache, f"{self._key}/{name}", make)

    @cached_property
    def _footage_folder(self) -> Path:
        return self._stage("footage", self._decode)

    @cached_property
    def footage(self) -> Footage:
        """The one decode."""
        return Footage.read(self._footage_folder)

    @cached_property
    def media(self) -> Media:
        """Format, codec, duration, size and rate."""
        return Media(**json.loads((self._footage_folder / "media.json").read_text()))

    def _decode(self, folder: Path) -> None:
        self._task.report(1, "DOWNLOADING")
        try:
            path = self._task.fetch(*self._place, most_bytes=LARGEST_BYTES)
            if self._key_of_now() != self._key:
                raise JobFailed("InvalidS3ObjectException", "The object was replaced while it was read.")
            facts = probe(path)
            stream = supported_stream(facts)
            duration_s = facts.duration_s or stream.duration_s or 0.0
            if duration_s > LONGEST_S:
                raise too_long(duration_s)

            def report(ms: int) -> None:
                if ms > LONGEST_S * 1000:
                    raise too_long(ms / 1000)
                self._task.report(5 + int(45 * min(1.0, ms / 1000 / max(duration_s, 1.0))), "DECODING")

            decode(path, stream, folder, threads=self._task.settings.threads, report=report)
        except (ObjectMissing, AccessDenied) as error:
            raise JobFailed("InvalidS3ObjectException", str(error)) from error
        except TooLarge as error:
            raise JobFailed("VideoTooLargeException", str(error)) from error
        except (MediaRefused, MediaBroken, NothingDecodable) as error:
            raise unsupported(str(error)) from error
        footage = Footage.read(folder)
        last_ms = int(footage.times[-1])
        media = media_of(facts, stream, duration_s or last_ms / 1000 + 1 / frame_rate_of(stream), footage.full_range)
        (folder / "media.json").write_text(json.dumps(asdict(media)))

    def lines(self, samples: Iterable[Sample], *, backwards: bool = False) -> list[list[Line]]:
        """The lines of text in each of the samples.

        ``backwards`` reads the last ones first: two jobs over one video that come from both ends meet in the middle.
        """
        wanted = list(samples)
        numbers = {sample.frame: number for number, sample in enumerate(self.footage.samples)}
        chunks = sorted({numbers[sample.frame] // CHUNK for sample in wanted}, reverse=backwards)
        read: dict[int, list[Line]] = {}
        for done, chunk in enumerate(chunks):
            folder = self._stage(f"text/{chunk}", partial(self._read, chunk))
            for frame, lines in json.loads((folder / "lines.json").read_text()).items():
                read[int(frame)] = [Line.from_json(line) for line in lines]
            self._task.report(50 + 49 * (done + 1) // len(chunks), "READING")
        return [read[sample.frame] for sample in wanted]

    def _read(self, chunk: int, folder: Path) -> None:
        samples = self.footage.samples[chunk * CHUNK : (chunk + 1) * CHUNK]
        found = {sample.frame: lines_to_json(lines) for sample, lines in self._iter_looks(samples, read_lines)}
        (folder / "lines.json").write_text(json.dumps(found))

    def _iter_looks(self, samples: Iterable[Sample], look: Callable[[Picture], T]) -> Iterator[tuple[Sample, T]]:
        """Every sample with what ``look`` says of it; a picture that shows the same as the last is not looked at."""
        before: Picture | None = None
        for sample in samples:
            picture = self.footage.picture(sample)
            if before is None or not shows_the_same(before, picture):
                before, seen = picture, look(picture)
            yield sample, seen

    def faces(self) -> list[list[Sighting]]:
        """The faces in every sample."""
        return self._sightings("faces", find_faces)

    def persons(self) -> list[list[Sighting]]:
        """The shapes in every sample that might be persons."""
        return self._sightings("shapes", find_shapes)

    def objects(self) -> list[list[Sighting]]:
        """What the detector of the settings sees in every sample; nothing if there is none."""
        settings = self._task.settings
        if settings.detector is None or settings.detector_labels is None:
            return [[] for _ in self.footage.samples]
        files = (settings.detector, settings.detector_labels)
        stamps = [f"{path.absolute()}@{path.stat().st_mtime_ns}" for path in files]
        try:
            find = detector(settings.detector, settings.detector_labels, settings.threads).find
            return self._sightings(f"objects/{stamps}", find)
        except DetectorUnusable as error:
            raise JobFailed("InternalServerError", str(error)) from error

    def _sightings(self, name: str, find: Callable[[Picture], list[Sighting]]) -> list[list[Sighting]]:
        def make(folder: Path) -> None:
            samples, found = self.footage.samples, []
            for _, sightings in self._iter_looks(samples, find):
                found.append([asdict(sighting) for sighting in sightings])
                self._task.report(50 + 49 * len(found) // len(samples), "LOOKING")
            (folder / "sightings.json").write_text(json.dumps(found))

        folder = self._stage(name, make)
        return [
            [Sighting(seen["name"], seen["confidence"], Box(**seen["box"])) for seen in of_sample]
            for of_sample in json.loads((folder / "sightings.json").read_text())
        ]


def unsupported(reason: str) -> JobFailed:
    """The failure of a video that Rekognition does not take; the first words are AWS's."""
    return JobFailed("UnsupportedMedia", f"Unsupported codec/format. {reason}")


def too_long(duration_s: float) -> JobFailed:
    """The failure of a video of more than six hours."""
    message = f"The video is {duration_s / 3600:.1f} hours long. The maximum duration is {LONGEST_S // 3600} hours."
    return JobFailed("VideoTooLargeException", message)


def supported_stream(facts: MediaFacts) -> VideoStream:
    """The stream that is analysed: the largest picture. Raises ``JobFailed`` unless 8-bit H.264 in MP4, MOV, AVI."""
    if facts.container not in CONTAINERS:
        raise unsupported(f"The container is {facts.container}; MP4 and MOV are taken.")
    if not facts.video:
        raise unsupported("There is no video stream.")
    stream = max(facts.video, key=lambda stream: (stream.width * stream.height, -stream.index))
    if stream.codec not in CODECS:
        raise unsupported(f"The video codec is {stream.codec}; H.264 is taken.")
    if stream.bit_depth is not None and stream.bit_depth > BIT_DEPTH:
        raise unsupported(f"The video has {stream.bit_depth} bits a sample; H.264 of {BIT_DEPTH} bits is taken.")
    return stream


def media_of(facts: MediaFacts, stream: VideoStream, duration_s: float, full_range: bool) -> Media:
    """The metadata of a video and of its audio streams."""
    width, height = stream.upright_size
    video = {
        "Codec": stream.codec,
        "DurationMillis": int(duration_s * 1000),
        "Format": CONTAINERS[facts.container],
        "FrameRate": frame_rate_of(stream),
        "FrameHeight": height,
        "FrameWidth": width,
        "ColorRange": "FULL" if full_range else "LIMITED",
    }
    audio = [
        {
            "Codec": track.codec,
            "DurationMillis": int((track.duration_s or duration_s) * 1000),
            "SampleRate": track.sample_rate_hz,
            "NumberOfChannels": track.channels,
        }
        for track in facts.audio
    ]
    return Media(video, audio)
