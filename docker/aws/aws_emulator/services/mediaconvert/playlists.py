"""HLS manifests, from the segments that ffmpeg wrote: names, durations and bit rates as they really are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from aws_emulator.services.mediaconvert import captions, names

CAPTION_SEGMENT_S = 300  # "Large segments ... 300 seconds long" (CaptionSegmentLengthControl)
TAGGED_AUDIO = {"aac": "mp4a.40.2", "mp3": "mp4a.40.34", "ac3": "ac-3", "eac3": "ec-3"}
EXTINF = re.compile(r"#EXTINF:([\d.]+),[^\n]*\n([^\n#]+)")
ALTERNATE = "ALTERNATE_AUDIO"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a rendition, by its name in the playlist."""

    name: str
    duration_s: float
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Variant:
    """A rendition as the top-level manifest names it."""

    uri: str
    segments: Sequence[Segment]
    codecs: Sequence[str]  # RFC 6381
    size: tuple[int, int] | None
    frame_rate: Fraction | None
    settings: Mapping[str, Any]  # the output's

    @property
    def kind(self) -> str:
        """``variant``, ``audio`` (an alternate to choose) or ``captions``."""
        if self.settings.get("CaptionDescriptions"):
            return "captions"
        track = (self.settings.get("OutputSettings") or {}).get("HlsSettings", {}).get("AudioTrackType", "")
        return "audio" if self.size is None and track.startswith(ALTERNATE) else "variant"


def read_segments(playlist: str) -> list[tuple[str, float]]:
    r"""File and duration in seconds of each segment in a playlist that ffmpeg wrote.

    >>> read_segments("#EXTM3U\n#EXTINF:9.960000,\ng0o0_00001.ts\n#EXT-X-ENDLIST\n")
    [('g0o0_00001.ts', 9.96)]
    """
    return [(name.strip(), float(seconds)) for seconds, name in EXTINF.findall(playlist)]


def segment_name(base: str, output: Mapping[str, Any], number: int, completed: datetime, extension: str = "ts") -> str:
    """What a segment is called: segment modifier, then its number. Times in the modifier are when it was completed.

    >>> segment_name("film_360", {"OutputSettings": {"HlsSettings": {"SegmentModifier": "_$d$"}}}, 1,
    ...              datetime(2020, 6, 4, 15, 5, 28))
    'film_360_20200604_00001.ts'
    """
    modifier = ((output.get("OutputSettings") or {}).get("HlsSettings") or {}).get("SegmentModifier") or ""
    return f"{base}{names.expand(modifier, names.base_identifiers(completed, base))}_{number:05d}.{extension}"


def media_playlist(segments: Sequence[Segment], group: Mapping[str, Any], started: datetime | None = None) -> str:
    """The manifest of one rendition.

    >>> print(media_playlist([Segment("a_00001.ts", 9.96), Segment("a_00002.ts", 2.5)],
    ...                      {"ManifestDurationFormat": "INTEGER"}))
    #EXTM3U
    #EXT-X-VERSION:3
    #EXT-X-TARGETDURATION:10
    #EXT-X-MEDIA-SEQUENCE:1
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXTINF:10,
    a_00001.ts
    #EXTINF:3,
    a_00002.ts
    #EXT-X-ENDLIST
    <BLANKLINE>
    """
    longest = max((segment.duration_s for segment in segments), default=0.0)
    target = math.ceil(longest) if group.get("TargetDurationCompatibilityMode") != "SPEC_COMPLIANT" else round(longest)
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{max(1, target)}", "#EXT-X-MEDIA-SEQUENCE:1"]
    if group.get("ClientCache") == "DISABLED":
        lines.append("#EXT-X-ALLOW-CACHE:NO")
    lines.append("#EXT-X-PLAYLIST-TYPE:VOD")
    dated, passed, due = group.get("ProgramDateTime") == "INCLUDE" and started is not None, 0.0, 0.0
    for segment in segments:
        if dated and started is not None and passed >= due:
            stamp = datetime.fromtimestamp(started.timestamp() + passed, started.tzinfo)
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{stamp.isoformat(timespec='milliseconds')}")
            due = passed + group.get("ProgramDateTimePeriod", 600)
        shown = f"{segment.duration_s:.3f}"
        if group.get("ManifestDurationFormat") == "INTEGER":
            shown = str(max(1, math.floor(segment.duration_s + 0.5)))
        lines += [f"#EXTINF:{shown},", group.get("BaseUrl", "") + segment.name]
        passed += segment.duration_s
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(variants: Iterable[Variant], group: Mapping[str, Any]) -> str:
    """The top-level manifest: alternate audio, captions, then each variant with its true peak and average bit rate."""
    given = list(variants)
    sounds = [variant for variant in given if variant.kind == "audio"]
    subtitles = [variant for variant in given if variant.kind == "captions"]
    base = group.get("BaseUrl", "")
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for variant in sounds:
        own = variant.settings["OutputSettings"]["HlsSettings"]
        described = (variant.settings.get("AudioDescriptions") or [{}])[0]
        track = own["AudioTrackType"]
        name = described.get("StreamName") or variant.uri.removesuffix(".m3u8")
        parts = [
            "TYPE=AUDIO",
            *([f'LANGUAGE="{described["LanguageCode"].lower()}"'] if described.get("LanguageCode") else []),
            f'NAME="{name}"',
            f"AUTOSELECT={'NO' if track.endswith('NOT_AUTO_SELECT') else 'YES'}",
            f"DEFAULT={'YES' if track.endswith('DEFAULT') else 'NO'}",
            f'GROUP-ID="{own.get("AudioGroupId", "program_audio")}"',
            f'URI="{base}{variant.uri}"',
        ]
        lines.append(f"#EXT-X-MEDIA:{','.join(parts)}")
    for number, variant in enumerate(subtitles):
        described = variant.settings["CaptionDescriptions"][0]
        language = (described.get("CustomLanguageCode") or described.get("LanguageCode") or "und").lower()
        first = "YES" if number == 0 else "NO"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="{described.get("LanguageDescription") or language}",'
            f'DEFAULT={first},AUTOSELECT={first},FORCED=NO,LANGUAGE="{language}",URI="{base}{variant.uri}"'
        )
    for variant in given:
        if variant.kind == "variant":
            lines += [_stream_inf(variant, sounds, bool(subtitles), group), base + variant.uri]
    return "\n".join([*lines, ""])


