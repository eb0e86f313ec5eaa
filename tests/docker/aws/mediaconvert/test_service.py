"""MediaConvert over the wire: a real server, real workers, S3 and EventBridge beside it."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/MediaConvert"
ENDED = {"COMPLETE", "ERROR", "CANCELED"}
PATIENCE_S = 90


@pytest.fixture(scope="module")
def mediaconvert(aws):
    return aws.client("mediaconvert")


@pytest.fixture(scope="module")
def bucket(s3, media):
    """A bucket with the clips in it."""
    name = f"films-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    for clip in ("clip", "silent"):
        s3.upload_file(str(media[clip]), name, f"in/{clip}.mp4")
    return name


@pytest.fixture
def job_settings(settings, mp4, bucket):
    """Settings of a small job on the clips in the bucket."""

    def make(*outputs, clip="clip", folder=None, **input_):
        destination = f"s3://{bucket}/{folder or uuid.uuid4().hex[:8]}/"
        group = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": destination}}
        given = outputs or (mp4(Width=64, Height=36),)
        return settings(*given, group=group, FileInput=f"s3://{bucket}/in/{clip}.mp4", **input_)

    return make


@pytest.fixture
def ended(mediaconvert):
    """``ended(job_id)``: the job, once it has ended."""

    def wait(job_id):
        deadline = time.monotonic() + PATIENCE_S
        while (job := mediaconvert.get_job(Id=job_id)["Job"])["Status"] not in ENDED:
            assert time.monotonic() < deadline, f"{job_id} is still {job['Status']}"
            time.sleep(0.1)
        return job

    return wait


@pytest.fixture
def paused(mediaconvert):
    """A queue of the test's own that starts nothing."""
    name = f"paused-{uuid.uuid4().hex[:8]}"
    return mediaconvert.create_queue(Name=name, Status="PAUSED", Description="for a test")["Queue"]


