"""What comes out, as PyAV sees it: sizes, codecs, durations, pictures upright, sound."""

from __future__ import annotations

import numpy as np
import pytest

from aws_emulator.jobs.errors import JobFailed


def test_two_renditions_and_posters_come_out_as_asked(convert, settings, mp4, poster):
    job = convert(settings(mp4("_90", Height=90), mp4("_$w$x$h$", Width=160, Height=160), poster("_p", Width=64)))
    assert set(job.objects) == {
        "made/clip_90.mp4", "made/clip_160x160.mp4", "made/clip_p.0000000.jpg", "made/clip_p.0000001.jpg"
    }  # fmt: skip
    small = job.streams("made/clip_90.mp4")
    assert (small["video"].codec, small["video"].size, small["video"].frame_rate) == ("h264", (160, 90), 25)
    assert small["video"].frames == 50
    assert (small["audio"].codec, small["audio"].channels, small["audio"].sample_rate) == ("aac", 2, 48_000)
    assert job.outputs[0] == {
        "files": ["s3://media-out/made/clip_90.mp4"], "duration_ms": 2000, "width": 160, "height": 90
    }  # fmt: skip
    assert job.outputs[2]["files"] == ["s3://media-out/made/clip_p.0000001.jpg"]
    assert job.streams("made/clip_p.0000001.jpg")["video"].size == (64, 36)


def test_default_scaling_pads_with_black(convert, settings, mp4):
    job = convert(settings(mp4(sound=False, Width=160, Height=160)))
    frame = job.frames("made/clip_a.mp4")[10]
    assert frame.shape == (160, 160, 3)
    assert frame[:30].mean() < 20 < frame[60:100].mean()


def test_captures_are_frame_0_and_then_one_every_interval(convert, settings, mp4, poster):
    job = convert(settings(mp4(sound=False), poster(every_s=1, most=9)))
    source = job.frames("made/clip_a.mp4")
    for number, index in enumerate((0, 25)):
        captured = job.frames(f"made/clip_p.{number:07d}.jpg")[0].astype(int)
        differences = [np.abs(captured - frame).mean() for frame in source]
        assert int(np.argmin(differences)) == index


def test_no_more_frames_are_captured_than_asked(convert, settings, mp4, poster):
    job = convert(settings(mp4(sound=False), poster(most=1)))
    assert [key for key in job.objects if key.endswith("jpg")] == ["made/clip_p.0000000.jpg"]


def test_rotation_auto_turns_a_portrait_upright(convert, settings, mp4):
    upright = convert(settings(mp4(sound=False), VideoSelector={"Rotate": "AUTO"}), "portrait").frames(
        "made/clip_a.mp4"
    )
    stored = convert(settings(mp4(sound=False)), "portrait").frames("made/clip_a.mp4")
    assert (stored[0].shape, upright[0].shape) == ((180, 320, 3), (320, 180, 3))
    clockwise = np.rot90(stored[0], -1).astype(int)
    assert np.abs(clockwise - upright[0]).mean() < np.abs(clockwise - np.rot90(upright[0], 2)).mean() / 4


def test_outputs_carry_no_rotation_of_their_own(convert, settings, mp4):
    job = convert(settings(mp4(sound=False)), "portrait")
    assert b"rotate" not in job.objects["made/clip_a.mp4"]
    assert job.streams("made/clip_a.mp4")["video"].size == (320, 180)


def test_specified_rotation_turns_clockwise(convert, settings, mp4):
    turned = convert(settings(mp4(sound=False), VideoSelector={"Rotate": "DEGREES_180"})).frames("made/clip_a.mp4")
    plain = convert(settings(mp4(sound=False))).frames("made/clip_a.mp4")
    assert np.abs(np.rot90(plain[5], 2).astype(int) - turned[5]).mean() < 8


