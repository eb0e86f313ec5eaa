"""Settings that are accepted and change nothing here: a job that uses them is warned, nothing is done silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What the engine reads, by the names of members; a name means the same wherever it stands.
USED = frozenset(
    """
    AdditionalManifests AlgorithmControl AudioDescriptions AudioGroupId AudioNormalizationSettings AudioPids
    AudioRenditionSets AudioSelectors AudioSourceName AudioTrackType BaseUrl BitDepth Bitrate CaptionDescriptions
    CaptionSelectorName CaptionSelectors ChannelMapping Channels ClientCache Codec CodecLevel CodecProfile CodecSettings
    CodingMode Container ContainerSettings Crop CustomLanguageCode DefaultSelection Deinterlacer Destination
    DestinationSettings DestinationType DynamicSubGop EndTimecode EntropyEncoding Extension ExternalAudioFileInput
    FileInput FileSourceSettings FollowSource FramerateControl FramerateConversionAlgorithm FramerateDenominator
    FramerateNumerator GopBReference GopClosedCadence GopSize GopSizeUnits Height HrdBufferInitialFillPercentage
    HrdBufferSize InputChannels InputChannelsFineTune InputClippings Inputs InterlaceMode LanguageCode
    LanguageCodeControl LanguageDescription ManifestDurationFormat ManifestNameModifier MaxBitrate MaxCaptures
    MinIInterval MoovPlacement Mp4MajorBrand NameModifier NumberBFramesBetweenReferenceFrames NumberReferenceFrames
    Offset OutputChannels OutputGroupSettings OutputGroups OutputSelection OutputSettings Outputs ParControl
    ParDenominator ParNumerator Pids PmtPid Preset ProgramDateTime ProgramDateTimePeriod Quality QualityTuningLevel
    QvbrQualityLevel QvbrQualityLevelFineTune QvbrSettings RateControlMode RemixSettings Rotate SampleRate
    ScalingBehavior SceneChangeDetect SegmentControl SegmentLength SegmentModifier SelectedOutputs SelectorType Slices
    SourceFile SourceSettings SourceType StartTimecode StreamInfResolution StreamName TargetDurationCompatibilityMode
    TargetLkfs TimeDelta TimeDeltaUnits TimecodeSource TimecodeStart TrackNumber TrackSourceSettings Tracks
    TruePeakLimiterThreshold Type VbrQuality VideoDescription VideoPid VideoPreprocessors VideoSelector Width X Y
    """.split()  # noqa: SIM905  a word list reads better
)
# Tuning without a counterpart, and what only labels or orders things: worth no warning.
HARMLESS = frozenset(
    """
    AdAvailOffset AdaptiveQuantization Algorithm AntiAlias AudioDescriptionBroadcasterMix AudioFramesPerPes AudioType
    AudioTypeControl BandwidthReductionFilter BitstreamMode CaptionLanguageSetting CaptionSegmentLengthControl
    ChromaPositionMode CodecSpecification ColorMetadata CslgAtom CttsVersion CustomName Dialnorm DirectoryStructure
    DropFrameTimecode EndOfStreamMarkers ExplicitWeightedPrediction FieldEncoding FilterEnable FilterStrength
    FlickerAdaptiveQuantization FreeSpaceBox HrdBufferFinalFillPercentage ManifestCompression MinFinalSegmentLength
    MinSegmentLength Name PatInterval PcrControl PmtInterval PrivateMetadataPid ProgramNumber ProgramSelection
    ProgressiveWriteHlsManifest PsiControl RapInterval RawFormat RepeatPps SaliencyAwareEncoding Scte35Pid
    SegmentLengthControl Sharpness SlidingWindowMs Softness SpatialAdaptiveQuantization Specification Syntax
    TemporalAdaptiveQuantization TimecodeConfig TimedMetadataId3Frame TimedMetadataId3Period
    TimedMetadataPid WriteMp4PackagingType
    """.split()  # noqa: SIM905
)
NOTHING = (
    "DISABLED", "DISABLE", "NONE", "AUTO", "DEFAULT", "DEINTERLACE", "EXCLUDE", "FOLLOW", "FOLLOW_INPUT", "NORMAL",
    "OMIT",
)  # fmt: skip
BY_CODEC = "Settings"  # members called <codec or container>Settings hold others


def ignored(settings: Mapping[str, Any], at: str = "") -> list[str]:
    """Where a job's settings ask for what is not done here and would make a difference.

    >>> ignored({"Inputs": [{"DenoiseFilter": "ENABLED", "DeblockFilter": "DISABLED", "FileInput": "s3://in/a.mp4"}]})
    ['/inputs/0/denoiseFilter']
    """
    return list(_iter_ignored(settings, at))


def _iter_ignored(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            below = f"{at}/{name[0].lower()}{name[1:]}"
            if name in {"AudioSelectors", "CaptionSelectors"}:
                for own, selector in member.items():
                    yield from _iter_ignored(selector, f"{below}/{own}")
            elif name in HARMLESS or member in NOTHING or member in (None, [], {}, 0):
                continue
            elif name in USED or (name.endswith(BY_CODEC) and isinstance(member, Mapping)):
                yield from _iter_ignored(member, below)
            else:
                yield below
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _iter_ignored(item, f"{at}/{number}")
