"""Transcribe over the wire: a real server, real workers, the real recogniser."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.docker.aws.transcribe.conftest import hum, silence, wav

DONE = ("COMPLETED", "FAILED")


@pytest.fixture(scope="module")
def transcribe(aws):
    return aws.client("transcribe")


@pytest.fixture
def finished(transcribe):
    """``finished(name)``: the job, once it has ended."""

    def wait(name, patience_s=90):
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            job = transcribe.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
            if job["TranscriptionJobStatus"] in DONE:
                return job
            time.sleep(0.1)
        raise AssertionError(f"{name} runs still: {job}")

    return wait


@pytest.fixture
def start(transcribe, s3, bucket):
    def call(sound, **params):
        name = f"talk-{uuid.uuid4().hex[:8]}"
        s3.put_object(Bucket=bucket, Key="in/a talk.wav", Body=sound)
        given = {"LanguageCode": "en-US", "Media": {"MediaFileUri": f"s3://{bucket}/in/a talk.wav"}} | params
        asked = {member: value for member, value in given.items() if value is not None}
        return transcribe.start_transcription_job(TranscriptionJobName=name, **asked)["TranscriptionJob"]

    return call


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def test_a_transcript_lands_in_the_users_bucket(start, finished, s3, bucket, aws):
    started = start(
        wav(silence(1.0)), OutputBucketName=bucket, OutputKey="texts/", Subtitles={"Formats": ["vtt", "srt"]}
    )
    job = finished(started["TranscriptionJobName"])
    name = job["TranscriptionJobName"]
    assert started["TranscriptionJobStatus"] == "IN_PROGRESS"
    assert job["TranscriptionJobStatus"] == "COMPLETED"
    assert (job["MediaFormat"], job["MediaSampleRateHertz"], job["LanguageCode"]) == ("wav", 16_000, "en-US")
    assert job["Transcript"]["TranscriptFileUri"] == f"{aws.url}/{bucket}/texts/{name}.json"
    assert job["Subtitles"] == {
        "Formats": ["vtt", "srt"],
        "SubtitleFileUris": [f"{aws.url}/{bucket}/texts/{name}.{form}" for form in ("vtt", "srt")],
        "OutputStartIndex": 0,
    }
    document = json.loads(s3.get_object(Bucket=bucket, Key=f"texts/{name}.json")["Body"].read())
    assert document == {
        "jobName": name,
        "accountId": "123456789012",
        "status": "COMPLETED",
        "results": {
            "transcripts": [{"transcript": ""}],
            "speaker_labels": None,
            "items": [],
            "audio_segments": [],
        },
    }
    assert s3.get_object(Bucket=bucket, Key=f"texts/{name}.vtt")["Body"].read() == b"WEBVTT\n"


def test_a_transcript_without_a_bucket_is_reached_by_a_signed_url_alone(start, finished, transcribe, s3):
    name = start(wav(silence(1.0)))["TranscriptionJobName"]
    job = finished(name)
    url = job["Transcript"]["TranscriptFileUri"]
    assert json.loads(fetch(url))["jobName"] == name
    assert "X-Amz-Expires=900" in url
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(url.split("?")[0])
    assert refused.value.code == 403
    service_bucket, key = url.split("?")[0].split("/", 4)[3:]
    for call in (
        lambda: s3.list_objects_v2(Bucket=service_bucket),
        lambda: s3.get_object(Bucket=service_bucket, Key=key),
        lambda: s3.put_object(Bucket=service_bucket, Key=key, Body=b"forged"),
        lambda: s3.create_bucket(Bucket=service_bucket),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    assert service_bucket not in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    transcribe.delete_transcription_job(TranscriptionJobName=name)
    with pytest.raises(urllib.error.HTTPError) as gone:
        fetch(url)
    assert gone.value.code == 404


def test_a_failed_job_says_why_in_words_of_aws(start, finished):
    job = finished(start(b"not a sound at all")["TranscriptionJobName"])
    assert job["TranscriptionJobStatus"] == "FAILED"
    assert job["FailureReason"].startswith("Unsupported media format.")
    assert "Transcript" not in job


def test_a_language_that_the_model_lacks_fails_honestly(start, finished):
    job = finished(start(wav(silence(1.0)), LanguageCode="fr-FR")["TranscriptionJobName"])
    assert "its speech model pocketsphinx knows en-US only" in job["FailureReason"]


def test_a_model_of_one_language_does_not_pretend_to_identify_it(start, finished):
    started = start(wav(silence(1.0)), LanguageCode=None, IdentifyLanguage=True)
    job = finished(started["TranscriptionJobName"])
    assert job["IdentifyLanguage"] is True
    assert "cannot identify languages" in job["FailureReason"]


def test_a_deleted_job_stops_and_writes_nothing(start, transcribe, s3, bucket):
    job = start(wav(hum(120.0)), OutputBucketName=bucket)
    name = job["TranscriptionJobName"]
    transcribe.delete_transcription_job(TranscriptionJobName=name)
    with pytest.raises(ClientError, match=r"BadRequestException.*couldn't be found"):
        transcribe.get_transcription_job(TranscriptionJobName=name)
    time.sleep(0.5)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["in/a talk.wav"]


def test_the_end_of_a_job_goes_to_eventbridge_in_the_recorded_shape(start, finished, aws):
    events, sqs = aws.client("events"), aws.client("sqs")
    queue = sqs.create_queue(QueueName=f"ends-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.transcribe"], "detail-type": ["Transcribe Job State Change"]}
    rule = f"ends-{uuid.uuid4().hex[:8]}"
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    good = finished(start(wav(silence(1.0)))["TranscriptionJobName"])["TranscriptionJobName"]
    bad = finished(start(b"no sound")["TranscriptionJobName"])["TranscriptionJobName"]
    received = {}
    deadline = time.monotonic() + 20
    while not {good, bad} <= set(received) and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", ()):
            event = json.loads(message["Body"])
            received[event["detail"]["TranscriptionJobName"]] = event
    events.remove_targets(Rule=rule, Ids=["queue"])
    events.delete_rule(Name=rule)
    assert received[good]["detail"] == {"TranscriptionJobName": good, "TranscriptionJobStatus": "COMPLETED"}
    assert (received[good]["account"], received[good]["region"]) == ("123456789012", "us-east-1")
    assert received[bad]["detail"]["TranscriptionJobStatus"] == "FAILED"
    assert received[bad]["detail"]["FailureReason"].startswith("Unsupported media format.")


def test_lists_and_tags_over_the_wire(start, finished, transcribe):
    name = finished(start(wav(silence(1.0)), Tags=[{"Key": "run", "Value": "1"}])["TranscriptionJobName"])[
        "TranscriptionJobName"
    ]
    page = transcribe.list_transcription_jobs(Status="COMPLETED", JobNameContains=name, MaxResults=1)
    assert page["Status"] == "COMPLETED"
    assert [entry["OutputLocationType"] for entry in page["TranscriptionJobSummaries"]] == ["SERVICE_BUCKET"]
    arn = f"arn:aws:transcribe:us-east-1:123456789012:transcription-job/{name}"
    transcribe.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "news"}])
    transcribe.untag_resource(ResourceArn=arn, TagKeys=["run"])
    assert transcribe.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "news"}]
    with pytest.raises(transcribe.exceptions.NotFoundException):
        transcribe.list_tags_for_resource(ResourceArn=f"{arn}-gone")


def test_vocabularies_over_the_wire(transcribe, s3, bucket):
    name = f"words-{uuid.uuid4().hex[:8]}"
    s3.put_object(Bucket=bucket, Key="words.txt", Body=b"Phrase\tDisplayAs\nLos-Angeles\tLos Angeles\n")
    uri = f"s3://{bucket}/words.txt"
    made = transcribe.create_vocabulary(VocabularyName=name, LanguageCode="en-US", VocabularyFileUri=uri)
    assert made["VocabularyState"] == "PENDING"
    known = transcribe.get_vocabulary(VocabularyName=name)
    assert known["VocabularyState"] == "READY"
    assert fetch(known["DownloadUri"]) == b"Los-Angeles"
    assert transcribe.list_vocabularies(NameContains=name)["Vocabularies"][0]["VocabularyName"] == name
    transcribe.update_vocabulary(VocabularyName=name, LanguageCode="en-US", Phrases=["F.B.I."])
    assert fetch(transcribe.get_vocabulary(VocabularyName=name)["DownloadUri"]) == b"F.B.I."
    transcribe.delete_vocabulary(VocabularyName=name)
    with pytest.raises(transcribe.exceptions.BadRequestException, match="couldn't be found"):
        transcribe.get_vocabulary(VocabularyName=name)


def test_what_is_not_offered_is_not_implemented(transcribe):
    with pytest.raises(ClientError) as error:
        transcribe.list_call_analytics_jobs()
    assert error.value.response["Error"]["Code"] == "NotImplemented"
