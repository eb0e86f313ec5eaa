"""One decode and one reading for all analyses of a video; and what is refused, by name."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from aws_emulator.jobs.alone import LoneTask
from aws_emulator.jobs.errors import JobFailed
from aws_emulator.services.rekognition import engine, footage, stages
from aws_emulator.services.rekognition.footage import Footage
from tests.docker.aws.rekognition.scenes import BLACK, ffmpeg, film, page, texture

ALL = {
    "LabelDetection": {},
    "SegmentDetection": {"SegmentTypes": ["SHOT", "TECHNICAL_CUE"]},
    "ContentModeration": {},
    "TextDetection": {},
    "FaceDetection": {},
}


@pytest.fixture
def clip(tmp_path):
    return film(tmp_path / "clip.mp4", [page("MUSEUM")] * 6 + [texture(1)] * 6, rate=6)


@pytest.fixture
def task(tmp_path):
    """``task(video, analysis)``: a job of its own, with the cache of all others of the test."""

    def make(video, analysis="SegmentDetection", key="clip.mp4", **more):
        request = {"analysis": analysis, "parameters": ALL[analysis], "bucket": "media", "key": key}
        return LoneTask(tmp_path / "lone", request, objects={("media", key): video}, **more)

    return make


@pytest.fixture
def count(monkeypatch):
    """How often each of the engine's expensive functions was called."""
    calls = {}

    def watch(name):
        inner = getattr(stages, name)

        def counted(*arguments, **named):
            calls[name] = calls.get(name, 0) + 1
            return inner(*arguments, **named)

        monkeypatch.setattr(stages, name, counted)

    for name in ("decode", "read_lines", "find_faces"):
        watch(name)
    return calls


def test_all_analyses_of_a_video_share_one_decode_and_one_reading(clip, task, count):
    for analysis in ALL:
        engine.run(task(clip, analysis))
    assert count == {"decode": 1, "read_lines": 2, "find_faces": 2}  # one look serves a picture that stays


def test_the_same_bytes_under_another_name_are_not_looked_at_again(clip, task, count):
    engine.run(task(clip))
    engine.run(task(clip, key="copy.mp4"))
    assert count["decode"] == 1


def test_other_bytes_under_the_same_name_are_looked_at(clip, task, count, tmp_path):
    engine.run(task(clip))
    engine.run(task(film(tmp_path / "other.mp4", [texture(2)] * 6)))
    assert count["decode"] == 2


def test_progress_is_reported_while_it_decodes_and_reads(clip, task):
    job = task(clip, "TextDetection")
    engine.run(job)
    percents = [percent for percent, _, _ in job.reports]
    assert percents == sorted(percents)
    assert percents[-1] == 99
    assert {phase for _, phase, _ in job.reports} == {"DOWNLOADING", "DECODING", "READING"}


def test_video_and_audio_are_described_as_in_answers_of_aws(clip, task, tmp_path):
    path = tmp_path / "sound.mov"
    ffmpeg("-i", clip, "-f", "lavfi", "-i", "sine=duration=2:sample_rate=48000", "-c:v", "copy", "-c:a", "aac", path)
    result = engine.run(task(path))
    assert result["video"] == {
        "Codec": "h264",
        "DurationMillis": pytest.approx(2000, abs=30),
        "Format": "QuickTime / MOV",
        "FrameRate": 6.0,
        "FrameHeight": 180,
        "FrameWidth": 320,
        "ColorRange": "LIMITED",
    }
    (audio,) = result["audio"]
    assert audio | {"DurationMillis": 0} == {
        "Codec": "aac", "DurationMillis": 0, "SampleRate": 48000, "NumberOfChannels": 1
    }  # fmt: skip


def test_a_long_video_is_sampled_less_often_and_keeps_a_bounded_number_of_pictures(tmp_path, task, monkeypatch):
    monkeypatch.setattr(footage, "MOST_SAMPLES", 16)
    video = film(tmp_path / "long.mp4", [texture(number % 7) for number in range(120)], rate=2)
    job = task(video)
    shared = stages.Stages(job)
    seen = shared.footage
    assert 8 <= len(seen.samples) <= 16
    gaps = np.diff([sample.ms for sample in seen.samples])
    assert set(gaps) == {4000}
    assert len(list(seen.folder.glob("*.jpg"))) == len(seen.samples)
    assert seen.times.shape == (120,)


def test_a_gap_in_time_is_no_reason_to_keep_every_picture_after_it(tmp_path, task):
    times = [*range(5), *range(1000, 1025)]
    video = film(tmp_path / "gap.mp4", [texture(number) for number in range(30)], times=times)
    assert [sample.ms for sample in stages.Stages(task(video)).footage.samples] == [0, 40_000, 40_520]


