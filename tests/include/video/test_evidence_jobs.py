"""Clips cut by the local MediaConvert, of films whose pictures say which frame they are."""

from __future__ import annotations

import io
import subprocess
import time
import uuid
from fractions import Fraction
from pathlib import Path

import av
import boto3
import imageio_ffmpeg
import numpy as np
import pytest

from include.video.evidence import evidence_settings, web_rendition_settings
from include.video.probe import probe_media

ROLE = "arn:aws:iam::123456789012:role/media-mediaconvert"
BITS, BLOCK = 10, 32
FRAMES = 240


def numbered_film(path: Path, rate: Fraction, *, sound: bool, turned: bool) -> Path:
    """A film of 8 s or so whose pictures hold the frame's number in binary, a row of black and white blocks."""
    straight = path.with_name(f"straight-{path.name}")
    with av.open(str(straight), "w") as output:
        stream = output.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "g": "50", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = BITS * BLOCK, 2 * BLOCK, "yuv420p"
        tone = output.add_stream("aac", rate=48000, layout="mono") if sound else None
        for number in range(FRAMES):
            picture = np.zeros((2 * BLOCK, BITS * BLOCK, 3), np.uint8)
            for bit in range(BITS):
                picture[:, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if tone is not None:
            samples = np.sin(np.arange(int(FRAMES / rate * 48000)) * 0.05).astype(np.float32)[None]
            for start in range(0, samples.shape[1], 1024):
                part = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="fltp", layout="mono")
                part.sample_rate, part.pts = 48000, start
                output.mux(tone.encode(part))
            output.mux(tone.encode(None))
    if not turned:
        return straight
    turn = ("-display_rotation", "-90", "-i", straight, "-c", "copy", path)
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *map(str, turn)], check=True)
    return path


def number_of(picture: np.ndarray) -> int:
    """Read the frame's number from a picture, which stands upright: a turned one has its blocks below each other."""
    height, width = picture.shape[:2]
    row = picture[height // 2, :, 1] if width > height else picture[:, width // 2, 1]
    ends = len(row) / BITS
    return sum((int(row[int((bit + 0.5) * ends)]) > 127) << bit for bit in range(BITS))


@pytest.fixture(scope="module")
def converted(local_aws):
    """Runs a job on the local MediaConvert and returns the MP4 that it wrote."""
    s3 = boto3.client("s3", endpoint_url=local_aws)
    service = boto3.client("mediaconvert", endpoint_url=local_aws)

    def run(path: Path, make, **times: float) -> bytes:
        name = uuid.uuid4().hex
        s3.upload_file(str(path), "media-ingest", f"footage/cam-1/20260301/{name}.mp4")
        settings = make(
            probe_media(path),
            source_uri=f"s3://media-ingest/footage/cam-1/20260301/{name}.mp4",
            destination_uri=f"s3://media-processed/video/footage/cam-1/20260301/{name}",
            **times,
        )
        job_id = service.create_job(Role=ROLE, Settings=settings)["Job"]["Id"]
        for _ in range(300):
            job = service.get_job(Id=job_id)["Job"]
            if job["Status"] in ("COMPLETE", "ERROR"):
                break
            time.sleep(0.1)
        assert job["Status"] == "COMPLETE", job.get("ErrorMessage")
        key = f"video/footage/cam-1/20260301/{name}.mp4"
        return s3.get_object(Bucket="media-processed", Key=key)["Body"].read()

    return run


@pytest.mark.parametrize(
    ("rate", "sound", "turned"),
    [(Fraction(30000, 1001), True, False), (Fraction(25), False, True), (Fraction(24000, 1001), True, True)],
    ids=["29.97 with sound", "25 silent and turned", "23.976 turned with sound"],
)
def test_a_clip_begins_and_ends_with_the_frames_that_were_asked_for(tmp_path, converted, rate, sound, turned):
    path = numbered_film(tmp_path / "film.mp4", rate, sound=sound, turned=turned)
    start_s, end_s = 2.5, 5.25
    clip = converted(path, evidence_settings, start_s=start_s, end_s=end_s)
    with av.open(io.BytesIO(clip), "r") as opened:
        video = opened.streams.video[0]
        assert (video.height > video.width) == turned
        assert bool(opened.streams.audio) == sound
        if sound:
            assert (opened.duration or 0) / 1e6 == pytest.approx(end_s - start_s, abs=0.15)
        numbers = [number_of(frame.to_ndarray(format="rgb24")) for frame in opened.decode(video)]
    first, last = int(start_s * rate), -int(-end_s * rate // 1) - 1
    assert numbers == list(range(first, last + 1))


def test_the_web_rendition_holds_the_whole_film_and_begins_with_its_index(tmp_path, converted):
    path = numbered_film(tmp_path / "film.mp4", Fraction(25), sound=True, turned=False)
    web = converted(path, web_rendition_settings)
    assert web.index(b"moov") < web.index(b"mdat")
    with av.open(io.BytesIO(web), "r") as opened:
        assert opened.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert opened.streams.audio[0].codec_context.name == "aac"
        numbers = [number_of(frame.to_ndarray(format="rgb24")) for frame in opened.decode(video=0)]
    assert numbers == list(range(FRAMES))
