"""POST Object: what the signed policy of an upload form allows, and what it does not."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re

import httpx
import pytest

FILE = b"\x00\xff--not a boundary\r\n" * 10


def post(aws, form, file=FILE, name="song.mp3", **fields):
    answer = httpx.post(f"{aws.url}/{form['bucket']}", data=form["fields"] | fields, files={"file": (name, file)})
    found = re.search(r"<Code>(.*?)</Code><Message>(.*?)</Message>", answer.text)
    return answer, (found[1] if found else ""), (found[2] if found else "")


def form_for(s3, bucket, key="up/k", conditions=(), fields=None, expires_s=3600):
    made = s3.generate_presigned_post(bucket, key, Fields=fields, Conditions=list(conditions), ExpiresIn=expires_s)
    return {"bucket": bucket, "fields": made["fields"]}


def test_a_form_that_keeps_to_its_policy_is_stored(aws, s3, bucket):
    fields = {"Content-Type": "audio/mpeg", "x-amz-meta-who": "ann", "success_action_status": "201"}
    form = form_for(s3, bucket, conditions=[{name: value} for name, value in fields.items()], fields=fields)
    answer, _, _ = post(aws, form)
    stored = s3.get_object(Bucket=bucket, Key="up/k")
    assert (answer.status_code, stored["Body"].read()) == (201, FILE)
    assert (stored["ContentType"], stored["Metadata"]) == ("audio/mpeg", {"who": "ann"})
    assert f"<ETag>{stored['ETag']}</ETag>".replace('"', "") in answer.text.replace("&quot;", "").replace('"', "")
    assert answer.headers["ETag"] == stored["ETag"]


def test_a_form_without_a_wish_is_answered_204(aws, s3, bucket):
    answer, _, _ = post(aws, form_for(s3, bucket))
    assert (answer.status_code, answer.headers["ETag"]) == (204, f'"{hashlib.md5(FILE).hexdigest()}"')


def test_a_redirect_names_bucket_and_key(aws, s3, bucket):
    target = {"success_action_redirect": "http://127.0.0.1/done"}
    answer, _, _ = post(aws, form_for(s3, bucket, conditions=[target], fields=target))
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"http://127.0.0.1/done?key=up%2Fk&bucket={bucket}",
    )


def test_the_file_name_completes_the_key(aws, s3, bucket):
    form = form_for(s3, bucket, key="up/${filename}")
    assert post(aws, form, name="my song.mp3")[0].status_code == 204
    assert s3.head_object(Bucket=bucket, Key="up/my song.mp3")


@pytest.mark.parametrize(("size", "code"), [(10, "EntityTooSmall"), (11, ""), (20, ""), (21, "EntityTooLarge")])
def test_the_length_of_the_file_is_limited(aws, s3, bucket, size, code):
    form = form_for(s3, bucket, conditions=[["content-length-range", 11, 20]])
    answer, actual, _ = post(aws, form, file=bytes(size))
    assert (actual, answer.status_code) == (code, 400 if code else 204)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == (0 if code else 1)


def test_a_field_that_must_equal_something_does_not_equal_something_else(aws, s3, bucket):
    form = form_for(s3, bucket, conditions=[["eq", "$Content-Type", "audio/mpeg"]])
    assert post(aws, form, **{"Content-Type": "audio/mpeg"})[0].status_code == 204
    answer, code, message = post(aws, form, **{"Content-Type": "text/html"})
    assert (answer.status_code, code) == (403, "AccessDenied")
    assert message.startswith("Invalid according to Policy")


def test_a_field_that_must_start_with_something_does(aws, s3, bucket):
    form = form_for(s3, bucket, conditions=[["starts-with", "$x-amz-meta-who", "an"]])
    assert post(aws, form, **{"x-amz-meta-who": "ann"})[0].status_code == 204
    assert post(aws, form, **{"x-amz-meta-who": "eve"})[1] == "AccessDenied"


@pytest.mark.parametrize("change", [{"key": "elsewhere"}, {"acl": "public-read"}, {"x-amz-meta-extra": "1"}])
def test_a_field_that_the_policy_does_not_allow_is_denied(aws, s3, bucket, change):
    answer, code, message = post(aws, form_for(s3, bucket), **change)
    assert (answer.status_code, code) == (403, "AccessDenied")
    assert message.startswith("Invalid according to Policy")


def test_a_field_that_is_to_be_ignored_needs_no_condition(aws, s3, bucket):
    assert post(aws, form_for(s3, bucket), **{"x-ignore-me": "1"})[0].status_code == 204


def test_a_form_for_one_bucket_is_none_for_another(aws, s3, bucket):
    form = form_for(s3, bucket) | {"bucket": "media-raw"}
    assert post(aws, form)[1] == "AccessDenied"


def test_an_expired_policy_is_denied(aws, s3, bucket):
    _, code, message = post(aws, form_for(s3, bucket, expires_s=-1))
    assert (code, message) == ("AccessDenied", "Invalid according to Policy: Policy expired.")


def test_a_policy_that_was_changed_does_not_match_its_signature(aws, s3, bucket):
    form = form_for(s3, bucket)
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=99)
    policy["expiration"] = later.strftime("%Y-%m-%dT%H:%M:%SZ")
    form["fields"]["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
    assert post(aws, form)[1] == "SignatureDoesNotMatch"


def test_a_form_without_a_policy_is_denied(aws, bucket):
    answer, code, _ = post(aws, {"bucket": bucket, "fields": {"key": "k"}})
    assert (answer.status_code, code) == (403, "AccessDenied")


def test_a_form_signed_the_old_way_is_not_supported(aws, bucket):
    form = {"bucket": bucket, "fields": {"key": "k", "AWSAccessKeyId": "test", "signature": "x", "policy": "e30="}}
    assert post(aws, form)[1] == "InvalidRequest"


def test_a_form_without_a_file_or_a_key_is_an_invalid_argument(aws, s3, bucket):
    form = form_for(s3, bucket)
    no_file = httpx.post(f"{aws.url}/{bucket}", data=form["fields"], files={"other": ("x", b"")})
    assert "<Code>InvalidArgument</Code>" in no_file.text
    del form["fields"]["key"]
    assert post(aws, form)[1] == "InvalidArgument"


def test_a_form_may_carry_the_digest_of_its_file(aws, s3, bucket):
    right = {"Content-MD5": base64.b64encode(hashlib.md5(FILE).digest()).decode()}
    wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}
    form = form_for(s3, bucket, conditions=[["starts-with", "$Content-MD5", ""]])
    assert post(aws, form, **right)[0].status_code == 204
    assert post(aws, form, **wrong)[1] == "BadDigest"
