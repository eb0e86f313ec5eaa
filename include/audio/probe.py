"""The gate: is this file audio, and which? Decided from its bytes, never from its name.

A file from a public catalogue may be anything. So its first bytes choose one container format out of a closed list,
ffmpeg is held to that format and to local files, and only audio decoders may be opened: a playlist that is named
``.mp3`` cannot make us read another file, and a huge cover picture is never decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from include.audio.errors import (
    EmptyFile,
    NoAudioStream,
    NoSamples,
    NotAudio,
    Undecodable,
    UnsupportedAudio,
)

if TYPE_CHECKING:
    import av.container

HEAD_BYTES = 65536
"""How much of a file is looked at to tell its format."""
TAG_BYTES_MAX = 64 * 2**20
"""An ID3 tag beyond this is no cover picture; ffmpeg would hold all of it in memory."""
SAMPLE_RATES_HZ = (1_000, 768_000)
CHANNELS_MAX = 64

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wv"),
    (0, b"TTA1", "tta"),
    (0, b"MPCK", "mpc8"),
    (0, b"MP+", "mpc"),
    (0, b"ajkg", "shn"),
    (0, b"DSD ", "dsf"),
    (0, b"Creative Voice File\x1a", "voc"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x0b\x77", "ac3"),
    (0, b"\x7f\xfe\x80\x01", "dts"),
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
)
"""Offset, bytes and the name of ffmpeg's demuxer. Playlists, images and raw PCM are not on the list, and so are
refused.
"""

_RIFF = {b"WAVE": "wav", b"AVI ": "avi", b"AIFF": "aiff", b"AIFC": "aiff"}

_NO_AUDIO: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "a playlist (M3U/HLS), which names other files instead of holding sound"),
    (b"ffconcat", "a playlist (ffconcat), which names other files instead of holding sound"),
    (b"[playlist]", "a playlist (PLS), which names other files instead of holding sound"),
    (b"<!doctype html", "an HTML page, as a server sends for an error or a login"),
    (b"<html", "an HTML page, as a server sends for an error or a login"),
    (b"<?xml", "an XML document"),
    (b"{", "a JSON document or other text"),
    (b"%pdf", "a PDF document"),
    (b"\x89png", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"gif8", "a GIF image"),
    (b"bm", "a BMP image"),
    (b"pk\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"mthd", "a MIDI file: notes, not sound"),
)

_AUDIO_CODECS = (
    "8svx_exp,8svx_fib,aac,aac_fixed,aac_latm,ac3,ac3_fixed,adpcm_g722,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,"
    "alac,amrnb,amrwb,ape,dca,dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,eac3,flac,g722,g726,gsm,gsm_ms,"
    "libopencore_amrnb,libopencore_amrwb,libopus,libspeex,libvorbis,mp1,mp1float,mp2,mp2float,mp3,mp3float,mpc7,mpc8,nellymoser,opus,"
    "pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16be_planar,"
    "pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24le,pcm_s24le_planar,pcm_s32be,pcm_s32le,pcm_s32le_planar,pcm_s64be,pcm_s64le,pcm_s8,"
    "pcm_s8_planar,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,shorten,speex,tta,vorbis,wavpack,wmalossless,"
    "wmapro,wmav1,wmav2,wmavoice"
)
"""The only decoders that ffmpeg may open: no video decoder, so that a cover picture stays bytes."""


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The sound of a file, as its container declares it."""

    container: str
    """ffmpeg's name of the container format: mp3, wav, ogg, mov, ..."""
    codec: str
    sample_rate_hz: int
    channels: int
    declared_duration_s: float | None
    """What the header says. It may be wrong, or missing; the analysis counts the samples."""
    has_cover_art: bool
    has_video: bool


def probe_audio(path: str | Path) -> AudioStream:
    """Tell what audio a file holds, and make sure that it holds some: at least one block of samples was decoded.

    A file that passes gets a record from ``analyse_audio``.

    :raises AudioError: one of its subclasses, which say why the file is refused and what to do.
    :raises OSError: when the file cannot be read at all.
    """
    with open_audio(path) as (container, stream):
        pictures = [other for other in container.streams.video if _is_picture(other)]
        declared_s = None
        if stream.duration is not None and stream.time_base is not None:
            declared_s = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            declared_s = container.duration / 1_000_000
        first = next(decoded_frames(container, stream, Path(path).name), None)
        if first is None:
            raise NoSamples(Path(path).name)
        return AudioStream(
            container=container.format.name.split(",")[0],
            codec=codec_name(stream),
            sample_rate_hz=first.sample_rate,
            channels=first.layout.nb_channels,
            declared_duration_s=declared_s,
            has_cover_art=bool(pictures),
            has_video=len(container.streams.video) > len(pictures),
        )


