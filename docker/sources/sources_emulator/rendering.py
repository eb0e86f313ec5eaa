"""From samples to files: encoding, and the cache of what was rendered before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np

from sources_emulator.composing.canvas import RATE, Wave
from sources_emulator.composing.piece import Piece
from sources_emulator.composing.styles import compose
from sources_emulator.driving.render import render_trip
from sources_emulator.driving.trip import Trip
from sources_emulator.filming.film import Film, Footage
from sources_emulator.filming.render import render_footage
from sources_emulator.sound import mux_sound

KEEP_OLD_VERSIONS_S = 7 * 86_400  # renderings of another version of the composing code, unused for so long, are removed


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file ending is made: container and codec of PyAV, its options and bit rate (bit/s)."""

    container: str
    codec: str
    bit_rate: int | None = None
    rate: int = RATE
    options: tuple[tuple[str, str], ...] = ()


# The quick settings of each encoder. Vorbis is ffmpeg's own, which it calls experimental: the wheels lack libvorbis.
ENCODINGS = {
    "mp3": Encoding("mp3", "libmp3lame", 128_000, options=(("compression_level", "7"), ("joint_stereo", "0"))),
    "ogg": Encoding("ogg", "vorbis", 112_000, options=(("strict", "experimental"),)),
    "opus": Encoding("ogg", "libopus", 96_000, 48_000),
    "flac": Encoding("flac", "flac"),
    "wav": Encoding("wav", "pcm_s16le"),
    "m4a": Encoding("ipod", "aac", 128_000, options=(("aac_coder", "fast"),)),
    "mp4": Encoding("mp4", "aac", 128_000, options=(("aac_coder", "fast"),)),
}
BARE = {"empty": b"", "text": b"This is a text file that somebody called mp3.\n" * 40}


@dataclass(frozen=True, slots=True)
class Rendering:
    """A file in the cache with what the catalogue says about it; `length_s` in seconds."""

    path: Path
    md5: str
    sha1: str
    crc32: str
    size: int
    length_s: float | None


