"""Transcription jobs on the local AWS: real recordings, the real wire, the real ledger."""

from __future__ import annotations

import io
import json
import random
import uuid
import wave

import boto3
import pytest

from aws_media.errors import PaidJobFailedForGood, PaidJobRefusedForGood
from aws_media.hooks.paid_job import Completion
from aws_media.hooks.transcribe import TranscribeHook
from aws_media.operators.transcribe import TranscribeStartTranscriptionJobOperator
from include.settings import SETTINGS
from tests.plugins.aws_media.letterbox import Letterbox

OPERATION = "transcription_job"


@pytest.fixture(scope="module")
def s3(local_aws):
    return boto3.client("s3", endpoint_url=local_aws)


@pytest.fixture(scope="module")
def hook(local_aws):
    return TranscribeHook()


@pytest.fixture
def stored(s3):
    """Stores a file that no other test uses and returns its key."""

    def stored(name: str, body: bytes) -> str:
        key = f"tests/{uuid.uuid4().hex}/{name}"
        s3.put_object(Bucket=SETTINGS.raw_bucket, Key=key, Body=body)
        return key

    return stored


@pytest.fixture
def silence(stored) -> str:
    """Key of a second of silence."""
    return stored("silence & more.wav", wav(bytes(32_000)))


def transcribe(key: str, **parameters) -> TranscribeStartTranscriptionJobOperator:
    arguments = {"language_code": "en-US", "waiter_delay": 1, "waiter_max_attempts": 120} | parameters
    return TranscribeStartTranscriptionJobOperator(
        task_id="transcribe", bucket=SETTINGS.raw_bucket, key=key, **arguments
    )


def test_silence_is_transcribed_once_and_kept(silence, s3, a_task, hook):
    operator = transcribe(silence, subtitle_formats=["vtt", "srt"])
    key = operator.execute(a_task())
    assert key == f"{silence}.transcript.json"
    kept = json.load(s3.get_object(Bucket=SETTINGS.processed_bucket, Key=key)["Body"])
    assert (kept["text"], kept["language"], kept["records"]) == ("", "en-US", [])
    assert transcribe(silence, subtitle_formats=["srt", "vtt"]).execute(a_task("again", run_id="another")) == key
    job = hook.describe(OPERATION, kept["job_id"]).answer
    assert {tag["Key"]: tag["Value"] for tag in job["Tags"]}["task_id"] == "detect"
    assert len(job["Subtitles"]["SubtitleFileUris"]) == 2


def test_what_the_ledger_keeps_lies_in_the_bucket(silence, s3, a_task, entry_of):
    operator, task = transcribe(silence, subtitle_formats=["vtt"]), a_task()
    operator.execute(task)
    result = entry_of(operator, task).result
    for key in (result["raw_key"], *result["subtitle_keys"]):
        s3.head_object(Bucket=result["raw_bucket"], Key=key)


def test_a_start_that_is_repeated_is_one_job(silence, hook):
    token = uuid.uuid4().hex * 2
    request = {
        "Media": {"MediaFileUri": f"s3://{SETTINGS.raw_bucket}/{silence}"},
        "LanguageCode": "en-US",
        "OutputBucketName": SETTINGS.processed_bucket,
        "OutputKey": f"tests/{token}.json",
    }
    assert hook.find(OPERATION, token=token, tags={}) is None
    for _ in range(2):
        assert hook.start(OPERATION, request, token=token, tags={"dag_id": "d"}) == token
    assert hook.find(OPERATION, token=token, tags={}) == token
    listed = hook.conn.list_transcription_jobs(JobNameContains=token)["TranscriptionJobSummaries"]
    assert len(listed) == 1


def test_an_event_tells_of_the_end_in_words_that_the_hook_understands(silence, hook, local_aws):
    token = uuid.uuid4().hex * 2
    letterbox = Letterbox(local_aws)
    ended = {"TranscriptionJobName": [token], "TranscriptionJobStatus": ["COMPLETED", "FAILED"]}
    letterbox.take_events({"source": ["aws.transcribe"], "detail": ended})
    request = {"Media": {"MediaFileUri": f"s3://{SETTINGS.raw_bucket}/{silence}"}, "LanguageCode": "en-US"}
    hook.start(OPERATION, request, token=token, tags={"dag_id": "d"})
    event = letterbox.next_body()
    assert TranscribeHook.completion_from_message(event) == Completion(job_id=token, state="complete")


def test_a_running_job_is_stopped_and_gone(stored, hook):
    token = uuid.uuid4().hex * 2
    noise = stored("noise.wav", wav(random.Random(1).randbytes(60 * 32_000)))
    request = {"Media": {"MediaFileUri": f"s3://{SETTINGS.raw_bucket}/{noise}"}, "LanguageCode": "en-US"}
    hook.start(OPERATION, request, token=token, tags={"dag_id": "d"})
    assert hook.cancel(OPERATION, token) is True
    assert hook.find(OPERATION, token=token, tags={}) is None
    assert hook.cancel(OPERATION, token) is False


def test_a_picture_without_sound_is_refused_before_it_is_paid_for(stored, a_task):
    key = stored("mute.mp4", mute_film())
    with pytest.raises(PaidJobRefusedForGood, match=r"no job was started.*NoAudio.*skip this file"):
        transcribe(key).execute(a_task())


def test_the_service_itself_says_that_there_is_no_sound(stored, a_task):
    key = stored("mute.mp4", mute_film())
    with pytest.raises(PaidJobFailedForGood, match=r"mute.mp4 \(job [0-9a-f]{64}\): NoAudio: .*skip this file"):
        transcribe(key, duration_s=2).execute(a_task())


def test_a_damaged_file_fails_with_what_to_do(stored, a_task):
    key = stored("damaged.mp3", b"ID3" + bytes(5000))
    with pytest.raises(PaidJobFailedForGood, match=r"damaged.mp3 \(job [0-9a-f]{64}\): \w+: \w.+\."):
        transcribe(key).execute(a_task())


def wav(samples: bytes) -> bytes:
    """Wrap 16-bit samples, 16,000 a second."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples)
    return sound.getvalue()


def mute_film() -> bytes:
    """Two seconds of grey in H.264."""
    import av
    import numpy as np

    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return film.getvalue()
