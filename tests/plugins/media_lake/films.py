"""Films for the tests of video curation, landed in the lake as a run lands them."""

from __future__ import annotations

import hashlib
import io
import uuid
from functools import cache
from typing import Any

import av
import numpy as np

from include.catalog.keys import RunFolder, raw_filename
from include.settings import SETTINGS

FOLDER = RunFolder("video", "wikimedia", "sea", "20260301_063000")
CODECS = {"film.mp4": ("mp4", "libx264"), "film.webm": ("webm", "libvpx")}


@cache
def film(name: str = "film.mp4", *, seconds: int = 6, live: bool = False) -> bytes:
    """A silent film of 64 x 48 pixels at 10 frames a second; ``live``: its header does not say how long it is."""
    container, codec = CODECS[name]
    file = io.BytesIO()
    with av.open(file, "w", format=container, options={"live": "1"} if live else {}) as opened:
        stream = opened.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10 * seconds):
            picture = np.full((48, 64, 3), number * 3 % 256, np.uint8)
            opened.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        opened.mux(stream.encode(None))
    return file.getvalue()


def land(catalogue: Any, lake: Any, content: bytes, *, name: str = "film.mp4", title: str = "A film") -> str:
    """Land bytes as an asset of the catalogue and return its id."""
    asset_id = uuid.uuid4().hex[:24]
    raw_key = FOLDER.raw(raw_filename(name, asset_id))
    lake.conn.put_object(Bucket=SETTINGS.raw_bucket, Key=raw_key, Body=content)
    attributes = {
        "source": FOLDER.source,
        "source_id": asset_id,
        "title": title,
        "original_name": name,
        "campaign": FOLDER.campaign,
        "run": FOLDER.run,
    }
    catalogue.claim(asset_id, claimed_by="curate_video/test", attributes=attributes)
    place = {"raw_bucket": SETTINGS.raw_bucket, "raw_key": raw_key}
    catalogue.mark(asset_id, "landed", **place, sha256=hashlib.sha256(content).hexdigest())
    return asset_id


class Notes:
    """What a task pushed to XCom, as a task instance."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value
