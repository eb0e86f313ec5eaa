"""What the operators ask MediaConvert for, and what they make of it."""

from __future__ import annotations

import uuid

import boto3
import pytest
from botocore.stub import Stubber

from aws_media.errors import PaidJobRefused, PaidJobRefusedForGood
from aws_media.hooks.paid_job import JobStatus
from aws_media.operators.mediaconvert import (
    MediaConvertCreateJobOperator,
    MediaConvertCreateJobTemplateOperator,
    MediaConvertCreateQueueOperator,
    MediaConvertDeleteJobTemplateOperator,
    MediaConvertDeleteQueueOperator,
)

ROLE = "arn:aws:iam::123456789012:role/media-mediaconvert"


def settings_for(key: str = "video/talk.mp4", destination: str = "s3://media-processed/web/") -> dict:
    return {
        "Inputs": [{"FileInput": f"s3://media-raw/{key}"}],
        "OutputGroups": [
            {
                "OutputGroupSettings": {
                    "Type": "FILE_GROUP_SETTINGS",
                    "FileGroupSettings": {"Destination": destination},
                },
                "Outputs": [
                    {
                        "NameModifier": "_360p",
                        "ContainerSettings": {"Container": "MP4"},
                        "VideoDescription": {
                            "Height": 360,
                            "CodecSettings": {
                                "Codec": "H_264",
                                "H264Settings": {"RateControlMode": "QVBR", "MaxBitrate": 1000000},
                            },
                        },
                    }
                ],
            }
        ],
    }


@pytest.fixture
def create_job():
    def create_job(**parameters) -> MediaConvertCreateJobOperator:
        return MediaConvertCreateJobOperator(
            task_id="transcode", **{"settings": settings_for(), "role_arn": ROLE} | parameters
        )

    return create_job


@pytest.fixture
def answers():
    """What MediaConvert answers to an operator, in order."""
    stubbers = []

    def answers(operator) -> Stubber:
        operator.hook.conn = boto3.client("mediaconvert", region_name="us-east-1")
        stubbers.append(Stubber(operator.hook.conn))
        stubbers[-1].activate()
        return stubbers[-1]

    yield answers
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


@pytest.fixture
def s3(local_aws):
    return boto3.client("s3", endpoint_url=local_aws)


@pytest.fixture
def stored(s3):
    """Puts an object that no other test uses into the lake and returns its URL."""

    def stored(body: bytes = b"x", bucket: str = "media-raw", name: str = "a.srt") -> str:
        key = f"tests/{uuid.uuid4().hex}/{name}"
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    return stored


def test_what_decides_the_result_is_asked_for_apart_from_who_asks(create_job):
    operator = create_job(
        queue_arn="night", priority=-10, user_metadata={"guid": "1"}, tags={"team": "news"},
        create_job_kwargs={"AccelerationSettings": {"Mode": "PREFERRED"}},
    )  # fmt: skip
    assert operator.start_request() == {
        "Settings": settings_for(),
        "AccelerationSettings": {"Mode": "PREFERRED"},
    }
    assert operator.start_options() == {
        "Role": ROLE,
        "Queue": "night",
        "Priority": -10,
        "UserMetadata": {"guid": "1"},
        "Tags": {"team": "news"},
    }


def test_what_is_not_given_is_not_sent(create_job):
    assert create_job().start_options() == {"Role": ROLE}


def test_the_source_is_the_first_input(create_job):
    assert str(create_job().source()) == "s3://media-raw/video/talk.mp4"


@pytest.mark.parametrize("inputs", [[], [{}], [{"FileInput": "https://example.org/a.mp4"}]])
def test_a_job_without_an_input_in_s3_is_refused_for_good(create_job, inputs):
    with pytest.raises(PaidJobRefusedForGood, match="FileInput"):
        create_job(settings={**settings_for(), "Inputs": inputs}).source()


def test_other_captions_under_the_same_name_are_another_request(create_job, stored, s3):
    captions = stored(b"1")
    settings = settings_for()
    source = {"SourceSettings": {"FileSourceSettings": {"SourceFile": captions}}}
    settings["Inputs"][0]["CaptionSelectors"] = {"Captions Selector 1": source}
    before = create_job(settings=settings).start_request()
    assert create_job(settings=settings).start_request() == before
    s3.put_object(Bucket="media-raw", Key=captions.removeprefix("s3://media-raw/"), Body=b"2")
    assert create_job(settings=settings).start_request() != before


def test_a_changed_template_is_another_request(create_job, answers):
    inputs = {"Inputs": settings_for()["Inputs"]}
    requests = []
    for height in (360, 720, 360):
        operator = create_job(settings=inputs, job_template="web")
        output = {"VideoDescription": {"Height": height}}
        template = {"Name": "web", "Settings": {"OutputGroups": [{"Outputs": [output]}]}}
        answers(operator).add_response("get_job_template", {"JobTemplate": template}, {"Name": "web"})
        requests.append(operator.start_request())
    assert requests[0] == requests[2] != requests[1]
    assert requests[0]["JobTemplate"] == "web"
    assert requests[0]["Settings"] == inputs


def test_the_paths_that_a_finished_job_wrote_are_kept(create_job, stored):
    there = stored(bucket="media-processed", name="talk_360p.mp4")
    settings = settings_for(destination=there.removesuffix("talk_360p.mp4"))
    (group,) = settings["OutputGroups"]
    group["Outputs"].append({**group["Outputs"][0], "NameModifier": "_not_there"})
    kept = create_job().keep_result(JobStatus(job_id="1", state="complete", answer={"Settings": settings}))
    assert [output["path"] for output in kept["outputs"]] == [there]
    assert create_job().returned("1", kept) == "1"


