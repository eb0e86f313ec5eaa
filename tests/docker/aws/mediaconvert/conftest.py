"""Small media made by ffmpeg, job settings to start from, and jobs run without a server."""

from __future__ import annotations

import io
import itertools
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import pytest

from aws_emulator.jobs.alone import LoneTask
from aws_emulator.services.mediaconvert import checks, engine

SOUND = "sine=frequency=440:sample_rate=44100:duration={s},pan=stereo|c0=c0|c1=c0"
FLAT = {"Codec": "H_264", "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 800_000}}
AAC = {"Codec": "AAC", "AacSettings": {"Bitrate": 96_000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000}}


def ffmpeg(*arguments: str | Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clips by name: ``clip`` (2 s, 25 fps, 320x180, stereo), and odd ones."""
    folder = tmp_path_factory.mktemp("media")
    made = {name: folder / name for name in ("clip.mp4", "silent.mp4", "portrait.mp4", "tracks.mov", "song.mp3")}
    picture = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=2")
    light = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    sound = ("-f", "lavfi", "-i", SOUND.format(s=2))
    ffmpeg(*picture, *sound, *light, "-c:a", "aac", "-shortest", made["clip.mp4"])
    ffmpeg(*picture, *light, made["silent.mp4"])
    ffmpeg("-display_rotation", "-90", "-i", made["silent.mp4"], "-c", "copy", made["portrait.mp4"])
    ffmpeg(
        *picture, "-f", "lavfi", "-i", SOUND.format(s=2), "-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono:d=2",
        "-map", "0", "-map", "1", "-map", "2", *light, "-c:a", "aac", "-metadata:s:a:0", "language=eng",
        "-metadata:s:a:1", "language=fra", "-timecode", "01:00:00:00", "-t", "2", made["tracks.mov"],
    )  # fmt: skip
    ffmpeg(*sound, made["song.mp3"])
    return {path.stem: path for path in made.values()}


@pytest.fixture(scope="session")
def settings() -> Callable[..., dict[str, Any]]:
    """Job settings: one output group for the given outputs, one input unless more are given."""

    def make(*outputs: Mapping[str, Any], inputs: Any = None, group: Any = None, **input_: Any) -> dict[str, Any]:
        given = {
            "FileInput": "s3://media-in/films/clip.mp4",
            "AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}},
            "TimecodeSource": "ZEROBASED",
            **input_,
        }
        files = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": "s3://media-out/made/"}}
        return {
            "Inputs": inputs or [given],
            "OutputGroups": [{"OutputGroupSettings": group or files, "Outputs": [dict(output) for output in outputs]}],
        }

    return make


@pytest.fixture(scope="session")
def mp4() -> Callable[..., dict[str, Any]]:
    """An MP4 output with H.264 and, unless told otherwise, AAC."""

    def make(modifier: str = "_a", *, sound: bool = True, h264: Any = None, **video: Any) -> dict[str, Any]:
        codec = {"Codec": "H_264", "H264Settings": h264} if h264 else FLAT
        output: dict[str, Any] = {
            "NameModifier": modifier,
            "ContainerSettings": {"Container": "MP4"},
            "VideoDescription": {"CodecSettings": codec, **video},
        }
        return output | ({"AudioDescriptions": [{"CodecSettings": AAC}]} if sound else {})

    return make


@pytest.fixture(scope="session")
def poster() -> Callable[..., dict[str, Any]]:
    """A frame capture output."""

    def make(modifier: str = "_p", every_s: int = 1, most: int = 10, **video: Any) -> dict[str, Any]:
        capture = {"FramerateNumerator": 1, "FramerateDenominator": every_s, "MaxCaptures": most, "Quality": 80}
        codec = {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": capture}
        return {
            "NameModifier": modifier,
            "ContainerSettings": {"Container": "RAW"},
            "VideoDescription": {"CodecSettings": codec, **video},
        }

    return make


@dataclass(frozen=True)
class Stream:
    """A stream of an output; sizes in pixels, rates in Hz."""

    id: int
    codec: str
    size: tuple[int, int] | None
    frame_rate: Fraction | None
    frames: int
    channels: int | None
    sample_rate: int | None
    duration_s: float
    language: str | None


def read_stream(stream: Any) -> Stream:
    """Everything at once: once its file is closed, a stream of PyAV says nothing true any more."""
    context, video = stream.codec_context, stream.type == "video"
    return Stream(
        stream.id,
        context.codec.canonical_name,
        (context.width, context.height) if video else None,
        stream.average_rate if video else None,
        stream.frames,
        None if video else context.channels,
        None if video else context.sample_rate,
        float((stream.duration or 0) * stream.time_base),
        stream.metadata.get("language"),
    )


class Done:
    """A job that was run: its result, and what lies in the bucket ``media-out`` by key."""

    def __init__(self, task: LoneTask, result: dict[str, Any]) -> None:
        self.result = result
        self.reports = task.reports
        self.objects = {key: content for (_, key), content in task.stored.items()}

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return [output for group in self.result["outputGroups"] for output in group["outputs"]]

    def text(self, key: str) -> str:
        return self.objects[key].decode()

    def streams(self, key: str) -> dict[str, Stream]:
        """What PyAV finds: the first stream of each kind."""
        with av.open(io.BytesIO(self.objects[key])) as media:
            return {stream.type: read_stream(stream) for stream in reversed(media.streams)}

    def key_frames(self, key: str) -> list[float]:
        """When the key frames of a video are shown, in seconds."""
        with av.open(io.BytesIO(self.objects[key])) as media:
            packets = list(media.demux(video=0))
            return [round(float(p.pts * p.time_base), 2) for p in packets if p.size and p.is_keyframe]

    def frames(self, key: str) -> list[Any]:
        """Every frame as an RGB array."""
        with av.open(io.BytesIO(self.objects[key])) as media:
            return [frame.to_ndarray(format="rgb24") for frame in media.decode(video=0)]


@pytest.fixture
def convert(media: dict[str, Path], tmp_path: Path) -> Callable[..., Done]:
    """Run a job on ``clip`` or another of the media, or on bytes; ``more`` objects lie in the bucket ``media-in``."""
    numbers = itertools.count()

    def run(settings: dict[str, Any], clip: str | bytes | Path = "clip", **more: Path | bytes) -> Done:
        assert checks.problems(settings) == []
        objects: dict[tuple[str, str], Path | bytes] = {
            ("media-in", "films/clip.mp4"): media[clip] if isinstance(clip, str) else clip
        }
        objects |= {("media-in", f"films/{name}"): content for name, content in more.items()}
        folder = tmp_path / str(next(numbers))
        task = LoneTask(folder, {"settings": settings}, objects=objects, buckets=("media-out",))
        return Done(task, engine.run(task))

    return run