def test_a_clip_holds_exactly_its_frames(convert, settings, mp4):
    clips = [{"StartTimecode": "00:00:00:10", "EndTimecode": "00:00:00:19"}]
    whole = convert(settings(mp4(sound=False))).frames("made/clip_a.mp4")
    part = convert(settings(mp4(sound=False), InputClippings=clips)).frames("made/clip_a.mp4")
    assert len(part) == 10
    for index in (0, 9):
        nearest = np.argmin([np.abs(part[index].astype(int) - frame).mean() for frame in whole])
        assert nearest == 10 + index


def test_embedded_timecodes_count_from_the_one_in_the_file(convert, settings, mp4):
    clips = [{"StartTimecode": "01:00:01:00"}]
    job = convert(settings(mp4(), InputClippings=clips, TimecodeSource="EMBEDDED"), "tracks")
    assert job.outputs[0]["duration_ms"] == 1000
    with pytest.raises(JobFailed, match=r"^1060: .*starts outside the input"):
        convert(settings(mp4(), InputClippings=[{"StartTimecode": "00:00:01:00"}], TimecodeSource="EMBEDDED"), "tracks")


def test_clips_and_inputs_are_stitched_in_order(convert, settings, mp4, media):
    selectors = {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}
    clip = {"FileInput": "s3://media-in/films/clip.mp4", "AudioSelectors": selectors, "TimecodeSource": "ZEROBASED"}
    other = {**clip, "FileInput": "s3://media-in/films/silent"}
    cut = [{"EndTimecode": "00:00:00:24"}, {"StartTimecode": "00:00:01:00"}]
    job = convert(settings(mp4(), inputs=[{**clip, "InputClippings": cut}, other]), silent=media["silent"])
    found = job.streams("made/clip_a.mp4")
    assert found["video"].frames == 100
    assert found["audio"].duration_s == pytest.approx(4, abs=0.1)


def test_an_input_without_sound_gives_outputs_without_and_says_so(convert, settings, mp4):
    job = convert(settings(mp4()), "silent")
    assert "audio" not in job.streams("made/clip_a.mp4")
    assert job.result["messages"] == ["No input has audio for Audio Selector 1: outputs that ask for it have none."]


def test_a_selector_takes_a_track_by_number_or_language(convert, settings, mp4):
    for selector in ({"Tracks": [2]}, {"LanguageCode": "FRA", "SelectorType": "LANGUAGE_CODE"}):
        job = convert(settings(mp4(), AudioSelectors={"Audio Selector 1": selector}), "tracks")
        assert job.streams("made/clip_a.mp4")["audio"].language == "fra"


def test_tracks_of_one_selector_are_joined(convert, settings, mp4):
    output = mp4()
    output["AudioDescriptions"][0]["CodecSettings"] = {"Codec": "WAV", "WavSettings": {"SampleRate": 48_000}}
    output["ContainerSettings"] = {"Container": "MOV"}
    job = convert(settings(output, AudioSelectors={"Audio Selector 1": {"Tracks": [1, 2]}}), "tracks")
    assert job.streams("made/clip_a.mov")["audio"].channels == 3


def test_sound_can_come_from_a_file_of_its_own(convert, settings, mp4, media):
    selectors = {"Audio Selector 1": {"ExternalAudioFileInput": "s3://media-in/films/song"}}
    job = convert(settings(mp4(), AudioSelectors=selectors), "silent", song=media["song"])
    assert job.streams("made/clip_a.mp4")["audio"].channels == 2


AUDIO_ONLY = [
    ("RAW", "MP3", "Mp3Settings", {"Bitrate": 128_000, "RateControlMode": "CBR"}, "mp3", "mp3"),
    ("RAW", "WAV", "WavSettings", {"BitDepth": 24, "Channels": 1, "SampleRate": 16_000}, "wav", "pcm_s24le"),
    ("MP4", "AC3", "Ac3Settings", {"Bitrate": 192_000, "CodingMode": "CODING_MODE_2_0"}, "mp4", "ac3"),
    ("WEBM", "OPUS", "OpusSettings", {"Bitrate": 64_000}, "webm", "opus"),
    ("RAW", "FLAC", "FlacSettings", {}, "flac", "flac"),
]


