"""From pictures and samples to a file, in the formats in which the public catalogues offer films.

Every encoder runs in one thread with its quick settings and without a word about its version: the same pictures and
samples give the same bytes.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from PIL import Image

from sources_emulator.composing.canvas import RATE, Wave
from sources_emulator.filming.film import Footage, Format
from sources_emulator.sound import mux_sound

SOUND_RATE = 48_000  # samples per second of every sound track
QUARTER_TURN = 90  # degrees clockwise by which a player turns the pictures of a film that lies on its side


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder of PyAV with its options; `form` is the pixel format of pictures, the layout of sound."""

    name: str
    form: str
    options: tuple[tuple[str, str], ...]
    bit_rate: int | None = None


_X264 = (("preset", "superfast"), ("crf", "26"), ("g", "50"), ("threads", "1"))
# of VP8 a positive cpu-used is an upper bound, within which the encoder goes by the time each picture took it
_VPX = (("deadline", "realtime"), ("cpu-used", "-8"), ("g", "100"), ("lag-in-frames", "0"))
_AAC = Codec("aac", "mono", (("aac_coder", "fast"),), 48_000)

PICTURES = {
    Format.WEBM_VP8: Codec("libvpx", "yuv420p", _VPX, 700_000),
    Format.WEBM_VP9: Codec("libvpx-vp9", "yuv420p", _VPX, 500_000),
    Format.MP4_H264: Codec("libx264", "yuv420p", _X264),
    Format.MP4_H264_10: Codec("libx264", "yuv420p10le", _X264),
    Format.MP4_HEVC: Codec(
        "libx265",
        "yuv420p",
        (("preset", "ultrafast"), ("crf", "28"), ("x265-params", "pools=none:frame-threads=1:log-level=none:info=0")),
    ),
}
SOUND = {
    Format.WEBM_VP8: Codec("vorbis", "stereo", (("strict", "experimental"),), 80_000),  # this one knows stereo only
    Format.WEBM_VP9: Codec("libopus", "mono", (), 40_000),
    Format.MP4_H264: _AAC,
    Format.MP4_H264_10: _AAC,
    Format.MP4_HEVC: _AAC,
    Format.OGV_SOUND_ONLY: Codec("vorbis", "stereo", (("strict", "experimental"),), 80_000),
}
CONTAINERS = {"webm": "webm", "mp4": "mp4", "ogv": "ogg"}


def encode(
    footage: Footage, pictures: Iterator[Image.Image], wave: Wave | None, path: Path, *, index_first: bool = True
) -> None:
    """Write upright pictures and samples (float32, shape (2, n), 44,100 a second) as the footage's format asks.

    An MP4 without `index_first` has its index at the end, as cameras write it: cut short, it cannot be read.
    """
    if footage.format is Format.OGV_THEORA:
        _encode_theora(footage, pictures, wave, path)
        return
    options = {"fflags": "+bitexact"} | (
        {"movflags": "+faststart"} if footage.format.ending == "mp4" and index_first else {}
    )
    with av.open(str(path), "w", format=CONTAINERS[footage.format.ending], options=options) as container:
        stream = _add_pictures(container, footage) if footage.format in PICTURES else None
        sound = _add_sound(container, SOUND[footage.format]) if wave is not None else None
        if stream is not None:
            for number, picture in enumerate(pictures):
                turned = picture.transpose(Image.Transpose.ROTATE_90) if footage.turned else picture
                frame = av.VideoFrame.from_ndarray(np.asarray(turned), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, footage.frames_per_s)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        if sound is not None and wave is not None:
            mux_sound(container, sound, wave)


def _add_pictures(container: av.container.OutputContainer, footage: Footage) -> av.VideoStream:
    codec = PICTURES[footage.format]
    stream = container.add_stream(codec.name, rate=footage.frames_per_s)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = footage.width, footage.height
    if footage.turned:
        stream.width, stream.height = footage.height, footage.width
        stream.set_display_rotation(-QUARTER_TURN)  # counted anticlockwise, as in av_display_rotation_set
    stream.pix_fmt, stream.codec_context.thread_count = codec.form, 1
    _set_up(stream.codec_context, codec)
    return stream


def _add_sound(container: av.container.OutputContainer, codec: Codec) -> av.AudioStream:
    stream = container.add_stream(codec.name, rate=SOUND_RATE, layout=codec.form)
    assert isinstance(stream, av.AudioStream)
    _set_up(stream.codec_context, codec)
    return stream


def _set_up(context: av.CodecContext, codec: Codec) -> None:
    if codec.bit_rate is not None:
        context.bit_rate = codec.bit_rate
    context.flags |= av.codec.context.Flags.bitexact
    context.options = dict(codec.options)


def _encode_theora(footage: Footage, pictures: Iterator[Image.Image], wave: Wave | None, path: Path) -> None:
    """Ogg Theora, which PyAV's wheel cannot write: by the ffmpeg of imageio-ffmpeg. Raises RuntimeError if it fails."""
    exact = ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-threads", "1")
    size, rate = f"{footage.width}x{footage.height}", str(footage.frames_per_s)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", rate, "-i", "pipe:0")
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory() as folder:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *raw]
        if wave is not None:
            samples = Path(folder) / "samples"
            samples.write_bytes(np.ascontiguousarray(wave.T).tobytes())
            command += ["-f", "f32le", "-ar", str(RATE), "-ac", "2", "-i", str(samples)]
            command += ["-c:a", "libvorbis", "-ac", "1", "-ar", str(SOUND_RATE), "-q:a", "2"]
        command += ["-c:v", "libtheora", "-pix_fmt", "yuv420p", "-q:v", "6", *exact, "-f", "ogg", str(path)]
        with suppress(BrokenPipeError), subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors) as process:
            assert process.stdin
            for picture in pictures:
                process.stdin.write(picture.tobytes())
        if process.returncode:  # also where it ended before its input did
            errors.seek(0)
            raise RuntimeError(f"ffmpeg could not write Ogg Theora: {errors.read().decode(errors='replace').strip()}")