@dataclass(frozen=True, slots=True)
class Order:
    """What to render: a piece, the endings wanted of it, and the tags written into the files."""

    piece: Piece
    endings: tuple[str, ...]
    title: str
    artist: str

    def key(self, ending: str) -> str:
        """Name of the file in the cache: it changes with the piece, the tags and the ending."""
        told = json.dumps([asdict(self.piece), self.title, self.artist, ending], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """What to film. Orders of one footage are one order, whatever film asks for it."""

    footage: Footage
    title: str = field(default="", compare=False)

    def key(self) -> str:
        """Name of the file in the cache: it changes with the footage."""
        return hashlib.sha256(json.dumps(asdict(self.footage), sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class TripOrder:
    """What to film through a windscreen. Orders of one trip are one order, whatever drive asks for it."""

    trip: Trip
    title: str = field(default="", compare=False)

    def key(self) -> str:
        """Name of the file in the cache: it changes with the trip."""
        return hashlib.sha256(json.dumps(asdict(self.trip), sort_keys=True).encode()).hexdigest()[:24]


AnyOrder: TypeAlias = Order | FilmOrder | TripOrder


def film_orders(film: Film) -> dict[str, FilmOrder]:
    """What has to be rendered for a film, by the name of the rendition."""
    return {name: FilmOrder(footage, film.title) for name, footage in film.renditions.items()}


@cache
def code_version() -> str:
    """Hash of the code that decides how a piece sounds and a scene looks: another version renders anew."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    makers = {*folder.glob("filming/*.py"), *folder.glob("driving/*.py")}
    makers -= {folder / "filming" / "films.py", folder / "driving" / "drives.py"}  # a catalogue changes no rendering
    for path in sorted([*folder.glob("composing/*.py"), *makers, folder / "sound.py", Path(__file__)]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def render(order: AnyOrder, home: Path) -> dict[str, Rendering]:
    """Render what the folder lacks of an order and return its files by ending.

    The ending "png" is a picture of a piece's waveform. Every file appears whole or not at all, and its facts appear
    after it. Where several programs fill one cache, each order is rendered by one of them; the others wait for it.
    """
    with _alone(home / (order.key("png") if isinstance(order, Order) else order.key())):
        return _render(order, home)


def _render(order: AnyOrder, home: Path) -> dict[str, Rendering]:
    if isinstance(order, FilmOrder):
        path = home / f"{order.key()}.{order.footage.format.ending}"
        return {order.footage.format.ending: _cached(path, lambda part: _film(order.footage, part))}
    if isinstance(order, TripOrder):
        return {"mp4": _cached(home / f"{order.key()}.mp4", partial(render_trip, order.trip))}
    composed = cache(lambda: compose(order.piece))  # when an ending is missing, and once

    def write(ending: str, path: Path) -> float | None:
        wave = composed()
        _encode(order, wave, ending, path)
        return None if ending in BARE or ending == "png" else wave.shape[1] / RATE

    return {
        ending: _cached(home / f"{order.key(ending)}.{ending}", partial(write, ending))
        for ending in (*order.endings, "png")
    }


def _film(footage: Footage, path: Path) -> float:
    render_footage(footage, path)
    return footage.seconds


def _cached(path: Path, write: Callable[[Path], float | None]) -> Rendering:
    """The file at `path`, if it and its facts are there; else it is written first. `write` returns its length in s."""
    facts = path.with_name(path.name + ".json")
    if not facts.exists() or not path.exists():
        with _whole(path) as part:
            length_s = write(part)
        with _whole(facts) as part:
            part.write_text(json.dumps(_facts(path, length_s)))
    return Rendering(path=path, **json.loads(facts.read_text()))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process is at work on `path`; the lock falls with the process that holds it."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A hidden path to write to, which becomes `path` when all went well."""
    part = path.with_name(f".{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _facts(path: Path, length_s: float | None) -> dict[str, object]:
    data = path.read_bytes()
    return {
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "sha1": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
        "crc32": f"{zlib.crc32(data):08x}",
        "size": len(data),
        "length_s": length_s,
    }


def _encode(order: Order, wave: Wave, ending: str, path: Path) -> None:
    if ending in BARE:
        path.write_bytes(BARE[ending])
    elif ending == "png":
        path.write_bytes(waveform_png(wave))
    else:
        encode(wave, ending, path, {"title": order.title, "artist": order.artist})


def encode(wave: Wave, ending: str, path: Path, tags: dict[str, str]) -> None:
    """Write samples (float32, shape (2, n), 44,100 a second) in one of `ENCODINGS`; mp4 gets a picture track."""
    encoding = ENCODINGS[ending]
    with av.open(str(path), "w", format=encoding.container, options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream(encoding.codec, rate=encoding.rate, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        if encoding.bit_rate:
            stream.bit_rate = encoding.bit_rate
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.codec_context.options = dict(encoding.options)
        pictures = container.add_stream("mpeg4", rate=10) if ending == "mp4" else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt, pictures.bit_rate = 320, 180, "yuv420p", 200_000
            for picture in _moving_bar(wave.shape[1] / RATE):
                container.mux(pictures.encode(picture))
            container.mux(pictures.encode(None))
        mux_sound(container, stream, wave)


def _moving_bar(seconds: float) -> Iterator[av.VideoFrame]:
    """A bright bar that crosses a dark picture once, ten frames a second."""
    count = max(1, int(seconds * 10))
    for index in range(count):
        picture = np.full((180, 320, 3), 24, dtype=np.uint8)
        left = index * 300 // count
        picture[:, left : left + 20] = (240, 180, 40)
        yield av.VideoFrame.from_ndarray(picture, format="rgb24")


def waveform_png(wave: Wave, width: int = 800, height: int = 200) -> bytes:
    """A greyscale PNG of the waveform: for each column the peak of its stretch of samples."""
    mono = np.abs(wave).max(axis=0)
    edges = np.linspace(0, len(mono), width + 1).astype(int)
    peaks = np.array([mono[a : max(a + 1, b)].max(initial=0.0) for a, b in pairwise(edges)])
    distance = np.abs(np.arange(height) - height / 2)[:, None]
    pixels = np.where(distance <= peaks[None, :] * height / 2, 40, 235).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")


def open_cache(folder: Path) -> Path:
    """The folder of the present `code_version` below the cache folder, made if need be; long unused versions go."""
    home = folder / code_version()
    home.mkdir(parents=True, exist_ok=True)
    os.utime(home)
    _remove_old_versions(folder, keep=home)
    return home


def _remove_old_versions(folder: Path, keep: Path) -> None:
    for other in folder.iterdir():
        if other != keep and len(other.name) == 12 and time.time() - other.stat().st_mtime > KEEP_OLD_VERSIONS_S:
            shutil.rmtree(other, ignore_errors=True)
