"""What CreateJob refuses, and in which words."""

from __future__ import annotations

import pytest

from aws_emulator.services.mediaconvert.checks import problems
from aws_emulator.services.mediaconvert.ignored import ignored

AT = "/outputGroups/0/outputs/0"
H264 = f"{AT}/videoDescription/codecSettings/h264Settings"
AAC_AT = f"{AT}/audioDescriptions/0/codecSettings/aacSettings"


def aac(**settings):
    given = {"Bitrate": 96_000, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000, **settings}
    kept = {name: value for name, value in given.items() if value is not None}
    return [{"CodecSettings": {"Codec": "AAC", "AacSettings": kept}}]


RATES = [
    ({"RateControlMode": "QVBR"}, H264, "maxBitrate is a required property"),
    ({"RateControlMode": "CBR"}, H264, "bitrate is a required property"),
    ({"RateControlMode": "VBR"}, H264, "bitrate is a required property"),
    ({"RateControlMode": "QVBR", "MaxBitrate": 1, "Bitrate": 1}, H264, "incompatible: Rate control mode, Bitrate, and"),
    ({"RateControlMode": "CBR", "MaxBitrate": 1, "Bitrate": 1}, H264, "incompatible: Rate control mode, Bitrate, and"),
    (
        {"RateControlMode": "QVBR", "MaxBitrate": 9, "QvbrSettings": {"MaxAverageBitrate": 5}},
        f"{H264}/qvbrSettings/maxAverageBitrate",
        "MULTI_PASS_HQ",
    ),
    ({"RateControlMode": "VBR", "Bitrate": 9, "MaxBitrate": 5}, f"{H264}/maxBitrate", "greater than or equal to 9"),
    (
        {"Bitrate": 9, "FramerateControl": "SPECIFIED", "FramerateNumerator": 25},
        H264,
        "framerateDenominator is a required property",
    ),
    ({"Bitrate": 9, "InterlaceMode": "TOP_FIELD"}, f"{H264}/interlaceMode", "does not do this"),
    ({"Bitrate": 9, "CodecProfile": "BASELINE", "EntropyEncoding": "CABAC"}, f"{H264}/entropyEncoding", "CAVLC"),
]


@pytest.mark.parametrize(("h264", "where", "what"), RATES)
def test_rate_control_must_make_sense(settings, mp4, h264, where, what):
    ((at, said),) = problems(settings(mp4(h264=h264)))
    assert at == where
    assert what in said


def test_an_aac_bit_rate_must_fit_its_channels(settings, mp4):
    ((at, said),) = problems(settings({**mp4(), "AudioDescriptions": aac(Bitrate=48_000)}))
    assert at == f"{AAC_AT}/bitrate"
    assert said.startswith(
        "You specified a value for Bitrate that is not valid with the combination of Profile LC, Coding mode "
        "CODING_MODE_2_0, and Sample rate 48000 you selected. Specify a bitrate in the range of 64000-576000, "
    )
    ((_, said),) = problems(settings({**mp4(), "AudioDescriptions": aac(Bitrate=576_000, SampleRate=44_100)}))
    assert "64000-512000" in said


@pytest.mark.parametrize("member", ["Bitrate", "CodingMode", "SampleRate"])
def test_aac_needs_its_members(settings, mp4, member):
    found = problems(settings({**mp4(), "AudioDescriptions": aac(**{member: None})}))
    assert (AAC_AT, f"{member[0].lower()}{member[1:]} is a required property") in found


def test_inputs_and_outputs_are_needed(settings, mp4):
    assert [at for at, _ in problems({})] == ["/inputs", "/outputGroups"]
    without = settings(mp4())
    del without["Inputs"][0]["FileInput"]
    assert problems(without) == [("/inputs/0", "fileInput is a required property")]


def test_captures_need_another_output_beside_them(settings, poster, mp4):
    ((at, said),) = problems(settings(poster()))
    assert (at, "Frame capture outputs need another" in said) == ("/outputGroups", True)
    assert problems(settings(poster(), mp4())) == []


def test_outputs_of_a_group_need_names_of_their_own(settings, mp4):
    nameless = {name: value for name, value in mp4().items() if name != "NameModifier"}
    assert problems(settings(nameless)) == []
    assert problems(settings(nameless, mp4())) == [(AT, "nameModifier is a required property")]
    ((at, said),) = problems(settings(mp4(), mp4()))
    assert (at, "overwrite" in said) == ("/outputGroups/0/outputs/1/nameModifier", True)