@pytest.fixture
def events(aws):
    """The details of the events of a job, until one of ``status`` comes."""
    sqs, rules = aws.client("sqs"), aws.client("events")
    name = f"told-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.mediaconvert"]}))
    rules.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def until(job_id, status):
        found, deadline = [], time.monotonic() + PATIENCE_S
        while not found or found[-1]["detail"]["status"] != status:
            assert time.monotonic() < deadline, f"only {[event['detail']['status'] for event in found]}"
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
                event = json.loads(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if event["detail"]["jobId"] == job_id:
                    found.append(event)
        return found

    yield until
    rules.remove_targets(Rule=name, Ids=["queue"])
    rules.delete_rule(Name=name)


def refusal(call, **params):
    with pytest.raises(ClientError) as refused:
        call(**params)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_job_runs_and_tells_of_itself(mediaconvert, job_settings, ended, events, s3, bucket):
    made = mediaconvert.create_job(
        Role=ROLE, Settings=job_settings(folder="told"), UserMetadata={"guid": "12345"}, Tags={"run": "7"}
    )
    job_id, arn = made["Job"]["Id"], made["Job"]["Arn"]
    assert (made["ResponseMetadata"]["HTTPStatusCode"], made["Job"]["Status"]) == (201, "SUBMITTED")
    told = events(job_id, "COMPLETE")
    assert [event["detail"]["status"] for event in told] == ["PROGRESSING", "INPUT_INFORMATION", "COMPLETE"]
    for event in told:
        assert event["detail-type"] == "MediaConvert Job State Change"
        assert event["resources"] == [arn]
        assert event["detail"]["userMetadata"] == {"guid": "12345"}
        assert event["detail"]["queue"].endswith(":queues/Default")
        assert event["detail"]["accountId"] == event["account"] == "123456789012"
    assert told[1]["detail"]["inputDetails"][0]["video"][0]["width"] == 320
    assert told[2]["detail"]["outputGroupDetails"] == [
        {
            "outputDetails": [
                {
                    "outputFilePaths": [f"s3://{bucket}/told/clip_a.mp4"],
                    "durationInMs": 2000,
                    "videoDetails": {"widthInPx": 64, "heightInPx": 36},
                }
            ],
            "type": "FILE_GROUP",
        }
    ]
    job = ended(job_id)
    assert (job["JobPercentComplete"], job["UserMetadata"]) == (100, {"guid": "12345"})
    assert job["OutputGroupDetails"] == [
        {"OutputDetails": [{"DurationInMs": 2000, "VideoDetails": {"WidthInPx": 64, "HeightInPx": 36}}]}
    ]
    assert job["Timing"]["SubmitTime"] <= job["Timing"]["StartTime"] <= job["Timing"]["FinishTime"]
    assert s3.head_object(Bucket=bucket, Key="told/clip_a.mp4")["ContentType"] == "video/mp4"
    assert mediaconvert.list_tags_for_resource(Arn=arn)["ResourceTags"] == {"Arn": arn, "Tags": {"run": "7"}}


def test_a_job_that_fails_names_code_and_message(mediaconvert, job_settings, ended, events):
    job_id = mediaconvert.create_job(Role=ROLE, Settings=job_settings(clip="gone"))["Job"]["Id"]
    event = events(job_id, "ERROR")[-1]
    job = ended(job_id)
    assert (job["Status"], job["ErrorCode"]) == ("ERROR", 1404)
    assert "HeadObject failed" in job["ErrorMessage"]
    assert (event["detail"]["errorCode"], event["detail"]["errorMessage"]) == (1404, job["ErrorMessage"])


def test_the_same_token_gives_the_same_job(mediaconvert, job_settings, paused):
    given = {"Role": ROLE, "Settings": job_settings(), "Queue": paused["Arn"], "ClientRequestToken": uuid.uuid4().hex}
    first = mediaconvert.create_job(**given)["Job"]["Id"]
    assert mediaconvert.create_job(**given)["Job"]["Id"] == first
    assert refusal(mediaconvert.create_job, **given | {"Priority": 5})[0] == "ConflictException"
    assert mediaconvert.get_queue(Name=paused["Name"])["Queue"]["SubmittedJobsCount"] == 1


def test_a_paused_queue_holds_its_jobs_until_it_is_active(mediaconvert, job_settings, paused, ended):
    submitted = [
        mediaconvert.create_job(Role=ROLE, Settings=job_settings(), Queue=paused["Name"], Priority=priority)["Job"][
            "Id"
        ]
        for priority in (0, 50)
    ]
    time.sleep(0.5)
    assert mediaconvert.get_queue(Name=paused["Name"])["Queue"]["SubmittedJobsCount"] == 2
    assert refusal(mediaconvert.delete_queue, Name=paused["Name"])[0] == "ConflictException"
    mediaconvert.update_queue(Name=paused["Name"], Status="ACTIVE", ConcurrentJobs=1)
    jobs = [ended(job_id) for job_id in submitted]
    assert [job["Status"] for job in jobs] == ["COMPLETE", "COMPLETE"]
    assert jobs[1]["Timing"]["FinishTime"] <= jobs[0]["Timing"]["FinishTime"]
    mediaconvert.delete_queue(Name=paused["Name"])
    assert refusal(mediaconvert.get_queue, Name=paused["Name"])[0] == "NotFoundException"


def test_a_waiting_job_and_a_running_job_can_be_canceled(mediaconvert, job_settings, paused, mp4, events):
    waiting = mediaconvert.create_job(Role=ROLE, Settings=job_settings(), Queue=paused["Name"])["Job"]["Id"]
    mediaconvert.cancel_job(Id=waiting)
    assert mediaconvert.get_job(Id=waiting)["Job"]["Status"] == "CANCELED"
    assert [event["detail"]["status"] for event in events(waiting, "CANCELED")] == ["CANCELED"]
    slow = mp4(h264={"Bitrate": 20_000_000, "QualityTuningLevel": "MULTI_PASS_HQ"}, Width=3840, Height=2160)
    running = mediaconvert.create_job(Role=ROLE, Settings=job_settings(slow))["Job"]["Id"]
    events(running, "PROGRESSING")
    mediaconvert.cancel_job(Id=running)
    assert mediaconvert.get_job(Id=running)["Job"]["Status"] == "CANCELED"
    events(running, "CANCELED")


def test_a_job_that_has_ended_cannot_be_canceled(mediaconvert, job_settings, ended):
    job_id = mediaconvert.create_job(Role=ROLE, Settings=job_settings(clip="gone"))["Job"]["Id"]
    ended(job_id)
    assert refusal(mediaconvert.cancel_job, Id=job_id)[0] == "ConflictException"
    assert refusal(mediaconvert.cancel_job, Id="1-none")[0] == "NotFoundException"


def test_jobs_are_listed_page_by_page(mediaconvert, job_settings, paused):
    made = [
        mediaconvert.create_job(Role=ROLE, Settings=job_settings(), Queue=paused["Name"])["Job"]["Id"] for _ in range(3)
    ]
    question = {"Queue": paused["Name"], "Status": "SUBMITTED", "MaxResults": 2}
    first = mediaconvert.list_jobs(**question)
    assert [job["Id"] for job in first["Jobs"]] == made[:0:-1]
    second = mediaconvert.list_jobs(**question, NextToken=first["NextToken"])
    assert [job["Id"] for job in second["Jobs"]] == made[:1]
    assert "NextToken" not in second
    rising = mediaconvert.list_jobs(Queue=paused["Arn"], Order="ASCENDING")["Jobs"]
    assert [job["Id"] for job in rising] == made
    assert mediaconvert.list_jobs(Queue=paused["Name"], Status="COMPLETE")["Jobs"] == []
    wrong = {"Queue": paused["Name"], "NextToken": first["NextToken"]}
    assert refusal(mediaconvert.list_jobs, **wrong)[0] == "BadRequestException"
    assert refusal(mediaconvert.list_jobs, NextToken="nonsense")[0] == "BadRequestException"


def test_a_job_goes_over_its_template_and_an_output_over_its_preset(mediaconvert, job_settings, ended, mp4, bucket, s3):
    tail = uuid.uuid4().hex[:8]
    small, plain = mp4("_small", Width=64), mp4("_plain")
    preset = {name: value for name, value in plain.items() if name != "NameModifier"}
    mediaconvert.create_preset(Name=f"plain-{tail}", Settings=preset)
    settings = job_settings(small, {"Preset": f"plain-{tail}", "NameModifier": "_b", "VideoDescription": {"Width": 96}})
    inputs = settings.pop("Inputs")
    mediaconvert.create_job_template(Name=f"two-{tail}", Settings=settings, Priority=9)
    own = {"Inputs": inputs, "OutputGroups": [
        {
            "OutputGroupSettings": {"FileGroupSettings": {"Destination": f"s3://{bucket}/over-{tail}/film"}},
            "Outputs": [{"VideoDescription": {"Height": 64}}],
        }
    ]}  # fmt: skip
    job = mediaconvert.create_job(Role=ROLE, JobTemplate=f"two-{tail}", Settings=own)["Job"]
    assert (job["Priority"], job["JobTemplate"]) == (9, f"two-{tail}")
    sizes = [output["VideoDetails"] for output in ended(job["Id"])["OutputGroupDetails"][0]["OutputDetails"]]
    assert sizes == [{"WidthInPx": 64, "HeightInPx": 64}, {"WidthInPx": 96, "HeightInPx": 54}]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"over-{tail}/")["Contents"]
    assert [found["Key"] for found in listed] == [f"over-{tail}/film_b.mp4", f"over-{tail}/film_small.mp4"]


