"""From settings, and what is known of the inputs, to one ffmpeg command: every input decoded once for all outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from aws_emulator.media.probe import AudioStream, MediaFacts
from aws_emulator.media.sandbox import Input
from aws_emulator.services.mediaconvert import faults, muxing, names, picture, sound, video
from aws_emulator.services.mediaconvert.timeline import Clip, clips

DEFAULT_FRAME_RATE = Fraction(25)  # of a stream that does not say
STITCHED_RATE_HZ = 48000


@dataclass(frozen=True, slots=True)
class Source:
    """An input as it lies in the job's folder."""

    uri: str
    path: Path
    settings: Mapping[str, Any]
    facts: MediaFacts
    timecode: str | None = None  # of the first frame, if it carries one
    interlaced: bool = False
    pids: Mapping[int, int] = field(default_factory=dict)  # stream index -> PID in a transport stream
    external: Mapping[str, Source] = field(default_factory=dict)  # audio files by the name of their selector

    @property
    def frame_rate(self) -> Fraction:
        return (self.facts.video and self.facts.video[0].frame_rate) or DEFAULT_FRAME_RATE

    @property
    def duration_s(self) -> Fraction | None:
        seconds = self.facts.video[0].duration_s if self.facts.video else None
        seconds = seconds or self.facts.duration_s
        return None if seconds is None else Fraction(seconds).limit_denominator(90000)


@dataclass(frozen=True, slots=True)
class Product:
    """One output: what ffmpeg writes under ``local`` in the folder, and where it goes."""

    group: int
    kind: str  # file, hls, frames or captions
    local: str
    bucket: str
    key: str  # without extension; segments and captures are numbered after it
    extension: str
    settings: Mapping[str, Any]
    size: tuple[int, int] | None = None
    frame_rate: Fraction | None = None
    sounds: int = 0
    languages: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Plan:
    """The command: inputs, then ``arguments``. ``duration_s`` is what it makes, None if an input does not say."""

    inputs: list[Input]
    arguments: list[str]
    products: list[Product]
    pieces: list[tuple[Source, Clip]]
    duration_s: float | None
    remarks: list[str]


