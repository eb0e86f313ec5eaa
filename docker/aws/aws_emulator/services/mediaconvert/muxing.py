"""Containers: how each output is written, as ffmpeg's options and the names of files in the job's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_emulator.services.mediaconvert import sound, video

DEFAULT_SEGMENT_S = 10
MUXERS = {"MP4": "mp4", "MOV": "mov", "M2TS": "mpegts", "WEBM": "webm", "OGG": "ogg", "GIF": "gif"}
RAW_MUXERS = {
    "AAC": "adts", "AC3": "ac3", "AIFF": "aiff", "EAC3": "eac3", "FLAC": "flac", "MP2": "mp2", "MP3": "mp3",
    "WAV": "wav", "H_264": "h264", "H_265": "hevc",
}  # fmt: skip
VIDEO_PID, FIRST_AUDIO_PID, PMT_PID = 481, 482, 480  # defaults of M3u8Settings


def capture_options(settings: Mapping[str, Any], local: str) -> list[str]:
    """JPEG pictures, at most ``MaxCaptures`` of them."""
    quality = video.jpeg_quantizer(settings.get("Quality", 80))
    options = ["-fps_mode", "passthrough", "-c:v", "mjpeg", "-q:v", str(quality)]
    if settings.get("MaxCaptures"):
        options += ["-frames:v", str(settings["MaxCaptures"])]
    return [*options, "-f", "image2", "-start_number", "0", f"{local}.%07d.jpg"]


def file_options(container: str, output: Mapping[str, Any], codec: str, tracks: Sequence[Any]) -> list[str]:
    """One file; in container RAW the elementary stream of its one codec. An index stands at the front unless asked."""
    if container == "RAW":
        kind = codec if output.get("VideoDescription") else sound.codec_of(tracks[0][1])[0]
        return ["-f", RAW_MUXERS[kind]]
    options = ["-f", MUXERS[container]]
    if container in {"MP4", "MOV"}:
        settings = output["ContainerSettings"].get(f"{container.title()}Settings") or {}
        if settings.get("MoovPlacement", "PROGRESSIVE_DOWNLOAD") == "PROGRESSIVE_DOWNLOAD":
            options += ["-movflags", "+faststart"]
        if brand := settings.get("Mp4MajorBrand"):
            options += ["-brand", brand[:4].ljust(4)]
    return options


def hls_options(
    group: Mapping[str, Any], output: Mapping[str, Any], local: str, sounds: int, has_video: bool
) -> list[str]:
    """The HLS muxer for one rendition: its segments are kept, its playlist is written anew (``playlists.py``)."""
    settings = output["ContainerSettings"].get("M3u8Settings") or {}
    pids = [settings.get("VideoPid", VIDEO_PID)] if has_video else []
    audio_pids = settings.get("AudioPids") or range(FIRST_AUDIO_PID, FIRST_AUDIO_PID + sounds)
    pids += list(audio_pids)[:sounds]
    length_s = group.get("SegmentLength", DEFAULT_SEGMENT_S)
    options = ["-force_key_frames", f"expr:gte(t,n_forced*{length_s})"] if has_video else []
    for number, pid in enumerate(pids):
        options += ["-streamid", f"{number}:{pid}"]
    options += ["-f", "hls", "-hls_time", str(length_s), "-hls_playlist_type", "vod", "-start_number", "1"]
    options += ["-hls_segment_options", f"mpegts_pmt_start_pid={settings.get('PmtPid', PMT_PID)}"]
    return [*options, "-hls_segment_filename", f"{local}_%05d.ts", f"{local}.m3u8"]