def test_sizes_are_even(settings, mp4):
    assert problems(settings(mp4(Width=321, Height=180))) == [
        (f"{AT}/videoDescription/width", "Should be a multiple of 2")
    ]


NOT_DONE = [
    ({"Type": "CMAF_GROUP_SETTINGS"}, "/outputGroups/0/outputGroupSettings/type"),
    ({"Type": "DASH_ISO_GROUP_SETTINGS"}, "/outputGroups/0/outputGroupSettings/type"),
    (
        {
            "Type": "HLS_GROUP_SETTINGS",
            "HlsGroupSettings": {"Destination": "s3://media-out/a", "Encryption": {"Type": 1}},
        },
        "/outputGroups/0/outputGroupSettings/hlsGroupSettings/encryption",
    ),
    (
        {
            "Type": "HLS_GROUP_SETTINGS",
            "HlsGroupSettings": {"Destination": "s3://media-out/a", "SegmentControl": "SINGLE_FILE"},
        },
        "/outputGroups/0/outputGroupSettings/hlsGroupSettings/segmentControl",
    ),
]


@pytest.mark.parametrize(("group", "where"), NOT_DONE)
def test_groups_that_are_not_done_here_are_refused(settings, mp4, group, where):
    output = {**mp4(), "ContainerSettings": {"Container": "M3U8"}}
    ((at, said),) = problems(settings(output, group=group))
    assert (at, "the local MediaConvert does not do this" in said) == (where, True)


def test_what_would_change_the_picture_and_is_not_done_is_refused(settings, mp4):
    preprocessed = mp4(VideoPreprocessors={"TimecodeBurnin": {"FontSize": 16}})
    assert [at for at, _ in problems(settings(preprocessed))] == [
        f"{AT}/videoDescription/videoPreprocessors/timecodeBurnin"
    ]
    assert [at for at, _ in problems({**settings(mp4()), "MotionImageInserter": {"Input": "s3://a/b"}})] == [
        "/motionImageInserter"
    ]
    assert [at for at, _ in problems(settings(mp4(), DecryptionSettings={"DecryptionMode": "AES_CTR"}))] == [
        "/inputs/0/decryptionSettings"
    ]


def test_captions_that_are_not_done_are_refused(settings, mp4):
    burnt = {**mp4(), "CaptionDescriptions": [
        {"CaptionSelectorName": "Captions Selector 1", "DestinationSettings": {"DestinationType": "BURN_IN"}}
    ]}  # fmt: skip
    teletext = {"Captions Selector 1": {"SourceSettings": {"SourceType": "TELETEXT"}}}
    assert [at for at, _ in problems(settings(burnt, CaptionSelectors=teletext))] == [
        "/inputs/0/captionSelectors/Captions Selector 1/sourceSettings/sourceType",
        f"{AT}/captionDescriptions/0/destinationSettings/destinationType",
    ]


def test_codecs_must_fit_their_container(settings, mp4):
    webm = {**mp4(), "ContainerSettings": {"Container": "WEBM"}}
    assert [at for at, _ in problems(settings(webm))] == [
        f"{AT}/videoDescription/codecSettings/codec", f"{AT}/audioDescriptions/0/codecSettings/codec"
    ]  # fmt: skip


def test_inputs_over_http_are_refused(settings, mp4):
    ((at, said),) = problems(settings(mp4(), FileInput="https://example.org/a.mp4"))
    assert (at, "inputs over HTTP" in said) == ("/inputs/0/fileInput", True)


def test_what_changes_nothing_is_said(settings, mp4):
    given = settings(mp4(AfdSignaling="NONE", Sharpness=100, TimecodeInsertion="DISABLED"), DenoiseFilter="ENABLED")
    assert ignored(given) == ["/inputs/0/denoiseFilter"]
    given = settings(
        mp4(AfdSignaling="FIXED"), AudioSelectors={"Audio Selector 1": {"AudioDurationCorrection": "FORCE"}}
    )
    assert ignored(given) == [
        "/inputs/0/audioSelectors/Audio Selector 1/audioDurationCorrection", f"{AT}/videoDescription/afdSignaling"
    ]  # fmt: skip