class Planner:
    """Puts the plan together; ``plan`` does it all."""

    def __init__(self, settings: Mapping[str, Any], sources: Sequence[Source], started: datetime) -> None:
        self.settings = settings
        self.sources = sources
        self.identifiers = names.base_identifiers(started, sources[0].uri)
        self.remarks: list[str] = []
        self.inputs: list[Input] = []
        self.graph: list[str] = []
        self.pieces = [(source, clip) for source in sources for clip in self._clips(source)]
        self.groups = settings["OutputGroups"]
        self.follow = self._followed()

    def plan(self) -> Plan:
        """The whole command. Raises ``JobFailed`` where the settings ask for what the inputs do not hold."""
        for source, clip in self.pieces:
            self.inputs.append(_input(source.path, source.facts.container, clip, source.frame_rate))
        outputs = [
            (number, place, group, output)
            for number, group in enumerate(self.groups)
            for place, output in enumerate(group["Outputs"])
        ]
        pictures = self._pictures([(n, p, o) for n, p, _, o in outputs if o.get("VideoDescription")])
        sounds = self._sounds([(n, p, o) for n, p, _, o in outputs if o.get("AudioDescriptions")])
        arguments: list[str] = []
        products = []
        for number, place, group, output in outputs:
            product, options = self._output(number, place, group, output, pictures, sounds)
            products.append(product)
            arguments += options
        graph = ["-filter_complex", ";".join(self.graph)] if self.graph else []
        return Plan(
            self.inputs, [*graph, *arguments], products, self.pieces, self._duration_s(), sorted(set(self.remarks))
        )

    def _clips(self, source: Source) -> list[Clip]:
        try:
            return clips(source.settings, source.frame_rate, source.duration_s, source.timecode)
        except ValueError as error:
            raise faults.fault(faults.CLIPPING, f"Input clipping of [{source.uri}]: {error}.") from error

    def _followed(self) -> Source:
        chosen = self.settings.get("FollowSource", 1) - 1
        in_order = [*self.sources[chosen : chosen + 1], *self.sources]
        return next((source for source in in_order if source.facts.video), self.sources[0])

    def _duration_s(self) -> float | None:
        lengths = [
            clip.duration_s if clip.duration_s is not None else source.duration_s and source.duration_s - clip.start_s
            for source, clip in self.pieces
        ]
        return None if any(length is None for length in lengths) else float(sum(filter(None, lengths)))

    # Pictures

    def _pictures(self, outputs: list[tuple[int, int, Any]]) -> dict[tuple[int, int], tuple[str, Any, Fraction]]:
        """For each output with video: the label of its filtered video, its size, its frame rate."""
        if not outputs:
            return {}
        for source, _ in self.pieces:
            if not source.facts.video:
                raise faults.fault(faults.NO_VIDEO, f"No video found in input file [{source.uri}].")
        canvas, pieces = None, []
        for number, (source, _) in enumerate(self.pieces):
            shown = self._upright(source)
            filters = list(shown.filters)
            if len(self.pieces) > 1:
                canvas = canvas or self._upright(self.follow).picture
                fitted = picture.scaled(
                    shown.picture, {"Width": picture.even(canvas.width), "Height": picture.even(canvas.height)},
                    canvas.pixel_aspect,
                )  # fmt: skip
                rate = _fraction(video.output_frame_rate({}, self.follow.frame_rate))
                filters += [*fitted.filters, f"fps={rate}", "format=yuv420p", "setpts=PTS-STARTPTS"]
                shown = fitted
            canvas = canvas or shown.picture
            pieces.append((f"[{number}:{source.facts.video[0].index}]", filters))
        if len(pieces) == 1:
            start, filters = pieces[0]
        else:
            for number, (label, chain) in enumerate(pieces):
                self.graph.append(f"{label}{','.join(chain)}[piece{number}]")
            joined = "".join(f"[piece{number}]" for number in range(len(pieces)))
            self.graph.append(f"{joined}concat=n={len(pieces)}:v=1:a=0[joined]")
            start, filters = "[joined]", []
        labels = [f"[s{number}_{place}]" for number, place, _ in outputs]
        split = f"split={len(outputs)}" if len(outputs) > 1 else "null"
        self.graph.append(f"{start}{','.join([*filters, split])}{''.join(labels)}")
        assert canvas is not None  # there is at least one piece
        return {
            (number, place): self._scaled(label, canvas, number, place, output["VideoDescription"])
            for label, (number, place, output) in zip(labels, outputs, strict=True)
        }

    def _upright(self, source: Source) -> picture.Scaled:
        stream = source.facts.video[0]
        turned = picture.turned(
            picture.Picture(stream.width, stream.height, stream.sar),
            picture.clockwise(source.settings.get("VideoSelector") or {}, stream.rotation_deg),
        )
        cut = _cut(turned.picture, source.settings)
        deinterlaced = ["bwdif=mode=send_frame:deint=interlaced"] if source.interlaced else []
        return picture.Scaled(cut.picture, [*deinterlaced, *turned.filters, *cut.filters])

    def _scaled(
        self, label: str, canvas: picture.Picture, number: int, place: int, described: Mapping[str, Any]
    ) -> tuple[str, tuple[int, int], Fraction]:
        codec, settings = video.codec_of(described)
        rate = video.output_frame_rate({} if codec == "FRAME_CAPTURE" else settings, self.follow.frame_rate)
        aspect = (
            Fraction(settings["ParNumerator"], settings["ParDenominator"])
            if settings.get("ParControl") == "SPECIFIED"
            else Fraction(1) if codec in video.SQUARE_PIXELS else None
        )  # fmt: skip
        cut = _cut(canvas, described)
        fitted = picture.scaled(cut.picture, described, aspect)
        smooth = settings.get("FramerateConversionAlgorithm") == "INTERPOLATE"
        filters = [f"framerate=fps={_fraction(rate)}" if smooth else f"fps={_fraction(rate)}"]
        if codec == "FRAME_CAPTURE":
            filters += [video.capture_filter(settings, rate), *cut.filters, *fitted.filters, "format=yuvj420p"]
        else:
            pixels = video.encoding(codec, settings, rate, transport_stream=False).pixel_format
            filters += [*cut.filters, *fitted.filters, f"format={pixels}"]
        if codec == "GIF":
            filters.append(video.GIF_FILTER.format(f"g{number}_{place}"))
        self.graph.append(f"{label}{','.join(filters)}[v{number}_{place}]")
        return f"[v{number}_{place}]", (fitted.picture.width, fitted.picture.height), rate

    # Sounds

    def _sounds(self, outputs: list[tuple[int, int, Any]]) -> dict[tuple[int, int], list[tuple[str, Any, AudioStream]]]:
        """For each output with sound: label, description and source track of each of its audio tracks."""
        users: dict[str, list[tuple[int, int, int, Any]]] = {}
        for number, place, output in outputs:
            for nth, description in enumerate(output["AudioDescriptions"]):
                name = description.get("AudioSourceName", sound.DEFAULT_SELECTOR)
                users.setdefault(name, []).append((number, place, nth, description))
        found: dict[tuple[int, int], list[tuple[int, str, Any, AudioStream]]] = {}
        for order, (name, wanted) in enumerate(users.items()):
            chain, track = self._selected(order, name)
            if chain is None or track is None:
                self.remarks.append(f"No input has audio for {name}: outputs that ask for it have none.")
                continue
            labels = [f"[t{number}_{place}_{nth}]" for number, place, nth, _ in wanted]
            split = f",asplit={len(labels)}" if len(labels) > 1 else ",anull"
            self.graph.append(f"{chain}{split}{''.join(labels)}")
            for label, (number, place, nth, description) in zip(labels, wanted, strict=True):
                encoded = sound.encoding(description, track.channels)
                filters = [
                    *sound.remix_filter(description.get("RemixSettings")),
                    *sound.loudness_filter(description.get("AudioNormalizationSettings")),
                    *sound.format_filter(encoded),
                ]
                self.graph.append(f"{label}{','.join(filters) or 'anull'}[a{number}_{place}_{nth}]")
                found.setdefault((number, place), []).append((nth, f"[a{number}_{place}_{nth}]", description, track))
        return {
            output: [(label, description, track) for _, label, description, track in sorted(tracks, key=lambda t: t[0])]
            for output, tracks in found.items()
        }

    def _selected(self, order: int, name: str) -> tuple[str | None, AudioStream | None]:
        """The chain of filters (without its output label) that gives the sound of a selector, and its first track."""
        taken = [self._taken(number, source, clip, name) for number, (source, clip) in enumerate(self.pieces)]
        first = next((tracks[0][1] for tracks, _ in taken if tracks), None)
        if first is None:
            return None, None
        if len(taken) == 1:
            tracks, filters = taken[0]
            return _joined_tracks(tracks) + ",".join(filters or ["anull"]), first
        layout = "stereo" if first.channels != 1 else "mono"
        for number, (tracks, filters) in enumerate(taken):
            same = [f"aresample={STITCHED_RATE_HZ}", f"aformat=channel_layouts={layout}"]
            if tracks:
                chain = _joined_tracks(tracks) + ",".join([*filters, *same, "asetpts=PTS-STARTPTS"])
            else:
                source, clip = self.pieces[number]
                length = clip.duration_s or (source.duration_s or Fraction(0)) - clip.start_s
                chain = f"anullsrc=r={STITCHED_RATE_HZ}:cl={layout},atrim=duration={float(length):.6f}"
            self.graph.append(f"{chain}[sel{order}_{number}]")
        joined = "".join(f"[sel{order}_{number}]" for number in range(len(taken)))
        return f"{joined}concat=n={len(taken)}:v=0:a=1", first

    def _taken(
        self, number: int, source: Source, clip: Clip, name: str
    ) -> tuple[list[tuple[str, AudioStream]], list[str]]:
        """The tracks that a selector takes from a piece, each with its label, and the filters on them."""
        selectors = source.settings.get("AudioSelectors") or {}
        if not selectors:
            raise faults.fault(
                faults.SETTINGS,
                f"Invalid selector_sequence_id [0] specified for audio_description [1]. Input [{source.uri}] has no "
                f"audio selectors, but outputs ask for {name}.",
            )
        named = sound.selector_named(source.settings, name)
        if named is None:
            return [], []
        own_name, selector = named
        if external := source.external.get(own_name):
            self.inputs.append(_input(external.path, external.facts.container, clip, source.frame_rate))
            number, source = len(self.inputs) - 1, external
        pids = [source.pids.get(stream.index) for stream in source.facts.audio]
        chosen = sound.tracks_of(selector, source.facts.audio, pids)
        tracks = [(f"[{number}:{source.facts.audio[index].index}]", source.facts.audio[index]) for index in chosen]
        filters = sound.offset_filter(selector.get("Offset", 0)) + sound.remix_filter(selector.get("RemixSettings"))
        return tracks, filters if tracks else []

    # Outputs

    def _output(
        self, number: int, place: int, group: Mapping[str, Any], output: Mapping[str, Any],
        pictures: Mapping[tuple[int, int], Any], sounds: Mapping[tuple[int, int], Any],
    ) -> tuple[Product, list[str]]:  # fmt: skip
        """One output: what becomes of it, and its part of the command."""
        hls = group["OutputGroupSettings"]["Type"] == "HLS_GROUP_SETTINGS"
        group_settings = group["OutputGroupSettings"].get("HlsGroupSettings" if hls else "FileGroupSettings") or {}
        label, size, rate = pictures.get((number, place), (None, None, None))
        tracks = sounds.get((number, place), [])
        extension = "m3u8" if hls else names.extension_of(output)
        own = self.identifiers | names.output_identifiers(output, extension, size, rate)
        bucket, base = names.destination(group_settings["Destination"], self.identifiers)
        key = base + names.expand(output.get("NameModifier", ""), own)
        local = f"g{number}o{place}"
        described = output.get("VideoDescription") or {}
        codec, settings = video.codec_of(described)
        captions = bool(output.get("CaptionDescriptions"))
        kind = (
            "captions" if captions else "frames" if described and codec == "FRAME_CAPTURE" else "hls" if hls else "file"
        )
        if not (label or tracks or captions):
            raise faults.fault(
                faults.NO_AUDIO, f"No audio found in input file [{self.sources[0].uri}] for output [{key}]."
            )
        languages = tuple(sound.language_of(description, track.language) for _, description, track in tracks)
        product = Product(number, kind, local, bucket, key, extension, output, size, rate, len(tracks), languages)
        if kind == "captions":
            return product, []
        options = ["-map", label] if label else []
        for audio_label, _, _ in tracks:
            options += ["-map", audio_label]
        if kind == "frames":
            return product, [*options, *muxing.capture_options(settings, local)]
        container = output["ContainerSettings"]["Container"]
        if label and rate:
            encoded = video.encoding(codec, settings, rate, transport_stream=container in {"M2TS", "M3U8"})
            self.remarks += encoded.remarks
            options += encoded.options
        for nth, (_, description, track) in enumerate(tracks):
            made = sound.encoding(description, track.channels)
            self.remarks += made.remarks
            for name, value in made.options:
                options += [f"-{name}:a:{nth}", value]
            if languages[nth]:
                options += [f"-metadata:s:a:{nth}", f"language={languages[nth]}"]
        options += ["-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "9999"]
        if hls:
            return product, [*options, *muxing.hls_options(group_settings, output, local, len(tracks), bool(label))]
        return product, [*options, *muxing.file_options(container, output, codec, tracks), f"{local}.out"]


def _input(path: Path, container: str, clip: Clip, frame_rate: Fraction) -> Input:
    """An input of ffmpeg without its own rotation; a clip starts half a frame early so that rounding loses none."""
    options = ["-display_rotation", "0"]
    if clip.start_s:
        options += ["-ss", f"{float(clip.start_s - 1 / (2 * frame_rate)):.6f}"]
    if clip.duration_s is not None:
        options += ["-t", f"{float(clip.duration_s):.6f}"]
    return Input(path, options, container)


def _cut(frame: picture.Picture, described: Mapping[str, Any]) -> picture.Scaled:
    try:
        return picture.cropped(frame, described.get("Crop"))
    except ValueError as error:
        raise faults.fault(faults.SETTINGS, f"{error}.") from error


def _joined_tracks(tracks: Sequence[tuple[str, AudioStream]]) -> str:
    labels = "".join(label for label, _ in tracks)
    return f"{labels}amerge=inputs={len(tracks)}," if len(tracks) > 1 else labels


def _fraction(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
