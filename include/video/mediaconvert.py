"""What the settings of a MediaConvert job say: what it reads, and what it will write where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

GROUP_SETTINGS = {
    "FILE_GROUP_SETTINGS": "FileGroupSettings",
    "HLS_GROUP_SETTINGS": "HlsGroupSettings",
    "DASH_ISO_GROUP_SETTINGS": "DashIsoGroupSettings",
    "CMAF_GROUP_SETTINGS": "CmafGroupSettings",
    "MS_SMOOTH_GROUP_SETTINGS": "MsSmoothGroupSettings",
}
PLAYLISTS = {
    "HLS_GROUP_SETTINGS": ("m3u8",),
    "DASH_ISO_GROUP_SETTINGS": ("mpd",),
    "CMAF_GROUP_SETTINGS": ("mpd", "m3u8"),
    "MS_SMOOTH_GROUP_SETTINGS": ("ism",),
}
EXTENSIONS = {"M2TS": "m2ts", "MOV": "mov", "MXF": "mxf", "MP4": "mp4", "WEBM": "webm", "GIF": "gif", "OGG": "ogg"}
"""Of an output of a file group, by container; "RAW" takes the codec's."""
RAW_EXTENSIONS = {"H_264": "h264", "H_265": "h265", "WEBVTT": "vtt"}
"""By codec or kind of captions; others are the name in small letters."""
FIRST_CAPTURE = "0000000"
"""Number in the name of a frame capture's first picture, which is always there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that a job writes.

    ``path`` is ``s3://bucket/key``; where only the service knows a part of the name (``$dt$``), it is kept as written.
    """

    path: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None

    @property
    def exact(self) -> bool:
        return "$" not in self.path

    @property
    def bucket_and_prefix(self) -> tuple[str, str]:
        """The bucket, and the key as far as it is known.

        >>> OutputFile(path="s3://media-delivery/hls/talk_$dt$.m3u8").bucket_and_prefix
        ('media-delivery', 'hls/talk_')
        """
        bucket, _, key = self.path.removeprefix("s3://").partition("/")
        return bucket, key.partition("$")[0]


def files_read(settings: Mapping[str, Any]) -> list[str]:
    """List the URLs of everything a job reads, the first input first: inputs, separate sound, sidecar captions.

    >>> files_read({"Inputs": [{"FileInput": "s3://a/talk.mov", "CaptionSelectors": {"Captions Selector 1": {
    ...     "SourceSettings": {"FileSourceSettings": {"SourceFile": "s3://a/talk.srt"}}}}}]})
    ['s3://a/talk.mov', 's3://a/talk.srt']
    """
    inputs = settings.get("Inputs", [])
    sound = [
        selector.get("ExternalAudioFileInput") for one in inputs for selector in one.get("AudioSelectors", {}).values()
    ]
    captions = [
        selector.get("SourceSettings", {}).get("FileSourceSettings", {}).get("SourceFile")
        for one in inputs
        for selector in one.get("CaptionSelectors", {}).values()
    ]
    return [url for url in [*(one.get("FileInput") for one in inputs), *sound, *captions] if url]


def files_written(settings: Mapping[str, Any], details: Sequence[Mapping[str, Any]] = ()) -> list[OutputFile]:
    """List what a job writes, playlists before the outputs they name; segments and further captures are not listed.

    The names follow https://docs.aws.amazon.com/mediaconvert/latest/ug/output-file-names-and-paths.html. ``settings``
    are a job's own as GetJob tells them (with the template's in them), ``details`` its OutputGroupDetails.

    >>> group = {"OutputGroupSettings": {"Type": "FILE_GROUP_SETTINGS",
    ...                                  "FileGroupSettings": {"Destination": "s3://b/web/"}},
    ...          "Outputs": [{"NameModifier": "_720p", "ContainerSettings": {"Container": "MP4"}}]}
    >>> [file.path for file in files_written({"Inputs": [{"FileInput": "s3://a/talk.mov"}], "OutputGroups": [group]})]
    ['s3://b/web/talk_720p.mp4']
    """
    inputs = settings.get("Inputs", [])
    stem = PurePosixPath(inputs[0].get("FileInput", "")).stem if inputs else ""
    found: list[OutputFile] = []
    for number, group in enumerate(settings.get("OutputGroups", [])):
        kind = group["OutputGroupSettings"]["Type"]
        destination = group["OutputGroupSettings"].get(GROUP_SETTINGS[kind], {}).get("Destination")
        if not destination:
            continue
        base = destination + stem if destination.endswith("/") else destination
        playlists = PLAYLISTS.get(kind, ())
        found += [OutputFile(path=_named(f"{base}.{extension}", stem, extension, {})) for extension in playlists]
        if kind in {"FILE_GROUP_SETTINGS", "HLS_GROUP_SETTINGS"}:  # the others name their parts in the playlist alone
            group_details = details[number].get("OutputDetails", []) if number < len(details) else []
            found += _outputs_of(group, base, stem, playlists, group_details)
    return found