@pytest.mark.parametrize(("container", "codec", "member", "own", "extension", "found"), AUDIO_ONLY)
def test_sound_alone_comes_in_many_codecs(convert, settings, container, codec, member, own, extension, found):
    output = {
        "ContainerSettings": {"Container": container},
        "AudioDescriptions": [{"CodecSettings": {"Codec": codec, member: own}}],
    }
    job = convert(settings(output), "song")
    stream = job.streams(f"made/clip.{extension}")["audio"]
    assert stream.codec == found
    assert stream.channels == own.get("Channels", 2)
    assert job.outputs[0]["duration_ms"] == pytest.approx(2000, abs=80)
    assert "width" not in job.outputs[0]


def test_webm_and_quicktime_come_out_too(convert, settings, mp4):
    vp9 = mp4("_v", sound=False)
    vp9["ContainerSettings"] = {"Container": "WEBM"}
    vp9["VideoDescription"] = {
        "Width": 64, "CodecSettings": {"Codec": "VP9", "Vp9Settings": {"Bitrate": 100_000, "RateControlMode": "VBR"}}
    }  # fmt: skip
    hevc = mp4("_h", sound=False, Width=96)
    hevc["ContainerSettings"] = {"Container": "MOV"}
    hevc["VideoDescription"]["CodecSettings"] = {"Codec": "H_265", "H265Settings": {"Bitrate": 200_000}}
    job = convert(settings(vp9, hevc))
    assert job.streams("made/clip_v.webm")["video"].codec == "vp9"
    assert job.streams("made/clip_h.mov")["video"].codec == "hevc"


def test_an_animated_gif_comes_out(convert, settings, mp4):
    slow = {"FramerateControl": "SPECIFIED", "FramerateNumerator": 5, "FramerateDenominator": 1}
    gif = {
        "NameModifier": "_g",
        "ContainerSettings": {"Container": "GIF"},
        "VideoDescription": {"Width": 80, "CodecSettings": {"Codec": "GIF", "GifSettings": slow}},
    }
    job = convert(settings(mp4(), gif))
    assert job.streams("made/clip_g.gif")["video"].size == (80, 44)
    assert len(job.frames("made/clip_g.gif")) == 10


def test_the_frame_rate_is_the_inputs_unless_specified(convert, settings, mp4):
    slower = {
        "Bitrate": 200_000, "RateControlMode": "CBR", "FramerateControl": "SPECIFIED", "FramerateNumerator": 10,
        "FramerateDenominator": 1,
    }  # fmt: skip
    job = convert(settings(mp4(sound=False), mp4("_10", sound=False, h264=slower)))
    assert job.streams("made/clip_a.mp4")["video"].frame_rate == 25
    assert job.streams("made/clip_10.mp4")["video"].frame_rate == 10


def test_key_frames_come_as_the_gop_says(convert, settings, mp4):
    half = {
        "Bitrate": 400_000, "RateControlMode": "VBR", "GopSize": 0.4, "GopSizeUnits": "SECONDS",
        "SceneChangeDetect": "DISABLED",
    }  # fmt: skip
    job = convert(settings(mp4(sound=False, h264=half, Width=64)))
    assert job.key_frames("made/clip_a.mp4") == [0.0, 0.4, 0.8, 1.2, 1.6]


def test_progress_goes_through_the_phases(convert, settings, mp4):
    reports = convert(settings(mp4())).reports
    assert list(dict.fromkeys(phase for _, phase, _ in reports)) == ["PROBING", "TRANSCODING", "UPLOADING"]
    assert [percent for percent, _, _ in reports] == sorted(percent for percent, _, _ in reports)
    described = next(details["inputs"] for _, _, details in reports if "inputs" in details)
    assert described[0]["video"][0] | {"sar": "1:1"} == {
        "bitDepth": 8, "codec": "H_264", "colorFormat": "YUV_420", "frameRate": 25.0, "height": 180, "sar": "1:1",
        "interlaceMode": "PROGRESSIVE", "standard": "UNSPECIFIED", "streamId": 1, "width": 320,
    }  # fmt: skip