def test_templates_and_presets_are_kept_changed_and_listed(mediaconvert, job_settings, mp4):
    tail = uuid.uuid4().hex[:8]
    for name in (f"b-{tail}", f"a-{tail}"):
        settings = {key: value for key, value in job_settings().items() if key != "Inputs"}
        made = mediaconvert.create_job_template(Name=name, Settings=settings, Category=tail)["JobTemplate"]
        assert (made["Type"], made["Arn"].endswith(f":jobTemplates/{name}")) == ("CUSTOM", True)
    listed = mediaconvert.list_job_templates(Category=tail)["JobTemplates"]
    assert [template["Name"] for template in listed] == [f"a-{tail}", f"b-{tail}"]
    assert mediaconvert.list_job_templates(Category=tail, MaxResults=1)["JobTemplates"] == listed[:1]
    assert refusal(mediaconvert.create_job_template, Name=f"a-{tail}", Settings=settings)[0] == "ConflictException"
    changed = mediaconvert.update_job_template(Name=f"a-{tail}", Description="for film")["JobTemplate"]
    assert (changed["Description"], changed["Category"]) == ("for film", tail)
    mediaconvert.delete_job_template(Name=f"a-{tail}")
    assert refusal(mediaconvert.get_job_template, Name=f"a-{tail}")[0] == "NotFoundException"

    preset = {name: value for name, value in mp4().items() if name != "NameModifier"}
    mediaconvert.create_preset(Name=tail, Settings=preset, Tags={"team": "film"})
    assert mediaconvert.get_preset(Name=tail)["Preset"]["Settings"] == preset
    mediaconvert.update_preset(Name=tail, Category=tail)
    assert [found["Name"] for found in mediaconvert.list_presets(Category=tail)["Presets"]] == [tail]
    arn = mediaconvert.get_preset(Name=tail)["Preset"]["Arn"]
    mediaconvert.tag_resource(Arn=arn, Tags={"cost": "low"})
    mediaconvert.untag_resource(Arn=arn, TagKeys=["team"])
    assert mediaconvert.list_tags_for_resource(Arn=arn)["ResourceTags"]["Tags"] == {"cost": "low"}
    mediaconvert.delete_preset(Name=tail)
    assert refusal(mediaconvert.list_tags_for_resource, Arn=arn)[0] == "NotFoundException"


