from __future__ import annotations

import pytest

from include.video.mediaconvert import OutputFile, files_read, files_written, merge_settings, with_presets

TALK = "s3://media-raw/video/talk.mov"


def group(kind: str, member: str, destination: str, *outputs: dict) -> dict:
    return {"OutputGroupSettings": {"Type": kind, member: {"Destination": destination}}, "Outputs": list(outputs)}


def file_group(destination: str, *outputs: dict) -> dict:
    return group("FILE_GROUP_SETTINGS", "FileGroupSettings", destination, *outputs)


def video(codec: str = "H_264", container: str = "MP4", **more) -> dict:
    return {
        "ContainerSettings": {"Container": container},
        "VideoDescription": {"CodecSettings": {"Codec": codec}, **more.pop("VideoDescription", {})},
        **more,
    }


def paths(*groups: dict, first: str = TALK) -> list[str]:
    return [file.path for file in files_written({"Inputs": [{"FileInput": first}], "OutputGroups": list(groups)})]


def test_a_destination_that_ends_with_a_slash_takes_the_name_of_the_first_input():
    assert paths(file_group("s3://out/web/", video())) == ["s3://out/web/talk.mp4"]
    assert paths(file_group("s3://out/web/final", video(NameModifier="_hd"))) == ["s3://out/web/final_hd.mp4"]


@pytest.mark.parametrize(
    ("output", "name"),
    [
        (video(container="M2TS"), "talk.m2ts"),
        (video(Extension="m4v"), "talk.m4v"),
        (video("FRAME_CAPTURE", "RAW", NameModifier="_poster"), "talk_poster.0000000.jpg"),
        (video("FRAME_CAPTURE", "RAW", Extension="jpeg"), "talk.0000000.jpeg"),
        ({"ContainerSettings": {"Container": "RAW"}, "AudioDescriptions": [{"CodecSettings": {"Codec": "WAV"}}]},
         "talk.wav"),
        ({"CaptionDescriptions": [{"DestinationSettings": {"DestinationType": "WEBVTT"}}]}, "talk.vtt"),
    ],
)  # fmt: skip
def test_an_extension_comes_from_what_is_asked_then_container_then_codec(output, name):
    assert paths(file_group("s3://out/", output)) == [f"s3://out/{name}"]


def test_an_hls_group_has_its_playlist_and_one_for_each_output():
    hls = group("HLS_GROUP_SETTINGS", "HlsGroupSettings", "s3://out/hls/", *(
        video(container="M3U8", NameModifier=f"_{height}") for height in (360, 720)
    ))  # fmt: skip
    assert paths(hls) == ["s3://out/hls/talk.m3u8", "s3://out/hls/talk_360.m3u8", "s3://out/hls/talk_720.m3u8"]


@pytest.mark.parametrize(
    ("kind", "member", "names"),
    [
        ("DASH_ISO_GROUP_SETTINGS", "DashIsoGroupSettings", ["talk.mpd"]),
        ("CMAF_GROUP_SETTINGS", "CmafGroupSettings", ["talk.mpd", "talk.m3u8"]),
        ("MS_SMOOTH_GROUP_SETTINGS", "MsSmoothGroupSettings", ["talk.ism"]),
    ],
)
def test_other_packages_are_known_by_their_playlists(kind, member, names):
    assert paths(group(kind, member, "s3://out/", video())) == [f"s3://out/{name}" for name in names]


def test_what_only_the_service_knows_of_a_name_is_left_open():
    (written,) = files_written(
        {
            "Inputs": [{"FileInput": TALK}],
            "OutputGroups": [file_group("s3://out/$fn$/", video(NameModifier="_$w$_$dt$",
                                                                VideoDescription={"Width": 1280}))],
        }
    )  # fmt: skip
    assert written.path == "s3://out/talk/talk_1280_$dt$.mp4"
    assert not written.exact
    assert written.bucket_and_prefix == ("out", "talk/talk_1280_")


def test_details_of_the_finished_job_stand_with_their_output():
    settings = {"Inputs": [{"FileInput": TALK}], "OutputGroups": [file_group("s3://out/", video(), video())]}
    details = [{"OutputDetails": [{}, {"DurationInMs": 2000, "VideoDetails": {"WidthInPx": 640, "HeightInPx": 360}}]}]
    assert files_written(settings, details) == [
        OutputFile(path="s3://out/talk.mp4"),
        OutputFile(path="s3://out/talk.mp4", duration_s=2.0, width=640, height=360),
    ]


def test_a_group_without_a_destination_writes_nowhere_that_is_known():
    settings = {"OutputGroups": [{"OutputGroupSettings": {"Type": "FILE_GROUP_SETTINGS"}, "Outputs": [video()]}]}
    assert files_written(settings) == []


def test_every_file_that_a_job_reads_is_named_once_the_first_input_first():
    settings = {
        "Inputs": [
            {"FileInput": TALK, "AudioSelectors": {"Audio Selector 1": {"ExternalAudioFileInput": "s3://a/dub.wav"}}},
            {"FileInput": "https://example.org/credits.mp4", "CaptionSelectors": {"c": {"SourceSettings": {}}}},
        ]
    }
    assert files_read(settings) == [TALK, "https://example.org/credits.mp4", "s3://a/dub.wav"]


def test_a_template_gives_what_the_job_leaves_out():
    template = {
        "Inputs": [{"TimecodeSource": "ZEROBASED", "VideoSelector": {"Rotate": "AUTO"}}],
        "OutputGroups": [file_group("s3://template/", video(NameModifier="_a"), video(NameModifier="_b"))],
    }
    job = {
        "Inputs": [{"FileInput": TALK}, {"FileInput": "s3://a/2.mov", "VideoSelector": {"Rotate": "DEGREE_0"}}],
        "OutputGroups": [file_group("s3://job/")],
    }
    merged = merge_settings(template, job)
    assert [one["VideoSelector"]["Rotate"] for one in merged["Inputs"]] == ["AUTO", "DEGREE_0"]
    assert [file.path for file in files_written(merged)] == ["s3://job/talk_a.mp4", "s3://job/talk_b.mp4"]
    assert template["OutputGroups"][0]["OutputGroupSettings"]["FileGroupSettings"]["Destination"] == "s3://template/"


def test_a_list_of_plain_values_is_replaced():
    assert merge_settings({"Tracks": [1, 2]}, {"Tracks": [3]}) == {"Tracks": [3]}


def test_an_output_overrides_its_preset():
    preset = {"ContainerSettings": {"Container": "MOV"}, "VideoDescription": {"Width": 640, "Height": 360}}
    settings = {"OutputGroups": [file_group("s3://out/", {"Preset": "p", "VideoDescription": {"Width": 960}})]}
    (output,) = with_presets(settings, {"p": preset})["OutputGroups"][0]["Outputs"]
    assert output["VideoDescription"] == {"Width": 960, "Height": 360}
    assert output["ContainerSettings"] == {"Container": "MOV"}