@contextmanager
def open_audio(path: str | Path) -> Iterator[tuple[av.container.InputContainer, Any]]:
    """Open a file with ffmpeg held to its sniffed format, local files and audio decoders; yield the container and its
    audio stream.

    Of several audio streams the first is taken, as players do.

    :raises AudioError: when it is no audio; also for ffmpeg's own errors inside the block.
    """
    import av
    import av.error
    import av.logging
    from av.stream import Discard

    path = Path(path).resolve()  # an absolute path is never taken for a protocol such as "concat:"
    name = path.name
    format_name = sniff_format(path)
    av.logging.set_level(av.logging.PANIC)  # broken files are our daily bread: the named error tells what stderr would
    try:
        container = av.open(
            str(path),
            format=format_name,
            options={
                "protocol_whitelist": "file",
                "format_whitelist": format_name if format_name != "matroska" else "matroska,webm",
                "codec_whitelist": _AUDIO_CODECS,
                "max_streams": "64",
            },
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise Undecodable(name, f"the {format_name} container cannot be read ({_reason(error)})") from error
    try:
        if not container.streams.audio:
            raise NoAudioStream(name)
        stream = container.streams.audio[0]
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        _check_limits(name, stream)
        yield container, stream
    except av.error.FFmpegError as error:
        raise Undecodable(name, f"{format_name}: {_reason(error)}") from error
    finally:
        container.close()


def decoded_frames(container: Any, stream: Any, name: str) -> Iterator[Any]:
    """Yield the decoded frames of ``stream``; a broken packet is left out, a cut-off file gives what is there.

    :raises Undecodable: when there are packets, but none of them can be decoded.
    """
    import av.error

    frames = packets = 0
    broken: Exception | None = None
    packet_iterator = container.demux(stream)
    while True:
        try:
            packet = next(packet_iterator)
        except StopIteration:
            break
        except (av.error.FFmpegError, OSError) as error:  # the container breaks off here
            broken = error
            break
        packets += bool(packet.size)
        try:
            decoded = packet.decode()
        except (av.error.FFmpegError, ValueError) as error:
            broken = error
            continue
        for frame in decoded:
            if frame.samples and SAMPLE_RATES_HZ[0] <= frame.sample_rate <= SAMPLE_RATES_HZ[1]:
                frames += 1
                yield frame
    if not frames and packets:
        raise Undecodable(name, f"none of {packets} packets could be decoded ({_reason(broken)})")


def codec_name(stream: Any) -> str:
    """Return the codec's name (``mp3``), not that of the decoder which happens to read it (``mp3float``)."""
    return str(stream.codec_context.codec.canonical_name)


def sniff_format(path: str | Path) -> str:
    """Tell the container format from the first bytes of a file, as the name of ffmpeg's demuxer.

    :raises EmptyFile: for no bytes.
    :raises NotAudio: when the bytes begin no container of the closed list; the message says what they look like.
    """
    path = Path(path)
    with path.open("rb") as file:
        return sniff_open_file(file, path.name)


def sniff_open_file(file: BinaryIO, name: str) -> str:
    """Do what ``sniff_format`` does on a file that is open at its start, and leave it anywhere."""
    head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyFile(name)
    tagged = False
    while (tag_bytes := _id3_bytes(head)) is not None:
        if tag_bytes > TAG_BYTES_MAX:
            raise NotAudio(name, f"it begins with a tag of {tag_bytes // 2**20} MiB")
        tagged = True
        file.seek(tag_bytes - len(head), 1)
        head = file.read(HEAD_BYTES)
    format_name = _format_of(head)
    if tagged:  # the demuxers of these formats read the tag themselves
        if not head:
            raise NoSamples(name, "there is an ID3 tag and nothing behind it")
        return format_name if format_name in {"aac", "flac", "aiff", "wav", "tta", "ape", "mpc"} else "mp3"
    if format_name is None:
        raise NotAudio(name, f"the bytes are {_description_of(head)}")
    return format_name


def _format_of(head: bytes) -> str | None:
    """Name the format that ``head`` begins.

    >>> _format_of(b"RIFF....WAVEfmt "), _format_of(b"....ftypM4A "), _format_of(b"#EXTM3U")
    ('wav', 'mov', None)
    """
    if head[:4] in {b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"}:
        return _RIFF.get(head[8:12])
    for offset, magic, format_name in _MAGIC:
        if head.startswith(magic, offset):
            return format_name
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "mpegts"
    return _format_of_frames(head)


def _format_of_frames(head: bytes) -> str | None:
    """Find MPEG audio (MP1-MP3) or AAC in ADTS: formats without a header, known by frames that follow each other.

    Zero bytes or rubbish of a cut stream may stand before the first frame, text may not.
    """
    at = head.find(b"\xff")
    while 0 <= at < len(head) - 4:
        for frame_bytes, format_name in ((_mpeg_frame_bytes, "mp3"), (_adts_frame_bytes, "aac")):
            size = frame_bytes(head[at : at + 6])
            if not size:
                continue
            follower = at + size
            chain = 1
            while follower + 6 <= len(head) and (size := frame_bytes(head[follower : follower + 6])) and chain < 4:
                follower += size
                chain += 1
            ends_here = follower + 6 > len(head)
            if chain >= 3 or (ends_here and (chain >= 2 or at == 0)):
                return format_name
        at = head.find(b"\xff", at + 1)
    return None


_BITRATES_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg_frame_bytes(header: bytes) -> int:
    """Return the length in bytes of an MPEG audio frame from its header (ISO 11172-3, 13818-3), 0 when it is none.

    >>> _mpeg_frame_bytes(bytes.fromhex("fffb90640000"))
    417
    """
    (word,) = struct.unpack(">I", header[:4])
    version, layer = (word >> 19) & 3, 4 - ((word >> 17) & 3)
    bitrate_index, rate_index, padding = (word >> 12) & 15, (word >> 10) & 3, (word >> 9) & 1
    if word >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return 0
    rate_hz = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    bitrate = 1000 * _BITRATES_KBPS[(1 if version == 3 else 2, layer)][bitrate_index - 1]
    if layer == 1:
        return (12 * bitrate // rate_hz + padding) * 4
    return (144 if layer == 2 or version == 3 else 72) * bitrate // rate_hz + padding


def _adts_frame_bytes(header: bytes) -> int:
    """Return the length in bytes of an AAC frame from its ADTS header (ISO 13818-7), 0 when it is none.

    >>> _adts_frame_bytes(bytes.fromhex("fff150802a00"))
    336
    """
    if header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or (header[2] >> 2) & 15 > 12:
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size > 7 else 0


def _id3_bytes(head: bytes) -> int | None:
    """Return the length of the ID3v2 tag that ``head`` begins with, header and footer counted.

    >>> _id3_bytes(bytes.fromhex("49443303000000000102")), _id3_bytes(b"fLaC")
    (140, None)
    """
    if len(head) < 10 or not head.startswith(b"ID3") or 0xFF in head[3:5] or any(byte & 0x80 for byte in head[6:10]):
        return None
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return size + (20 if head[5] & 0x10 else 10)


def _description_of(head: bytes) -> str:
    """Say in words what the bytes look like.

    >>> _description_of(b"<!DOCTYPE html><title>404")
    'an HTML page, as a server sends for an error or a login'
    >>> _description_of(bytes(range(256)))
    'of no known container (raw samples without a header, perhaps)'
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, description in _NO_AUDIO:
        if start.startswith(magic.lower()):
            return description
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "a WebP image"
    printable = sum(byte >= 0x20 or byte in b"\t\r\n" for byte in head[:4096]) / len(head[:4096])
    if printable > 0.97 and 0 not in head[:4096]:
        return "text"
    return "of no known container (raw samples without a header, perhaps)"


def _check_limits(name: str, stream: Any) -> None:
    context = stream.codec_context
    if context is None:
        raise Undecodable(name, "no decoder for its codec is allowed here")
    rate_hz, channels = context.sample_rate, context.channels
    if rate_hz and not SAMPLE_RATES_HZ[0] <= rate_hz <= SAMPLE_RATES_HZ[1]:
        raise UnsupportedAudio(name, f"its sample rate is {rate_hz} Hz")
    if channels and channels > CHANNELS_MAX:
        raise UnsupportedAudio(name, f"it has {channels} channels")


def _is_picture(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _reason(error: Exception | None) -> str:
    if error is None:
        return "no reason given"
    return str(getattr(error, "strerror", "") or error).strip().rstrip(".")
