"""Sound: which tracks a selector takes, and the encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

DEFAULT_SELECTOR = "Audio Selector 1"
SETTINGS_OF = {
    "AAC": "AacSettings",
    "AC3": "Ac3Settings",
    "AIFF": "AiffSettings",
    "EAC3": "Eac3Settings",
    "FLAC": "FlacSettings",
    "MP2": "Mp2Settings",
    "MP3": "Mp3Settings",
    "OPUS": "OpusSettings",
    "VORBIS": "VorbisSettings",
    "WAV": "WavSettings",
}
ENCODERS = {
    "AAC": "aac",
    "AC3": "ac3",
    "EAC3": "eac3",
    "FLAC": "flac",
    "MP2": "mp2",
    "MP3": "libmp3lame",
    "OPUS": "libopus",
    "VORBIS": "libvorbis",
}
CHANNELS_OF_MODE = {
    "CODING_MODE_1_0": 1,
    "CODING_MODE_2_0": 2,
    "CODING_MODE_5_1": 6,
    "CODING_MODE_3_2": 6,
    "CODING_MODE_3_2_LFE": 6,
}
STEREO_AT_MOST = frozenset({"MP2", "MP3", "OPUS", "VORBIS"})
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
AAC_VBR_QUALITY = {"LOW": "0.5", "MEDIUM_LOW": "1", "MEDIUM_HIGH": "1.5", "HIGH": "2"}
DEFAULT_LOUDNESS_LKFS = -24.0  # what MediaConvert takes for ITU BS.1770 unless told otherwise
MUTE_DB = -60


class AudioTrack(Protocol):
    """What is known about an audio track of an input."""

    @property
    def channels(self) -> int: ...

    @property
    def language(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class SoundEncoding:
    """The options of an audio encoder (for ``-c:a:N`` and so on, after ``{n}``), its channels and sample rate."""

    options: list[tuple[str, str]]
    channels: int | None = None
    sample_rate_hz: int | None = None
    remarks: list[str] = field(default_factory=list)


def codec_of(description: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The codec of an ``AudioDescription`` and its settings.

    >>> codec_of({"CodecSettings": {"Codec": "MP3", "Mp3Settings": {"Bitrate": 128000}}})
    ('MP3', {'Bitrate': 128000})
    """
    settings = description.get("CodecSettings", {})
    codec = settings.get("Codec", "AAC")
    return codec, settings.get(SETTINGS_OF.get(codec, ""), {})


def selector_named(settings: Mapping[str, Any], name: str) -> tuple[str, Mapping[str, Any]] | None:
    """The audio selector of an input by its name, else the one marked as default.

    >>> selector_named({"AudioSelectors": {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}}, "Audio Selector 2")
    ('Audio Selector 1', {'DefaultSelection': 'DEFAULT'})
    """
    selectors: Mapping[str, Any] = settings.get("AudioSelectors") or {}
    if name in selectors:
        return name, selectors[name]
    return next(((n, s) for n, s in selectors.items() if s.get("DefaultSelection") == "DEFAULT"), None)


def tracks_of(
    selector: Mapping[str, Any], tracks: Sequence[AudioTrack], pids_of_tracks: Sequence[int | None]
) -> list[int]:
    """Which of an input's audio tracks (from 0) a selector takes; without any detail the first.

    Tracks that the input does not have are left out: MediaConvert then makes outputs without that sound.
    """
    if numbers := selector.get("Tracks"):
        return [number - 1 for number in numbers if number <= len(tracks)]
    if pids := selector.get("Pids"):
        return [index for pid in pids for index, own in enumerate(pids_of_tracks) if own == pid]
    if language := (selector.get("CustomLanguageCode") or selector.get("LanguageCode")):
        spoken = [index for index, track in enumerate(tracks) if (track.language or "").lower() == language.lower()]
        if spoken or selector.get("SelectorType") == "LANGUAGE_CODE":
            return spoken[:1]
    return [0] if tracks else []


def language_of(description: Mapping[str, Any], source: str | None) -> str | None:
    """The language that an output track is labelled with: the input's, else the configured one, or the other way round.

    >>> language_of({"LanguageCode": "FRA"}, "eng"), language_of({"LanguageCode": "FRA"}, None)
    ('eng', 'fra')
    """
    configured = (description.get("CustomLanguageCode") or description.get("LanguageCode") or "").lower() or None
    if description.get("LanguageCodeControl") == "USE_CONFIGURED":
        return configured
    return source or configured


