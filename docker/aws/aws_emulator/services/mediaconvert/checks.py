"""What CreateJob refuses: settings that contradict each other, in MediaConvert's words, and what is not done here.

Ranges, patterns and enumerations of single members stand in botocore's service model and are checked before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aws_emulator.services.mediaconvert import captions, names, sound, video

Problem = tuple[str, str]  # where, as a JSON pointer; and what

GROUP_SETTINGS = {"FILE_GROUP_SETTINGS": "FileGroupSettings", "HLS_GROUP_SETTINGS": "HlsGroupSettings"}
CODECS_OF_CONTAINER = {
    "MP4": ({"H_264", "H_265"}, {"AAC", "AC3", "EAC3", "MP3", "FLAC"}),
    "MOV": ({"H_264", "H_265"}, {"AAC", "AC3", "EAC3", "MP3", "WAV", "AIFF"}),
    "M2TS": ({"H_264", "H_265"}, {"AAC", "AC3", "EAC3", "MP2", "MP3"}),
    "M3U8": ({"H_264", "H_265"}, {"AAC", "AC3", "EAC3", "MP3"}),
    "WEBM": ({"VP8", "VP9"}, {"OPUS", "VORBIS"}),
    "OGG": (set(), {"OPUS", "VORBIS", "FLAC"}),
    "GIF": ({"GIF"}, set()),
    "RAW": ({"FRAME_CAPTURE", "H_264", "H_265"}, {"AAC", "AC3", "AIFF", "EAC3", "FLAC", "MP2", "MP3", "WAV"}),
}
HERE = "the local MediaConvert does not do this"
NOT_DONE_FOR_JOB = (
    "AvailBlanking", "ColorConversion3DLUTSettings", "Esam", "KantarWatermark", "MotionImageInserter",
    "MotionImageInserters", "NielsenConfiguration", "NielsenNonLinearWatermark", "TimedMetadataInsertion",
)  # fmt: skip
NOT_DONE_FOR_INPUT = (
    "AdvancedInputFilterSettings", "DecryptionSettings", "DolbyVisionMetadataXml", "DynamicAudioSelectors",
    "ImageInserter", "MultiViewSettings", "Position", "SupplementalImps", "TamsSettings", "VideoGenerator",
    "VideoOverlays",
)  # fmt: skip
NOT_DONE_FOR_VIDEO = ("Position", "TimecodeTrack")
NOT_DONE_FOR_PREPROCESSOR = (
    "ColorCorrector", "DolbyVision", "DurationControl", "Hdr10Plus", "ImageInserter", "NoiseReducer",
    "PartnerWatermarking", "TimecodeBurnin",
)  # fmt: skip
NOT_DONE_FOR_HLS = (
    "AdMarkers", "CaptionLanguageMappings", "Encryption", "ImageBasedTrickPlaySettings", "ImageBasedTrickPlayVariants",
)  # fmt: skip
HLS_CHOICES = {
    "DirectoryStructure": {"SINGLE_DIRECTORY"},
    "ImageBasedTrickPlay": {"NONE"},
    "ManifestCompression": {"NONE"},
    "OutputSelection": {"MANIFESTS_AND_SEGMENTS", "SEGMENTS_ONLY"},
    "SegmentControl": {"SEGMENTED_FILES"},
}
UNRATED = frozenset({"FRAME_CAPTURE", "GIF"})  # codecs without a bit rate
VIDEO_CHOICES = {
    "FramerateConversionAlgorithm": {"DUPLICATE_DROP", "INTERPOLATE"},
    "InterlaceMode": {"PROGRESSIVE"},
    "SlowPal": {"DISABLED"},
    "Telecine": {"NONE"},
}
AAC_BITRATES_PER_CHANNEL = (32_000, 6)  # least in bit/s of an LC channel; most in bits a sample
AAC_BITRATES = (
    6000, 8000, 10000, 12000, 14000, 16000, 20000, 24000, 28000, 32000, 40000, 48000, 56000, 64000, 80000, 96000,
    112000, 128000, 160000, 192000, 224000, 256000, 288000, 320000, 384000, 448000, 512000, 576000, 640000, 768000,
    896000, 1024000,
)  # fmt: skip
INCOMPATIBLE_RATES = (
    "Your job contains values for the following settings that are incompatible: Rate control mode, Bitrate, and Max "
    "bitrate. Adjust your settings and resubmit your job. Some valid combinations of settings are these: Set Rate "
    "control mode to QVBR, specify a value for Max bitrate, and don't specify a value for Bitrate. Or, set Rate "
    "control mode to CBR, specify a value for Bitrate, and don't specify a value for Max bitrate."
)


def problems(settings: Mapping[str, Any]) -> list[Problem]:
    """Everything that speaks against a job's settings, template and presets put in."""
    return [*_of_job(settings), *_of_inputs(settings), *_of_groups(settings)]


