"""The hook against botocore's service model: what it sends, what it makes of each answer."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from botocore.stub import ANY, Stubber

from aws_media.hooks.mediaconvert import MOST_JOBS_LOOKED_THROUGH, STATES, MediaConvertHook
from aws_media.hooks.paid_job import Completion

TOKEN = "f" * 64
TAGS = {"job_key": "a" * 64, "dag_id": "publish", "run_id": "manual__2025-11-20T10:00:00+00:00", "task_id": "web*"}
REQUEST = {"Settings": {"Inputs": [{"FileInput": "s3://media-raw/a.mp4"}]}, "Role": "arn:aws:iam::123456789012:role/mc"}


@pytest.fixture
def hook():
    return MediaConvertHook(aws_conn_id=None, region_name="us-east-1")


@pytest.fixture
def service(hook):
    """What MediaConvert is asked, in order, and what it answers."""
    client = boto3.client("mediaconvert", region_name="us-east-1")
    hook.conn = client
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def job(status: str = "SUBMITTED", **more):
    return {"Id": "1700000000000-abcdef", "Role": "r", "Settings": {}, "Status": status, **more}


def created(**expected):
    return {
        **REQUEST,
        "ClientRequestToken": TOKEN,
        "UserMetadata": {**TAGS, "token": TOKEN},
        "Tags": {**TAGS, "task_id": "web_"},
        **expected,
    }


def test_a_job_carries_its_token_and_who_asked_for_it(hook, service):
    service.add_response("create_job", {"Job": job()}, created())
    assert hook.start("job", REQUEST, token=TOKEN, tags=TAGS) == "1700000000000-abcdef"


def test_metadata_and_tags_of_the_request_are_kept_beside_ours(hook, service):
    request = {**REQUEST, "UserMetadata": {"guid": "1"}, "Tags": {"team": "news"}}
    marked = created(
        UserMetadata={"guid": "1", **TAGS, "token": TOKEN}, Tags={"team": "news", **TAGS, "task_id": "web_"}
    )
    service.add_response("create_job", {"Job": job()}, marked)
    hook.start("job", request, token=TOKEN, tags=TAGS)


def test_what_else_a_job_reads_is_for_the_ledger_and_is_not_sent(hook, service):
    service.add_response("create_job", {"Job": job()}, created())
    hook.start("job", {**REQUEST, "AlsoReads": {"s3://media-raw/a.srt": '"etag"'}}, token=TOKEN, tags=TAGS)


def test_a_conflict_is_the_job_that_is_there(hook, service):
    service.add_client_error("create_job", "ConflictException", http_status_code=409)
    jobs = [job(Id="other", UserMetadata={"token": "0" * 64}), job(UserMetadata={"token": TOKEN}), job(Id="third")]
    service.add_response("list_jobs", {"Jobs": jobs}, {"Order": "DESCENDING", "MaxResults": 20})
    assert hook.start("job", REQUEST, token=TOKEN, tags=TAGS) == "1700000000000-abcdef"


def test_a_conflict_with_a_job_that_cannot_be_found_yet_is_waited_out(hook, service):
    service.add_client_error("create_job", "ConflictException", http_status_code=409)
    service.add_response("list_jobs", {"Jobs": []}, {"Order": "DESCENDING", "MaxResults": 20})
    with pytest.raises(ClientError) as conflict:
        hook.start("job", REQUEST, token=TOKEN, tags=TAGS)
    assert conflict.value.response["Error"]["Code"] in hook.quota_codes


def test_a_refusal_is_raised_as_it_is_and_has_advice(hook, service):
    service.add_client_error("create_job", "BadRequestException", "/outputGroups: Should not be empty", 400)
    with pytest.raises(ClientError, match="Should not be empty") as refusal:
        hook.start("job", REQUEST, token=TOKEN, tags=TAGS)
    assert "settings" in hook.advice[refusal.value.response["Error"]["Code"]]


def test_a_job_is_found_on_a_later_page(hook, service):
    service.add_response("list_jobs", {"Jobs": [job(Id="1")], "NextToken": "n"}, {"Order": ANY, "MaxResults": 20})
    page = {"Order": "DESCENDING", "MaxResults": 20, "NextToken": "n"}
    service.add_response("list_jobs", {"Jobs": [job(Id="2", UserMetadata={"token": TOKEN})], "NextToken": "m"}, page)
    assert hook.find("job", token=TOKEN, tags=TAGS) == "2"


def test_a_search_for_a_job_ends(hook, service):
    pages = MOST_JOBS_LOOKED_THROUGH // 20
    for number in range(pages):
        answer = {"Jobs": [job(Id=f"{number}-{n}") for n in range(20)], "NextToken": str(number)}
        service.add_response("list_jobs", answer)
    assert hook.find("job", token=TOKEN, tags=TAGS) is None


@pytest.mark.parametrize(
    ("answer", "state", "code", "percent"),
    [
        (job("SUBMITTED"), "active", "", None),
        (job("PROGRESSING", JobPercentComplete=40), "active", "", 40),
        (job("COMPLETE", JobPercentComplete=97), "complete", "", 100),
        (job("ERROR", ErrorCode=1404, ErrorMessage="no such key"), "failed", "1404", None),
        (job("ERROR"), "failed", "ERROR", None),
        (job("CANCELED"), "failed", "CANCELED", None),
    ],
)
def test_every_status_of_the_service_has_a_state(hook, service, answer, state, code, percent):
    service.add_response("get_job", {"Job": answer}, {"Id": "1"})
    status = hook.describe("job", "1")
    assert (status.state, status.code, status.percent) == (state, code, percent)
    assert status.message == answer.get("ErrorMessage", "")


def test_the_states_are_those_of_the_service_model(hook):
    model = boto3.client("mediaconvert", region_name="us-east-1").meta.service_model
    assert set(STATES) == set(model.shape_for("JobStatus").enum)


@pytest.mark.parametrize("ended", ["COMPLETE", "ERROR", "CANCELED"])
def test_the_waiter_ends_with_the_job(hook, service, ended):
    for status in ("SUBMITTED", "PROGRESSING", ended):
        service.add_response("get_job", {"Job": job(status)}, {"Id": "1"})
    waiter = hook.get_waiter("job_complete")
    arguments = hook.waiter_arguments("job", "1") | {"WaiterConfig": {"Delay": 0}}
    if ended == "COMPLETE":
        waiter.wait(**arguments)
    else:
        with pytest.raises(WaiterError, match="terminal failure state"):
            waiter.wait(**arguments)


def test_the_waiter_waits_out_throttling_and_gives_up_on_an_unknown_job(hook, service):
    service.add_client_error("get_job", "TooManyRequestsException", http_status_code=429)
    service.add_client_error("get_job", "NotFoundException", http_status_code=404)
    with pytest.raises(WaiterError, match="terminal failure state"):
        hook.get_waiter("job_complete").wait(Id="1", WaiterConfig={"Delay": 0})


def test_cancelling_tells_whether_there_was_something_to_cancel(hook, service):
    service.add_response("cancel_job", {}, {"Id": "1"})
    assert hook.cancel("job", "1")
    for code in ("ConflictException", "BadRequestException", "NotFoundException"):
        service.add_client_error("cancel_job", code)
        assert not hook.cancel("job", "1")
    service.add_client_error("cancel_job", "ForbiddenException")
    with pytest.raises(ClientError):
        hook.cancel("job", "1")


# As EventBridge sends them: https://docs.aws.amazon.com/mediaconvert/latest/ug/ev_status_complete.html and its sisters.
def event(status: str, **detail):
    return {
        "version": "0",
        "id": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "detail-type": "MediaConvert Job State Change",
        "source": "aws.mediaconvert",
        "account": "111122223333",
        "time": "2022-12-19T19:07:12Z",
        "region": "us-west-2",
        "resources": ["arn:aws:mediaconvert:us-west-2:111122223333:jobs/1671476818694-phptj0"],
        "detail": {
            "timestamp": 1671476832124,
            "accountId": "111122223333",
            "queue": "arn:aws:mediaconvert:us-west-2:111122223333:queues/Default",
            "jobId": "1671476818694-phptj0",
            "status": status,
            "userMetadata": {},
            **detail,
        },
    }


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (event("COMPLETE", outputGroupDetails=[{"type": "FILE_GROUP"}]), "complete"),
        (event("ERROR", errorCode=1040, errorMessage="Example error message"), "failed"),
        (event("CANCELED"), "failed"),
    ],
)
def test_an_event_of_a_job_that_ended_is_its_completion(message, state):
    completion = Completion(job_id="1671476818694-phptj0", state=state)
    assert MediaConvertHook.completion_from_message(message) == completion


@pytest.mark.parametrize(
    "message",
    [
        event("PROGRESSING"),
        event("STATUS_UPDATE", jobProgress={"jobPercentComplete": 50}),
        event("INPUT_INFORMATION"),
        event("COMPLETE") | {"source": "aws.transcribe"},
        event("COMPLETE") | {"detail": None},
        {"JobId": "1", "Status": "SUCCEEDED"},
        {},
    ],
)
def test_any_other_message_is_no_completion_of_mediaconvert(message):
    assert MediaConvertHook.completion_from_message(message) is None


def test_a_new_template_is_made_with_its_tags(hook, service):
    service.add_client_error("get_job_template", "NotFoundException")
    template = {"Name": "web", "Settings": {}, "Arn": "arn"}
    asked = {"Name": "web", "Settings": {}, "Tags": {"team": "news"}}
    service.add_response("create_job_template", {"JobTemplate": template}, asked)
    assert hook.ensure_job_template("web", Settings={}, tags={"team": "news"}) == "arn"


def test_a_template_with_other_content_is_changed(hook, service):
    old = {"Name": "web", "Settings": {"AdAvailOffset": 1}, "Description": "web", "Arn": "arn"}
    service.add_response("get_job_template", {"JobTemplate": old}, {"Name": "web"})
    asked = {"Name": "web", "Settings": {}, "Description": "web"}
    service.add_response("update_job_template", {"JobTemplate": {**old, "Settings": {}}}, asked)
    assert hook.ensure_job_template("web", Settings={}, Description="web") == "arn"


def test_a_template_with_the_same_content_is_left_alone(hook, service):
    there = {"Name": "web", "Settings": {}, "Priority": 0, "Arn": "arn"}
    service.add_response("get_job_template", {"JobTemplate": there}, {"Name": "web"})
    assert hook.ensure_job_template("web", Settings={}) == "arn"


def test_two_who_make_one_template_at_once_agree(hook, service):
    service.add_client_error("get_job_template", "NotFoundException")
    service.add_client_error("create_job_template", "ConflictException", http_status_code=409)
    there = {"Name": "web", "Settings": {}, "Arn": "arn"}
    service.add_response("get_job_template", {"JobTemplate": there}, {"Name": "web"})
    assert hook.ensure_job_template("web", Settings={}) == "arn"


def test_a_queue_is_paused_without_touching_the_rest(hook, service):
    there = {"Name": "night", "Status": "ACTIVE", "Description": "cheap", "Arn": "arn"}
    service.add_response("get_queue", {"Queue": there}, {"Name": "night"})
    service.add_response(
        "update_queue", {"Queue": {**there, "Status": "PAUSED"}}, {"Name": "night", "Status": "PAUSED"}
    )
    assert hook.ensure_queue("night", Status="PAUSED") == "arn"


def test_a_queue_that_is_as_asked_is_left_alone(hook, service):
    service.add_response("get_queue", {"Queue": {"Name": "night", "Status": "PAUSED", "Arn": "arn"}}, {"Name": "night"})
    assert hook.ensure_queue("night", Status="PAUSED", PricingPlan="ON_DEMAND") == "arn"


def test_what_is_gone_needs_no_deleting(hook, service):
    service.add_client_error("delete_job_template", "NotFoundException")
    hook.delete_if_there("job_template", "web")
    service.add_client_error("delete_queue", "ConflictException")
    with pytest.raises(ClientError):
        hook.delete_if_there("queue", "night")


def test_a_job_says_what_it_wrote(hook, service):
    settings = {
        "Inputs": [{"FileInput": "s3://media-raw/talk.mov"}],
        "OutputGroups": [
            {
                "OutputGroupSettings": {
                    "Type": "FILE_GROUP_SETTINGS",
                    "FileGroupSettings": {"Destination": "s3://media-delivery/web/"},
                },
                "Outputs": [{"ContainerSettings": {"Container": "MP4"}, "NameModifier": "_720p"}],
            }
        ],
    }
    details = [{"OutputDetails": [{"DurationInMs": 13471, "VideoDetails": {"WidthInPx": 1280, "HeightInPx": 720}}]}]
    answer = job("COMPLETE", Settings=settings, OutputGroupDetails=details)
    service.add_response("get_job", {"Job": answer}, {"Id": "1"})
    (written,) = hook.files_written("1")
    assert written.path == "s3://media-delivery/web/talk_720p.mp4"
    assert (written.duration_s, written.width, written.height) == (13.471, 1280, 720)


def test_the_settings_that_count_are_those_of_job_template_and_preset_together(hook, service):
    template = {"OutputGroups": [{"Name": "web", "Outputs": [{"Preset": "p"}]}]}
    service.add_response("get_job_template", {"JobTemplate": {"Name": "t", "Settings": template}}, {"Name": "t"})
    preset = {"ContainerSettings": {"Container": "MP4"}}
    service.add_response("get_preset", {"Preset": {"Name": "p", "Settings": preset}}, {"Name": "p"})
    settings = {"Inputs": [{"FileInput": "s3://media-raw/talk.mov"}]}
    assert hook.effective_settings(settings, "t") == {
        "OutputGroups": [{"Name": "web", "Outputs": [{"Preset": "p", **preset}]}],
        **settings,
    }