def encoding(description: Mapping[str, Any], source_channels: int) -> SoundEncoding:
    """The encoder of an ``AudioDescription``."""
    codec, settings = codec_of(description)
    remarks: list[str] = []
    rate = settings.get("SampleRate")
    channels = settings.get("Channels") or CHANNELS_OF_MODE.get(settings.get("CodingMode", ""))
    options: list[tuple[str, str]] = []
    if codec in {"WAV", "AIFF"}:
        order = "le" if codec == "WAV" else "be"
        options.append(("c", f"pcm_s{settings.get('BitDepth', 16)}{order}"))
    else:
        options.append(("c", ENCODERS[codec]))
    if codec == "AAC" and settings.get("CodecProfile", "LC") != "LC":
        remarks.append(f"AAC profile {settings['CodecProfile']} is not available here: the audio is AAC-LC.")
    if codec == "AAC" and settings.get("RateControlMode") == "VBR":
        options.append(("q", AAC_VBR_QUALITY[settings.get("VbrQuality", "MEDIUM_HIGH")]))
    elif codec == "VORBIS" or (codec == "MP3" and settings.get("RateControlMode") == "VBR"):
        options.append(("q", str(settings.get("VbrQuality", 4))))
    elif settings.get("Bitrate"):
        options.append(("b", str(settings["Bitrate"])))
    elif codec == "OPUS":
        options.append(("b", "96000"))
    if codec in {"OPUS", "AC3", "EAC3"}:
        rate = rate or 48000
    if channels is None and source_channels > 2 and codec in STEREO_AT_MOST:
        channels = 2
    return SoundEncoding(options, channels, rate, remarks)


def remix_filter(remix: Mapping[str, Any] | None) -> list[str]:
    """The ``pan`` filter for a channel mapping in dB, -60 being silence.

    >>> mapping = {"OutputChannels": [{"InputChannels": [0, -60]}, {"InputChannels": [-60, -6]}]}
    >>> remix_filter({"ChannelMapping": mapping})
    ['pan=stereo|c0=1*c0|c1=0.501187*c1']
    """
    outputs = ((remix or {}).get("ChannelMapping") or {}).get("OutputChannels") or []
    if not outputs:
        return []
    mixes = []
    for number, output in enumerate(outputs):
        gains = output.get("InputChannelsFineTune") or output.get("InputChannels") or []
        parts = [f"{10 ** (gain / 20):g}*c{channel}" for channel, gain in enumerate(gains) if gain > MUTE_DB]
        mixes.append(f"c{number}={'+'.join(parts) or '0*c0'}")
    return [f"pan={LAYOUTS.get(len(outputs), f'{len(outputs)}c')}|{'|'.join(mixes)}"]


def loudness_filter(normalization: Mapping[str, Any] | None) -> list[str]:
    """The EBU R128 loudness filter, when the audio is to be corrected.

    >>> loudness_filter({"Algorithm": "ITU_BS_1770_3", "AlgorithmControl": "CORRECT_AUDIO", "TargetLkfs": -16.0})
    ['loudnorm=I=-16:TP=-2']
    """
    wanted = normalization or {}
    if not wanted or wanted.get("AlgorithmControl") == "MEASURE_ONLY":
        return []
    peak = min(0.0, max(-9.0, wanted.get("TruePeakLimiterThreshold", -2)))
    return [f"loudnorm=I={wanted.get('TargetLkfs', DEFAULT_LOUDNESS_LKFS):g}:TP={peak:g}"]


def offset_filter(offset_ms: int) -> list[str]:
    """The filter that moves the sound against the picture.

    >>> offset_filter(250), offset_filter(-250)
    (['adelay=250:all=1'], ['atrim=start=0.25', 'asetpts=PTS-0.25/TB'])
    """
    if offset_ms > 0:
        return [f"adelay={offset_ms}:all=1"]
    return [f"atrim=start={-offset_ms / 1000:g}", f"asetpts=PTS-{-offset_ms / 1000:g}/TB"] if offset_ms else []


def format_filter(sound: SoundEncoding) -> list[str]:
    """The filters that bring the sound to the encoder's sample rate and channels.

    >>> format_filter(SoundEncoding([], channels=2, sample_rate_hz=48000))
    ['aresample=48000', 'aformat=channel_layouts=stereo']
    """
    filters = [f"aresample={sound.sample_rate_hz}"] if sound.sample_rate_hz else []
    if sound.channels:
        filters.append(f"aformat=channel_layouts={LAYOUTS.get(sound.channels, f'{sound.channels}c')}")
    return filters