def test_the_default_queue_is_there_and_stays(mediaconvert):
    queue = mediaconvert.get_queue(Name="Default")["Queue"]
    assert (queue["Type"], queue["PricingPlan"], queue["Status"]) == ("SYSTEM", "ON_DEMAND", "ACTIVE")
    assert queue["Name"] in [found["Name"] for found in mediaconvert.list_queues()["Queues"]]
    assert refusal(mediaconvert.delete_queue, Name="Default")[0] == "BadRequestException"
    assert refusal(mediaconvert.create_queue, Name="reserved", PricingPlan="RESERVED")[0] == "BadRequestException"


def test_the_endpoint_is_where_the_request_came(mediaconvert, aws):
    assert mediaconvert.describe_endpoints()["Endpoints"] == [{"Url": aws.url}]


def test_refusals_say_what_and_where(mediaconvert, job_settings, mp4):
    code, message, status = refusal(mediaconvert.create_job, Role=ROLE, Settings={})
    assert (code, status) == ("BadRequestException", 400)
    assert message == "/inputs: Should have at least 1 item | /outputGroups: Should have at least 1 item"
    code, message, _ = refusal(mediaconvert.create_job, Role="me", Settings=job_settings())
    assert (code, "/role: Should be the ARN of an IAM role" in message) == ("BadRequestException", True)
    token = {"ClientRequestToken": "x" * 65}
    assert refusal(mediaconvert.create_job, Role=ROLE, Settings=job_settings(), **token)[0] == "BadRequestException"
    wide = job_settings(mp4(Width=10_000))
    code, message, _ = refusal(mediaconvert.create_job, Role=ROLE, Settings=wide)
    assert (code, "8192" in message) == ("BadRequestException", True)
    preset = job_settings({"Preset": "none", "NameModifier": "_x"})
    code, message, _ = refusal(mediaconvert.create_job, Role=ROLE, Settings=preset)
    assert (code, "preset none does not exist" in message) == ("BadRequestException", True)
    assert refusal(mediaconvert.create_job, Role=ROLE, Settings=job_settings(), Queue="none")[0] == "NotFoundException"
    assert refusal(mediaconvert.create_job, Role=ROLE, Settings=job_settings(), JobTemplate="none")[0] == (
        "NotFoundException"
    )