def describe(found: list[Problem]) -> str:
    """The problems in MediaConvert's words.

    >>> describe([("/inputs", "Should have at least 1 item"), ("/outputGroups", "is a required property")])
    '/inputs: Should have at least 1 item | /outputGroups: is a required property'
    """
    return " | ".join(f"{where}: {what}" for where, what in found)


def _member(name: str) -> str:
    return name[0].lower() + name[1:]


def _present(at: str, settings: Mapping[str, Any], members: tuple[str, ...]) -> Iterator[Problem]:
    for name in members:
        if settings.get(name) not in (None, [], {}, "DISABLED"):
            yield f"{at}/{_member(name)}", HERE


def _other_choice(at: str, settings: Mapping[str, Any], choices: Mapping[str, set[str]]) -> Iterator[Problem]:
    for name, done in choices.items():
        if name in settings and settings[name] not in done:
            yield f"{at}/{_member(name)}", f"{settings[name]}: {HERE}; choose {' or '.join(sorted(done))}"


def _of_job(settings: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _present("", settings, NOT_DONE_FOR_JOB)


def _of_inputs(settings: Mapping[str, Any]) -> Iterator[Problem]:
    inputs = settings.get("Inputs") or []
    if not inputs:
        yield "/inputs", "Should have at least 1 item"
    for number, given in enumerate(inputs):
        at = f"/inputs/{number}"
        yield from _present(at, given, NOT_DONE_FOR_INPUT)
        if given.get("AdvancedInputFilter") == "ENABLED":
            yield f"{at}/advancedInputFilter", HERE
        if "FileInput" not in given:
            yield at, "fileInput is a required property"
        else:
            yield from _s3_only(f"{at}/fileInput", given["FileInput"])
        for name, selector in (given.get("AudioSelectors") or {}).items():
            if external := selector.get("ExternalAudioFileInput"):
                yield from _s3_only(f"{at}/audioSelectors/{name}/externalAudioFileInput", external)
            if selector.get("SelectorType") in {"HLS_RENDITION_GROUP", "ALL_PCM", "STREAM"} or selector.get("Streams"):
                yield f"{at}/audioSelectors/{name}/selectorType", f"{HERE}; choose TRACK, LANGUAGE_CODE or PID"
        for clip_number, clip in enumerate(given.get("InputClippings") or []):
            if not (clip.get("StartTimecode") or clip.get("EndTimecode")):
                yield f"{at}/inputClippings/{clip_number}", "Start timecode or End timecode must be specified"
            for name, timecode in clip.items():
                if "@" in timecode:
                    yield f"{at}/inputClippings/{clip_number}/{_member(name)}", f"a timecode with a frame rate: {HERE}"
        if given.get("TimecodeSource") == "SPECIFIEDSTART" and not given.get("TimecodeStart"):
            yield at, "timecodeStart is a required property"
        for name, selector in (given.get("CaptionSelectors") or {}).items():
            yield from captions.selector_problems(f"{at}/captionSelectors/{name}", selector)


def _s3_only(at: str, uri: str) -> Iterator[Problem]:
    try:
        if not names.split_uri(uri)[1]:
            yield at, f"{uri!r} names no object"
    except ValueError as error:
        yield at, f"{error} ({HERE}: inputs over HTTP)" if uri.startswith("http") else str(error)


def _of_groups(settings: Mapping[str, Any]) -> Iterator[Problem]:
    groups = settings.get("OutputGroups") or []
    if not groups:
        yield "/outputGroups", "Should have at least 1 item"
    made = [output for group in groups for output in group.get("Outputs") or []]
    if made and all(_is_capture(output) for output in made):
        yield "/outputGroups", "Frame capture outputs need another output in the job that has video or audio"
    bases: dict[str, str] = {}
    for number, group in enumerate(groups):
        at = f"/outputGroups/{number}"
        kind = (group.get("OutputGroupSettings") or {}).get("Type")
        if kind is None:
            yield f"{at}/outputGroupSettings", "type is a required property"
            continue
        if kind not in GROUP_SETTINGS:
            yield f"{at}/outputGroupSettings/type", f"{kind}: {HERE}; choose {' or '.join(sorted(GROUP_SETTINGS))}"
            continue
        member = GROUP_SETTINGS[kind]
        group_at = f"{at}/outputGroupSettings/{_member(member)}"
        group_settings = group["OutputGroupSettings"].get(member) or {}
        if not group_settings.get("Destination"):
            yield group_at, "destination is a required property"
        else:
            yield from _destination(f"{group_at}/destination", group_settings["Destination"])
        if member == "HlsGroupSettings":
            yield from _present(group_at, group_settings, NOT_DONE_FOR_HLS)
            yield from _other_choice(group_at, group_settings, HLS_CHOICES)
        outputs = group.get("Outputs") or []
        if not outputs:
            yield f"{at}/outputs", "Should have at least 1 item"
        for place, output in enumerate(outputs):
            output_at = f"{at}/outputs/{place}"
            if not output.get("NameModifier") and (len(outputs) > 1 or member == "HlsGroupSettings"):
                yield output_at, "nameModifier is a required property"
            yield from _of_output(output_at, output, hls=member == "HlsGroupSettings")
            written = (
                f"{group_settings.get('Destination')}{output.get('NameModifier', '')}.{names.extension_of(output)}"
            )
            if (other := bases.setdefault(written, output_at)) != output_at:
                yield (
                    f"{output_at}/nameModifier",
                    f"This output would overwrite that of {other}: give each its own name",
                )


def _destination(at: str, uri: str) -> Iterator[Problem]:
    try:
        names.split_uri(uri)
    except ValueError as error:
        yield at, str(error)


def _is_capture(output: Mapping[str, Any]) -> bool:
    return output.get("VideoDescription", {}).get("CodecSettings", {}).get("Codec") == "FRAME_CAPTURE"


def _of_output(at: str, output: Mapping[str, Any], *, hls: bool) -> Iterator[Problem]:
    described = output.get("VideoDescription")
    audio = output.get("AudioDescriptions") or []
    caption = output.get("CaptionDescriptions") or []
    if not (described or audio or caption):
        yield at, "Should have a video description, audio descriptions or caption descriptions"
        return
    container = (output.get("ContainerSettings") or {}).get("Container")
    if container is None:
        yield f"{at}/containerSettings", "container is a required property"
        return
    if container not in CODECS_OF_CONTAINER:
        yield f"{at}/containerSettings/container", f"{container}: {HERE}; choose {', '.join(CODECS_OF_CONTAINER)}"
        return
    if hls != (container == "M3U8"):
        yield f"{at}/containerSettings/container", "Must be M3U8" if hls else "Must not be M3U8 in a file group"
    pictures, sounds = CODECS_OF_CONTAINER[container]
    if described:
        yield from _of_video(f"{at}/videoDescription", described, pictures, container)
        if _is_capture(output) and (audio or caption):
            yield at, "A frame capture output has neither audio nor captions"
    for number, description in enumerate(audio):
        yield from _of_audio(f"{at}/audioDescriptions/{number}", description, sounds, container)
    for number, description in enumerate(caption):
        yield from captions.description_problems(
            f"{at}/captionDescriptions/{number}", description, alone=not (described or audio)
        )
    if container == "RAW" and len(audio) + len(caption) + bool(described) > 1:
        yield f"{at}/containerSettings/container", "An output without container holds one stream"


def _of_video(at: str, described: Mapping[str, Any], possible: set[str], container: str) -> Iterator[Problem]:
    yield from _present(at, described, NOT_DONE_FOR_VIDEO)
    yield from _present(
        f"{at}/videoPreprocessors", described.get("VideoPreprocessors") or {}, NOT_DONE_FOR_PREPROCESSOR
    )
    for side in ("Width", "Height"):
        if described.get(side, 0) % 2:
            yield f"{at}/{_member(side)}", "Should be a multiple of 2"
    for side, value in (described.get("Crop") or {}).items():
        if value % 2:
            yield f"{at}/crop/{_member(side)}", "Should be a multiple of 2"
    if described.get("ScalingBehavior") == "SMART_CROP":
        yield f"{at}/scalingBehavior", f"SMART_CROP: {HERE}"
    codec = (described.get("CodecSettings") or {}).get("Codec")
    if codec is None:
        yield f"{at}/codecSettings", "codec is a required property"
        return
    if codec not in possible:
        yield (
            f"{at}/codecSettings/codec",
            f"{codec} in container {container}: {HERE}; choose {', '.join(sorted(possible)) or 'no video'}",
        )
        return
    at = f"{at}/codecSettings/{_member(video.SETTINGS_OF[codec])}"
    _, settings = video.codec_of(described)
    yield from _other_choice(at, settings, VIDEO_CHOICES)
    if codec not in UNRATED:
        yield from _of_rate_control(at, settings)
    if settings.get("FramerateControl") == "SPECIFIED":
        for name in ("FramerateNumerator", "FramerateDenominator"):
            if name not in settings:
                yield at, f"{_member(name)} is a required property"
    if settings.get("ParControl") == "SPECIFIED":
        for name in ("ParNumerator", "ParDenominator"):
            if name not in settings:
                yield at, f"{_member(name)} is a required property"
    if settings.get("CodecProfile") == "BASELINE" and settings.get("EntropyEncoding") == "CABAC":
        yield f"{at}/entropyEncoding", "Must be CAVLC"


def _of_rate_control(at: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    mode = settings.get("RateControlMode", "VBR")
    tuning = settings.get("QualityTuningLevel", "SINGLE_PASS")
    qvbr = settings.get("QvbrSettings") or {}
    if mode != "QVBR" and "Bitrate" not in settings:
        yield at, "bitrate is a required property"
    if mode == "QVBR" and "MaxBitrate" not in settings:
        yield at, "maxBitrate is a required property"
    if (mode == "QVBR" and "Bitrate" in settings) or (mode == "CBR" and "MaxBitrate" in settings):
        yield at, INCOMPATIBLE_RATES
    if mode != "QVBR" and qvbr:
        yield f"{at}/qvbrSettings", "Specify QVBR settings only when Rate control mode is QVBR"
    if qvbr.get("MaxAverageBitrate") and tuning != "MULTI_PASS_HQ":
        yield f"{at}/qvbrSettings/maxAverageBitrate", "Requires Quality tuning level MULTI_PASS_HQ"
    if mode == "VBR" and settings.get("MaxBitrate", settings.get("Bitrate", 0)) < settings.get("Bitrate", 0):
        yield f"{at}/maxBitrate", f"Should be greater than or equal to {settings['Bitrate']}"


def _of_audio(at: str, description: Mapping[str, Any], possible: set[str], container: str) -> Iterator[Problem]:
    codec = (description.get("CodecSettings") or {}).get("Codec")
    if codec is None:
        yield f"{at}/codecSettings", "codec is a required property"
        return
    if codec not in possible:
        yield (
            f"{at}/codecSettings/codec",
            f"{codec} in container {container}: {HERE}; choose {', '.join(sorted(possible)) or 'no audio'}",
        )
        return
    _, settings = sound.codec_of(description)
    at = f"{at}/codecSettings/{_member(sound.SETTINGS_OF[codec])}"
    if settings.get("CodingMode") in {"CODING_MODE_1_1", "AD_RECEIVER_MIX"}:
        yield f"{at}/codingMode", f"{settings['CodingMode']}: {HERE}"
    if codec == "AAC":
        yield from _of_aac(at, settings)
    elif codec in {"MP2", "EAC3"} and "Bitrate" not in settings and settings.get("RateControlMode") != "VBR":
        yield at, "bitrate is a required property"


def _of_aac(at: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("CodingMode", "SampleRate"):
        if name not in settings:
            yield at, f"{_member(name)} is a required property"
    constant = settings.get("RateControlMode", "CBR") == "CBR"
    if constant and "Bitrate" not in settings:
        yield at, "bitrate is a required property"
    if settings.get("RawFormat", "NONE") != "NONE":
        yield f"{at}/rawFormat", f"{settings['RawFormat']}: {HERE}"
    channels = sound.CHANNELS_OF_MODE.get(settings.get("CodingMode", ""))
    rate, asked = settings.get("SampleRate", 0), settings.get("Bitrate")
    if not (constant and asked and channels) or settings.get("CodecProfile", "LC") != "LC" or rate < 32_000:
        return
    least = AAC_BITRATES_PER_CHANNEL[0] * channels
    most = max(bit_rate for bit_rate in AAC_BITRATES if bit_rate <= AAC_BITRATES_PER_CHANNEL[1] * rate * channels)
    if not least <= asked <= most:
        message = (
            "You specified a value for Bitrate that is not valid with the combination of Profile LC, Coding mode "
            f"{settings['CodingMode']}, and Sample rate {rate} you selected. Specify a bitrate in the range of "
            f"{least}-{most}, and resubmit your job For a list of supported bitrates, see: "
            "https://docs.aws.amazon.com/mediaconvert/latest/ug/aac-support.html"
        )
        yield f"{at}/bitrate", message