def test_a_result_stands_as_long_as_every_output_is_there(create_job, stored, s3):
    first, second = (stored(bucket="media-processed", name=name) for name in ("a.mp4", "a_20251120T101500.m3u8"))
    outputs = [{"path": path, "size_bytes": None} for path in (first, second.replace("20251120T101500", "$dt$"))]
    assert create_job().result_stands({"outputs": outputs})
    s3.delete_object(Bucket="media-processed", Key=first.removeprefix("s3://media-processed/"))
    assert not create_job().result_stands({"outputs": outputs})


def test_a_longer_name_is_not_taken_for_the_output(create_job, stored):
    longer = stored(bucket="media-processed", name="a.mp4.bak")
    assert not create_job().result_stands({"outputs": [{"path": longer.removesuffix(".bak"), "size_bytes": None}]})


def test_an_output_that_another_job_wrote_over_is_no_result_of_this_one(create_job, stored, s3):
    path = stored(bucket="media-processed", name="talk_360p.mp4")
    settings = settings_for(destination=path.removesuffix("talk_360p.mp4"))
    kept = create_job().keep_result(JobStatus(job_id="1", state="complete", answer={"Settings": settings}))
    assert create_job().result_stands(kept)
    s3.put_object(Bucket="media-processed", Key=path.split("/", 3)[3], Body=b"of another job")
    assert not create_job().result_stands(kept)


@pytest.mark.parametrize(("code", "kind"), [
    ("NotFoundException", PaidJobRefusedForGood), ("TooManyRequestsException", PaidJobRefused),
])  # fmt: skip
def test_a_template_that_cannot_be_read_is_named(create_job, answers, code, kind):
    operator = create_job(settings={"Inputs": settings_for()["Inputs"]}, job_template="web")
    answers(operator).add_client_error("get_job_template", code, "as the service says it")
    with pytest.raises(PaidJobRefused, match=rf"{code}: job template web.*: as the service says it") as refusal:
        operator.source()
    assert type(refusal.value) is kind


def test_captions_that_cannot_be_told_of_now_do_not_make_another_request(create_job):
    settings = settings_for()
    source = {"SourceSettings": {"FileSourceSettings": {"SourceFile": "s3://media-raw/talk.srt"}}}
    settings["Inputs"][0]["CaptionSelectors"] = {"Captions Selector 1": source}
    operator = create_job(settings=settings)
    with Stubber(operator._s3) as s3:
        s3.add_client_error("head_object", "503", "Slow Down", http_status_code=503)
        with pytest.raises(PaidJobRefused, match=r"s3://media-raw/talk\.srt.*Slow Down"):
            operator.start_request()


def test_the_job_template_is_made_as_described(answers):
    operator = MediaConvertCreateJobTemplateOperator(
        task_id="make", name="web", settings={}, description="For the web", template_kwargs={"Category": "web"},
        tags={"team": "news"},
    )  # fmt: skip
    service = answers(operator)
    service.add_client_error("get_job_template", "NotFoundException")
    asked = {
        "Name": "web", "Settings": {}, "Description": "For the web", "Category": "web", "Tags": {"team": "news"},
    }  # fmt: skip
    service.add_response("create_job_template", {"JobTemplate": {**asked_for(asked), "Arn": "arn"}}, asked)
    assert operator.execute({}) == "arn"


def asked_for(request: dict) -> dict:
    return {name: value for name, value in request.items() if name != "Tags"}


def test_a_queue_is_made_paused(answers):
    operator = MediaConvertCreateQueueOperator(task_id="make", name="night", status="PAUSED", concurrent_jobs=2)
    service = answers(operator)
    service.add_client_error("get_queue", "NotFoundException")
    asked = {"Name": "night", "Status": "PAUSED", "ConcurrentJobs": 2}
    service.add_response("create_queue", {"Queue": {**asked, "Arn": "arn"}}, asked)
    assert operator.execute({}) == "arn"


def test_deleting_what_is_gone_is_no_error(answers):
    template = MediaConvertDeleteJobTemplateOperator(task_id="template", name="web")
    answers(template).add_client_error("delete_job_template", "NotFoundException")
    template.execute({})
    queue = MediaConvertDeleteQueueOperator(task_id="queue", name="night")
    answers(queue).add_response("delete_queue", {}, {"Name": "night"})
    queue.execute({})


@pytest.mark.parametrize(
    "operator",
    [
        MediaConvertCreateJobOperator(task_id="t", settings={}),
        MediaConvertCreateJobTemplateOperator(task_id="t", name="n", settings={}),
        MediaConvertDeleteJobTemplateOperator(task_id="t", name="n"),
        MediaConvertCreateQueueOperator(task_id="t", name="n"),
        MediaConvertDeleteQueueOperator(task_id="t", name="n"),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_every_template_field_is_an_attribute_and_none_is_called_queue(operator):
    assert all(hasattr(operator, field) for field in operator.template_fields)
    assert "queue" not in operator.template_fields
    assert {"aws_conn_id", "region_name", "verify"} <= set(operator.template_fields)
    assert set(operator.template_fields_renderers) <= set(operator.template_fields)


def test_templates_are_rendered_inside_the_settings(create_job):
    operator = create_job(settings=settings_for(key="{{ key }}"), user_metadata={"guid": "{{ run_id }}"})
    operator.render_template_fields({"key": "video/a.mp4", "run_id": "r"})
    assert operator.settings == settings_for(key="video/a.mp4")
    assert operator.user_metadata == {"guid": "r"}
    assert operator.settings is not settings_for()