def test_a_picture_that_changes_its_size_is_no_end_of_the_analysis(tmp_path, task):
    parts = [film(tmp_path / f"{side}.mp4", [cv2.resize(texture(side), (side, side))] * 10) for side in (128, 64)]
    raw = [part.with_suffix(".h264") for part in parts]
    for part, stream in zip(parts, raw, strict=True):
        ffmpeg("-i", part, "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", stream)
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(stream.read_bytes() for stream in raw))
    both = tmp_path / "both.mp4"
    ffmpeg("-r", "25", "-f", "h264", "-i", joined, "-c", "copy", "-tag:v", "avc3", both)
    seen = stages.Stages(task(both)).footage
    assert seen.frames == 20
    assert {seen.picture(sample).shape[0] for sample in seen.samples} == {128, 64}


# what is refused


def failure(job):
    with pytest.raises(JobFailed) as failed:
        engine.run(job)
    assert not any(path.is_dir() for path in job.cache.iterdir())  # nothing half done is left behind
    return failed.value


def test_another_codec_is_refused_in_the_words_of_aws(tmp_path, task):
    video = film(tmp_path / "old.mp4", [texture(1)] * 5, codec="mpeg4")
    assert failure(task(video)).message == "Unsupported codec/format. The video codec is mpeg4; H.264 is taken."


def test_h264_of_ten_bits_is_refused(tmp_path, task):
    deep = film(tmp_path / "deep.mp4", [texture(1)] * 5, pix_fmt="yuv420p10le")
    assert "10 bits a sample" in failure(task(deep)).message


def test_another_container_is_refused(clip, tmp_path, task):
    path = tmp_path / "clip.mkv"
    ffmpeg("-i", clip, "-c", "copy", path)
    assert failure(task(path)).message.startswith("Unsupported codec/format. The container is matroska")


def test_a_file_without_pictures_is_refused(tmp_path, task):
    path = tmp_path / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", path)
    assert "no video stream" in failure(task(path)).message


@pytest.mark.parametrize("content", [b"", b"not a video", b"#EXTM3U\nfile:///etc/passwd\n", b"\0\0\0\x18ftypisom"])
def test_what_is_no_video_is_refused(content, task):
    failed = failure(task(content))
    assert failed.code == "UnsupportedMedia"
    assert failed.message.startswith("Unsupported codec/format. ")


def test_an_object_that_is_gone_or_denied_is_named(clip, task):
    gone = task(clip)
    gone.request["key"] = "other.mp4"
    assert failure(gone).code == "InvalidS3ObjectException"
    assert failure(task(clip, denied=frozenset({("media", "clip.mp4")}))).code == "InvalidS3ObjectException"


def test_a_video_of_more_than_six_hours_is_refused_whatever_its_header_says(tmp_path, task):
    video = film(tmp_path / "long.mp4", [BLACK] * 3, rate=1, times=[0, 10, 7 * 3600])
    failed = failure(task(video))
    assert failed.code == "VideoTooLargeException"
    assert "7.0 hours" in failed.message


def test_a_damaged_video_is_analysed_as_far_as_it_can_be_decoded(tmp_path, task):
    path = film(tmp_path / "whole.mp4", [texture(number // 25) for number in range(100)])
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = random.Random(1).randbytes(2000)
    result = engine.run(task(bytes(content)))
    found = json.loads(Path(result["found"]).read_text())["items"]
    assert found[0]["StartFrameNumber"] == 0
    assert found[-1]["EndFrameNumber"] > 50


def test_a_video_cut_off_in_the_middle_is_analysed_as_far_as_it_goes(tmp_path, task):
    whole = film(tmp_path / "whole.mp4", [texture(number) for number in range(60)])
    streaming = tmp_path / "streaming.mp4"
    ffmpeg("-i", whole, "-c", "copy", "-movflags", "faststart", streaming)
    content = streaming.read_bytes()
    job = task(content[: len(content) * 2 // 3])
    engine.run(job)
    assert 20 < stages.Stages(job).footage.frames < 60


def test_tiny_pictures_are_analysed(tmp_path, task):
    tiny = film(tmp_path / "tiny.mp4", [texture(1)[:2, :2].copy()] * 5)
    for analysis in ALL:
        engine.run(task(tiny, analysis))


def test_what_was_read_is_what_a_later_job_reads(clip, task):
    before = json.loads(Path(engine.run(task(clip, "TextDetection"))["found"]).read_text())
    after = json.loads(Path(engine.run(task(clip, "TextDetection"))["found"]).read_text())
    assert before == after
    assert before["samples_ms"] == [0, 500, 1000, 1500]


def test_footage_is_read_back_as_it_was_written(clip, task):
    job = task(clip)
    seen = stages.Stages(job).footage
    assert Footage.read(seen.folder) == seen
    assert seen.picture(seen.samples[0]).shape == (180, 320, 3)
    assert seen.levels[0, 255] == footage.LEVEL_SCALE