def _outputs_of(
    group: Mapping[str, Any], base: str, stem: str, playlists: Sequence[str], details: Sequence[Mapping[str, Any]]
) -> Iterator[OutputFile]:
    for number, output in enumerate(group.get("Outputs", [])):
        detail = details[number] if number < len(details) else {}
        video = output.get("VideoDescription", {})
        size = detail.get("VideoDetails", {})
        extension = playlists[0] if playlists else extension_of(output)
        yield OutputFile(
            path=_named(f"{base}{output.get('NameModifier', '')}.{extension}", stem, extension, video),
            duration_s=detail["DurationInMs"] / 1000 if detail.get("DurationInMs") is not None else None,
            width=size.get("WidthInPx"),
            height=size.get("HeightInPx"),
        )


def extension_of(output: Mapping[str, Any]) -> str:
    """Name the extension of an output of a file group: as asked, else by container, else by codec; else ``$ex$``.

    >>> extension_of({"ContainerSettings": {"Container": "MOV"}})
    'mov'
    >>> extension_of({"ContainerSettings": {"Container": "RAW"},
    ...               "AudioDescriptions": [{"CodecSettings": {"Codec": "MP3"}}]})
    'mp3'
    >>> extension_of({"ContainerSettings": {"Container": "RAW"},
    ...               "VideoDescription": {"CodecSettings": {"Codec": "FRAME_CAPTURE"}}})
    '0000000.jpg'
    """
    asked = output.get("Extension", "").lstrip(".")
    container = output.get("ContainerSettings", {}).get("Container", "RAW")
    codec = next(_codecs(output), "")
    if codec == "FRAME_CAPTURE":
        return f"{FIRST_CAPTURE}.{asked or 'jpg'}"
    if asked:
        return asked
    if container != "RAW":
        return EXTENSIONS.get(container, container.lower())
    return RAW_EXTENSIONS.get(codec, codec.lower()) if codec else "$ex$"


def _codecs(output: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an output's parts are coded as, the picture first."""
    parts = [output.get("VideoDescription", {}), *output.get("AudioDescriptions", [])]
    yield from (codec for part in parts if (codec := part.get("CodecSettings", {}).get("Codec")))
    settings = [captions.get("DestinationSettings", {}) for captions in output.get("CaptionDescriptions", [])]
    yield from (kind for captions in settings if (kind := captions.get("DestinationType")))


def _named(path: str, stem: str, extension: str, video: Mapping[str, Any]) -> str:
    """Put in what the settings alone decide of the format identifiers; ``$$`` and what the service decides stay."""
    known = {"$fn$": stem, "$ex$": extension, "$w$": video.get("Width"), "$h$": video.get("Height")}
    for identifier, value in known.items():
        if value is not None:
            path = path.replace(identifier, str(value))
    return path


def merge_settings(template: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a job's settings over its template's, member by member, lists by place; the template's first input for each.

    >>> merge_settings({"Inputs": [{"TimecodeSource": "ZEROBASED"}], "OutputGroups": [{"Name": "web"}]},
    ...                {"Inputs": [{"FileInput": "s3://a/talk.mov"}]})
    {'Inputs': [{'TimecodeSource': 'ZEROBASED', 'FileInput': 's3://a/talk.mov'}], 'OutputGroups': [{'Name': 'web'}]}
    """
    model = template.get("Inputs", [])[:1]
    if model and "Inputs" in settings:
        template = {**template, "Inputs": model * len(settings["Inputs"])}
    return _merged(template, settings)


def presets_named(settings: Mapping[str, Any]) -> set[str]:
    """Name the presets on which the outputs of ``settings`` rest.

    >>> presets_named({"OutputGroups": [{"Outputs": [{"Preset": "web-720p"}, {"NameModifier": "_360p"}]}]})
    {'web-720p'}
    """
    return {
        output["Preset"]
        for group in settings.get("OutputGroups", [])
        for output in group.get("Outputs", [])
        if output.get("Preset")
    }


def with_presets(settings: Mapping[str, Any], presets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Lay each output over the settings of its preset.

    >>> with_presets({"OutputGroups": [{"Outputs": [{"Preset": "p"}]}]},
    ...              {"p": {"ContainerSettings": {"Container": "MP4"}}})
    {'OutputGroups': [{'Outputs': [{'ContainerSettings': {'Container': 'MP4'}, 'Preset': 'p'}]}]}
    """
    groups = [
        {
            **group,
            "Outputs": [
                _merged(presets.get(output.get("Preset", ""), {}), output) for output in group.get("Outputs", [])
            ],
        }
        for group in settings.get("OutputGroups", [])
    ]
    return {**settings, "OutputGroups": groups}


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        both = {name: _merged(below[name], above[name]) for name in below if name in above}
        return {**below, **above, **both}
    if isinstance(below, list) and isinstance(above, list) and all(isinstance(one, Mapping) for one in below + above):
        shared = min(len(below), len(above))
        return [_merged(below[n], above[n]) for n in range(shared)] + below[shared:] + above[shared:]
    return above
