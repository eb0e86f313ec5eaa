"""The plain AWS CLI, which knows nothing of us, has its media worked on by the local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import pytest

CUTS = (0, 30, 55)  # frames, at 25 a second
ROLE = "arn:aws:iam::123456789012:role/media-mediaconvert"


@pytest.fixture
def aws(local_aws):
    """Run ``aws <arguments>`` and return its answer."""
    program = Path(sys.executable).parent / "aws"
    environment = os.environ | {"AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}

    def run(*arguments: str) -> Any:
        command = [sys.executable, str(program), "--endpoint-url", local_aws, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    return run


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Three shots, a tone, portrait by its display matrix alone: stored 320 x 180, shown 180 x 320."""
    folder = tmp_path_factory.mktemp("clip")
    frames = [end - start for start, end in zip(CUTS, (*CUTS[1:], 90), strict=True)]
    shots = ("testsrc=s=320x180:r=25", "mandelbrot=s=320x180:r=25", "rgbtestsrc=s=320x180:r=25")
    inputs = [part for shot in shots for part in ("-f", "lavfi", "-i", shot)]
    trims = "".join(f"[{number}:v]trim=end_frame={count},setsar=1[v{number}];" for number, count in enumerate(frames))
    graph = f"{trims}[v0][v1][v2]concat=n=3,format=yuv420p[v]"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command = [*ffmpeg, *inputs, "-f", "lavfi", "-i", "sine=d=3.6", "-filter_complex", graph, "-map", "[v]"]
    stored, shown = folder / "stored.mp4", folder / "shown.mp4"
    subprocess.run([*command, "-map", "3:a", "-c:v", "libx264", "-c:a", "aac", str(stored)], check=True)
    subprocess.run([*ffmpeg, "-display_rotation", "90", "-i", str(stored), "-c", "copy", str(shown)], check=True)
    return shown


def until(ended, ask, patience_s: float = 120) -> Any:
    """Ask until the answer says that the job ended."""
    deadline = time.monotonic() + patience_s
    while not ended(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.3)
    return answer


def test_mediaconvert_makes_an_upright_rendition(aws, clip, tmp_path):
    aws("s3", "cp", str(clip), "s3://media-ingest/inputs/cli/clip.mp4", "--only-show-errors")
    output = {
        "NameModifier": "_small",
        "ContainerSettings": {"Container": "MP4"},
        "VideoDescription": {
            "Width": 90,
            "CodecSettings": {
                "Codec": "H_264",
                "H264Settings": {
                    "RateControlMode": "QVBR",
                    "MaxBitrate": 600000,
                    "SceneChangeDetect": "TRANSITION_DETECTION",
                },
            },
        },
    }
    group = {
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": "s3://media-delivery/cli/clip"},
        },
        "Outputs": [output],
    }
    source = {"FileInput": "s3://media-ingest/inputs/cli/clip.mp4", "VideoSelector": {"Rotate": "AUTO"}}
    settings = json.dumps({"Inputs": [source], "OutputGroups": [group]})
    job_id = aws("mediaconvert", "create-job", "--role", ROLE, "--settings", settings)["Job"]["Id"]
    job = until(
        lambda job: job["Status"] not in ("SUBMITTED", "PROGRESSING"),
        lambda: aws("mediaconvert", "get-job", "--id", job_id)["Job"],
    )
    assert job["Status"] == "COMPLETE", job.get("ErrorMessage")
    aws("s3", "cp", "s3://media-delivery/cli/clip_small.mp4", str(tmp_path / "small.mp4"), "--only-show-errors")
    with av.open(tmp_path / "small.mp4") as rendition:
        picture = rendition.streams.video[0]
        assert (picture.codec_context.name, picture.width, picture.height) == ("h264", 90, 160)


def test_rekognition_finds_the_cuts(aws, clip):
    aws("s3", "cp", str(clip), "s3://media-ingest/inputs/cli/cuts.mp4", "--only-show-errors")
    video = '{"S3Object": {"Bucket": "media-ingest", "Name": "inputs/cli/cuts.mp4"}}'
    started = aws("rekognition", "start-segment-detection", "--video", video, "--segment-types", "SHOT")
    answer = until(
        lambda answer: answer["JobStatus"] != "IN_PROGRESS",
        lambda: aws("rekognition", "get-segment-detection", "--job-id", started["JobId"]),
    )
    assert answer["JobStatus"] == "SUCCEEDED", answer.get("StatusMessage")
    found = [segment["StartFrameNumber"] for segment in answer["Segments"]]
    assert len(found) == len(CUTS)
    assert all(abs(cut - frame) <= 2 for cut, frame in zip(CUTS, found, strict=True))


def test_transcribe_hears_no_words_in_a_tone(aws, clip):
    aws("s3", "cp", str(clip), "s3://media-ingest/inputs/cli/tone.mp4", "--only-show-errors")
    where = ("--output-bucket-name", "media-processed", "--output-key", "cli/tone.json")
    media = ("--media", "MediaFileUri=s3://media-ingest/inputs/cli/tone.mp4", "--language-code", "en-US")
    aws("transcribe", "start-transcription-job", "--transcription-job-name", "cli-tone", *media, *where)
    job = until(
        lambda job: job["TranscriptionJobStatus"] in ("COMPLETED", "FAILED"),
        lambda: aws("transcribe", "get-transcription-job", "--transcription-job-name", "cli-tone")["TranscriptionJob"],
    )
    assert job["TranscriptionJobStatus"] == "COMPLETED", job.get("FailureReason")
    transcript = aws("s3", "cp", "s3://media-processed/cli/tone.json", "-")
    assert transcript["status"] == "COMPLETED"
    assert transcript["results"]["items"] == []


def test_comprehend_tells_praise_from_complaint(aws):
    texts = ("What a wonderful, generous, delightful day!", "This is horrible, I hate it and I am angry.")
    answer = aws("comprehend", "batch-detect-sentiment", "--language-code", "en", "--text-list", *texts)
    assert [result["Sentiment"] for result in answer["ResultList"]] == ["POSITIVE", "NEGATIVE"]
    assert answer["ErrorList"] == []
