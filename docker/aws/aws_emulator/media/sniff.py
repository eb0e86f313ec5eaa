"""What a file is, by its first bytes. Its name says nothing, and neither does what its uploader claims.

Sources: ISO/IEC 14496-12 (ISO base media), RFC 8794 (EBML), ISO/IEC 13818-1 (MPEG), RFC 8216 (HLS), RFC 4867 (AMR),
and the magic numbers of the formats' own specifications.
"""

from __future__ import annotations

import re
from pathlib import Path

HEAD_BYTES = 64 * 1024
LONGEST_ID3_BYTES = 64 * 1024**2  # an ID3 tag with pictures may be large, but not larger

# container -> ffmpeg's demuxer for it. What is not here is not opened.
DEMUXERS = {
    "mp4": "mov",
    "m4a": "mov",
    "mov": "mov",
    "3gp": "mov",
    "webm": "matroska",
    "matroska": "matroska",
    "mpegts": "mpegts",
    "mpegps": "mpeg",
    "avi": "avi",
    "asf": "asf",
    "flv": "flv",
    "mxf": "mxf",
    "flac": "flac",
    "wav": "wav",
    "ogg": "ogg",
    "mp3": "mp3",
    "adts": "aac",
    "amr": "amr",
    "aiff": "aiff",
    "gif": "gif",
    "png": "png_pipe",
    "jpeg": "jpeg_pipe",
}
# Texts that name other files: opened as media they read whatever the reader may read.
PLAYLISTS = frozenset({"hls", "dash", "concat", "sdp", "smil", "pls", "asx"})
QUICKTIME_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
MAGIC = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"#!AMR\n", "amr"),
    (b"#!AMR-WB\n", "amr"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"),
    (b"FLV\x01", "flv"),
    (bytes.fromhex("060e2b34020501010d010201"), "mxf"),
    (bytes.fromhex("000001ba"), "mpegps"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF-", "pdf"),
    (b"\x1f\x8b", "gzip"),
)
# A comment, in these, ends in one place only: else a text of nothing but comments takes exponential time.
XML_PROLOGUE = rb"(<\?xml[^>]*>)?\s*(<!--((?!-->).)*-->\s*)*"
TEXTS = (
    (re.compile(rb"#EXTM3U"), "hls"),
    (re.compile(rb"ffconcat version|(#[^\n]*\n\s*)*file\s+['\"\w/.]"), "concat"),
    (re.compile(XML_PROLOGUE + rb"<MPD\b", re.DOTALL), "dash"),
    (re.compile(XML_PROLOGUE + rb"<smil\b", re.DOTALL), "smil"),
    (re.compile(rb"(?i)<asx\b"), "asx"),
    (re.compile(rb"(?i)\[playlist\]"), "pls"),
    (re.compile(rb"v=0\r?\n"), "sdp"),
)


def sniff(path: Path) -> str | None:
    """The container of a file: a key of ``DEMUXERS``, a playlist's kind, another known thing, or None."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        tag_bytes = id3_bytes(head)
        if tag_bytes:
            file.seek(tag_bytes)
            return sniff_bytes(file.read(HEAD_BYTES)) or "mp3"
    return sniff_bytes(head)


def sniff_bytes(head: bytes) -> str | None:
    r"""The container that begins with these bytes.

    >>> sniff_bytes(b"\0\0\0\x18ftypisom"), sniff_bytes(b"\xef\xbb\xbf\n#EXTM3U\nhttp://127.0.0.1/"), sniff_bytes(b"")
    ('mp4', 'hls', None)
    """
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    for sniffer in (_iso, _riff, _ebml, _transport, _mpeg_audio, _text):
        found = sniffer(head)
        if found:
            return found
    return None


def id3_bytes(head: bytes) -> int:
    r"""The length of the ID3v2 tag that a file begins with, 0 if there is none.

    >>> id3_bytes(b"ID3\x04\0\0\0\0\x02\x01"), id3_bytes(b"RIFF")
    (267, 0)
    """
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
        return 0
    size = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return min(size, LONGEST_ID3_BYTES)


def _iso(head: bytes) -> str | None:
    kind = head[4:8]
    if kind == b"ftyp":
        brand = head[8:12]
        if brand == b"qt  ":
            return "mov"
        if brand in (b"M4A ", b"M4B "):
            return "m4a"
        if brand[:3] in (b"3gp", b"3g2"):
            return "3gp"
        return "heif" if brand in (b"heic", b"heix", b"mif1", b"msf1", b"avif") else "mp4"
    return "mov" if kind in QUICKTIME_BOXES and len(head) >= 16 else None


def _riff(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RF64"):
        return {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "webp"}.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    return None


def _ebml(head: bytes) -> str | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    kind = re.search(rb"\x42\x82[\x80-\x8f]([a-z]+)", head[:4096])  # the element DocType
    return kind[1].decode() if kind and kind[1] in (b"webm", b"matroska") else None


def _transport(head: bytes) -> str | None:
    for length, first in ((188, 0), (192, 4)):  # plain, and with the time codes of AVCHD
        marks = head[first : first + 5 * length : length]
        if len(head) >= first + 2 * length and set(marks) == {0x47}:
            return "mpegts"
    return None


def _mpeg_audio(head: bytes) -> str | None:
    """MP3 or AAC without a container: two frame headers, the second where the first says that it ends."""
    for name, frame_bytes in (("adts", _adts_frame_bytes), ("mp3", _mp3_frame_bytes)):
        length = frame_bytes(head)
        if length and (len(head) == length or frame_bytes(head[length : length + 16])):
            return name
    return None


def _adts_frame_bytes(head: bytes) -> int:
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5


MP3_KBIT = {  # by (MPEG-1?, layer): bit rates of the indices 1 to 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
MP3_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits


def _mp3_frame_bytes(head: bytes) -> int:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, frequency, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or rate in (0, 15) or frequency == 3:
        return 0
    bit_rate = MP3_KBIT[version == 3, layer][rate - 1] * 1000
    hz = MP3_HZ[version][frequency]
    if layer == 1:
        return (12 * bit_rate // hz + padding) * 4
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * bit_rate // hz + padding


def _text(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for pattern, name in TEXTS if pattern.match(text)), None)