def _stream_inf(variant: Variant, sounds: Sequence[Variant], captioned: bool, group: Mapping[str, Any]) -> str:
    own = (variant.settings.get("OutputSettings") or {}).get("HlsSettings") or {}
    wanted = {name.strip() for name in own.get("AudioRenditionSets", "").split(",")}
    joined = [
        sound for sound in sounds if sound.settings["OutputSettings"]["HlsSettings"].get("AudioGroupId") in wanted
    ]
    peak, average = bit_rates(variant.segments)
    with_sound = max((bit_rates(sound.segments) for sound in joined), default=(0, 0))
    codecs = list(dict.fromkeys([*variant.codecs, *(codec for sound in joined[:1] for codec in sound.codecs)]))
    parts = [f"BANDWIDTH={peak + with_sound[0]}", f"AVERAGE-BANDWIDTH={average + with_sound[1]}"]
    if codecs:
        parts.append(f'CODECS="{",".join(codecs)}"')
    if variant.size and group.get("StreamInfResolution", "INCLUDE") == "INCLUDE":
        parts.append(f"RESOLUTION={variant.size[0]}x{variant.size[1]}")
    if variant.frame_rate:
        parts.append(f"FRAME-RATE={float(variant.frame_rate):.3f}")
    if joined:
        parts.append(f'AUDIO="{joined[0].settings["OutputSettings"]["HlsSettings"]["AudioGroupId"]}"')
    if captioned:
        parts.append('SUBTITLES="subs"')
    return f"#EXT-X-STREAM-INF:{','.join(parts)}"


def bit_rates(segments: Sequence[Segment]) -> tuple[int, int]:
    """Peak and average of segments, in bit/s.

    >>> bit_rates([Segment("a", 2.0, 1000), Segment("b", 2.0, 500)])
    (4000, 3000)
    """
    timed = [segment for segment in segments if segment.duration_s > 0]
    if not timed:
        return 0, 0
    peak = max(segment.size_bytes * 8 / segment.duration_s for segment in timed)
    whole = sum(segment.size_bytes for segment in timed) * 8 / sum(segment.duration_s for segment in timed)
    return round(peak), round(whole)


def h264_codec(extradata: bytes | None) -> str | None:
    """The RFC 6381 name of an H.264 stream, from its first sequence parameter set.

    >>> h264_codec(bytes.fromhex("00000001674d401f"))
    'avc1.4D401F'
    """
    if extradata and extradata[0] == 1 and len(extradata) > 3:  # avcC
        return f"avc1.{extradata[1:4].hex().upper()}"
    found = re.search(rb"\x00\x00\x01[\x67\x47\x27](...)", extradata or b"", re.DOTALL)
    return f"avc1.{found[1].hex().upper()}" if found else None


def split_captions(cues: Sequence[captions.Cue], duration_s: float) -> list[tuple[list[captions.Cue], float]]:
    """The cues of each caption segment, with its duration in seconds; one that spans two stands in both."""
    count = max(1, math.ceil(duration_s / CAPTION_SEGMENT_S - 1e-9))
    parts = []
    for number in range(count):
        begins, ends = number * CAPTION_SEGMENT_S, min((number + 1) * CAPTION_SEGMENT_S, duration_s)
        parts.append(([cue for cue in cues if cue.start_s < ends and cue.end_s > begins], max(0.001, ends - begins)))
    return parts
