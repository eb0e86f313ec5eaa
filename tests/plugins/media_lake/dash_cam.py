"""Uploads of dash cams for the tests of their triage, put and claimed as a run does."""

from __future__ import annotations

import hashlib
import io
import uuid
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from include.catalog.keys import FOOTAGE_PREFIX
from include.catalog.uploads import Upload, asset_id_of, attributes_of, footage_name, iso_utc, known_version
from include.settings import SETTINGS

RATE, SOUND_HZ = 20, 16_000
CONTAINERS = {"mp4": ("libx264", "aac"), "mkv": ("libx264", "aac"), "mov": ("libx264", "pcm_s16le")}


def drive(
    seconds: float = 4.0,
    *,
    container: str = "mp4",
    codec: str = "libx264",
    sound: bool = True,
    bang_s: float | None = None,
) -> bytes:
    """A film of a steady drive of 96 x 54 pixels: a texture that glides by, and noise, perhaps with a bang.

    No two are alike, for what has the bytes of another upload is a duplicate.
    """
    rng = np.random.default_rng()
    world = cv2.GaussianBlur(rng.uniform(0, 255, (54, 400)).astype(np.float32), (0, 0), 2)
    world = ((world - world.mean()) / world.std() * 45 + 128).clip(0, 255).astype(np.uint8)
    samples = rng.normal(0, 0.02, round(seconds * SOUND_HZ))
    if bang_s is not None:
        samples[round(bang_s * SOUND_HZ) : round((bang_s + 0.2) * SOUND_HZ)] *= 20
    file = io.BytesIO()
    with av.open(file, "w", format={"mkv": "matroska"}.get(container, container)) as output:
        pictures = output.add_stream(codec, rate=RATE)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 54, "yuv420p"
        sounds = output.add_stream(CONTAINERS[container][1], rate=SOUND_HZ, layout="mono") if sound else None
        for number in range(round(seconds * RATE)):
            grey = np.ascontiguousarray(world[:, number : number + 96])
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(pictures.encode(frame))
        output.mux(pictures.encode(None))
        if sounds:
            whole = (samples.clip(-1, 1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(whole[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts = SOUND_HZ, 0
            output.mux(sounds.encode(frame))
            output.mux(sounds.encode(None))
    return file.getvalue()


def sound_alone(seconds: float = 2.0) -> bytes:
    """A WAV file of noise."""
    file = io.BytesIO()
    with av.open(file, "w", format="wav") as output:
        stream = output.add_stream("pcm_s16le", rate=SOUND_HZ, layout="mono")
        noise = np.random.default_rng().normal(0, 600, round(seconds * SOUND_HZ)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise[None, :], format="s16", layout="mono")
        frame.sample_rate = SOUND_HZ
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def noted(content: bytes, device: str) -> dict[str, str]:
    """The metadata that the edge uploader writes."""
    return {
        "device": device,
        "captured-at": "2026-03-01T06:30:00+00:00",
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def upload(
    catalogue: Any, lake: Any, content: bytes, *, name: str = "drive.mp4", metadata: dict[str, str] | None = None
) -> str:
    """Put an upload of a device that no other test uses, claim it, and return its asset id."""
    device = f"cam-{uuid.uuid4().hex[:8]}"
    key = f"{FOOTAGE_PREFIX}{device}/20260301/{name}"
    metadata = noted(content, device) if metadata is None else metadata
    bucket = SETTINGS.ingest_bucket
    lake.conn.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata)
    head = lake.conn.head_object(Bucket=bucket, Key=key)
    came = Upload(
        bucket=bucket,
        key=key,
        version_id=known_version(head.get("VersionId")),
        etag=head["ETag"].strip('"'),
        size_bytes=len(content),
        uploaded_at=iso_utc(head["LastModified"]),
    )
    attributes = attributes_of(came, footage_name(key, came.uploaded_at).stem, run="20260301_070000")
    catalogue.claim(asset_id_of(came), claimed_by="triage_footage/test", attributes=attributes)
    return asset_id_of(came)
