"""What ffmpeg left in the folder becomes objects in S3: files, captures, HLS packages, captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from aws_emulator.jobs.errors import AccessDenied, ObjectMissing, TooLarge
from aws_emulator.jobs.task import Task
from aws_emulator.media.errors import FfmpegFailed, MediaBroken, MediaRefused
from aws_emulator.media.probe import probe
from aws_emulator.media.sandbox import Input, open_media, run_ffmpeg
from aws_emulator.services.mediaconvert import captions, faults, names, playlists, video
from aws_emulator.services.mediaconvert.plan import Plan, Product, Source

MPEGTS = "mpegts"


@dataclass(slots=True)
class Package:
    """What was uploaded: for each output group its type, top-level manifests and outputs."""

    groups: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Packager:
    """Uploads the products of a plan; ``upload`` does it all."""

    def __init__(self, task: Task, settings: Mapping[str, Any], plan: Plan, started: datetime) -> None:
        self.task = task
        self.settings = settings
        self.plan = plan
        self.started = started
        self.package = Package()
        self.identifiers = names.base_identifiers(started, plan.pieces[0][0].uri)
        self.cues: dict[str, list[captions.Cue]] = {}

    def upload(self, said: Callable[[float], None]) -> Package:
        """Put everything where it belongs; ``said`` is told which share is done. Raises ``JobFailed``."""
        done = 0
        for number, group in enumerate(self.settings["OutputGroups"]):
            hls = group["OutputGroupSettings"]["Type"] == "HLS_GROUP_SETTINGS"
            group_settings = group["OutputGroupSettings"].get("HlsGroupSettings" if hls else "FileGroupSettings") or {}
            outputs, variants = [], []
            for product in (product for product in self.plan.products if product.group == number):
                if hls:
                    variant, output = self._upload_variant(product, group_settings)
                    variants.append(variant)
                else:
                    output = self._upload_files(product)
                outputs.append(output)
                done += 1
                said(done / len(self.plan.products))
            written: dict[str, Any] = {"type": "HLS_GROUP" if hls else "FILE_GROUP", "outputs": outputs}
            if hls and group_settings.get("OutputSelection") != "SEGMENTS_ONLY":
                written["playlists"] = self._upload_manifests(group_settings, variants)
            self.package.groups.append(written)
        return self.package

    def _put(self, bucket: str, key: str, content: Path | bytes) -> str:
        uri = f"s3://{bucket}/{key}"
        try:
            self.task.put(bucket, key, content, content_type=names.content_type(key))
        except ObjectMissing as error:
            raise faults.not_written(uri, faults.NOT_FOUND, "The specified bucket does not exist") from error
        except AccessDenied as error:
            raise faults.not_written(uri, faults.ACCESS_DENIED, "Access Denied") from error
        return uri

    def _upload_files(self, product: Product) -> dict[str, Any]:
        if product.kind == "captions":
            cues = self._cues(product)
            text = captions.to_srt(cues) if product.extension == "srt" else captions.to_webvtt(cues)
            uri = self._put(product.bucket, f"{product.key}.{product.extension}", text.encode())
            return {"files": [uri], "duration_ms": round((self.plan.duration_s or 0) * 1000)}
        if product.kind == "frames":
            return self._upload_captures(product)
        made = self.task.folder / f"{product.local}.out"
        if not made.exists() or not made.stat().st_size:
            raise faults.fault(faults.DEMUXER, f"Nothing was decoded for output [{product.key}].")
        duration_ms = self._duration_ms(made)
        uri = self._put(product.bucket, f"{product.key}.{product.extension}", made)
        made.unlink()
        return {"files": [uri], "duration_ms": duration_ms, **_sized(product)}

    def _duration_ms(self, made: Path) -> int:
        """How long an output is; where its container does not say (elementary streams), as long as the input."""
        try:
            facts = probe(made)
        except MediaBroken as error:
            raise faults.fault(faults.DEMUXER, f"Nothing was decoded from [{self.plan.pieces[0][0].uri}].") from error
        except MediaRefused:  # an elementary stream without a container
            return round((self.plan.duration_s or 0) * 1000)
        pictures = facts.video[0].duration_s if facts.video else None
        return round(((pictures or facts.duration_s or self.plan.duration_s) or 0) * 1000)

    def _upload_captures(self, product: Product) -> dict[str, Any]:
        made = sorted(self.task.folder.glob(f"{product.local}.*.jpg"))
        if not made:
            raise faults.fault(faults.DEMUXER, f"No frame was decoded for output [{product.key}].")
        uri = ""
        for number, path in enumerate(made):
            uri = self._put(product.bucket, f"{product.key}.{number:07d}.{product.extension}", path)
            path.unlink()
        interval_s = video.capture_interval_s(video.codec_of(product.settings["VideoDescription"])[1])
        return {"files": [uri], "duration_ms": round(len(made) * interval_s * 1000), **_sized(product)}

    # HLS

    def _upload_variant(self, product: Product, group: Mapping[str, Any]) -> tuple[playlists.Variant, dict[str, Any]]:
        folder, _, base = product.key.rpartition("/")
        prefix = f"{folder}/" if folder else ""
        codecs: list[str] = []
        if product.kind == "captions":
            segments = self._upload_caption_segments(product, prefix, base)
        else:
            segments, codecs = self._upload_segments(product, prefix, base)
        files = []
        if group.get("OutputSelection") != "SEGMENTS_ONLY":
            playlist = playlists.media_playlist(segments, group, self.started)
            files = [self._put(product.bucket, f"{product.key}.m3u8", playlist.encode())]
        variant = playlists.Variant(
            f"{base}.m3u8", segments, codecs, product.size, product.frame_rate, product.settings
        )
        duration_ms = round(sum(segment.duration_s for segment in segments) * 1000)
        return variant, {"files": files, "duration_ms": duration_ms, **_sized(product)}

    def _upload_segments(self, product: Product, prefix: str, base: str) -> tuple[list[playlists.Segment], list[str]]:
        playlist = self.task.folder / f"{product.local}.m3u8"
        listed = playlists.read_segments(playlist.read_text()) if playlist.exists() else []
        if not listed:
            raise faults.fault(faults.DEMUXER, f"Nothing was decoded for output [{product.key}].")
        codecs = _codecs(self.task.folder / listed[0][0])
        segments = []
        for number, (name, duration_s) in enumerate(listed, start=1):
            path = self.task.folder / name
            status = path.stat()
            completed = datetime.fromtimestamp(status.st_mtime, UTC)
            called = playlists.segment_name(base, product.settings, number, completed)
            self._put(product.bucket, prefix + called, path)
            path.unlink()
            segments.append(playlists.Segment(called, duration_s, status.st_size))
        return segments, codecs

    def _upload_caption_segments(self, product: Product, prefix: str, base: str) -> list[playlists.Segment]:
        segments = []
        parts = playlists.split_captions(self._cues(product), self.plan.duration_s or 1.0)
        for number, (cues, duration_s) in enumerate(parts, start=1):
            called = playlists.segment_name(base, product.settings, number, datetime.now(UTC), "vtt")
            text = captions.to_webvtt(cues, "\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:126000").encode()
            self._put(product.bucket, prefix + called, text)
            segments.append(playlists.Segment(called, duration_s, len(text)))
        return segments

    def _upload_manifests(self, group: Mapping[str, Any], variants: list[playlists.Variant]) -> list[str]:
        bucket, key = names.destination(group["Destination"], self.identifiers)
        written = [self._put(bucket, f"{key}.m3u8", playlists.master_playlist(variants, group).encode())]
        for manifest in group.get("AdditionalManifests") or []:
            chosen = set(manifest.get("SelectedOutputs") or [])
            picked = [v for v in variants if v.settings.get("NameModifier") in chosen]
            content = playlists.master_playlist(picked, group).encode()
            written.append(self._put(bucket, f"{key}{manifest.get('ManifestNameModifier', '')}.m3u8", content))
        return written

    # Captions

    def _cues(self, product: Product) -> list[captions.Cue]:
        """The captions of an output, from every piece of the inputs in turn."""
        name = product.settings["CaptionDescriptions"][0]["CaptionSelectorName"]
        found: list[captions.Cue] = []
        passed = Fraction(0)
        for source, clip in self.plan.pieces:
            length = clip.duration_s if clip.duration_s is not None else (source.duration_s or 0) - clip.start_s
            piece = captions.clipped(self._read(source, name), [(clip.start_s, length or None)])
            found += [captions.Cue(cue.start_s + passed, cue.end_s + passed, cue.text) for cue in piece]
            passed += Fraction(length)
        if not found:
            self.package.remarks.append(f"{name} gave no captions.")
        return found

    def _read(self, source: Source, name: str) -> list[captions.Cue]:
        selector = (source.settings.get("CaptionSelectors") or {}).get(name)
        given = (selector or {}).get("SourceSettings") or {}
        kind = given.get("SourceType")
        if selector is None:
            raise faults.fault(faults.SETTINGS, f"Input [{source.uri}] has no caption selector named [{name}].")
        if kind in captions.READ_FROM_FILE:
            return captions.shifted(
                self._read_file(given["FileSourceSettings"]["SourceFile"]), given["FileSourceSettings"]
            )
        if kind in captions.READ_FROM_TRACK:
            return self._read_track(source, given.get("TrackSourceSettings") or {}, selector)
        return []

    def _read_file(self, uri: str) -> list[captions.Cue]:
        if uri not in self.cues:
            bucket, key = names.split_uri(uri)
            try:
                content = self.task.fetch(bucket, key, most_bytes=captions.MOST_BYTES).read_bytes()
                self.cues[uri] = captions.read(content)
            except ObjectMissing as error:
                raise faults.not_fetched(uri, faults.NOT_FOUND, "HeadObject failed") from error
            except AccessDenied as error:
                raise faults.not_fetched(uri, faults.ACCESS_DENIED, "Access denied") from error
            except (TooLarge, ValueError) as error:
                raise faults.not_opened(uri, f"Captions cannot be read: {error}") from error
        return self.cues[uri]

    def _read_track(self, source: Source, given: Mapping[str, Any], selector: Mapping[str, Any]) -> list[captions.Cue]:
        """The captions of a text track inside the input, by its number, its language, or the first."""
        tracks = source.facts.subtitles
        language = (selector.get("CustomLanguageCode") or selector.get("LanguageCode") or "").lower()
        spoken = [track for track in tracks if language and track.language == language]
        number = given.get("TrackNumber")
        chosen = tracks[number - 1 : number] if number else spoken or tracks
        if not chosen:
            raise faults.fault(faults.SETTINGS, f"Input [{source.uri}] has no such captions track.")
        stem = f"captions{chosen[0].index}.srt"
        try:
            run_ffmpeg(
                ["-map", f"0:{chosen[0].index}", "-c:s", "srt", "-f", "srt", stem],
                inputs=[Input(source.path, (), source.facts.container)],
                folder=self.task.folder,
            )
        except FfmpegFailed as error:
            raise faults.fault(faults.DEMUXER, f"Captions of [{source.uri}] cannot be decoded: {error}") from error
        content = (self.task.folder / stem).read_bytes()
        return captions.read(content) if content.strip() else []


def _sized(product: Product) -> dict[str, int]:
    return {"width": product.size[0], "height": product.size[1]} if product.size else {}


def _codecs(segment: Path) -> list[str]:
    """The RFC 6381 names of what is in a transport stream that ffmpeg wrote."""
    found: list[str] = []
    with open_media(segment, MPEGTS) as media:
        for stream in media.streams:
            context = stream.codec_context
            kind = context.codec.canonical_name if context is not None else ""
            if kind == "h264" and (name := playlists.h264_codec(context.extradata)):
                found.append(name)
            elif kind == "hevc":
                found.append("hvc1.1.6.L123.B0")
            elif kind in playlists.TAGGED_AUDIO:
                found.append(playlists.TAGGED_AUDIO[kind])
    return list(dict.fromkeys(found))
